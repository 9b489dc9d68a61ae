/** A connect of a test, and what came of it. */
import { connect } from 'node:net';

/** Connects and hangs up. @returns `connected`, `timeout` after `ms`, or the error's code */
export function dial(port: number, host = '127.0.0.1', ms = 2000): Promise<string> {
  return new Promise((resolve) => {
    const socket = connect({ port, host });
    const timer = setTimeout(() => end('timeout'), ms);
    const end = (what: string): void => {
      clearTimeout(timer);
      socket.destroy();
      resolve(what);
    };
    socket.on('connect', () => end(socket.localPort === socket.remotePort ? 'self-connect' : 'connected'));
    socket.on('error', (error: NodeJS.ErrnoException) => end(error.code ?? error.message));
  });
}

/** How often each thing is in a list. */
export function tally(things: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const thing of things) counts[thing] = (counts[thing] ?? 0) + 1;
  return counts;
}
