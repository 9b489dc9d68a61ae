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
export const standardOutput = (): LineBuffer => new LineBuffer(writeAll);

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
