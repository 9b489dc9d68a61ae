/** Which files belong together: pieces of one capture (a ring), captures of both ends of the same traffic, or captures of their own. */
import { closeSync, openSync, readdirSync, readSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { CaptureError } from '../wire/captured-packet.ts';
import { CaptureReader } from '../wire/pcap-reader.ts';
import { readCapture } from './explain-input.ts';
import { fsPath, nameOfBytes } from './output/names.ts';

/** How several files are taken. */
export type Together = 'ring' | 'ends' | 'each';

/** Files that are one capture, in order. */
export interface Source {
  readonly name: string;
  readonly files: readonly string[];
}

const CAPTURE = /\.(pcap|pcapng|cap|snoop|dmp)\d*(\.gz|\.zst)?$|\.(pcap|pcapng|cap)\d*$/i;

/** Puts in place of a folder the captures in it, by name. @throws Error if there are none */
export function expand(names: readonly string[]): string[] {
  return names.flatMap((name) => {
    if (name === '-' || statSync(fsPath(name), { throwIfNoEntry: false })?.isDirectory() !== true)
      return [name];
    const found = readdirSync(fsPath(name), { encoding: 'buffer' })
      .map((entry) => nameOfBytes(entry))
      .filter((entry) => CAPTURE.test(entry))
      .sort(byNumbers);
    if (found.length === 0)
      throw new Error(
        `${name}: there are no captures in this folder (names that end in .pcap, .pcapng, .cap, ...)`,
      );
    return found.map((entry) => join(name, entry));
  });
}

/** Numbers in names count as numbers: tcpdump -C writes file, file1, ... file10. */
function byNumbers(a: string, b: string): number {
  const one = a.split(/(\d+)/);
  const two = b.split(/(\d+)/);
  for (let n = 0; n < Math.min(one.length, two.length); n++) {
    if (one[n] === two[n]) continue;
    const difference = Number(one[n]) - Number(two[n]);
    return n % 2 === 1 && difference !== 0 ? difference : one[n]! < two[n]! ? -1 : 1;
  }
  return one.length - two.length;
}

/** The time of a file's first packet, seconds since 1970; null if it cannot be had. */
function firstTime(file: string): number | null {
  const bytes = Buffer.alloc(1 << 12);
  let time: number | null = null;
  try {
    const fd = openSync(fsPath(file), 'r');
    try {
      const size = readSync(fd, bytes, 0, bytes.length, 0);
      // What is compressed is read by the caller.
      if (bytes[0] === 0x1f || bytes[0] === 0x28) return null;
      new CaptureReader((p) => {
        time ??= p.seconds + p.nanoseconds / 1e9;
      }).push(bytes.subarray(0, size));
    } finally {
      closeSync(fd);
    }
  } catch {
    // Whoever reads the file says what is wrong with it.
  }
  return time;
}

/** The times of a file's first and last packet, whatever its compression. */
async function span(file: string): Promise<{ first: number; last: number } | null> {
  let first = Number.POSITIVE_INFINITY;
  let last = Number.NEGATIVE_INFINITY;
  const reader = new CaptureReader((p) => {
    const time = p.seconds + p.nanoseconds / 1e9;
    if (time < first) first = time;
    if (time > last) last = time;
  });
  try {
    await readCapture(
      file,
      () => {},
      (chunk) => reader.push(chunk),
    );
  } catch (error) {
    if (!(error instanceof CaptureError) && (error as NodeJS.ErrnoException).code === undefined) return null;
  }
  return last >= first ? { first, last } : null;
}

/** More files than this are not read to find out: their names and first packets have to say it. */
const MOST_READ = 16;
/** Two captures that overlap for less than this are pieces of one whose clock was corrected, s. */
const OVERLAP = 0.5;

/**
 * How several files are to be taken: names or times that follow each other are a ring, those that overlap are ends of the same
 * traffic. @returns the files too, in order of time if they are a ring
 */
export async function together(
  files: readonly string[],
): Promise<{ how: Together; files: readonly string[] }> {
  if (files.length < 2 || files.includes('-') || new Set(files).size < files.length)
    return { how: 'each', files };
  if (files.length > MOST_READ || sameStem(files)) {
    const timed = files.map((file) => ({ file, time: firstTime(file) }));
    if (timed.every(({ time }) => time !== null)) {
      timed.sort((a, b) => a.time! - b.time! || byNumbers(a.file, b.file));
      const one = await span(timed[0]!.file);
      const follows = one !== null && timed[1]!.time! >= one.last - OVERLAP;
      if (sameStem(files) && follows) return { how: 'ring', files: timed.map(({ file }) => file) };
    }
    if (files.length > MOST_READ) return { how: 'each', files };
  }
  const spans: { file: string; first: number; last: number }[] = [];
  for (const file of files) {
    const it = await span(file);
    if (it === null) return { how: 'each', files };
    spans.push({ file, ...it });
  }
  const order = [...spans].sort((a, b) => a.first - b.first);
  const overlaps = order.some((it, n) => n > 0 && it.first < order[n - 1]!.last - OVERLAP);
  return { how: overlaps ? 'ends' : 'each', files };
}

/** Whether the names differ in numbers only. */
function sameStem(files: readonly string[]): boolean {
  const stem = (name: string): string => name.replace(/\d+/g, '#').replace(/#$/, '');
  const first = stem(files[0]!);
  return files.every((name) => stem(name) === first);
}

/** The frames of a ring, by the file that they are in. */
export class Frames {
  private readonly starts: number[] = [];
  private readonly names: string[] = [];

  /** A file begins behind so many frames. */
  begin(name: string, before: number): void {
    this.names.push(name);
    this.starts.push(before);
  }

  /** The file of a frame, and its number there. */
  place(frame: number): { readonly file: string; readonly frame: number } {
    let low = 0;
    let high = this.starts.length - 1;
    while (low < high) {
      const middle = (low + high + 1) >> 1;
      if (this.starts[middle]! < frame) low = middle;
      else high = middle - 1;
    }
    return { file: this.names[low] ?? '', frame: frame - (this.starts[low] ?? 0) };
  }
}
