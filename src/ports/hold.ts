/**
 * A socket that is bound to a port and does not listen. As long as it exists connect() and bind(0) never pick the
 * port, a connect to it is refused, and a server that sets SO_REUSEADDR (as libuv, Go, Java, nginx and most others do)
 * can bind it all the same. Node has no interface for such a socket, so this uses its handle, as halfopen/guard does.
 */
import { createServer, type Server } from 'node:net';
import { getSystemErrorName } from 'node:util';

interface TcpHandle {
  bind(address: string, port: number): number;
  bind6(address: string, port: number, flags: number): number;
  getsockname(out: object): number;
  unref(): void;
  close(callback?: () => void): void;
}
type TcpConstructor = new (kind: number) => TcpHandle;

/** TCPConstants.SOCKET of Node. */
const clientSocket = 0;

let known: TcpConstructor | null | undefined;

/** The class of Node's TCP handles; null where there is none. */
async function tcpConstructor(): Promise<TcpConstructor | null> {
  if (known !== undefined) return known;
  const server: Server & { _handle?: object | null } = createServer();
  server.unref();
  await new Promise<void>((resolve) => {
    server.once('error', () => resolve());
    server.listen({ port: 0, host: '127.0.0.1', exclusive: true }, () => resolve());
  });
  const prototype = server._handle ? (Object.getPrototypeOf(server._handle) as TcpHandle) : null;
  server.close();
  const methods = ['bind', 'bind6', 'getsockname', 'unref', 'close'] as const;
  const usable = prototype !== null && methods.every((name) => typeof prototype[name] === 'function');
  known = usable ? (prototype.constructor as TcpConstructor) : null;
  return known;
}

/** What came of {@link hold}: how to let go, or why there is no such socket. */
export type Held = (() => Promise<void>) | 'taken' | 'impossible';

/** Binds a socket that does not listen to a port of all addresses. */
export async function hold(port: number): Promise<Held> {
  const Tcp = await tcpConstructor();
  if (Tcp === null) return 'impossible';
  const attempt = (bind: (handle: TcpHandle) => number): (() => Promise<void>) | string => {
    const handle = new Tcp(clientSocket);
    // libuv keeps EADDRINUSE of bind() for the next call on the handle.
    const status = bind(handle) || handle.getsockname({});
    if (status === 0) {
      handle.unref();
      return () => new Promise((done) => handle.close(() => done()));
    }
    handle.close();
    return getSystemErrorName(status);
  };
  const taken = ['EADDRINUSE', 'EACCES'];
  let outcome = attempt((handle) => handle.bind6('::', port, 0));
  // Any other error: there is no IPv6 here.
  if (typeof outcome === 'string' && !taken.includes(outcome))
    outcome = attempt((handle) => handle.bind('0.0.0.0', port));
  if (typeof outcome !== 'string') return outcome;
  return taken.includes(outcome) ? 'taken' : 'impossible';
}
