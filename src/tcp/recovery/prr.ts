/**
 * Coming down to the slow-start threshold within one round trip: proportional rate reduction (RFC 6937;
 * net/ipv4/tcp_input.c tcp_cwnd_reduction, 6.18), in recovery from loss and after a congestion mark.
 */
import { controllerOf } from '../congestion/controller.ts';
import { inFlight } from '../congestion/cwnd.ts';
import { CaState, noThreshold } from '../congestion/state.ts';
import type { Connection } from '../connection.ts';
import { EcnMode } from '../ecn.ts';
import type { AckOutcome } from './outcome.ts';
import { recoveryOf } from './state.ts';

/** Whether the window is coming down. */
export const isReducing = (conn: Connection): boolean =>
  conn.caState === CaState.cwr || conn.caState === CaState.recovery;

/** The threshold as it would be remembered now: a window under reduction says nothing about the path. */
export const currentThreshold = (conn: Connection): number =>
  isReducing(conn) ? conn.ssthresh : Math.max(conn.ssthresh, (conn.cwnd >> 1) + (conn.cwnd >> 2));

/** Sets the threshold that the controller wants, and starts counting. */
export function beginReduction(conn: Connection): void {
  conn.highSeq = conn.sndNxt;
  recoveryOf(conn).probeOut = false;
  conn.cwndCount = 0;
  recoveryOf(conn).priorCwnd = conn.cwnd;
  recoveryOf(conn).prrDelivered = recoveryOf(conn).prrOut = 0;
  conn.ssthresh = controllerOf(conn).threshold(conn);
  if (conn.ecnMode === EcnMode.classic) conn.ecnQueueCwr = true;
}

/** How much may go for what was delivered. */
export function reduceWindow(conn: Connection, delivered: number, lost: number, advanced: boolean): void {
  if (delivered <= 0 || conn.recovery.priorCwnd === 0) return;
  const flight = inFlight(conn);
  const room = conn.ssthresh - flight;
  recoveryOf(conn).prrDelivered += delivered;
  let send: number;
  if (room < 0)
    send =
      Math.ceil((conn.ssthresh * conn.recovery.prrDelivered) / conn.recovery.priorCwnd) -
      conn.recovery.prrOut;
  else {
    send = Math.max(conn.recovery.prrDelivered - conn.recovery.prrOut, delivered);
    if (advanced && lost === 0) send++;
    send = Math.min(room, send);
  }
  // The first retransmission goes out in any case.
  conn.cwnd = flight + Math.max(send, conn.recovery.prrOut > 0 ? 0 : 1);
}

/** The reduction is over: the window is what the threshold says, unless it was undone. */
export function endReduction(conn: Connection): void {
  if (conn.ssthresh < noThreshold && (conn.caState === CaState.cwr || conn.recovery.undoing)) {
    conn.cwnd = conn.ssthresh;
    conn.cwndStamp = conn.services.now;
  }
}

/** A congestion mark: the window comes down, and there is nothing to undo (tcp_enter_cwr). */
export function enterCwr(conn: Connection): void {
  recoveryOf(conn).priorSsthresh = 0;
  if (conn.caState >= CaState.cwr) return;
  recoveryOf(conn).undoing = false;
  beginReduction(conn);
  setCaState(conn, CaState.cwr);
}

/** Moves to a congestion state and tells the controller. */
export function setCaState(conn: Connection, state: number): void {
  controllerOf(conn).stateChanged(conn, state);
  conn.caState = state;
}

/** Opens or closes the window by what an ACK delivered, as the state has it (tcp_cong_control). */
export function controlCongestion(conn: Connection, out: AckOutcome): void {
  const delivered = conn.delivered - out.priorDelivered;
  if (isReducing(conn)) {
    reduceWindow(conn, delivered, conn.recovery.lost - out.priorLost, out.advanced);
    return;
  }
  const disordered = conn.reordering > conn.services.sysctls.tcp_reordering;
  const raise = disordered ? out.advanced || out.dataAcked || out.sacked : out.dataAcked;
  if (!raise) return;
  controllerOf(conn).acked(conn, delivered);
  conn.cwndStamp = conn.services.now;
}
