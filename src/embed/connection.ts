/// <reference lib="esnext.disposable" preserve="true" />
/** A connection of an embedded stack: callbacks in, calls out, no promise but for `await using`. */

import { MessageFlag, type Socket } from '../host/index.ts';
import { Level, SocketOption, setSocketOption } from '../host/socket-options.ts';
import { Errno } from '../tcp/errno.ts';
import { readable } from '../tcp/socket/socket-calls.ts';
import { setTcpOption, TcpOption } from '../tcp/socket/socket-options.ts';
import { CLOSED, FIN_WAIT_2 } from '../tcp/state.ts';
import { type Address, formatAddress } from '../wire/address.ts';
import { peerError, StackError } from './errors.ts';
import { type ConnectionInfo, connectionInfo } from './info.ts';

/** An address and a port, as text and number. */
export interface EndpointText {
  readonly address: string;
  readonly port: number;
}

/**
 * What a connection tells. `closed` comes exactly once, and nothing comes after it, unless the whole stack is closed before.
 * Handlers are called by the clock and by packets, never from within a call that the program makes, but for `reset` and an
 * AbortSignal, which end with `closed`.
 */
export interface ConnectionHandlers {
  /** The handshake is complete (only for connections that this side opened). */
  connected?(connection: StackConnection): void;
  /** Bytes arrived; they are the callee's to keep. */
  data?(bytes: Uint8Array, connection: StackConnection): void;
  /** A write that did not take everything can be continued. */
  drained?(connection: StackConnection): void;
  /** The peer has no more to send; this side may go on writing. */
  ended?(connection: StackConnection): void;
  /** After `end`: the peer has acknowledged everything that was written, and the FIN. */
  sent?(connection: StackConnection): void;
  /**
   * It is over: null after both sides ended (or this one gave it up), else what went wrong. What had arrived before was told
   * before; a connection that is paused keeps it, and is over when it was resumed and read.
   */
  closed?(error: StackError | null, connection: StackConnection): void;
}

/** What the connections of a stack share. */
export interface ConnectionServices {
  /** Does something at the clock's present time and sends what comes of it. */
  run<T>(action: () => T): T;
  /** Where arriving bytes are put for a moment: one buffer for all. */
  readonly buffer: Uint8Array;
  /** A connection is over. */
  over(connection: StackConnection): void;
}

/** A connection of a {@link Stack}; made by its `connect` and `listen`. */
export class StackConnection {
  private readonly socket: Socket;
  /** Null for a connection from outside until `serve` gives them. */
  private handlers: ConnectionHandlers | null;
  private readonly services: ConnectionServices;
  /** Where it connects to; null once it is decided, and for connections from outside. */
  private target: { readonly address: Address; readonly port: number } | null;
  /** The endpoints, as soon as they are known: a connection that is over keeps them. */
  private knownLocal: EndpointText | null = null;
  private knownRemote: EndpointText | null = null;
  /** What it failed with, while what had arrived before is still to be read. */
  private failure: StackError | null = null;
  private onOver: readonly (() => void)[] | null = null;
  private peerEnded = false;
  private ending = false;
  private allSent = false;
  private wantsDrain = false;
  private paused = false;
  private isOver = false;
  private pumping = false;

  /** @internal For {@link Stack} alone. */
  constructor(
    socket: Socket,
    handlers: ConnectionHandlers | null,
    services: ConnectionServices,
    target: { readonly address: Address; readonly port: number } | null,
  ) {
    this.socket = socket;
    this.handlers = handlers;
    this.services = services;
    this.target = target;
    socket.observer = (): void => this.pump();
    if (target === null) this.keepEndpoints();
  }

  /** This side's address and port; kept when the connection is over. */
  get local(): EndpointText {
    if (this.knownLocal !== null) return this.knownLocal;
    const { address, port } = this.socket.local;
    return { address: formatAddress(address), port };
  }

  /** The peer; null until the handshake is complete, kept when the connection is over. */
  get remote(): EndpointText | null {
    return this.knownRemote;
  }

