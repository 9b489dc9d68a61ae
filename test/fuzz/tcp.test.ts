/**
 * Random segments at every state: flags of all kinds, sequence numbers around both edges and the wrap, broken options
 * and checksums. A failure prints fast-check's seed and path, which repeat it.
 */
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { Connection } from '../../src/tcp/connection.ts';
import {
  accept,
  beginFastOpen,
  close,
  endFastOpen,
  open,
  receive,
  send,
  shutdown,
} from '../../src/tcp/socket/socket-calls.ts';
import { stateName } from '../../src/tcp/state.ts';
import type { Tcp } from '../../src/tcp/tcp.ts';
import { Pair } from '../../src/tcp/testing.ts';
import type { State } from '../../src/tcp/trace.ts';
import type { Address } from '../../src/wire/address.ts';
import { decodeIp, encodeIp, ipPacket } from '../../src/wire/ip.ts';
import type { TcpOption } from '../../src/wire/options.ts';
import { decodeTcp, encodeTcp, Flag, protocolTcp, tcpChecksumOk } from '../../src/wire/tcp.ts';
import { full } from '../support/needs.ts';

const segmentsPerRun = 50;
const runs = (full ? 1_000_000 : 15_000) / segmentsPerRun;

/** The arrows of RFC 9293 figure 5, and those into CLOSED that an error, a reset or a time-out can take. */
const legal: Record<State, readonly State[]> = {
  CLOSED: ['LISTEN', 'SYN-SENT'],
  LISTEN: ['SYN-RECEIVED', 'CLOSED'],
  'SYN-SENT': ['SYN-RECEIVED', 'ESTABLISHED', 'CLOSED'],
  'SYN-RECEIVED': ['ESTABLISHED', 'FIN-WAIT-1', 'CLOSED'],
  ESTABLISHED: ['FIN-WAIT-1', 'CLOSE-WAIT', 'CLOSED'],
  'FIN-WAIT-1': ['FIN-WAIT-2', 'CLOSING', 'TIME-WAIT', 'CLOSED'],
  'FIN-WAIT-2': ['TIME-WAIT', 'CLOSED'],
  'CLOSE-WAIT': ['LAST-ACK', 'CLOSED'],
  CLOSING: ['TIME-WAIT', 'CLOSED'],
  'LAST-ACK': ['CLOSED'],
  'TIME-WAIT': ['CLOSED'],
};

/** Ways to bring host b to a state, its peer a being a real TCP whose packets stop once b is there. */
const arrivals: Record<string, (pair: Pair) => Connection | null> = {
  CLOSED: () => null,
  LISTEN: (pair) => pair.listen(80),
  'SYN-SENT': (pair) => {
    const conn = pair.b.newConnection();
    open(conn, tupleFromB(pair));
    return conn;
  },
  'SYN-RECEIVED': (pair) => {
    pair.listen(80);
    pair.lose = (from, s) => from === 'a' && (s.flags & Flag.syn) === 0;
    pair.connect(40000, 80);
    pair.settle();
    return null;
  },
  'LISTEN with Fast Open': (pair) => pair.listen(80),
  'SYN-SENT with data by Fast Open': (pair) => {
    const conn = pair.b.newConnection();
    beginFastOpen(conn, new Uint8Array(1000));
    open(conn, tupleFromB(pair));
    expect(endFastOpen(conn)).toBe(1000);
    return conn;
  },
  'SYN-RECEIVED by Fast Open': (pair) => {
    const listener = pair.listen(80);
    pair.lose = (from, s) => from === 'a' && (s.flags & Flag.syn) === 0;
    const conn = pair.a.newConnection();
    beginFastOpen(conn, new Uint8Array(1000));
    open(conn, tupleOf(pair.a, pair.b, 40000, 80));
    pair.settle();
    return accept(listener);
  },
  'SYN-RECEIVED by simultaneous open': (pair) => {
    const conn = pair.b.newConnection();
    open(conn, tupleFromB(pair));
    pair.connect(40000, 80);
    const syn = pair.a.out.take()!;
    pair.b.input(0, syn, new DataView(syn.buffer), 0, syn.length);
    return conn;
  },
  ESTABLISHED: (pair) => pair.establish().server,
  'ESTABLISHED with data in flight': (pair) => {
    const { server } = pair.establish();
    pair.lose = () => true;
    send(server, new Uint8Array(20_000), 0, 0);
    return server;
  },
  'FIN-WAIT-1': (pair) => {
    const { server } = pair.establish();
    pair.lose = () => true;
    shutdown(server, 2);
    return server;
  },
  'FIN-WAIT-2': (pair) => {
    const { server } = pair.establish();
    shutdown(server, 2);
    pair.advance(100_000);
    return server;
  },
  'FIN-WAIT-2 of an orphan': (pair) => {
    close(pair.establish().server);
    pair.advance(100_000);
    return null;
  },
  'CLOSE-WAIT': (pair) => {
    const { client, server } = pair.establish();
    shutdown(client, 2);
    pair.advance(100_000);
    return server;
  },
  CLOSING: (pair) => {
    const { client, server } = pair.establish();
    close(client);
    const fin = pair.a.out.take()!;
    close(server);
    pair.b.input(0, fin, new DataView(fin.buffer), 0, fin.length);
    return null;
  },
  'LAST-ACK': (pair) => {
    const { client, server } = pair.establish();
    shutdown(client, 2);
    pair.advance(100_000);
    pair.lose = (from) => from === 'a';
    close(server);
    return null;
  },
  'TIME-WAIT': (pair) => {
    const { client, server } = pair.establish();
    close(server);
    pair.settle();
    close(client);
    pair.advance(1_000_000);
    return null;
  },
};

