/** Hosts made by hand, for the tests of the doctor: as values, and as copies of /proc in a folder. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { CounterFile, Counters, Host, Reading, Samples } from './host.ts';
import { SocketParser } from './sockets.ts';

/** A socket as a test writes it. */
export interface SocketText {
  /** 127.0.0.1:80, or [words in hexadecimal as the kernel prints them]:80. */
  readonly local: string;
  readonly remote?: string;
  /** As in /proc/net/tcp: 0A listens. */
  readonly state: string;
  readonly sendQueue?: number;
  readonly receiveQueue?: number;
  readonly timer?: number;
  readonly retransmits?: number;
  readonly inode?: number;
}

const hex = (value: number, width: number): string => value.toString(16).toUpperCase().padStart(width, '0');

function endpoint(text: string): string {
  const at = text.lastIndexOf(':');
  const port = hex(Number(text.slice(at + 1)), 4);
  if (text.startsWith('[')) return `${text.slice(1, at - 1)}:${port}`;
  // Little-endian: the kernel prints the word of 127.0.0.1 as 0100007F.
  const bytes = text.slice(0, at).split('.').map(Number).reverse();
  return `${bytes.map((byte) => hex(byte, 2)).join('')}:${port}`;
}

/** A line of /proc/net/tcp, as a little-endian kernel writes it. */
export function socketLine(socket: SocketText): string {
  const { local, remote = '0.0.0.0:0', state, sendQueue = 0, receiveQueue = 0 } = socket;
  const { timer = 0, retransmits = 0, inode = 4711 } = socket;
  const ends = `${endpoint(local)} ${endpoint(remote)} ${state}`;
  const queues = `${hex(sendQueue, 8)}:${hex(receiveQueue, 8)} ${hex(timer, 2)}:00000000 ${hex(retransmits, 8)}`;
  return `   0: ${ends} ${queues}  1000        0 ${inode} 1 00000000c0ffee00 20 4 30 10 -1`;
}

/** The settings of a healthy host, Linux 6.18's defaults but for a short connect time-out. */
export const healthySettings: Readonly<Record<string, string>> = {
  'net.core.somaxconn': '4096',
  'net.ipv4.ip_local_port_range': '32768\t60999',
  'net.ipv4.ip_local_reserved_ports': '',
  'net.ipv4.tcp_abort_on_overflow': '0',
  'net.ipv4.neigh.default.gc_thresh3': '1024',
  'net.ipv4.tcp_max_orphans': '16384',
  'net.ipv4.tcp_max_syn_backlog': '2048',
  'net.ipv4.tcp_max_tw_buckets': '131072',
  'net.ipv4.tcp_mem': '1000\t2000\t3000',
  'net.ipv4.tcp_mtu_probing': '0',
  'net.ipv4.tcp_rto_max_ms': '120000',
  'net.ipv4.tcp_sack': '1',
  'net.ipv4.tcp_syn_linear_timeouts': '4',
  'net.ipv4.tcp_syn_retries': '3',
  'net.ipv4.tcp_syncookies': '1',
  'net.ipv4.tcp_timestamps': '1',
  'net.ipv4.tcp_tw_reuse': '2',
  'net.ipv4.tcp_window_scaling': '1',
  'net.ipv6.neigh.default.gc_thresh3': '1024',
  'net.netfilter.nf_conntrack_count': '12',
  'net.netfilter.nf_conntrack_max': '262144',
};

/** Every counter that the checks look at, at 0. */
export const healthyCounters: Readonly<Record<string, number>> = Object.fromEntries(
  [
    'ListenOverflows',
    'ListenDrops',
    'TCPReqQFullDoCookies',
    'SyncookiesSent',
    'TCPReqQFullDrop',
    'TCPTimeouts',
    'TCPSynRetrans',
    'TCPTimeWaitOverflow',
    'TCPSYNChallenge',
    'TCPChallengeACK',
    'PAWSEstab',
    'PAWSActive',
    'IPReversePathFilter',
    'TCPMemoryPressures',
    'TCPAbortOnMemory',
  ].map((name) => [name, 0]),
);

