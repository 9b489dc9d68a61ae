/** `halfopen run`: packetdrill scripts on the built-in stack in virtual time, on the machine's kernel, or on a stack of others. */
import { availableParallelism } from 'node:os';
import { parseArgs } from 'node:util';
import { applyOption, defaultConfig, optionNames, optionTakesValue } from '../drill/config.ts';
import type { IpVersion } from '../drill/system-under-test.ts';
import { visible } from '../wire/visible.ts';
import { OutputFile } from './output/file.ts';
import { complain, print } from './output/print.ts';
import type { Job, JobResult } from './run-job.ts';
import { type JobRunner, runnerOn } from './run-on.ts';
import { planRuns } from './run-plan.ts';
import { runPlan, runPlanOn } from './run-pool.ts';
import { captureOf, type Format, Printer } from './run-report.ts';
import { rootNamed, whyUnreadable } from './script-files.ts';

const help = `Usage: halfopen run [OPTION]... PATH...

Runs packetdrill scripts (files, or folders searched for *.pkt) on the built-in stack, in virtual time and without root,
on this machine's kernel, or on a stack of yours.
Nothing a script says touches this machine: its commands act on the virtual host.

  --ip LIST         address set-ups to run each script in: ipv4, ipv6, mapped (default ipv4; names ending in -v4.pkt or
                    -v6.pkt and --ip_version= in a script restrict that)
  --on SYSTEM       what to run them on: built-in (default);
                    kernel, this machine's own in real time, in a network namespace of its own, as an ordinary user where
                    user namespaces are allowed, or as root (docs/on-the-kernel.md). Commands of a script then run in a real
                    shell there, which is no sandbox: run only what you trust;
                    or exec:COMMAND, a stack of yours that speaks the protocol of docs/foreign-stacks.md.
                    A script that asks for what a system has not "cannot run here", and is no failure
  --timing KIND     strict (default): packetdrill's tolerances; loose: order and content are judged, times are not
  --congestion NAME on the kernel: the congestion control of connections (default cubic)
  --time KIND       of such a stack: virtual (default) or real
  --patience N      seconds that such a stack may take for an answer (default 10)
  --ladder          draw each run as a ladder diagram
  --pcap FILE       write all packets to FILE (pcapng; one interface a run)
  --json            one JSON object a line and run
  --tap             Test Anything Protocol
  --dry_run         read the scripts only
  -v, --verbose     show the packets, and what snippets and commands print
  -D NAME=VALUE     replace the word NAME in the scripts
  --python          run snippets with the real python3 of this machine (isolated: -I), which can do whatever you can: read and
                    write your files, use the network. Only for scripts that you trust
  --jobs N          run N scripts at a time
  --timeout N       seconds that a script may take in real time (default 60; 600 with --on)
  --root FOLDER     scripts, and the shell scripts that they call, are read below FOLDER only, links followed (default: PATH if
                    it is a folder, else the file's repository or folder)
  --untrusted       for scripts of strangers: no file but the script is read, no --python, no --on
  --seed N          seed of the virtual host's random numbers (default 1)

packetdrill's own options, which win over those in a script:
  ${optionNames()
    .filter((name) => name !== 'verbose' && name !== 'dry_run')
    .map((name) => `--${name}`)
    .join(' ')
    .replace(/(.{1,110})(?: |$)/g, '$1\n  ')
    .trim()}

Exit: 0 no script failed, 1 one did, 2 wrong usage, or none of them can run on what was asked for.

Examples:
  halfopen run scripts/
  halfopen run --ladder scripts/01-three-way-handshake.pkt
  halfopen run --on 'exec:./my-stack --quiet' scripts/rfc9293
  halfopen run --ip ipv4,ipv6,mapped --json my/scripts > results.jsonl
`;

/** Wrong usage: its message is all that the user needs. */
class UsageError extends Error {}

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
  try {
    const options = parse(args);
    if (options === null) {
      print(help);
      return 0;
    }
    return await runAll(options);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    complain('run', visible(error.message));
    return 2;
  }
}

function parseValues(args: string[]) {
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
    throw new UsageError(
      `${error instanceof Error ? error.message : error}; halfopen run --help lists the options`,
    );
  }
}

/** @returns null if help is asked for @throws UsageError */
function parse(args: string[]): Options | null {
  const { values, positionals } = parseValues(args);
  if (values.help) return null;
  if (positionals.length === 0) throw new UsageError('give at least one script or folder; --help says more');
  if (values.json && values.tap) throw new UsageError('--json and --tap exclude each other');
  const untrusted = values.untrusted ?? false;
  if (untrusted && (values.python || (values.on ?? 'built-in') !== 'built-in'))
    throw new UsageError('--untrusted excludes --python and --on');
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
  throw new UsageError(`${name} takes a number from ${min} to ${max}, not '${text}'`);
}

/** No time can be off by more than `--timing loose` tolerates. */
function timingOptions(kind: string): Job['options'] {
  if (kind === 'strict') return [];
  if (kind === 'loose') return [{ name: 'tolerance_usecs', value: '1000000000000' }];
  throw new UsageError(`--timing takes strict or loose, not '${kind}'`);
}

function parseOn(given: {
  readonly on?: string;
  readonly time?: string;
  readonly patience?: string;
  readonly congestion?: string;
}): JobRunner | null {
  const { on = 'built-in', time = 'virtual', patience = '10' } = given;
  if (time !== 'virtual' && time !== 'real')
    throw new UsageError(`--time takes virtual or real, not '${time}'`);
  if (!on.startsWith('exec:') && (given.time ?? given.patience) !== undefined)
    throw new UsageError('--time and --patience are for --on exec:COMMAND');
  if (on !== 'kernel' && given.congestion !== undefined)
    throw new UsageError('--congestion is for --on kernel');
  const congestion = given.congestion ?? 'cubic';
  if (!/^[a-z0-9_]{1,15}$/.test(congestion))
    throw new UsageError(`--congestion takes a name, not '${congestion}'`);
  try {
    const seconds = parseCount('--patience', patience, 1, 3600);
    return runnerOn(on, { realTime: time === 'real', patience: seconds, congestion });
  } catch (error) {
    if (error instanceof UsageError) throw error;
    throw new UsageError((error as Error).message);
  }
}

function parseRoot(path: string): string {
  try {
    return rootNamed(path);
  } catch (error) {
    throw new UsageError(`--root ${visible(path)}: ${whyUnreadable(error)}`);
  }
}

function parseIps(list: string): IpVersion[] {
  const versions = list.split(',').map((name) => {
    const version = Object.hasOwn(ipVersions, name) ? ipVersions[name] : undefined;
    if (version === undefined) throw new UsageError(`--ip takes ipv4, ipv6 and mapped, not '${name}'`);
    return version;
  });
  return [...new Set(versions)];
}

function parseDefine(text: string): [string, string] {
  const equals = text.indexOf('=');
  if (equals < 1) throw new UsageError(`-D takes NAME=VALUE, not '${text}'`);
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
      if (problem !== null) throw new UsageError(problem);
      options.push({ name, value: each });
    }
  }
  return options;
}

async function runAll(options: Options): Promise<number> {
  const plan = planRuns(options.paths, options.ips, options.job, options.root);
  if (plan.every((it) => 'result' in it && it.result.skipped !== null))
    throw new UsageError('none of the scripts is made for the address set-ups asked for');
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
