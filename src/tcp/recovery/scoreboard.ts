/**
 * The scoreboard: which segments of the send queue are SACKed, lost or sent again, and how many packets of each kind
 * are out (RFC 2018, RFC 2883, RFC 6675's pipe; net/ipv4/tcp_input.c tcp_sacktag_write_queue, 6.18).
 */
import type { Segment } from '../../wire/segment.ts';
import { seqAdd, seqDiff, seqGe, seqGt, seqLe, seqLt } from '../../wire/seq.ts';
import { CaState } from '../congestion/state.ts';
import type { Connection } from '../connection.ts';
import { fragment } from '../send/mss.ts';
import type { TxSegment } from '../send/send-queue.ts';
import type { AckOutcome } from './outcome.ts';
import { advanceRack } from './rack.ts';
import { recoveryOf } from './state.ts';

/** The end of the highest SACKed data, or SND.UNA. */
export const highestSack = (conn: Connection): number =>
  conn.sackedOut > 0 ? conn.recovery.highestSack : conn.sndUna;

/** Packets were delivered. */
export function countDelivered(conn: Connection, packets: number, ecnEcho: boolean): void {
  conn.delivered += packets;
  if (ecnEcho) recoveryOf(conn).deliveredCe += packets;
  conn.services.counters.TCPDelivered += packets;
  if (ecnEcho) conn.services.counters.TCPDeliveredCE += packets;
}

/** A segment was delivered: the one sent last is the sample of how much was delivered meanwhile (tcp_rate_skb_delivered). */
export function sampleDelivery(segment: TxSegment, out: AckOutcome): void {
  const { sentAt } = segment;
  if (segment.deliveredAt < 0) return;
  if (
    out.sampleSentAt < sentAt ||
    (out.sampleSentAt === sentAt && seqGt(segment.end, out.sampleEnd)) ||
    out.sampleDelivered < 0
  ) {
    out.sampleDelivered = segment.deliveredAt;
    out.sampleSentAt = sentAt;
    out.sampleEnd = segment.end;
  }
  segment.deliveredAt = -1;
}

/** Holds a segment for lost; one that was sent again is lost again (tcp_mark_skb_lost). */
export function markLost(conn: Connection, segment: TxSegment): void {
  if (segment.sacked) return;
  const hint = conn.sendQueue.retransmitHint;
  if (hint === null ? conn.retransOut >= conn.lostOut : seqLt(segment.seq, hint.seq))
    conn.sendQueue.retransmitHint = segment;
  if (!segment.lost) {
    segment.lost = true;
    conn.lostOut += segment.packets;
    recoveryOf(conn).lost += segment.packets;
  } else if (segment.retransmitted) {
    segment.retransmitted = false;
    conn.retransOut -= segment.packets;
    recoveryOf(conn).lost += segment.packets;
    conn.services.counters.TCPLostRetransmit += segment.packets;
  }
}

/** Data arrived out of order: reordering goes at least that far (tcp_check_sack_reordering). */
export function noteReordering(conn: Connection, low: number, byTimestamps: boolean): void {
  const high = highestSack(conn);
  if (!seqLt(low, high)) return;
  const distance = seqDiff(high, low);
  const { sysctls, counters } = conn.services;
  if (distance > conn.reordering * conn.mssCache)
    conn.reordering = Math.min(Math.ceil(distance / conn.mssCache), sysctls.tcp_max_reordering);
  recoveryOf(conn).reorderingSeen++;
  counters[byTimestamps ? 'TCPTSReorder' : 'TCPSACKReorder']++;
}

/** Takes the SACK blocks of a segment into the scoreboard. */
export function takeSacks(conn: Connection, seg: Segment, out: AckOutcome): void {
  if (conn.sackedOut === 0) recoveryOf(conn).highestSack = conn.sndUna;
  const duplicate = isDuplicateReport(conn, seg, out);
  if (seqLt(seg.ack, (out.priorUna - conn.maxWindow) | 0) || conn.packetsOut === 0) return;
  const { sackEdges } = seg;
  const before = conn.recovery.sackSeen;
  const valid: number[] = [];
  for (let i = 0; i < seg.sackCount; i++) {
    const [left, right] = [sackEdges[2 * i]!, sackEdges[2 * i + 1]!];
    const isDuplicate = duplicate && i === 0;
    if (!validBlock(conn, isDuplicate, left, right) || !seqGt(right, out.priorUna)) continue;
    // What a duplicate says of a segment comes before what the block around it says.
    if (isDuplicate) tagBlock(conn, left, right, true, out);
    else insertBlock(valid, left, right);
  }
  recoveryOf(conn).sackSeen = valid;
  for (let i = 0; i < valid.length; i += 2) tagNew(conn, before, valid[i]!, valid[i + 1]!, out);
  if (conn.caState !== CaState.loss || conn.recovery.undoing) noteReordering(conn, out.reordered, false);
}

