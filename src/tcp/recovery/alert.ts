/**
 * The state machine of recovery: what an ACK that is out of the ordinary means for the congestion state (RFC 6582,
 * RFC 6675, RFC 5682, RFC 8985; net/ipv4/tcp_input.c tcp_fastretrans_alert, 6.18). It settles what is lost and in which
 * state the connection is; how much may go says the controller, and what goes is chosen after that.
 */
import { seqAdd, seqGe, seqGt } from '../../wire/seq.ts';
import { controllerOf } from '../congestion/controller.ts';
import { inFlight } from '../congestion/cwnd.ts';
import { CaState } from '../congestion/state.ts';
import type { Connection } from '../connection.ts';
import { EcnMode } from '../ecn.ts';
import { isHandshake } from '../send/give-up.ts';
import { fragment } from '../send/mss.ts';
import { probeLost } from '../send/mtu-probe.ts';
import { armReorderTimer, armRetransmit, timerMargin } from '../send/timer.ts';
import type { AckOutcome } from './outcome.ts';
import { beginReduction, currentThreshold, endReduction, enterCwr, isReducing, setCaState } from './prr.ts';
import { detectLoss, untilLost } from './rack.ts';
import { addDuplicates, markLost } from './scoreboard.ts';
import { recoveryOf } from './state.ts';
import {
  anyRetransmitted,
  beginUndo,
  endByUndo,
  keepOpen,
  undoByDuplicates,
  undoLoss,
  undoPartly,
} from './undo.ts';
import { retransmitTooBig } from './unreduced.ts';

/** Something is wrong or strange: settles the state, and what the ACK lets out. */
export function onAlert(conn: Connection, out: AckOutcome): void {
  if (conn.packetsOut === 0) conn.sackedOut = 0;
  if (out.ecnEcho) recoveryOf(conn).priorSsthresh = 0;
  if (isReneging(conn, out)) return;
  if (leaveState(conn, out)) return;
  if (conn.caState === CaState.recovery) {
    if (!inRecovery(conn, out)) return;
  } else if (conn.caState === CaState.loss) {
    inLoss(conn, out);
    identifyLoss(conn, out);
    if (!isOpen(conn) && !out.lostRetransmission) return;
    if (!inOrder(conn, out)) return;
  } else if (!inOrder(conn, out)) return;
  out.response = 'lost';
}

const isOpen = (conn: Connection): boolean => conn.caState === CaState.open;

/** The peer dropped what it had SACKed, or so it looks: it gets some time to show that it did not. */
function isReneging(conn: Connection, out: AckOutcome): boolean {
  if (!out.reneging || !out.advanced) return false;
  armRetransmit(conn, Math.max(conn.srtt >> 4, 10_000));
  out.setTimer = false;
  return true;
}

/** States end when all that was out when they began is acknowledged. True if the ACK is done with. */
function leaveState(conn: Connection, out: AckOutcome): boolean {
  if (conn.caState === CaState.open) {
    conn.retransmitsSince = -1;
    return false;
  }
  if (!seqGe(conn.sndUna, conn.highSeq)) return false;
  if (conn.caState === CaState.cwr) {
    // Held until something above is acknowledged, so that CWR reaches the receiver.
    if (conn.sndUna !== conn.highSeq) {
      endReduction(conn);
      setCaState(conn, CaState.open);
    }
  } else if (conn.caState === CaState.recovery) {
    if (!conn.sackOk) conn.sackedOut = 0;
    if (endByUndo(conn, out)) return true;
    endReduction(conn);
  }
  return false;
}

/** True if lost segments may be sent again. */
function inRecovery(conn: Connection, out: AckOutcome): boolean {
  if (!out.advanced) {
    if (!conn.sackOk) addDuplicates(conn, out);
  } else if (undoPartly(conn, out)) return false;
  if (undoByDuplicates(conn)) keepOpen(conn);
  identifyLoss(conn, out);
  if (conn.caState === CaState.recovery) return true;
  if (conn.lostOut === 0) return false;
  enterRecovery(conn, out.ecnEcho);
  return true;
}

/** Open, disorder and CWR, and loss that has ended: true if recovery begins. */
function inOrder(conn: Connection, out: AckOutcome): boolean {
  if (!conn.sackOk) {
    if (out.advanced) conn.sackedOut = 0;
    addDuplicates(conn, out);
  }
  if (conn.caState <= CaState.disorder) undoByDuplicates(conn);
  identifyLoss(conn, out);
  if (conn.lostOut === 0) {
    if (!anyRetransmitted(conn)) conn.retransmitsSince = -1;
    if (out.ecnEcho) enterCwr(conn);
    if (conn.caState !== CaState.cwr) keepOpen(conn);
    return false;
  }
  if (probeLost(conn)) {
    retransmitTooBig(conn);
    return false;
  }
  enterRecovery(conn, out.ecnEcho);
  return true;
}

