/**
 * The guard proper. Node tells JavaScript that a connect() has finished by calling `oncomplete` of the request object
 * it was given. The guard stands in between: a connection whose two ends are equal is completed as refused, and its
 * handle is made to close by RST; likewise if it is closed before anyone was told (a time-out, an abort). So no
 * listener, no write and no TLS greeting ever sees the connection, and no TIME-WAIT keeps the port from the service it
 * belongs to. (Measured: after an ordinary close the service's bind() fails for 60 s, even with SO_REUSEADDR. A reset
 * frees the port at once.)
 *
 * What it costs is nearly all one getsockname() a connect. It is asked for in `complete`: as soon as connect() returns
 * the port is settled too, but after that long system call it was measured to cost a quarter more. To spare it the
 * ports outside net.ipv4.ip_local_port_range does not pay: knowing the range at any moment costs as much.
 *
 * This rests on Node's own TCP handle, which is not documented; see channel.ts for where it is missing.
 */
import { Socket } from 'node:net';
import { getSystemErrorMap } from 'node:util';
import { report } from './report.ts';

interface Endpoint {
  address: string;
  family: string;
  port: number;
}

// Known to every copy of the package: the guard that stopped a handle need not be the one of the `connect` that asks.
const stopped = Symbol.for('halfopen.guard.stopped');
const installed = Symbol.for('halfopen.guard.installed');
const guarded = Symbol('halfopen.guard.oncomplete');

/** Node's handle of a TCP socket, as far as the guard uses it. */
interface TcpHandle {
  connect: Connect;
  connect6: Connect;
  bind: Bind;
  bind6: Bind;
  getsockname(out: Endpoint): number;
  getpeername(out: Endpoint): number;
  close(callback?: () => void): void;
  reset(callback?: () => void): number;
  [stopped]?: boolean;
  [installed]?: boolean;
}
type Connect = (this: TcpHandle, request: ConnectRequest, ...rest: unknown[]) => number;
type Bind = (this: TcpHandle, address: string, port: number, ...rest: unknown[]) => number;
type Complete = (
  this: unknown,
  status: number,
  handle: TcpHandle,
  request: ConnectRequest,
  readable: boolean,
  writable: boolean,
) => void;
interface ConnectRequest {
  readonly port: number;
  oncomplete?: Complete | undefined;
  [guarded]?: Complete;
}

/** The status with which a refused connect completes; the number differs between operating systems. */
const refused: number = [...getSystemErrorMap()].find(([, [name]]) => name === 'ECONNREFUSED')![0];

/** Handles bound to a port that was asked for: these may connect to themselves, as with Go's dialer. */
const portAskedFor = new WeakSet<TcpHandle>();

/** Whether the guard stopped the connection of this handle. */
export function wasStopped(handle: object | null | undefined): boolean {
  return (handle as TcpHandle | null | undefined)?.[stopped] === true;
}

const endpoint = (): Endpoint => ({ address: '', family: '', port: 0 });
/** Where the ends are written to: two objects for all handles. */
const local = endpoint();
const remote = endpoint();

/** Whether both ends of this handle are the same, and nobody asked for that; then `local` tells which. */
function isSelfConnected(handle: TcpHandle): boolean {
  if (handle.getsockname(local) !== 0 || handle.getpeername(remote) !== 0) return false;
  return local.port === remote.port && local.address === remote.address && !portAskedFor.has(handle);
}

function stop(handle: TcpHandle): void {
  handle[stopped] = true;
  report(local.address, local.port);
}

const ordinaryClose = (handle: TcpHandle): TcpHandle['close'] =>
  (Object.getPrototypeOf(handle) as TcpHandle).close;

function closeByReset(this: TcpHandle, callback?: () => void): void {
  if (this.reset(callback) !== 0) ordinaryClose(this).call(this, callback);
}

/** Closes a handle that has not been told how its connect ended. */
function closeEarly(this: TcpHandle, callback?: () => void): void {
  if (isSelfConnected(this)) {
    stop(this);
    closeByReset.call(this, callback);
  } else {
    ordinaryClose(this).call(this, callback);
  }
}

function complete(
  this: unknown,
  status: number,
  handle: TcpHandle,
  request: ConnectRequest,
  readable: boolean,
  writable: boolean,
): void {
  const original = request[guarded]!;
  // The port alone decides for all but one connect in tens of thousands.
  const suspect = status === 0 && handle.getsockname(local) === 0 && local.port === request.port;
  if (suspect && isSelfConnected(handle)) {
    stop(handle);
    handle.close = closeByReset;
    original.call(this, refused, handle, request, false, false);
  } else {
    handle.close = ordinaryClose(handle);
    original.call(this, status, handle, request, readable, writable);
  }
}

function guardConnect(original: Connect, giveUp: () => void): Connect {
  return function connect(request, ...rest) {
    if (typeof request?.oncomplete !== 'function' || typeof request.port !== 'number') {
      giveUp();
    } else {
      request[guarded] = request.oncomplete;
      request.oncomplete = complete;
      this.close = closeEarly;
    }
    return original.call(this, request, ...rest);
  };
}

function noteAskedPort(original: Bind): Bind {
  return function bind(address, port, ...rest) {
    if (port) portAskedFor.add(this);
    return original.call(this, address, port, ...rest);
  };
}

/** The prototype of Node's TCP handles, or undefined if there is no such thing here. */
function handlePrototype(): TcpHandle | undefined {
  // A socket creates its handle in connect(), and starts to connect only in a later tick: nothing is sent.
  const probe = new Socket();
  probe.on('error', () => {});
  probe.connect({ host: '127.0.0.1', port: 1 });
  const handle = (probe as unknown as { _handle?: TcpHandle | null })._handle;
  probe.destroy();
  return handle ? (Object.getPrototypeOf(handle) as TcpHandle) : undefined;
}

const methods = ['connect', 'connect6', 'bind', 'bind6', 'getsockname', 'getpeername', 'reset'] as const;
const patched = ['connect', 'connect6', 'bind', 'bind6'] as const;

function replaceable(prototype: TcpHandle): boolean {
  return (
    methods.every((name) => typeof prototype[name] === 'function') &&
    patched.every((name) => Object.getOwnPropertyDescriptor(prototype, name)?.writable === true)
  );
}

/**
 * Guards every TCP handle of this thread, once: test runners load modules again and again beside the same handles.
 * @param giveUp called, on each connect, if it turns out that Node no longer completes it the way the guard needs
 * @returns false if the internals it rests on are not there; nothing is changed then
 */
export function guardHandles(giveUp: () => void): boolean {
  const prototype = handlePrototype();
  if (prototype === undefined) return false;
  if (prototype[installed]) return true;
  if (!replaceable(prototype)) return false;
  prototype[installed] = true;
  prototype.connect = guardConnect(prototype.connect, giveUp);
  prototype.connect6 = guardConnect(prototype.connect6, giveUp);
  prototype.bind = noteAskedPort(prototype.bind);
  prototype.bind6 = noteAskedPort(prototype.bind6);
  return true;
}
