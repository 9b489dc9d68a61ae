/** `halfopen doctor`: what makes connections fail on this host. */
import { readFileSync, statSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs, styleText } from 'node:util';
import { type Acceptance, parseAcceptances, withoutAccepted } from '../doctor/accept.ts';
import { type Check, type Examination, examine, shortened } from '../doctor/check.ts';
import { checks } from '../doctor/checks.ts';
import { collect, locate, nothingRead, type Sample, type Source, sample } from '../doctor/collect.ts';
import { withConsequences } from '../doctor/consequences.ts';
import { fixScript } from '../doctor/fix.ts';
import { runInside, whyNotEnter } from '../doctor/namespace.ts';
import { withOwners } from '../doctor/owners.ts';
import { prometheusReport } from '../doctor/prometheus.ts';
import {
  carriedOver,
  changeLines,
  changes,
  changesJson,
  humanReport,
  jsonReport,
  type Paint,
  type Report,
} from '../doctor/report.ts';

const help = `Usage: halfopen doctor [OPTION]...

Finds what makes TCP connections fail on this host. Reads /proc (and asks ss and tc), changes nothing, needs no root.
As root it also sees other users' processes, the firewall's rules, and attempts that last moments (trace events).

  --json            the whole report as JSON
  --prometheus      metrics in Prometheus' text format
  --fix             print a shell script of the fixes; nothing is run
  --watch           go on until interrupted; print what changes
  --interval S      seconds between the two samples of counters (default 1)
  --only ID,...     only these checks
  --ignore ID,...   all but these checks
  --accept FILE     do not report or count the findings that FILE lists, a line each: ID or ID SUBJECT
  --pid PID         the network of this process (a container's): its namespace is entered if this user may
  --proc ROOT       another proc file system (its process 1 is meant), or a folder with copies of /proc/net and /proc/sys

Exit: 0 nothing of severity high or worse, 1 something of it, 2 wrong usage, or nothing that the checks need could be read.

Examples:
  halfopen doctor
  halfopen doctor --fix > fix.sh
  halfopen doctor --only self-connected-socket,listener-in-ephemeral-range --json
  halfopen doctor --pid "$(pidof -s nginx)"

Checks:
`;

/** What the command line asks for. */
interface Options {
  readonly format: 'human' | 'json' | 'prometheus' | 'fix';
  readonly watch: boolean;
  /** Milliseconds between two samples. */
  readonly interval: number;
  readonly checks: readonly Check[];
  readonly acceptances: readonly Acceptance[];
  readonly pid: number | null;
  readonly proc: string;
}

/** Wrong usage: its message is all that the user needs. */
class UsageError extends Error {}

/** Runs the command. @returns the exit code */
export async function run(args: string[]): Promise<number> {
  try {
    const options = parse(args);
    if (options === null) {
      const width = Math.max(...checks.map(({ id }) => id.length));
      const rows = checks.map(({ id, title }) => `  ${id.padEnd(width)}  ${title}\n`);
      process.stdout.write(help + rows.join(''));
      return 0;
    }
    return await inspect(options, args);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    process.stderr.write(`halfopen doctor: ${error.message}\n`);
    return 2;
  }
}

/** @returns null if help is asked for @throws UsageError */
function parse(args: string[]): Options | null {
  const values = parseValues(args);
  if (values.help) return null;
  const formats = (['json', 'prometheus', 'fix'] as const).filter((name) => values[name]);
  if (formats.length > 1) throw new UsageError(`--${formats.join(' and --')} exclude each other`);
  const format = formats[0] ?? 'human';
  if (values.watch && (format === 'prometheus' || format === 'fix')) {
    throw new UsageError(`--watch does not go with --${format}`);
  }
  const interval = Number(values.interval ?? '1');
  if (!(interval >= 0.05 && interval <= 3600)) {
    throw new UsageError(`--interval takes seconds from 0.05 to 3600, not '${values.interval}'`);
  }
  const proc = values.proc ?? '/proc';
  if (!isFolder(proc)) {
    const hint =
      process.platform === 'linux' ? '' : `; the doctor reads Linux's, and this is ${process.platform}`;
    throw new UsageError(`there is no folder ${proc}${hint}`);
  }
  let pid: number | null = null;
  if (values.pid !== undefined) {
    pid = Number(values.pid);
    if (!/^[1-9]\d*$/.test(values.pid))
      throw new UsageError(`--pid takes a process number, not '${values.pid}'`);
    if (!isFolder(`${proc}/${pid}`)) throw new UsageError(`there is no process ${pid} in ${proc}`);
  }
  return {
    format,
    watch: values.watch ?? false,
    interval: interval * 1000,
    checks: choose(values.only, values.ignore),
    acceptances: values.accept === undefined ? [] : readAcceptances(values.accept),
    pid,
    proc,
  };
}

function parseValues(args: string[]) {
  const flag = { type: 'boolean' } as const;
  const text = { type: 'string' } as const;
  const lists = { type: 'string', multiple: true } as const;
  const options = {
    help: { type: 'boolean', short: 'h' },
    json: flag,
    prometheus: flag,
    fix: flag,
    watch: flag,
    interval: text,
    only: lists,
    ignore: lists,
    accept: text,
    pid: text,
    proc: text,
  } as const;
  try {
    return parseArgs({ args, options, allowPositionals: false }).values;
  } catch (error) {
    throw new UsageError(`${(error as Error).message.split('. ')[0]}; --help lists what it takes`);
  }
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}