/** Blocks are walked in the order of their sequence numbers. */
function insertBlock(blocks: number[], left: number, right: number): void {
  let at = blocks.length;
  while (at > 0 && seqGt(blocks[at - 2]!, left)) at -= 2;
  blocks.splice(at, 0, left, right);
}

/** Tags what a block adds to those that the last ACK had: most blocks come again and again. */
function tagNew(
  conn: Connection,
  before: readonly number[],
  left: number,
  right: number,
  out: AckOutcome,
): void {
  for (let i = 0; i < before.length; i += 2) {
    if (!seqLe(before[i]!, left) || !seqGt(before[i + 1]!, left)) continue;
    left = before[i + 1]!;
    break;
  }
  if (seqLt(left, right)) tagBlock(conn, left, right, false, out);
}

/** Whether the first block is a D-SACK, and what it says (tcp_check_dsack, tcp_dsack_seen). */
function isDuplicateReport(conn: Connection, seg: Segment, out: AckOutcome): boolean {
  const { counters } = conn.services;
  const { sackEdges } = seg;
  const left = sackEdges[0]!;
  const right = sackEdges[1]!;
  if (seqLt(left, seg.ack)) counters.TCPDSACKRecv++;
  else if (seg.sackCount > 1 && !seqGt(right, sackEdges[3]!) && !seqLt(left, sackEdges[2]!))
    counters.TCPDSACKOfoRecv++;
  else return false;
  const packets = duplicatePackets(conn, left, right, out);
  if (packets === 0) {
    counters.TCPDSACKIgnoredDubious++;
    return false;
  }
  counters.TCPDSACKRecvSegs += packets;
  countDelivered(conn, packets, out.ecnEcho);
  // Of data already forgotten it can only be counted.
  if (
    conn.recovery.undoing &&
    conn.recovery.undoRetrans > 0 &&
    !seqGt(right, out.priorUna) &&
    seqGt(right, conn.recovery.undoMarker)
  )
    recoveryOf(conn).undoRetrans = Math.max(0, conn.recovery.undoRetrans - packets);
  return true;
}

/** The packets that a D-SACK is about; 0 if it cannot be true. */
function duplicatePackets(conn: Connection, left: number, right: number, out: AckOutcome): number {
  const length = seqDiff(right, left);
  if (length <= 0 || length > conn.maxWindow) return 0;
  let packets = 1;
  if (length > conn.mssCache) packets = Math.ceil(length / conn.mssCache);
  else if (conn.recovery.probeOut && conn.recovery.probeEnd === right) out.dsackOfProbe = true;
  recoveryOf(conn).dsackDuplicates += packets;
  // More duplicates than were sent again: the network makes them.
  if (conn.recovery.dsackDuplicates > conn.totalRetransmits) return 0;
  if (conn.recovery.reorderingSeen > 0 && !out.dsackOfProbe) recoveryOf(conn).rackDsackSeen = true;
  out.dsack = true;
  return packets;
}

/** Whether a block can be meant: within what is out, or for a D-SACK within what may still be undone. */
function validBlock(conn: Connection, duplicate: boolean, left: number, right: number): boolean {
  if (seqGt(right, conn.sndNxt) || !seqLt(left, right) || !seqLt(left, conn.sndNxt)) return false;
  if (seqGt(left, conn.sndUna)) return true;
  if (!duplicate || !conn.recovery.undoing || seqGt(right, conn.sndUna)) return false;
  if (!seqLt(left, conn.recovery.undoMarker)) return true;
  if (!seqGt(right, conn.recovery.undoMarker)) return false;
  return !seqLt(left, (right - conn.maxWindow) | 0);
}

function tagBlock(conn: Connection, left: number, right: number, duplicate: boolean, out: AckOutcome): void {
  const { sendQueue } = conn;
  for (let s = sendQueue.find(left); s !== null && s !== sendQueue.sendHead; s = s.next) {
    if (!seqLt(s.seq, right)) return;
    sendQueue.sackHint = s;
    if (s.sacked && !duplicate) {
      s = sendQueue.endOfSacked(s);
      continue;
    }
    const covered = cutToBlock(conn, s, left, right);
    if (covered === 'stop') return;
    if (covered === 'no') continue;
    tagSegment(conn, s, duplicate, out);
    sampleDelivery(s, out);
    if (s.sacked) sendQueue.unsort(s);
    if (seqGe(s.seq, highestSack(conn))) recoveryOf(conn).highestSack = s.end;
  }
}

