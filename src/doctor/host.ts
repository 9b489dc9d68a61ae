/** What was read from a host: everything that the checks look at. Values only; collect.ts makes it, tests make it by hand. */
import type { PortRange } from './ports.ts';
import type { Sockets } from './sockets.ts';

/** Something read, or why it could not be. `where` is the file or command, as a person would look it up. */
export type Reading<T> =
  | { readonly ok: true; readonly where: string; readonly value: T }
  | {
      readonly ok: false;
      readonly where: string;
      readonly why: string;
      /** The kernel does not have it: the file's folder is there and the file is not. */
      readonly absent?: boolean;
    };

/** Sockets of both families, and what is missing from them. */
export interface SocketReading {
  readonly sockets: Sockets;
  /** The files they came from, and which row was the first of each. */
  readonly files: readonly { readonly where: string; readonly firstRow: number }[];
  /** Files that could not be read, or of which lines were not understood: what is in them stays unknown. */
  readonly gaps: readonly { readonly where: string; readonly why: string }[];
}

/** Counters by protocol and name, such as TcpExt.ListenOverflows (/proc/net/netstat). */
export type Counters = ReadonlyMap<string, number>;

/** Files of counters beside netstat, by the prefix of their counters' names. */
export type CounterFile =
  | 'snmp'
  | 'snmp6'
  | 'conntrack'
  | 'arp'
  | 'ndisc'
  | 'routes'
  | 'softnet'
  | 'devices'
  | 'qdisc';

/** The same counters at the first and at the second sample. */
export interface Samples {
  readonly before: Reading<Counters>;
  readonly after: Reading<Counters>;
}

/** A process of this network that listens, or holds as many files as it may. */
export interface ProcessReading {
  readonly pid: number;
  /** As in /proc/PID/comm, without control characters. */
  readonly name: string;
  /** As in /proc/PID/stat: T stopped, t traced, D waits for a device. */
  readonly state: string;
  readonly descriptors: number;
  /** Its soft limit of open files; null if it may not be read. */
  readonly limit: number | null;
  /** The inodes of listeners that it holds. */
  readonly listeners: readonly number[];
}

/** What accept() did between the two samples. */
export interface QueueReading {
  /** Connections that waited in the queue of a listener (by inode) at the second sample. */
  readonly waiting: ReadonlyMap<number, number>;
  /** How many of those that waited for a local port at the first sample still did at the second. */
  readonly remained: ReadonlyMap<number, number>;
}

/** A firewall rule that takes packets away. */
export interface DropRule {
  /** FAMILY TABLE CHAIN HANDLE, to find it again. */
  readonly place: string;
  readonly hook: string;
  readonly verdict: 'drop' | 'reject';
  /** Ports of `tcp dport` that it matches; null if it matches others too. */
  readonly ports: readonly PortRange[] | null;
  /** Packets that its counter had at the samples; null if it has none. */
  readonly packets: { readonly before: number; readonly after: number } | null;
}

/** A connection attempt of this host that was seen to end between the samples (trace events; root only). */
export interface SeenAttempt {
  readonly process: string;
  readonly pid: number;
  readonly to: string;
  readonly port: number;
  readonly loopback: boolean;
  readonly outcome: 'failed' | 'itself' | 'other';
}

/** SYNs of one client for one service that came in and were dropped or refused: no answer, no way on. */
export interface LostSyns {
  readonly from: string;
  readonly to: string;
  readonly port: number;
  /** The interface that they came in by. */
  readonly device: string;
  readonly times: number;
  /** Whether `to` is an address of this host; if not, they should have been passed on. */
  readonly ours: boolean;
  /** What the kernel said when it dropped one (NETFILTER_DROP); null if that was not seen. */
  readonly word: string | null;
  /** Answers to a connect() of this host (`from` is the other one's address, `port` its port), in the place of SYNs. */
  readonly answers: boolean;
  /** How this host refused them; null: nothing came of them. */
  readonly refused: 'rst' | 'icmp' | null;
  /** Whether the kernel finds a listener for them now (sock_diag); not asked where they were not refused. */
  readonly takes?: boolean;
}

/** Source ports that NAT holds for one destination. */
export interface NatUse {
  readonly from: string;
  readonly to: string;
  readonly ports: number;
  readonly first: number;
  readonly last: number;
}

