/** Undoes gzip where captures come as chunks, with what browsers and Node both have (DecompressionStream). */
import { CaptureError } from '../../wire/captured-packet.ts';

// In browsers and Node alike; declared here since this folder is checked without either's types.
interface Reading {
  read(): Promise<{ done: boolean; value?: Uint8Array | undefined }>;
  cancel(): Promise<void>;
}
interface Writing {
  write(chunk: Uint8Array): Promise<void>;
  close(): Promise<void>;
  abort(reason?: unknown): Promise<void>;
}
declare const DecompressionStream:
  | (new (
      format: 'gzip',
    ) => { readonly readable: { getReader(): Reading }; readonly writable: { getWriter(): Writing } })
  | undefined;

/** A web stream of bytes (`Blob.stream()`, `Response.body`), also where such streams cannot be iterated yet. */
export interface ByteStream {
  getReader(): {
    read(): Promise<{ done: boolean; value?: Uint8Array | undefined }>;
    cancel(): Promise<void>;
  };
}

/** Where a capture's bytes come from: pieces of any size. */
export type Chunks = AsyncIterable<Uint8Array> | Iterable<Uint8Array> | ByteStream;

/**
 * The capture's bytes without gzip, if it is compressed.
 * @throws CaptureError after all that could be had, if the compressed data are damaged or cut off
 */
export async function* decompressed(source: Chunks): AsyncGenerator<Uint8Array> {
  const chunks = 'getReader' in source ? streamChunks(source) : source;
  const iterator =
    Symbol.asyncIterator in chunks ? chunks[Symbol.asyncIterator]() : chunks[Symbol.iterator]();
  try {
    const head = await beginning(iterator);
    if (head.length >= 2 && head[0] === 0x1f && head[1] === 0x8b) yield* gunzipped(head, iterator);
    else {
      if (head.length > 0) yield head;
      for (let next = await iterator.next(); !next.done; next = await iterator.next()) yield next.value;
    }
  } finally {
    await iterator.return?.();
  }
}

type Source = AsyncIterator<Uint8Array> | Iterator<Uint8Array>;

async function* streamChunks(stream: ByteStream): AsyncGenerator<Uint8Array> {
  const reader = stream.getReader();
  try {
    for (let next = await reader.read(); !next.done; next = await reader.read()) yield next.value!;
  } finally {
    await reader.cancel();
  }
}

/** At least two bytes, if there are any. */
async function beginning(source: Source): Promise<Uint8Array> {
  let head: Uint8Array = new Uint8Array(0);
  while (head.length < 2) {
    const next = await source.next();
    if (next.done) break;
    if (head.length === 0) head = next.value;
    else {
      const both = new Uint8Array(head.length + next.value.length);
      both.set(head);
      both.set(next.value, head.length);
      head = both;
    }
  }
  return head;
}

async function* gunzipped(head: Uint8Array, source: Source): AsyncGenerator<Uint8Array> {
  if (typeof DecompressionStream === 'undefined')
    throw new CaptureError('this browser cannot read gzip: decompress the capture first', 0);
  const { readable, writable } = new DecompressionStream('gzip');
  const writer = writable.getWriter();
  const reader = readable.getReader();
  let given = 0;
  let sourceProblem: { readonly error: unknown } | null = null;
  const feed = async (): Promise<void> => {
    let chunk = head;
    for (;;) {
      given += chunk.length;
      await writer.write(chunk);
      let next: IteratorResult<Uint8Array>;
      try {
        next = await source.next();
      } catch (error) {
        sourceProblem = { error };
        await writer.abort(error);
        return;
      }
      if (next.done) break;
      chunk = next.value;
    }
    await writer.close();
  };
  // What is wrong with the data comes out at the reading end as well.
  const fed = feed().catch(() => {});
  try {
    for (;;) {
      const { done, value } = await reader.read();
      if (done) break;
      yield value!;
    }
  } catch (error) {
    const broken = sourceProblem as { readonly error: unknown } | null;
    if (broken !== null) throw broken.error;
    throw new CaptureError(`the gzip data are damaged or cut off: ${(error as Error).message}`, given);
  } finally {
    await reader.cancel().catch(() => {});
    await fed;
  }
}