function tupleOf(from: Tcp, to: Tcp, localPort: number, remotePort: number) {
  const routeOf = (tcp: Tcp) => tcp.environment.route({} as Address, null)!;
  return {
    local: routeOf(from).source,
    localPort,
    remote: routeOf(to).source,
    remotePort,
    route: routeOf(from),
  };
}

const tupleFromB = (pair: Pair) => tupleOf(pair.b, pair.a, 80, 40000);

const edge = fc.oneof(
  fc.record({ base: fc.constantFrom('rcv', 'snd', 'una', 'window'), delta: fc.integer({ min: -3, max: 3 }) }),
  fc.record({ base: fc.constantFrom('rcv', 'snd'), delta: fc.integer({ min: -70_000, max: 70_000 }) }),
  fc.record({ base: fc.constant('zero'), delta: fc.integer() }),
);
const option: fc.Arbitrary<TcpOption> = fc.oneof(
  fc.constant<TcpOption>({ kind: 'nop' }),
  fc.record({ kind: fc.constant('mss' as const), value: fc.nat(65535) }),
  fc.record({ kind: fc.constant('windowScale' as const), shift: fc.nat(255) }),
  fc.constant<TcpOption>({ kind: 'sackPermitted' }),
  fc.record({
    kind: fc.constant('timestamps' as const),
    value: fc.oneof(fc.nat(2000), fc.integer()),
    echo: fc.oneof(fc.nat(2000), fc.integer()),
  }),
  fc.record({
    kind: fc.constant('sack' as const),
    blocks: fc.array(fc.record({ left: fc.integer(), right: fc.integer() }), { minLength: 1, maxLength: 2 }),
  }),
  fc.record({
    kind: fc.constant('fastOpen' as const),
    cookie: fc.uint8Array({ maxLength: 18 }),
    experimental: fc.boolean(),
  }),
  fc.record({ kind: fc.constant('rest' as const), data: fc.uint8Array({ minLength: 1, maxLength: 8 }) }),
);
const segment = fc.record({
  flags: fc.oneof(
    fc.constantFrom(
      Flag.ack,
      Flag.ack | Flag.psh,
      Flag.fin | Flag.ack,
      Flag.syn,
      Flag.syn | Flag.ack,
      Flag.rst,
      Flag.rst | Flag.ack,
    ),
    fc.nat(0xfff),
  ),
  seq: edge,
  ack: edge,
  window: fc.oneof(fc.constantFrom(0, 1, 65535), fc.nat(65535)),
  urgent: fc.nat(65535),
  options: fc.array(option, { maxLength: 3 }),
  length: fc.oneof(fc.constant(0), fc.nat(10), fc.nat(3000)),
  damage: fc.constantFrom('none', 'none', 'none', 'none', 'none', 'none', 'checksum', 'offset'),
  wait: fc.oneof(fc.constant(0), fc.nat(50_000), fc.nat(3_000_000)),
  call: fc.constantFrom('none', 'none', 'none', 'read', 'write', 'shutdown', 'close', 'accept'),
});

