/** As attacks.test.ts, aimed at the tables of a whole host: connections, listeners, TIME-WAIT, Fast Open, ICMP, ports. */
import { expect, test } from 'vitest';
import { Sysctls } from '../../src/host/index.ts';
import { PortTable, PortUse } from '../../src/host/ports.ts';
import { Prng } from '../../src/sim/index.ts';
import { close } from '../../src/tcp/socket/socket-calls.ts';
import type { Tcp } from '../../src/tcp/tcp.ts';
import { type Address, ipv6, parseAddress } from '../../src/wire/address.ts';
import { encodeIcmp, protocolIcmpv6 } from '../../src/wire/icmp.ts';
import { encodeIp, ipPacket } from '../../src/wire/ip.ts';
import type { TcpOption } from '../../src/wire/options.ts';
import { Flag } from '../../src/wire/tcp.ts';
import { bar, input, listening, packet, type Run, ratio, server } from '../support/cost.ts';
import { full } from '../support/needs.ts';

const many = full ? 2500 : 1000;
/** The addresses of one IPv6 network, which one attacker may have all, with one word counted up. */
const chosen = (i: number): Address => ipv6(0x20010db8, 0x66, i + 1, 7);
const randomOnes = (): ((i: number) => Address) => {
  const random = new Prng(7);
  const known: Address[] = [];
  return (i) =>
    (known[i] ??= ipv6(0x20010db8, random.uint32() | 0, random.uint32() | 0, random.uint32() | 0));
};

/** A server whose tables alone are in question. */
const bare = (sysctls = {}): Tcp => listening({ tcp_syncookies: 0, tcp_timestamps: 0, ...sysctls });

const syn = (from: Address, options: TcpOption[] = [], port = 80): Uint8Array =>
  packet([from, 4000], [server, port], { seq: 0, flags: Flag.syn, options });
const later = (from: Address, seq: number, flags: number, payload?: Uint8Array): Uint8Array =>
  packet([from, 4000], [server, 80], { seq, ack: 1001, flags, ...(payload && { payload }) });

/** The handshakes of `many` clients, made once for each choice of addresses. */
const handshakes = new WeakMap<(i: number) => Address, Uint8Array[]>();

/** A server with `many` connections in ESTABLISHED, from the addresses given. */
function connected(address: (i: number) => Address): Tcp {
  let packets = handshakes.get(address);
  if (packets === undefined) {
    packets = Array.from({ length: many }, (_, i) => [
      syn(address(i)),
      later(address(i), 1, Flag.ack),
    ]).flat();
    handshakes.set(address, packets);
  }
  const tcp = bare();
  for (const it of packets) input(tcp, it);
  expect(tcp.counters.CurrEstab).toBe(many);
  return tcp;
}

const feed =
  (prepare: () => Tcp, packets: Uint8Array[], check: (tcp: Tcp) => void = () => {}) =>
  (): Run => {
    const tcp = prepare();
    return () => {
      for (const it of packets) input(tcp, it);
      check(tcp);
    };
  };
const list = (make: (i: number) => Uint8Array): Uint8Array[] =>
  Array.from({ length: many }, (_, i) => make(i));
const one = new Uint8Array(1);

test('the connections: chosen tuples, found or not, cost what random ones do', () => {
  const random = randomOnes();
  const data = (address: (i: number) => Address): (() => Run) =>
    feed(
      () => connected(address),
      list((i) => later(address(i), 1, Flag.ack, one)),
    );
  expect(ratio(data(chosen), data(random)), 'to connections').toBeLessThan(bar);
  const stray = (address: (i: number) => Address): (() => Run) =>
    feed(
      () => connected(address),
      list((i) => later(address(i + many), 1, Flag.ack, one)),
      (tcp) => expect(tcp.counters.OutRsts).toBe(many),
    );
  expect(ratio(stray(chosen), stray(random)), 'to nobody').toBeLessThan(bar);
  expect(ratio(stray(chosen), data(random)), 'to nobody, against data').toBeLessThan(bar);
});

test('the listeners: SYNs to ports where nobody listens cost no more than those that open', () => {
  const random = randomOnes();
  const honest = feed(
    () => bare(),
    list((i) => syn(random(i))),
  );
  const closed = feed(
    () => bare(),
    list((i) => syn(chosen(i), [], 81 + (i % 1000))),
    (tcp) => expect(tcp.counters.OutRsts).toBe(many),
  );
  expect(ratio(closed, honest)).toBeLessThan(bar);
});

test('TIME-WAIT: guards that one network made, and floods into them, cost no more than ordinary ones', () => {
  const waiting = (address: (i: number) => Address): Tcp => {
    const tcp = connected(address);
    for (const conn of [...tcp.table.values()]) close(conn as never);
    while (tcp.out.shift());
    for (let i = 0; i < many; i++)
      input(tcp, packet([address(i), 4000], [server, 80], { seq: 1, ack: 1002, flags: Flag.ack | Flag.fin }));
    expect(tcp.timeWaits).toBe(many);
    return tcp;
  };
  const again = (address: (i: number) => Address, make: (i: number) => Uint8Array): (() => Run) =>
    feed(() => waiting(address), list(make));
  const random = randomOnes();
  const fin = Flag.ack | Flag.fin;
  const honest = again(random, (i) => later(random(i), 1, fin));
  const attacks: Record<string, () => Run> = {
    'FINs again, chosen tuples': again(chosen, (i) => later(chosen(i), 1, fin)),
    'FINs again, all to one': again(chosen, () => later(chosen(0), 1, fin)),
    'resets beyond the end': again(chosen, (i) => later(chosen(i), 1 + i, Flag.rst)),
    'old SYNs': again(chosen, (i) => packet([chosen(i), 4000], [server, 80], { seq: -9, flags: Flag.syn })),
  };
  for (const [name, attack] of Object.entries(attacks)) expect(ratio(attack, honest), name).toBeLessThan(bar);
});

