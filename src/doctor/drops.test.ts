import { describe, expect, test } from 'vitest';
import { examine, type Found } from './check.ts';
import { checks } from './checks.ts';
import { withConsequences } from './consequences.ts';
import type { DropRule, Host, ProcessReading, SeenAttempt } from './host.ts';
import { type Differences, hostWith, type SocketText } from './testing.ts';

const look = (differences: Differences): Found[] =>
  withConsequences(examine(hostWith(differences), checks).found);
const found = (differences: Differences): string[] =>
  look(differences).map(({ severity, check, subject }) => `${severity} ${check.id} ${subject}`);
const ok = <T>(value: T): { ok: true; where: string; value: T } => ({ ok: true, where: 'there', value });
const withHost = (host: Partial<Host>, rest: Differences = {}): Differences => ({ ...rest, host });
const many = (count: number, socket: (index: number) => SocketText): SocketText[] =>
  Array.from({ length: count }, (_, index) => socket(index));

describe('drops at a listener', () => {
  test('with overflows are a full queue, and nothing else is said of them', () => {
    expect(found({ counters: { ListenDrops: 5, ListenOverflows: 5 } })).toEqual([
      'high listen-overflows ListenOverflows',
    ]);
  });

  test('with OutNoRoutes are a missing way back, and never a reason for a larger backlog', () => {
    const [finding, ...rest] = look({ counters: { ListenDrops: 2 }, more: { 'Ip.OutNoRoutes': 2 } });
    expect(rest).toEqual([]);
    expect(finding).toMatchObject({ severity: 'high', check: { id: 'no-way-back' }, subject: 'OutNoRoutes' });
    expect(JSON.stringify(finding!.fixes)).not.toMatch(/backlog/);
  });

  test('name the clients that no route leads back to, where they were seen', () => {
    const [finding] = look(
      withHost(
        { strangers: ok(['10.77.1.2']) },
        { counters: { ListenDrops: 2 }, more: { 'Ip.OutNoRoutes': 2 } },
      ),
    );
    expect(finding!.summary).toBe('no route back to 10.77.1.2: 2 SYNs dropped in 1.0 s (2/s)');
  });

  test('of both kinds are two findings, each with its own number', () => {
    const both = { counters: { ListenDrops: 7, ListenOverflows: 4 }, more: { 'Ip6.OutNoRoutes': 3 } };
    expect(look(both).map(({ summary }) => summary)).toEqual([
      expect.stringMatching(/^ListenOverflows grew by 4/),
      expect.stringMatching(/^no route back to where they came from: 3 SYNs/),
    ]);
  });

  test('that nothing explains are told with their counter', () => {
    expect(found({ counters: { ListenDrops: 3, ListenOverflows: 2 } })).toEqual([
      'high listen-overflows ListenOverflows',
      'high unexplained-listen-drops ListenDrops',
    ]);
  });

  test('are none when a connect() finds no route', () => {
    expect(found({ more: { 'Ip.OutNoRoutes': 2 } })).toEqual(['warn no-route OutNoRoutes']);
  });
});

describe('connection tracking', () => {
  test('that drops new connections names the destination whose ports are used up', () => {
    const nat = ok([{ from: '10.77.2.1', to: '10.77.2.2:80', ports: 8, first: 50000, last: 50007 }]);
    const [finding] = look(
      withHost({ nat }, { more: { 'conntrack.insert_failed': 36, 'conntrack.drop': 36 } }),
    );
    expect(finding).toMatchObject({ severity: 'high', subject: 'insert_failed' });
    expect(finding!.summary).toBe(
      'connection tracking dropped 36 new connections (36/s): source ports for 10.77.2.2:80 are used up or clash (10.77.2.1 holds 8 ports, 50000 to 50007)',
    );
  });

  test('that dropped before is found while all ports of its rule are taken', () => {
    const before = { 'conntrack.drop': 36, 'conntrack.insert_failed': 36 };
    const nat = ok([{ from: '10.77.2.1', to: '10.77.2.2:80', ports: 8, first: 50000, last: 50007 }]);
    const ranges = (last: number): string[] =>
      found(withHost({ nat, natRanges: [{ first: 50000, last }] }, { moreBefore: before }));
    expect(ranges(50007)).toEqual(['high conntrack-drops 10.77.2.1 -> 10.77.2.2:80']);
    expect(ranges(50008)).toEqual([]);
  });

  test('that drops without a failed insertion is full', () => {
    expect(look({ more: { 'conntrack.drop': 1 } })[0]!.summary).toMatch(/its table is full/);
  });

  test('is worth a line if an insertion failed and nothing was dropped, and silent about what was before', () => {
    expect(found({ more: { 'conntrack.insert_failed': 1 } })).toEqual(['info conntrack-drops insert_failed']);
    expect(found({ moreBefore: { 'conntrack.drop': 36, 'conntrack.insert_failed': 36 } })).toEqual([]);
  });
});