  /** TCP's view of it at this moment, as values. */
  info(): ConnectionInfo {
    return connectionInfo(this.socket.conn);
  }

  /** Sends small writes at once, without waiting for acknowledgments (TCP_NODELAY); `false` waits again. */
  setNoDelay(on = true): void {
    if (!this.isOver) this.services.run(() => setTcpOption(this.socket.conn, TcpOption.nodelay, Number(on)));
  }

  /**
   * Asks a silent peer from time to time whether it is still there (SO_KEEPALIVE).
   * @param idleSeconds silence before the first probe, 1 to 32,767; the sysctl's two hours if not given
   * @throws RangeError for another number
   */
  setKeepAlive(on = true, idleSeconds?: number): void {
    if (
      idleSeconds !== undefined &&
      !(Number.isInteger(idleSeconds) && idleSeconds >= 1 && idleSeconds <= 32_767)
    )
      throw new RangeError(`idleSeconds must be an integer from 1 to 32767, not ${idleSeconds}`);
    if (this.isOver) return;
    this.services.run(() => {
      if (idleSeconds !== undefined) setTcpOption(this.socket.conn, TcpOption.keepidle, idleSeconds);
      setSocketOption(this.socket, Level.socket, SocketOption.keepalive, Uint8Array.of(Number(on), 0, 0, 0));
    });
  }

  /**
   * Writes as much as fits into the send buffer; the bytes are copied.
   * @returns how many bytes were taken. If not all were, `drained` says when to go on.
   * @throws StackError EPIPE after `end`, `reset` or `closed`; what the connection failed with, such as ECONNRESET
   */
  write(bytes: Uint8Array): number {
    if (this.isOver || this.ending)
      throw this.error(Errno.EPIPE, 'write', {
        note: this.isOver ? 'the connection is over' : 'end was called',
      });
    if (this.failure !== null) throw this.error(-this.failure.errno, 'write');
    return this.services.run(() => {
      const result = this.socket.send(bytes, MessageFlag.dontWait);
      const n = typeof result === 'number' ? result : -Errno.EAGAIN;
      if (n < 0 && n !== -Errno.EAGAIN) {
        // The socket tells its error once; `closed` is to hear of it too.
        this.failure ??= this.error(-n, 'read');
        this.socket.host.stirred(this.socket, 0x1);
        throw this.error(-n, 'write');
      }
      this.wantsDrain = n < bytes.length;
      return Math.max(n, 0);
    });
  }

  /**
   * Says that nothing more will be written: FIN, once the connection stands. Reading goes on until the peer does the same;
   * `sent` tells when everything was acknowledged.
   */
  end(): void {
    if (this.isOver || this.ending) return;
    this.ending = true;
    // Before the handshake is complete there is nothing to shut down but the attempt itself: `decide` comes back to it.
    if (this.target === null) this.services.run(() => this.socket.shutdown(1));
  }

  /** Gives the connection up with a RST; `closed` is called with null. */
  reset(): void {
    this.giveUp(null);
  }

  /** Leaves what arrives in the receive buffer, so that the peer has to slow down. */
  pause(): void {
    this.paused = true;
  }

  /** Goes on reading. */
  resume(): void {
    this.paused = false;
    // Something may wait: the next turn looks.
    if (!this.isOver) this.services.run(() => this.socket.host.stirred(this.socket, 0x1));
  }

  /** Ends it as `end` does, reads on, and resolves when it is over: for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    if (this.isOver) return;
    this.end();
    this.resume();
    await new Promise<void>((resolve) => this.afterwards(resolve));
  }

  /** @internal For {@link Stack}: has something done when the connection is over, before `closed`. */
  afterwards(action: () => void): void {
    this.onOver = this.onOver === null ? [action] : [...this.onOver, action];
  }

  /** @internal For {@link Stack}: the handlers of a connection that it accepted, which hear what happened until now too. */
  serve(handlers: ConnectionHandlers): void {
    // A program without types may return nothing.
    this.handlers = handlers ?? {};
    if (this.isOver) this.handlers.closed?.(null, this);
    else this.pump();
  }

