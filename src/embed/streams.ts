/// <reference lib="esnext.disposable" preserve="true" />
/** `halfopen/streams`: promises and web streams over a stack's callbacks, for programs that have no packets to count. */

import { Errno } from '../tcp/errno.ts';
import type { ConnectionHandlers, StackConnection } from './connection.ts';
import { StackError } from './errors.ts';
import type { StackConnectOptions } from './options.ts';
import type { Stack, StackListener, StackListenOptions } from './stack.ts';

/** A connection as a pair of web streams. */
export interface StreamConnection extends AsyncDisposable {
  readonly connection: StackConnection;
  /** Ends when the peer has ended; errors if the connection fails, after what had arrived. Reading slowly slows the peer down. */
  readonly readable: ReadableStream<Uint8Array>;
  /**
   * Closing it sends FIN, and is done when the peer has acknowledged everything; aborting it sends RST. Reading goes on after
   * it was closed.
   */
  readonly writable: WritableStream<Uint8Array>;
  /** Resolves when the connection is over, whichever way; never rejects. */
  readonly closed: Promise<void>;
}

/** A listener whose connections are taken one by one: `for await (const { readable, writable } of listener)`. */
export interface StreamListener extends AsyncIterable<StreamConnection>, AsyncDisposable {
  readonly address: string;
  readonly port: number;
  /** Stops listening: the loop ends, connections that nobody took are reset. */
  close(): void;
}

/** So many bytes may wait for a reader before the connection pauses. */
const mostWaiting = 65_536;

/** Turns the callbacks of one connection into streams. */
class Adapter {
  readonly handlers: ConnectionHandlers;
  private readonly connection: () => StackConnection;
  private readable: ReadableStreamDefaultController<Uint8Array> | null = null;
  private writable: WritableStreamDefaultController | null = null;
  private onDrained: (() => void) | null = null;
  private onSent: (() => void) | null = null;
  private allSent = false;
  private onClosed: () => void = () => {};
  private onPulled: (() => void) | null = null;
  /** What arrived and was not read. */
  private readonly waiting: Uint8Array[] = [];
  private waitingBytes = 0;
  /** How reading ends when all that waits was read: null while it goes on. */
  private outcome: 'ended' | StackError | null = null;
  private isOver = false;
  private readingOver = false;

  constructor(connection: () => StackConnection, more: ConnectionHandlers) {
    this.connection = connection;
    this.handlers = {
      ...more,
      data: (bytes) => this.data(bytes),
      drained: () => this.drained(),
      ended: () => this.endReading('ended'),
      sent: () => this.sent(),
      closed: (error, it) => {
        more.closed?.(error, it);
        this.closed(error);
      },
    };
  }

  streams(): StreamConnection {
    const readable = new ReadableStream<Uint8Array>(
      {
        start: (controller) => {
          this.readable = controller;
        },
        pull: () => this.pull(),
        cancel: () => {
          this.readingOver = true;
          this.connection().reset();
        },
      },
      // Nothing waits inside of the stream: an error would throw it away.
      { highWaterMark: 0 },
    );
    const writable = new WritableStream<Uint8Array>({
      start: (controller) => {
        this.writable = controller;
      },
      write: (bytes) => this.write(bytes),
      close: () => this.end(),
      abort: () => this.connection().reset(),
    });
    const connection = this.connection();
    const closed = new Promise<void>((resolve) => {
      if (this.isOver) resolve();
      this.onClosed = resolve;
    });
    return { connection, readable, writable, closed, [Symbol.asyncDispose]: () => this.dispose() };
  }

  /** Ends it from both sides: what still arrives is thrown away. */
  private async dispose(): Promise<void> {
    this.readingOver = true;
    this.waiting.length = 0;
    this.onPulled?.();
    await this.connection()[Symbol.asyncDispose]();
  }

  private async write(bytes: Uint8Array): Promise<void> {
    for (let from = 0; from < bytes.length; ) {
      from += this.connection().write(bytes.subarray(from));
      if (from < bytes.length)
        await new Promise<void>((resolve) => {
          this.onDrained = resolve;
        });
    }
  }

  private async end(): Promise<void> {
    this.connection().end();
    if (this.allSent || this.isOver) return;
    await new Promise<void>((resolve) => {
      this.onSent = resolve;
    });
  }

  private sent(): void {
    this.allSent = true;
    this.onSent?.();
  }

  private data(bytes: Uint8Array): void {
    if (this.readingOver) return;
    this.waiting.push(bytes);
    this.waitingBytes += bytes.length;
    this.serve();
    if (this.waitingBytes >= mostWaiting) this.connection().pause();
  }

  /** A reader waits: resolves when it was served. */
  private pull(): Promise<void> {
    return new Promise((resolve) => {
      this.onPulled = resolve;
      this.serve();
    });
  }

