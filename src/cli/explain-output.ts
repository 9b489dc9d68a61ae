/** Standard output in large pieces: there may be millions of lines. */
import { writeSync } from 'node:fs';
import { LineBuffer } from '../explain/line-buffer.ts';

/** An output file could not be written. */
export class WriteError extends Error {
  constructor(path: string, cause: unknown) {
    super(`cannot write ${path}: ${(cause as Error).message}`, { cause });
  }
}

/** Collects lines and writes them in large pieces. */
export const standardOutput = (): LineBuffer =>
  new LineBuffer((bytes) => {
    // Whoever read our output has gone (`| head`): nothing is left to do.
    if (!writeOut(bytes)) process.exit(0);
  });

const waiting = new Int32Array(new SharedArrayBuffer(4));

/** Writes to standard output. @returns whether anybody still reads it @throws WriteError */
export function writeOut(bytes: Uint8Array): boolean {
  let at = 0;
  while (at < bytes.length) {
    try {
      at += writeSync(1, bytes, at, bytes.length - at);
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code === 'EPIPE') return false;
      if (code !== 'EAGAIN') throw new WriteError('standard output', error);
      Atomics.wait(waiting, 0, 0, 1);
    }
  }
  return true;
}
