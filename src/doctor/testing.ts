/** Hosts made by hand, for the tests of the doctor: as values, and as copies of /proc in a folder. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import type { Host, Reading } from './host.ts';
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
  'net.ipv4.tcp_max_syn_backlog': '2048',
  'net.ipv4.tcp_max_tw_buckets': '131072',
  'net.ipv4.tcp_mtu_probing': '0',
  'net.ipv4.tcp_rto_max_ms': '120000',
  'net.ipv4.tcp_sack': '1',
  'net.ipv4.tcp_syn_linear_timeouts': '4',
  'net.ipv4.tcp_syn_retries': '3',
  'net.ipv4.tcp_syncookies': '1',
  'net.ipv4.tcp_timestamps': '1',
  'net.ipv4.tcp_tw_reuse': '2',
  'net.ipv4.tcp_window_scaling': '1',
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
  ].map((name) => [name, 0]),
);

/** What differs from a healthy host. */
export interface Differences {
  readonly sockets?: readonly SocketText[];
  /** TcpExt counters of the second sample; those of the first are `before`, or 0. */
  readonly counters?: Readonly<Record<string, number>>;
  readonly before?: Readonly<Record<string, number>>;
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
    ...host,
  };
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
  for (const [name, value] of Object.entries({ ...healthySettings, ...settings })) {
    if (value !== null) write(`sys/${name.replaceAll('.', '/')}`, `${value}\n`);
  }
}