/** A host at one moment, with the counters of a moment before. */
export interface Host {
  readonly sockets: SocketReading;
  /** The counters at the first and at the second sample. */
  readonly before: Reading<Counters>;
  readonly after: Reading<Counters>;
  /** Seconds between the two samples. */
  readonly seconds: number;
  /** Settings by name as sysctl(8) writes it: net.ipv4.tcp_syncookies. */
  readonly sysctls: ReadonlyMap<string, Reading<string>>;
  /** How many connections may wait in each listener's accept queue, by inode. Read only if a queue is not empty. */
  readonly acceptLimits: Reading<ReadonlyMap<number, number>>;
  /** Counters of other files than netstat; one that is missing here was not looked for. */
  readonly files: ReadonlyMap<CounterFile, Samples>;
  /** /proc/net/sockstat: TCP.orphan, TCP.mem and so on. */
  readonly sockstat: Reading<Counters>;
  readonly processes: Reading<readonly ProcessReading[]>;
  readonly queues: Reading<QueueReading>;
  readonly firewall: Reading<readonly DropRule[]>;
  /** Destinations that a route refuses (unreachable, prohibit, blackhole), and whether there is a default route. */
  readonly routes: Reading<{ readonly refused: readonly string[]; readonly hasDefault: boolean }>;
  /** Addresses whose SYNs arrived between the samples and that no route leads back to; read only if some were dropped. */
  readonly strangers: Reading<readonly string[]>;
  /** Read only if connection tracking has dropped something since the namespace was made. */
  readonly nat: Reading<readonly NatUse[]>;
  /** Ranges of source ports that the firewall's rules give to translated connections. */
  readonly natRanges: readonly PortRange[];
  /** Addresses that the neighbour table could not resolve, and the interface that they were asked for on. */
  readonly unresolved: Reading<readonly { readonly address: string; readonly device: string }[]>;
  readonly attempts: Reading<readonly SeenAttempt[]>;
  /** What became of arriving SYNs, by a packet socket (root). */
  readonly lostSyns: Reading<readonly LostSyns[]>;
  /** Chains of the firewall that drop what no rule of theirs accepts: FAMILY TABLE CHAIN, and where they hook in. */
  readonly dropPolicies: readonly { readonly place: string; readonly hook: string }[];
  /** Network namespaces on this machine: some counters are of all of them together. Null if that is not known. */
  readonly networks: number | null;
  /** What this examination could not look at, one sentence each. */
  readonly unseen: readonly string[];
}

/** Thrown inside a check when something it needs could not be read; becomes an unknown in the report. */
export class Unread extends Error {
  readonly where: string;

  constructor(where: string, why: string) {
    super(why);
    this.name = 'Unread';
    this.where = where;
  }
}

/** The value of a reading. @throws Unread with the reason if there is none */
export function known<T>(reading: Reading<T>): T {
  if (!reading.ok) throw new Unread(reading.where, reading.why);
  return reading.value;
}

/** The file that a socket was read from; without a row, all files of sockets. */
export function socketFile({ sockets: { files } }: Host, row?: number): string {
  if (row === undefined) return files.map(({ where }) => where).join(' and ');
  return files.findLast(({ firstRow }) => firstRow <= row)!.where;
}

/** A setting's reading. @throws Unread if the collector was not asked for it */
export function sysctl(host: Host, name: string): Reading<string> {
  return host.sysctls.get(name) ?? { ok: false, where: name, why: 'it was not read' };
}

/** A setting that is one whole number. @throws Unread if it could not be read or is something else */
export function numberOf(host: Host, name: string): number {
  const reading = sysctl(host, name);
  const text = known(reading).trim();
  if (!/^-?\d+$/.test(text)) throw new Unread(reading.where, `'${text}' is not a whole number`);
  return Number(text);
}

/** How much a counter grew between the samples, and what it is now. */
export interface Growth {
  readonly name: string;
  readonly where: string;
  readonly by: number;
  readonly total: number;
}

const fileOf: Readonly<Record<string, CounterFile>> = {
  Ip: 'snmp',
  Icmp: 'snmp',
  Tcp: 'snmp',
  Ip6: 'snmp6',
  conntrack: 'conntrack',
  arp: 'arp',
  ndisc: 'ndisc',
  routes: 'routes',
  softnet: 'softnet',
  devices: 'devices',
  qdisc: 'qdisc',
};

/** The samples of the file that a counter stands in. */
export function samplesOf(host: Host, name: string): Samples {
  const file = fileOf[name.slice(0, name.indexOf('.'))];
  const samples = file === undefined ? host : host.files.get(file);
  const nothing: Reading<Counters> = { ok: false, where: `${file}`, why: 'it was not read', absent: true };
  return samples ?? { before: nothing, after: nothing };
}

/** How much a counter grew. @throws Unread if a sample is missing, the kernel does not have it, or it went backwards */
export function growthOf(host: Host, name: string): Growth {
  const samples = samplesOf(host, name);
  const before = known(samples.before).get(name);
  const total = known(samples.after).get(name);
  const { where } = samples.after;
  if (before === undefined || total === undefined) {
    throw new Unread(where, `it has no counter ${name}`);
  }
  if (total < before) throw new Unread(where, `${name} went from ${before} back to ${total}`);
  return { name, where, by: total - before, total };
}

/** How much a counter grew, or null if that is not known: for what only adds to a finding. */
export function growthIfKnown(host: Host, name: string): Growth | null {
  try {
    return growthOf(host, name);
  } catch (error) {
    if (error instanceof Unread) return null;
    throw error;
  }
}
