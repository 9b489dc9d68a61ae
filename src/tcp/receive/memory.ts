/** Room in the receive buffer for one more segment (net/ipv4/tcp_input.c tcp_try_rmem_schedule, tcp_prune_queue, 6.18). */
import type { Segment } from '../../wire/segment.ts';
import { seqGt } from '../../wire/seq.ts';
import type { Connection } from '../connection.ts';
import { resetSack } from './sack-blocks.ts';
import type { RxSegment } from './stored.ts';
import { memoryInUse, windowFromMemory } from './window.ts';

/** One segment is taken beyond the buffer: it does not count itself (tcp_can_ingest). */
const fits = (conn: Connection): boolean => memoryInUse(conn) <= conn.rcvBuf;

/** Sees to it that a segment can be kept: by a larger buffer, by tidying up, by throwing away what came out of order. */
export function makeRoom(conn: Connection, seg: Segment): boolean {
  if (fits(conn)) return true;
  if (memoryInUse(conn) === 0) return false;
  enlargeBuffer(conn);
  if (fits(conn)) return true;
  const wasteful = (item: RxSegment): boolean => windowFromMemory(conn, item.memory) > item.data.length;
  conn.outOfOrder.collapse(conn.rcvBuf >> 3, wasteful);
  conn.receiveQueue.collapse(conn.copiedSeq, wasteful);
  if (fits(conn)) return true;
  dropOutOfOrder(conn, seg);
  return fits(conn);
}

/** A buffer that nobody sized takes what it holds already; the window does not grow meanwhile (tcp_clamp_window). */
function enlargeBuffer(conn: Connection): void {
  conn.quickAcks = 0;
  const most = conn.services.sysctls.tcp_rmem[2];
  if (conn.rcvBuf < most && !conn.options.rcvBufLocked) conn.rcvBuf = Math.min(memoryInUse(conn), most);
  if (memoryInUse(conn) > conn.rcvBuf) conn.rcvSsthresh = Math.min(conn.windowClamp, 2 * conn.advMss);
}

/** The segments farthest ahead go first, an eighth of the buffer at a time (tcp_prune_ofo_queue). */
function dropOutOfOrder(conn: Connection, seg: Segment): void {
  const queue = conn.outOfOrder;
  let pruned = false;
  let goal = conn.rcvBuf >> 3;
  while (!queue.empty && !seqGt(seg.seq, queue.lastSeq)) {
    pruned = true;
    goal -= queue.dropLast().memory;
    if (!queue.empty && goal > 0) continue;
    if (fits(conn)) break;
    goal = conn.rcvBuf >> 3;
  }
  if (pruned) resetSack(conn);
}
