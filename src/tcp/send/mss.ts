/** The size of the segments that leave, and how many packets a stretch of the queue makes (tcp_current_mss, tcp_set_skb_tso_segs). */
import type { Connection } from '../connection.ts';
import { currentMss } from '../handshake/negotiate.ts';
import { sackSize } from './output.ts';
import type { TxSegment } from './send-queue.ts';

/** Bytes a whole offloaded segment may have (GSO_LEGACY_MAX_SIZE less headers). */
export const mostGsoBytes = 65215;

/** Never more than half the largest window the peer ever offered, so that a small window is not filled by one segment. */
export function boundToHalfWindow(conn: Connection, size: number): number {
  const cutoff = conn.maxWindow > 536 ? conn.maxWindow >> 1 : conn.maxWindow;
  // What the least IPv4 packet of 68 bytes leaves.
  return cutoff > 0 && size > cutoff ? Math.max(cutoff, conn.stampedHeaders ? 36 : 48) : size;
}

/** The data a full segment carries now: the MSS less what SACK blocks take, bounded by the peer's window. */
export function sendMss(conn: Connection): number {
  return Math.max(boundToHalfWindow(conn, conn.mssCache) - sackSize(conn), 1);
}

/** Takes the path MTU and the peer's MSS into the segment size (tcp_sync_mss). */
export function syncMss(conn: Connection): void {
  conn.mssCache = boundToHalfWindow(conn, currentMss(conn));
  const search = conn.mtuSearch;
  if (search === null) return;
  search.high = Math.min(search.high, conn.pmtu);
  conn.mssCache = Math.min(conn.mssCache, currentMss(conn, search.low));
}

/** How many packets a segment makes. */
export const packetCount = (segment: TxSegment, mss: number): number =>
  segment.length <= mss ? 1 : Math.ceil(segment.length / mss);

/** Settles how many packets a segment makes. */
export function setPackets(segment: TxSegment, mss: number): void {
  segment.mss = mss;
  segment.packets = packetCount(segment, mss);
}

/** A segment that is out makes `more` packets than before: wherever it is counted (tcp_adjust_pcount). */
export function adjustCounts(conn: Connection, segment: TxSegment, more: number): void {
  conn.packetsOut += more;
  if (segment.sacked) conn.sackedOut += more;
  if (segment.retransmitted) conn.retransOut += more;
  if (segment.lost) conn.lostOut += more;
  // Without SACK these are duplicate ACKs.
  if (!conn.sackOk && more < 0) conn.sackedOut -= Math.min(conn.sackedOut, -more);
}

/** Counts the packets of a segment that is out anew: options change the MSS in between. */
export function recount(conn: Connection, segment: TxSegment, mss: number): void {
  const before = segment.packets;
  setPackets(segment, mss);
  if (segment.packets !== before) adjustCounts(conn, segment, segment.packets - before);
}

/** Cuts a segment that is out after `length` bytes (tcp_fragment). */
export function fragment(conn: Connection, segment: TxSegment, length: number, mss: number): void {
  const before = segment.packets;
  conn.sendQueue.split(segment, length);
  const rest = segment.next!;
  setPackets(segment, mss);
  setPackets(rest, mss);
  const more = segment.packets + rest.packets - before;
  if (more !== 0) adjustCounts(conn, rest, more);
}

/** How many packets one offloaded segment may make: about a millisecond of data at the present rate. */
export function offloadPackets(conn: Connection, mss: number): number {
  let bytes = conn.pacingRate / 1024;
  // Short paths are no bottleneck worth cutting for (tcp_tso_rtt_log 9).
  const shortness = Math.floor(conn.minRtt / 512);
  if (shortness < 32) bytes += mostGsoBytes >>> shortness;
  return Math.max(Math.floor(Math.min(bytes, mostGsoBytes) / mss), conn.services.sysctls.tcp_min_tso_segs);
}
