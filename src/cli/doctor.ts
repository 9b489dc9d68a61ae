/** `halfopen doctor`: what makes connections fail on this host. */
import { readFileSync, statSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { parseArgs } from 'node:util';
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
  type Report,
} from '../doctor/report.ts';
import { doctorTexts } from '../messages/doctor.ts';
import { checkTexts } from '../messages/doctor-checks.ts';
import { type Language, type Say, speaker } from '../messages/message.ts';
import { argumentProblem, languageOf, machineLanguage } from './language.ts';
import { complain, paint, print } from './output/print.ts';

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
  readonly language: Language;
}

type Voice = Say<typeof doctorTexts>;

/** Wrong usage: its message is all that the user needs. */
class UsageError extends Error {}

/** Runs the command. @returns the exit code */
export async function run(args: string[]): Promise<number> {
  const language = languageOf(args);
  const say = speaker(doctorTexts, language);
  try {
    const options = parse(args, say);
    if (options === null) {
      const width = Math.max(...checks.map(({ id }) => id.length));
      const rows = checks.map(({ id }) => `  ${id.padEnd(width)}  ${checkTexts[id].title[language]}\n`);
      print(say('help') + rows.join(''));
      return 0;
    }
    return await inspect(options, args, say);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    complain('doctor', error.message);
    return 2;
  }
}

/** @returns null if help is asked for @throws UsageError */
function parse(args: string[], say: Voice): Options | null {
  const values = parseValues(args);
  if (values.help) return null;
  const formats = (['json', 'prometheus', 'fix'] as const).filter((name) => values[name]);
  if (formats.length > 1)
    throw new UsageError(say('exclude', { formats: formats.map((name) => `--${name}`).join(', ') }));
  const format = formats[0] ?? 'human';
  if (values.watch && (format === 'prometheus' || format === 'fix')) {
    throw new UsageError(say('watchWith', { format }));
  }
  const interval = Number(values.interval ?? '1');
  if (!(interval >= 0.05 && interval <= 3600)) {
    throw new UsageError(say('badInterval', { value: values.interval! }));
  }
  const proc = values.proc ?? '/proc';
  if (!isFolder(proc)) {
    const { platform } = process;
    throw new UsageError(
      platform === 'linux' ? say('noFolder', { path: proc }) : say('noFolderHere', { path: proc, platform }),
    );
  }
  let pid: number | null = null;
  if (values.pid !== undefined) {
    pid = Number(values.pid);
    if (!/^[1-9]\d*$/.test(values.pid)) throw new UsageError(say('badPid', { value: values.pid }));
    if (!isFolder(`${proc}/${pid}`)) throw new UsageError(say('noProcess', { pid, path: proc }));
  }
  return {
    format,
    watch: values.watch ?? false,
    interval: interval * 1000,
    checks: choose(values.only, values.ignore, say),
    acceptances: values.accept === undefined ? [] : readAcceptances(values.accept, say),
    pid,
    proc,
    language: format === 'json' ? machineLanguage(args) : languageOf(args),
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
    lang: text,
  } as const;
  try {
    return parseArgs({ args, options, allowPositionals: false }).values;
  } catch (error) {
    throw new UsageError(argumentProblem(error, languageOf(args)));
  }
}

function isFolder(path: string): boolean {
  try {
    return statSync(path).isDirectory();
  } catch {
    return false;
  }
}

function choose(only: string[] | undefined, ignore: string[] | undefined, say: Voice): readonly Check[] {
  const ids = (lists: string[] | undefined, option: string): string[] | undefined => {
    const split = lists?.flatMap((list) => list.split(','));
    const wrong = split?.find((id) => !checks.some((check) => check.id === id));
    if (wrong !== undefined) {
      throw new UsageError(say('noCheck', { option, id: wrong }));
    }
    return split;
  };
  const wanted = ids(only, 'only');
  const unwanted = ids(ignore, 'ignore') ?? [];
  const chosen = checks.filter(({ id }) => (wanted?.includes(id) ?? true) && !unwanted.includes(id));
  if (chosen.length === 0) throw new UsageError(say('noneLeft'));
  return chosen;
}

function readAcceptances(file: string, say: Voice): Acceptance[] {
  try {
    return parseAcceptances(readFileSync(file, 'utf8'), checks);
  } catch (error) {
    throw new UsageError(say('badAcceptances', { file, why: (error as Error).message }));
  }
}

async function inspect(options: Options, args: string[], say: Voice): Promise<number> {
  let source = locate(options.proc, options.pid);
  if (source.namespace !== null && 'why' in source.sys) {
    const obstacle = whyNotEnter(source.namespace);
    if (obstacle === null) {
      const program = [process.execPath, ...process.execArgv, process.argv[1]!];
      return runInside(source.namespace, [...program, 'doctor', ...args]);
    }
    source = { ...source, sys: { why: say('cannotEnter', { why: source.sys.why, obstacle }) } };
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
  if (nothingRead(host))
    throw new UsageError(speaker(doctorTexts, options.language)('nothingRead', { path: source.net }));
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

async function once(options: Options, source: Source): Promise<number> {
  const report = await look(options, source, sample(source));
  print(render(options, report));
  return exitCode(report.examination);
}

function render({ format, language }: Options, report: Report): string {
  switch (format) {
    case 'json':
      return `${JSON.stringify(jsonReport(report, language), null, 2)}\n`;
    case 'prometheus':
      return prometheusReport(report);
    case 'fix':
      return fixScript(report.examination.found, report.prefix);
    case 'human':
      return humanReport(report, paint, language);
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
      print(renderChange(options, last, now));
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
      last === null
        ? jsonReport(now, options.language)
        : changesJson(changes(last.examination, now.examination), now.prefix, options.language);
    return `${JSON.stringify({ at, ...value })}\n`;
  }
  if (last === null) return `${humanReport(now, paint, options.language)}\n`;
  const lines = changeLines(changes(last.examination, now.examination), paint, options.language);
  return lines.map((line) => `${at.slice(11, 19)} ${line}\n`).join('');
}