  /** @internal For {@link Stack}: gives it up with a RST, for a reason that `closed` is told. */
  giveUp(error: StackError | null): void {
    if (this.isOver) return;
    this.services.run(() => {
      this.socket.conn.setOption('linger', 0);
      this.finish(error);
    });
  }

  /** @internal For {@link Stack}: looks at the socket and tells what there is to tell. */
  pump(): void {
    // A handler that makes calls comes by here again; the outer round sees what came of them.
    if (this.pumping || this.isOver || this.handlers === null) return;
    this.pumping = true;
    try {
      this.look();
    } catch (error) {
      // A handler threw: what is left to tell is told at the clock's next turn.
      if (!this.isOver) this.socket.host.stirred(this.socket, 0x1);
      throw error;
    } finally {
      this.pumping = false;
    }
  }

  private look(): void {
    if (!this.decide()) return;
    this.read();
    if (this.isOver) return;
    if (this.wantsDrain && (this.socket.poll() & 0x4) !== 0) {
      this.wantsDrain = false;
      this.handlers?.drained?.(this);
    }
    const { state, error } = this.socket.conn;
    if (!this.isOver && this.ending && !this.allSent && this.failure === null) {
      this.allSent = state === FIN_WAIT_2 || (state === CLOSED && error === 0);
      if (this.allSent) this.handlers?.sent?.(this);
    }
    if (!this.isOver && this.peerEnded && this.socket.conn.state === CLOSED) this.finish(this.failure);
  }

  /** Whether the connection stands; tells if that is news. */
  private decide(): boolean {
    if (this.target === null) return true;
    const { address, port } = this.target;
    const result = this.socket.connect(address, port);
    if (typeof result !== 'number' || result === -Errno.EALREADY || result === -Errno.EINPROGRESS)
      return false;
    this.target = null;
    if (result < 0) {
      this.finish(peerError(-result, 'connect', { address: formatAddress(address), port }));
      return false;
    }
    this.keepEndpoints();
    if (this.ending) this.socket.shutdown(1);
    this.handlers?.connected?.(this);
    return !this.isOver;
  }

  private keepEndpoints(): void {
    const { local, remote } = this.socket;
    this.knownLocal = { address: formatAddress(local.address), port: local.port };
    if (remote !== null) this.knownRemote = { address: formatAddress(remote.address), port: remote.port };
  }

  private error(errno: number, syscall: string, more: { readonly note?: string } = {}): StackError {
    return new StackError(errno, syscall, { ...this.knownRemote, ...more });
  }

  private read(): void {
    while (!this.isOver && !this.peerEnded && !this.paused) {
      const { buffer } = this.services;
      const result = this.socket.receive(buffer, MessageFlag.dontWait);
      const n = typeof result === 'number' ? result : -Errno.EAGAIN;
      if (n > 0) this.handlers?.data?.(buffer.slice(0, n), this);
      // What had arrived before it failed was read: now is the time to tell.
      else if (this.failure !== null) this.finish(this.failure);
      else if (n === -Errno.EAGAIN) return;
      else if (n < 0) this.finish(peerError(-n, 'read', this.knownRemote ?? {}));
      else {
        this.peerEnded = true;
        this.handlers?.ended?.(this);
      }
    }
    if (!this.isOver) this.noticeFailure();
  }

  /** While paused, and after the peer's end, a reset must not go unnoticed; what is unread is kept until it is read. */
  private noticeFailure(): void {
    if ((this.socket.poll() & 0x8) !== 0) {
      const error = this.socket.takeError();
      if (error !== 0) this.failure ??= peerError(error, 'read', this.knownRemote ?? {});
    }
    if (this.failure !== null && (this.peerEnded || readable(this.socket.conn) === 0))
      this.finish(this.failure);
  }

  private finish(error: StackError | null): void {
    if (this.isOver) return;
    this.isOver = true;
    this.socket.release();
    this.services.over(this);
    for (const action of this.onOver ?? []) action();
    this.handlers?.closed?.(error, this);
  }
}
