/** How a connection changes state and ends, and what stays behind in TIME-WAIT (RFC 9293 section 3.3.2, 3.6). */
import { type Connection, Timer } from '../connection.ts';
import { wakeAll } from '../poll.ts';
import type { Reason } from '../reasons.ts';
import { sendActiveReset } from '../send/output.ts';
import { queueError } from '../socket/tell.ts';
import {
  CLOSE_WAIT,
  CLOSED,
  ESTABLISHED,
  FIN_WAIT_1,
  FIN_WAIT_2,
  SYN_RECEIVED,
  SYN_SENT,
  TIME_WAIT,
} from '../state.ts';
import { TimeWait } from './time-wait.ts';

/** How long TIME-WAIT lasts, µs: 60 s in Linux (TCP_TIMEWAIT_LEN, include/net/tcp.h), whatever the MSL. */
export const timeWaitLength = 60_000_000;

/** Moves a connection to a state and tells the observer why. */
export function setState(conn: Connection, state: number, reason: Reason): void {
  const { services } = conn;
  const before = conn.state;
  if (before === state) return;
  conn.state = state;
  if (state === ESTABLISHED) services.counters.CurrEstab++;
  else if (before === ESTABLISHED || before === CLOSE_WAIT) {
    if (state === CLOSED) services.counters.EstabResets++;
    if (state !== CLOSE_WAIT) services.counters.CurrEstab--;
  }
  services.stateChanged(conn, before, state, reason);
}

function stopTimers(conn: Connection): void {
  const { timers } = conn.services;
  conn.retransmitTimer = timers.cancel(conn.retransmitTimer);
  conn.delayedAckTimer = timers.cancel(conn.delayedAckTimer);
  conn.compressedAckTimer = timers.cancel(conn.compressedAckTimer);
  conn.keepaliveTimer = timers.cancel(conn.keepaliveTimer);
}

/** Ends a connection (tcp_done): out of the table, all timers stopped, the owner told. */
export function terminate(conn: Connection, reason: Reason): void {
  const { services } = conn;
  if (conn.state === CLOSED) return;
  if (reason === 'fin-acked') services.peers.learn(conn);
  if (conn.state === SYN_SENT || conn.state === SYN_RECEIVED) services.counters.AttemptFails++;
  stopTimers(conn);
  if (conn.earlyRequest !== null) releaseEarly(conn, false);
  services.fastOpen.over(conn);
  services.table.remove(conn);
  conn.shutdown = 3;
  setState(conn, CLOSED, reason);
  conn.sendQueue.clear();
  conn.completions?.over((error) => queueError(conn, error));
  // What TCP_INFO says of losses stays as it was.
  conn.packetsOut = 0;
  // Whose FIN was acknowledged has nothing left to throw away, and keeps that, too (tcp_write_queue_purge).
  if (reason !== 'fin-acked') conn.backoff = 0;
  services.onReleased?.(conn, false);
  conn.owner?.wake(conn, wakeAll);
}

/** Ends a connection because of a reset or an error that the application is to see (tcp_reset). */
export function reset(conn: Connection, error: number, reason: Reason): void {
  conn.error = error;
  terminate(conn, reason);
}

/** Gives up a connection from this side, with a RST where the peer may still believe in it (tcp_disconnect). */
export function abort(conn: Connection, reason: Reason): void {
  if (needsReset(conn.state)) sendActiveReset(conn);
  terminate(conn, reason);
}

/** The states in which the peer has to be told (tcp_need_reset). */
export const needsReset = (state: number): boolean =>
  state === ESTABLISHED ||
  state === CLOSE_WAIT ||
  state === FIN_WAIT_1 ||
  state === FIN_WAIT_2 ||
  state === SYN_RECEIVED;

/**
 * Replaces a connection by a small record that guards its four-tuple (tcp_time_wait).
 * @param finWait2 the peer's FIN is still to come (an orphan's FIN-WAIT-2 lives on here)
 * @param length µs
 */
export function enterTimeWait(conn: Connection, finWait2: boolean, length: number): void {
  const { services } = conn;
  if (!finWait2) setState(conn, TIME_WAIT, 'fin-received');
  stopTimers(conn);
  services.fastOpen.over(conn);
  services.peers.learn(conn);
  const guarded = services.timeWaits < services.sysctls.tcp_max_tw_buckets;
  if (!guarded) {
    services.counters.TCPTimeWaitOverflow++;
    services.table.remove(conn);
  } else {
    const guard = new TimeWait(conn, finWait2);
    services.table.replace(conn, guard);
    services.timeWaits++;
    // The full time even if FIN-WAIT-2 was to be shorter: a FIN may come late.
    guard.timer = services.timers.arm(
      guard,
      Timer.keepalive,
      services.now + (finWait2 ? length : timeWaitLength),
    );
  }
  conn.shutdown = 3;
  // The guard has the tuple now; the record itself is over for its owner.
  conn.state = CLOSED;
  services.onReleased?.(conn, guarded);
  conn.owner?.wake(conn, wakeAll);
}

/** A connection that a client reset goes on counting against the listener's limit (RFC 7413 section 5.1). */
const resetPenalty = 60_000_000;

/**
 * An early connection is one no longer: its place in the listener's Fast Open queue is free.
 * @param reset the client sent RST: if the connection was accepted by then, its place stays taken for a minute
 */
export function releaseEarly(conn: Connection, reset: boolean): void {
  const queue = conn.earlyRequest?.listener.listener;
  conn.earlyRequest = null;
  if (queue === undefined || queue === null) return;
  if (reset && conn.parent === null) queue.fastOpenResets.push(conn.services.now + resetPenalty);
  else queue.fastOpenPending--;
}
