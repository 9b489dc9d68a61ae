/** Listening on a leased port of the loopback addresses. */
import { createServer, type Server, type Socket } from 'node:net';
import { type Taken, takePort } from './lease.ts';

/** Where the servers of this folder listen: `localhost` means either, and nobody else needs to reach them. */
export const loopback = ['127.0.0.1', '::1'] as const;

/** Errors of listen() that mean that this host has no such address. */
export const noSuchAddress = (code: string | undefined): boolean =>
  code === 'EADDRNOTAVAIL' || code === 'EAFNOSUPPORT' || code === 'EINVAL';

function listen(
  port: number,
  host: string,
  allowHalfOpen: boolean,
  accept: (socket: Socket) => void,
): Promise<Server | null> {
  return new Promise((resolve, reject) => {
    const server = createServer({ allowHalfOpen }, accept);
    server.unref();
    server.on('error', (error: NodeJS.ErrnoException) => {
      if (host === '::1' && noSuchAddress(error.code)) resolve(null);
      else reject(error);
    });
    server.listen({ port, host, exclusive: true }, () => resolve(server));
  });
}

/** Servers on one port. */
export interface Listening {
  /** Stops to listen; connections that were accepted go on. */
  close(): Promise<void>;
}

/** Listens on a port of both loopback addresses, IPv6 where there is any. */
export async function listenOnLoopback(port: number, accept: (socket: Socket) => void): Promise<Listening> {
  const servers: Server[] = [];
  const close = async (): Promise<void> => {
    // close() calls back when the last connection has ended: that can be long, and is not waited for.
    for (const server of servers) server.close();
  };
  try {
    for (const host of loopback) {
      const server = await listen(port, host, true, accept);
      if (server !== null) servers.push(server);
    }
  } catch (error) {
    await close();
    throw error;
  }
  return { close };
}

/** Takes a port and makes something of it; gives it back if that fails. */
export async function withPort<T>(make: (taken: Taken) => Promise<T>): Promise<T> {
  const taken = await takePort();
  try {
    return await make(taken);
  } catch (error) {
    await taken.free();
    throw error;
  }
}
