/** `halfopen compare`: the same stimuli for two systems, and where they differ. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { generate, subjectNames } from '../compare/generate.ts';
import { judge, type Systems, shrink, type Verdict } from '../compare/judge.ts';
import { knownReason } from '../compare/known.ts';
import { configFor, playVirtually } from '../compare/player.ts';
import { scriptOf } from '../compare/print.ts';
import type { Scenario } from '../compare/scenario.ts';
import { networkOf } from '../drill/config.ts';
import { openHost } from '../drill/on-host.ts';
import { compareTexts } from '../messages/compare.ts';
import { type Say, speaker } from '../messages/message.ts';
import { KernelPlayers } from './compare-kernel.ts';
import { argumentProblem, languageOf } from './language.ts';
import { writeOutput } from './output/file.ts';
import { complain, print, printError, printJson } from './output/print.ts';
import { whyNoKernel } from './run-kernel.ts';

/** Wrong usage: its message is all that the user needs. */
class UsageError extends Error {}

type Speaker = Say<typeof compareTexts>;

interface Options {
  readonly count: number;
  readonly seed: number;
  readonly about: string;
  readonly only: readonly number[] | null;
  readonly runs: number;
  readonly atATime: number;
  readonly congestion: string;
  readonly folder: string | null;
  readonly json: boolean;
}

/** Runs the command. @returns the exit code */
export async function run(args: string[]): Promise<number> {
  const language = languageOf(args);
  const say = speaker(compareTexts, language);
  try {
    const options = parse(args, say);
    if (options === null) {
      print(say('help', { subjects: subjectNames.join(', ') }));
      return 0;
    }
    const why = whyNoKernel();
    if (why !== null) throw new UsageError(why);
    return await compareAll(options, say);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    complain('compare', error.message);
    return 2;
  }
}

function parseValues(args: string[]) {
  const flag = { type: 'boolean' } as const;
  const text = { type: 'string' } as const;
  try {
    return parseArgs({
      args,
      allowPositionals: true,
      options: {
        help: { ...flag, short: 'h' },
        lang: text,
        random: text,
        seed: text,
        about: text,
        only: text,
        runs: text,
        congestion: text,
        write: text,
        'at-a-time': text,
        json: flag,
      },
    });
  } catch (error) {
    throw new UsageError(argumentProblem(error, languageOf(args)));
  }
}

/** @returns null if help is asked for @throws UsageError */
function parse(args: string[], say: Speaker): Options | null {
  const { values } = parseValues(args);
  if (values.help) return null;
  const number = (option: string, value: string, least: number, most: number): number => {
    if (/^\d+$/.test(value) && Number(value) >= least && Number(value) <= most) return Number(value);
    throw new UsageError(say('number', { option, least, most, value }));
  };
  if (values.random === undefined) throw new UsageError(say('nothing'));
  const about = values.about ?? 'all';
  const wrong = about.split(',').find((name) => !subjectNames.includes(name));
  if (wrong !== undefined)
    throw new UsageError(say('subject', { subjects: subjectNames.join(', '), value: wrong }));
  return {
    count: number('--random', values.random, 1, 1_000_000),
    seed: number('--seed', values.seed ?? '1', 0, 2 ** 32 - 1),
    about,
    only: values.only?.split(',').map((it) => number('--only', it, 0, 1_000_000)) ?? null,
    runs: number('--runs', values.runs ?? '1', 1, 10),
    atATime: number('--at-a-time', values['at-a-time'] ?? '100', 1, 500),
    congestion: values.congestion ?? 'cubic',
    folder: values.write ?? null,
    json: values.json ?? false,
  };
}

/** A kind of difference, and the shortest scenario that shows it. */
interface Group {
  count: number;
  example: Verdict;
}

class Tally {
  readonly groups = new Map<string, Group>();
  private readonly classes = new Map<string, Record<Verdict['kind'], number>>();

  add(verdict: Verdict): void {
    const { about } = verdict.scenario;
    const counts = this.classes.get(about) ?? { agree: 0, differ: 0, unstable: 0, racing: 0, broken: 0 };
    counts[verdict.kind]++;
    this.classes.set(about, counts);
    if (verdict.kind !== 'differ') return;
    const { signature } = verdict.differences[0]!;
    const group = this.groups.get(signature);
    if (group === undefined) this.groups.set(signature, { count: 1, example: verdict });
    else {
      group.count++;
      if (verdict.scenario.steps.length < group.example.scenario.steps.length) group.example = verdict;
    }
  }

