/** One script in one address set-up: everything that goes in and comes out can be sent between threads. */
import { basename, dirname } from 'node:path';
import type { Failure, FailureKind } from '../drill/failure.ts';
import { type HostSystem, openHost } from '../drill/on-host.ts';
import { type RunOptions, type RunResult, runScript } from '../drill/run.ts';
import type { IpVersion } from '../drill/system-under-test.ts';
import type { WorldEvent } from '../sim/events.ts';
import { python3 } from './python3.ts';
import { readBelow, shellFile, whyUnreadable } from './script-files.ts';

export interface Job {
  readonly file: string;
  /** The script, if it cannot be read again, such as one that comes through a pipe. */
  readonly text?: string;
  /** Null: as the options or the script say. */
  readonly ip: IpVersion | null;
  readonly defines: readonly (readonly [string, string])[];
  /** packetdrill's own options. */
  readonly options: readonly { readonly name: string; readonly value: string | null }[];
  readonly python: boolean;
  readonly seed: number;
  /** The script is read below this folder (a real path), and so are shell scripts that it calls. */
  readonly root: string;
  /** Nothing but the script is read. */
  readonly untrusted: boolean;
  /** How long it may take, ms. */
  readonly timeoutMs: number;
}

export interface JobResult {
  readonly file: string;
  readonly ip: IpVersion;
  /** The script; null if it could not be read. */
  readonly text: string | null;
  readonly failure: Failure | null;
  /** Why it was not meant to run; null if it was. */
  readonly skipped: string | null;
  /** What the stack has not that the script asks for; null if it has all. */
  readonly cannotRun: string | null;
  readonly warnings: readonly Failure[];
  readonly virtualUs: number;
  /** Wall-clock time, ms. */
  readonly wallMs: number;
  readonly output: string;
  /** What happened in the virtual network, times from the script's start. */
  readonly events: readonly WorldEvent[];
}

/** What packetdrill's own suite expects to be defined, by address set-up. */
const customary: Readonly<Record<IpVersion, Readonly<Record<string, string>>>> = {
  ipv4: {
    TFO_COOKIE: '3021b9d889017eeb',
    CODE: 'host_unreachable',
    CMSG_LEVEL_IP: 'SOL_IP',
    CMSG_TYPE_RECVERR: 'IP_RECVERR',
  },
  'ipv4-mapped-ipv6': {
    TFO_COOKIE: '3021b9d889017eeb',
    CODE: 'host_unreachable',
    CMSG_LEVEL_IP: 'SOL_IPV6',
    CMSG_TYPE_RECVERR: 'IPV6_RECVERR',
  },
  ipv6: {
    TFO_COOKIE: 'c1d1e9742a47a9bc',
    CODE: 'address_unreachable',
    CMSG_LEVEL_IP: 'SOL_IPV6',
    CMSG_TYPE_RECVERR: 'IPV6_RECVERR',
  },
};

function readOrNothing(file: string, root: string): string {
  try {
    return readBelow(file, root);
  } catch {
    return ''; // To run it says what is wrong.
  }
}

/**
 * The address set-ups that a script is made for, by its name or its --ip_version; null if any will do.
 * @param text the script, if it was read already
 */
export function restrictedTo(file: string, root: string, text?: string): IpVersion[] | null {
  const name = basename(file);
  if (name.endsWith('v6.pkt')) return ['ipv6'];
  if (name.endsWith('v4.pkt')) return ['ipv4', 'ipv4-mapped-ipv6'];
  const version = /^[ \t]*--ip_version=(ipv4-mapped-ipv6|ipv4|ipv6)\b/m.exec(
    text ?? readOrNothing(file, root),
  )?.[1];
  return version === undefined ? null : [version as IpVersion];
}

/** What a run of a job needs whatever it runs on. */
type JobRun = Omit<RunOptions, 'open'>;

/** Reads a job's script. @returns how to run it, or what is wrong with it */
export function prepareJob(job: Job): JobRun | JobResult {
  const wanted = job.ip ?? 'ipv4';
  let text: string;
  try {
    text = job.text ?? readBelow(job.file, job.root);
  } catch (error) {
    return failedResult(job.file, wanted, 'parse', `the script cannot be read: ${whyUnreadable(error)}`);
  }
  return {
    file: job.file,
    text,
    ...(job.ip === null ? {} : { ipVersion: job.ip }),
    defines: new Map([...Object.entries(customary[wanted]), ...job.defines]),
    options: job.options,
    ...(job.python ? { python: python3(job.timeoutMs) } : {}),
  };
}

/** Reads and runs a script on the built-in host. What is wrong is in the result. */
export function runJob(job: Job): JobResult {
  const started = performance.now();
  const prepared = prepareJob(job);
  if ('failure' in prepared) return prepared;
  const systems: HostSystem[] = [];
  const result = runScript({
    ...prepared,
    open: (network) => {
      const system = openHost(network, {
        seed: job.seed,
        folder: dirname(job.file),
        readFile: (path) => shellFile(path, job.untrusted ? null : job.root),
      });
      systems.push(system);
      return system;
    },
  });
  const events = systems.flatMap((system) => system.eventsFrom(result.startUs));
  return jobResult(prepared.text, result, events, performance.now() - started);
}

/** The result of a script that ran. @param events what happened, with times from the script's start */
export function jobResult(
  text: string,
  result: RunResult,
  events: readonly WorldEvent[],
  wallMs: number,
): JobResult {
  const { file, warnings, virtualUs, output, ipVersion } = result;
  const cannotRun = result.failure?.kind === 'cannot-run' ? result.failure.message : null;
  const failure = cannotRun === null ? result.failure : null;
  return {
    file,
    ip: ipVersion,
    text,
    failure,
    skipped: null,
    cannotRun,
    warnings,
    virtualUs,
    wallMs,
    output,
    events,
  };
}

/** The result of a script that did not run. */
export const emptyResult = (file: string, ip: IpVersion): JobResult => ({
  file,
  ip,
  text: null,
  failure: null,
  skipped: null,
  cannotRun: null,
  warnings: [],
  virtualUs: 0,
  wallMs: 0,
  output: '',
  events: [],
});

/** The result of a script that failed as a whole. */
export function failedResult(file: string, ip: IpVersion, kind: FailureKind, message: string): JobResult {
  const failure: Failure = {
    kind,
    file,
    line: 0,
    column: 0,
    message,
    expected: null,
    actual: null,
    notes: [],
  };
  return { ...emptyResult(file, ip), failure };
}