/** Cuts a segment of several packets where a block begins or ends, at whole packets (tcp_match_skb_to_sack). */
function cutToBlock(conn: Connection, s: TxSegment, left: number, right: number): 'yes' | 'no' | 'stop' {
  const fromStart = seqLe(left, s.seq);
  if (fromStart && seqGe(right, s.end)) return 'yes';
  if (s.packets <= 1) return 'no';
  const { mss } = s;
  let cut: number;
  if (fromStart) {
    cut = seqDiff(right, s.seq);
    if (cut < mss) return 'stop';
    cut -= cut % mss;
  } else cut = Math.max(Math.ceil(seqDiff(left, s.seq) / mss) * mss, mss);
  if (cut >= s.length) return fromStart ? 'yes' : 'no';
  fragment(conn, s, cut, mss);
  return fromStart ? 'yes' : 'no';
}

/** One segment is SACKed, or reported as a duplicate (tcp_sacktag_one). */
function tagSegment(conn: Connection, s: TxSegment, duplicate: boolean, out: AckOutcome): void {
  const { packets } = s;
  if (duplicate && s.retransmits > 0) {
    if (conn.recovery.undoing && conn.recovery.undoRetrans > 0 && seqGt(s.end, conn.recovery.undoMarker))
      recoveryOf(conn).undoRetrans = Math.max(0, conn.recovery.undoRetrans - packets);
    if (s.sacked && seqLt(s.seq, out.reordered)) out.reordered = s.seq;
  }
  if (!seqGt(s.end, conn.sndUna)) return;
  if (!s.sacked) {
    advanceRack(conn, s);
    if (s.retransmitted) {
      // If it was not lost the copy is still on its way.
      if (s.lost) {
        s.lost = s.retransmitted = false;
        conn.lostOut -= packets;
        conn.retransOut -= packets;
      }
    } else {
      if (s.retransmits === 0) {
        if (seqLt(s.seq, highestSack(conn)) && seqLt(s.seq, out.reordered)) out.reordered = s.seq;
        if (!seqGt(s.end, conn.highSeq)) out.originalArrived = true;
        if (out.firstSackedAt < 0) out.firstSackedAt = s.sentAt;
        out.lastSackedAt = s.sentAt;
      }
      if (s.lost) {
        s.lost = false;
        conn.lostOut -= packets;
      }
    }
    s.sacked = true;
    out.sacked = true;
    conn.sackedOut += packets;
    countDelivered(conn, packets, out.ecnEcho);
  }
  if (duplicate && s.retransmitted) {
    s.retransmitted = false;
    conn.retransOut -= packets;
  }
}

// Without SACK `sackedOut` counts duplicate ACKs (RFC 6582).

/** Never more than what is out less what is lost; true if it was. */
export function limitDuplicates(conn: Connection): boolean {
  const holes = Math.min(Math.max(conn.lostOut, 1), conn.packetsOut);
  if (conn.sackedOut + holes <= conn.packetsOut) return false;
  conn.sackedOut = conn.packetsOut - holes;
  return true;
}

function noteDuplicateReordering(conn: Connection, more: number): void {
  if (!limitDuplicates(conn)) return;
  conn.reordering = Math.min(conn.packetsOut + more, conn.services.sysctls.tcp_max_reordering);
  recoveryOf(conn).reorderingSeen++;
  conn.services.counters.TCPRenoReorder++;
}

/** A duplicate ACK: another packet has left the network (tcp_add_reno_sack). */
export function addDuplicates(conn: Connection, out: AckOutcome): void {
  if (out.duplicates === 0) return;
  const before = conn.sackedOut;
  conn.sackedOut += out.duplicates;
  noteDuplicateReordering(conn, 0);
  if (conn.sackedOut > before) countDelivered(conn, conn.sackedOut - before, out.ecnEcho);
}

/** Packets are acknowledged: one fills the hole, the rest are those that duplicates told of (tcp_remove_reno_sacks). */
export function removeDuplicates(conn: Connection, acked: number, out: AckOutcome): void {
  if (acked > 0) {
    countDelivered(conn, Math.max(acked - conn.sackedOut, 1), out.ecnEcho);
    conn.sackedOut = Math.max(conn.sackedOut - (acked - 1), 0);
  }
  noteDuplicateReordering(conn, acked);
}

/** The first sequence number that the peer's window does not take. */
export const windowEnd = (conn: Connection): number => seqAdd(conn.sndUna, conn.sndWnd);
