/** Reads a host: sockets, counters and settings from /proc, listeners' backlogs from ss. Changes nothing. */
import { spawnSync } from 'node:child_process';
import { closeSync, existsSync, readlinkSync, readSync, statfsSync } from 'node:fs';
import { endianness } from 'node:os';
import { resolve } from 'node:path';
import { networkNamespaces } from '../linux/network-namespaces.ts';
import { settings } from './checks.ts';
import { watchArrivals } from './collect-arrivals.ts';
import { watchAttempts } from './collect-attempts.ts';
import {
  notAsked,
  pairRules,
  readCounterFiles,
  readOnDemand,
  readRoutes,
  readRules,
  readSockstat,
  readUnresolved,
  unseenBy,
} from './collect-more.ts';
import { listenersOf, readProcesses, readQueues } from './collect-processes.ts';
import { parseCounters, type Rules } from './counters.ts';
import type { CounterFile, Counters, Host, Reading, SocketReading } from './host.ts';
import { attempt, messageOf, openRegular, readText, type Source } from './read.ts';
import { SocketParser, type Sockets, state } from './sockets.ts';

export type { Source } from './read.ts';

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

/** Reads the counters of /proc/net/netstat. */
function readCounters(source: Source): Reading<Counters> {
  const file = readText(`${source.net}/netstat`, source.live);
  if (!file.ok) return file;
  const counters = new Map<string, number>();
  parseCounters(file.value, counters);
  if (counters.size === 0) return { ok: false, where: file.where, why: 'it holds no counters' };
  return { ...file, value: counters };
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
  const file = openRegular(path);
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
  readonly files: ReadonlyMap<CounterFile, Reading<Counters>>;
  readonly rules: Reading<Rules>;
  /** When it was taken, in ms of a clock that only goes forward. */
  readonly at: number;
}

/** Takes the first sample. */
export function sample(source: Source): Sample {
  const at = performance.now();
  return { counters: readCounters(source), files: readCounterFiles(source), rules: readRules(source), at };
}

/**
 * Reads a host.
 * @param before the sample that counters are compared with
 * @param wait called after the sockets were read, which can take a while: waits until the second sample is due
 * @param options the proc file system whose processes are meant; whether to follow attempts by trace events
 */
export async function collect(
  source: Source,
  before: Sample,
  wait: () => Promise<void>,
  { proc, attempts: wanted }: { readonly proc: string; readonly attempts: boolean },
): Promise<{ host: Host; after: Sample }> {
  const opening = wanted ? watchAttempts(source, proc) : null;
  const arriving = wanted ? watchArrivals(source, proc) : null;
  const sockets = readSockets(source);
  const acceptLimits = readAcceptLimits(source, sockets.sockets);
  const sysctls = readSettings(source);
  const processes = readProcesses(source, proc, listenersOf(sockets.sockets));
  const attempts = await opening;
  await wait();
  const after = sample(source);
  const files = new Map(
    [...after.files].map(([name, reading]) => [
      name,
      { before: before.files.get(name) ?? reading, after: reading },
    ]),
  );
  const queues = readQueues(sockets.sockets, () => readSockets(source));
  const seen = attempts === null ? notAsked : attempts.end();
  const lostSyns = arriving === null ? notAsked : arriving.end(attempts?.drops ?? []);
  const host: Host = {
    sockets,
    acceptLimits,
    sysctls,
    before: before.counters,
    after: after.counters,
    seconds: (after.at - before.at) / 1000,
    files,
    sockstat: readSockstat(source),
    processes,
    queues,
    firewall: pairRules(before.rules, after.rules),
    routes: readRoutes(source),
    unresolved: readUnresolved(source),
    attempts: seen,
    lostSyns,
    networks: source.live ? attempt(() => networkNamespaces().length, null) : null,
    dropPolicies: after.rules.ok ? after.rules.value.policies : [],
    strangers: notAsked,
    nat: notAsked,
    natRanges: [],
    unseen: [],
  };
  const more = await readOnDemand(source, host, after.rules);
  return { host: { ...host, ...more, unseen: unseenBy(source, host) }, after };
}

/** Whether nothing at all could be read. */
export function nothingRead(host: Host): boolean {
  const settingsRead = [...host.sysctls.values()].some((reading) => reading.ok);
  return host.sockets.files.length === 0 && !host.after.ok && !settingsRead;
}
