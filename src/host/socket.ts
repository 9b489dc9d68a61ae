/**
 * A TCP socket: what the socket layer keeps around a connection (net/ipv4/af_inet.c and tcp_ipv4.c, 6.18). Every call
 * returns a value, -errno, or a wait; nothing blocks.
 */

import type { Connection } from '../tcp/connection.ts';
import { Errno } from '../tcp/errno.ts';
import { receiveUrgent } from '../tcp/receive/urgent.ts';
import { pollMask } from '../tcp/socket/poll-mask.ts';
import {
  accept,
  beginFastOpen,
  close,
  disconnect,
  endFastOpen,
  listen,
  open,
  receive,
  send,
  shutdown,
  takeError,
} from '../tcp/socket/socket-calls.ts';
import { CLOSED, LISTEN, SYN_RECEIVED, SYN_SENT } from '../tcp/state.ts';
import {
  type Address,
  anyIpv4,
  anyIpv6,
  isAny,
  isMapped,
  isMulticast,
  toMapped,
  unmap,
} from '../wire/address.ts';
import { connectTarget } from './connect-target.ts';
import { andThen, OpenFile, OpenFlag, type Result, waitUntil } from './file.ts';
import { PortUse } from './ports.ts';
import type { SocketHost } from './socket-host.ts';
import { type Endpoint, lingers, MessageFlag } from './socket-terms.ts';

export class Socket extends OpenFile {
  readonly host: SocketHost;
  readonly family: 4 | 6;
  /** @internal What the protocol keeps of it. */
  readonly conn: Connection;
  /** Which port it has, if any. */
  private use: PortUse;
  /** As struct socket has it: what connect() has come to. */
  private progress: 'unconnected' | 'connecting' | 'connected' | 'disconnecting' = 'unconnected';
  /** The address that bind() set, 0.0.0.0 or [::] if it set none. */
  private bound: Address;
  /** SO_REUSEADDR, SO_REUSEPORT. */
  reusePort = false;
  /** SO_RCVTIMEO and SO_SNDTIMEO in µs, Infinity if not set. */
  receiveTimeout: number = Number.POSITIVE_INFINITY;
  sendTimeout: number = Number.POSITIVE_INFINITY;
  /** IP_BIND_ADDRESS_NO_PORT, IP_FREEBIND, IP_LOCAL_PORT_RANGE. */
  bindAddressNoPort = false;
  freeBind = false;
  portRange: readonly [number, number] | null = null;
  /** @internal Options that are kept for reading back only, by level and number. */
  inert: Map<string, number> | null = null;
  /** Called after the host has dealt with a packet, a timer or a call that may have changed readiness. */
  observer: ((events: number) => void) | null = null;
  /** @internal Poll bits that the observer was not told yet. */
  untold = 0;

  /** @internal Made by `Host.socket` and `accept`. */
  constructor(host: SocketHost, family: 4 | 6, conn: Connection, flags: number) {
    super(flags);
    this.host = host;
    this.family = family;
    this.conn = conn;
    this.bound = family === 4 ? anyIpv4 : anyIpv6;
    this.use = new PortUse(this.bound);
    conn.owner = this;
  }

  /** @internal */
  wake(_conn: Connection, events: number): void {
    this.stir(events);
    this.host.stirred(this, events);
  }

  poll(): number {
    return pollMask(this.conn);
  }

  /** getsockname() */
  get local(): Endpoint {
    const { conn, use } = this;
    const address = conn.state === CLOSED && conn.localPort === 0 ? this.bound : conn.local;
    return { address: this.shown(address), port: conn.localPort || use.port };
  }

  /** getpeername(), or null if it has no peer. */
  get remote(): Endpoint | null {
    const { conn } = this;
    if (conn.remotePort === 0 || conn.state === CLOSED || conn.state === SYN_SENT) return null;
    return { address: this.shown(conn.remote), port: conn.remotePort };
  }

  private shown(address: Address): Address {
    return this.family === 6 && address.family === 4 ? toMapped(address) : address;
  }