type Attack = typeof segment extends fc.Arbitrary<infer T> ? T : never;

/** Where b stands, as far as a peer that guesses well would know. */
interface View {
  rcv: number;
  snd: number;
  una: number;
  window: number;
}

function viewOf(pair: Pair): View {
  for (const e of pair.b.table.values()) {
    if ('sndUna' in e)
      return { rcv: e.rcvNxt, snd: e.sndNxt, una: e.sndUna, window: (e.rcvNxt + e.rcvWnd) | 0 };
    if ('iss' in e)
      return { rcv: (e.irs + 1) | 0, snd: (e.iss + 1) | 0, una: e.iss, window: (e.irs + 1 + e.rcvWnd) | 0 };
    return { rcv: e.rcvNxt, snd: e.sndNxt, una: e.sndNxt, window: (e.rcvNxt + e.rcvWnd) | 0 };
  }
  return { rcv: 0, snd: 0, una: 0, window: 0 };
}

function packetOf(attack: Attack, view: View, from: Address, to: Address): Uint8Array {
  const at = (e: { base: string; delta: number }): number =>
    e.base === 'zero' ? e.delta : (view[e.base as keyof View] + e.delta) | 0;
  let options = attack.options;
  const size = (list: readonly TcpOption[]): number =>
    list.reduce(
      (n, o) =>
        n +
        (o.kind === 'nop'
          ? 1
          : o.kind === 'mss'
            ? 4
            : o.kind === 'windowScale'
              ? 3
              : o.kind === 'sackPermitted'
                ? 2
                : o.kind === 'timestamps'
                  ? 10
                  : o.kind === 'sack'
                    ? 2 + 8 * o.blocks.length
                    : o.kind === 'fastOpen'
                      ? (o.experimental ? 4 : 2) + o.cookie.length
                      : o.kind === 'rest'
                        ? o.data.length
                        : 0),
      0,
    );
  while (size(options) > 40) options = options.slice(1);
  const tcp = encodeTcp(
    {
      sourcePort: 40000,
      destinationPort: 80,
      seq: at(attack.seq),
      ack: at(attack.ack),
      flags: attack.flags,
      window: attack.window,
      urgent: attack.urgent,
      options,
      payload: new Uint8Array(attack.length),
    },
    from,
    to,
  );
  if (attack.damage === 'checksum') tcp[16]! ^= 0x55;
  if (attack.damage === 'offset') tcp[12] = 0xf0;
  return encodeIp(ipPacket({ source: from, destination: to, protocol: protocolTcp, payload: tcp }));
}

function call(conn: Connection | null, name: Attack['call'], pair: Pair): void {
  if (conn === null) return;
  if (name === 'read') receive(conn, new Uint8Array(1000), false);
  else if (name === 'write') send(conn, new Uint8Array(3000), 0, 0);
  else if (name === 'shutdown') shutdown(conn, 2);
  else if (name === 'close' && !conn.orphaned) close(conn);
  else if (name === 'accept') accept(pair.b.listeners.at(80)[0] ?? conn);
}

/** vitest's expect is too slow for millions of packets. */
function check(holds: boolean, what: string): void {
  if (!holds) throw new Error(what);
}

const sameBytes = (a: Uint8Array, b: Uint8Array): boolean =>
  a.length === b.length && a.every((byte, i) => byte === b[i]);

/** What is counted as in flight must be what the send queue holds. */
function checkFlight(tcp: Tcp): void {
  for (const e of tcp.table.values()) {
    if (!('sendQueue' in e)) continue;
    let [out, lost, again] = [0, 0, 0];
    for (let s = e.sendQueue.head; s !== null && s !== e.sendQueue.sendHead; s = s.next) {
      out += s.packets;
      if (s.lost) lost += s.packets;
      if (s.retransmitted) again += s.packets;
    }
    const counted = `${e.packetsOut} out, ${e.lostOut} lost, ${e.retransOut} sent again`;
    check(
      counted === `${out} out, ${lost} lost, ${again} sent again`,
      `${counted}, but the queue holds ${out}`,
    );
  }
}

