/** `halfopen explain`: what happened to every connection attempt in a capture. */
import { basename } from 'node:path';
import { setImmediate } from 'node:timers/promises';
import type { TextCapture } from '../explain/decode/text-capture.ts';
import { Explainer } from '../explain/explain.ts';
import type { Attempt } from '../explain/judge/attempt.ts';
import { CleanJson } from '../explain/output/clean-json.ts';
import { attemptJson } from '../explain/output/json.ts';
import type { CaptureSummary } from '../explain/output/summary.ts';
import { Tally } from '../explain/output/summary.ts';
import type { End } from '../explain/stories/ends.ts';
import { attemptLines, summaryLines, type TextStyle } from '../view/attempt-text.ts';
import { storyWords } from '../view/story-words.ts';
import { CaptureError } from '../wire/captured-packet.ts';
import { visible } from '../wire/visible.ts';
import { help, type Options, parse, usageProblem } from './explain-args.ts';
import { Frames, type Source } from './explain-files.ts';
import { type Progress, readCapture, startsAsText } from './explain-input.ts';
import { captureFrom } from './explain-interface.ts';
import { follow } from './explain-live.ts';
import { standardOutput } from './explain-output.ts';
import { Tables } from './explain-parquet.ts';
import { headingOf, inFiles, named, Stories, sourcesOf, tellEnds } from './explain-stories.ts';
import { Lines, mayHaveThread } from './explain-thread.ts';
import { languageOf } from './language.ts';
import { WriteError } from './output/errors.ts';
import { isDrafting, writeOutput } from './output/file.ts';
import { colour, columns, complain, print } from './output/print.ts';

/** Attempts that are told in a turn while a draft is open: some 20 ms. */
const TURN = 1000;

const style: TextStyle = {
  width: columns(110),
  colour,
};

/** Runs the command. @returns the exit code */
export async function run(args: string[]): Promise<number> {
  let options: Options | null;
  try {
    options = parse(args);
  } catch (error) {
    complain('explain', visible(usageProblem(error, languageOf(args))));
    return 2;
  }
  if (options === null) {
    print(help(languageOf(args)));
    return 0;
  }
  const { mode } = options;
  let code = 0;
  const table = await Tables.open(options);
  try {
    const { how, sources } = await sourcesOf(options);
    const ends: End[] | null = how === 'ends' && mode !== 'json' ? [] : null;
    const heading = headingOf(how, options);
    if (heading !== null && mode !== 'json') print(`${heading}\n\n`);
    for (const source of sources) {
      if (sources.length > 1 && mode !== 'json') print(`${visible(source.name)}:\n`);
      table?.begin(source.name);
      code = Math.max(code, await explainSource(source, options, table, ends));
      table?.end();
    }
    if (ends !== null) tellEnds(ends, options.say);
    table?.close();
  } catch (error) {
    table?.discard();
    if (!(error instanceof WriteError)) throw error;
    complain('explain', error.message);
    return 1;
  }
  return code;
}

/** Explains one capture. @returns the exit code @throws WriteError if a file cannot be written */
async function explainSource(
  source: Source,
  options: Options,
  table: Tables | null,
  ends: End[] | null,
): Promise<number> {
  const file = source.name;
  const { language, tell } = options;
  const words = storyWords[language];
  const ring = source.files.length > 1 ? new Frames() : null;
  const stories = new Stories(ends !== null, options.say, language);
  const out = standardOutput();
  const tally = new Tally();
  const page = options.html === null ? null : new (await import('../view/attempt-page.ts')).AttemptPage();
  let found = false;
  const capture = options.files.length > 1 && ring === null ? file : null;
  let text: TextCapture | null = null;
  const each = (read: Attempt): void => {
    const a = text === null ? read : named(read, text);
    if (!options.wanted(a)) return;
    table?.add(a);
    page?.add(a);
    if (options.mode !== 'json') stories.add(a);
    if (options.mode === 'json')
      out.line(attemptJson(a, ring?.place(a.evidence.firstFrame).file ?? capture, options.host));
    else if (options.mode === 'attempt') {
      if (a.number !== options.attempt) return;
      found = true;
      out.line(attemptLines(a, style, language).join('\n'));
      if (ring !== null) out.line(`  ${inFiles(a, ring)}`);
    } else {
      tally.add(a);
      if (options.mode === 'all') {
        const files = ring === null ? '' : `\n  ${inFiles(a, ring)}`;
        out.line(`${attemptLines(a, style, language).join('\n')}${files}\n`);
      }
    }
  };
  // Lines of all attempts and nothing else can be written without their values.
  const direct =
    !startsAsText(source.files[0]) &&
    ring === null &&
    options.mode === 'json' &&
    !options.narrowed &&
    table === null &&
    page === null;
  const lines = direct && mayHaveThread(file) ? new Lines(out, capture, options.host) : null;
  const clean = direct && lines === null ? new CleanJson(out, capture, options.host) : null;
  const explainer = new Explainer(lines ?? clean ?? each);
  const reading = feed(explainer, source, ring, options, {
    live: () => out.flush(),
    second: () => table?.tick(),
    text: (it) => {
      text = it;
      if (clean !== null) clean.through = (a) => named(a, it);
    },
    read: () => lines?.read(),
  });
  const { problem, summary } = await (lines?.end(reading) ?? reading);
  const nothing = problem !== null && summary.packets === 0;
  if (!nothing && (options.mode === 'summary' || options.mode === 'all')) {
    const { packets, segments, attempts } = summary;
    out.line(
      tell('counts', {
        packets: words.counted(packets, 'packet'),
        segments: words.counted(segments, 'TCP segment'),
        attempts: words.counted(attempts, 'connection attempt'),
      }),
    );
    const none = tally.total === 0 && attempts > 0;
    out.line(none ? tell('noneWanted') : summaryLines(tally, style, language).join('\n'));
    for (const text of stories.texts(summary.names)) out.line(`\n${text}`);
    for (const n of summary.neighbours) out.line(`\n${words.neighbour(n)}`);
  }
  ends?.push({ name: file, attempts: stories.kept });
  out.flush();
  if (page !== null) writeOutput(options.html!, page.html(visible(nameOf(file)), summary, problem));
  const unread = words.unread(summary);
  const hint = unread === null ? null : tell('linkTypes', { what: unread });
  for (const complaint of [problem, hint])
    if (complaint !== null) complain('explain', `${visible(file)}: ${complaint}`);
  if (problem !== null || isUnread(summary)) return 1;
  if (options.mode === 'attempt' && !found) {
    complain(
      'explain',
      tell(options.attempt <= summary.attempts ? 'noAttemptFiltered' : 'noAttempt', {
        file: visible(file),
        count: summary.attempts,
        number: options.attempt,
      }),
    );
    return 1;
  }
  return 0;
}