  /** Gives the reader that waits what there is. */
  private serve(): void {
    if (this.onPulled === null) return;
    const bytes = this.waiting.shift();
    if (bytes !== undefined) {
      this.waitingBytes -= bytes.length;
      this.readable?.enqueue(bytes);
    } else if (this.outcome === null) {
      // What the connection kept meanwhile comes now.
      this.connection().resume();
      return;
    } else if (!this.readingOver) {
      this.readingOver = true;
      if (this.outcome === 'ended') this.readable?.close();
      else this.readable?.error(this.outcome);
    }
    const resolve = this.onPulled;
    this.onPulled = null;
    resolve?.();
  }

  private drained(): void {
    const resolve = this.onDrained;
    this.onDrained = null;
    resolve?.();
  }

  private endReading(outcome: 'ended' | StackError): void {
    this.outcome ??= outcome;
    this.serve();
    // Nobody may be reading: the streams are told at once if nothing waits.
    if (this.waiting.length > 0 || this.readingOver || this.readable === null) return;
    this.readingOver = true;
    if (this.outcome === 'ended') this.readable.close();
    else this.readable.error(this.outcome);
  }

  private closed(error: StackError | null): void {
    this.isOver = true;
    if (error !== null) this.writable?.error(error);
    this.endReading(error ?? 'ended');
    // A write that waits goes on and finds the connection over; so does whoever waits for all to be sent.
    this.drained();
    this.onSent?.();
    this.onClosed();
  }
}

/**
 * Connects; settles with the connection's fate.
 * @throws StackError (as a rejection) such as ECONNREFUSED, ETIMEDOUT, ENETUNREACH; the signal's reason if that aborts before
 */
export function connect(
  stack: Stack,
  target: { readonly address: string; readonly port: number },
  options: StackConnectOptions = {},
): Promise<StreamConnection> {
  return new Promise((resolve, reject) => {
    const adapter = new Adapter(() => connection, {
      connected: () => resolve(adapter.streams()),
      closed: (error) =>
        reject(
          options.signal?.aborted
            ? options.signal.reason
            : (error ?? new StackError(Errno.ECONNABORTED, 'connect', target)),
        ),
    });
    const connection = stack.connect(target, adapter.handlers, options);
  });
}

/**
 * Listens; `serve` gets every connection. If it returns a promise that rejects, the connection is reset. A rejection with
 * a StackError is what became of the connection and ends there; any other error stays an unhandled rejection.
 */
export function listen(
  stack: Stack,
  where: StackListenOptions,
  serve: (connection: StreamConnection) => unknown,
): StackListener;
/** Listens; the connections are taken from the listener, and those that nobody took yet wait in its backlog. */
export function listen(stack: Stack, where: StackListenOptions): StreamListener;
export function listen(
  stack: Stack,
  where: StackListenOptions,
  serve?: (connection: StreamConnection) => unknown,
): StackListener | StreamListener {
  if (serve === undefined) return new Incoming(stack, where);
  return stack.listen(where, (connection) => {
    const adapter = new Adapter(() => connection, {});
    const served = serve(adapter.streams());
    if (served instanceof Promise)
      served.catch((error: unknown) => {
        connection.reset();
        if (!(error instanceof StackError)) throw error;
      });
    return adapter.handlers;
  });
}

/** Connections of a listener, one for each that is asked for. */
class Incoming implements StreamListener {
  private readonly listener: StackListener;
  private readonly takers: ((taken: IteratorResult<StreamConnection>) => void)[] = [];
  private isClosed = false;

  constructor(stack: Stack, where: StackListenOptions) {
    const { signal, ...rest } = where;
    if (signal?.aborted) throw signal.reason;
    this.listener = stack.listen(rest, (connection) => {
      const adapter = new Adapter(() => connection, {});
      this.takers.shift()!({ done: false, value: adapter.streams() });
      if (this.takers.length === 0) this.listener.pause();
      return adapter.handlers;
    });
    this.listener.pause();
    signal?.addEventListener('abort', () => this.close());
  }

  get address(): string {
    return this.listener.address;
  }

  get port(): number {
    return this.listener.port;
  }

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.listener.close();
    for (const taker of this.takers.splice(0)) taker({ done: true, value: undefined });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }

  [Symbol.asyncIterator](): AsyncIterator<StreamConnection> {
    return {
      next: () => {
        if (this.isClosed) return Promise.resolve({ done: true, value: undefined });
        return new Promise((resolve) => {
          this.takers.push(resolve);
          this.listener.resume();
        });
      },
      // A loop that is left early is not interested any more.
      return: async () => {
        this.close();
        return { done: true, value: undefined };
      },
    };
  }
}