  /** bind(): 0, EINVAL if it has a port, EADDRNOTAVAIL, EADDRINUSE. */
  bind(address: Address, port: number): number {
    const { conn, use, host } = this;
    if (conn.options.v6Only && isMapped(address)) return -Errno.EINVAL;
    const own = unmap(address);
    const anywhere = isAny(own) || this.freeBind || host.sysctls.host.ipNonlocalBind !== 0;
    if (!anywhere && !host.network.isLocal(own) && !(isMulticast(own) && own.family === 4))
      return -Errno.EADDRNOTAVAIL;
    if (conn.state !== CLOSED || use.port !== 0) return -Errno.EINVAL;
    // ::ffff:0.0.0.0 is IPv4's wildcard in an IPv6 socket.
    this.bound = own;
    this.prepareUse(own);
    if (port !== 0 || !this.bindAddressNoPort) {
      const result = host.ports.bind(use, port, this.portRange);
      if (result < 0) {
        this.bound = this.family === 4 ? anyIpv4 : anyIpv6;
        return result;
      }
      use.locked = true;
      conn.claim = use;
    }
    conn.local = own;
    conn.localPort = use.port;
    return 0;
  }

  /** @internal SO_REUSEADDR or SO_REUSEPORT was set: it counts at once, also for a port that the socket has. */
  optionsChanged(): void {
    this.use.reuseAddress = this.conn.options.reuse;
    this.use.reusePort = this.reusePort;
  }

  private prepareUse(address: Address): void {
    const { use, conn } = this;
    use.address = address;
    use.reuseAddress = conn.options.reuse;
    use.reusePort = this.reusePort;
    use.v6Only = conn.options.v6Only;
  }

  /** listen(): 0, EINVAL if it is connected, EADDRINUSE. A negative backlog is a very large one. */
  listen(backlog: number): number {
    const { conn, use, host } = this;
    host.touch();
    const unused = conn.state === CLOSED || conn.state === LISTEN;
    if (this.progress !== 'unconnected' || !unused) return -Errno.EINVAL;
    if (conn.state === CLOSED) conn.rcvMss = conn.ato = 0;
    if (use.port === 0) {
      this.prepareUse(this.bound);
      const result = host.ports.bind(use, 0, this.portRange);
      if (result < 0) return result;
    } else if (conn.state !== LISTEN && host.ports.listenConflicts(use)) return -Errno.EADDRINUSE;
    conn.claim = use;
    conn.local = this.bound;
    conn.localPort = use.port;
    use.listening = true;
    listen(conn, Math.min(backlog >>> 0, host.sysctls.host.somaxconn));
    return 0;
  }

  /** accept(): a new socket, or -errno: EINVAL if it does not listen, EAGAIN if nobody waits. */
  accept(flags: number): Socket | number {
    if (this.conn.state !== LISTEN) return -Errno.EINVAL;
    const child = accept(this.conn);
    if (child === null) return -Errno.EAGAIN;
    const socket = new Socket(this.host, this.family, child, OpenFlag.readWrite | flags);
    socket.adopt(this);
    return socket;
  }

  /** Takes over what a child inherits from its listener. */
  private adopt(listener: Socket): void {
    const { conn, use } = this;
    this.progress = 'connected';
    this.bound = conn.local;
    this.reusePort = listener.reusePort;
    this.receiveTimeout = listener.receiveTimeout;
    this.sendTimeout = listener.sendTimeout;
    this.bindAddressNoPort = listener.bindAddressNoPort;
    this.freeBind = listener.freeBind;
    this.portRange = listener.portRange;
    if (listener.inert !== null) this.inert = new Map(listener.inert);
    if (conn.state === CLOSED) return;
    this.prepareUse(conn.local);
    use.explicit = true;
    conn.claim = use;
    this.host.ports.add(use, conn.localPort);
  }

  /**
   * connect(): 0, -errno, or a wait until it is decided (EINPROGRESS without blocking).
   * @param address null dissolves the connection (AF_UNSPEC)
   */
  connect(address: Address | null, port: number): Result {
    this.host.touch();
    if (address === null) return this.dissolve();
    return this.follow(this.approach({ address, port }, false), this.nonBlocking);
  }

