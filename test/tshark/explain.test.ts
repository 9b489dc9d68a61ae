/** Seven things that tshark gets wrong or leaves out, each in a capture of our own: explain is right, and tshark says otherwise. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { explainAll, Film, film, Talk } from '../../src/explain/testing.ts';
import { ethernet, vxlan } from '../../src/explain/testing-wraps.ts';
import { OpenFlag } from '../../src/host/index.ts';
import { Capture, type Pair, type PairOptions, pair } from '../../src/sim/index.ts';
import { parseAddress } from '../../src/wire/address.ts';
import { LINKTYPE_ETHERNET } from '../../src/wire/pcap.ts';
import { testNeeding } from '../support/needs.ts';

const needing = testNeeding('test/tshark/explain.test.ts', 'tshark');

/** tshark's value of a field, for each packet. */
function tshark(capture: Uint8Array, ...fields: string[]): string[][] {
  const folder = mkdtempSync(join(tmpdir(), 'halfopen-tshark-'));
  try {
    const path = join(folder, 'capture.pcapng');
    writeFileSync(path, capture);
    const args = ['-n', '-r', path, '-T', 'fields', ...fields.flatMap((field) => ['-e', field])];
    const { status, stdout, stderr } = spawnSync('tshark', args, { encoding: 'utf8' });
    if (status !== 0) throw new Error(`tshark: ${stderr}`);
    return stdout
      .replace(/\n$/, '')
      .split('\n')
      .map((line) => line.split('\t'));
  } finally {
    rmSync(folder, { recursive: true });
  }
}

const column = (capture: Uint8Array, field: string): string[] =>
  tshark(capture, field, 'frame.number').map(([value]) => value!);

/** All that tshark's expert says of a capture. */
const remarks = (capture: Uint8Array): string => column(capture, '_ws.expert.message').join('\n');

/** A capture at the client of what two hosts of ours do, 10 ms apart. */
function world(tell: (it: Pair) => void, options: PairOptions = {}): Uint8Array {
  const it = pair({ conditions: { delayUs: 10_000 }, ...options });
  const capture = new Capture(it.world, 'wire', 'client');
  tell(it);
  it.world.run(it.world.clock.now + 20_000_000);
  return capture.toPcapng();
}

const simultaneous = world(({ client, server }) => {
  for (const [host, to] of [
    [client, '192.0.2.2'],
    [server, '192.0.2.1'],
  ] as const) {
    const socket = host.socket(4, OpenFlag.nonBlock);
    socket.bind(parseAddress('0.0.0.0'), 7000);
    socket.connect(parseAddress(to), 7000);
  }
});

const split = film((t) => {
  t.c(0, 'S');
  t.s(20, 'A', { seq: 0, ack: 1001 });
  t.s(21, 'S');
  t.c(21.5, 'SA');
  t.s(41, 'A');
}).toPcapng();

/** A client's SYN three times, between SYNs that somebody else sends with its addresses and ports. */
const spoofed = film((t) => {
  t.c(0, 'S', { stamps: [1, 0] });
  for (let n = 0; n < 4; n++) t.c(100 + 10 * n, 'S', { seq: 50_000_000 * (n + 1), stamps: [0, 0] });
  t.c(1000, 'S', { stamps: [1001, 0] });
  t.c(1500, 'S', { seq: 900_000_000, stamps: [0, 0] });
  t.c(3000, 'S', { stamps: [3001, 0] });
  t.s(3020, 'SA', { stamps: [77, 3001] });
  t.c(3020.1, 'A', { seq: 1001, stamps: [3021, 77] });
}).toPcapng();

/** The same tuple in two virtual networks at a time. */
const networks = ((): Uint8Array => {
  const made = new Film(LINKTYPE_ETHERNET);
  for (const vni of [4711, 4242]) {
    const wrap = (ip: Uint8Array): Uint8Array => ethernet(vxlan(vni, ethernet(ip)));
    new Talk(made, { clientIsn: vni * 1000, serverIsn: vni * 7000, wrap }).shake(vni - 4000);
  }
  made.packets.sort((a, b) => a.ms - b.ms);
  return made.toPcapng();
})();

/** A mirror port that shows every packet twice, 30 µs apart. */
const mirrored = ((): Uint8Array => {
  const made = new Film();
  for (const { ms, bytes } of film((t) => t.shake() && t.c(30, 'PA', { data: 10 })).packets) {
    made.add(ms, bytes);
    made.add(ms + 0.03, bytes);
  }
  return made.toPcapng();
})();

/** The first SYN is answered after 1.5 s, when a second one is on its way already. */
const slow = (stamps: boolean): Uint8Array =>
  film((t) => {
    const at = (value: number, echo: number): object => (stamps ? { stamps: [value, echo] } : {});
    t.c(0, 'S', at(1, 0));
    t.c(1000, 'S', at(1001, 0));
    t.s(1500, 'SA', at(77, 1));
    t.c(1500.1, 'A', at(1501, 77));
  }).toPcapng();

function listening(it: Pair, backlog: number): () => void {
  const listener = it.server.socket(4, OpenFlag.nonBlock);
  listener.bind(parseAddress('0.0.0.0'), 80);
  listener.listen(backlog);
  return () => void it.client.socket(4, OpenFlag.nonBlock).connect(parseAddress('192.0.2.2'), 80);
}