/** The counters of other files that the checks look at, at 0. */
const healthyFiles: Readonly<
  Record<CounterFile, { where: string; counters: Readonly<Record<string, number>> }>
> = {
  snmp: {
    where: '/proc/net/snmp',
    counters: {
      'Ip.OutNoRoutes': 0,
      'Ip.InAddrErrors': 0,
      'Tcp.InCsumErrors': 0,
      'Tcp.ActiveOpens': 0,
      'Tcp.PassiveOpens': 0,
      'Tcp.InSegs': 0,
      'Tcp.OutSegs': 0,
    },
  },
  snmp6: { where: '/proc/net/snmp6', counters: { 'Ip6.OutNoRoutes': 0 } },
  conntrack: {
    where: '/proc/net/stat/nf_conntrack',
    counters: { 'conntrack.insert_failed': 0, 'conntrack.drop': 0 },
  },
  arp: { where: '/proc/net/stat/arp_cache', counters: { 'arp.entries': 3, 'arp.table_fulls': 0 } },
  ndisc: { where: '/proc/net/stat/ndisc_cache', counters: { 'ndisc.entries': 3, 'ndisc.table_fulls': 0 } },
  routes: { where: '/proc/net/stat/rt_cache', counters: { 'routes.in_martian_src': 0 } },
  softnet: { where: '/proc/net/softnet_stat', counters: { 'softnet.processed': 0, 'softnet.dropped': 0 } },
  devices: {
    where: '/proc/net/dev',
    counters: { 'devices.eth0.rx_packets': 0, 'devices.eth0.rx_dropped': 0 },
  },
  qdisc: { where: 'tc -s -j qdisc show', counters: {} },
};

/** What differs from a healthy host. */
export interface Differences {
  readonly sockets?: readonly SocketText[];
  /** TcpExt counters of the second sample; those of the first are `before`, or 0. */
  readonly counters?: Readonly<Record<string, number>>;
  readonly before?: Readonly<Record<string, number>>;
  /** Counters of other files at the second sample, by their whole names: Ip.OutNoRoutes. */
  readonly more?: Readonly<Record<string, number>>;
  readonly moreBefore?: Readonly<Record<string, number>>;
  /** null: the file is not there. */
  readonly settings?: Readonly<Record<string, string | null>>;
  readonly host?: Partial<Host>;
}

/** A host as a value. */
export function hostWith({
  sockets = [],
  counters = {},
  before = {},
  settings = {},
  host = {},
  more = {},
  moreBefore = {},
}: Differences): Host {
  const parser = new SocketParser(true);
  const lines = new TextEncoder().encode(sockets.map((socket) => `${socketLine(socket)}\n`).join(''));
  parser.push(lines, lines.length);
  const sample = (values: Readonly<Record<string, number>>): Host['before'] => ({
    ok: true,
    where: '/proc/net/netstat',
    value: new Map(
      Object.entries({ ...healthyCounters, ...values }).map(([name, value]) => [`TcpExt.${name}`, value]),
    ),
  });
  const setting = (name: string, value: string | null): Reading<string> => {
    const where = `/proc/sys/${name.replaceAll('.', '/')}`;
    if (value === null) return { ok: false, where, why: 'there is no such file', absent: true };
    return { ok: true, where, value: `${value}\n` };
  };
  const all = Object.entries({ ...healthySettings, ...settings });
  return {
    sockets: { sockets: parser.sockets, files: [{ where: '/proc/net/tcp', firstRow: 0 }], gaps: [] },
    before: sample(before),
    after: sample({ ...before, ...counters }),
    seconds: 1,
    sysctls: new Map(all.map(([name, value]) => [name, setting(name, value)])),
    acceptLimits: { ok: true, where: 'ss -lntHe', value: new Map() },
    files: filesWith(moreBefore, { ...moreBefore, ...more }),
    sockstat: {
      ok: true,
      where: '/proc/net/sockstat',
      value: new Map([
        ['TCP.mem', 100],
        ['TCP.orphan', 0],
      ]),
    },
    processes: { ok: true, where: '/proc/*/fd', value: [] },
    queues: { ok: true, where: '/proc/net/tcp, twice', value: { waiting: new Map(), remained: new Map() } },
    firewall: { ok: true, where: 'nft -j list ruleset', value: [] },
    routes: { ok: true, where: '/proc/net/route', value: { refused: [], hasDefault: true } },
    strangers: { ok: true, where: 'AF_PACKET', value: [] },
    natRanges: [],
    lostSyns: { ok: true, where: 'AF_PACKET', value: [] },
    dropPolicies: [],
    networks: 1,
    nat: { ok: true, where: '/proc/net/nf_conntrack', value: [] },
    unresolved: { ok: true, where: '/proc/net/arp', value: [] },
    attempts: { ok: true, where: 'trace events', value: [] },
    unseen: [],
    ...host,
  };
}