/** Whether nothing could be read. */
function isUnread({ unread, packets }: CaptureSummary): boolean {
  let sum = 0;
  for (const n of unread.values()) sum += n;
  return sum > 0 && sum === packets;
}

const nameOf = (file: string): string => (file === '-' ? 'standard input' : basename(file));

/** Who wants to know how far it is. */
interface Told {
  /** Something may have been told of a capture that goes on. */
  live(): void;
  /** A second of a capture that goes on is over. */
  second(): void;
  /** The capture is a text. */
  text(text: TextCapture): void;
  /** All was read; what is left is told next. */
  read(): void;
}

/** Reads the capture to its end, or to the damage. */
async function feed(
  explainer: Explainer,
  { files }: Source,
  ring: Frames | null,
  options: Options,
  told: Told,
): Promise<{ problem: string | null; summary: CaptureSummary }> {
  const bar = progressBar();
  const live = files[0] === '-' || options.interface !== null;
  const stop = live ? follow(explainer, options.interface !== null, told) : null;
  let problem: string | null = null;
  let damage: CaptureError | null = null;
  try {
    if (options.interface !== null) await captureFrom(options, explainer);
    for (const [n, file] of files.entries()) {
      if (n > 0) problem = nextFile(explainer, files[n - 1]!) ?? problem;
      ring?.begin(file, explainer.frames);
      await readCapture(file, bar, (chunk) => explainer.push(chunk), told.text);
    }
  } catch (error) {
    if (error instanceof WriteError) throw error;
    if (error instanceof CaptureError) damage = error;
    problem = inWords(options, error as NodeJS.ErrnoException);
  } finally {
    stop?.();
  }
  bar(0, null);
  told.read();
  // A signal that has to remove a draft is heard between turns only.
  while (isDrafting() && !explainer.endSome(TURN)) await setImmediate();
  try {
    explainer.end(damage);
  } catch (error) {
    if (!(error instanceof CaptureError)) throw error;
    problem ??= error.message;
  }
  return { problem, summary: explainer.summary() };
}

/** What comes next is another piece. @returns what was wrong with the one before, or null */
function nextFile(explainer: Explainer, before: string): string | null {
  try {
    explainer.nextFile();
    return null;
  } catch (error) {
    if (!(error instanceof CaptureError)) throw error;
    return `${before}: ${error.message}`;
  }
}

/** Why a file cannot be read. */
function inWords({ tell }: Options, { code, message }: NodeJS.ErrnoException): string {
  if (code === 'ENOENT') return tell('noFile');
  if (code === 'EISDIR') return tell('folderNoCapture');
  return code === 'EACCES' ? tell('mayNot') : message;
}

/** Shows how far reading is, on a terminal only. A call with 0 clears it. */
function progressBar(): Progress {
  if (!process.stderr.isTTY) return () => {};
  let shown = '';
  return (read, size) => {
    const text = read === 0 ? '' : size ? `${Math.floor((read / size) * 100)} %` : `${read >>> 20} MB`;
    if (text === shown) return;
    process.stderr.write(`\r${' '.repeat(shown.length)}\r${text}`);
    shown = text;
  };
}
