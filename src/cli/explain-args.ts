/** The command line of `halfopen explain`. */
import { existsSync, type Stats, statSync } from 'node:fs';
import { hostname } from 'node:os';
import { dirname } from 'node:path';
import { parseArgs } from 'node:util';
import { type Filter, filterCodes, filterOf } from '../explain/filter.ts';
import type { Attempt } from '../explain/judge/attempt.ts';
import { explainTexts } from '../messages/explain.ts';
import { type Say, speaker } from '../messages/message.ts';
import { expand, type Together } from './explain-files.ts';
import type { RowOptions } from './explain-parquet.ts';
import { languageOf } from './language.ts';
import { fsPath } from './output/names.ts';

const usage = `Usage: halfopen explain [OPTION]... FILE...|-

Says for each TCP connection attempt in a capture what happened in its handshake, why, and how it is known.
Reads pcap, pcapng and snoop (µs, ns, either byte order, gzip; zstd where Node can), from files or a pipe (-).

  --all               every attempt in full: sentence, evidence, packets, options
  --attempt N         one attempt in full
  --json              one JSON object per attempt and line (schema: docs/explain-json.md)
  --html FILE         also one page to mail: at most 300 attempts, about 2 MB (one capture only)
  --parquet FILE      also one row per attempt in Parquet (columns and SQL: docs/explain-parquet.md)
  --ndjson FILE       also one JSON object per attempt and line, into a file
  --partition-by-day  with --parquet FOLDER or --ndjson FOLDER: a file per capture and day, FOLDER/dt=YYYY-MM-DD/CAPTURE.parquet
  --rotate 1h         the same for what has no end (--interface, a pipe): a new file after so long (s, m, h, d) or
                      so much (K, M, G), FOLDER/dt=YYYY-MM-DD/HOST-TIME.parquet, each whole or not there
  --hostname NAME     the host that the rows are of (with --interface: this machine's name without it)
  --host ADDRESS      only attempts with this address on either side
  --ring, --ends, --each   take several files as pieces of one capture, as captures of both ends, or each alone
                      (without these, names and times decide; a folder stands for the captures in it)
  --interface NAME    capture from an interface (any: all) until ^C, on Linux, as root; --seconds N ends it by itself
  --port PORT         only attempts with this port on either side
  --since TIME        only attempts that began then or later (ISO 8601, in UTC unless it says otherwise; or seconds since 1970)
  --until TIME        only attempts that began then or earlier
  --verdict CODE,...  only attempts with this verdict, outcome or note

Exit: 0 the captures were read, 1 one is damaged or cannot be read, 2 wrong usage.

Examples:
  halfopen explain capture.pcapng
  halfopen explain --verdict unanswered,refused --all capture.pcap
  tcpdump -U -w - tcp | halfopen explain --all -
  halfopen explain --json capture.pcap > attempts.ndjson
  halfopen explain client.pcap server.pcap
  halfopen explain --ring trace.pcap*
  halfopen explain --html report.html --parquet attempts.parquet capture.pcap

Codes for --verdict:
`;

