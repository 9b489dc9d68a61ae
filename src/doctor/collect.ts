/** Reads a host: sockets, counters and settings from /proc, listeners' backlogs from ss. Changes nothing. */
import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, openSync, readFileSync, readlinkSync, readSync, statfsSync } from 'node:fs';
import { endianness } from 'node:os';
import { dirname, resolve } from 'node:path';
import { settings } from './checks.ts';
import type { Counters, Host, Reading, SocketReading } from './host.ts';
import { SocketParser, type Sockets, state } from './sockets.ts';

/** Where a host is read from. */
export interface Source {
  /** The folder with tcp, tcp6 and netstat. */
  readonly net: string;
  /** The folder with the settings, or why what stands there is not this host's. */
  readonly sys: { readonly path: string } | { readonly why: string };
  /** Whether it is a running kernel's, not copies. */
  readonly live: boolean;
  /** Whether it is this process's own network, so that commands such as ss see the same. */
  readonly own: boolean;
  /** The network namespace that one has to enter to read what `sys` says it cannot. */
  readonly namespace: string | null;
}

/** The type of a proc file system (PROC_SUPER_MAGIC of linux/magic.h). */
const procMagic = 0x9fa0;

/**
 * Finds out where to read. A process's net folder shows its namespace, but sys shows that of the reader, so that the
 * settings of another namespace are unknown until one enters it.
 *
 * @param root a mounted proc file system, whose process 1 is meant unless it is /proc, or a folder with copies
 * @param pid the process whose network is meant
 */
export function locate(root: string, pid: number | null): Source {
  const path = resolve(root);
  const live = isProc(path);
  const process = pid ?? (live && path !== '/proc' ? 1 : null);
  if (process === null) {
    return { net: `${path}/net`, sys: { path: `${path}/sys` }, live, own: live, namespace: null };
  }
  const namespace = `${path}/${process}/ns/net`;
  const theirs = linkTarget(namespace);
  const own = theirs !== null && theirs === linkTarget('/proc/self/ns/net');
  const why = `the settings of the network namespace of process ${process} can be read only inside of it`;
  return {
    net: `${path}/${process}/net`,
    sys: own || !live ? { path: `${path}/sys` } : { why },
    live,
    own,
    namespace: own || !live ? null : namespace,
  };
}

function isProc(path: string): boolean {
  try {
    return statfsSync(path).type === procMagic;
  } catch {
    return false; // reading from it says what is wrong with it
  }
}

function linkTarget(path: string): string | null {
  try {
    return readlinkSync(path);
  } catch {
    return null; // no right to look, or no such process: it counts as another namespace
  }
}

const messageOf = (error: unknown): string => {
  const { code } = error as NodeJS.ErrnoException;
  if (code === 'ENOENT') return 'there is no such file';
  if (code === 'EACCES' || code === 'EPERM') return `it may not be read by this user (${code})`;
  return `it cannot be read (${code ?? String(error)})`;
};

function readText(path: string, live: boolean): Reading<string> {
  try {
    return { ok: true, where: path, value: readFileSync(path, 'utf8') };
  } catch (error) {
    // Copies may leave out whole folders, a kernel only those of what it does not have.
    const folder = live ? dirname(dirname(path)) : dirname(path);
    const absent = (error as NodeJS.ErrnoException).code === 'ENOENT' && existsSync(folder);
    return { ok: false, where: path, why: messageOf(error), absent };
  }
}

/** Reads the counters of /proc/net/netstat. */
function readCounters(source: Source): Reading<Counters> {
  const file = readText(`${source.net}/netstat`, source.live);
  if (!file.ok) return file;
  const counters = new Map<string, number>();
  parseCounters(file.value, counters);
  if (counters.size === 0) return { ok: false, where: file.where, why: 'it holds no counters' };
  return { ...file, value: counters };
}

/** Reads pairs of lines: `TcpExt: NAME NAME...` and `TcpExt: 1 2...`. Passes over what is not one. */
export function parseCounters(text: string, into: Map<string, number>): void {
  const lines = text.split('\n');
  for (let line = 0; line + 1 < lines.length; line++) {
    const [protocol, ...names] = lines[line]!.split(' ');
    const [again, ...values] = lines[line + 1]!.split(' ');
    if (!protocol?.endsWith(':') || protocol !== again || !/^-?\d+$/.test(values[0] ?? '')) continue;
    for (const [index, name] of names.entries()) {
      const value = Number(values[index]);
      if (Number.isFinite(value)) into.set(`${protocol.slice(0, -1)}.${name}`, value);
    }
    line++;
  }
}

