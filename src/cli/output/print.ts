/**
 * Standard output and standard error of all commands. What is printed is written at once, so that an error is known where it
 * happens. Nobody reads any more (`| head`): the process ends quietly with 141, as one that SIGPIPE ends.
 */
import { writeSync } from 'node:fs';
import { styleText } from 'node:util';
import { visibleLines } from '../../wire/visible.ts';
import { WriteError } from './errors.ts';

/** 128 + SIGPIPE: what a shell reports of a program that wrote to a pipe which nobody reads. */
const NOBODY_READS = 141;

/** Whether people look at standard output in colour: on a terminal, and not against NO_COLOR. */
export const colour: boolean = process.stdout.isTTY === true && !process.env.NO_COLOR;

type Style = Parameters<typeof styleText>[0];

/** The text in a style, if {@link colour} is on. */
export const paint = (style: Style, text: string): string => (colour ? styleText(style, text) : text);

/** Columns to draw in: the terminal's, or 80 where there is none, but no more than `most`. */
export const columns = (most: number, otherwise = 80): number =>
  Math.min(process.stdout.columns ?? otherwise, most);

const waiting = new Int32Array(new SharedArrayBuffer(4));

/** Writes all of it, to a pipe that is full at the moment too. @throws ErrnoException */
export function writeAll(file: number, bytes: Uint8Array): void {
  for (let at = 0; at < bytes.length; ) {
    try {
      at += writeSync(file, bytes, at, bytes.length - at);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      Atomics.wait(waiting, 0, 0, 1);
    }
  }
}

/** Writes to standard output. @returns false if nobody reads it any more @throws WriteError */
export function writeOut(bytes: Uint8Array): boolean {
  try {
    writeAll(1, bytes);
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EPIPE') return false;
    throw new WriteError(null, error as NodeJS.ErrnoException);
  }
}

/** Ends the process because nobody reads what it writes. */
export const endUnread = (): never => process.exit(NOBODY_READS);

/** Bytes to standard output, as they are. @throws WriteError */
export function printBytes(bytes: Uint8Array): void {
  if (!writeOut(bytes)) endUnread();
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: the sequences that set colours
const sgr = /(\u001b\[[\d;]*m)/;

/**
 * Text for people to standard output. Control characters are shown, but for line feeds, tabs and, where there is colour, those
 * that set it. A name within a line has to go through {@link visible} before: here its line feeds and colours look like ours.
 * @throws WriteError
 */
export function print(text: string): void {
  printBytes(Buffer.from(colour ? colourful(text) : visibleLines(text)));
}

const colourful = (text: string): string =>
  text
    .split(sgr)
    .map((part, n) => (n % 2 === 1 ? part : visibleLines(part)))
    .join('');

/** A value as one line of JSON (or several, indented). @throws WriteError */
export function printJson(value: unknown, indent?: number): void {
  printBytes(Buffer.from(`${visibleJson(JSON.stringify(value, null, indent))}\n`));
}

/** JSON leaves DEL and the second set of control characters as they are; terminals obey some. */
const visibleJson = (text: string): string =>
  text.replace(/[\x7f-\x9f]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);

/** A message to standard error, control characters shown. Where that cannot be written, nothing is left to do. */
export function complain(command: string, message: string): void {
  printError(`halfopen${command === '' ? '' : ` ${command}`}: ${message}\n`);
}

/** Text to standard error, control characters shown. */
export function printError(text: string): void {
  try {
    writeAll(2, Buffer.from(visibleLines(text)));
  } catch {
    // Nobody can be told.
  }
}

/** What the `error` event of standard output comes to, for writes that do not go through this file. */
export function guardStandardOutput(command: string): void {
  process.stdout.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code === 'EPIPE') endUnread();
    complain(command, new WriteError(null, error as NodeJS.ErrnoException).message);
    process.exit(1);
  });
  process.stderr.on('error', () => {});
}
