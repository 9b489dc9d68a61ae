/** `halfopen explain`: what happened to every connection attempt in a capture. */
import { writeSync } from 'node:fs';
import { parseArgs } from 'node:util';
import type { Attempt } from '../explain/attempt.ts';
import { type CaptureSummary, Explainer } from '../explain/explain.ts';
import { type Filter, filterCodes, filterOf } from '../explain/filter.ts';
import { attemptJson } from '../explain/json.ts';
import { Tally } from '../explain/summary.ts';
import { attemptLines, summaryLines, type TextStyle } from '../view/attempt-text.ts';
import { CaptureError } from '../wire/pcap-reader.ts';
import { captureChunks, type Progress } from './explain-input.ts';

const help = `Usage: halfopen explain [OPTION]... FILE...|-

Says for each TCP connection attempt in a capture what happened in its handshake, why, and how it is known.
Reads pcap and pcapng (µs, ns, either byte order, gzip; zstd where Node can), from files or a pipe (-).

  --all               every attempt in full: sentence, evidence, packets, options
  --attempt N         one attempt in full
  --json              one JSON object per attempt and line (schema: docs/explain-json.md)
  --host ADDRESS      only attempts with this address on either side
  --port PORT         only attempts with this port on either side
  --since TIME        only attempts that began then or later (ISO 8601, or seconds since 1970)
  --until TIME        only attempts that began then or earlier
  --verdict CODE,...  only attempts with this verdict, outcome or note

Exit: 0 the captures were read, 1 one is damaged or cannot be read, 2 wrong usage.

Examples:
  halfopen explain capture.pcapng
  halfopen explain --verdict unanswered,refused --all capture.pcap
  tcpdump -w - tcp | halfopen explain -
  halfopen explain --json capture.pcap > attempts.ndjson

Codes for --verdict:
`;

interface Options {
  readonly files: readonly string[];
  readonly mode: 'summary' | 'all' | 'json' | 'attempt';
  readonly attempt: number;
  readonly wanted: (a: Attempt) => boolean;
}

const style: TextStyle = {
  width: Math.min(process.stdout.columns ?? 80, 110),
  colour: process.stdout.isTTY === true && !process.env.NO_COLOR,
};

/** Wrong usage: its message is all that the user needs. */
class UsageError extends Error {}

/** Runs the command. @returns the exit code */
export async function run(args: string[]): Promise<number> {
  let options: Options | null;
  try {
    options = parse(args);
  } catch (error) {
    process.stderr.write(`halfopen explain: ${(error as Error).message}\n`);
    return 2;
  }
  if (options === null) {
    process.stdout.write(`${help}${wrapped(filterCodes, 100)}\n`);
    return 0;
  }
  let code = 0;
  for (const file of options.files) {
    if (options.files.length > 1 && options.mode !== 'json') process.stdout.write(`${file}:\n`);
    code = Math.max(code, await explainFile(file, options));
  }
  return code;
}

function wrapped(words: readonly string[], width: number): string {
  const lines = [' '];
  for (const word of words) {
    if (lines[lines.length - 1]!.length + word.length + 1 > width) lines.push(' ');
    lines[lines.length - 1] += ` ${word}`;
  }
  return lines.join('\n');
}

/** @returns null if help is asked for @throws Error that says what is wrong */
function parse(args: string[]): Options | null {
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
      help: { type: 'boolean', short: 'h' },
    },
  });
  if (values.help) return null;
  if (positionals.length === 0)
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
  return { files: positionals, mode: modes[0] ?? 'summary', attempt, wanted: filterOf(filter) };
}

function whole(name: string, value: string, least: number, most: number): number {
  const number = Number(value);
  if (!/^\d+$/.test(value) || number < least || number > most)
    throw new UsageError(`--${name} takes a whole number from ${least} to ${most}, not '${value}'`);
  return number;
}

/** @returns seconds since 1970 */
function time(name: string, value: string): number {
  const seconds = /^\d+(\.\d+)?$/.test(value) ? Number(value) : Date.parse(value) / 1000;
  if (Number.isNaN(seconds))
    throw new UsageError(`--${name} takes a time such as 2024-05-01T12:00:00Z, not '${value}'`);
  return seconds;
}

async function explainFile(file: string, options: Options): Promise<number> {
  const out = new Output();
  const tally = new Tally();
  let found = false;
  const explainer = new Explainer((a) => {
    if (options.mode === 'attempt') {
      if (a.number === options.attempt) {
        found = true;
        out.line(attemptLines(a, style).join('\n'));
      }
      return;
    }
    if (!options.wanted(a)) return;
    if (options.mode === 'json') out.line(attemptJson(a));
    else {
      tally.add(a);
      if (options.mode === 'all') out.line(`${attemptLines(a, style).join('\n')}\n`);
    }
  });
  const { problem, summary } = await feed(explainer, file);
  if (options.mode === 'summary' || options.mode === 'all') {
    out.line(
      `${summary.packets} packets, ${summary.segments} TCP segments, ${summary.attempts} connection attempts`,
    );
    out.line(summaryLines(tally, style).join('\n'));
  }
  out.flush();
  if (problem !== null) {
    process.stderr.write(`halfopen explain: ${file}: ${problem}\n`);
    return 1;
  }
  if (options.mode === 'attempt' && !found) {
    process.stderr.write(
      `halfopen explain: ${file} has ${summary.attempts} attempts, no attempt ${options.attempt}\n`,
    );
    return 1;
  }
  return 0;
}

/** Reads the capture to its end, or to the damage. */
async function feed(
  explainer: Explainer,
  file: string,
): Promise<{ problem: string | null; summary: CaptureSummary }> {
  const bar = progressBar();
  let problem: string | null = null;
  let damage: CaptureError | null = null;
  try {
    for await (const chunk of captureChunks(file, bar)) explainer.push(chunk);
  } catch (error) {
    if (error instanceof CaptureError) damage = error;
    problem = (error as Error).message;
  }
  bar(0, null);
  try {
    explainer.end(damage);
  } catch (error) {
    if (!(error instanceof CaptureError)) throw error;
    problem ??= error.message;
  }
  return { problem, summary: explainer.summary() };
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

/** Collects lines and writes them in large pieces. */
class Output {
  private readonly buffer = Buffer.allocUnsafe(1 << 20);
  private used = 0;

  line(text: string): void {
    // UTF-8 takes at most three bytes for a UTF-16 unit.
    const most = text.length * 3 + 1;
    if (this.used + most > this.buffer.length) this.flush();
    if (most > this.buffer.length) {
      writeAll(Buffer.from(`${text}\n`));
      return;
    }
    this.used += this.buffer.write(text, this.used);
    this.buffer[this.used++] = 10;
  }

  flush(): void {
    writeAll(this.buffer.subarray(0, this.used));
    this.used = 0;
  }
}

const waiting = new Int32Array(new SharedArrayBuffer(4));

function writeAll(bytes: Uint8Array): void {
  let at = 0;
  while (at < bytes.length) {
    try {
      at += writeSync(1, bytes, at, bytes.length - at);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      // Whoever read our output has gone (`| head`): nothing is left to do.
      if (code === 'EPIPE') process.exit(0);
      if (code !== 'EAGAIN') throw error;
      Atomics.wait(waiting, 0, 0, 1);
    }
  }
}
