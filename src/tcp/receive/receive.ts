/**
 * Data coming in (RFC 9293 3.10.7.4, seventh; RFC 2018, RFC 2883; net/ipv4/tcp_input.c tcp_data_queue, 6.18).
 */

import type { Segment } from '../../wire/segment.ts';
import { seqAdd, seqDiff, seqGe, seqGt, seqLe, seqLt } from '../../wire/seq.ts';
import { Flag } from '../../wire/tcp.ts';
import type { Connection } from '../connection.ts';
import { Poll, wakeAll } from '../poll.ts';
import { sendAck } from '../send/output.ts';
import { CLOSE_WAIT, CLOSING, ESTABLISHED, FIN_WAIT_1, FIN_WAIT_2, SYN_RECEIVED } from '../state.ts';
import { enterTimeWait, setState, timeWaitLength } from '../states/lifecycle.ts';
import { shortestAto } from './ato.ts';
import { growBuffer, measureWindow } from './autotune.ts';
import { enterQuickAck, incrementQuickAcks, scheduleAck, sendCompressedAck } from './delayed-ack.ts';
import { ecnMark } from './ecn.ts';
import { atHand, openFastPath } from './fast-path.ts';
import { makeRoom } from './memory.ts';
import {
  addSackBlock,
  extendDuplicate,
  removeSackBlocks,
  reportDuplicate,
  resetSack,
} from './sack-blocks.ts';
import { type RxSegment, tailRoom, truesize } from './stored.ts';
import { growWindow, measureRatio, receiveWindow } from './window.ts';

/** With so many SACK blocks about, a change of one more is told at once (TCP_SACK_BLOCKS_EXPECTED). */
const expectedBlocks = 2;

/** A first guess at the peer's segment size, for deciding what "two segments" means. */
export function initializeRcvMss(conn: Connection): void {
  const hint = Math.min(conn.advMss, conn.mssCache, conn.rcvWnd >> 1, 536);
  conn.rcvMss = Math.max(hint, 88);
}

/** Bytes of a segment's packet, from its IP header on. */
const packetLength = (seg: Segment): number => seg.payloadOffset + seg.payloadLength - seg.packetOffset;

function measureRcvMss(conn: Connection, seg: Segment): void {
  const length = seg.payloadLength;
  const before = conn.lastSegmentSize;
  conn.lastSegmentSize = 0;
  const psh = (seg.flags & Flag.psh) !== 0;
  if (length >= conn.rcvMss) {
    if (length !== conn.rcvMss) measureRatio(conn, packetLength(seg), length);
    conn.rcvMss = Math.min(length, conn.advMss);
    // A full segment with PSH may be the last for a while.
    if (psh) conn.ackPushed = true;
    return;
  }
  const withHeader = length + seg.headerLength;
  const remnant = (seg.flags & (Flag.psh | Flag.urg | Flag.syn | Flag.fin)) !== 0;
  if (withHeader >= 536 + 20 || (withHeader >= 88 + 20 && !remnant)) {
    conn.lastSegmentSize = withHeader - (conn.timestampsOk ? 32 : 20);
    if (conn.lastSegmentSize === before) {
      conn.rcvMss = before;
      return;
    }
  }
  if (conn.ackPushed) conn.ackPushedTwice = true;
  conn.ackPushed = true;
}

/** Adapts the delayed ACK to the rhythm of arriving data (tcp_event_data_recv). */
function dataReceived(conn: Connection, seg: Segment): void {
  const { now } = conn.services;
  scheduleAck(conn);
  measureRcvMss(conn, seg);
  measureWindow(conn);
  if (conn.ato === 0) {
    // The first data: the peer is in slow start, do not hold it up.
    incrementQuickAcks(conn);
    conn.ato = shortestAto;
  } else {
    const gap = now - conn.lastDataAt;
    if (gap <= shortestAto / 2) conn.ato = (conn.ato >> 1) + shortestAto / 2;
    else if (gap < conn.ato) conn.ato = Math.min((conn.ato >> 1) + gap, conn.rto);
    else if (gap > conn.rto) incrementQuickAcks(conn);
  }
  conn.lastDataAt = now;
  ecnMark(conn, seg);
  if (seg.payloadLength >= 128) growWindow(conn, packetLength(seg), seg.payloadLength);
}

