/** Captures from files and pipes, decompressed, in chunks. */
import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { Readable } from 'node:stream';
import { setImmediate } from 'node:timers/promises';
import * as zlib from 'node:zlib';
import { looksLikeText, readText, type TextCapture } from '../explain/decode/text-capture.ts';
import { isDrafting } from './output/file.ts';
import { fsPath } from './output/names.ts';

const CHUNK = 1 << 16;

/** The longest this thread is busy without a look at signals while a draft is open, ms. */
const TURN_MS = 100;

/** Told after each chunk: bytes of the file read so far, and its size if it has one. */
export type Progress = (read: number, size: number | null) => void;

/**
 * Reads a capture to its end.
 * @param path a file, or `-` for standard input
 * @param onText told of a text that people pasted, before its packets are taken
 * @param take given its bytes without compression (gzip, and zstd where Node knows it), in pieces that are not its own afterwards
 */
export async function readCapture(
  path: string,
  progress: Progress,
  take: (chunk: Uint8Array) => void,
  onText: (text: TextCapture) => void = () => {},
): Promise<void> {
  const raw = path === '-' ? standardInput(progress) : fileChunks(path, progress);
  try {
    const first = await raw.next();
    if (first.done) return;
    if (looksLikeText(Buffer.from(first.value.subarray(0, 8192)).toString('utf8'))) {
      const text = readText(await wholeText(first.value, raw));
      onText(text);
      take(text.bytes);
      return;
    }
    const unpack = decompressor(first.value);
    if (unpack !== null) {
      for await (const chunk of through(chain(first.value, raw), unpack)) take(chunk);
      return;
    }
    take(first.value);
    // To wait for what is there already would cost more than to read it.
    if (Symbol.iterator in raw) {
      let paused = performance.now();
      for (const chunk of raw) {
        take(chunk);
        // A signal that has to remove a draft is heard between turns only.
        if (!isDrafting() || performance.now() - paused < TURN_MS) continue;
        await setImmediate();
        paused = performance.now();
      }
    } else for await (const chunk of raw) take(chunk);
  } finally {
    await raw.return(undefined);
  }
}

/** A text is held whole: people paste some, and nobody writes it by the gigabyte. */
const MOST_TEXT = 64 << 20;

async function wholeText(first: Uint8Array, rest: Chunks): Promise<string> {
  const parts = [Buffer.from(first)];
  let size = first.length;
  for await (const chunk of rest) {
    size += chunk.length;
    if (size > MOST_TEXT)
      throw new Error(`a text of more than ${MOST_TEXT >> 20} MB: give the capture itself (tcpdump -w)`);
    parts.push(Buffer.from(chunk));
  }
  return Buffer.concat(parts).toString('utf8');
}

type Chunks = AsyncGenerator<Uint8Array> | Generator<Uint8Array>;

async function* chain(first: Uint8Array, rest: Chunks): AsyncGenerator<Uint8Array> {
  yield first;
  yield* rest;
}

async function* standardInput(progress: Progress): AsyncGenerator<Uint8Array> {
  let read = 0;
  for await (const chunk of process.stdin) {
    read += (chunk as Buffer).length;
    yield chunk as Buffer;
    progress(read, null);
  }
}

/**
 * One small buffer, filled again and again: what was read is still in the processor's nearest cache when it is used. With 64 KB the
 * system takes a third of the time that it takes with 256 KB or more (0.06 s against 0.18 s for 262 MB), and reading ahead in
 * another thread gains nothing on a file that is in memory.
 */
function* fileChunks(path: string, progress: Progress): Generator<Uint8Array> {
  const file = openSync(fsPath(path), 'r');
  try {
    const { size } = fstatSync(file);
    const buffer = Buffer.allocUnsafe(CHUNK);
    for (let read = 0; ; ) {
      const bytes = readSync(file, buffer, 0, CHUNK, null);
      if (bytes === 0) return;
      read += bytes;
      yield buffer.subarray(0, bytes);
      progress(read, size);
    }
  } finally {
    closeSync(file);
  }
}

/** A stream that undoes the compression that the first bytes announce; null if they announce none. */
function decompressor(first: Uint8Array): zlib.Gunzip | null {
  if (first[0] === 0x1f && first[1] === 0x8b) return zlib.createGunzip({ chunkSize: 1 << 18 });
  if (first[0] !== 0x28 || first[1] !== 0xb5 || first[2] !== 0x2f || first[3] !== 0xfd) return null;
  const { createZstdDecompress } = zlib as unknown as { createZstdDecompress?: () => zlib.Gunzip };
  if (createZstdDecompress === undefined)
    throw new Error(
      `this Node (${process.version}) cannot read zstd; decompress it first: zstd -dc FILE | halfopen explain -`,
    );
  return createZstdDecompress();
}

/** zlib delivers nothing of the piece in which it finds damage: small pieces lose little. */
const PIECE = 8192;

/**
 * @throws Error if the compressed data are damaged or cut off, after all that could be had; it says where
 */
async function* through(source: AsyncGenerator<Uint8Array>, unpack: zlib.Gunzip): AsyncGenerator<Uint8Array> {
  let given = 0;
  // Buffers of fileChunks are used again: zlib gets copies.
  async function* copies(): AsyncGenerator<Uint8Array> {
    for await (const chunk of source) {
      for (let at = 0; at < chunk.length; at += PIECE) {
        const piece = Uint8Array.from(chunk.subarray(at, at + PIECE));
        given += piece.length;
        yield piece;
      }
    }
  }
  const input = Readable.from(copies(), { objectMode: true, highWaterMark: 1 });
  input.on('error', (error) => unpack.destroy(error));
  input.pipe(unpack);
  try {
    for await (const chunk of unpack) yield chunk as Buffer;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'Z_BUF_ERROR') throw new Error(`the compressed data are cut off after ${given} bytes`);
    if (code === undefined || !/^(Z|ZSTD)_/.test(code)) throw error;
    throw new Error(`the compressed data are damaged, somewhere before byte ${given} (${message})`);
  }
}

/** Whether a file is a text that people pasted. What cannot be read is none: whoever reads it says why. */
export function startsAsText(path: string | undefined): boolean {
  if (path === undefined || path === '-') return false;
  try {
    const fd = openSync(fsPath(path), 'r');
    try {
      if (!fstatSync(fd).isFile()) return false;
      const head = Buffer.alloc(8192);
      const size = readSync(fd, head, 0, head.length, 0);
      return looksLikeText(head.subarray(0, size).toString('utf8'));
    } finally {
      closeSync(fd);
    }
  } catch {
    return false;
  }
}
