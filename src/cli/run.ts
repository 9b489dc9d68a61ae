/** `halfopen run`: packetdrill scripts on the built-in stack in virtual time, on the machine's kernel, or on a stack of others. */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { applyOption, defaultConfig, optionNames, optionTakesValue } from '../drill/config.ts';
import type { IpVersion } from '../drill/system-under-test.ts';
import { type Language, type Say, speaker } from '../messages/message.ts';
import { runTexts } from '../messages/run.ts';
import { visible } from '../wire/visible.ts';
import { argumentProblem, languageOf } from './language.ts';
import { OutputFile } from './output/file.ts';
import { complain, print } from './output/print.ts';
import type { Job, JobResult } from './run-job.ts';
import { type JobRunner, runnerOn } from './run-on.ts';
import { planRuns } from './run-plan.ts';
import { runPlan, runPlanOn } from './run-pool.ts';
import { captureOf, type Format, Printer } from './run-report.ts';
import { rootNamed, whyUnreadable } from './script-files.ts';

/** packetdrill's own options, as the help lists them. */
const ownNames = (): string =>
  optionNames()
    .filter((name) => name !== 'verbose' && name !== 'dry_run')
    .map((name) => `--${name}`)
    .join(' ')
    .replace(/(.{1,110})(?: |$)/g, '$1\n  ')
    .trim();

type SayRun = Say<typeof runTexts>;

/** Wrong usage: its message is all that the user needs. */
class UsageError extends Error {
  /** The message in the language of a voice. */
  readonly told: (say: SayRun) => string;

  constructor(told: (say: SayRun) => string) {
    super(told(speaker(runTexts, 'en')));
    this.told = told;
  }
}

const ipVersions: Readonly<Record<string, IpVersion>> = {
  ipv4: 'ipv4',
  ipv6: 'ipv6',
  mapped: 'ipv4-mapped-ipv6',
  'ipv4-mapped-ipv6': 'ipv4-mapped-ipv6',
};

interface Options {
  readonly paths: readonly string[];
  /** Null if not asked for. */
  readonly ips: readonly IpVersion[] | null;
  readonly format: Format;
  readonly ladder: boolean;
  readonly verbose: boolean;
  readonly pcap: string | null;
  readonly jobs: number;
  /** Null for the built-in host. */
  readonly runner: JobRunner | null;
  /** The root that scripts are read below; null if none was given. */
  readonly root: string | null;
  readonly job: Omit<Job, 'file' | 'text' | 'ip' | 'root'>;
}

/** Runs the command. @returns the exit code */
export async function run(args: string[]): Promise<number> {
  const language = languageOf(args);
  const say: SayRun = speaker(runTexts, language);
  try {
    const options = parse(args, language);
    if (options === null) {
      print(say('help', { options: ownNames() }));
      return 0;
    }
    return await runAll(options);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    complain('run', visible(error.told(say)));
    return 2;
  }
}

function parseValues(args: string[], language: Language) {
  const flag = { type: 'boolean' } as const;
  const text = { type: 'string' } as const;
  const own = Object.fromEntries(
    optionNames().map((name) => [name, optionTakesValue(name) ? { ...text, multiple: true as const } : flag]),
  );
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: {
        ...own,
        help: { ...flag, short: 'h' },
        ip: text,
        ladder: flag,
        pcap: text,
        json: flag,
        lang: text,
        tap: flag,
        python: flag,
        jobs: text,
        on: text,
        time: text,
        timing: text,
        congestion: text,
        patience: text,
        root: text,
        untrusted: flag,
        timeout: text,
        seed: text,
        dry_run: flag,
        verbose: { ...flag, short: 'v' },
        define: { ...text, short: 'D', multiple: true },
      },
    });
  } catch (error) {
    throw new UsageError(() => argumentProblem(error, language));
  }
}