  /**
   * Starts to connect, or finds that it goes on; `sending` if the call is one that sends.
   * @returns 0 or -errno if that ends the call, otherwise what it gives if it may not wait
   */
  private approach(to: Endpoint | null, sending: boolean): { ends: boolean; result: number } {
    const { conn } = this;
    if (this.progress === 'connected') return { ends: true, result: -Errno.EISCONN };
    if (this.progress === 'disconnecting') return { ends: true, result: -Errno.EINVAL };
    if (this.progress === 'connecting') {
      const waitsForData = sending ? -Errno.EINPROGRESS : -Errno.EISCONN;
      return { ends: false, result: conn.deferredConnect ? waitsForData : -Errno.EALREADY };
    }
    if (conn.state !== CLOSED) return { ends: true, result: -Errno.EISCONN };
    const result = to === null ? -Errno.EINVAL : this.startConnect(to);
    if (result < 0) return { ends: true, result };
    this.progress = 'connecting';
    return conn.deferredConnect ? { ends: true, result: 0 } : { ends: false, result: -Errno.EINPROGRESS };
  }

  private follow({ ends, result }: { ends: boolean; result: number }, nonBlocking: boolean): Result {
    if (ends) return result;
    const outcome = this.connected();
    if (outcome !== null) return outcome;
    return nonBlocking ? result : this.wait(this.sendTimeout, result, () => this.connected());
  }

  private dissolve(): number {
    const { conn } = this;
    disconnect(conn);
    this.use.listening = false;
    this.progress = 'unconnected';
    // The port may stay with what is in TIME-WAIT now.
    if (conn.claim === null) this.use = new PortUse(this.bound);
    else this.use.address = this.bound;
    conn.local = this.bound;
    conn.localPort = this.use.port;
    conn.remotePort = 0;
    return 0;
  }

  /** What connect() has come to, or null while it goes on. */
  private connected(): number | null {
    const { conn } = this;
    if (conn.state === SYN_SENT || conn.state === SYN_RECEIVED) return null;
    if (conn.state === CLOSED) {
      const error = takeError(conn) || Errno.ECONNABORTED;
      this.dissolve();
      return -error;
    }
    this.progress = 'connected';
    return 0;
  }

  private startConnect({ address, port }: Endpoint): number {
    const { conn, use, host } = this;
    const target = connectTarget(host.network, this.bound, this.family === 6 && conn.options.v6Only, address);
    if (typeof target === 'number') return target;
    const { local, remote, route } = target;
    if (use.port === 0) {
      const chosen = host.choosePort(local, remote, port, this.portRange);
      if (chosen < 0) return chosen;
      this.prepareUse(local);
      host.ports.add(use, chosen);
      conn.claim = use;
    } else if (!host.tupleFree(local, use.port, remote, port, true)) return -Errno.EADDRNOTAVAIL;
    // From now on it has this one address, although it may be bound to all (inet_bhash2_update_saddr).
    use.address = local;
    open(conn, { local, localPort: use.port, remote, remotePort: port, route });
    return 0;
  }

  /** shutdown(): `how` 0 for receiving, 1 for sending, 2 for both. */
  shutdown(how: number): number {
    if (how < 0 || how > 2) return -Errno.EINVAL;
    this.host.touch();
    const { state } = this.conn;
    // There is nothing to shut down yet: the attempt, or the listening, ends (inet_shutdown).
    if (state === SYN_SENT || (state === LISTEN && how !== 1)) return this.dissolve();
    const result = shutdown(this.conn, how + 1);
    if (this.progress === 'connecting')
      this.progress = state === SYN_RECEIVED || state === CLOSED ? 'disconnecting' : 'connected';
    return result;
  }

