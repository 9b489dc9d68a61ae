/** A connection of an embedded stack: callbacks in, calls out, no promise anywhere. */
import { MessageFlag, type Socket } from '../host/index.ts';
import { Errno, errnoName } from '../tcp/errno.ts';
import { CLOSED } from '../tcp/state.ts';
import { type Address, formatAddress } from '../wire/address.ts';

/** An address and a port, as text and number. */
export interface EndpointText {
  readonly address: string;
  readonly port: number;
}

/**
 * What a connection tells. `closed` comes exactly once, and nothing comes after it, unless the
 * whole stack is closed before. Handlers are called by the clock and
 * by packets, never from within a call that the program makes, but for `reset`, which ends with `closed`.
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
  /** It is over: null after both sides ended (or this one gave it up), else what went wrong. */
  closed?(error: StackError | null, connection: StackConnection): void;
}

/** A failure with Linux' errno. */
export class StackError extends Error {
  /** Such as `ECONNREFUSED`. */
  readonly code: string;
  /** The number, positive. */
  readonly errno: number;

  constructor(errno: number, what: string) {
    const code = errnoName(errno);
    super(`${what}: ${code}`);
    this.name = 'StackError';
    this.code = code;
    this.errno = errno;
  }
}

const chunk = 65_536;

export class StackConnection {
  private readonly socket: Socket;
  /** Null for a connection from outside until `serve` gives them. */
  private handlers: ConnectionHandlers | null;
  private readonly run: <T>(action: () => T) => T;
  /** Where it connects to; null once it is decided, and for connections from outside. */
  private target: { readonly address: Address; readonly port: number } | null;
  private readonly buffer: Uint8Array = new Uint8Array(chunk);
  private peerEnded = false;
  private ending = false;
  private wantsDrain = false;
  private paused = false;
  private over = false;
  private pumping = false;

  /** Made by a stack. `run` does something at the clock's present time and sends what comes of it. */
  constructor(
    socket: Socket,
    handlers: ConnectionHandlers | null,
    run: <T>(action: () => T) => T,
    target: { readonly address: Address; readonly port: number } | null,
  ) {
    this.socket = socket;
    this.handlers = handlers;
    this.run = run;
    this.target = target;
    socket.observer = (): void => this.pump();
  }

  get local(): EndpointText {
    const { address, port } = this.socket.local;
    return { address: formatAddress(address), port };
  }

  /** The peer, as far as there is one yet. */
  get remote(): EndpointText | null {
    const { remote } = this.socket;
    return remote === null ? null : { address: formatAddress(remote.address), port: remote.port };
  }

  /** TCP's own view: state, sequence numbers, windows, timers. Read it, do not write it. */
  get details(): Socket['conn'] {
    return this.socket.conn;
  }

  /**
   * Writes as much as fits into the send buffer; the bytes are copied.
   * @returns how many bytes were taken. If not all were, `drained` says when to go on.
   * @throws StackError EPIPE after `end`, `reset` or `closed`
   */
  write(bytes: Uint8Array): number {
    if (this.over || this.ending)
      throw new StackError(Errno.EPIPE, `write on a connection that is ${this.over ? 'over' : 'ended'}`);
    return this.run(() => {
      const result = this.socket.send(bytes, MessageFlag.dontWait);
      const n = typeof result === 'number' ? result : -Errno.EAGAIN;
      if (n < 0 && n !== -Errno.EAGAIN) throw new StackError(-n, 'write');
      this.wantsDrain = n < bytes.length;
      return Math.max(n, 0);
    });
  }

  /**
   * Says that nothing more will be written: FIN, once the connection stands. Reading goes on until the peer does the same.
   */
  end(): void {
    if (this.over || this.ending) return;
    this.ending = true;
    // Before the handshake is complete there is nothing to shut down but the attempt itself: `decide` comes back to it.
    if (this.target === null) this.run(() => this.socket.shutdown(1));
  }

  /** Gives the connection up with a RST; `closed` is called with null. */
  reset(): void {
    if (this.over) return;
    this.run(() => {
      this.socket.conn.setOption('linger', 0);
      this.finish(null);
    });
  }

  /** Leaves what arrives in the receive buffer, so that the peer has to slow down. */
  pause(): void {
    this.paused = true;
  }

  /** Goes on reading. */
  resume(): void {
    this.paused = false;
    // Something may wait: the next turn looks.
    if (!this.over) this.run(() => this.socket.host.stirred(this.socket, 0x1));
  }

  /** For a stack that accepted the connection: its handlers, which hear what happened until now too. */
  serve(handlers: ConnectionHandlers): void {
    // A program without types may return nothing.
    this.handlers = handlers ?? {};
    if (this.over) this.handlers.closed?.(null, this);
    else this.pump();
  }

  /** Looks at the socket and tells what there is to tell. */
  pump(): void {
    // A handler that makes calls comes by here again; the outer round sees what came of them.
    if (this.pumping || this.over || this.handlers === null) return;
    this.pumping = true;
    try {
      this.look();
    } catch (error) {
      // A handler threw: what is left to tell is told at the clock's next turn.
      if (!this.over) this.socket.host.stirred(this.socket, 0x1);
      throw error;
    } finally {
      this.pumping = false;
    }
  }

  private look(): void {
    if (!this.decide()) return;
    this.read();
    if (this.over) return;
    if (this.wantsDrain && (this.socket.poll() & 0x4) !== 0) {
      this.wantsDrain = false;
      this.handlers?.drained?.(this);
    }
    if (!this.over && this.peerEnded && this.socket.conn.state === CLOSED) this.finish(null);
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
      this.finish(new StackError(-result, `connect to ${formatAddress(address)} port ${port}`));
      return false;
    }
    if (this.ending) this.socket.shutdown(1);
    this.handlers?.connected?.(this);
    return !this.over;
  }

  private read(): void {
    while (!this.over && !this.peerEnded && !this.paused) {
      const result = this.socket.receive(this.buffer, MessageFlag.dontWait);
      const n = typeof result === 'number' ? result : -Errno.EAGAIN;
      if (n === -Errno.EAGAIN) return;
      if (n < 0) {
        this.finish(new StackError(-n, 'connection'));
        return;
      }
      if (n > 0) this.handlers?.data?.(this.buffer.slice(0, n), this);
      else {
        this.peerEnded = true;
        this.handlers?.ended?.(this);
      }
    }
    // While paused, a reset must not go unnoticed.
    if (this.over || (this.socket.poll() & 0x8) === 0) return;
    const error = this.socket.takeError();
    if (error !== 0) this.finish(new StackError(error, 'connection'));
  }

  private finish(error: StackError | null): void {
    if (this.over) return;
    this.over = true;
    this.socket.release();
    this.handlers?.closed?.(error, this);
  }
}
