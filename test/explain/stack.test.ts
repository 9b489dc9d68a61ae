/** What our own TCP does in simulated worlds, captured and explained: the story must come out as it was made. */
import { describe, expect, test } from 'vitest';
import type { Attempt } from '../../src/explain/judge/attempt.ts';
import { explainAll } from '../../src/explain/testing.ts';
import { type Host, MessageFlag, OpenFlag, type Socket } from '../../src/host/index.ts';
import { Capture, type Intervention, type Pair, type PairOptions, pair } from '../../src/sim/index.ts';
import { parseAddress } from '../../src/wire/address.ts';

const any = parseAddress('0.0.0.0');
const second = 1_000_000;

function listen(host: Host, backlog = 128, port = 80): Socket {
  const listener = host.socket(4, OpenFlag.nonBlock);
  listener.bind(any, port);
  listener.listen(backlog);
  return listener;
}

function connect(host: Host, to = '192.0.2.2', port = 80, from = 0): Socket {
  const socket = host.socket(4, OpenFlag.nonBlock);
  if (from > 0) socket.bind(any, from);
  socket.connect(parseAddress(to), port);
  return socket;
}

/** Runs a story of two hosts 10 ms apart and explains what a capture at one of them shows. */
function story(tell: (it: Pair) => void, options: PairOptions = {}, at = 'client'): Attempt[] {
  const it = pair({ conditions: { delayUs: 10_000 }, ...options });
  const capture = new Capture(it.world, 'wire', at);
  tell(it);
  it.world.run(it.world.clock.now + 200 * second);
  const { attempts, problem } = explainAll(capture.toPcapng());
  expect(problem).toBeNull();
  return attempts;
}

const drop = (from: string, ...packets: number[]): Intervention[] =>
  packets.map((n) => ({ link: 'wire', from, n, action: 'drop' }));

describe('a capture of our own TCP', () => {
  test('a plain connection, seen at the client and at the server', () => {
    const plain = (it: Pair): void => {
      listen(it.server);
      connect(it.client);
    };
    const [atClient] = story(plain);
    expect(atClient).toMatchObject({
      verdict: 'completed',
      certainty: 'certain',
      notes: [],
      capturePoint: 'client',
      system: 'Linux',
      frames: [1, 2, 3],
    });
    expect(atClient!.roundTrip.serverNs).toBe(20e6);
    const [atServer] = story(plain, {}, 'server');
    expect(atServer).toMatchObject({ verdict: 'completed', capturePoint: 'server' });
    expect(atServer!.roundTrip.clientNs).toBe(20e6);
  });

  test('a port where nobody listens', () => {
    const [attempt] = story(({ client }) => connect(client));
    expect(attempt).toMatchObject({ verdict: 'refused', certainty: 'certain' });
  });

  test('a server that is gone: eleven SYNs, and the time-out that the stack keeps', () => {
    const lost = drop('client', ...Array.from({ length: 20 }, (_, n) => n + 1));
    const [attempt] = story(({ client }) => connect(client), { interventions: lost });
    expect(attempt).toMatchObject({
      verdict: 'unanswered',
      backOff: { pattern: 'linear, then doubling', timeout: 131 },
    });
    expect(attempt!.evidence.synCount).toBe(11);
  });

  test('lost SYNs: the time stamp tells which copy was answered', () => {
    const [attempt] = story(
      (it) => {
        listen(it.server);
        connect(it.client);
      },
      { interventions: drop('client', 1, 2) },
    );
    expect(attempt).toMatchObject({ verdict: 'completed', roundTrip: { serverNs: 20e6, ambiguous: false } });
    expect(attempt!.notes).toEqual(['syn-retransmitted', 'syn-unanswered-first', 'slow-connect']);
  });

  test('a simultaneous open is one connection', () => {
    const attempts = story(({ client, server }) => {
      connect(client, '192.0.2.2', 7000, 7000);
      connect(server, '192.0.2.1', 7000, 7000);
    });
    expect(attempts.map(({ verdict, outcome, certainty }) => [verdict, outcome, certainty])).toEqual([
      ['simultaneous-open', 'completed', 'certain'],
    ]);
  });

  test('SYN cookies, as the time stamps betray them, and not without', () => {
    const apart = (it: Pair): void => {
      listen(it.server);
      for (let n = 0; n < 6; n++) {
        connect(it.client);
        it.world.run(it.world.clock.now + second);
      }
    };
    // Without an offset: one for each four-tuple hides what is compared here.
    const always = {
      server: { sysctls: { 'net.ipv4.tcp_syncookies': 2, 'net.ipv4.tcp_timestamps': 2 } },
    };
    expect(story(apart, always).map(({ verdict }) => verdict)).toEqual(new Array(6).fill('syn-cookie'));
    expect(story(apart).map(({ verdict }) => verdict)).toEqual(new Array(6).fill('completed'));
  });

  test('a full accept queue: a SYN+ACK is sent again although it was confirmed', () => {
    // Four fill the queue, a fifth is the one too many that Linux lets in; the others wait for room.
    const attempts = story(({ world, client, server }) => {
      listen(server, 4);
      for (let n = 0; n < 4; n++) connect(client);
      world.run(world.clock.now + second);
      for (let n = 0; n < 3; n++) connect(client);
    });
    const verdicts = attempts.map(({ verdict }) => verdict);
    expect(verdicts.slice(0, 5)).toEqual(new Array(5).fill('completed'));
    expect(verdicts.slice(5)).toEqual(['final-ack-ignored', 'final-ack-ignored']);
  });

  test('Fast Open: a cookie asked for, then data accepted, then refused by a server that forgot its key', () => {
    const hello = new Uint8Array(100).fill(65);
    const open = { 'net.ipv4.tcp_fastopen': 0x403 };
    const to = { address: parseAddress('192.0.2.2'), port: 80 };
    const attempts = story(
      ({ world, client, server }) => {
        listen(server);
        for (let n = 0; n < 3; n++) {
          if (n === 2) server.sysctls.write('net.ipv4.tcp_fastopen_key', '1-2-3-4');
          client.socket(4, OpenFlag.nonBlock).send(hello, MessageFlag.fastOpen, to);
          world.run(world.clock.now + second);
        }
      },
      { client: { sysctls: open }, server: { sysctls: open } },
    );
    expect(attempts.map(({ verdict }) => verdict)).toEqual([
      'completed',
      'fast-open-accepted',
      'fast-open-rejected',
    ]);
    expect(attempts[0]!.notes).toEqual(['fast-open-requested', 'fast-open-granted']);
  });

  test('duplicated and reordered packets do not change the verdict, whatever the seed', () => {
    for (let seed = 1; seed <= 20; seed++) {
      const conditions = { delayUs: 10_000, duplicate: 0.3, reorder: 0.3, reorderUs: 15_000 };
      const attempts = story(
        (it) => {
          listen(it.server);
          connect(it.client);
        },
        { seed, conditions },
      );
      expect(
        attempts.map(({ outcome }) => outcome),
        `seed ${seed}`,
      ).toEqual(['completed']);
    }
  });
});
