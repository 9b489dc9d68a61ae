/**
 * What is sent again: when the retransmission timer goes off, and after that as the window opens (RFC 6298 section 5;
 * net/ipv4/tcp_timer.c and tcp_output.c tcp_retransmit_skb, 6.18).
 */
import { seqAdd, seqDiff, seqLt } from '../../wire/seq.ts';
import { Flag } from '../../wire/tcp.ts';
import { enterLoss, inFlight } from '../congestion/congestion.ts';
import type { Connection } from '../connection.ts';
import { maxRto } from '../recovery/rtt.ts';
import { SYN_SENT } from '../state.ts';
import { gaveUp, isHandshake, writeError } from './give-up.ts';
import { recount, sendMss } from './mss.ts';
import { transmit } from './output.ts';
import type { TxSegment } from './send-queue.ts';
import { armRetransmit, clampToUserTimeout } from './timer.ts';

/** Sends a segment again. The MSS may have shrunk since; then only a part goes. */
export function retransmit(conn: Connection, segment: TxSegment): void {
  const { services } = conn;
  const mss = sendMss(conn);
  if (seqLt(segment.seq, conn.sndUna)) conn.sendQueue.trim(segment, conn.sndUna);
  const limit = mss * Math.max(conn.cwnd - inFlight(conn), 1);
  const window = seqDiff(seqAdd(conn.sndUna, conn.sndWnd), segment.seq);
  // Beyond the window only the first segment may go: it serves as a probe.
  if (window <= 0 && segment.seq !== conn.sndUna) return;
  const most = window >= mss ? Math.min(limit, window - (window % mss)) : mss;
  if (segment.length > most) {
    conn.sendQueue.split(segment, most);
    recount(conn, segment.next!, mss);
  }
  recount(conn, segment, mss);
  const { packets } = segment;
  // The fall-back for middle boxes that choke on an ECN SYN (RFC 3168 6.1.1.1).
  if ((segment.flags & Flag.syn) !== 0 && services.sysctls.tcp_ecn_fallback) {
    segment.flags &= ~(Flag.ece | Flag.cwr);
    conn.ecnRequested = false;
  }
  segment.retransmits++;
  if (!segment.retransmitted) conn.retransOut += packets;
  segment.retransmitted = true;
  transmit(conn, segment, mss);
  services.counters.RetransSegs += packets;
  if ((segment.flags & Flag.syn) !== 0) services.counters.TCPSynRetrans++;
  conn.totalRetransmits += packets;
  conn.bytesRetransmitted += segment.length;
  if (conn.retransmitsSince < 0) conn.retransmitsSince = segment.sentAt;
}

/** The retransmission time-out (RFC 6298 section 5.4 to 5.7). */
export function onRetransmitTimer(conn: Connection): void {
  conn.retransmitTimer = -1;
  const { services } = conn;
  const head = conn.sendQueue.head;
  if (conn.packetsOut === 0 || head === null) return;
  const zeroWindow = conn.sndWnd === 0 && !conn.orphaned && !isHandshake(conn);
  if (
    zeroWindow &&
    services.now - conn.lastAckAt > maxRto(conn) * (conn.options.userTimeout > 0 ? 1 : 2) &&
    conn.retransmits > 0
  ) {
    writeError(conn);
    return;
  }
  if (!zeroWindow) {
    services.counters.TCPTimeouts++;
    if (gaveUp(conn)) return;
  }
  markAllLost(conn);
  conn.retransmits++;
  conn.totalRto++;
  services.note(conn, 'timer', isHandshake(conn) ? 'syn-retransmit' : 'rto-retransmit', {
    retransmits: conn.retransmits,
    rtoUs: conn.rto,
  });
  retransmit(conn, head);
  backOff(conn);
  armRetransmit(conn, clampToUserTimeout(conn, conn.rto));
}

/** Doubles the time-out; Linux keeps it for the first tcp_syn_linear_timeouts copies of a SYN. */
function backOff(conn: Connection): void {
  const linear = conn.state === SYN_SENT && conn.totalRto <= conn.services.sysctls.tcp_syn_linear_timeouts;
  if (linear) return;
  conn.backoff++;
  conn.rto = Math.min(conn.rto * 2, maxRto(conn));
}

function markAllLost(conn: Connection): void {
  if (isHandshake(conn)) return;
  enterLoss(conn);
  conn.lostOut = 0;
  conn.retransOut = 0;
  for (let s = conn.sendQueue.head; s !== null && s !== conn.sendQueue.sendHead; s = s.next) {
    s.retransmitted = false;
    s.lost = !s.sacked;
    if (s.lost) conn.lostOut += s.packets;
  }
  conn.cwnd = inFlight(conn) + 1;
}

/** After a time-out, sends lost segments again as the window opens. */
export function retransmitLost(conn: Connection): void {
  for (let s = conn.sendQueue.head; s !== null && s !== conn.sendQueue.sendHead; s = s.next) {
    if (inFlight(conn) >= conn.cwnd) return;
    if (s.lost && !s.retransmitted) retransmit(conn, s);
  }
}