/** @returns null if help is asked for @throws UsageError */
function parse(args: string[], language: Language): Options | null {
  const { values, positionals } = parseValues(args, language);
  if (values.help) return null;
  if (positionals.length === 0) throw new UsageError((say) => say('noPath'));
  if (values.json && values.tap) throw new UsageError((say) => say('exclusive'));
  const untrusted = values.untrusted ?? false;
  if (untrusted && (values.python || (values.on ?? 'built-in') !== 'built-in'))
    throw new UsageError((say) => say('untrustedOnly'));
  const seconds = (values.on ?? 'built-in') === 'built-in' ? '60' : '600';
  const given = values as Readonly<Record<string, boolean | string | string[] | undefined>>;
  return {
    paths: positionals,
    ips: values.ip === undefined ? null : parseIps(values.ip),
    format: values.json ? 'json' : values.tap ? 'tap' : 'human',
    ladder: values.ladder ?? false,
    verbose: values.verbose ?? false,
    pcap: values.pcap ?? null,
    jobs: parseCount('--jobs', values.jobs ?? '1', 1, 4 * availableParallelism()),
    runner: parseOn(values),
    root: values.root === undefined ? null : parseRoot(values.root),
    job: {
      defines: (values.define ?? []).map(parseDefine),
      options: [...ownOptions(given), ...timingOptions(values.timing ?? 'strict')],
      python: values.python ?? false,
      untrusted,
      timeoutMs: 1000 * parseCount('--timeout', values.timeout ?? seconds, 1, 86_400),
      seed: parseCount('--seed', values.seed ?? '1', 0, 2 ** 32 - 1),
    },
  };
}

function parseCount(name: string, text: string, min: number, max: number): number {
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= min && value <= max) return value;
  throw new UsageError((say) => say('badCount', { name, min, max, text }));
}

/** No time can be off by more than `--timing loose` tolerates. */
function timingOptions(kind: string): Job['options'] {
  if (kind === 'strict') return [];
  if (kind === 'loose') return [{ name: 'tolerance_usecs', value: '1000000000000' }];
  throw new UsageError((say) => say('badTiming', { kind }));
}

function parseOn(given: {
  readonly on?: string;
  readonly time?: string;
  readonly patience?: string;
  readonly congestion?: string;
}): JobRunner | null {
  const { on = 'built-in', time = 'virtual', patience = '10' } = given;
  if (time !== 'virtual' && time !== 'real') throw new UsageError((say) => say('badTime', { time }));
  if (!on.startsWith('exec:') && (given.time ?? given.patience) !== undefined)
    throw new UsageError((say) => say('onlyExec'));
  if (on !== 'kernel' && given.congestion !== undefined) throw new UsageError((say) => say('onlyKernel'));
  const congestion = given.congestion ?? 'cubic';
  if (!/^[a-z0-9_]{1,15}$/.test(congestion))
    throw new UsageError((say) => say('badCongestion', { congestion }));
  try {
    const seconds = parseCount('--patience', patience, 1, 3600);
    return runnerOn(on, { realTime: time === 'real', patience: seconds, congestion });
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError(() => (error as Error).message);
  }
}

function parseRoot(path: string): string {
  try {
    return rootNamed(path);
  } catch (error) {
    throw new UsageError(() => `--root ${visible(path)}: ${whyUnreadable(error)}`);
  }
}

function parseIps(list: string): IpVersion[] {
  const versions = list.split(',').map((name) => {
    const version = Object.hasOwn(ipVersions, name) ? ipVersions[name] : undefined;
    if (version === undefined) throw new UsageError((say) => say('badIp', { name }));
    return version;
  });
  return [...new Set(versions)];
}

function parseDefine(text: string): [string, string] {
  const equals = text.indexOf('=');
  if (equals < 1) throw new UsageError((say) => say('badDefine', { text }));
  return [text.slice(0, equals), text.slice(equals + 1)];
}

/** packetdrill's own options, checked. */
function ownOptions(
  given: Readonly<Record<string, boolean | string | string[] | undefined>>,
): Job['options'] {
  const options: { name: string; value: string | null }[] = [];
  for (const name of optionNames()) {
    const value = given[name];
    if (value === undefined || name === 'verbose') continue;
    const list = Array.isArray(value) ? value : [null];
    for (const each of list) {
      const problem = applyOption(defaultConfig(), name, each);
      if (problem !== null) throw new UsageError(() => problem);
      options.push({ name, value: each });
    }
  }
  return options;
}

async function runAll(options: Options): Promise<number> {
  const plan = planRuns(options.paths, options.ips, options.job, options.root);
  if (plan.every((it) => 'result' in it && it.result.skipped !== null))
    throw new UsageError((say) => say('noneFits'));
  // A file that cannot be written is told before the scripts run, not after.
  const capture = options.pcap === null ? null : OutputFile.open(options.pcap);
  const printer = new Printer(options, plan.length);
  const results: JobResult[] = [];
  printer.start();
  const done = (result: JobResult): void => {
    if (capture !== null && result.skipped === null) results.push(result);
    printer.result(result);
  };
  const { runner, jobs } = options;
  await (runner === null ? runPlan(plan, jobs, done) : runPlanOn(plan, jobs, runner, done));
  printer.end();
  capture?.write(captureOf(results));
  capture?.commit();
  if (printer.failed > 0) return 1;
  return printer.unable > 0 && printer.passed === 0 ? 2 : 0;
}