const cookies = world(
  (it) => {
    const connect = listening(it, 128);
    for (let n = 0; n < 6; n++) {
      connect();
      it.world.run(it.world.clock.now + 1_000_000);
    }
  },
  // Without an offset: one for each four-tuple hides what tells them.
  { server: { sysctls: { 'net.ipv4.tcp_syncookies': 2, 'net.ipv4.tcp_timestamps': 2 } } },
);

const overflow = world((it) => {
  const connect = listening(it, 4);
  for (let n = 0; n < 4; n++) connect();
  it.world.run(it.world.clock.now + 1_000_000);
  for (let n = 0; n < 3; n++) connect();
});

const verdicts = (capture: Uint8Array): string[] => explainAll(capture).attempts.map((a) => a.verdict);

describe('what tshark says wrongly or not at all', () => {
  test('a simultaneous open is one connection without a retransmission', () => {
    expect(verdicts(simultaneous)).toEqual(['simultaneous-open']);
    const { notes } = explainAll(simultaneous).attempts[0]!;
    expect(notes).not.toContain('syn-retransmitted');
    expect(notes).not.toContain('synack-retransmitted');
  });
  needing('tshark calls a SYN+ACK of a simultaneous open a retransmission', () => {
    expect(column(simultaneous, 'tcp.analysis.retransmission')).toContain('1');
  });

  test('a split handshake of five packets is one attempt', () => {
    expect(verdicts(split)).toEqual(['split-handshake']);
    expect(explainAll(split).attempts[0]!.frames).toEqual([1, 2, 3, 4, 5]);
  });
  needing('tshark cuts a split handshake into two streams', () => {
    expect(new Set(column(split, 'tcp.stream')).size).toBe(2);
  });

  test("spoofed SYNs between a client's own leave its three copies one attempt", () => {
    const { attempts } = explainAll(spoofed);
    expect(attempts).toHaveLength(6);
    expect(attempts[0]!.handshake.syns.map((p) => p.frame)).toEqual([1, 6, 8]);
    expect(attempts[0]!).toMatchObject({
      verdict: 'completed',
      roundTrip: { serverNs: 20e6, ambiguous: false },
    });
    expect(attempts.slice(1).map((a) => a.outcome)).toEqual(new Array(5).fill('unanswered'));
    expect(attempts.flatMap((a) => a.notes)).not.toContain('port-reused');
  });
  needing("tshark takes the client's own retransmissions for reused ports", () => {
    const rows = tshark(spoofed, 'tcp.stream', 'tcp.analysis.reused_ports');
    expect([rows[5]![1], rows[7]![1]]).toEqual(['1', '1']);
    expect(new Set([0, 5, 7].map((n) => rows[n]![0])).size).toBe(3);
  });

  test('the same tuple under two VNIs is two connections', () => {
    const { attempts } = explainAll(networks);
    expect(attempts.map((a) => [a.verdict, a.encapsulation])).toEqual([
      ['completed', 'vxlan 4242'],
      ['completed', 'vxlan 4711'],
    ]);
  });
  needing('tshark merges them into one stream, or takes the port for reused', () => {
    const rows = tshark(networks, 'tcp.stream', 'tcp.analysis.reused_ports');
    const merged = new Set(rows.map(([stream]) => stream)).size === 1;
    expect(merged || rows.some(([, reused]) => reused === '1')).toBe(true);
  });

  test('packets captured twice are copies, not retransmissions', () => {
    const { attempts } = explainAll(mirrored);
    expect(attempts).toHaveLength(1);
    expect(attempts[0]!).toMatchObject({ verdict: 'completed', notes: ['captured-twice'] });
    expect(attempts[0]!.evidence).toMatchObject({ synCount: 1, synDuplicates: 1, synAckCount: 1 });
  });
  needing('tshark calls them retransmissions', () => {
    const flags = column(mirrored, 'tcp.analysis.retransmission');
    expect([flags[1], flags[3]]).toEqual(['1', '1']);
  });

  test('the round trip is counted from the SYN that was answered, or called ambiguous', () => {
    expect(explainAll(slow(true)).attempts[0]!.roundTrip).toMatchObject({
      serverNs: 1500e6,
      ambiguous: false,
    });
    const doubtful = explainAll(slow(false)).attempts[0]!;
    expect(doubtful.roundTrip).toMatchObject({ serverNs: 500e6, ambiguous: true });
    expect(doubtful.notes).toContain('rtt-ambiguous');
  });
  needing('tshark counts from the last SYN in either case, without a word', () => {
    for (const capture of [slow(true), slow(false)])
      expect(Number(column(capture, 'tcp.analysis.initial_rtt')[3])).toBeCloseTo(0.5001, 6);
  });

  test('SYN cookies and full accept queues are named', () => {
    expect(verdicts(cookies)).toEqual(new Array(6).fill('syn-cookie'));
    expect(verdicts(overflow)).toContain('final-ack-ignored');
  });
  needing('tshark mentions neither', () => {
    for (const capture of [cookies, overflow])
      expect(remarks(capture)).not.toMatch(/cookie|accept|queue|overflow/i);
  });
});
