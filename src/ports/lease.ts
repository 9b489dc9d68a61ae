/** Leases of ports: from freePort() to release() nobody of this kind, and no connect(), takes the port. */
import { createServer } from 'node:net';
import { type Held, hold } from './hold.ts';
import { lock, type Unlock } from './lock.ts';
import { candidates, nextPlace } from './range.ts';

/** Something that has a port for as long as it is not released. */
export interface Lease extends AsyncDisposable {
  /** The port's number. */
  readonly port: number;
  /**
   * Whether connect() hands the port out on this host, so that a bound socket keeps it. A server can then bind it only
   * with SO_REUSEADDR, which nearly all set. False where the kernel's range leaves other ports, as it does by default.
   */
  readonly held: boolean;
  /** Gives the port back. The second call and later ones do nothing. */
  release(): Promise<void>;
}

/** Makes a {@link Lease} or a richer thing of the parts. @param undo what release() does, once */
export function leaseOf<T extends object>(
  port: number,
  held: boolean,
  undo: () => Promise<void>,
  extra: T,
): Lease & T {
  let released: Promise<void> | undefined;
  const release = (): Promise<void> => (released ??= undo());
  // With its descriptors, so that a getter stays one.
  const lease: Lease = { port, held, release, [Symbol.asyncDispose]: release };
  return Object.defineProperties(lease, Object.getOwnPropertyDescriptors(extra)) as Lease & T;
}

/** Where a listener shows whether somebody uses the port. On Linux `::` meets the listeners of every address. */
const probed = process.platform === 'linux' ? ['::'] : ['::', '0.0.0.0', '127.0.0.1', '::1'];

/** 0 if the port can be listened on there, else the code of the error. */
function tryListen(port: number, host: string): Promise<string | 0> {
  return new Promise((resolve) => {
    const server = createServer((stranger) => stranger.destroy());
    server.unref();
    server.on('error', (error: NodeJS.ErrnoException) => resolve(error.code ?? error.message));
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(0)));
  });
}

/** Whether nobody listens on the port, or is connected from it. */
async function unused(port: number): Promise<boolean> {
  for (const host of probed) {
    let status = await tryListen(port, host);
    // Any other error than these two: there is no IPv6 here.
    if (host === '::' && status !== 0 && status !== 'EADDRINUSE' && status !== 'EACCES')
      status = await tryListen(port, '0.0.0.0');
    if (status !== 0 && !(host === '::1' && status === 'EADDRNOTAVAIL')) return false;
  }
  return true;
}

/** A port that is locked, and kept from connect() if it has to be. */
export interface Taken {
  readonly port: number;
  readonly held: boolean;
  /** Gives it back. */
  readonly free: () => Promise<void>;
}

async function lockedPort(port: number, mustHold: boolean): Promise<Taken | null | 'impossible'> {
  const unlock: Unlock | null = await lock(port);
  if (unlock === null) return null;
  if (!mustHold) {
    if (await unused(port)) return { port, held: false, free: unlock };
    await unlock();
    return null;
  }
  const held: Held = await hold(port);
  if (typeof held === 'function') {
    const free = async (): Promise<void> => {
      await held();
      await unlock();
    };
    return { port, held: true, free };
  }
  await unlock();
  return held === 'taken' ? null : held;
}

/**
 * Takes a port that nobody has.
 * @param wish `hold`: with a bound socket that does not listen in any case, if there can be one
 * @throws Error if there is none to have; it says why
 */
export async function takePort(wish?: 'hold'): Promise<Taken> {
  const { ports, held } = candidates();
  let contended = false;
  // Every port is tried about twice before it gives up.
  for (let tries = 2 * ports.length; tries > 0; tries--) {
    const port = ports[nextPlace(ports.length, contended)]!;
    let taken = await lockedPort(port, held || wish === 'hold');
    if (taken === 'impossible' && !held) taken = await lockedPort(port, false);
    if (taken === 'impossible')
      throw new Error(
        'halfopen/ports: connect() may pick every port here (net.ipv4.ip_local_port_range), and this runtime has no ' +
          'bound socket that does not listen to keep one from it; make the range smaller, for instance ' +
          'sysctl -w net.ipv4.ip_local_port_range="32768 60999"',
      );
    if (taken !== null) return taken;
    contended = true;
  }
  throw new Error(
    `halfopen/ports: all ${ports.length} ports outside net.ipv4.ip_local_port_range and ` +
      'net.ipv4.ip_local_reserved_ports are taken; release leases that are no longer needed',
  );
}

/**
 * A port for a server of a test. Until release(), or the end of this process, no other lease on this host is for it and
 * no connect() or bind(0) of any program picks it: the server can bind it, close it and bind it again, and a client
 * that is too early is refused and never connected to itself.
 * @throws Error if there is no port to be had; it says why
 */
export async function freePort(): Promise<Lease> {
  const { port, held, free } = await takePort();
  return leaseOf(port, held, free, {});
}

/**
 * A port on which every connect is refused (ECONNREFUSED), on every address of this host, until release().
 * @throws Error if there is no port to be had; it says why
 */
export async function refusingPort(): Promise<Lease> {
  const { port, held, free } = await takePort('hold');
  return leaseOf(port, held, free, {});
}
