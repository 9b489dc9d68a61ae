/** The size of the segments that leave, and how many packets a stretch of the queue makes (tcp_current_mss, tcp_set_skb_tso_segs). */
import type { Connection } from '../connection.ts';
import { currentMss } from '../handshake/negotiate.ts';
import { sackSize } from './output.ts';
import type { TxSegment } from './send-queue.ts';

/** Never more than half the largest window the peer ever offered, so that a small window is not filled by one segment. */
export function boundToHalfWindow(conn: Connection, size: number): number {
  const cutoff = conn.maxWindow > 536 ? conn.maxWindow >> 1 : conn.maxWindow;
  return cutoff > 0 && size > cutoff ? Math.max(cutoff, 48) : size;
}

/** The data a full segment carries now: the MSS less what SACK blocks take, bounded by the peer's window. */
export function sendMss(conn: Connection): number {
  return Math.max(boundToHalfWindow(conn, conn.mssCache) - sackSize(conn), 1);
}

/** Takes the path MTU and the peer's MSS into the segment size (tcp_sync_mss). */
export function syncMss(conn: Connection): void {
  conn.mssCache = boundToHalfWindow(conn, currentMss(conn));
}

/** How many packets a segment makes. */
export const packetCount = (segment: TxSegment, mss: number): number =>
  segment.length <= mss ? 1 : Math.ceil(segment.length / mss);

/** Counts the packets of a segment that was sent before anew, wherever they are counted (tcp_adjust_pcount). */
export function recount(conn: Connection, segment: TxSegment, mss: number): void {
  const more = packetCount(segment, mss) - segment.packets;
  segment.packets += more;
  conn.packetsOut += more;
  if (segment.sacked) conn.sackedOut += more;
  if (segment.retransmitted) conn.retransOut += more;
  if (segment.lost) conn.lostOut += more;
}
