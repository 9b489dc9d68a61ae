/** `connect`: net.connect with the rules of Go's dialer. */
import {
  isIPv4,
  type NetConnectOpts,
  Socket,
  type SocketConstructorOpts,
  type TcpNetConnectOpts,
} from 'node:net';
import { watch } from './channel.ts';
import { wasStopped } from './handle.ts';
import { guardMode } from './install.ts';

/** What `connect` understands beside net.connect's options. */
export interface DialOptions {
  /**
   * Make a self-connect impossible instead of stopping it: connects to an IPv4 loopback address go out from another
   * loopback address, 127.0.0.2, so that the two ends cannot be equal. **The server then sees 127.0.0.2**, which an
   * allow-list of 127.0.0.1 refuses; a process warning (HALFOPEN_GUARD_PREVENT) says so once. Applies on Linux to a
   * host in 127.0.0.0/8, and to `localhost` with `family: 4`, if no `localAddress` or `localPort` is given; every
   * other connection is guarded as usual.
   */
  readonly prevent?: boolean | undefined;
}
export type ConnectOptions = NetConnectOpts & DialOptions;

/** Called once the socket is connected. */
export type ConnectListener = () => void;

/** How often one connect is repeated unseen, as in Go (net/tcpsock_posix.go, doDialTCPProto). */
const retries = 2;

interface DialError extends NodeJS.ErrnoException {
  /** One for each address that was tried, if there were several. */
  readonly errors?: readonly NodeJS.ErrnoException[];
}

/** Whether a connect ended with this code, at one of its addresses at least. */
function endedWith(code: string, error: DialError | undefined): boolean {
  return (error?.errors ?? [error]).some((one) => one?.code === code && one.syscall === 'connect');
}

interface Handle {
  close(): void;
  hasRef?(): boolean;
}

/** A socket that starts over where Go's dialer would, before anyone learns that it failed. */
class DialedSocket extends Socket {
  readonly #options: NetConnectOpts;
  #left: number;
  #selfConnected = false;

  constructor(options: NetConnectOpts) {
    super(options as SocketConstructorOpts);
    this.#options = options;
    // A port that was asked for, or a handle bound in advance, is the caller's decision.
    const { localPort, path, handle } = options as { localPort?: number; path?: string; handle?: object };
    this.#left = localPort || path || handle ? 0 : retries;
    if (this.#left === 0) return;
    this.on('connectionAttemptFailed', () => {
      this.#selfConnected ||= wasStopped(this.#handle);
    });
    this.once('connect', () => {
      this.#left = 0;
    });
  }

  get #handle(): Handle | null | undefined {
    return (this as unknown as { _handle?: Handle | null })._handle;
  }

  override destroy(error?: Error): this {
    // A signal that is aborted already destroys the socket before it has its fields.
    const final = !(#left in this) || this.#left === 0 || !this.#maySucceedNextTime(error);
    if (final) return super.destroy(error);
    this.#left--;
    this.#selfConnected = false;
    this.#startOver();
    return this;
  }

  /**
   * True for a self-connect, and for want of a local port, which on a busy host can be a passing state. (EADDRNOTAVAIL
   * from bind() is an address that this host does not have: that does not pass.)
   */
  #maySucceedNextTime(error: Error | undefined): boolean {
    return (this.#selfConnected && endedWith('ECONNREFUSED', error)) || endedWith('EADDRNOTAVAIL', error);
  }

  #startOver(): void {
    const handle = this.#handle;
    const referenced = handle?.hasRef?.() ?? true;
    (this as unknown as { _handle: null })._handle = null;
    handle?.close();
    this.connect(this.#options);
    if (!referenced) this.unref();
  }
}

let warned = false;

/** The options with another source address, where that prevents a self-connect. */
function withPrevention(options: TcpNetConnectOpts): TcpNetConnectOpts {
  if (process.platform !== 'linux' || options.localAddress || options.localPort) return options;
  const host = options.host || 'localhost';
  const loopback = isIPv4(host) ? host.startsWith('127.') : host === 'localhost' && options.family === 4;
  if (!loopback) return options;
  const localAddress = host === '127.0.0.2' ? '127.0.0.3' : '127.0.0.2';
  if (!warned) {
    warned = true;
    process.emitWarning(
      `connections made with prevent: true come from ${localAddress}: ` +
        'a server that allows only 127.0.0.1 will turn them away.',
      { type: 'GuardWarning', code: 'HALFOPEN_GUARD_PREVENT' },
    );
  }
  return { ...options, localAddress };
}

function dial(options: ConnectOptions, listener: ConnectListener | undefined): Socket {
  const asked = options.prevent && 'port' in options ? withPrevention(options) : options;
  const socket = new DialedSocket(asked);
  // Node 20 announces no socket that is not made by net.connect.
  if (guardMode() === 'channel') watch(socket);
  if (asked.timeout) socket.setTimeout(asked.timeout);
  return socket.connect(asked, listener);
}

/**
 * `net.connect` with the rules of Go's dialer: if the socket has connected to itself, or the kernel found no local port
 * (EADDRNOTAVAIL), the connect is repeated up to two times before the caller learns of a failure. With an explicit
 * `localPort` nothing is repeated, and a self-connect is allowed. A third self-connect ends in ECONNREFUSED (Go hands
 * it out).
 *
 * Takes what net.connect takes, `(options, listener?)`, `(port, host?, listener?)` or `(path, listener?)`, plus
 * {@link DialOptions}; returns the socket, which is connecting. Errors come as `error` events, as from net.connect.
 */
export function connect(options: ConnectOptions, listener?: ConnectListener): Socket;
export function connect(port: number, host?: string, listener?: ConnectListener): Socket;
export function connect(port: number, listener?: ConnectListener): Socket;
export function connect(path: string, listener?: ConnectListener): Socket;
export function connect(
  target: ConnectOptions | number | string,
  hostOrListener?: string | ConnectListener,
  last?: ConnectListener,
): Socket {
  const listener = typeof hostOrListener === 'function' ? hostOrListener : last;
  if (typeof target === 'object' && target !== null) return dial(target, listener);
  if (typeof target === 'string' && !/^\d+$/.test(target)) return dial({ path: target }, listener);
  const port = Number(target ?? Number.NaN);
  return dial(typeof hostOrListener === 'string' ? { port, host: hostOrListener } : { port }, listener);
}