/** After a time-out, with F-RTO to find out whether it was one (RFC 5682 section 3.1). */
function inLoss(conn: Connection, out: AckOutcome): void {
  const recovered = seqGe(conn.sndUna, conn.highSeq);
  if ((out.advanced || conn.earlyRequest !== null) && undoLoss(conn, out, false)) return;
  if (conn.recovery.frto) {
    // Step 3.b: what was sent only once arrived.
    if (out.originalArrived && undoLoss(conn, out, true)) return;
    if (seqGt(conn.sndNxt, conn.highSeq)) {
      if (out.sacked || out.duplicates > 0) recoveryOf(conn).frto = false;
    } else if (out.advanced && !recovered) {
      conn.highSeq = conn.sndNxt;
      // Step 2.b: new data will tell, if there is any that may go.
      if (conn.sendQueue.sendHead !== null && seqGt(seqAdd(conn.sndUna, conn.sndWnd), conn.sndNxt)) {
        out.response = 'new';
        return;
      }
      recoveryOf(conn).frto = false;
    }
  }
  if (recovered) {
    endByUndo(conn, out);
    return;
  }
  if (!conn.sackOk) {
    if (seqGt(conn.sndNxt, conn.highSeq) && out.duplicates > 0) addDuplicates(conn, out);
    else if (out.advanced) conn.sackedOut = 0;
  }
  out.response = 'lost';
}

function identifyLoss(conn: Connection, out: AckOutcome): void {
  if (conn.packetsOut === 0) return;
  if (!conn.sackOk) {
    markHeadLost(conn, out);
    return;
  }
  const copies = conn.retransOut;
  if (conn.rackAdvanced) {
    conn.rackAdvanced = false;
    const wait = detectLoss(conn, markLost);
    if (wait > 0) {
      armReorderTimer(conn, wait + timerMargin);
      out.setTimer = false;
    }
  }
  if (copies > conn.retransOut) out.lostRetransmission = true;
}

/** NewReno: three duplicates, or a part acknowledged in recovery, say that the first segment is lost. */
function markHeadLost(conn: Connection, out: AckOutcome): void {
  const begins = conn.caState < CaState.recovery && conn.sackedOut >= conn.reordering;
  if (!begins && !(conn.caState === CaState.recovery && out.advanced)) return;
  const head = conn.sendQueue.head!;
  if (head.lost) return;
  if (head.packets > 1 && head.length > head.mss) fragment(conn, head, head.mss, head.mss);
  markLost(conn, head);
}

/** Fast recovery begins: the window comes down, what is lost goes out again. */
export function enterRecovery(conn: Connection, ecnEcho: boolean): void {
  // The first copy starts the clock, for undo and for giving up.
  if (!anyRetransmitted(conn)) conn.retransmitsSince = -1;
  conn.services.counters[conn.sackOk ? 'TCPSackRecovery' : 'TCPRenoRecovery']++;
  recoveryOf(conn).priorSsthresh = 0;
  beginUndo(conn);
  if (!isReducing(conn)) {
    if (!ecnEcho) recoveryOf(conn).priorSsthresh = currentThreshold(conn);
    beginReduction(conn);
  }
  setCaState(conn, CaState.recovery);
}

/** The retransmission timer went off: what is out is lost, but for what was sent just now (tcp_timeout_mark_lost). */
function markAfterTimeout(conn: Connection): void {
  const { head, sendHead } = conn.sendQueue;
  const reneging = head?.sacked === true;
  if (reneging) {
    conn.services.counters.TCPSACKReneging++;
    conn.sackedOut = 0;
    recoveryOf(conn).sackSeen = [];
    recoveryOf(conn).sackReneged = true;
  } else if (!conn.sackOk) conn.sackedOut = 0;
  for (let s = head; s !== null && s !== sendHead; s = s.next) {
    if (reneging) {
      s.sacked = false;
      s.sackedUpTo = null;
    } else if (s !== head && untilLost(conn, s, 0) > 0) continue;
    markLost(conn, s);
  }
  conn.sendQueue.retransmitHint = null;
}

/** Loss state: one segment, and slow start from there (RFC 5681 section 3.1; tcp_enter_loss). */
export function enterLoss(conn: Connection): void {
  const fresh = conn.caState < CaState.recovery;
  const { sysctls } = conn.services;
  markAfterTimeout(conn);
  const disordered = conn.caState <= CaState.disorder;
  // Of a SYN the clock began with the first copy.
  if (disordered && !anyRetransmitted(conn) && !isHandshake(conn)) conn.retransmitsSince = -1;
  if (
    disordered ||
    !seqGt(conn.highSeq, conn.sndUna) ||
    (conn.caState === CaState.loss && conn.retransmits === 0)
  ) {
    recoveryOf(conn).priorSsthresh = currentThreshold(conn);
    recoveryOf(conn).priorCwnd = conn.cwnd;
    conn.ssthresh = controllerOf(conn).threshold(conn);
    beginUndo(conn);
  }
  conn.cwnd = inFlight(conn) + 1;
  conn.cwndCount = 0;
  conn.cwndStamp = conn.services.now;
  if (disordered && conn.sackedOut >= sysctls.tcp_reordering)
    conn.reordering = Math.min(conn.reordering, sysctls.tcp_reordering);
  setCaState(conn, CaState.loss);
  conn.highSeq = conn.sndNxt;
  if (conn.ecnMode === EcnMode.classic) conn.ecnQueueCwr = true;
  recoveryOf(conn).frto =
    sysctls.tcp_frto !== 0 &&
    (fresh || conn.retransmits > 0) &&
    !(conn.mtuSearch !== null && conn.mtuSearch.probe > 0);
}
