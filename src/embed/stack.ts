/// <reference lib="esnext.disposable" preserve="true" />
/**
 * TCP for programs: a stack that takes and gives IP packets. It runs on any clock: the real one, or a virtual one that a
 * test moves by hand.
 */
import { Host, OpenFlag, Socket } from '../host/index.ts';
import { Realtime } from '../sim/realtime.ts';
import { Errno } from '../tcp/errno.ts';
import { type AbortSignalLike, onAbort } from '../wire/abort.ts';
import { anyIpv4, anyIpv6, formatAddress, isPort, parseAddress } from '../wire/address.ts';
import { type ConnectionHandlers, type ConnectionServices, StackConnection } from './connection.ts';
import { StackError } from './errors.ts';
import { checkConnectOptions, checkOptions, type StackConnectOptions, type StackOptions } from './options.ts';
import { systemClock, systemRandom } from './system.ts';

/** Where a {@link Stack} listens. */
export interface StackListenOptions {
  /** 0 lets the stack choose one. */
  readonly port: number;
  /** All IPv4 addresses if not given. */
  readonly address?: string;
  /** Connections that may wait to be accepted; 511 if not given. */
  readonly backlog?: number;
  /** Stops listening when it aborts. */
  readonly signal?: AbortSignalLike;
}

/** A listener of a stack. */
export interface StackListener extends AsyncDisposable {
  readonly address: string;
  readonly port: number;
  /** Takes no connections for now: they wait in the backlog. */
  pause(): void;
  /** Takes them again. */
  resume(): void;
  /** Stops listening; connections not handed out yet are reset. */
  close(): void;
}

/** A TCP that takes and gives IP packets. */
export class Stack {
  /** The host inside: system calls, sysctls, routes, counters. After using it directly, call `flush`. */
  readonly host: Host;
  private readonly time: Realtime;
  private readonly services: ConnectionServices;
  private readonly listeners = new Set<ListenerOfStack>();
  private readonly most: number;
  private isClosed = false;
  private accepted = new Set<StackConnection>();

  /**
   * @throws RangeError for a sysctl that does not exist, or an option out of its range
   * @throws DecodeError if an address is invalid
   */
  constructor(options: StackOptions) {
    checkOptions(options);
    const { addresses, gateway, mtu, sysctls, isn, epochUs, transmit } = options;
    this.most = options.maxConnections ?? Number.POSITIVE_INFINITY;
    this.time = new Realtime(options.clock ?? systemClock());
    this.host = new Host({
      clock: this.time,
      random: options.random ?? systemRandom(),
      interfaces: [
        { addresses, ...(mtu === undefined ? {} : { mtu }), ...(gateway === undefined ? {} : { gateway }) },
      ],
      ...(sysctls === undefined ? {} : { sysctls }),
      ...(isn === undefined ? {} : { isn }),
      ...(epochUs === undefined ? {} : { epochUs }),
    });
    this.services = {
      run: this.run,
      buffer: new Uint8Array(65_536),
      over: (connection) => this.over(connection),
    };
    this.time.start(this.host, transmit);
  }

  /** Hands in an IP packet that arrived. What is no packet for this stack is ignored, as a host does. */
  receive(packet: Uint8Array): void {
    this.time.input(packet);
  }

  /**
   * Connects. Whatever comes of it comes through the handlers, never before this call returns.
   * @param target an IP address as text, and a port
   * @throws DecodeError if an address is invalid
   * @throws RangeError for an option out of its range
   * @throws StackError EINVAL for a port that is none, EBADF if the stack is closed; the signal's reason if it has aborted
   */
  connect(
    target: { readonly address: string; readonly port: number },
    handlers: ConnectionHandlers,
    options: StackConnectOptions = {},
  ): StackConnection {
    this.check('connect', target.port, 1);
    checkConnectOptions(options);
    const { signal, timeoutUs, localAddress, localPort } = options;
    if (signal?.aborted) throw signal.reason;
    const address = parseAddress(target.address);
    const any = address.family === 4 ? anyIpv4 : anyIpv6;
    const own = localAddress === undefined ? any : parseAddress(localAddress);
    return this.time.call(() => {
      const socket = this.host.socket(address.family, OpenFlag.nonBlock);
      const connection = new StackConnection(socket, handlers, this.services, { address, port: target.port });
      if (options.noDelay) connection.setNoDelay();
      if (options.keepAlive)
        connection.setKeepAlive(true, options.keepAlive === true ? undefined : options.keepAlive);
      const fail = (errno: number, cause?: unknown): void =>
        connection.giveUp(new StackError(errno, 'connect', { ...target, cause }));
      const bound = localAddress === undefined && !localPort ? 0 : socket.bind(own, localPort ?? 0);
      // A failure at once is told by the next turn of the clock, as everything else is.
      const soon = (action: () => void): void =>
        void this.host.await({ deadline: this.time.now, attempt: () => 0 }, action);
      if (bound < 0) soon(() => fail(-bound));
      else if (socket.connect(address, target.port) !== -Errno.EINPROGRESS) soon(() => connection.pump());
      if (signal !== undefined)
        connection.afterwards(onAbort(signal, (reason) => fail(Errno.ECONNABORTED, reason)));
      if (timeoutUs !== undefined) {
        const deadline = this.time.now + timeoutUs;
        const attempt = (now: number): number | null =>
          connection.remote !== null || now >= deadline ? 0 : null;
        const off = this.host.await({ deadline, attempt }, () => {
          if (connection.remote === null) fail(Errno.ETIMEDOUT);
        });
        connection.afterwards(off);
      }
      return connection;
    }, true);
  }