test('Fast Open: cookies that are none cost no more than requests for one', () => {
  const random = randomOnes();
  const prng = new Prng(3);
  const cookie = (length: number): TcpOption => ({
    kind: 'fastOpen',
    cookie: Uint8Array.from({ length }, () => prng.below(256)),
    experimental: false,
  });
  const flood = (address: (i: number) => Address, length: (i: number) => number): (() => Run) =>
    feed(
      () => bare({ tcp_fastopen: 0x403 }),
      list((i) => syn(address(i), [cookie(length(i))])),
    );
  const honest = flood(random, () => 0);
  expect(
    ratio(
      flood(chosen, () => 8),
      honest,
    ),
    'of 8 bytes',
  ).toBeLessThan(bar);
  expect(
    ratio(
      flood(chosen, (i) => 4 + 2 * (i % 7)),
      honest,
    ),
    'of any length',
  ).toBeLessThan(bar);
});

test('fragments are not put together: they leave nothing behind and cost less than whole packets', () => {
  const random = randomOnes();
  const honest = feed(
    () => bare(),
    list((i) => syn(random(i))),
  );
  const fragment = (i: number): Uint8Array => {
    const [source, destination] = [chosen(i), server];
    const payload = Uint8Array.from([6, 0, 0, 1, 0, 0, i >> 8, i & 255, ...syn(source).subarray(40)]);
    const bytes = encodeIp(ipPacket({ source, destination, protocol: 44, payload }));
    expect(bytes[6]).toBe(44);
    return bytes;
  };
  const crafted = feed(
    () => bare(),
    list(fragment),
    (tcp) => {
      expect(tcp.table.size).toBe(0);
      expect(tcp.counters.InSegs).toBe(0);
    },
  );
  expect(ratio(crafted, honest)).toBeLessThan(bar);
});

test('ICMP: errors that quote what was never sent cost no more than those that hit', () => {
  const quote = (to: Address, seq: number): Uint8Array => {
    const inner = packet([server, 80], [to, 4000], { seq, flags: Flag.ack, ack: 1, payload: one });
    const source = parseAddress('2001:db8::fe');
    const payload = encodeIcmp({ type: 1, code: 0, parameter: 0, body: inner }, source, server);
    return encodeIp(ipPacket({ source, destination: server, protocol: protocolIcmpv6, payload }));
  };
  const storm = (address: (i: number) => Address, make: (i: number) => Uint8Array) => (): Run => {
    const tcp = connected(address);
    const packets = list(make);
    return () => {
      for (const it of packets) tcp.icmp(tcp.now, it);
    };
  };
  const random = randomOnes();
  const honest = storm(random, (i) => quote(random(i), 1001));
  const attacks: Record<string, () => Run> = {
    'of chosen tuples': storm(chosen, (i) => quote(chosen(i), 1001)),
    'of chosen tuples that do not exist': storm(chosen, (i) => quote(chosen(i + many), 1001)),
    'out of the window': storm(chosen, (i) => quote(chosen(i), 5000 + i)),
  };
  for (const [name, attack] of Object.entries(attacks)) expect(ratio(attack, honest), name).toBeLessThan(bar);
});

test('the ports: eight times as many users of one cost no more to come and go, in whatever order', () => {
  const leave = (users: number, order: (i: number) => number) => (): Run => {
    const random = new Prng(1);
    const table = new PortTable(new Sysctls().host, () => random.uint32());
    const uses = Array.from({ length: users }, () => {
      const use = new PortUse(server);
      table.add(use, 80);
      return use;
    });
    return () => {
      // Each that leaves comes again, so that the port stays as full as it is.
      for (let i = 0; i < 16_000; i++) {
        const use = uses[order(i) % users]!;
        table.remove(use);
        table.add(use, 80);
      }
    };
  };
  const orders: Record<string, (i: number) => number> = {
    'the oldest first': (i) => i,
    'the newest first': (i) => 8_000_000 - 1 - i,
    'here and there': (i) => i * 7919,
  };
  for (const [name, order] of Object.entries(orders))
    expect(ratio(leave(8000, order), leave(1000, order)), name).toBeLessThan(bar);
});

test('the search for a port: a server that keeps half of them busy makes it ask for few more', () => {
  const random = new Prng(1);
  const table = new PortTable(new Sysctls().host, () => random.uint32());
  const [low, high] = new Sysctls().host.localPortRange;
  const middle = (low + high) >> 1;
  let asked = 0;
  const taken = (port: number): boolean => {
    asked++;
    return port < middle;
  };
  const searches = 20_000;
  let wrong = 0;
  for (let i = 0; i < searches; i++) if (table.chooseForConnect(77, taken) < middle) wrong++;
  expect(wrong).toBe(0);
  // Each goes on where the last one ended: all of them walk past the busy half together. Counted, not timed.
  expect(asked / searches).toBeLessThan(10);
});
