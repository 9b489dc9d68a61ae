/** What an ACK does to the sending side (RFC 9293 3.10.7.4, fifth; net/ipv4/tcp_input.c tcp_ack, 6.18). */

import type { Segment } from '../../wire/segment.ts';
import { seqAdd, seqDiff, seqGe, seqGt, seqLe, seqLt } from '../../wire/seq.ts';
import { Flag } from '../../wire/tcp.ts';
import {
  CaState,
  congestionAvoidance,
  restartAfterIdle,
  updatePacingRate,
} from '../congestion/congestion.ts';
import type { Connection } from '../connection.ts';
import { sendChallengeAck } from '../receive/acceptance.ts';
import { rttSample } from '../recovery/rtt.ts';
import { SYN_SENT } from '../state.ts';
import { Poll } from '../states/lifecycle.ts';
import { recount, sendMss, syncMss } from './mss.ts';
import { retransmitLost } from './retransmit.ts';
import type { TxSegment } from './send-queue.ts';
import { writable } from './sender.ts';
import { armProbe, armRetransmit, stopRetransmit } from './timer.ts';

/** How an ACK field was taken: `new` or `same` are acceptable, the rest has been answered or must be. */
type AckResult = 'ok' | 'old' | 'too-old' | 'future';

/** Takes the ACK, window and timestamp of a segment. */
export function handleAck(conn: Connection, seg: Segment, challenge: boolean): AckResult {
  const { services } = conn;
  const before = conn.sndUna;
  if (seqLt(seg.ack, before)) {
    // Blind injection: an ACK older than the largest window ever (RFC 5961 section 5.2).
    const span = Math.min(conn.maxWindow, conn.bytesAcked);
    if (seqLt(seg.ack, (before - span) | 0)) {
      if (challenge) sendChallengeAck(conn, 'old-ack');
      return 'too-old';
    }
    return 'old';
  }
  if (seqGt(seg.ack, conn.sndNxt)) return 'future';
  if (seqGt(seg.ack, before)) conn.retransmits = 0;
  takeTimestamp(conn, seg);
  updateWindow(conn, seg);
  const acked = seqDiff(seg.ack, before);
  if (acked > 0) {
    conn.bytesAcked += acked;
    conn.sndUna = seg.ack;
  }
  conn.softError = 0;
  conn.probes = 0;
  conn.lastAckAt = services.now;
  if (conn.urgentMode && seqGe(seg.ack, conn.sndUp)) conn.urgentMode = false;
  if (conn.packetsOut === 0) {
    if (conn.sendQueue.sendHead !== null) windowAnswered(conn);
    return 'ok';
  }
  if (acked > 0) cleanQueue(conn, seg);
  updatePacingRate(conn);
  return 'ok';
}

/** Which TSval is echoed from now on: that of the segment that the last ACK sent asked for (RFC 7323 section 4.3). */
function takeTimestamp(conn: Connection, seg: Segment): void {
  if (!conn.timestampsOk || !seg.hasTimestamps || seqGt(seg.seq, conn.rcvWup)) return;
  storeTimestamp(conn, seg);
}

/** Keeps a TSval that is not older than what is kept, or when what is kept is older than 24 days. */
export function storeTimestamp(conn: Connection, seg: Segment): void {
  const stale = conn.services.now - conn.tsRecentAt > 24 * 86400e6;
  if (conn.tsRecentAt >= 0 && seqLt(seg.tsVal, conn.tsRecent) && !stale) return;
  conn.tsRecent = seg.tsVal;
  conn.tsRecentAt = conn.services.now;
}

function updateWindow(conn: Connection, seg: Segment): void {
  const shift = (seg.flags & Flag.syn) !== 0 ? 0 : conn.sndWscale;
  const window = seg.window << shift;
  const newer =
    seqGt(seg.ack, conn.sndUna) ||
    seqGt(seg.seq, conn.sndWl1) ||
    (seg.seq === conn.sndWl1 && (window > conn.sndWnd || window === 0));
  if (!newer) return;
  conn.sndWl1 = seg.seq;
  if (window === conn.sndWnd) return;
  conn.sndWnd = window;
  if (conn.sendQueue.sendHead !== null) restartAfterIdle(conn);
  if (window > conn.maxWindow) {
    conn.maxWindow = window;
    syncMss(conn);
  }
}

