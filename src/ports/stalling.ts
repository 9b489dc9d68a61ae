/** A port that connects and never answers. */
import type { Socket } from 'node:net';
import { type Lease, leaseOf } from './lease.ts';
import { listenOnLoopback, withPort } from './listen.ts';

/** What {@link stallingPort} gives. */
export interface StallingPort extends Lease {
  /** How many connections there are at this moment. */
  readonly connections: number;
}

/**
 * A port of localhost on which every connect succeeds, what is written is read and thrown away, and nothing is ever
 * answered: not data, not the end of the client's data. release() ends the connections by RST.
 * @throws Error if there is no port to be had; it says why
 */
export function stallingPort(): Promise<StallingPort> {
  return withPort(async ({ port, held, free }) => {
    const sockets = new Set<Socket>();
    const listening = await listenOnLoopback(port, (socket) => {
      sockets.add(socket);
      socket.unref();
      socket.on('error', () => {}); // the client's RST: it gave up, which is what this port is for
      socket.on('close', () => sockets.delete(socket));
      socket.resume();
    });
    const undo = async (): Promise<void> => {
      await listening.close();
      for (const socket of sockets) socket.resetAndDestroy();
      await free();
    };
    return leaseOf(port, held, undo, {
      get connections(): number {
        return sockets.size;
      },
    });
  });
}
