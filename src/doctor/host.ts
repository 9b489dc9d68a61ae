/** What was read from a host: everything that the checks look at. Values only; collect.ts makes it, tests make it by hand. */
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
interface Growth {
  readonly name: string;
  readonly by: number;
  readonly total: number;
}

/** How much a counter grew. @throws Unread if a sample is missing, the kernel does not have it, or it went backwards */
export function growthOf(host: Host, name: string): Growth {
  const before = known(host.before).get(name);
  const total = known(host.after).get(name);
  if (before === undefined || total === undefined) {
    throw new Unread(host.after.where, `it has no counter ${name}`);
  }
  if (total < before) throw new Unread(host.after.where, `${name} went from ${before} back to ${total}`);
  return { name, by: total - before, total };
}
