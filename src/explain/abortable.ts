/** A capture that is read until a signal aborts. */
import { type AbortSignalLike, unlessAborted } from '../wire/abort.ts';
import type { Chunks } from './decode/gunzip.ts';

type Next = { readonly done?: boolean | undefined; readonly value?: Uint8Array | undefined };

/** How pieces are asked for, and how their source is told that no more will be. */
function readerOf(chunks: Chunks): { next(): PromiseLike<Next> | Next; stop(): unknown } {
  if ('getReader' in chunks) {
    const reader = chunks.getReader();
    return { next: () => reader.read(), stop: () => reader.cancel() };
  }
  const iterator =
    Symbol.asyncIterator in chunks ? chunks[Symbol.asyncIterator]() : chunks[Symbol.iterator]();
  const stop = (): unknown => {
    // Node's streams close what they read from by this; their iterator would do so after the piece that does not come.
    const { destroy } = chunks as { readonly destroy?: () => void };
    if (typeof destroy === 'function') return destroy.call(chunks);
    return iterator.return?.();
  };
  return { next: () => iterator.next(), stop };
}

/** The pieces of a capture. @throws the signal's reason once it aborts, also while a piece is waited for */
export async function* abortable(chunks: Chunks, signal: AbortSignalLike): AsyncGenerator<Uint8Array> {
  const { next, stop } = readerOf(chunks);
  try {
    for (;;) {
      if (signal.aborted) throw signal.reason;
      const { done, value } = await unlessAborted(Promise.resolve(next()), signal);
      if (done) return;
      yield value!;
    }
  } finally {
    // Not waited for: a source that waits itself answers later or never.
    Promise.resolve(stop()).catch(() => {});
  }
}
