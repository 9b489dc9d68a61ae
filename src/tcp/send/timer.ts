/**
 * The one timer of the sending side: retransmission, the SYN+ACK of an early connection, probing a shut window, the loss
 * probe, or the reordering window (net/ipv4/tcp_input.c tcp_rearm_rto and tcp_output.c tcp_schedule_loss_probe, 6.18).
 */
import { CaState } from '../congestion/state.ts';
import { type Connection, Timer } from '../connection.ts';
import { maxRto, minRto } from '../recovery/rtt.ts';

/** Timers of an estimate have this much on top, µs (TCP_TIMEOUT_MIN_US). */
export const timerMargin = 2000;

/** What the host itself had no room for is tried again so much later, µs (TCP_RESOURCE_PROBE_INTERVAL). */
export const resourceProbeInterval = 500_000;

/** Without an estimate of the round trip the loss probe comes after a second, µs. */
const firstProbe = 1_000_000;

function arm(conn: Connection, kind: number, delay: number): void {
  const { timers, now } = conn.services;
  timers.cancel(conn.retransmitTimer);
  conn.timerKind = kind;
  conn.retransmitTimer = timers.arm(conn, kind, now + Math.min(delay, maxRto(conn)));
}

/** (Re)starts the retransmission timer; while an early connection's SYN+ACK is unanswered, the timer is its. */
export function armRetransmit(conn: Connection, delay: number = conn.rto): void {
  if (conn.earlyRequest === null) arm(conn, Timer.retransmit, delay);
}

/** (Re)starts the timer of an early connection's SYN+ACK. */
export const armSynAck = (conn: Connection, delay: number): void => arm(conn, Timer.retransmit, delay);

/** Waits for packets that may only have been overtaken. */
export const armReorderTimer = (conn: Connection, delay: number): void => arm(conn, Timer.reorder, delay);

/** Starts the zero-window probe timer. */
export function armProbe(conn: Connection, delay: number = probeDelay(conn)): void {
  arm(conn, Timer.probe, clampProbe(conn, delay));
}

/** Stops the timer, whatever it is for. */
export function stopRetransmit(conn: Connection): void {
  if (conn.earlyRequest !== null) return;
  conn.retransmitTimer = conn.services.timers.cancel(conn.retransmitTimer);
  conn.timerKind = -1;
}

/** The head of the queue times out so many µs from now. */
function untilTimeout(conn: Connection): number {
  const { head } = conn.sendQueue;
  return head === null ? conn.rto : head.sentAt + conn.rto - conn.services.now;
}

/** Starts the retransmission timer after progress: if another one ran meanwhile, from when the head was sent (RFC 6298 5.3). */
export function rearmRetransmit(conn: Connection): void {
  if (conn.earlyRequest !== null) return;
  if (conn.packetsOut === 0) {
    stopRetransmit(conn);
    return;
  }
  const other = conn.timerKind === Timer.reorder || conn.timerKind === Timer.lossProbe;
  armRetransmit(conn, other ? Math.max(untilTimeout(conn), 1) : conn.rto);
}

/**
 * Schedules a loss probe in two round trips (RFC 8985 section 7), if one may help and the time-out is not earlier.
 * @param advancing the time-out would start now, not when the head was sent
 */
export function scheduleLossProbe(conn: Connection, advancing: boolean): boolean {
  const { sysctls } = conn.services;
  const wanted = sysctls.tcp_early_retrans === 3 || sysctls.tcp_early_retrans === 4;
  const calm = conn.caState === CaState.open || conn.caState === CaState.cwr;
  if (conn.earlyRequest !== null || !wanted || conn.packetsOut === 0 || !conn.sackOk || !calm) return false;
  let wait = firstProbe;
  // The peer may hold the ACK of a lone packet back.
  if (conn.srtt > 0) wait = (conn.srtt >> 2) + (conn.packetsOut === 1 ? minRto(conn) : timerMargin);
  const timeout = advancing ? conn.rto : untilTimeout(conn);
  if (timeout > 0) wait = Math.min(wait, timeout);
  arm(conn, Timer.lossProbe, wait);
  return true;
}

/** Sets the loss probe's timer, or else the retransmission's. */
export function setTransmitTimer(conn: Connection): void {
  if (!scheduleLossProbe(conn, true)) rearmRetransmit(conn);
}

/** The first probe comes after the time-out in force, however often that was doubled already (tcp_probe0_base). */
export const firstProbeDelay = (conn: Connection): number => Math.max(conn.rto, 200_000);

const probeDelay = (conn: Connection): number =>
  Math.min(firstProbeDelay(conn) * 2 ** conn.backoff, maxRto(conn));

/** TCP_USER_TIMEOUT cuts the last wait for an ACK short, so that giving up is not late. */
export function clampToUserTimeout(conn: Connection, delay: number): number {
  if (conn.options.userTimeout === 0 || conn.retransmitsSince < 0) return delay;
  const left = conn.options.userTimeout * 1000 - (conn.services.now - conn.retransmitsSince);
  return left <= 0 ? 1000 : Math.min(delay, left);
}

/** The same for the last wait for a window. */
function clampProbe(conn: Connection, delay: number): number {
  if (conn.options.userTimeout === 0 || conn.probesSince < 0) return delay;
  const left = conn.options.userTimeout * 1000 - (conn.services.now - conn.probesSince);
  return Math.min(delay, Math.max(left, timerMargin));
}
