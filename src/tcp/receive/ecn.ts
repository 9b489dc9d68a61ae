/** Congestion marks on what is received, and telling the sender (RFC 3168 section 6.1.3; net/ipv4/tcp_input.c, 6.18). */
import type { Segment } from '../../wire/segment.ts';
import { Flag } from '../../wire/tcp.ts';
import type { Connection } from '../connection.ts';
import { EcnMode } from '../ecn.ts';
import { enterQuickAck } from './delayed-ack.ts';

/** Looks at the mark of a segment with data (tcp_data_ecn_check). */
export function ecnMark(conn: Connection, seg: Segment): void {
  if (conn.ecnMode === EcnMode.off) return;
  const mark = seg.trafficClass & 3;
  if (mark === 0) {
    // After marked segments one without a mark is probably a retransmission.
    if (conn.ecnSeen) enterQuickAck(conn, 2);
    return;
  }
  if (mark === 3 && !conn.ecnDemandCwr && conn.ecnMode === EcnMode.classic) {
    // The sender's window may be very small: it must not wait for our ACK.
    enterQuickAck(conn, 2);
    conn.ecnDemandCwr = true;
  }
  if (conn.ecnMode === EcnMode.classic) conn.ecnSeen = true;
}

/**
 * Counts a mark on any segment that comes in ESTABLISHED, taken or not; with classic ECN only those with data matter
 * (tcp_ecn_received_counters). TCP_INFO tells of marks even where nothing was negotiated.
 */
export function countMark(conn: Connection, seg: Segment): void {
  const mark = seg.trafficClass & 3;
  if (mark === 0 || conn.ecnMode === EcnMode.classic) return;
  conn.ecnSeen = true;
  if (mark === 3) conn.ceReceived++;
}

/** A segment that counts: the sender has slowed down, no more echo (tcp_ecn_accept_cwr); Linux takes that on a pure ACK too. */
export function acceptCwr(conn: Connection, seg: Segment): void {
  if (conn.ecnMode !== EcnMode.classic || (seg.flags & Flag.cwr) === 0) return;
  conn.ecnDemandCwr = false;
  if (seg.end !== seg.seq) conn.ackNow = true;
}
