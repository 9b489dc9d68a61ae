/** What is sent again, and how (net/ipv4/tcp_output.c tcp_retransmit_skb and tcp_xmit_retransmit_queue, 6.18). */
import { seqAdd, seqDiff, seqGt, seqLt } from '../../wire/seq.ts';
import { Flag } from '../../wire/tcp.ts';
import { inFlight } from '../congestion/cwnd.ts';
import { CaState } from '../congestion/state.ts';
import { type Connection, Timer } from '../connection.ts';
import { isReducing } from '../recovery/prr.ts';
import { recoveryOf } from '../recovery/state.ts';
import { adjustCounts, fragment, offloadPackets, recount, sendMss } from './mss.ts';
import { transmit } from './output.ts';
import type { TxSegment } from './send-queue.ts';
import { armRetransmit } from './timer.ts';

/**
 * Sends a segment again, or as much of it as `packets` of today's MSS and the peer's window take.
 * @returns false if nothing may go, or the host had no room for it
 */
function sendAgain(conn: Connection, segment: TxSegment, packets: number): boolean {
  const { services, sendQueue } = conn;
  const mss = sendMss(conn);
  // What becomes of the probe that is out will say nothing.
  if (conn.mtuSearch !== null) conn.mtuSearch.probe = 0;
  if (seqLt(segment.seq, conn.sndUna)) sendQueue.trim(segment, conn.sndUna);
  let window = seqDiff(seqAdd(conn.sndUna, conn.sndWnd), segment.seq);
  // Beyond the window only the first segment may go: it serves as a probe.
  if (window <= 0) {
    if (segment.seq !== conn.sndUna) return false;
    window = mss;
  }
  let most = mss * packets;
  if (most > window) most = window - (window % mss) || window;
  if (segment.length > most) fragment(conn, segment, most, mss);
  else {
    recount(conn, segment, mss);
    if (segment.length < Math.min(window, mss)) joinFollowing(conn, segment, Math.min(window, mss));
  }
  // The fall-back for middle boxes that choke on an ECN SYN (RFC 3168 6.1.1.1).
  if ((segment.flags & Flag.syn) !== 0 && services.sysctls.tcp_ecn_fallback) {
    segment.flags &= ~(Flag.ece | Flag.cwr);
  }
  services.counters.RetransSegs += segment.packets;
  if ((segment.flags & Flag.syn) !== 0) services.counters.TCPSynRetrans++;
  conn.totalRetransmits += segment.packets;
  conn.bytesRetransmitted += segment.length;
  segment.retransmits++;
  if (transmit(conn, segment, mss)) return true;
  segment.retransmits--;
  return false;
}

/** Fills a short segment with those behind it, as long as all of one fits (tcp_retrans_try_collapse). */
function joinFollowing(conn: Connection, segment: TxSegment, space: number): void {
  const { sendQueue } = conn;
  if ((segment.flags & Flag.syn) !== 0 || segment.sacked) return;
  if (conn.services.sysctls.tcp_retrans_collapse === 0) return;
  for (let next = segment.next; next !== null && next !== sendQueue.sendHead; next = segment.next) {
    if (segment.eor || next.packets > 1 || next.sacked) return;
    if (segment.length + next.length > space) return;
    if (seqGt(next.end, seqAdd(conn.sndUna, conn.sndWnd))) return;
    if (next.retransmits > 0) segment.retransmits = Math.max(segment.retransmits, 1);
    adjustCounts(conn, next, -next.packets);
    sendQueue.join(segment);
  }
}

/** Sends a segment again and counts it as a copy under way. False if nothing may go, or the host had no room for it. */
export function retransmit(conn: Connection, segment: TxSegment, packets: number): boolean {
  const sent = sendAgain(conn, segment, packets);
  if (!sent && !conn.services.linkFull) return false;
  if (sent) {
    if (!segment.retransmitted) conn.retransOut += segment.packets;
    segment.retransmitted = true;
  }
  // A copy that did not leave counts as tried.
  if (conn.retransmitsSince < 0) conn.retransmitsSince = segment.sentAt;
  recoveryOf(conn).undoRetrans = Math.max(conn.recovery.undoRetrans, 0) + segment.packets;
  return sent;
}

/** Sends the last segment again as a loss probe: it is no copy of anything lost (RFC 8985 section 7.3). */
export const retransmitProbe = (conn: Connection, segment: TxSegment): boolean => sendAgain(conn, segment, 1);

/** Sends lost segments again, as far as the congestion window goes, from the first one on. */
export function retransmitLost(conn: Connection): void {
  const { sendQueue, services } = conn;
  if (conn.packetsOut === 0) return;
  const most = offloadPackets(conn, sendMss(conn));
  let hole: TxSegment | null = null;
  let rearm = false;
  for (
    let s = sendQueue.retransmitHint ?? sendQueue.head;
    s !== null && s !== sendQueue.sendHead;
    s = s.next
  ) {
    if (hole === null) sendQueue.retransmitHint = s;
    const packets = Math.min(conn.cwnd - inFlight(conn), most);
    if (packets <= 0 || conn.retransOut >= conn.lostOut) break;
    if (!s.lost) {
      if (hole === null && !s.retransmitted && !s.sacked) hole = s;
      continue;
    }
    if (s.sacked || s.retransmitted) continue;
    if (!retransmit(conn, s, packets)) break;
    services.counters[conn.caState === CaState.loss ? 'TCPSlowStartRetrans' : 'TCPFastRetrans'] += s.packets;
    if (isReducing(conn)) recoveryOf(conn).prrOut += s.packets;
    if (s === sendQueue.head && conn.timerKind !== Timer.reorder) rearm = true;
  }
  if (rearm) armRetransmit(conn);
}
