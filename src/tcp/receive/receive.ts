/**
 * Data coming in (RFC 9293 3.10.7.4, seventh; RFC 2018, RFC 2883; net/ipv4/tcp_input.c tcp_data_queue, 6.18).
 */

import type { Segment } from '../../wire/segment.ts';
import { seqAdd, seqDiff, seqGe, seqGt, seqLe, seqLt } from '../../wire/seq.ts';
import { Flag } from '../../wire/tcp.ts';
import type { Connection } from '../connection.ts';
import { sendAck } from '../send/output.ts';
import { CLOSE_WAIT, CLOSING, ESTABLISHED, FIN_WAIT_1, FIN_WAIT_2, SYN_RECEIVED } from '../state.ts';
import { enterTimeWait, Poll, setState, timeWaitLength, wakeAll } from '../states/lifecycle.ts';
import { enterQuickAck, incrementQuickAcks, scheduleAck, shortestAto } from './delayed-ack.ts';
import { growWindow, receiveWindow } from './window.ts';

/** Reports a duplicate in the next ACK (RFC 2883). */
export function reportDuplicate(conn: Connection, left: number, right: number): void {
  if (!conn.sackOk || conn.services.sysctls.tcp_dsack === 0) return;
  if (seqLt(left, conn.rcvNxt)) conn.services.counters.TCPDSACKOldSent++;
  else conn.services.counters.TCPDSACKOfoSent++;
  conn.dsack = true;
  conn.dsackLeft = left;
  conn.dsackRight = right;
  conn.services.note(conn, 'note', 'duplicate-data');
}

/** A first guess at the peer's segment size, for deciding what "two segments" means. */
export function initializeRcvMss(conn: Connection): void {
  const hint = Math.min(conn.advMss, conn.mssCache, conn.rcvWnd >> 1, 536);
  conn.rcvMss = Math.max(hint, 88);
}