/** What b sends must be well formed, and no RST may answer a RST. */
function checkOutput(pair: Pair, answersReset: boolean): void {
  for (let packet = pair.b.out.take(); packet !== null; packet = pair.b.out.take()) {
    const ip = decodeIp(packet);
    check(tcpChecksumOk(ip.payload, ip.source, ip.destination), 'a bad checksum was sent');
    const tcp = decodeTcp(ip.payload);
    check(
      !tcp.options.some((o) => o.kind === 'rest' || o.kind === 'unknown'),
      'an option was sent that is none',
    );
    const { checksum, ...meant } = tcp;
    check(
      sameBytes(encodeTcp(meant, ip.source, ip.destination), ip.payload),
      `checksum ${checksum} or layout`,
    );
    check(sameBytes(encodeIp(ip), packet), 'the IP header does not come back');
    const reset = (tcp.flags & Flag.rst) !== 0;
    if (reset) check((tcp.flags & ~(Flag.rst | Flag.ack)) === 0, `RST with flags ${tcp.flags}`);
    if ((tcp.flags & Flag.syn) !== 0)
      check((tcp.flags & (Flag.fin | Flag.rst)) === 0, `SYN with flags ${tcp.flags}`);
    if (answersReset) check(!reset, 'a RST answered a RST');
  }
}

function attackRun(arrival: string, isn: number, attacks: readonly Attack[]): void {
  const environment = { isn: { kind: 'constant' as const, value: isn } };
  // Both sides, and no cookie needed: whatever SYN with data or an option comes opens a connection at once.
  const sysctls = arrival.includes('Fast Open') ? { tcp_fastopen: 0x607 } : {};
  const pair = new Pair(
    { address: '10.0.0.1', environment, sysctls },
    { address: '10.0.0.2', environment, sysctls },
  );
  pair.b.trace = (event) => {
    if (event.kind !== 'state') return;
    const from = event.from!;
    if (!legal[from].includes(event.to!)) throw new Error(`${from} → ${event.to} (${event.reason})`);
  };
  const conn = arrivals[arrival]!(pair);
  const reached = arrival.split(' ')[0]!;
  if (conn !== null) expect(stateName(conn.state)).toBe(reached);
  while (pair.b.out.take() !== null);
  const [from, to] = [pair.a, pair.b].map((tcp) => tcp.environment.route({} as Address, null)!.source);
  let now = pair.now;
  for (const attack of attacks) {
    now += attack.wait;
    pair.b.handleTimers(now);
    checkOutput(pair, false);
    call(conn, attack.call, pair);
    checkOutput(pair, false);
    const packet = packetOf(attack, viewOf(pair), from!, to!);
    pair.b.input(now, packet, new DataView(packet.buffer), 0, packet.length);
    checkFlight(pair.b);
    checkOutput(pair, attack.damage === 'none' && (attack.flags & Flag.rst) !== 0);
  }
  // Whatever happened, time ends it: nothing may keep the host busy for ever.
  if (conn !== null && !conn.orphaned) close(conn);
  for (let i = 0; i < 2000 && pair.b.nextDeadline() < Infinity; i++) {
    now = Math.max(now, pair.b.nextDeadline());
    pair.b.handleTimers(now);
    checkOutput(pair, false);
  }
  expect(pair.b.nextDeadline()).toBe(Infinity);
}

describe('random segments', () => {
  const states = Object.keys(arrivals);
  const perState = Math.ceil(runs / states.length);
  for (const arrival of states) {
    test(`in ${arrival}: no exception, no illegal transition, no RST for a RST, only sound packets out`, () => {
      const isn = fc.oneof(fc.constantFrom(-1, -2, 0, 0x7fffffff, -0x80000000), fc.integer());
      fc.assert(
        fc.property(
          isn,
          fc.array(segment, { minLength: segmentsPerRun, maxLength: segmentsPerRun }),
          (start, attacks) => attackRun(arrival, start, attacks),
        ),
        { numRuns: perState },
      );
    });
  }
});
