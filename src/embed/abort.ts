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
