/** AbortSignal as far as it is needed here: declared so that neither Node's nor a browser's types are. */

/** An `AbortSignal`. */
export interface AbortSignalLike {
  readonly aborted: boolean;
  readonly reason: unknown;
  addEventListener(type: 'abort', listener: () => void): void;
  removeEventListener(type: 'abort', listener: () => void): void;
}

/** Calls when a signal aborts. @returns what stops that */
export function onAbort(signal: AbortSignalLike, action: (reason: unknown) => void): () => void {
  const listener = (): void => {
    off();
    action(signal.reason);
  };
  const off = (): void => signal.removeEventListener('abort', listener);
  signal.addEventListener('abort', listener);
  return off;
}

/** A promise, or the signal's reason as a rejection if it aborts first. A signal that has aborted before changes nothing. */
export function unlessAborted<T>(
  promise: PromiseLike<T>,
  signal: AbortSignalLike | undefined,
): PromiseLike<T> {
  if (signal === undefined || signal.aborted) return promise;
  return new Promise<T>((resolve, reject) => {
    const off = onAbort(signal, reject);
    promise.then(
      (value) => {
        off();
        resolve(value);
      },
      (error) => {
        off();
        reject(error);
      },
    );
  });
}
