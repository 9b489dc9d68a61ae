import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Errno } from '../tcp/errno.ts';
import { parseAddress } from '../wire/address.ts';
import { PortTable, PortUse } from './ports.ts';
import { Sysctls } from './sysctl.ts';

/** A small generator of its own (xorshift32): the host folder knows none. */
function table(seed = 1): { ports: PortTable; sysctls: Sysctls; random: () => number } {
  const sysctls = new Sysctls();
  let state = (seed * 2654435761) | 0 || 1;
  const random = (): number => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return state >>> 0;
  };
  return { ports: new PortTable(sysctls.host, random), sysctls, random };
}

interface Wish {
  address?: string;
  reuse?: boolean;
  reusePort?: boolean;
  listen?: boolean;
  v6Only?: boolean;
}

function use(wish: Wish): PortUse {
  const it = new PortUse(parseAddress(wish.address ?? '127.0.0.1'));
  it.reuseAddress = wish.reuse ?? false;
  it.reusePort = wish.reusePort ?? false;
  it.v6Only = wish.v6Only ?? false;
  return it;
}

describe('bind', () => {
  // [first, second, whether the second gets the port], as measured on 6.18.
  const cases: [string, Wish, Wish, boolean][] = [
    ['the same address twice', {}, {}, false],
    ['two addresses', {}, { address: '127.0.0.2' }, true],
    ['an address and all', {}, { address: '0.0.0.0' }, false],
    ['all and an address', { address: '0.0.0.0' }, {}, false],
    ['reuse on both, nobody listens', { reuse: true }, { reuse: true }, true],
    ['reuse on both, the first listens', { reuse: true, listen: true }, { reuse: true }, false],
    ['reuse on the second only', {}, { reuse: true }, false],
    ['reuse on the first only', { reuse: true }, {}, false],
    ['reuseport on both listeners', { reusePort: true, listen: true }, { reusePort: true }, true],
    [
      'reuseport on the first, reuse on the second',
      { reusePort: true, listen: true },
      { reuse: true },
      false,
    ],
    ['all of IPv6 and an IPv4 address', { address: '::' }, {}, false],
    ['all of IPv6 only and an IPv4 address', { address: '::', v6Only: true }, {}, true],
    ['an IPv4 address and all of IPv6', {}, { address: '::' }, false],
    ['an IPv4 address and all of IPv6 only', {}, { address: '::', v6Only: true }, true],
    ['a mapped address and the same IPv4 one', { address: '::ffff:127.0.0.1' }, {}, false],
    ['an IPv6 and an IPv4 address', { address: '::1' }, {}, true],
  ];
  test.each(cases)('%s', (_, first, second, works) => {
    const { ports } = table();
    const one = use(first);
    expect(ports.bind(one, 3333)).toBe(0);
    one.listening = first.listen ?? false;
    expect(ports.bind(use(second), 3333)).toBe(works ? 0 : -Errno.EADDRINUSE);
  });

  test('of two that share a port by SO_REUSEADDR only one can listen', () => {
    const { ports } = table();
    const [one, other] = [use({ reuse: true }), use({ reuse: true })];
    ports.bind(one, 3333);
    ports.bind(other, 3333);
    expect(ports.listenConflicts(one)).toBe(false);
    one.listening = true;
    expect(ports.listenConflicts(other)).toBe(true);
  });

  test('a port is free again when its last user has gone', () => {
    const { ports } = table();
    const uses = [1, 2, 3].map(() => use({ reuse: true }));
    for (const it of uses) expect(ports.bind(it, 80)).toBe(0);
    ports.remove(uses[1]!);
    ports.remove(uses[1]!);
    ports.remove(uses[2]!);
    expect(ports.bind(use({}), 80)).toBe(-Errno.EADDRINUSE);
    ports.remove(uses[0]!);
    expect(ports.bind(use({}), 80)).toBe(0);
  });

  test('has exactly the users that were given it and have not left, the newest first, whoever leaves when', () => {
    const step = fc.record({ come: fc.boolean(), port: fc.integer({ min: 80, max: 82 }), which: fc.nat() });
    fc.assert(
      fc.property(fc.array(step, { maxLength: 200 }), (steps) => {
        const { ports } = table();
        const model = new Map<number, PortUse[]>([80, 81, 82].map((port) => [port, []]));
        for (const { come, port, which } of steps) {
          const users = model.get(port)!;
          if (come) {
            const it = use({});
            ports.add(it, port);
            users.unshift(it);
          } else if (users.length > 0) ports.remove(users.splice(which % users.length, 1)[0]!);
          const found: PortUse[] = [];
          for (let it = ports.users(port); it !== null; it = it.next) found.push(it);
          expect(found.map((it) => users.indexOf(it))).toEqual(users.map((_, i) => i));
        }
      }),
    );
  });

  test('of many users each leaves in few steps, whatever their order', () => {
    const orders: Readonly<Record<string, (n: number) => number[]>> = {
      'oldest first': (n) => Array.from({ length: n }, (_, i) => i),
      'every other one, newest first': (n) => Array.from({ length: n / 2 }, (_, i) => n - 2 * i - 2),
      'from the middle, newest first': (n) => Array.from({ length: n / 4 }, (_, i) => n / 2 - 2 * i),
    };
    const n = 4096;
    for (const [name, order] of Object.entries(orders)) {
      const { ports } = table();
      let steps = 0;
      const uses = Array.from({ length: n }, () => {
        const it = use({});
        let next: PortUse | null = null;
        Object.defineProperty(it, 'next', {
          get: () => {
            steps++;
            return next;
          },
          set: (to: PortUse | null) => {
            next = to;
          },
        });
        ports.add(it, 80);
        return it;
      });
      steps = 0;
      for (const i of order(n)) ports.remove(uses[i]!);
      expect(steps, name).toBeLessThan(20 * n);
    }
  });

  test('to port 0 chooses the parity that connect() leaves, then the other, then fails', () => {
    const { ports, sysctls } = table();
    sysctls.set('net.ipv4.ip_local_port_range', '40000 40009');
    sysctls.set('net.ipv4.ip_local_reserved_ports', '40003');
    const chosen: number[] = [];
    for (let i = 0; i < 9; i++) {
      const it = use({});
      expect(ports.bind(it, 0)).toBe(0);
      chosen.push(it.port);
    }
    expect(chosen.slice(0, 4).sort()).toEqual([40001, 40005, 40007, 40009]);
    expect(chosen.slice(4).sort()).toEqual([40000, 40002, 40004, 40006, 40008]);
    expect(ports.bind(use({}), 0)).toBe(-Errno.EADDRINUSE);
  });

  test('to port 0 in a range of one port chooses that one', () => {
    const { ports, sysctls } = table();
    sysctls.set('net.ipv4.ip_local_port_range', '40000 40000');
    const it = use({});
    expect(ports.bind(it, 0)).toBe(0);
    expect(it.port).toBe(40000);
    expect(ports.bind(use({ reuse: true }), 0)).toBe(-Errno.EADDRINUSE);
  });
});