  /** By class, and all together at the end. */
  rows(all: string): { name: string; counts: Record<Verdict['kind'], number> }[] {
    const rows = [...this.classes].map(([name, counts]) => ({ name, counts }));
    const sum = { agree: 0, differ: 0, unstable: 0, racing: 0, broken: 0 };
    for (const { counts } of rows)
      for (const kind of Object.keys(sum) as Verdict['kind'][]) sum[kind] += counts[kind];
    return [...rows.sort((a, b) => (a.name < b.name ? -1 : 1)), { name: all, counts: sum }];
  }

  get differ(): number {
    return [...this.groups.values()].reduce((total, { count }) => total + count, 0);
  }
}

function systemsOf(kernel: KernelPlayers, congestion: string): Systems {
  return {
    oracle: (scenario) => kernel.play(scenario),
    other: (scenario) => {
      const host = openHost(networkOf(configFor(scenario)), { record: false });
      if (congestion !== 'cubic') host.command(`sysctl -q net.ipv4.tcp_congestion_control=${congestion}`);
      return playVirtually(scenario, host);
    },
  };
}

async function compareAll(options: Options, say: Speaker): Promise<number> {
  const numbers = options.only ?? Array.from({ length: options.count }, (_, i) => i);
  const scenarios = numbers.map((number) => generate(options.seed, number, options.about));
  const kernel = new KernelPlayers(options.atATime, options.congestion);
  const systems = systemsOf(kernel, options.congestion);
  const tally = new Tally();
  let done = 0;
  const progress = process.stderr.isTTY === true && !options.json;
  try {
    const judged = async (scenario: Scenario): Promise<void> => {
      const verdict = await judge(systems, scenario, options.runs);
      tally.add(verdict);
      done++;
      if (options.json) printJson(jsonOf(verdict));
      if (options.only !== null && !options.json) print(whole(verdict));
      if (progress)
        printError(`\r${say('progress', { done, total: scenarios.length, differ: tally.differ })}`);
    };
    await Promise.all(scenarios.map(judged));
    if (progress) printError('\n');
    if (options.folder !== null) await writeAll(options.folder, systems, tally);
  } finally {
    kernel.close();
  }
  if (!options.json) report(tally, say);
  return [...tally.groups.values()].some(({ example }) => knownReason(example.differences[0]!) === null)
    ? 1
    : 0;
}

function jsonOf({ kind, scenario, differences }: Verdict): unknown {
  return {
    scenario: scenario.name,
    about: scenario.about,
    ip: scenario.ipVersion,
    verdict: kind,
    differences,
  };
}

const whole = ({ kind, scenario, observation, differences }: Verdict): string =>
  `// ${scenario.name}: ${kind}\n${scriptOf(scenario, observation)}${differences.map((it) => `// ${it.signature}\n//   ${it.expected}\n//   ${it.actual}\n`).join('')}\n`;

function report(tally: Tally, say: Speaker): void {
  for (const [signature, { count, example }] of [...tally.groups].sort((a, b) => b[1].count - a[1].count)) {
    const first = example.differences[0]!;
    const lines = [say('group', { count, signature, example: example.scenario.name })];
    const why = knownReason(first);
    if (why !== null) lines.push(say('known', { why }));
    lines.push(say('kernelHas', { text: first.expected }), say('oursHas', { text: first.actual }));
    print(`${lines.join('\n')}\n`);
  }
  for (const { name, counts } of tally.rows(say('all'))) {
    const { agree, differ, unstable, racing } = counts;
    const counted = agree + differ;
    const share = counted === 0 ? '-' : ((100 * agree) / counted).toFixed(1);
    const dropped = unstable + racing === 0 ? '' : say('dropped', { unstable, racing });
    print(`${say('agreement', { name, agree, counted, share, dropped })}\n`);
  }
}

/** Writes a shrunk script for each kind of difference, the most frequent first. */
async function writeAll(folder: string, systems: Systems, tally: Tally): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const groups = [...tally.groups].sort((a, b) => b[1].count - a[1].count);
  await Promise.all(
    groups.map(async ([signature, { count, example }], i) => {
      const small = await shrink(systems, example);
      const [first] = small.differences;
      const comment = [
        `${count} × ${signature}`,
        `kernel:   ${first!.expected}`,
        `halfopen: ${first!.actual}`,
        `from ${example.scenario.name}`,
      ];
      const name = `${String(i + 1).padStart(3, '0')}-${signature.replace(/[^A-Za-z0-9]+/g, '-').slice(0, 60)}.pkt`;
      writeOutput(join(folder, name), Buffer.from(scriptOf(small.scenario, small.observation, comment)));
    }),
  );
}