  /**
   * Listens.
   * @param where a port (0 lets the stack choose one), and an address: all IPv4 ones if not given
   * @param accept gets each new connection and returns its handlers
   * @throws StackError EADDRINUSE, EADDRNOTAVAIL; EINVAL for a port that is none, EBADF if the stack is closed; the signal's
   *   reason if it has aborted
   */
  listen(
    where: StackListenOptions,
    accept: (connection: StackConnection) => ConnectionHandlers,
  ): StackListener {
    this.check('listen', where.port, 0);
    const { signal } = where;
    if (signal?.aborted) throw signal.reason;
    const address = where.address === undefined ? anyIpv4 : parseAddress(where.address);
    return this.time.call(() => {
      const socket = this.host.socket(address.family, OpenFlag.nonBlock);
      const failure = socket.bind(address, where.port) || socket.listen(where.backlog ?? 511);
      if (failure < 0) {
        socket.release();
        throw new StackError(-failure, 'listen', { address: formatAddress(address), port: where.port });
      }
      const listener = new ListenerOfStack(socket, this.run, () => this.acceptAll(listener, accept));
      this.listeners.add(listener);
      const off = signal === undefined ? null : onAbort(signal, () => listener.close());
      listener.onClose = (): void => {
        off?.();
        this.listeners.delete(listener);
      };
      return listener;
    });
  }

  /** Sends what waits and sets the clock's timer: needed only after using `host` directly. */
  flush(): void {
    this.run(() => {});
  }

  /** Stops: no timer is left, nothing more is sent. Connections are not told; `connect` and `listen` throw from now on. */
  close(): void {
    this.isClosed = true;
    this.time.stop();
  }

  /** {@link close}, for `await using`. */
  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }

  private check(what: string, port: number, least: 0 | 1): void {
    if (this.isClosed) throw new StackError(Errno.EBADF, what, { note: 'the stack is closed' });
    if (!isPort(port, least))
      throw new StackError(Errno.EINVAL, what, {
        note: `the port must be an integer from ${least} to 65535, not ${port}`,
      });
  }

  private readonly run = <T>(action: () => T): T => this.time.call(action, true);

  private over(connection: StackConnection): void {
    const full = this.accepted.size >= this.most;
    if (this.accepted.delete(connection) && full) for (const listener of this.listeners) listener.stir();
  }

  private acceptAll(
    listener: ListenerOfStack,
    accept: (connection: StackConnection) => ConnectionHandlers,
  ): void {
    while (!listener.isPaused && this.accepted.size < this.most) {
      const socket = listener.socket.accept(OpenFlag.nonBlock);
      if (!(socket instanceof Socket)) return;
      // The handlers come from a function that wants to see the connection first.
      const connection = new StackConnection(socket, null, this.services, null);
      this.accepted.add(connection);
      let handlers: ConnectionHandlers;
      try {
        handlers = accept(connection);
      } catch (error) {
        // Nobody serves this one; the others in the queue come at the clock's next turn.
        connection.reset();
        listener.stir();
        throw error;
      }
      connection.serve(handlers);
    }
  }
}

class ListenerOfStack implements StackListener {
  readonly address: string;
  readonly port: number;
  readonly socket: Socket;
  isPaused = false;
  onClose: () => void = () => {};
  private readonly run: <T>(action: () => T) => T;
  private isClosed = false;

  constructor(socket: Socket, run: <T>(action: () => T) => T, look: () => void) {
    this.socket = socket;
    this.run = run;
    this.address = formatAddress(socket.local.address);
    this.port = socket.local.port;
    socket.observer = look;
  }

  pause(): void {
    this.isPaused = true;
  }

  resume(): void {
    this.isPaused = false;
    if (!this.isClosed) this.run(() => this.stir());
  }

  /** Has the clock's next turn look for connections that wait. */
  stir(): void {
    this.socket.host.stirred(this.socket, 0x1);
  }

  close(): void {
    if (this.isClosed) return;
    this.isClosed = true;
    this.onClose();
    this.run(() => void this.socket.release());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
  }
}