/** Reads both files of sockets. */
function readSockets(source: Source): SocketReading {
  const parser = new SocketParser(endianness() === 'LE');
  const gaps: { where: string; why: string }[] = [];
  const files: { where: string; firstRow: number }[] = [];
  for (const name of ['tcp', 'tcp6']) {
    const where = `${source.net}/${name}`;
    const unknownBefore = parser.unknownLines;
    const firstRow = parser.length;
    try {
      readInto(parser, where);
      files.push({ where, firstRow });
    } catch (error) {
      // Without IPv6 the kernel has neither file, and nothing is missing.
      const noIPv6 =
        source.live && name === 'tcp6' && files.length > 0 && !existsSync(`${source.net}/if_inet6`);
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || !noIPv6) {
        gaps.push({ where, why: messageOf(error) });
      }
    }
    const unknown = parser.unknownLines - unknownBefore;
    if (unknown > 0) gaps.push({ where, why: `${unknown} of its lines were not understood` });
  }
  return { sockets: parser.sockets, files, gaps };
}

function readInto(parser: SocketParser, path: string): void {
  const file = openSync(path, 'r');
  try {
    const buffer = new Uint8Array(1 << 18);
    let end = 0;
    for (;;) {
      const got = readSync(file, buffer, end, buffer.length - end, null);
      end += got;
      // A read gives a page at most: many are gathered before the lines are looked at.
      if (got > 0 && end < buffer.length) continue;
      // A last line without its end.
      if (got === 0 && end > 0 && end < buffer.length) buffer[end++] = 10;
      let used = parser.push(buffer, end);
      if (used === 0 && end === buffer.length) {
        parser.unknownLines++; // a line longer than any of the kernel's
        used = end;
      }
      buffer.copyWithin(0, used, end);
      end -= used;
      if (got === 0) return;
    }
  } finally {
    closeSync(file);
  }
}

function readSettings(source: Source): Map<string, Reading<string>> {
  const { sys } = source;
  const read = (name: string): Reading<string> => {
    if ('why' in sys) return { ok: false, where: name, why: sys.why };
    const reading = readText(`${sys.path}/${name.replaceAll('.', '/')}`, source.live);
    // The kernel hides these settings from some namespaces although connection tracking is at work there.
    const hidden = name.startsWith('net.netfilter.') && existsSync(`${source.net}/stat/nf_conntrack`);
    return reading.ok || !hidden ? reading : { ...reading, absent: false };
  };
  return new Map(settings.map((name) => [name, read(name)]));
}

const ssCommand = ['ss', '-lntHe'] as const;

/** The backlogs of all listeners by inode. Only inet_diag knows them, and ss is how one asks it. */
function readAcceptLimits(source: Source, sockets: Sockets): Reading<Map<number, number>> {
  const where = ssCommand.join(' ');
  let waiting = false;
  for (let row = 0; row < sockets.length; row++) {
    if (sockets.state[row] === state.listen && sockets.receiveQueue[row]! > 0) waiting = true;
  }
  if (!waiting) return { ok: true, where, value: new Map() };
  if (!source.own) {
    return {
      ok: false,
      where,
      why: 'it shows the backlogs of the own network namespace only, not of this one',
    };
  }
  const result = spawnSync(ssCommand[0], ssCommand.slice(1), {
    encoding: 'utf8',
    timeout: 5000,
    maxBuffer: 1 << 26,
  });
  if (result.error || result.status !== 0) {
    const missing = (result.error as NodeJS.ErrnoException | undefined)?.code === 'ENOENT';
    const why = missing ? 'it is not installed (package iproute2)' : `it failed: ${result.stderr?.trim()}`;
    return { ok: false, where, why };
  }
  return { ok: true, where, value: parseAcceptLimits(result.stdout) };
}

/** Reads the lines of `ss -lntHe`: for a listener its second number is the backlog. Passes over what is not one. */
export function parseAcceptLimits(text: string): Map<number, number> {
  const limits = new Map<number, number>();
  for (const line of text.split('\n')) {
    const match = /^LISTEN\s+\d+\s+(\d+)\s.*\bino:(\d+)/.exec(line);
    if (match !== null) limits.set(Number(match[2]), Number(match[1]));
  }
  return limits;
}

/** A first sample of what grows. */
export interface Sample {
  readonly counters: Reading<Counters>;
  /** When it was taken, in ms of a clock that only goes forward. */
  readonly at: number;
}

/** Takes the first sample. */
export function sample(source: Source): Sample {
  return { counters: readCounters(source), at: performance.now() };
}

/**
 * Reads a host.
 * @param before the sample that counters are compared with
 * @param wait called after the sockets were read, which can take a while: waits until the second sample is due
 */
export async function collect(source: Source, before: Sample, wait: () => Promise<void>): Promise<Host> {
  const sockets = readSockets(source);
  const acceptLimits = readAcceptLimits(source, sockets.sockets);
  const sysctls = readSettings(source);
  await wait();
  const after = sample(source);
  return {
    sockets,
    acceptLimits,
    sysctls,
    before: before.counters,
    after: after.counters,
    seconds: (after.at - before.at) / 1000,
  };
}

/** Whether nothing at all could be read. */
export function nothingRead(host: Host): boolean {
  const settingsRead = [...host.sysctls.values()].some((reading) => reading.ok);
  return host.sockets.files.length === 0 && !host.after.ok && !settingsRead;
}