/**
 * Queues the data and FIN of an acceptable segment. Its bytes are copied: the caller's buffer is not kept.
 * @param predicted whether it is the one that was expected next, see `isPredicted`
 */
export function queueData(conn: Connection, seg: Segment, predicted = false): void {
  if (seg.seq === seg.end) return;
  conn.dsack = false;
  if (seqLe(seg.end, conn.rcvNxt)) {
    reportDuplicate(conn, seg.seq, seg.end);
    notTaken(conn);
    return;
  }
  const window = receiveWindow(conn);
  if (seg.seq === conn.rcvNxt) {
    const bareFin = (seg.flags & Flag.fin) !== 0 && seg.payloadLength === 0;
    if (window === 0 && !bareFin) {
      conn.services.counters.TCPZeroWindowDrop++;
      notTaken(conn);
      return;
    }
  } else if (seqGe(seg.seq, seqAdd(conn.rcvNxt, window))) {
    notTaken(conn);
    return;
  } else if (seqLt(seg.seq, conn.rcvNxt)) {
    reportDuplicate(conn, seg.seq, conn.rcvNxt);
    if (window === 0) {
      conn.services.counters.TCPZeroWindowDrop++;
      notTaken(conn);
      return;
    }
  } else {
    queueOutOfOrder(conn, seg);
    return;
  }
  queueInOrder(conn, seg, predicted);
}

function notTaken(conn: Connection): void {
  enterQuickAck(conn);
  scheduleAck(conn);
}

/** What of a segment lies at or beyond RCV.NXT, copied. */
function kept(conn: Connection, seg: Segment): RxSegment {
  const skip = seqLt(seg.seq, conn.rcvNxt) ? seqDiff(conn.rcvNxt, seg.seq) : 0;
  return {
    seq: (seg.seq + skip) | 0,
    end: seg.end,
    fin: (seg.flags & Flag.fin) !== 0,
    data: seg.bytes.slice(seg.payloadOffset + skip, seg.payloadOffset + Math.max(seg.payloadLength, skip)),
    memory: truesize(packetLength(seg)),
    room: tailRoom(packetLength(seg)),
  };
}

function queueInOrder(conn: Connection, seg: Segment, predicted: boolean): void {
  const fast = predicted && atHand(conn, packetLength(seg));
  if (!fast && !makeRoom(conn, seg)) {
    conn.fastPath = false;
    conn.outOfMemory = conn.ackNow = true;
    scheduleAck(conn);
    if (!conn.receiveQueue.empty && seg.payloadLength > 0) {
      conn.services.counters.TCPRcvQDrop++;
      conn.services.drop(conn, 'no-window');
      return;
    }
  }
  const item = kept(conn, seg);
  deliver(conn, item, item.seq === seg.seq);
  if (seg.payloadLength > 0) dataReceived(conn, seg);
  if (item.fin) takeFin(conn);
  if (!conn.outOfOrder.empty) {
    drainOutOfOrder(conn);
    // A filled gap is acknowledged at once (RFC 5681 section 4.2).
    if (conn.outOfOrder.empty) conn.ackNow = true;
  }
  removeSackBlocks(conn);
  if (!fast) openFastPath(conn);
  conn.owner?.wake(conn, Poll.in | Poll.rdNorm);
}

/** @param whole whether nothing of it was there before: only then it may share the memory of the segment before it */
function deliver(conn: Connection, item: RxSegment, whole = true): void {
  // A FIN alone takes memory, too, until the end of the stream was read.
  if (item.data.length > 0 || item.fin) conn.receiveQueue.push(item, whole);
  conn.bytesReceived += item.data.length;
  conn.rcvNxt = seqAdd(item.seq, item.data.length);
}

