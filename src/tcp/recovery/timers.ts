/**
 * What the timer of the sending side does when it goes off: the retransmission time-out (RFC 6298 section 5), the
 * reordering window (RFC 8985 section 6.2) and the loss probe (section 7); net/ipv4/tcp_timer.c and tcp_recovery.c, 6.18.
 */
import { seqAdd, seqGt, seqLt } from '../../wire/seq.ts';
import { inFlight } from '../congestion/cwnd.ts';
import { CaState, noThreshold } from '../congestion/state.ts';
import { type Connection, Timer } from '../connection.ts';
import { gaveUp, isHandshake, writeError } from '../send/give-up.ts';
import { fragment, sendMss } from '../send/mss.ts';
import { retransmit, retransmitLost, retransmitProbe } from '../send/retransmit.ts';
import { Nagle, writeOut } from '../send/sender.ts';
import {
  armRetransmit,
  clampToUserTimeout,
  rearmRetransmit,
  resourceProbeInterval,
  stopRetransmit,
} from '../send/timer.ts';
import { ESTABLISHED, SYN_SENT } from '../state.ts';
import { enterLoss, enterRecovery } from './alert.ts';
import type { AckOutcome } from './outcome.ts';
import { beginReduction, endReduction, reduceWindow, setCaState } from './prr.ts';
import { detectLoss } from './rack.ts';
import { estimatedRto, initialRto, maxRto } from './rtt.ts';
import { markLost } from './scoreboard.ts';
import { recoveryOf } from './state.ts';
import { keepOpen } from './undo.ts';

/** The retransmission time-out (RFC 6298 section 5.4 to 5.7). */
export function onRetransmitTimer(conn: Connection): void {
  conn.retransmitTimer = -1;
  conn.timerKind = -1;
  const { services } = conn;
  const head = conn.sendQueue.head;
  if (conn.packetsOut === 0 || head === null) return;
  recoveryOf(conn).probeOut = false;
  const zeroWindow = conn.sndWnd === 0 && !conn.orphaned && !isHandshake(conn);
  if (zeroWindow) {
    if (shutTooLong(conn)) {
      writeError(conn);
      return;
    }
    enterLoss(conn);
    retransmit(conn, head, 1);
  } else {
    services.counters.TCPTimeouts++;
    if (gaveUp(conn)) return;
    enterLoss(conn);
    conn.retransmits++;
    conn.totalRto++;
    services.note(conn, 'timer', isHandshake(conn) ? 'syn-retransmit' : 'rto-retransmit', {
      retransmits: conn.retransmits,
      rtoUs: conn.rto,
    });
    if (!retransmit(conn, head, 1) && services.linkFull) {
      // Nobody else's fault: no doubling.
      armRetransmit(conn, resourceProbeInterval);
      return;
    }
  }
  backOff(conn);
  armRetransmit(conn, clampToUserTimeout(conn, conn.rto));
}

/**
 * A router found no way for the segment that is sent again and again: the time-outs were the path's fault, not
 * congestion's, and one doubling is taken back (RFC 6069; tcp_ld_RTO_revert).
 * @param seq what the router quoted
 */
export function revertBackoff(conn: Connection, seq: number): void {
  const { head, sendHead } = conn.sendQueue;
  if (seq !== conn.sndUna || conn.retransmits === 0 || conn.backoff === 0) return;
  if (conn.earlyRequest !== null || head === null || head === sendHead) return;
  conn.backoff--;
  const base = conn.srtt > 0 ? estimatedRto(conn) : initialRto;
  conn.rto = Math.min(base * 2 ** conn.backoff, maxRto(conn));
  const left = head.sentAt + conn.rto - conn.services.now;
  if (left > 0) {
    armRetransmit(conn, left);
    return;
  }
  stopRetransmit(conn);
  onRetransmitTimer(conn);
}