describe('other places where segments are lost', () => {
  test.each([
    [{ counters: { IPReversePathFilter: 1 } }, 'high reverse-path-drops IPReversePathFilter'],
    [{ more: { 'routes.in_martian_src': 1 } }, 'high reverse-path-drops in_martian_src'],
    [{ more: { 'Ip.InAddrErrors': 1 } }, 'high misrouted-packets InAddrErrors'],
    [{ more: { 'Tcp.InCsumErrors': 1 } }, 'high checksum-errors InCsumErrors'],
    [{ more: { 'softnet.dropped': 1 } }, 'high device-drops softnet'],
    [
      { more: { 'devices.eth0.rx_packets': 100, 'devices.eth0.rx_dropped': 2 } },
      'high device-drops eth0 rx_dropped',
    ],
    [
      { more: { 'qdisc.tbf on eth0.drops': 9, 'qdisc.tbf on eth0.packets': 100 }, moreBefore: zero() },
      'high device-drops tbf on eth0 drops',
    ],
    [{ counters: { TCPMD5NotFound: 1 }, before: { TCPMD5NotFound: 0 } }, 'high other-drops TCPMD5NotFound'],
    [{ more: { 'Ip.InDiscards': 4 }, moreBefore: { 'Ip.InDiscards': 3 } }, 'high other-drops InDiscards'],
  ] satisfies [Differences, string][])('are found: %j', (differences, line) => {
    expect(found(differences)).toEqual([line]);
  });

  test.each([
    [{ moreBefore: { 'Ip.InAddrErrors': 9, 'Tcp.InCsumErrors': 3, 'softnet.dropped': 7 } }],
    [{ more: { 'devices.eth0.rx_packets': 1000, 'devices.eth0.rx_dropped': 9 } }],
    [{ more: { 'devices.eth0.rx_packets': 1, 'devices.eth0.rx_dropped': 1 } }],
    [{ moreBefore: { 'qdisc.tbf on eth0.drops': 9, 'qdisc.tbf on eth0.packets': 100 } }],
  ] satisfies [Differences][])(
    'are silent about what does not grow, or is a small share: %j',
    (differences) => {
      expect(found(differences)).toEqual([]);
    },
  );

  test('are worth a line below a packet a second', () => {
    expect(found({ more: { 'Ip.InAddrErrors': 1 }, host: { seconds: 2 } })).toEqual([
      'info misrouted-packets InAddrErrors',
    ]);
  });

  test('count retransmissions as a share of what was sent', () => {
    const load = { 'Tcp.ActiveOpens': 500, 'Tcp.OutSegs': 10_000 };
    expect(found({ counters: { TCPSynRetrans: 4, TCPTimeouts: 99 }, more: load })).toEqual([
      'info retransmissions TCPSynRetrans',
      'info retransmissions TCPTimeouts',
    ]);
    expect(found({ counters: { TCPSynRetrans: 5 }, more: load })).toEqual([
      'warn retransmissions TCPSynRetrans',
    ]);
  });
});

function zero(): Record<string, number> {
  return { 'qdisc.tbf on eth0.drops': 0, 'qdisc.tbf on eth0.packets': 0 };
}

