/** `halfopen compare`: the same stimuli for two systems, and where they differ. */
import { generate, subjectNames } from '../compare/generate.ts';
import { judge, type Systems, type Verdict } from '../compare/judge.ts';
import { scriptOf } from '../compare/print.ts';
import type { Observation, Scenario } from '../compare/scenario.ts';
import { compareTexts } from '../messages/compare.ts';
import { speaker } from '../messages/message.ts';
import { type CompareOptions, parseOptions, type Speaker, UsageError } from './compare-options.ts';
import { type Names, report, reportScripts, Tally, writeAll } from './compare-report.ts';
import { type LeftOut, reachesSignals, type Scripts, scriptsOf } from './compare-scripts.ts';
import { type PlayedSystem, type Recorded, systemNamed } from './compare-systems.ts';
import { languageOf } from './language.ts';
import { writeOutput } from './output/file.ts';
import { complain, print, printError, printJson } from './output/print.ts';
import { whyNoKernel } from './run-kernel.ts';

/** Runs the command. @returns the exit code */
export async function run(args: string[]): Promise<number> {
  const say = speaker(compareTexts, languageOf(args));
  try {
    const options = parseOptions(args, say);
    if (options === null) {
      print(say('help', { subjects: subjectNames.join(', ') }));
      return 0;
    }
    const why = options.between.includes('kernel') ? whyNoKernel() : null;
    if (why !== null) throw new UsageError(why);
    return await compareAll(options, say);
  } catch (error) {
    if (!(error instanceof UsageError)) throw error;
    complain('compare', error.message);
    return 2;
  }
}

/** What is compared: scenarios, and what is known of the scripts that make none. */
function subjectOf(options: CompareOptions, say: Speaker): Scripts {
  if (options.paths.length > 0) return scriptsOf(options, say);
  const numbers = options.only ?? Array.from({ length: options.count }, (_, i) => i);
  const scenarios = numbers.map((number) => generate(options.seed, number, options.about));
  return { scenarios, leftOut: [], commands: [] };
}

async function compareAll(options: CompareOptions, say: Speaker): Promise<number> {
  const subject = subjectOf(options, say);
  if (subject.scenarios.length === 0) {
    for (const { name, why } of subject.leftOut) complain('compare', `${name}: ${why}`);
    throw new UsageError(say('noneComparable'));
  }
  const played: PlayedSystem[] = [];
  try {
    for (const name of options.between) played.push(systemNamed(name, options, say));
    return await compareOn(options, subject, [played[0]!, played[1]!], say);
  } finally {
    for (const system of played) system.close();
  }
}

async function compareOn(
  options: CompareOptions,
  subject: Scripts,
  [first, second]: readonly [PlayedSystem, PlayedSystem],
  say: Speaker,
): Promise<number> {
  const names: Names = [first.name, second.name];
  const fresh = await firstAnswers(options, subject, first, say);
  const systems: Systems = {
    oracle: (scenario) => fresh(scenario) ?? Promise.resolve(first.play(scenario)),
    other: (scenario) => second.play(scenario),
  };
  const tally = new Tally();
  const broken: LeftOut[] = [];
  let done = 0;
  const progress = process.stderr.isTTY === true && !options.json;
  const judged = async (scenario: Scenario): Promise<void> => {
    const verdict = await judge(systems, scenario, options.runs);
    tally.add(verdict);
    done++;
    if (verdict.kind === 'broken') broken.push(brokenOf(verdict, names, say));
    if (options.json) printJson(jsonOf(verdict));
    const shown =
      options.only !== null || (options.paths.length > 0 && subject.scenarios.length <= fewScripts);
    if (shown && !options.json) print(whole(verdict));
    const total = subject.scenarios.length;
    if (progress) printError(`\r${say('progress', { done, total, differ: tally.sum.differ })}`);
  };
  await Promise.all(subject.scenarios.map(judged));
  if (progress) printError('\n');
  if (options.folder !== null) await writeAll(options.folder, systems, tally, names);
  if (!options.json) {
    report(tally, names, say);
    if (options.paths.length > 0) reportScripts(subject, broken, tally, names, say);
  }
  return tally.unknown ? 1 : 0;
}

/** So many scripts are shown in full. */
const fewScripts = 3;

const brokenOf = ({ scenario, observation, unready }: Verdict, names: Names, say: Speaker): LeftOut => ({
  name: scenario.name,
  ip: scenario.ipVersion,
  why: say('cannotDo', { system: names[unready === 'other' ? 1 : 0], why: observation.broken ?? '' }),
  parses: true,
});

/**
 * Where a record or a list is wanted, asks the first system about everything before anything is compared.
 * @returns its answers, each of which is given once
 */
async function firstAnswers(
  options: CompareOptions,
  subject: Scripts,
  first: PlayedSystem,
  say: Speaker,
): Promise<(scenario: Scenario) => Promise<Observation> | null> {
  const { record, list } = options;
  const answers = new Map<Scenario, Observation>();
  if (record === null && list === null) return () => null;
  await Promise.all(
    subject.scenarios.map(async (scenario) => {
      answers.set(scenario, await first.play(scenario));
    }),
  );
  if (record !== null) writeOutput(record, Buffer.from(recordOf(subject, answers)));
  if (list !== null) writeOutput(list, Buffer.from(listOf(subject, answers, first.name, say)));
  return (scenario) => {
    const answer = answers.get(scenario);
    answers.delete(scenario);
    return answer === undefined ? null : Promise.resolve(answer);
  };
}

function recordOf({ scenarios }: Scripts, answers: ReadonlyMap<Scenario, Observation>): string {
  const lines = scenarios.map((scenario) => {
    const { name, ipVersion, steps } = scenario;
    const observation = answers.get(scenario)!;
    const entry: Recorded = { scenario: name, ip: ipVersion, steps: steps.length, observation };
    return `${JSON.stringify(entry)}\n`;
  });
  return lines.join('');
}

/** A line for each script: `compared`, or why it is not. */
function listOf(
  { scenarios, leftOut }: Scripts,
  answers: ReadonlyMap<Scenario, Observation>,
  system: string,
  say: Speaker,
): string {
  const lines = scenarios.map((scenario) => {
    const answer = answers.get(scenario)!;
    const word = reachesSignals(scenario, answer) ? 'compared' : 'compared-without-signals';
    const what = answer.broken === null ? word : say('cannotDo', { system, why: answer.broken });
    return `${scenario.name}\t${scenario.ipVersion}\t${what}\n`;
  });
  lines.push(...leftOut.map(({ name, ip, why }) => `${name}\t${ip}\t${why}\n`));
  return lines.sort().join('');
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