/** The peer shut its window over what is out, and has not been heard of for two time-outs of the longest kind. */
function shutTooLong(conn: Connection): boolean {
  const { userTimeout } = conn.options;
  const silent = conn.services.now - conn.lastAckAt;
  const since = conn.retransmitsSince >= 0 ? conn.retransmitsSince : conn.sendQueue.head!.sentAt;
  const limit = userTimeout > 0 ? userTimeout * 1000 : 2 * maxRto(conn);
  if (silent <= 2 * maxRto(conn) && userTimeout === 0) return false;
  return silent > limit && conn.services.now - since > limit;
}

/** Doubles the time-out; of a SYN not for the first tcp_syn_linear_timeouts copies, nor of a thin stream if so set. */
function backOff(conn: Connection): void {
  const { sysctls } = conn.services;
  const thin = conn.packetsOut < 4 && conn.ssthresh < noThreshold;
  const linear = sysctls.tcp_thin_linear_timeouts !== 0 || conn.options.thinLinear;
  if (linear && conn.state === ESTABLISHED && thin && conn.retransmits <= 6) {
    conn.backoff = 0;
    conn.rto = estimatedRto(conn);
    return;
  }
  if (conn.state === SYN_SENT && conn.totalRto <= sysctls.tcp_syn_linear_timeouts) return;
  conn.backoff++;
  conn.rto = Math.min(conn.rto * 2, maxRto(conn));
}

/** The time for reordering is over: what was overtaken is lost. */
export function onReorderTimer(conn: Connection): void {
  conn.retransmitTimer = -1;
  const flight = inFlight(conn);
  const { lost } = conn.recovery;
  detectLoss(conn, markLost);
  if (flight !== inFlight(conn)) {
    if (conn.caState !== CaState.recovery) {
      enterRecovery(conn, false);
      reduceWindow(conn, 1, conn.recovery.lost - lost, false);
    }
    retransmitLost(conn);
  }
  if (conn.timerKind !== Timer.retransmit) rearmRetransmit(conn);
}

/** The loss probe: new data if some may go, else the last segment again, to get an ACK that tells of losses. */
export function onLossProbeTimer(conn: Connection): void {
  conn.retransmitTimer = -1;
  if (!conn.recovery.probeOut && sendProbe(conn)) {
    recoveryOf(conn).probeOut = true;
    recoveryOf(conn).probeEnd = conn.sndNxt;
    conn.services.counters.TCPLossProbes++;
    // The time-out begins now.
    conn.timerKind = -1;
  }
  rearmRetransmit(conn);
}

function sendProbe(conn: Connection): boolean {
  const { sendQueue } = conn;
  const mss = sendMss(conn);
  recoveryOf(conn).probeIsCopy = false;
  const next = sendQueue.sendHead;
  if (next !== null) {
    const end = next.length > mss ? seqAdd(next.seq, mss) : next.end;
    if (!seqGt(end, seqAdd(conn.sndUna, conn.sndWnd))) {
      const before = conn.packetsOut;
      writeOut(conn, mss, Nagle.off, 2);
      return conn.packetsOut > before;
    }
  }
  let last = next === null ? sendQueue.tail : next.previous;
  if (last === null) return false;
  const whole = (last.packets - 1) * mss;
  if (last.packets > 1 && last.length > whole) {
    fragment(conn, last, whole, mss);
    last = last.next!;
  }
  if (!retransmitProbe(conn, last)) return false;
  recoveryOf(conn).probeIsCopy = true;
  return true;
}

/** What an ACK says of a loss probe that is out (RFC 8985 section 7.4; tcp_process_tlp_ack). */
export function onProbeAck(conn: Connection, ack: number, out: AckOutcome): void {
  if (seqLt(ack, conn.recovery.probeEnd)) return;
  if (!conn.recovery.probeIsCopy || out.dsackOfProbe) recoveryOf(conn).probeOut = false;
  else if (seqGt(ack, conn.recovery.probeEnd)) {
    // The probe repaired a loss: the window has to come down all the same.
    beginReduction(conn);
    setCaState(conn, CaState.cwr);
    endReduction(conn);
    keepOpen(conn);
    conn.services.counters.TCPLossProbeRecovery++;
  } else if (!out.advanced && !out.notDuplicate && !out.sacked) recoveryOf(conn).probeOut = false;
}