describe('limits of the kernel', () => {
  test('a neighbour table at its limit is found, and near it', () => {
    const at = (entries: number): string[] => found({ more: { 'arp.entries': entries } });
    expect(at(1024)).toEqual(['high neighbour-table-full net.ipv4.neigh.default.gc_thresh3']);
    expect(at(922)).toEqual(['warn neighbour-table-full net.ipv4.neigh.default.gc_thresh3']);
    expect(at(921)).toEqual([]);
    expect(found({ more: { 'ndisc.table_fulls': 1 } })).toEqual([
      'high neighbour-table-full net.ipv6.neigh.default.gc_thresh3',
    ]);
    expect(found({ moreBefore: { 'arp.table_fulls': 5321 } })).toEqual([]);
  });

  test('memory above its limit is found, and orphans above theirs', () => {
    const stat = (mem: number, orphan: number): string[] =>
      found(withHost({ sockstat: ok(new Map(Object.entries({ 'TCP.mem': mem, 'TCP.orphan': orphan }))) }));
    expect(stat(3001, 0)).toEqual(['high tcp-memory net.ipv4.tcp_mem']);
    expect(stat(3000, 0)).toEqual(['warn tcp-memory net.ipv4.tcp_mem']);
    expect(stat(2000, 14_745)).toEqual([]);
    expect(stat(0, 14_746)).toEqual(['warn too-many-orphans net.ipv4.tcp_max_orphans']);
    expect(stat(0, 16_385)).toEqual(['high too-many-orphans net.ipv4.tcp_max_orphans']);
    expect(found({ counters: { TCPAbortOnMemory: 1 } })).toEqual(['high tcp-memory net.ipv4.tcp_mem']);
    expect(found({ counters: { TCPMemoryPressures: 1 } })).toEqual(['warn tcp-memory TCPMemoryPressures']);
  });

  test('a neighbour that is silent is a cause only if somebody waits for it', () => {
    const sockets = [{ local: '10.0.0.1:40000', remote: '10.0.0.9:80', state: '02', retransmits: 2 }];
    const host = { unresolved: ok([{ address: '10.0.0.9', device: 'br0' }]) };
    const [finding, ...rest] = look(withHost(host, { sockets }));
    expect(rest).toEqual([]);
    expect(finding).toMatchObject({
      check: { id: 'neighbour-silent' },
      summary: expect.stringContaining('10.0.0.9 does not answer ARP on br0'),
      consequences: [{ check: 'syn-sent-stuck', subject: '10.0.0.9:80' }],
    });
    expect(found(withHost(host))).toEqual([]);
  });
});

const listener: SocketText = { local: '0.0.0.0:8080', state: '0A', inode: 7 };
const process = (more: Partial<ProcessReading>): ProcessReading => ({
  ...{ pid: 42, name: 'nginx', state: 'S', descriptors: 14, limit: 1024, listeners: [7] },
  ...more,
});
const processes = (...some: Partial<ProcessReading>[]): Partial<Host> => ({
  processes: ok(some.map(process)),
});

describe('processes', () => {
  test('at their limit of descriptors are found, and near it', () => {
    const held = (descriptors: number, listeners = [7]): string[] =>
      found(withHost(processes({ descriptors, limit: 200, listeners }), { sockets: [listener] }));
    expect(held(200)).toEqual(['high descriptors-exhausted nginx 42']);
    expect(held(193)).toEqual(['warn descriptors-exhausted nginx 42']);
    expect(held(190)).toEqual([]);
    expect(held(200, [])).toEqual(['high descriptors-exhausted nginx 42']);
  });

  test('out of descriptors are the cause of their full queue, whose advice is then not given', () => {
    const host = {
      ...processes({ descriptors: 14, limit: 14 }),
      acceptLimits: ok(new Map([[7, 8]])),
      queues: ok({ waiting: new Map([[7, 9]]), remained: new Map([[8080, 9]]) }),
    };
    const sockets = [{ ...listener, receiveQueue: 9 }];
    const [finding, ...rest] = look(
      withHost(host, { sockets, counters: { ListenOverflows: 3, ListenDrops: 3 } }),
    );
    expect(rest).toEqual([]);
    expect(finding).toMatchObject({ severity: 'critical', check: { id: 'descriptors-exhausted' } });
    expect(finding!.summary).toBe(
      'nginx (process 42) holds 14 of 14 file descriptors and listens on 0.0.0.0:8080: it can accept and open no more',
    );
    expect(finding!.consequences!.map(({ check }) => check)).toEqual([
      'accept-queue-full',
      'listener-stuck',
      'listen-overflows',
    ]);
    expect(JSON.stringify(finding!.fixes)).not.toContain('Give listen() a larger backlog');
  });

  test('that are stopped are found, unless another one shares their listener', () => {
    const sockets = [listener];
    expect(found(withHost(processes({ state: 'T' }), { sockets }))).toEqual([
      'high listener-stopped nginx 42',
    ]);
    expect(found(withHost(processes({ state: 'T' }, { pid: 43 }), { sockets }))).toEqual([]);
    expect(found(withHost(processes({ state: 'T', listeners: [] }), { sockets }))).toEqual([]);
  });

  test('that take nothing from their queue are found, with the share of one among several', () => {
    const sockets = [{ ...listener, receiveQueue: 3 }];
    const queues = (now: number, remained: number): Partial<Host> => ({
      queues: ok({ waiting: new Map([[7, now]]), remained: new Map([[8080, remained]]) }),
      acceptLimits: ok(new Map([[7, 128]])),
    });
    expect(found(withHost(queues(3, 3), { sockets }))).toEqual(['high listener-stuck 0.0.0.0:8080']);
    expect(found(withHost({ ...queues(3, 3), seconds: 0.3 }, { sockets }))).toEqual([
      'warn listener-stuck 0.0.0.0:8080',
    ]);
    expect(found(withHost(queues(3, 2), { sockets }))).toEqual([]); // as many, but not the same: accept() is at work
    expect(found(withHost(queues(2, 2), { sockets }))).toEqual([]);
    const two = [...sockets, { ...listener, inode: 8 }];
    expect(look(withHost(queues(3, 3), { sockets: two }))[0]!.summary).toMatch(
      /one of 2 listeners on that port/,
    );
  });
});

