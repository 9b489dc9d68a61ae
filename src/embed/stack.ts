/**
 * TCP for programs: a stack that takes and gives IP packets. It runs on any clock: the real one, or a virtual one that a
 * test moves by hand.
 */
import { Host, type HostOptions, OpenFlag, Socket } from '../host/index.ts';
import { type RealClock, Realtime } from '../sim/realtime.ts';
import { Errno } from '../tcp/errno.ts';
import { anyIpv4, isPort, parseAddress } from '../wire/address.ts';
import { type ConnectionHandlers, StackConnection, StackError } from './connection.ts';
import { checkOptions } from './options.ts';
import { systemClock, systemRandom } from './system.ts';

export interface StackOptions {
  /** The stack's addresses with their prefix lengths, such as `192.0.2.1/24` or `2001:db8::1/64`. */
  readonly addresses: readonly string[];
  /** Takes each IP packet that the stack sends; the bytes are the callee's to keep. */
  readonly transmit: (packet: Uint8Array) => void;
  /** Next hop of the default route; without it only the addresses' own networks can be reached. */
  readonly gateway?: string;
  /** Bytes, IP header included, from 68 (1280 with an IPv6 address) to 65,535; 1500 if not given. */
  readonly mtu?: number;
  /** Linux sysctls by name, such as `{ 'net.ipv4.tcp_syn_retries': 3 }`. */
  readonly sysctls?: Readonly<Record<string, string | number>>;
  /** The clock; the system's if not given. `VirtualTime` is one that a test moves. */
  readonly clock?: RealClock;
  /** 32 random bits (0 to 2^32 - 1) at each call; the system's secure ones if not given. */
  readonly random?: () => number;
  /** How initial sequence numbers are chosen. */
  readonly isn?: HostOptions['isn'];
  /** Unix time of the clock's 0, µs. */
  readonly epochUs?: number;
}

/** A listener of a stack. */
export interface StackListener {
  readonly port: number;
  /** Stops listening; connections not handed out yet are reset. */
  close(): void;
}

export class Stack {
  /** The host inside: system calls, sysctls, routes, counters. After using it directly, call `flush`. */
  readonly host: Host;
  private readonly time: Realtime;
  private closed = false;

  /**
   * @throws RangeError for a sysctl that is none, or another option out of its range
   * @throws DecodeError for an address that is none
   */
  constructor(options: StackOptions) {
    checkOptions(options);
    const { addresses, gateway, mtu, sysctls, isn, epochUs, transmit } = options;
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
    this.time.start(this.host, transmit);
  }

  /** Hands in an IP packet that arrived. What is no packet for this stack is ignored, as a host does. */
  receive(packet: Uint8Array): void {
    this.time.input(packet);
  }

  /**
   * Connects. Whatever comes of it comes through the handlers, never before this call returns.
   * @param target an IP address as text, and a port
   * @throws DecodeError if the address is none
   * @throws StackError EINVAL for a port that is none, EBADF if the stack is closed
   */
  connect(
    target: { readonly address: string; readonly port: number },
    handlers: ConnectionHandlers,
  ): StackConnection {
    this.check('connect', target.port, 1);
    const address = parseAddress(target.address);
    return this.time.call(() => {
      const socket = this.host.socket(address.family, OpenFlag.nonBlock);
      const connection = new StackConnection(socket, handlers, this.run, { address, port: target.port });
      // A failure at once is told by the next turn of the clock, as everything else is.
      const outcome = socket.connect(address, target.port);
      if (outcome !== -Errno.EINPROGRESS)
        this.host.await({ deadline: this.time.now, attempt: () => 0 }, () => connection.pump());
      return connection;
    }, true);
  }

  /**
   * Listens.
   * @param where a port (0 lets the stack choose one), and an address: all IPv4 ones if not given
   * @param accept gets each new connection and returns its handlers
   * @throws StackError EADDRINUSE, EADDRNOTAVAIL; EINVAL for a port that is none, EBADF if the stack is closed
   */
  listen(
    where: { readonly port: number; readonly address?: string; readonly backlog?: number },
    accept: (connection: StackConnection) => ConnectionHandlers,
  ): StackListener {
    this.check('listen', where.port, 0);
    const address = where.address === undefined ? anyIpv4 : parseAddress(where.address);
    return this.time.call(() => {
      const socket = this.host.socket(address.family, OpenFlag.nonBlock);
      const failure = socket.bind(address, where.port) || socket.listen(where.backlog ?? 511);
      if (failure < 0) {
        socket.release();
        throw new StackError(-failure, `listen on port ${where.port}`);
      }
      socket.observer = (): void => this.acceptAll(socket, accept);
      return { port: socket.local.port, close: () => this.run(() => void socket.release()) };
    });
  }

  /** Sends what waits and sets the clock's timer: needed only after using `host` directly. */
  flush(): void {
    this.run(() => {});
  }

  /** Stops: no timer is left, nothing more is sent. Connections are not told; `connect` and `listen` throw from now on. */
  close(): void {
    this.closed = true;
    this.time.stop();
  }

  private check(what: string, port: number, least: 0 | 1): void {
    if (this.closed) throw new StackError(Errno.EBADF, `${what} on a stack that is closed`);
    if (!isPort(port, least))
      throw new StackError(
        Errno.EINVAL,
        `${what}: the port must be an integer from ${least} to 65535, not ${port}`,
      );
  }

  private readonly run = <T>(action: () => T): T => this.time.call(action, true);

  private acceptAll(listener: Socket, accept: (connection: StackConnection) => ConnectionHandlers): void {
    for (;;) {
      const socket = listener.accept(OpenFlag.nonBlock);
      if (!(socket instanceof Socket)) return;
      // The handlers come from a function that wants to see the connection first.
      const connection = new StackConnection(socket, null, this.run, null);
      let handlers: ConnectionHandlers;
      try {
        handlers = accept(connection);
      } catch (error) {
        // Nobody serves this one; the others in the queue come at the clock's next turn.
        connection.reset();
        this.host.stirred(listener, 0x1);
        throw error;
      }
      connection.serve(handlers);
    }
  }
}
