/**
 * Urgent data on the receiving side: one byte out of band, and a mark in the stream (RFC 9293 3.8.5, RFC 6093;
 * net/ipv4/tcp_input.c tcp_urg and tcp.c tcp_recv_urg, 6.18). The urgent byte is the one before the pointer unless
 * tcp_stdurg is set.
 */
import type { Segment } from '../../wire/segment.ts';
import { seqDiff, seqGe, seqGt, seqLe, seqLt } from '../../wire/seq.ts';
import { Flag } from '../../wire/tcp.ts';
import type { Connection } from '../connection.ts';
import { Errno } from '../errno.ts';
import { Poll } from '../poll.ts';
import { CLOSED, LISTEN } from '../state.ts';
import { openFastPath } from './fast-path.ts';

/** What is known of the urgent byte (`urgentData`); with `here`, the low eight bits are the byte. */
export const Urgent = { none: 0, here: 0x100, awaited: 0x200, read: 0x400 } as const;

/** Looks for a new urgent pointer, and for the byte that one points to. */
export function takeUrgent(conn: Connection, seg: Segment): void {
  if ((seg.flags & Flag.urg) !== 0) newPointer(conn, seg);
  if (conn.urgentData !== Urgent.awaited) return;
  const at = seqDiff(conn.urgentSeq, seg.seq);
  if (at < 0 || at >= seg.payloadLength) return;
  conn.urgentData = Urgent.here | seg.bytes[seg.payloadOffset + at]!;
  conn.owner?.wake(conn, Poll.in | Poll.rdNorm | Poll.pri);
}

function newPointer(conn: Connection, seg: Segment): void {
  const before = seg.urgent !== 0 && conn.services.sysctls.tcp_stdurg === 0 ? 1 : 0;
  const pointer = (seg.seq + seg.urgent - before) | 0;
  if (seqGt(conn.copiedSeq, pointer) || seqLt(pointer, conn.rcvNxt)) return;
  if (conn.urgentData !== Urgent.none && seqLe(pointer, conn.urgentSeq)) return;
  // The last byte that was read lies before an old urgent one that nobody fetched: it is passed over.
  const atOld = conn.urgentData !== Urgent.none && conn.urgentSeq === conn.copiedSeq;
  if (atOld && !conn.options.oobInline && conn.copiedSeq !== conn.rcvNxt) passOver(conn);
  conn.urgentData = Urgent.awaited;
  conn.urgentSeq = pointer;
  conn.fastPath = false;
}

const oneByte = new Uint8Array(1);

function passOver(conn: Connection): void {
  conn.receiveQueue.read(conn.copiedSeq, oneByte, false);
  conn.copiedSeq = (conn.copiedSeq + 1) | 0;
  passedMark(conn);
}

/** Whether the next byte is the urgent one (SIOCATMARK). */
export const atMark = (conn: Connection): boolean =>
  conn.urgentData !== Urgent.none && conn.urgentSeq === conn.copiedSeq;

/** Whether an urgent byte stands in the way of the next read, not to be read with the rest. */
export const markBlocks = (conn: Connection): boolean => atMark(conn) && !conn.options.oobInline;

/**
 * How far a read may go: to the mark, or from it on. An urgent byte that is not wanted in line is passed over.
 * @param available bytes in order, urgent ones included
 * @param peek whether nothing is taken: then the byte is only left out
 * @returns bytes to leave out first, and bytes to read after them
 */
export function readableAround(conn: Connection, available: number, peek: boolean): [number, number] {
  let skip = 0;
  if (available > 0 && markBlocks(conn)) {
    skip = 1;
    if (!peek) passOver(conn);
  }
  const start = (conn.copiedSeq + (peek ? skip : 0)) | 0;
  const toMark = seqDiff(conn.urgentSeq, start);
  const rest = available - skip;
  return [peek ? skip : 0, toMark > 0 ? Math.min(rest, toMark) : rest];
}

/** Something was read: beyond the urgent byte there is none any more. */
export function passedMark(conn: Connection): void {
  if (conn.urgentData === Urgent.none || !seqGt(conn.copiedSeq, conn.urgentSeq)) return;
  conn.urgentData = Urgent.none;
  openFastPath(conn);
}

/** What SIOCINQ tells: bytes up to the mark, if there is one ahead that is not in line. */
export function inQueueBytes(conn: Connection, all: number): number {
  const none = conn.options.oobInline || conn.urgentData === Urgent.none;
  if (none || seqLt(conn.urgentSeq, conn.copiedSeq) || seqGe(conn.urgentSeq, conn.rcvNxt)) return all;
  return seqDiff(conn.urgentSeq, conn.copiedSeq);
}

/**
 * recv() with MSG_OOB.
 * @returns 1, 0 at the end of the stream, -EINVAL if there is no urgent byte or it is in line, -EAGAIN if it is to come,
 *   -ENOTCONN of a listener
 */
export function receiveUrgent(conn: Connection, into: Uint8Array, peek: boolean): number {
  if (conn.state === LISTEN) return -Errno.ENOTCONN;
  const { urgentData: data } = conn;
  const none = conn.options.oobInline || data === Urgent.none || data === Urgent.read;
  if (none) return -Errno.EINVAL;
  if (conn.state === CLOSED && !conn.finReceived) return -Errno.ENOTCONN;
  if ((data & Urgent.here) === 0)
    return conn.state === CLOSED || (conn.shutdown & 1) !== 0 ? 0 : -Errno.EAGAIN;
  if (!peek) conn.urgentData = Urgent.read;
  if (into.length === 0) return 0;
  into[0] = data & 0xff;
  return 1;
}