function filesWith(
  before: Readonly<Record<string, number>>,
  after: Readonly<Record<string, number>>,
): Map<CounterFile, Samples> {
  const files = new Map<CounterFile, Samples>();
  for (const [file, { where, counters }] of Object.entries(healthyFiles)) {
    const prefixes = new Set(Object.keys(counters).map((name) => name.slice(0, name.indexOf('.'))));
    if (file === 'qdisc') prefixes.add('qdisc');
    const sample = (values: Readonly<Record<string, number>>): Reading<Counters> => ({
      ok: true,
      where,
      value: new Map(
        Object.entries({ ...counters, ...values }).filter(([name]) =>
          prefixes.has(name.slice(0, name.indexOf('.'))),
        ),
      ),
    });
    files.set(file as CounterFile, { before: sample(before), after: sample(after) });
  }
  return files;
}

/** Writes copies of /proc into a folder. */
export function writeCopies(
  folder: string,
  { sockets = [], counters = {}, settings = {} }: Differences,
): void {
  const write = (path: string, text: string): void => {
    mkdirSync(dirname(join(folder, path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  };
  const header =
    '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode';
  const isIPv6 = ({ local }: SocketText): boolean => local.startsWith('[');
  const table = (some: readonly SocketText[]): string => `${[header, ...some.map(socketLine)].join('\n')}\n`;
  write('net/tcp', table(sockets.filter((socket) => !isIPv6(socket))));
  write('net/tcp6', table(sockets.filter(isIPv6)));
  const values = Object.entries({ ...healthyCounters, ...counters });
  const names = values.map(([name]) => name).join(' ');
  write('net/netstat', `TcpExt: ${names}\nTcpExt: ${values.map(([, value]) => value).join(' ')}\n`);
  const named = (prefix: string): [string, number][] =>
    Object.entries(healthyFiles.snmp.counters).filter(([name]) => name.startsWith(prefix));
  const pair = (prefix: string): string => {
    const columns = named(`${prefix}.`);
    const cut = columns.map(([name]) => name.slice(prefix.length + 1)).join(' ');
    return `${prefix}: ${cut}\n${prefix}: ${columns.map(([, value]) => value).join(' ')}\n`;
  };
  write('net/snmp', pair('Ip') + pair('Tcp'));
  write('net/stat/arp_cache', 'entries allocs table_fulls\n00000003 00000000 00000000\n');
  write('net/stat/ndisc_cache', 'entries allocs table_fulls\n00000003 00000000 00000000\n');
  write('net/softnet_stat', '00000001 00000000 00000000\n');
  write('net/dev', 'Inter-|\n face |\n  eth0: 1 1 0 0 0 0 0 0 1 1 0 0 0 0 0 0\n');
  write('net/sockstat', 'sockets: used 1\nTCP: inuse 1 orphan 0 tw 0 alloc 1 mem 100\n');
  for (const [name, value] of Object.entries({ ...healthySettings, ...settings })) {
    if (value !== null) write(`sys/${name.replaceAll('.', '/')}`, `${value}\n`);
  }
}
