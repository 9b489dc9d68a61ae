/**
 * A dial that does not mistake itself for its peer: connect() by the rules of Go's dialer (net/tcpsock_posix.go). A
 * connection with itself is given up and tried again, twice at most, and only if no local port was asked for; a
 * spurious EADDRNOTAVAIL is tried again too. Unlike Go this closes with a reset, since an ordinary close would leave
 * the port in TIME-WAIT, where a service that wants it could not bind it for a minute.
 */
import { Errno } from '../tcp/errno.ts';
import { type Address, isPort, sameAddress } from '../wire/address.ts';
import type { Host } from './host.ts';
import type { Socket } from './socket.ts';

export interface DialOptions {
  /** Local address and port to bind; 0 or nothing lets the host choose the port. */
  readonly localAddress?: Address;
  readonly localPort?: number;
  /** Gives up with ETIMEDOUT after so many µs; never before TCP does if not given. */
  readonly timeoutUs?: number;
}

const retries = 2;

/** Whether a connected socket is connected to itself: its two endpoints are the same. */
export function isSelfConnected(socket: Socket): boolean {
  const { local, remote } = socket;
  return remote !== null && local.port === remote.port && sameAddress(local.address, remote.address);
}

/**
 * Connects.
 * @param done gets the connected socket, or -errno; it may be called before `dial` returns
 * @returns a function that calls the attempt off: `done` is not called then
 * @throws RangeError for a port that is none
 */
export function dial(
  host: Host,
  address: Address,
  port: number,
  options: DialOptions,
  done: (result: Socket | number) => void,
): () => void {
  if (!isPort(port, 1))
    throw new RangeError(`the port to dial must be an integer from 1 to 65535, not ${port}`);
  if (!isPort(options.localPort ?? 0, 0))
    throw new RangeError(`localPort must be an integer from 0 to 65535, not ${options.localPort}`);
  const deadline = host.clock.now + (options.timeoutUs ?? Number.POSITIVE_INFINITY);
  const chosen = options.localPort === undefined || options.localPort === 0;
  let cancel = (): void => {};
  const attempt = (left: number): void => {
    const socket = host.socket(address.family);
    const bound = bind(socket, options);
    if (bound < 0) {
      reset(socket);
      done(bound);
      return;
    }
    socket.sendTimeout = deadline - host.clock.now;
    let decided = false;
    const off = host.await(socket.connect(address, port), (result) => {
      decided = true;
      cancel = (): void => {};
      const again = result === 0 ? isSelfConnected(socket) : result === -Errno.EADDRNOTAVAIL;
      if (again && chosen && left > 0) {
        reset(socket);
        // The reset has to have arrived before the port is used again.
        cancel = host.await({ deadline: host.clock.now, attempt: () => 0 }, () => attempt(left - 1));
      } else if (result === 0) {
        socket.sendTimeout = Number.POSITIVE_INFINITY;
        done(socket);
      } else {
        reset(socket);
        done(result === -Errno.EINPROGRESS ? -Errno.ETIMEDOUT : result);
      }
    });
    if (!decided)
      cancel = (): void => {
        off();
        reset(socket);
      };
  };
  attempt(retries);
  return () => cancel();
}

function bind(socket: Socket, { localAddress, localPort = 0 }: DialOptions): number {
  if (localAddress === undefined && localPort === 0) return 0;
  return socket.bind(localAddress ?? socket.local.address, localPort);
}

function reset(socket: Socket): void {
  socket.conn.setOption('linger', 0);
  socket.release();
}