/** A window update while nothing is in flight: probing ends, or goes on if it is still too small (tcp_ack_probe). */
function windowAnswered(conn: Connection): void {
  const head = conn.sendQueue.sendHead!;
  if (seqGt(head.end, seqAdd(conn.sndUna, conn.sndWnd))) {
    armProbe(conn);
    return;
  }
  conn.backoff = 0;
  conn.retransmitsSince = -1;
  stopRetransmit(conn);
}

/** Drops what is acknowledged from the queue; samples the RTT; restarts or stops the timer (tcp_clean_rtx_queue). */
function cleanQueue(conn: Connection, seg: Segment): void {
  const { now } = conn.services;
  const mss = sendMss(conn);
  const flightBefore = conn.packetsOut;
  let ackedSince = -1;
  let retransmitted = false;
  for (let s = conn.sendQueue.head; s !== null && s !== conn.sendQueue.sendHead; s = conn.sendQueue.head) {
    if (seqGt(s.end, seg.ack)) {
      // Linux takes the sample of a segment that is acknowledged in part, too, if a whole packet of it is.
      if (seqGt(seg.ack, s.seq) && trimAcked(conn, s, seg.ack, mss)) {
        if (s.retransmits > 0) retransmitted = true;
        else if (ackedSince < 0) ackedSince = s.sentAt;
      }
      break;
    }
    const { packets } = s;
    conn.packetsOut -= packets;
    if (s.retransmitted) conn.retransOut -= packets;
    if (s.sacked) conn.sackedOut -= packets;
    if (s.lost) conn.lostOut -= packets;
    if (s.retransmits > 0) retransmitted = true;
    else if (ackedSince < 0) ackedSince = s.sentAt;
    conn.delivered += packets;
    conn.sendQueue.shift();
  }
  const acked = flightBefore - conn.packetsOut;
  if (acked > 0) conn.services.counters.TCPDelivered += acked;
  sampleRtt(conn, seg, retransmitted || ackedSince < 0 ? -1 : now - ackedSince);
  if (conn.caState === CaState.loss && seqGe(conn.sndUna, conn.highSeq)) {
    conn.caState = CaState.open;
    conn.retransmitsSince = -1;
  } else if (conn.caState === CaState.open) conn.retransmitsSince = -1;
  if (acked > 0) congestionAvoidance(conn, acked);
  if (conn.packetsOut === 0) stopRetransmit(conn);
  else armRetransmit(conn);
  // In SYN-SENT nothing can be sent before the peer's sequence number is taken.
  if (conn.caState === CaState.loss && conn.state !== SYN_SENT) retransmitLost(conn);
}

/** Part of an offloaded segment was acknowledged. Says whether that part held a packet (tcp_tso_acked). */
function trimAcked(conn: Connection, s: TxSegment, ack: number, mss: number): boolean {
  const n = seqDiff(ack, s.seq);
  // A single packet stays whole until all of it is acknowledged.
  if (n > s.length || s.packets === 1) return false;
  const before = s.packets;
  conn.sendQueue.trim(s, ack);
  recount(conn, s, mss);
  return s.packets < before;
}

/** Karn's rule: only segments sent once, or the timestamp's echo (RFC 6298 section 3, RFC 7323 section 4). */
function sampleRtt(conn: Connection, seg: Segment, sample: number): void {
  if (sample < 0 && conn.timestampsOk && seg.hasTimestamps && seg.tsEcr !== 0) {
    const delta = seqDiff(conn.services.timestamp(conn.tsOffset), seg.tsEcr);
    if (delta >= 0 && delta < 0x7fffffff / 1000) sample = Math.max(delta, 1) * 1000;
  }
  if (sample < 0) return;
  rttSample(conn, sample);
  conn.backoff = 0;
}

/**
 * Tells whoever was refused room that there is some again (tcp_check_space, SOCK_NOSPACE). Called when what the ACK let
 * out has been sent: what is not sent yet counts too.
 */
export function wakeWriter(conn: Connection): void {
  if (!conn.noSpace || !writable(conn)) return;
  conn.noSpace = false;
  conn.owner?.wake(conn, Poll.out | Poll.wrNorm);
}

/** Whether all that was sent, FIN included, is acknowledged. */
export const allAcked = (conn: Connection): boolean => seqLe(conn.writeSeq, conn.sndUna);
