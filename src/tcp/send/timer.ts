/** The one timer of the sending side: retransmission, the SYN+ACK of an early connection, or zero-window probes (tcp_reset_xmit_timer). */
import { type Connection, Timer } from '../connection.ts';
import { maxRto } from '../recovery/rtt.ts';

/** (Re)starts the retransmission timer; while an early connection's SYN+ACK is unanswered, the timer is its. */
export function armRetransmit(conn: Connection, delay: number = conn.rto): void {
  if (conn.earlyRequest === null) arm(conn, delay);
}

/** (Re)starts the timer of an early connection's SYN+ACK. */
export const armSynAck = (conn: Connection, delay: number): void => arm(conn, delay);

function arm(conn: Connection, delay: number): void {
  const { timers, now } = conn.services;
  timers.cancel(conn.retransmitTimer);
  conn.probing = false;
  conn.retransmitTimer = timers.arm(conn, Timer.retransmit, now + Math.min(delay, maxRto(conn)));
}

/** Starts the zero-window probe timer. */
export function armProbe(conn: Connection, delay: number = probeDelay(conn)): void {
  const { timers, now } = conn.services;
  timers.cancel(conn.retransmitTimer);
  conn.probing = true;
  conn.retransmitTimer = timers.arm(conn, Timer.probe, now + clampToUserTimeout(conn, delay));
}

/** Stops the retransmission or probe timer. */
export function stopRetransmit(conn: Connection): void {
  if (conn.earlyRequest !== null) return;
  conn.retransmitTimer = conn.services.timers.cancel(conn.retransmitTimer);
  conn.probing = false;
}

const probeDelay = (conn: Connection): number =>
  Math.min(Math.max(conn.rto, 200_000) * 2 ** conn.backoff, maxRto(conn));

/** TCP_USER_TIMEOUT cuts the last wait short, so that giving up is not late. */
export function clampToUserTimeout(conn: Connection, delay: number): number {
  if (conn.options.userTimeout === 0 || conn.retransmitsSince < 0) return delay;
  const left = conn.options.userTimeout * 1000 - (conn.services.now - conn.retransmitsSince);
  return left <= 0 ? 1000 : Math.min(delay, left);
}