/** Takes the data and FIN of a SYN or SYN+ACK, which Fast Open allows (tcp_fastopen_add_skb). */
export function takeSynData(conn: Connection, seg: Segment): void {
  if (seg.end === conn.rcvNxt) return;
  const item = kept(conn, seg);
  // The SYN itself is before RCV.NXT, but no byte of the data is.
  const data = seg.bytes.slice(seg.payloadOffset, seg.payloadOffset + seg.payloadLength);
  deliver(conn, { ...item, data });
  conn.synDataAcked = true;
  if (item.fin) takeFin(conn);
  // A FIN is not counted here, as it is elsewhere.
  conn.bytesReceived = seg.payloadLength;
}

/** Keeps data, and a FIN, that came ahead of a gap (tcp_data_queue_ofo). */
function queueOutOfOrder(conn: Connection, seg: Segment): void {
  const { counters } = conn.services;
  ecnMark(conn, seg);
  conn.fastPath = false;
  if (!makeRoom(conn, seg)) {
    counters.TCPOFODrop++;
    conn.services.drop(conn, 'no-window');
    return;
  }
  measureRcvMss(conn, seg);
  scheduleAck(conn);
  counters.TCPOFOQueue++;
  const item = kept(conn, seg);
  const { duplicate, kept: taken, joined, merged } = conn.outOfOrder.add(item);
  // The window grows before the segment is counted.
  const added = taken && !joined ? item.memory : 0;
  counters.TCPOFOMerge += merged;
  if (duplicate !== null) reportDuplicate(conn, duplicate.seq, duplicate.end);
  if (conn.sackOk) {
    if (addSackBlock(conn, seg.seq, seg.end) >= expectedBlocks) sendCompressedAck(conn);
    // Without SACK the window stays: only an ACK that repeats the last one counts as a duplicate.
    if (taken) growWindow(conn, packetLength(seg), seg.payloadLength, added);
  }
  if (!conn.orphaned && conn.parent === null) growBuffer(conn);
}

function drainOutOfOrder(conn: Connection): void {
  const filled = conn.rcvNxt;
  for (
    let r = conn.outOfOrder.takeReady(conn.rcvNxt);
    r !== null;
    r = conn.outOfOrder.takeReady(conn.rcvNxt)
  ) {
    if (seqLt(r.seq, filled)) extendDuplicate(conn, r.seq, seqLt(r.end, filled) ? r.end : filled);
    if (!seqGt(r.end, conn.rcvNxt)) continue;
    const skip = seqDiff(conn.rcvNxt, r.seq);
    deliver(conn, skip === 0 ? r : { ...r, seq: conn.rcvNxt, data: r.data.slice(skip) }, skip === 0);
    if (r.fin) {
      takeFin(conn);
      return;
    }
  }
}

/** The peer's FIN is in order (tcp_fin). */
function takeFin(conn: Connection): void {
  conn.rcvNxt = seqAdd(conn.rcvNxt, 1);
  // A FIN counts as a byte received (tcp_rcv_nxt_update).
  conn.bytesReceived++;
  scheduleAck(conn);
  conn.shutdown |= 1;
  conn.finReceived = true;
  const { state } = conn;
  if (state === FIN_WAIT_1 || state === FIN_WAIT_2) sendAck(conn);
  // What came beyond a FIN is nothing.
  conn.outOfOrder.clear();
  resetSack(conn);
  switch (state) {
    case SYN_RECEIVED:
    case ESTABLISHED:
      setState(conn, CLOSE_WAIT, 'fin-received');
      conn.pingpong = conn.services.sysctls.tcp_pingpong_thresh;
      break;
    case FIN_WAIT_1:
      setState(conn, CLOSING, 'fin-received');
      break;
    case FIN_WAIT_2:
      enterTimeWait(conn, false, timeWaitLength);
      return;
  }
  conn.owner?.wake(conn, wakeAll);
}
