/** `halfopen/streams`: promises and web streams over a stack's callbacks, for programs that have no packets to count. */

import { Errno } from '../tcp/errno.ts';
import { type ConnectionHandlers, type StackConnection, StackError } from './connection.ts';
import type { Stack, StackListener } from './stack.ts';

/** A connection as a pair of web streams. */
interface StreamConnection {
  readonly connection: StackConnection;
  /** Ends when the peer has ended; errors if the connection fails. Reading slowly slows the peer down. */
  readonly readable: ReadableStream<Uint8Array>;
  /** Closing it sends FIN, aborting it RST. */
  readonly writable: WritableStream<Uint8Array>;
}

/** Turns the callbacks of one connection into streams. */
class Adapter {
  readonly handlers: ConnectionHandlers;
  private readonly connection: () => StackConnection;
  private readable: ReadableStreamDefaultController<Uint8Array> | null = null;
  private writable: WritableStreamDefaultController | null = null;
  private onDrained: (() => void) | null = null;
  private readingOver = false;

  constructor(connection: () => StackConnection, more: ConnectionHandlers) {
    this.connection = connection;
    this.handlers = {
      ...more,
      data: (bytes) => this.data(bytes),
      drained: () => this.drained(),
      ended: () => this.endReading(),
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
        pull: () => this.connection().resume(),
        cancel: () => {
          this.readingOver = true;
          this.connection().reset();
        },
      },
      { highWaterMark: 65_536, size: (bytes) => bytes.length },
    );
    const writable = new WritableStream<Uint8Array>({
      start: (controller) => {
        this.writable = controller;
      },
      write: (bytes) => this.write(bytes),
      close: () => this.connection().end(),
      abort: () => this.connection().reset(),
    });
    return { connection: this.connection(), readable, writable };
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

  private data(bytes: Uint8Array): void {
    this.readable?.enqueue(bytes);
    if ((this.readable?.desiredSize ?? 1) <= 0) this.connection().pause();
  }

  private drained(): void {
    const resolve = this.onDrained;
    this.onDrained = null;
    resolve?.();
  }

  private endReading(): void {
    if (this.readingOver) return;
    this.readingOver = true;
    this.readable?.close();
  }

  private closed(error: StackError | null): void {
    if (error !== null) {
      if (!this.readingOver) this.readable?.error(error);
      this.readingOver = true;
      this.writable?.error(error);
    } else this.endReading();
    // A write that waits goes on and finds the connection over.
    this.drained();
  }
}

/**
 * Connects; settles with the connection's fate.
 * @throws StackError (as a rejection) such as ECONNREFUSED, ETIMEDOUT, ENETUNREACH
 */
export function connect(
  stack: Stack,
  target: { readonly address: string; readonly port: number },
): Promise<StreamConnection> {
  return new Promise((resolve, reject) => {
    const adapter = new Adapter(() => connection, {
      connected: () => resolve(adapter.streams()),
      closed: (error) => reject(error ?? new StackError(Errno.ECONNABORTED, 'connect')),
    });
    const connection = stack.connect(target, adapter.handlers);
  });
}

/**
 * Listens; `serve` gets every connection. If it returns a promise that rejects, the connection is reset. A rejection with
 * a StackError is what became of the connection and ends there; any other error stays an unhandled rejection.
 */
export function listen(
  stack: Stack,
  where: { readonly port: number; readonly address?: string; readonly backlog?: number },
  serve: (connection: StreamConnection) => unknown,
): StackListener {
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