function choose(only: string[] | undefined, ignore: string[] | undefined): readonly Check[] {
  const ids = (lists: string[] | undefined, option: string): string[] | undefined => {
    const split = lists?.flatMap((list) => list.split(','));
    const wrong = split?.find((id) => !checks.some((check) => check.id === id));
    if (wrong !== undefined) {
      throw new UsageError(`--${option}: there is no check '${wrong}'; --help lists them`);
    }
    return split;
  };
  const wanted = ids(only, 'only');
  const unwanted = ids(ignore, 'ignore') ?? [];
  const chosen = checks.filter(({ id }) => (wanted?.includes(id) ?? true) && !unwanted.includes(id));
  if (chosen.length === 0) throw new UsageError('--only and --ignore leave no check');
  return chosen;
}

function readAcceptances(file: string): Acceptance[] {
  try {
    return parseAcceptances(readFileSync(file, 'utf8'), checks);
  } catch (error) {
    throw new UsageError(`--accept ${file}: ${(error as Error).message}`);
  }
}

async function inspect(options: Options, args: string[]): Promise<number> {
  let source = locate(options.proc, options.pid);
  if (source.namespace !== null && 'why' in source.sys) {
    const obstacle = whyNotEnter(source.namespace);
    if (obstacle === null) {
      const program = [process.execPath, ...process.execArgv, process.argv[1]!];
      return runInside(source.namespace, [...program, 'doctor', ...args]);
    }
    source = { ...source, sys: { why: `${source.sys.why}, and it cannot be entered: ${obstacle}` } };
  }
  return options.watch ? watch(options, source) : once(options, source);
}

/** A report, and the sample of counters that the next one is compared with. */
interface Look extends Report {
  readonly sample: Sample;
}

/** The checks that look at what happens meanwhile: attempts, and SYNs that arrive. */
const live: readonly string[] = ['self-connect-trap', 'lost-syns', 'listener-elsewhere'];

async function look(options: Options, source: Source, before: Sample, signal?: AbortSignal): Promise<Look> {
  const wait = async (): Promise<void> => {
    const left = before.at + options.interval - performance.now();
    // Also when reading took longer than the interval: only here is an interrupt noticed.
    await delay(Math.max(left, 0), undefined, signal ? { signal } : {});
  };
  const { host, after } = await collect(source, before, wait, {
    proc: options.proc,
    // Few checks look at them, and following them takes a moment to set up.
    attempts: !options.watch && options.checks.some(({ id }) => live.includes(id)),
  });
  if (nothingRead(host)) throw new UsageError(`nothing could be read from ${source.net}`);
  const all = examine(host, options.checks);
  const owned = source.live ? withOwners(all.found, options.proc, options.pid) : all.found;
  const { found, accepted, unused } = withoutAccepted(owned, options.acceptances);
  // A line for a check that was not asked for says nothing about its findings.
  const looked = unused.filter(({ check }) => options.checks.some(({ id }) => id === check));
  const prefix = options.pid === null ? '' : `nsenter -t ${options.pid} -n `;
  return {
    host,
    examination: { ...all, found: shortened(withConsequences(found)) },
    accepted,
    unused: looked,
    prefix,
    sample: after,
  };
}

function exitCode({ checks, found, blind }: Examination): number {
  if (found.some(({ severity }) => severity === 'critical' || severity === 'high')) return 1;
  return blind.length === checks.length ? 2 : 0;
}

const paint: Paint = (style, text) =>
  process.stdout.isTTY && !process.env.NO_COLOR ? styleText(style, text) : text;

async function once(options: Options, source: Source): Promise<number> {
  const report = await look(options, source, sample(source));
  process.stdout.write(render(options, report));
  return exitCode(report.examination);
}

function render({ format }: Options, report: Report): string {
  switch (format) {
    case 'json':
      return `${JSON.stringify(jsonReport(report), null, 2)}\n`;
    case 'prometheus':
      return prometheusReport(report);
    case 'fix':
      return fixScript(report.examination.found, report.prefix);
    case 'human':
      return humanReport(report, paint);
  }
}

/** Reports once in full and then what changes, until interrupted. */
async function watch(options: Options, source: Source): Promise<number> {
  const stop = new AbortController();
  const interrupt = (): void => stop.abort();
  // They stay to the end: a terminal's ^C can reach this process twice, once through the one that entered a namespace.
  process.on('SIGINT', interrupt).on('SIGTERM', interrupt);
  let last: Report | null = null;
  try {
    let before = sample(source);
    for (;;) {
      const seen = await look(options, source, before, stop.signal);
      const examination = last === null ? seen.examination : carriedOver(last.examination, seen.examination);
      const now: Look = { ...seen, examination };
      process.stdout.write(renderChange(options, last, now));
      before = now.sample;
      last = now;
    }
  } catch (error) {
    if (!stop.signal.aborted) throw error;
    return last === null ? 0 : exitCode(last.examination);
  }
}

function renderChange(options: Options, last: Report | null, now: Report): string {
  const at = new Date().toISOString();
  if (options.format === 'json') {
    const value =
      last === null ? jsonReport(now) : changesJson(changes(last.examination, now.examination), now.prefix);
    return `${JSON.stringify({ at, ...value })}\n`;
  }
  if (last === null) return `${humanReport(now, paint)}\n`;
  const lines = changeLines(changes(last.examination, now.examination), paint);
  return lines.map((line) => `${at.slice(11, 19)} ${line}\n`).join('');
}