describe('the port that connect() chooses', () => {
  const never = (): boolean => false;

  test('has the parity of the low end while there is one', () => {
    const { ports, sysctls, random } = table();
    for (let i = 0; i < 500; i++) expect(ports.chooseForConnect(random(), never) % 2).toBe(0);
    sysctls.set('net.ipv4.ip_local_port_range', '32769 60999');
    for (let i = 0; i < 500; i++) expect(ports.chooseForConnect(random(), never) % 2).toBe(1);
  });

  test('is of the other parity when those are taken, and none at the end', () => {
    const { ports, sysctls } = table();
    sysctls.set('net.ipv4.ip_local_port_range', '40000 40009');
    const taken = new Set<number>();
    const order: number[] = [];
    for (let i = 0; i < 10; i++) {
      const port = ports.chooseForConnect(12345, (p) => taken.has(p));
      taken.add(port);
      order.push(port);
    }
    expect(order.slice(0, 5).every((port) => port % 2 === 0)).toBe(true);
    expect([...order].sort()).toEqual(Array.from({ length: 10 }, (_, i) => 40000 + i));
    expect(ports.chooseForConnect(12345, (p) => taken.has(p))).toBe(-Errno.EADDRNOTAVAIL);
  });

  test('is never reserved and never one that somebody bound, but may be one that another connection has', () => {
    const { ports, sysctls } = table();
    sysctls.set('net.ipv4.ip_local_port_range', '40000 40004');
    sysctls.set('net.ipv4.ip_local_reserved_ports', '40000');
    ports.bind(use({ address: '127.0.0.9' }), 40002);
    const connected = use({});
    for (const port of [40001, 40003]) ports.add(use({}), port);
    ports.add(connected, 40004);
    const seen = new Set<number>();
    // Starting at 40000 the search finds both even ports closed to it and goes on to the odd ones; at 40002, 40004.
    for (let group = 0; group < 2000; group++) seen.add(ports.chooseForConnect(group, never));
    expect([...seen].sort()).toEqual([40001, 40004]);
  });

  test('moves on by 2 to 16 from one try to the next, so that a loop comes by every port of its parity', () => {
    const { ports } = table(5);
    const steps = new Set<number>();
    let last = ports.chooseForConnect(777, never);
    let tries = 1;
    for (; last !== 50000 && tries < 200_000; tries++) {
      const port = ports.chooseForConnect(777, never);
      steps.add((port - last + 28232) % 28232);
      last = port;
    }
    expect(last).toBe(50000);
    expect([...steps].sort((a, b) => a - b)).toEqual([2, 4, 6, 8, 10, 12, 14, 16]);
  });

  test('with IP_LOCAL_PORT_RANGE is of either parity', () => {
    const { ports } = table();
    const seen = new Set<number>();
    for (let i = 0; i < 200; i++) seen.add(ports.chooseForConnect(9, never, [45000, 45003]));
    expect([...seen].sort()).toEqual([45000, 45001, 45002, 45003]);
  });
});