function measureRcvMss(conn: Connection, seg: Segment): void {
  const length = seg.payloadLength;
  if (length >= conn.rcvMss) {
    conn.rcvMss = Math.min(length, conn.advMss);
    conn.lastSegmentSize = 0;
    return;
  }
  const withHeader = length + 20;
  const remnant = (seg.flags & (Flag.psh | Flag.urg | Flag.syn | Flag.fin)) !== 0;
  if (withHeader >= 536 + 20 || (withHeader >= 88 + 20 && !remnant)) {
    const before = conn.lastSegmentSize;
    conn.lastSegmentSize = length;
    if (length === before) {
      conn.rcvMss = length;
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
  growWindow(conn, seg.payloadLength);
}

/** Queues the data and FIN of an acceptable segment. Its bytes are copied: the caller's buffer is not kept. */
export function queueData(conn: Connection, seg: Segment): void {
  if (seg.seq === seg.end) return;
  const fin = (seg.flags & Flag.fin) !== 0;
  const dataEnd = fin ? (seg.end - 1) | 0 : seg.end;
  if (seqLe(seg.end, conn.rcvNxt)) {
    reportDuplicate(conn, seg.seq, seg.end);
    outOfWindow(conn);
    return;
  }
  const window = receiveWindow(conn);
  if (seg.seq === conn.rcvNxt) {
    if (window === 0 && !(fin && seg.payloadLength === 0)) {
      conn.services.counters.TCPZeroWindowDrop++;
      outOfWindow(conn);
      return;
    }
  } else if (seqGe(seg.seq, seqAdd(conn.rcvNxt, window))) {
    outOfWindow(conn);
    return;
  } else if (seqLt(seg.seq, conn.rcvNxt)) {
    reportDuplicate(conn, seg.seq, conn.rcvNxt);
    if (window === 0) {
      outOfWindow(conn);
      return;
    }
  } else {
    queueOutOfOrder(conn, seg, dataEnd, fin);
    return;
  }
  queueInOrder(conn, seg, dataEnd, fin);
}

function outOfWindow(conn: Connection): void {
  enterQuickAck(conn);
  scheduleAck(conn);
}

function queueInOrder(conn: Connection, seg: Segment, dataEnd: number, fin: boolean): void {
  const skip = seqDiff(conn.rcvNxt, seg.seq);
  const n = seg.payloadLength - skip;
  if (n > 0) {
    const at = seg.payloadOffset + skip;
    deliver(conn, conn.rcvNxt, dataEnd, seg.bytes.slice(at, at + n));
    dataReceived(conn, seg);
  }
  if (fin) takeFin(conn);
  if (!conn.outOfOrder.empty) {
    drainOutOfOrder(conn);
    // A filled gap is acknowledged at once (RFC 5681 section 4.2).
    if (conn.outOfOrder.empty) conn.ackNow = true;
  }
  if (conn.sackEdges.length > 0) updateSack(conn, null);
  conn.owner?.wake(conn, Poll.in | Poll.rdNorm);
}

function deliver(conn: Connection, seq: number, end: number, data: Uint8Array): void {
  conn.receiveQueue.push({ seq, end, data });
  conn.bytesReceived += data.length;
  conn.rcvNxt = end;
}

/** Takes the data and FIN of a SYN or SYN+ACK, which Fast Open allows (tcp_fastopen_add_skb). */
export function takeSynData(conn: Connection, seg: Segment): void {
  if (seg.end === conn.rcvNxt) return;
  const end = seqAdd(conn.rcvNxt, seg.payloadLength);
  if (seg.payloadLength > 0) {
    const data = seg.bytes.slice(seg.payloadOffset, seg.payloadOffset + seg.payloadLength);
    deliver(conn, conn.rcvNxt, end, data);
  }
  conn.synDataAcked = true;
  if ((seg.flags & Flag.fin) !== 0) takeFin(conn);
}

/** Keeps data that came ahead of a gap. A FIN among it is remembered by its sequence number. */
function queueOutOfOrder(conn: Connection, seg: Segment, dataEnd: number, fin: boolean): void {
  const { counters } = conn.services;
  counters.TCPOFOQueue++;
  scheduleAck(conn);
  if (fin) {
    conn.finSeq = dataEnd;
    conn.finSeen = true;
  }
  if (seg.payloadLength === 0) return;
  const data = seg.bytes.slice(seg.payloadOffset, seg.payloadOffset + seg.payloadLength);
  const { range, duplicate } = conn.outOfOrder.add(seg.seq, dataEnd, data);
  if (duplicate !== null) {
    counters.TCPOFOMerge++;
    reportDuplicate(conn, duplicate.seq, duplicate.end);
  }
  growWindow(conn, seg.payloadLength);
  if (conn.sackOk) updateSack(conn, range);
}

function drainOutOfOrder(conn: Connection): void {
  for (
    let r = conn.outOfOrder.takeReady(conn.rcvNxt);
    r !== null;
    r = conn.outOfOrder.takeReady(conn.rcvNxt)
  ) {
    if (seqLt(r.seq, conn.rcvNxt))
      reportDuplicate(conn, r.seq, seqLt(r.end, conn.rcvNxt) ? r.end : conn.rcvNxt);
    if (seqGt(r.end, conn.rcvNxt)) {
      const skip = seqDiff(conn.rcvNxt, r.seq);
      deliver(conn, conn.rcvNxt, r.end, skip === 0 ? r.data : r.data.slice(skip));
    }
  }
  if (conn.finSeen && conn.finSeq === conn.rcvNxt && (conn.shutdown & 1) === 0) takeFin(conn);
}

/** The list of SACK blocks: the range just changed first, then the others in the order they changed (RFC 2018 section 4). */
function updateSack(conn: Connection, changed: { seq: number; end: number } | null): void {
  const { ranges } = conn.outOfOrder;
  const edges: number[] = [];
  const add = (r: { seq: number; end: number }): void => {
    for (let i = 0; i < edges.length; i += 2) if (edges[i] === r.seq) return;
    // A FIN beyond the data is not reported: its sequence number counts once it is in order.
    if (edges.length < 8) edges.push(r.seq, r.end);
  };
  if (changed !== null) add(changed);
  for (let i = 0; i < conn.sackEdges.length; i += 2) {
    const left = conn.sackEdges[i]!;
    const range = ranges.find((r) => seqLe(r.seq, left) && seqGt(r.end, left));
    if (range !== undefined) add(range);
  }
  conn.sackEdges = edges;
}

/** The peer's FIN is in order (tcp_fin). */
function takeFin(conn: Connection): void {
  conn.rcvNxt = seqAdd(conn.rcvNxt, 1);
  scheduleAck(conn);
  conn.shutdown |= 1;
  conn.finReceived = true;
  conn.outOfOrder.clear();
  conn.sackEdges = [];
  switch (conn.state) {
    case SYN_RECEIVED:
    case ESTABLISHED:
      setState(conn, CLOSE_WAIT, 'fin-received');
      conn.pingpong = conn.services.sysctls.tcp_pingpong_thresh;
      break;
    case FIN_WAIT_1:
      sendAck(conn);
      setState(conn, CLOSING, 'fin-received');
      break;
    case FIN_WAIT_2:
      sendAck(conn);
      enterTimeWait(conn, false, timeWaitLength);
      return;
  }
  conn.owner?.wake(conn, wakeAll);
}
