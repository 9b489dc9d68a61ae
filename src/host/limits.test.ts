/** The limits of docs/limits.md: each is reached, and what is beyond it is refused and counted as the page says. */
import { expect, test } from 'vitest';
import { type Address, ipv4, parseAddress } from '../wire/address.ts';
import { encodeIp, ipPacket } from '../wire/ip.ts';
import type { TcpOption } from '../wire/options.ts';
import { encodeTcp, Flag, protocolTcp } from '../wire/tcp.ts';
import { OpenFlag } from './file.ts';
import { Host } from './host.ts';
import { Socket } from './socket.ts';

const own = parseAddress('10.0.0.1');
const client = (i: number): Address => ipv4(0x0a010000 + i);

/** A host with a listener, and what clients of it send. */
class Served {
  readonly clock = { now: 0 };
  readonly host: Host;
  readonly listener: Socket;

  constructor(backlog: number, sysctls: Record<string, string | number> = {}) {
    let seed = 1;
    this.host = new Host({
      clock: this.clock,
      random: () => (seed = (Math.imul(seed, 1103515245) + 12345) >>> 0),
      isn: { kind: 'constant', value: 1000 },
      interfaces: [{ addresses: ['10.0.0.1/8'] }],
      sysctls: { 'net.ipv4.tcp_syncookies': 0, 'net.ipv4.tcp_timestamps': 0, ...sysctls },
    });
    this.listener = this.host.socket(4, OpenFlag.nonBlock);
    expect(this.listener.bind(ipv4(0), 80)).toBe(0);
    expect(this.listener.listen(backlog)).toBe(0);
  }

  send(i: number, seq: number, flags: number, payload = new Uint8Array(0), ack = 1001): void {
    const source = client(i);
    const options: TcpOption[] = [];
    const segment = { sourcePort: 4000, destinationPort: 80, seq, flags, urgent: 0, options, payload };
    const bytes = encodeIp(
      ipPacket({
        source,
        destination: own,
        protocol: protocolTcp,
        payload: encodeTcp({ ...segment, ack, window: 65_535 }, source, own),
      }),
    );
    this.host.input(this.clock.now, bytes, new DataView(bytes.buffer), 0, bytes.length);
    while (this.host.out.shift());
  }

  connect(i: number): void {
    this.send(i, 0, Flag.syn, undefined, 0);
    this.send(i, 1, Flag.ack);
  }

  accept(): Socket {
    const socket = this.listener.accept(OpenFlag.nonBlock);
    if (!(socket instanceof Socket)) throw new Error(`accept() gave ${socket}`);
    return socket;
  }

  get counters(): Record<string, number> {
    return this.host.tcp.counters as unknown as Record<string, number>;
  }
}

test('half-open connections of a listener: its backlog and one more', () => {
  const s = new Served(5);
  for (let i = 0; i < 9; i++) s.send(i, 0, Flag.syn, undefined, 0);
  expect(s.host.tcp.table.size).toBe(6);
  expect(s.counters.TCPReqQFullDrop).toBe(3);
  expect(s.counters.ListenDrops).toBe(3);
});

test('half-open connections without cookies: three quarters of tcp_max_syn_backlog and one more', () => {
  const s = new Served(100, { 'net.ipv4.tcp_max_syn_backlog': 16 });
  for (let i = 0; i < 30; i++) s.send(i, 0, Flag.syn, undefined, 0);
  expect(s.host.tcp.table.size).toBe(13);
  expect(s.counters.ListenDrops).toBe(17);
});

test('half-open connections with cookies: beyond the backlog nothing is kept', () => {
  const s = new Served(5, { 'net.ipv4.tcp_syncookies': 1 });
  for (let i = 0; i < 30; i++) s.send(i, 0, Flag.syn, undefined, 0);
  expect(s.host.tcp.table.size).toBe(6);
  expect(s.counters.SyncookiesSent).toBe(24);
});

test('connections not accepted: the backlog and one more, however large a listener asks for it beside somaxconn', () => {
  const s = new Served(1000, { 'net.core.somaxconn': 3 });
  for (let i = 0; i < 6; i++) s.connect(i);
  expect(s.counters.CurrEstab).toBe(4);
  expect(s.counters.ListenOverflows).toBe(2);
});

test('TIME-WAIT: tcp_max_tw_buckets, beyond which a connection ends at once', () => {
  const s = new Served(10, { 'net.ipv4.tcp_max_tw_buckets': 2 });
  for (let i = 0; i < 5; i++) {
    s.connect(i);
    s.accept().release();
    s.send(i, 1, Flag.ack | Flag.fin, undefined, 1002);
  }
  expect(s.host.tcp.timeWaits).toBe(2);
  expect(s.counters.TCPTimeWaitOverflow).toBe(3);
  expect(s.host.tcp.table.size).toBe(2);
});

test('the receive buffer: tcp_rmem, its third value at most, whatever is sent and in whichever order', () => {
  const s = new Served(10, { 'net.ipv4.tcp_rmem': '4096 65536 65536' });
  s.connect(0);
  const socket = s.accept();
  // One lost, and more behind it than fits.
  for (let i = 1; i < 400; i++) s.send(0, 1 + 500 * i, Flag.ack, new Uint8Array(500));
  for (let i = 0; i < 400; i++) s.send(0, 1 + 500 * i, Flag.ack, new Uint8Array(500));
  const buffer = new Uint8Array(1_000_000);
  const got = Number(socket.receive(buffer, 0));
  expect(got).toBeGreaterThan(10_000);
  expect(got).toBeLessThanOrEqual(65_536);
});

test('the send buffer: tcp_wmem, its third value and at most the segment begun when it was reached', () => {
  const s = new Served(10, { 'net.ipv4.tcp_wmem': '4096 16384 65536' });
  s.connect(0);
  const socket = s.accept();
  let taken = 0;
  for (let turn = 0; turn < 100; turn++) taken += Math.max(0, Number(socket.send(new Uint8Array(10_000), 0)));
  expect(taken).toBeGreaterThan(10_000);
  expect(taken).toBeLessThanOrEqual(2 * 65_536);
});