/** What the command was asked for. */
export interface Options {
  readonly files: readonly string[];
  /** How several files are to be taken; null: their names and times decide. */
  readonly together: Together | null;
  /** The command's own texts. */
  readonly say: Say<typeof explainTexts>;
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

function wrapped(words: readonly string[], width: number): string {
  const lines = [' '];
  for (const word of words) {
    if (lines[lines.length - 1]!.length + word.length + 1 > width) lines.push(' ');
    lines[lines.length - 1] += ` ${word}`;
  }
  return lines.join('\n');
}

/** The text of --help. */
export const help = (): string => `${usage}${wrapped(filterCodes, 100)}\n`;

/** @returns null if help is asked for @throws Error that says what is wrong */
export function parse(args: string[]): Options | null {
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
  if (from !== undefined && positionals.length > 0)
    throw new UsageError('--interface captures itself: give no files beside it');
  if (values.seconds !== undefined && from === undefined)
    throw new UsageError('--seconds goes with --interface');
  const ways = (['ring', 'ends', 'each'] as const).filter((name) => values[name] === true);
  if (ways.length > 1) throw new UsageError(`--${ways.join(' and --')} exclude each other`);
  if (positionals.length === 0 && from === undefined)
    throw new UsageError('which capture? Give files, or - for a pipe (--help says more)');
  const modes = (['all', 'json', 'attempt'] as const).filter((name) => values[name] !== undefined);
  if (modes.length > 1) throw new UsageError(`--${modes.join(' and --')} exclude each other`);
  const attempt = values.attempt === undefined ? 0 : whole('attempt', values.attempt, 1, 2 ** 31);
  const filter: Filter = {
    ...(values.host !== undefined && { host: values.host }),
    ...(values.port !== undefined && { port: whole('port', values.port, 0, 65535) }),
    ...(values.since !== undefined && { since: time('since', values.since) }),
    ...(values.until !== undefined && { until: time('until', values.until) }),
    ...(values.verdict !== undefined && { verdicts: values.verdict.flatMap((list) => list.split(',')) }),
  };
  const byDay = values['partition-by-day'] === true;
  const { html = null, parquet = null, ndjson = null } = values;
  const rotate = values.rotate === undefined ? null : rotation(values.rotate);
  for (const [option, given] of [
    ['partition-by-day', byDay],
    ['rotate', rotate !== null],
  ] as const)
    if (given && parquet === null && ndjson === null)
      throw new UsageError(
        `--${option} says how --parquet FOLDER or --ndjson FOLDER is filled: give one of them too`,
      );
  if (rotate !== null && from === undefined && (positionals.length > 1 || positionals[0] !== '-'))
    throw new UsageError(
      '--rotate is for what has no end: --interface, or - for a pipe (for files there is --partition-by-day)',
    );
  if (html !== null && positionals.length > 1)
    throw new UsageError('--html makes a page of one capture: give one, or merge them first (mergecap)');
  checkPlace('html', html, false);
  checkPlace('parquet', parquet, byDay || rotate !== null);
  checkPlace('ndjson', ndjson, byDay || rotate !== null);
  return {
    files: from === undefined ? expand(positionals) : [],
    together: ways[0] ?? null,
    say: speaker(explainTexts, languageOf(args)),
    interface: from ?? null,
    seconds: values.seconds === undefined ? null : whole('seconds', values.seconds, 1, 31_536_000),
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
function checkPlace(option: string, path: string | null, folder: boolean): void {
  if (path === null) return;
  let there: Stats | undefined;
  try {
    there = statSync(fsPath(path), { throwIfNoEntry: false });
  } catch {
    return; // Opening it says why.
  }
  if (there?.isDirectory() === true && !folder)
    throw new UsageError(
      `--${option} ${path}: is a folder${option === 'html' ? '' : ' (--partition-by-day fills folders)'}`,
    );
  if (there?.isDirectory() === false && folder)
    throw new UsageError(`--${option} ${path}: is a file, and --partition-by-day and --rotate need a folder`);
  const parent = dirname(path);
  if (there === undefined && !folder && !existsSync(fsPath(parent)))
    throw new UsageError(`--${option} ${path}: there is no folder ${parent}`);
}

const SECONDS: Readonly<Record<string, number>> = { s: 1, m: 60, h: 3600, d: 86_400 };
const BYTES: Readonly<Record<string, number>> = { K: 2 ** 10, M: 2 ** 20, G: 2 ** 30 };
/** Longer than a file may be written, s, and larger than one may be, bytes. */
const LONGEST = 31 * 86_400;
const LARGEST = 64 * 2 ** 30;

/** After how long or how much a file is complete. */
function rotation(value: string): RowOptions['rotate'] {
  const [, digits, unit] = /^(\d{1,12})([smhdKMG])$/.exec(value) ?? [];
  const seconds = Number(digits) * (SECONDS[unit ?? ''] ?? Number.NaN);
  const bytes = Number(digits) * (BYTES[unit ?? ''] ?? Number.NaN);
  if (seconds >= 1 && seconds <= LONGEST) return { seconds };
  if (bytes >= 2 ** 10 && bytes <= LARGEST) return { bytes };
  throw new UsageError(
    `--rotate takes a time from 1s to 31d (s, m, h, d) or a size from 1K to 64G (K, M, G), not '${value}'`,
  );
}

function whole(name: string, value: string, least: number, most: number): number {
  const number = Number(value);
  if (!/^\d+$/.test(value) || number < least || number > most)
    throw new UsageError(`--${name} takes a whole number from ${least} to ${most}, not '${value}'`);
  return number;
}

/** @returns seconds since 1970 */
function time(name: string, value: string): number {
  // Without a zone it is UTC, as all times that are told.
  const zoned = /^\d{4}-\d\d-\d\d[T ][\d:.]+$/.test(value) ? `${value.replace(' ', 'T')}Z` : value;
  const seconds = /^\d+(\.\d+)?$/.test(value) ? Number(value) : Date.parse(zoned) / 1000;
  if (Number.isNaN(seconds))
    throw new UsageError(`--${name} takes a time such as 2024-05-01T12:00:00Z, not '${value}'`);
  return seconds;
}
