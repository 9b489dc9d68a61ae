/** What packets cost, for tests that compare an attacker's with honest ones. */
import { listen } from '../../src/tcp/socket/socket-calls.ts';
import type { TcpSysctls } from '../../src/tcp/sysctls.ts';
import type { Tcp } from '../../src/tcp/tcp.ts';
import { testTcp } from '../../src/tcp/testing.ts';
import { type Address, anyIpv6, parseAddress } from '../../src/wire/address.ts';
import { encodeIp, ipPacket } from '../../src/wire/ip.ts';
import type { TcpOption } from '../../src/wire/options.ts';
import { encodeTcp, protocolTcp } from '../../src/wire/tcp.ts';
import { full } from './needs.ts';

export type Run = () => void;

/** CPU time of this process, µs. */
export const cpu = (run: Run): number => {
  const before = process.cpuUsage();
  run();
  const { user, system } = process.cpuUsage(before);
  return user + system;
};

/** No input may cost more than so many times what an honest one of its size does. */
export const bar = 2;

/**
 * How many times longer the crafted packets take than the honest ones; each `make` prepares one turn. The turns alternate,
 * and the best of each side counts: other work on the machine, collections and compilers make a turn longer, never
 * shorter. While that leaves the ratio above the bar, up to three more rounds of turns may find better ones: what truly
 * costs more stays above it.
 */
export function ratio(crafted: () => Run, honest: () => Run): number {
  let [bad, good] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  const turns = full ? 12 : 5;
  for (let turn = 0; turn < turns || (bad >= bar * good && turn < 4 * turns); turn++) {
    bad = Math.min(bad, cpu(crafted()));
    good = Math.min(good, cpu(honest()));
  }
  return bad / good;
}

/** An IP packet with a TCP segment; what is not given is 0, no option, no payload, a window of 65,535. */
export function packet(
  [source, sourcePort]: readonly [Address, number],
  [destination, destinationPort]: readonly [Address, number],
  s: {
    seq: number;
    ack?: number;
    flags: number;
    window?: number;
    options?: TcpOption[];
    payload?: Uint8Array;
  },
): Uint8Array {
  const segment = {
    sourcePort,
    destinationPort,
    seq: s.seq,
    ack: s.ack ?? 0,
    flags: s.flags,
    window: s.window ?? 65_535,
    urgent: 0,
    options: s.options ?? [],
    payload: s.payload ?? new Uint8Array(0),
  };
  const payload = encodeTcp(segment, source, destination);
  return encodeIp(ipPacket({ source, destination, protocol: protocolTcp, payload }));
}

/** Where what an attacker and honest peers send goes. */
export const server: Address = parseAddress('2001:db8::1');

/** A server with a listener at port 80 that has room for all. */
export function listening(sysctls: Partial<TcpSysctls> = {}): Tcp {
  const tcp = testTcp({ address: '2001:db8::1', sysctls: { tcp_max_syn_backlog: 100_000, ...sysctls } });
  tcp.now = 1_000_000;
  const listener = tcp.newConnection();
  listener.family = 6;
  listener.local = anyIpv6;
  listener.localPort = 80;
  listen(listener, 100_000);
  return tcp;
}

/** Hands a packet in and throws the answers away. */
export const input = (tcp: Tcp, bytes: Uint8Array): void => {
  tcp.input(tcp.now, bytes, new DataView(bytes.buffer), 0, bytes.length);
  while (tcp.out.shift());
};
