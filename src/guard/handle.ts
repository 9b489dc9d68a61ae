/**
 * The guard proper. Node tells JavaScript that a connect() has finished by calling `oncomplete` of the request object
 * it was given. The guard stands in between: a connection whose two ends are equal is completed as refused, and its
 * handle is made to close by RST. So no listener, no write and no TLS greeting ever sees the connection, and no
 * TIME-WAIT keeps the port from the service it belongs to. (Measured: after an ordinary close the service's bind()
 * fails for 60 s, even with SO_REUSEADDR. A reset frees the port at once.)
 *
 * This rests on Node's own TCP handle, which is not documented; see channel.ts for where it is missing.
 */
import { Socket } from 'node:net';
import { getSystemErrorMap } from 'node:util';
import { isEphemeral } from './range.ts';
import { report } from './report.ts';

interface Endpoint {
  address: string;
  port: number;
}

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

const guarded = Symbol('halfopen.guard.oncomplete');
interface ConnectRequest {
  readonly port: number;
  oncomplete?: Complete;
  [guarded]?: Complete;
}

/** The status with which a refused connect completes; the number differs between operating systems. */
const refused: number = [...getSystemErrorMap()].find(([, [name]]) => name === 'ECONNREFUSED')![0];

/** Handles bound to a port that was asked for: these may connect to themselves, as with Go's dialer. */
const portAskedFor = new WeakSet<TcpHandle>();
/** Handles whose connection the guard has stopped. */
const stoppedHandles = new WeakSet<object>();

/** Whether the guard stopped the connection of this handle. */
export function wasStopped(handle: object | null | undefined): boolean {
  return handle != null && stoppedHandles.has(handle);
}

/** Where getsockname writes: one object for all, since making one for each connect is what costs the most. */
const local: Endpoint = { address: '', port: 0 };

/** Whether both ends of a connected handle are the same; then `local` tells which. */
function isSelfConnected(handle: TcpHandle, request: ConnectRequest): boolean {
  if (!isEphemeral(request.port)) return false;
  if (handle.getsockname(local) !== 0 || local.port !== request.port) return false;
  const remote: Endpoint = { address: '', port: 0 };
  if (handle.getpeername(remote) !== 0) return false;
  return local.port === remote.port && local.address === remote.address;
}

function closeByReset(this: TcpHandle, callback?: () => void): void {
  if (this.reset(callback) === 0) return;
  (Object.getPrototypeOf(this) as TcpHandle).close.call(this, callback);
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
  if (status !== 0 || !isSelfConnected(handle, request) || portAskedFor.has(handle)) {
    original.call(this, status, handle, request, readable, writable);
    return;
  }
  handle.close = closeByReset;
  stoppedHandles.add(handle);
  report(local.address, local.port);
  original.call(this, refused, handle, request, false, false);
}

function guardConnect(original: Connect, giveUp: () => void): Connect {
  return function connect(request, ...rest) {
    if (typeof request?.oncomplete === 'function' && typeof request.port === 'number') {
      request[guarded] = request.oncomplete;
      request.oncomplete = complete;
    } else {
      giveUp();
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
 * Guards every TCP handle of this thread.
 * @param giveUp called, on each connect, if it turns out that Node no longer completes it the way the guard needs
 * @returns false if the internals it rests on are not there; nothing is changed then
 */
export function guardHandles(giveUp: () => void): boolean {
  const prototype = handlePrototype();
  if (prototype === undefined || !replaceable(prototype)) return false;
  prototype.connect = guardConnect(prototype.connect, giveUp);
  prototype.connect6 = guardConnect(prototype.connect6, giveUp);
  prototype.bind = noteAskedPort(prototype.bind);
  prototype.bind6 = noteAskedPort(prototype.bind6);
  return true;
}
