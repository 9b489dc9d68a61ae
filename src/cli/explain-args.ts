/** The command line of `halfopen explain`. */
import { existsSync, type Stats, statSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { type Filter, filterCodes, filterOf } from '../explain/filter.ts';
import type { Attempt } from '../explain/judge/attempt.ts';
import { explainTexts } from '../messages/explain.ts';
import { explainCommandTexts } from '../messages/explain-command.ts';
import { type Language, type Say, speaker } from '../messages/message.ts';
import { expand, type Together } from './explain-files.ts';
import type { RowOptions } from './explain-parquet.ts';
import { argumentProblem, languageOf } from './language.ts';
import { fsPath } from './output/names.ts';

/** What the command was asked for. */
export interface Options {
  readonly files: readonly string[];
  /** How several files are to be taken; null: their names and times decide. */
  readonly together: Together | null;
  /** The command's own texts. */
  readonly say: Say<typeof explainTexts>;
  readonly tell: SayUse;
  readonly language: Language;
  /** The interface to capture from, and for how long; null for none, or without end. */
  readonly interface: string | null;
  readonly seconds: number | null;
  readonly mode: 'summary' | 'all' | 'json' | 'attempt';
  readonly attempt: number;
  /** Where to write; null for nowhere. */
  readonly html: string | null;
  readonly parquet: string | null;
  readonly ndjson: string | null;
  readonly byDay: boolean;
  readonly rotate: RowOptions['rotate'];
  /** Empty if nobody said. */
  readonly host: string;
  readonly wanted: (a: Attempt) => boolean;
  /** Whether there may be attempts that are not wanted. */
  readonly narrowed: boolean;
}

/** Wrong usage: its message is all that the user needs. */
class UsageError extends Error {}

/** Options that do not go together. */
const pair = (options: readonly string[]): { first: string; last: string } => {
  const all = options.map((option) => `--${option}`);
  return { first: all.slice(0, -1).join(', '), last: all[all.length - 1]! };
};

function wrapped(words: readonly string[], width: number): string {
  const lines = [' '];
  for (const word of words) {
    if (lines[lines.length - 1]!.length + word.length + 1 > width) lines.push(' ');
    lines[lines.length - 1] += ` ${word}`;
  }
  return lines.join('\n');
}

/** What was wrong with the arguments. */
export const usageProblem = (error: unknown, language: Language): string =>
  error instanceof UsageError ? error.message : argumentProblem(error, language);

type SayUse = Say<typeof explainCommandTexts>;

/** The text of --help. */
export const help = (language: Language): string =>
  `${speaker(explainCommandTexts, language)('help')}${wrapped(filterCodes, 100)}\n`;

/** @returns null if help is asked for @throws Error that says what is wrong */
export function parse(args: string[]): Options | null {
  const language = languageOf(args);
  const tell = speaker(explainCommandTexts, language);
  const { values, positionals } = parseArgs({
    args,
    allowPositionals: true,
    options: {
      all: { type: 'boolean' },
      attempt: { type: 'string' },
      json: { type: 'boolean' },
      host: { type: 'string' },
      port: { type: 'string' },
      since: { type: 'string' },
      until: { type: 'string' },
      verdict: { type: 'string', multiple: true },
      ring: { type: 'boolean' },
      ends: { type: 'boolean' },
      each: { type: 'boolean' },
      interface: { type: 'string' },
      seconds: { type: 'string' },
      html: { type: 'string' },
      parquet: { type: 'string' },
      ndjson: { type: 'string' },
      rotate: { type: 'string' },
      hostname: { type: 'string' },
      'partition-by-day': { type: 'boolean' },
      lang: { type: 'string' },
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) return null;
  const { interface: from } = values;
  if (from !== undefined && positionals.length > 0) throw new UsageError(tell('noFilesBeside'));
  if (values.seconds !== undefined && from === undefined) throw new UsageError(tell('secondsAlone'));
  const ways = (['ring', 'ends', 'each'] as const).filter((name) => values[name] === true);
  if (ways.length > 1) throw new UsageError(tell('exclude', pair(ways)));
  if (positionals.length === 0 && from === undefined) throw new UsageError(tell('which'));
  const modes = (['all', 'json', 'attempt'] as const).filter((name) => values[name] !== undefined);
  if (modes.length > 1) throw new UsageError(tell('exclude', pair(modes)));
  const attempt = values.attempt === undefined ? 0 : whole(tell, 'attempt', values.attempt, 1, 2 ** 31);
  const filter: Filter = {
    ...(values.host !== undefined && { host: values.host }),
    ...(values.port !== undefined && { port: whole(tell, 'port', values.port, 0, 65535) }),
    ...(values.since !== undefined && { since: time(tell, 'since', values.since) }),
    ...(values.until !== undefined && { until: time(tell, 'until', values.until) }),
    ...(values.verdict !== undefined && { verdicts: values.verdict.flatMap((list) => list.split(',')) }),
  };
  const byDay = values['partition-by-day'] === true;
  const { html = null, parquet = null, ndjson = null } = values;
  const rotate = values.rotate === undefined ? null : rotation(tell, values.rotate);
  for (const [option, given] of [
    ['partition-by-day', byDay],
    ['rotate', rotate !== null],
  ] as const)
    if (given && parquet === null && ndjson === null) throw new UsageError(tell('whereTo', { option }));
  if (rotate !== null && from === undefined && (positionals.length > 1 || positionals[0] !== '-'))
    throw new UsageError(tell('endless'));
  if (html !== null && positionals.length > 1) throw new UsageError(tell('onePage'));
  checkPlace(tell, 'html', html, false);
  checkPlace(tell, 'parquet', parquet, byDay || rotate !== null);
  checkPlace(tell, 'ndjson', ndjson, byDay || rotate !== null);
  return {
    files: from === undefined ? expand(positionals) : [],
    together: ways[0] ?? null,
    say: speaker(explainTexts, language),
    tell,
    language,
    interface: from ?? null,
    seconds: values.seconds === undefined ? null : whole(tell, 'seconds', values.seconds, 1, 31_536_000),
    mode: modes[0] ?? 'summary',
    attempt,
    html,
    parquet,
    ndjson,
    byDay,
    rotate,
    host: values.hostname ?? (from === undefined ? '' : hostname()),
    wanted: filterOf(filter),
    narrowed: Object.keys(filter).length > 0,
  };
}

/** Better now than after an hour of reading. */
function checkPlace(tell: SayUse, option: string, path: string | null, folder: boolean): void {
  if (path === null) return;
  let there: Stats | undefined;
  try {
    there = statSync(fsPath(path), { throwIfNoEntry: false });
  } catch {
    return; // Opening it says why.
  }
  if (there?.isDirectory() === true && !folder)
    throw new UsageError(tell(option === 'html' ? 'isFolder' : 'isFolderByDay', { option, path }));
  if (there?.isDirectory() === false && folder) throw new UsageError(tell('isFile', { option, path }));
  const parent = dirname(path);
  if (there === undefined && !folder && !existsSync(fsPath(parent)))
    throw new UsageError(tell('noFolder', { option, path, parent }));
}

const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };
const BYTES: Readonly<Record<string, number>> = { K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 };
/** Longer than a file may be written, s, and larger than one may be, bytes. */
const LONGEST = 31 * 86_400;
const LARGEST = 64 * 2 ** 30;

/** After how long or how much a file is complete. */
function rotation(tell: SayUse, value: string): RowOptions['rotate'] {
  const [, digits, unit] = /^(\d{1,12})([smhdKMG])$/.exec(value) ?? [];
  const seconds = Number(digits) * (SECONDS[unit ?? ''] ?? Number.NaN);
  const bytes = Number(digits) * (BYTES[unit ?? ''] ?? Number.NaN);
  if (seconds >= 1 && seconds <= LONGEST) return { seconds };
  if (bytes >= 2 ** 10 && bytes <= LARGEST) return { bytes };
  throw new UsageError(tell('badRotate', { value }));
}

function whole(tell: SayUse, name: string, value: string, least: number, most: number): number {
  const number = Number(value);
  if (!/^\d+$/.test(value) || number < least || number > most)
    throw new UsageError(tell('badNumber', { name, least, most, value }));
  return number;
}

/** @returns seconds since 1970 */
function time(tell: SayUse, name: string, value: string): number {
  // Without a zone it is UTC, as all times that are told.
  const zoned = /^\d{4}-\d\d-\d\d[T ][\d:.]+$/.test(value) ? `${value.replace(' ', 'T')}Z` : value;
  const seconds = /^\d+(\.\d+)?$/.test(value) ? Number(value) : Date.parse(zoned) / 1000;
  if (Number.isNaN(seconds)) throw new UsageError(tell('badTime', { name, value }));
  return seconds;
}
