/**
 * The fallback for a Node (or something like it) whose internals the guard does not know: the documented
 * diagnostics_channel `net.client.socket` names each new client socket, and the guard keeps `connect` from its
 * listeners. What it cannot do here: Node 20 does not announce sockets made by `new Socket().connect()` or by TLS, and
 * a TLS connection can only be closed in the ordinary way, which keeps its port for a minute.
 */
import { subscribe } from 'node:diagnostics_channel';
import type { Socket } from 'node:net';
import { getSystemErrorMap } from 'node:util';
import { report } from './report.ts';

const [refusedNumber] = [...getSystemErrorMap()].find(([, [name]]) => name === 'ECONNREFUSED')!;

/** The error Node itself makes for a connect that was refused. */
function refusal(address: string, port: number): NodeJS.ErrnoException {
  const error = new Error(`connect ECONNREFUSED ${address}:${port}`) as NodeJS.ErrnoException;
  return Object.assign(error, {
    errno: refusedNumber,
    code: 'ECONNREFUSED',
    syscall: 'connect',
    address,
    port,
  });
}

function refuse(socket: Socket): void {
  const error = refusal(socket.remoteAddress!, socket.remotePort!);
  report(socket.remoteAddress!, socket.remotePort!);
  try {
    // Leaves no TIME-WAIT, but has no way to name an error and throws for TLS.
    socket.resetAndDestroy();
  } catch {
    socket.destroy(error);
    return;
  }
  process.nextTick(() => socket.emit('error', error));
}

const watched = new WeakSet<Socket>();

/** Keeps `connect` from the listeners of this socket if it is connected to itself. */
export function watch(socket: Socket): void {
  if (watched.has(socket)) return;
  watched.add(socket);
  const emit = socket.emit;
  let stopped = false;
  socket.emit = function (this: Socket, event: string | symbol, ...args: unknown[]): boolean {
    if (event === 'connect' && this.remotePort !== undefined && !stopped) {
      stopped = this.localPort === this.remotePort && this.localAddress === this.remoteAddress;
      if (stopped) {
        refuse(this);
        return true;
      }
    }
    if (stopped && event === 'ready') return true;
    return Reflect.apply(emit, this, [event, ...args]) as boolean;
  } as Socket['emit'];
}

/** Watches every client socket that Node announces. */
export function guardChannel(): void {
  subscribe('net.client.socket', (message) => watch((message as { socket: Socket }).socket));
}
