import { describe, expect, test } from 'vitest';
import { Flag } from '../wire/tcp.ts';
import { close, open, receive, send, shutdown } from './socket/socket-calls.ts';
import { stateName } from './state.ts';
import { Pair, type TestOptions } from './testing.ts';

const hosts = (a: Partial<TestOptions> = {}, b: Partial<TestOptions> = {}): Pair =>
  new Pair({ address: '10.0.0.1', ...a }, { address: '10.0.0.2', ...b });
const flags = (pair: Pair): string[] =>
  pair.log.map(({ from, segment }) => {
    const names = Object.entries(Flag)
      .filter(([, bit]) => (segment.flags & bit) !== 0)
      .map(([name]) => name);
    return `${from}:${names.join('+')}${segment.payload.length > 0 ? `(${segment.payload.length})` : ''}`;
  });
const bytes = (n: number): Uint8Array => Uint8Array.from({ length: n }, (_, i) => i & 255);

describe('a connection between two hosts', () => {
  test('is opened by SYN, SYN+ACK, ACK and is established on both sides', () => {
    const pair = hosts();
    const { client, server } = pair.establish();
    expect(flags(pair)).toEqual(['a:syn', 'b:syn+ack', 'a:ack']);
    expect([stateName(client.state), stateName(server.state)]).toEqual(['ESTABLISHED', 'ESTABLISHED']);
    expect(client.mssCache).toBe(1448);
    expect(client.sndWscale).toBe(10);
  });

  test('offers what Linux 6.18 offers', () => {
    const pair = hosts();
    pair.establish();
    const [syn, synAck] = pair.log.map(({ segment }) => segment);
    expect(syn!.window).toBe(64240);
    expect(synAck!.window).toBe(65160);
    expect(syn!.options.map((o) => o.kind)).toEqual([
      'mss',
      'sackPermitted',
      'timestamps',
      'nop',
      'windowScale',
    ]);
  });

  test('carries data both ways, whole and in order', () => {
    const pair = hosts();
    const { client, server } = pair.establish();
    const sent = bytes(100_000);
    let from = 0;
    const got: number[] = [];
    const buffer = new Uint8Array(7000);
    for (let round = 0; round < 400 && got.length < sent.length; round++) {
      const n = from < sent.length ? send(client, sent, from, 0) : 0;
      if (n > 0) from += n;
      pair.advance(1000);
      for (let r = receive(server, buffer, false); r > 0; r = receive(server, buffer, false))
        got.push(...buffer.subarray(0, r));
    }
    expect(got).toEqual([...sent]);
    expect(send(server, bytes(10), 0, 0)).toBe(10);
    pair.settle();
    expect(receive(client, buffer, false)).toBe(10);
  });

  test('is closed by four segments and leaves TIME-WAIT only on the side that closed first', () => {
    const pair = hosts();
    const { client, server } = pair.establish();
    pair.log.length = 0;
    close(client);
    pair.advance(1000);
    expect(stateName(server.state)).toBe('CLOSE-WAIT');
    expect(receive(server, new Uint8Array(1), false)).toBe(0);
    // The ACK of a FIN waits for a tick of the clock.
    pair.advance(10_000);
    close(server);
    pair.advance(100_000);
    expect(flags(pair)).toEqual(['a:fin+ack', 'b:ack', 'b:fin+ack', 'a:ack']);
    expect(pair.a.timeWaits).toBe(1);
    expect(pair.b.table.size).toBe(0);
    pair.advance(61_000_000);
    expect(pair.a.table.size).toBe(0);
    expect(pair.a.timers.size + pair.b.timers.size).toBe(0);
  });

  test('can be closed from both sides at once', () => {
    const pair = hosts();
    const { client, server } = pair.establish();
    close(client);
    close(server);
    pair.advance(1_000_000);
    expect(pair.a.timeWaits + pair.b.timeWaits).toBe(2);
  });

  test('half-closed still carries data the other way', () => {
    const pair = hosts();
    const { client, server } = pair.establish();
    shutdown(client, 2);
    pair.settle();
    expect(send(server, bytes(3000), 0, 0)).toBe(3000);
    pair.advance(1_000_000);
    const buffer = new Uint8Array(5000);
    expect(receive(client, buffer, false)).toBe(3000);
    expect(stateName(client.state)).toBe('FIN-WAIT-2');
  });

  test('is refused by RST where nobody listens', () => {
    const pair = hosts();
    const client = pair.connect(40000, 81);
    pair.settle();
    expect(flags(pair)).toEqual(['a:syn', 'b:rst+ack']);
    expect(client.error).toBe(111);
    expect(stateName(client.state)).toBe('CLOSED');
  });

  test('opened from both sides at once takes six segments, the last two with a D-SACK', () => {
    const pair = hosts();
    const a = pair.connect(7000, 8000);
    const b = pair.b.newConnection();
    open(b, {
      local: a.remote,
      localPort: 8000,
      remote: a.local,
      remotePort: 7000,
      route: pair.b.environment.route(a.local, null)!,
    });
    // Both SYNs must be under way before either arrives.
    const synA = pair.a.out.take()!;
    const synB = pair.b.out.take()!;
    pair.b.input(0, synA, new DataView(synA.buffer), 0, synA.length);
    pair.a.input(0, synB, new DataView(synB.buffer), 0, synB.length);
    expect([stateName(a.state), stateName(b.state)]).toEqual(['SYN-RECEIVED', 'SYN-RECEIVED']);
    pair.settle();
    expect([stateName(a.state), stateName(b.state)]).toEqual(['ESTABLISHED', 'ESTABLISHED']);
    expect(flags(pair).sort()).toEqual(['a:ack', 'a:syn+ack', 'b:ack', 'b:syn+ack']);
    const last = pair.log.at(-1)!.segment;
    expect(last.options.find((o) => o.kind === 'sack')).toEqual({
      kind: 'sack',
      blocks: [{ left: 1000, right: 1001 }],
    });
  });

  test('lost data comes again after the time-out', () => {
    const pair = hosts();
    const { client, server } = pair.establish();
    let lost = 0;
    pair.lose = (from, segment) => from === 'a' && segment.payload.length > 0 && lost++ < 2;
    send(client, bytes(500), 0, 0);
    pair.advance(5_000_000);
    expect(receive(server, new Uint8Array(1000), false)).toBe(500);
    expect(client.totalRetransmits).toBe(2);
  });
});

