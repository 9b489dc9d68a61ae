/**
 * Taking a reduction of the window back that proved to be mistaken: all copies arrived twice (D-SACK, RFC 3708), or what
 * was acknowledged had been sent before the first copy (timestamps, RFC 3522); net/ipv4/tcp_input.c, 6.18.
 */
import { seqGe, seqLt } from '../../wire/seq.ts';
import { controllerOf } from '../congestion/controller.ts';
import { CaState } from '../congestion/state.ts';
import type { Connection } from '../connection.ts';
import { SYN_SENT } from '../state.ts';
import type { AckOutcome } from './outcome.ts';
import { setCaState } from './prr.ts';
import { persistence } from './rack.ts';
import { noteReordering } from './scoreboard.ts';
import { recoveryOf } from './state.ts';

/** From now on a mistake can be told: nothing of what is out was sent again, or a copy of it that is still under way. */
export function beginUndo(conn: Connection): void {
  recoveryOf(conn).undoing = true;
  recoveryOf(conn).undoMarker = conn.sndUna;
  const copies = conn.retransOut + (conn.recovery.probeOut && conn.recovery.probeIsCopy ? 1 : 0);
  recoveryOf(conn).undoRetrans = copies > 0 ? copies : -1;
}

/** Whether anything that is out was sent again (the first segment tells, but for rare cases). */
export function anyRetransmitted(conn: Connection): boolean {
  if (conn.retransOut > 0) return true;
  const { head, sendHead } = conn.sendQueue;
  return head !== null && head !== sendHead && head.retransmits > 0;
}

/** The echoed timestamp is older than the first retransmission: what arrived was only late. */
function wasLate(conn: Connection, out: AckOutcome): boolean {
  if (conn.retransmitsSince >= 0)
    return out.echoed && seqLt(out.echo, conn.services.clockMsAt(conn.retransmitsSince));
  // Nothing was sent again, unless one of the cases applies in which that is forgotten.
  if (!conn.sackOk && seqGe(conn.sndUna, conn.highSeq)) return false;
  return conn.state !== SYN_SENT;
}

const mayUndo = (conn: Connection, out: AckOutcome): boolean =>
  conn.recovery.undoing && (conn.recovery.undoRetrans === 0 || wasLate(conn, out));

function undoReduction(conn: Connection, unmarkLoss: boolean): void {
  if (unmarkLoss) {
    const { sendQueue } = conn;
    for (let s = sendQueue.head; s !== null && s !== sendQueue.sendHead; s = s.next) s.lost = false;
    conn.lostOut = 0;
    sendQueue.retransmitHint = null;
  }
  if (conn.recovery.priorSsthresh > 0) {
    conn.cwnd = controllerOf(conn).undone(conn);
    if (conn.recovery.priorSsthresh > conn.ssthresh) {
      conn.ssthresh = conn.recovery.priorSsthresh;
      conn.ecnQueueCwr = false;
    }
  }
  conn.cwndStamp = conn.services.now;
  recoveryOf(conn).undoing = false;
  conn.rackAdvanced = true;
}

/** Without SACK the old state is held until something above `highSeq` is acknowledged (RFC 6582 section 3.2). */
function holdsState(conn: Connection): boolean {
  if (conn.sndUna !== conn.highSeq || conn.sackOk) return false;
  if (!anyRetransmitted(conn)) conn.retransmitsSince = -1;
  return true;
}

/** The end of recovery or loss: undoes it if it was a mistake. True if the state is to be held. */
export function endByUndo(conn: Connection, out: AckOutcome): boolean {
  const { counters } = conn.services;
  if (mayUndo(conn, out)) {
    undoReduction(conn, false);
    counters[conn.caState === CaState.loss ? 'TCPLossUndo' : 'TCPFullUndo']++;
  } else if (conn.recovery.rackPersist > 0) recoveryOf(conn).rackPersist--;
  if (holdsState(conn)) return true;
  setCaState(conn, CaState.open);
  recoveryOf(conn).sackReneged = false;
  return false;
}

/** All copies were reported as duplicates. */
export function undoByDuplicates(conn: Connection): boolean {
  if (!conn.recovery.undoing || conn.recovery.undoRetrans !== 0) return false;
  recoveryOf(conn).rackPersist = Math.min(persistence, conn.recovery.rackPersist + 1);
  undoReduction(conn, false);
  conn.services.counters.TCPDSACKUndo++;
  return true;
}

/** After a time-out: F-RTO or the timestamps say that nothing was lost. */
export function undoLoss(conn: Connection, out: AckOutcome, byFrto: boolean): boolean {
  if (!byFrto && !mayUndo(conn, out)) return false;
  const { counters } = conn.services;
  undoReduction(conn, true);
  counters.TCPLossUndo++;
  if (byFrto) counters.TCPSpuriousRTOs++;
  conn.retransmits = 0;
  if (holdsState(conn)) return true;
  if (byFrto || conn.sackOk) {
    setCaState(conn, CaState.open);
    recoveryOf(conn).sackReneged = false;
  }
  return true;
}

/** Back to normal, or nearly, while something is still out of order. */
export function keepOpen(conn: Connection): void {
  const disorder = conn.sackedOut + conn.lostOut > 0 || anyRetransmitted(conn);
  const state = disorder ? CaState.disorder : CaState.open;
  if (conn.caState === state) return;
  setCaState(conn, state);
  conn.highSeq = conn.sndNxt;
}

/** In recovery a part was acknowledged, and was only late. True if nothing more is to be marked lost or sent again. */
export function undoPartly(conn: Connection, out: AckOutcome): boolean {
  if (!conn.recovery.undoing || !wasLate(conn, out)) return false;
  noteReordering(conn, out.priorUna, true);
  if (conn.retransOut > 0) return true;
  if (!anyRetransmitted(conn)) conn.retransmitsSince = -1;
  undoReduction(conn, true);
  conn.services.counters.TCPPartialUndo++;
  keepOpen(conn);
  return false;
}
