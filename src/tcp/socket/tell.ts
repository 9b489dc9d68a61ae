/** Puts errors and completions into a connection's error queue, and tells whoever waits. */
import type { Connection } from '../connection.ts';
import { Poll } from '../poll.ts';
import { Completions } from './completions.ts';
import { ErrorOrigin, type QueuedError } from './error-queue.ts';

/** Keeps an error for MSG_ERRQUEUE; the socket is ready for it (POLLERR). Completions that follow one another are one. */
export function queueError(conn: Connection, error: QueuedError): void {
  conn.errorQueue ??= [];
  const queue = conn.errorQueue;
  const last = queue.at(-1);
  const joins =
    last !== undefined &&
    error.origin === ErrorOrigin.zerocopy &&
    last.origin === ErrorOrigin.zerocopy &&
    last.code === error.code &&
    last.data + 1 === error.info;
  if (joins) queue[queue.length - 1] = { ...last, data: error.data };
  else queue.push(error);
  conn.owner?.wake(conn, Poll.err);
}

/** Unix time now, µs. */
export const unixTime = ({ services }: Connection): number => services.environment.epochUs + services.now;

/** Tells what is completed by all that is acknowledged. */
export function ackCompletions(conn: Connection): void {
  conn.completions?.acknowledged(conn.sndUna, unixTime(conn), (error) => queueError(conn, error));
}

/** What the sender asked to be told of; made when it asks first. */
export function completionsOf(conn: Connection): Completions {
  conn.completions ??= new Completions();
  return conn.completions;
}