describe('a SYN that nobody answers', () => {
  const run = (linear: number): { sent: number[]; failedAt: number; error: number } => {
    const pair = hosts({ sysctls: { tcp_syn_linear_timeouts: linear, tcp_timestamps: 2 } });
    pair.lose = () => true;
    const client = pair.connect(42678, 8080);
    let failedAt = -1;
    client.owner = { wake: (conn) => (failedAt = conn.services.now) };
    pair.advance(200_000_000);
    return { sent: pair.log.map(({ at }) => at / 1e6), failedAt: failedAt / 1e6, error: client.error };
  };

  test('is sent at the nominal times to the microsecond, then connect fails with ETIMEDOUT', () => {
    expect(run(0)).toEqual({ sent: [0, 1, 3, 7, 15, 31, 63], failedAt: 127, error: 110 });
    expect(run(4)).toEqual({ sent: [0, 1, 2, 3, 4, 5, 7, 11, 19, 35, 67], failedAt: 131, error: 110 });
  });
});

test('a handshake that begins at time 0 of the clock gives an RTT sample on both sides', () => {
  const pair = hosts();
  const listener = pair.listen(80);
  const client = pair.connect(40000, 80);
  const syn = pair.a.out.take()!;
  pair.b.input(0, syn, new DataView(syn.buffer), 0, syn.length);
  pair.now = 10_000;
  const synAck = pair.b.out.take()!;
  pair.a.input(10_000, synAck, new DataView(synAck.buffer), 0, synAck.length);
  pair.settle();
  expect(client.srtt >> 3).toBe(10_000);
  expect(listener.listener!.accepted[0]!.srtt >> 3).toBe(10_000);
});

test('a backlog of 0 takes one request without a cookie, as on 6.18', () => {
  const pair = hosts();
  pair.listen(80, 0);
  const client = pair.connect(40000, 80);
  pair.settle();
  expect(stateName(client.state)).toBe('ESTABLISHED');
  expect(pair.b.counters.SyncookiesSent).toBe(0);
});
