/** Standard output in large pieces: there may be millions of lines. */
import { writeSync } from 'node:fs';

/** An output file could not be written. */
export class WriteError extends Error {
  constructor(path: string, cause: unknown) {
    super(`cannot write ${path}: ${(cause as Error).message}`, { cause });
  }
}

/** Collects lines and writes them in large pieces. */
export class Output {
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