  /**
   * The calls that read.
   * @returns the number of bytes, 0 at the end of the stream, -errno, or a wait
   */
  receive(into: Uint8Array, flags: number): Result {
    const { conn } = this;
    this.host.touch();
    const peek = (flags & MessageFlag.peek) !== 0;
    if ((flags & MessageFlag.oob) !== 0) return receiveUrgent(conn, into, peek);
    const target =
      (flags & MessageFlag.waitAll) !== 0
        ? into.length
        : Math.min(Math.max(conn.options.rcvLowat, 1), into.length);
    let done = 0;
    const attempt = (): number | null => {
      // Peeking starts at the same byte every time.
      if (peek) done = 0;
      const n = receive(conn, into.subarray(done), peek);
      if (n === -Errno.EAGAIN) return null;
      if (n <= 0) return done > 0 ? done : n;
      done += n;
      return done >= target ? done : null;
    };
    const result = attempt();
    if (result !== null) return result;
    const short = (): number => (done > 0 ? done : -Errno.EAGAIN);
    if (this.nonBlocking || (flags & MessageFlag.dontWait) !== 0) return short();
    return this.wait(this.receiveTimeout, short, attempt);
  }

  /**
   * The calls that write.
   * @param to where to, which counts only if the call opens the connection (MSG_FASTOPEN)
   * @returns the number of bytes taken, -errno, or a wait
   */
  send(data: Uint8Array, flags: number, to: Endpoint | null = null): Result {
    const { conn } = this;
    this.host.touch();
    const nonBlocking = this.nonBlocking || (flags & MessageFlag.dontWait) !== 0;
    if ((flags & MessageFlag.fastOpen) === 0 && !conn.deferredConnect)
      return this.sendFrom(data, 0, flags, nonBlocking);
    const begun = beginFastOpen(conn, data);
    if (begun < 0) return begun;
    const opening = this.follow(this.approach(to, true), nonBlocking);
    const goOn = (result: number): Result => {
      conn.writePending = false;
      const sent = endFastOpen(conn);
      if (result === -Errno.EINPROGRESS && sent > 0) return sent;
      return result < 0 ? result : this.sendFrom(data, sent, flags, nonBlocking);
    };
    // What did not go with the SYN will carry the handshake's last ACK.
    conn.writePending = typeof opening !== 'number' && (conn.fastOpenAttempt?.copied ?? 0) < data.length;
    return andThen(opening, goOn);
  }

  private sendFrom(data: Uint8Array, from: number, flags: number, nonBlocking: boolean): Result {
    const { conn } = this;
    let done = from;
    const attempt = (): number | null => {
      const n = send(conn, data, done, flags);
      if (n >= 0) done += n;
      else if (n !== -Errno.EAGAIN) return done > 0 ? done : n;
      const finished = done === data.length && n >= 0;
      conn.writePending = !nonBlocking && !finished;
      return finished ? done : null;
    };
    const result = attempt();
    if (result !== null) return result;
    const short = (): number => (done > 0 ? done : -Errno.EAGAIN);
    return nonBlocking ? short() : this.wait(this.sendTimeout, short, attempt);
  }

  /** accept() as a call that may wait; `install` gives the new socket its descriptor. */
  acceptWaiting(flags: number, install: (socket: Socket) => number): Result {
    const none = -Errno.EAGAIN;
    const attempt = (): number | null => {
      const child = this.accept(flags);
      return child === none ? null : typeof child === 'number' ? child : install(child);
    };
    return attempt() ?? (this.nonBlocking ? none : this.wait(this.receiveTimeout, none, attempt));
  }

  /** SO_ERROR. */
  takeError(): number {
    const error = takeError(this.conn);
    if (error !== 0) return error;
    const { softError } = this.conn;
    this.conn.softError = 0;
    return softError;
  }

  /** Closes the connection; with SO_LINGER the result is a wait until the peer has acknowledged everything. */
  protected override finish(): Result {
    const { conn, use, host } = this;
    const { linger } = conn.options;
    host.touch();
    this.observer = null;
    use.listening = false;
    close(conn);
    // Without a connection the port is free at once; otherwise TCP tells when it is (Host.released).
    if (conn.state === CLOSED && conn.claim !== null) {
      conn.claim = null;
      host.ports.remove(use);
    }
    if (linger <= 0 || !lingers(conn)) return 0;
    return this.wait(linger * 1_000_000, 0, () => (lingers(conn) ? null : 0));
  }

  private wait(timeout: number, late: number | (() => number), attempt: () => number | null): Result {
    return waitUntil(this.host.clock.now + timeout, late, attempt);
  }
}
