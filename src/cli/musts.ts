/** `halfopen musts`: which of RFC 9293's requirements on opening, resetting and closing a stack fulfils. */
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { parseScript } from '../drill/parser.ts';
import { type Say, speaker } from '../messages/message.ts';
import { mustsTexts } from '../messages/musts.ts';
import { visible } from '../wire/visible.ts';
import { argumentProblem, languageOf, languageProblem } from './language.ts';
import { complain, paint, print, printJson } from './output/print.ts';
import { type Job, type JobResult, runJob } from './run-job.ts';
import { runnerOn } from './run-on.ts';
import { planRuns } from './run-plan.ts';
import { runPlanOn } from './run-pool.ts';
import { readBelow } from './script-files.ts';

type Speaker = Say<typeof mustsTexts>;

/** A requirement as its script names it in the first lines. */
interface Must {
  readonly file: string;
  /** How to run it. */
  readonly job: Job;
  /** Such as `MUST-10`, or the section for what has no number. */
  readonly name: string;
  readonly section: string;
  readonly says: string;
  /** How long it takes in real time at least, s. */
  readonly seconds: number;
}

/** A column: who is asked, and what came of each script. */
interface Column {
  readonly name: string;
  readonly on: string;
  readonly verdicts: readonly Verdict[];
}

interface Verdict {
  readonly kind: 'yes' | 'no' | 'none';
  /** Why not. */
  readonly why: string;
}

const usage = (message: string): number => {
  complain('musts', message);
  return 2;
};

/** Runs the command. @returns the exit code */
export async function run(args: string[]): Promise<number> {
  const say = speaker(mustsTexts, languageOf(args));
  const problem = languageProblem(args);
  if (problem !== null) return usage(problem);
  const text = { type: 'string' } as const;
  const flag = { type: 'boolean' } as const;
  let parsed: ReturnType<typeof parse>;
  const parse = () =>
    parseArgs({
      args,
      allowPositionals: true,
      options: {
        help: { ...flag, short: 'h' },
        on: { ...text, multiple: true },
        'most-seconds': text,
        jobs: text,
        markdown: flag,
        json: flag,
        lang: text,
      },
    });
  try {
    parsed = parse();
  } catch (error) {
    return usage(argumentProblem(error, languageOf(args)));
  }
  const { values, positionals } = parsed;
  if (values.help) {
    print(say('help'));
    return 0;
  }
  if (values.markdown && values.json) return usage(say('oneForm'));
  const number = (option: string, given: string | undefined, otherwise: number, max: number): number => {
    const value = given === undefined ? otherwise : Number(given);
    if (Number.isInteger(value) && value >= 1 && value <= max) return value;
    throw new RangeError(say('badNumber', { option, min: 1, max, text: visible(given ?? '') }));
  };
  try {
    const most = number('--most-seconds', values['most-seconds'], 240, 86_400);
    const jobs = number('--jobs', values.jobs, 4, 64);
    const folder = fileURLToPath(new URL('../../scripts/rfc9293', import.meta.url));
    const musts = readMusts(positionals.length > 0 ? positionals : [folder], say);
    const columns: Column[] = [];
    for (const on of values.on ?? ['built-in']) columns.push(await ask(on, musts, { most, jobs, say }));
    tell(musts, columns, values.json ? 'json' : values.markdown ? 'markdown' : 'human', say);
    return columns.some(({ verdicts }) => verdicts.some(({ kind }) => kind === 'no')) ? 1 : 0;
  } catch (error) {
    if (!(error instanceof Error) || error.constructor === TypeError) throw error;
    return usage(error.message);
  }
}

const common: Omit<Job, 'file' | 'ip' | 'root'> = {
  defines: [],
  options: [],
  python: false,
  seed: 1,
  untrusted: false,
  timeoutMs: 3_600_000,
};

/** The scripts, and what each is about. @throws RangeError for one that does not say */
function readMusts(paths: readonly string[], say: Speaker): Must[] {
  return planRuns(paths, null, common).map((planned): Must => {
    if ('result' in planned)
      throw new RangeError(`${visible(planned.result.file)}: ${planned.result.failure?.message}`);
    const { file } = planned.job;
    const script = planned.job.text ?? readBelow(file, planned.job.root);
    const head =
      /^(?:\/\/.*\n)+/
        .exec(script)?.[0]
        .replace(/^\/\/ ?/gm, '')
        .replaceAll('\n', ' ') ?? '';
    const [, must, section, says] =
      /^RFC 9293 (?:(MUST-\d+(?:, MUST-\d+)*), )?section ([\d.]+): (.*)/.exec(head) ?? [];
    if (section === undefined) throw new RangeError(say('noName', { file: visible(file) }));
    const name = must ?? section;
    return { file, job: planned.job, name, section, says: says!.trim(), seconds: leastSeconds(script) };
  });
}