describe('ports that bind() holds', () => {
  const settings = { 'net.ipv4.ip_local_port_range': '40000 40019' };
  const held = (count: number, port: (index: number) => number): SocketText[] =>
    many(count, (index) => ({
      local: `10.77.0.1:${port(index)}`,
      remote: `10.77.0.${2 + (index % 6)}:80`,
      state: '01',
    }));

  test('are used up when each port has its own connection, whatever the destination', () => {
    const all = held(20, (index) => 40000 + index);
    expect(found({ sockets: all, settings })).toEqual(['critical bound-ports-exhausted 10.77.0.1']);
    expect(found({ sockets: all.slice(0, 19), settings })).toEqual(['warn bound-ports-exhausted 10.77.0.1']);
    expect(found({ sockets: all.slice(0, 18), settings })).toEqual([]);
  });

  test('are not when connections share them, or belong to a listener', () => {
    const shared = held(60, (index) => 40000 + (index % 20));
    expect(found({ sockets: shared, settings })).toEqual([]);
    const server = many(20, (index) => ({
      local: '10.77.0.1:40001',
      remote: `10.0.0.${index}:9`,
      state: '01',
    }));
    expect(found({ sockets: [{ local: '10.77.0.1:40001', state: '0A' }, ...server], settings })).toEqual([
      'info listener-in-ephemeral-range 10.77.0.1:40001',
    ]);
  });
});

describe('firewall rules', () => {
  const rule = (more: Partial<DropRule>): Partial<Host> => ({
    firewall: ok([
      {
        ...{ place: 'inet f in handle 4', hook: 'input', verdict: 'drop' as const },
        ...{ ports: [{ first: 8080, last: 8080 }], packets: { before: 1, after: 3 } },
        ...more,
      },
    ]),
  });
  const sockets = [listener];

  test('are found when they take packets for a port that is in use here', () => {
    expect(found(withHost(rule({}), { sockets }))).toEqual(['high firewall-drops inet f in handle 4']);
    const out = [{ local: '10.0.0.1:40000', remote: '10.0.0.9:8080', state: '02' }];
    expect(found(withHost(rule({ hook: 'output' }), { sockets: out }))).toEqual([
      'high firewall-drops inet f in handle 4',
    ]);
  });

  test('are not when they keep strangers from what nobody offers', () => {
    expect(found(withHost(rule({})))).toEqual([]);
    expect(found(withHost(rule({ ports: null }), { sockets }))).toEqual([]);
    expect(found(withHost(rule({ packets: { before: 3, after: 3 } }), { sockets }))).toEqual([]);
    expect(found(withHost(rule({ packets: null }), { sockets }))).toEqual([]);
    expect(found(withHost(rule({ hook: 'forward' }), { sockets }))).toEqual([]);
  });
});

describe('a client that keeps connecting to a port that it may be given', () => {
  const seen = (more: Partial<SeenAttempt>): SeenAttempt => ({
    ...{ process: 'haproxy', pid: 9, to: '127.0.0.1', port: 40002, loopback: true, outcome: 'failed' },
    ...more,
  });
  const attempts = (...some: Partial<SeenAttempt>[]): Differences =>
    withHost({ attempts: ok(some.map(seen)) });

  test('is named, with how often it met itself', () => {
    const [finding, ...rest] = look(attempts({}, { outcome: 'itself' }, {}));
    expect(rest).toEqual([]);
    expect(finding!.summary).toBe(
      'haproxy (process 9) keeps connecting to 127.0.0.1:40002, where nobody listens: 3 attempts in 1.0 s (3/s), and met itself once',
    );
    expect(finding!.severity).toBe('high');
  });

  test('is worth a line when it was refused once: the service may be about to start', () => {
    const [finding] = look(attempts({}));
    expect(finding!.severity).toBe('info');
    expect(look(attempts({ outcome: 'itself' }))[0]!.severity).toBe('high');
  });

  test('is none when it gets through, goes elsewhere, or the port is not handed out', () => {
    expect(found(attempts({ outcome: 'other' }, { loopback: false }, { port: 8080 }))).toEqual([]);
    expect(found({ ...attempts({}), settings: { 'net.ipv4.ip_local_reserved_ports': '40002' } })).toEqual([]);
  });
});
