/**
 * RACK: a segment is lost if one sent later was delivered, and some time for reordering has passed (RFC 8985;
 * net/ipv4/tcp_recovery.c, 6.18).
 */
import { seqGt } from '../../wire/seq.ts';
import { CaState } from '../congestion/state.ts';
import type { Connection } from '../connection.ts';
import type { TxSegment } from '../send/send-queue.ts';
import type { AckOutcome } from './outcome.ts';
import { calm, recoveryOf } from './state.ts';

/** Recoveries for which a widened reordering window lasts (TCP_RACK_RECOVERY_THRESH). */
export const persistence = 16;

/** Bits of net.ipv4.tcp_recovery. */
const staticWindow = 2;
const noDuplicateThreshold = 4;

const sentAfter = (at: number, end: number, otherAt: number, otherEnd: number): boolean =>
  at > otherAt || (at === otherAt && seqGt(end, otherEnd));

/** A segment was delivered: of those, the one sent last is what others are measured by. */
export function advanceRack(conn: Connection, segment: TxSegment): void {
  const rtt = conn.services.now - segment.sentAt;
  // Too early to be the answer to the copy: it is the first one's, and proves nothing.
  if (rtt < conn.minRtt && segment.retransmits > 0) return;
  conn.rackAdvanced = true;
  conn.rackRtt = rtt;
  if (!sentAfter(segment.sentAt, segment.end, conn.rackSentAt, conn.rackEnd)) return;
  conn.rackSentAt = segment.sentAt;
  conn.rackEnd = segment.end;
}

/** How long packets may overtake each other, µs. */
function reorderingWindow(conn: Connection): number {
  if (conn.recovery.reorderingSeen === 0) {
    if (conn.caState >= CaState.recovery) return 0;
    const byCount = (conn.services.sysctls.tcp_recovery & noDuplicateThreshold) === 0;
    if (byCount && conn.sackedOut >= conn.reordering) return 0;
  }
  const quarter = conn.minRtt === Infinity ? 0x3fffffff : conn.minRtt >> 2;
  return Math.min(quarter * conn.recovery.rackSteps, conn.srtt >> 3);
}

/** How long until a segment counts as lost, µs. */
export const untilLost = (conn: Connection, segment: TxSegment, window: number): number =>
  conn.rackRtt + window - (conn.services.now - segment.sentAt);

/** Held for lost, and not sent again yet. */
const isMarked = (s: TxSegment): boolean => s.lost && !s.retransmitted;

/**
 * Marks what is lost.
 * @param mark what to do with a lost segment
 * @returns µs until the last of the others that were overtaken counts as lost; 0 if there are none
 */
export function detectLoss(conn: Connection, mark: (conn: Connection, segment: TxSegment) => void): number {
  const window = reorderingWindow(conn);
  const { sendQueue } = conn;
  const overtaken = (s: TxSegment): boolean =>
    sentAfter(conn.rackSentAt, conn.rackEnd, s.sentAt, s.end) || isMarked(s);
  for (let s = sendQueue.sortedHead; s !== null && overtaken(s); ) {
    const next: TxSegment | null = s.sortedNext;
    if (!isMarked(s)) {
      // Those sent later have to wait longer.
      if (untilLost(conn, s, window) > 0) break;
      mark(conn, s);
      sendQueue.unsort(s);
    }
    s = next;
  }
  // What was overtaken stays so: the search for the last one goes on where it ended.
  let last = sendQueue.overtakenUpTo;
  for (
    let s = last === null ? sendQueue.sortedHead : last.sortedNext;
    s !== null && overtaken(s);
    s = s.sortedNext
  )
    last = s;
  sendQueue.overtakenUpTo = last;
  while (
    last !== null &&
    (isMarked(last) || !sentAfter(conn.rackSentAt, conn.rackEnd, last.sentAt, last.end))
  )
    last = last.sortedPrevious;
  const wait = last === null ? 0 : Math.max(untilLost(conn, last, window), 0);
  return wait;
}

/** Widens the window by D-SACKs, which tell of retransmissions that were not needed (RFC 8985 section 6.2, step 4). */
export function adaptWindow(conn: Connection, out: AckOutcome): void {
  if ((conn.services.sysctls.tcp_recovery & staticWindow) !== 0 || out.sampleDelivered < 0) return;
  // Once in a round trip.
  if (conn.recovery === calm) return;
  if (out.sampleDelivered < conn.recovery.rackAdaptedAt) recoveryOf(conn).rackDsackSeen = false;
  if (conn.recovery.rackDsackSeen) {
    recoveryOf(conn).rackSteps = Math.min(0xff, conn.recovery.rackSteps + 1);
    recoveryOf(conn).rackDsackSeen = false;
    recoveryOf(conn).rackAdaptedAt = conn.delivered;
    recoveryOf(conn).rackPersist = persistence;
  } else if (conn.recovery.rackPersist === 0) recoveryOf(conn).rackSteps = 1;
}