/** The sum of a script's waits: how long it takes at least. */
function leastSeconds(script: string): number {
  const relative = parseScript(script, new Map()).events.map(({ time }) =>
    time.kind === 'relative' || time.kind === 'relative-range' ? time.us : 0,
  );
  return Math.round(relative.reduce((sum, us) => sum + us, 0) / 1e6);
}

interface Asking {
  /** How long a script may take of a system in real time, s. */
  readonly most: number;
  readonly jobs: number;
  readonly say: Speaker;
}

/** Runs all scripts on one system. @throws Error for a system that there is none of */
async function ask(named: string, musts: readonly Must[], { most, jobs, say }: Asking): Promise<Column> {
  const [, given, system = named] = /^([^:=]+)=(.*)$/s.exec(named) ?? [];
  const runner = runnerOn(system, { realTime: false, patience: 10, congestion: 'reno' });
  const inRealTime = system === 'kernel';
  const verdicts: Verdict[] = [];
  // A machine that is busy must not turn a yes into a no: no requirement here rests on milliseconds.
  const options = inRealTime ? [{ name: 'tolerance_usecs', value: '1000000000000' }] : [];
  const plan = musts.map(({ job }) => ({ ...job, options }));
  const left = (index: number): string | null => {
    const { seconds } = musts[index]!;
    return inRealTime && seconds > most ? say('tooLong', { seconds }) : null;
  };
  const wanted = plan.flatMap((job, index) => (left(index) === null ? [job] : []));
  const results = new Map<string, JobResult>();
  await runPlanOn(
    wanted.map((job) => ({ job })),
    jobs,
    async (job) => (runner === null ? runJob(job) : runner(job)),
    (result) => results.set(result.file, result),
  );
  for (const [index, { file }] of musts.entries()) {
    const result = results.get(file);
    const { failure = null, cannotRun = null } = result ?? {};
    if (result === undefined) verdicts.push({ kind: 'none', why: left(index)! });
    else if (cannotRun !== null)
      verdicts.push({ kind: 'none', why: cannotRun.replace(/^cannot run here: /, '') });
    else if (failure !== null)
      verdicts.push({
        kind: 'no',
        why: say('atLine', {
          line: failure.line,
          message: failure.message.replace(/^error handling packet: /, ''),
        }),
      });
    else verdicts.push({ kind: 'yes', why: '' });
  }
  return { name: given ?? (system === 'built-in' ? 'halfopen' : system), on: system, verdicts };
}

type Form = 'human' | 'markdown' | 'json';

function tell(musts: readonly Must[], columns: readonly Column[], form: Form, say: Speaker): void {
  if (form === 'json') {
    for (const [i, { file, job: _job, ...must }] of musts.entries()) {
      const verdicts = columns.map(({ name, on, verdicts: all }) => ({ name, on, ...all[i]! }));
      printJson({ script: file, ...must, verdicts });
    }
    return;
  }
  const word = ({ kind }: Verdict): string => (kind === 'none' ? '–' : say(kind));
  const title = ({ name, section }: Must): string => (name === section ? section : `${name} (${section})`);
  const rows = musts.map((must, i) => [
    title(must),
    must.says,
    ...columns.map(({ verdicts }) => word(verdicts[i]!)),
  ]);
  const head = [say('requirement'), '', ...columns.map(({ name }) => visible(name))];
  if (form === 'markdown') print(markdown(head, rows));
  else print(human(head, rows));
  print(`\n${say('whyNot')}\n\n`);
  for (const [i, must] of musts.entries())
    for (const { name, verdicts } of columns) {
      const { kind, why } = verdicts[i]!;
      if (kind !== 'yes') print(`- ${title(must)}, ${visible(name)}: ${visible(why)}\n`);
    }
  print('\n');
  for (const { name, verdicts } of columns) {
    const count = (kind: Verdict['kind']): number => verdicts.filter((it) => it.kind === kind).length;
    const [yes, none] = [count('yes'), count('none')];
    const values = { name: visible(name), yes, all: verdicts.length };
    print(`${none === 0 ? say('counted', values) : say('countedLeft', { ...values, left: none })}  \n`);
  }
}

const markdown = (head: readonly string[], rows: readonly (readonly string[])[]): string =>
  [head, head.map(() => '---'), ...rows].map((cells) => `| ${cells.join(' | ')} |\n`).join('');

function human(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const without = [head, ...rows].map((cells) => cells.filter((_, i) => i !== 1));
  const widths = head
    .filter((_, i) => i !== 1)
    .map((_, i) => Math.max(...without.map((cells) => cells[i]!.length)));
  const line = (cells: readonly string[], says: string): string =>
    `${cells.map((cell, i) => cell.padEnd(widths[i]!)).join('  ')}  ${paint('dim', says)}\n`;
  return [head, ...rows].map((cells, i) => line(without[i]!, cells[1]!)).join('');
}
