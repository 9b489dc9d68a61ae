/**
 * What an ACK does to the sending side (RFC 9293 3.10.7.4, fifth; net/ipv4/tcp_input.c tcp_ack, 6.18): it is accounted
 * for here, recovery/ finds out what is lost, congestion/ decides how much may go, and what that lets out is sent.
 */
import type { Segment } from '../../wire/segment.ts';
import { seqAdd, seqDiff, seqGe, seqGt, seqLe, seqLt } from '../../wire/seq.ts';
import { Flag } from '../../wire/tcp.ts';
import { controllerOf } from '../congestion/controller.ts';
import { restartAfterIdle, updatePacingRate } from '../congestion/cwnd.ts';
import { CaState } from '../congestion/state.ts';
import type { Connection } from '../connection.ts';
import { EcnMode } from '../ecn.ts';
import { sendChallengeAck } from '../receive/acceptance.ts';
import { openFastPath } from '../receive/fast-path.ts';
import { onAlert } from '../recovery/alert.ts';
import { AckOutcome } from '../recovery/outcome.ts';
import { controlCongestion } from '../recovery/prr.ts';
import { adaptWindow, advanceRack } from '../recovery/rack.ts';
import { estimate, updateMinRtt } from '../recovery/rtt.ts';
import {
  countDelivered,
  noteReordering,
  removeDuplicates,
  sampleDelivery,
  takeSacks,
} from '../recovery/scoreboard.ts';
import { recoveryOf } from '../recovery/state.ts';
import { onProbeAck } from '../recovery/timers.ts';
import { SYN_SENT } from '../state.ts';
import { endLimit, Limit } from './limits.ts';
import { sendMss, setPackets, syncMss } from './mss.ts';
import { probeAcked } from './mtu-probe.ts';
import { retransmitLost } from './retransmit.ts';
import type { TxSegment } from './send-queue.ts';
import { Nagle, pushPending } from './sender.ts';
import { armProbe, setTransmitTimer, stopRetransmit } from './timer.ts';

/** How an ACK field was taken: `ok` is acceptable, the rest has been answered or must be. */
type AckResult = 'ok' | 'old' | 'too-old' | 'future';

/** Every ACK is done with before the next one comes. */
const outcome = new AckOutcome();

/** Takes the ACK, window, SACK blocks and timestamp of a segment. */
export function handleAck(conn: Connection, seg: Segment, challenge: boolean): AckResult {
  const { services } = conn;
  const before = conn.sndUna;
  const out = outcome.begin(conn, seg);
  const sacks = conn.sackOk && seg.sackCount > 0;
  if (seqLt(seg.ack, before)) {
    // Blind injection: an ACK older than the largest window ever (RFC 5961 section 5.2).
    const span = Math.min(conn.maxWindow, conn.bytesAcked);
    if (seqLt(seg.ack, (before - span) | 0)) {
      if (challenge) sendChallengeAck(conn, 'old-ack');
      return 'too-old';
    }
    if (sacks) {
      takeSacks(conn, seg, out);
      onAlert(conn, out);
      respond(conn, out);
    }
    return 'old';
  }
  if (seqGt(seg.ack, conn.sndNxt)) return 'future';
  if (seqGt(seg.ack, before)) {
    out.advanced = true;
    conn.retransmits = 0;
  }
  takeTimestamp(conn, seg);
  updateWindow(conn, seg, out);
  conn.bytesAcked += seqDiff(seg.ack, before);
  conn.sndUna = seg.ack;
  out.ecnEcho = conn.ecnMode === EcnMode.classic && (seg.flags & (Flag.ece | Flag.syn)) === Flag.ece;
  if (sacks) takeSacks(conn, seg, out);
  conn.softError = 0;
  conn.probes = 0;
  conn.lastAckAt = services.now;
  if (conn.urgentMode && seqGe(seg.ack, conn.sndUp)) conn.urgentMode = false;
  if (conn.packetsOut === 0) {
    if (out.dsack) onAlert(conn, out);
    if (conn.sendQueue.sendHead !== null) windowAnswered(conn);
    if (conn.recovery.probeOut) onProbeAck(conn, seg.ack, out);
    return 'ok';
  }
  cleanQueue(conn, seg, out);
  adaptWindow(conn, out);
  if (conn.recovery.probeOut) onProbeAck(conn, seg.ack, out);
  if (!out.notDuplicate || out.alarming || conn.caState !== CaState.open) {
    if (!out.advanced && !out.notDuplicate && !out.dsack) out.duplicates = 1;
    onAlert(conn, out);
  }
  if (out.setTimer) setTransmitTimer(conn);
  controlCongestion(conn, out);
  updatePacingRate(conn);
  respond(conn, out);
  return 'ok';
}

/** Sends what the ACK lets out of its own accord (tcp_xmit_recovery); what else may go is pushed later. */
function respond(conn: Connection, out: AckOutcome): void {
  // In SYN-SENT nothing can be sent before the peer's sequence number is taken.
  if (out.response === 'none' || conn.state === SYN_SENT) return;
  if (out.response === 'new') {
    pushPending(conn, sendMss(conn), Nagle.off);
    if (seqGt(conn.sndNxt, conn.highSeq)) return;
    recoveryOf(conn).frto = false;
  }
  retransmitLost(conn);
}

/** Which TSval is echoed from now on: that of the segment that the last ACK sent asked for (RFC 7323 section 4.3). */
export function takeTimestamp(conn: Connection, seg: Segment): void {
  if (!conn.timestampsOk || !seg.hasTimestamps || seqGt(seg.seq, conn.rcvWup)) return;
  storeTimestamp(conn, seg);
}

/** Keeps a TSval that is not older than what is kept, or when what is kept is older than 24 days. */
export function storeTimestamp(conn: Connection, seg: Segment): void {
  const stale = conn.services.now - conn.tsRecentAt > 24 * 86400e6;
  // A time of 0 is older than any: some send it until a connection is open (tcp_paws_check).
  const known = conn.tsRecentAt >= 0 && conn.tsRecent !== 0;
  if (known && seqLt(seg.tsVal, conn.tsRecent) && !stale) return;
  conn.tsRecent = seg.tsVal;
  conn.tsRecentAt = conn.services.now;
}

function updateWindow(conn: Connection, seg: Segment, out: AckOutcome): void {
  const shift = (seg.flags & Flag.syn) !== 0 ? 0 : conn.sndWscale;
  const window = seg.window << shift;
  const newer =
    seqGt(seg.ack, conn.sndUna) ||
    seqGt(seg.seq, conn.sndWl1) ||
    (seg.seq === conn.sndWl1 && (window > conn.sndWnd || window === 0));
  if (!newer) return;
  out.windowUpdated = true;
  conn.sndWl1 = seg.seq;
  if (window === conn.sndWnd) return;
  conn.sndWnd = window;
  conn.fastPath = false;
  openFastPath(conn);
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
  conn.probesSince = -1;
  stopRetransmit(conn);
}

/** Drops what is acknowledged from the queue, and takes what that says of the round trip and of overtaking (tcp_clean_rtx_queue). */
function cleanQueue(conn: Connection, seg: Segment, out: AckOutcome): void {
  const { sendQueue, services } = conn;
  const sackedBefore = conn.sackedOut;
  let acked = 0;
  let whole = true;
  let firstAt = -1;
  let lastAt = -1;
  let lowest = conn.sndNxt;
  let s = sendQueue.head;
  for (; s !== null && s !== sendQueue.sendHead; s = sendQueue.head) {
    const start = s.seq;
    let { packets } = s;
    if (seqGt(s.end, conn.sndUna)) {
      packets = trimAcked(conn, s);
      if (packets === 0) break;
      whole = false;
    }
    if (s.retransmits > 0) {
      if (s.retransmitted) conn.retransOut -= packets;
      out.retransmittedAcked = true;
    } else if (!s.sacked) {
      lastAt = s.sentAt;
      if (firstAt < 0) firstAt = s.sentAt;
      if (seqLt(start, lowest)) lowest = start;
      if (!seqGt(s.end, conn.highSeq)) out.originalArrived = true;
    }
    if (s.sacked) conn.sackedOut -= packets;
    else if (conn.sackOk) {
      countDelivered(conn, packets, out.ecnEcho);
      if (!needless(conn, s, out)) advanceRack(conn, s);
    }
    if (s.lost) conn.lostOut -= packets;
    conn.packetsOut -= packets;
    acked += packets;
    sampleDelivery(s, out);
    if ((s.flags & Flag.syn) === 0) out.dataAcked = true;
    else {
      out.synAcked = true;
      conn.retransmitsSince = -1;
    }
    if (!whole) break;
    sendQueue.shift();
  }
  const rest = s !== null && s !== sendQueue.sendHead ? s : null;
  if (rest === null) endLimit(conn, Limit.busy);
  out.reneging = rest?.sacked === true;
  let rtt = -1;
  if (firstAt >= 0 && !out.retransmittedAcked) {
    rtt = services.now - firstAt;
    out.rtt = services.now - lastAt;
    out.perhapsDelayed =
      acked === 1 &&
      whole &&
      sackedBefore === 0 &&
      seqDiff(conn.sndUna, out.priorUna) < conn.mssCache &&
      out.sampleDelivered + 1 === conn.delivered &&
      !out.alarming &&
      !out.synAcked;
  }
  const sampled = measure(conn, seg, rtt, out);
  if (out.dataAcked || out.synAcked) {
    out.setTimer = true;
    probeAcked(conn);
    if (!conn.sackOk) {
      removeDuplicates(conn, acked, out);
      // Without SACK nothing tells the original from the copy.
      if (out.retransmittedAcked) out.originalArrived = false;
    } else if (seqLt(lowest, out.priorHighest)) noteReordering(conn, lowest, false);
  } else if (rest !== null && sampled && out.firstSackedAt >= 0 && out.firstSackedAt < rest.sentAt) {
    // The head was sent again since what was just SACKed was sent; otherwise its time-out is not put off.
    out.setTimer = true;
  }
  if (out.rtt < 0) return;
  // No controller is made for a handshake: most connections never send enough to need one.
  if (conn.controller !== null || out.dataAcked || out.sacked) controllerOf(conn).measured(conn, out.rtt);
  else conn.synRtt = out.rtt;
}

/** The copy was not needed: the timestamp echoed is from before it was sent. */
const needless = (conn: Connection, s: TxSegment, out: AckOutcome): boolean =>
  s.retransmits > 0 && out.echoed && seqLt(out.echo, conn.services.clockMsAt(s.sentAt));

/** Part of an offloaded segment was acknowledged. Returns the packets that were in that part (tcp_tso_acked). */
function trimAcked(conn: Connection, s: TxSegment): number {
  // A single packet stays whole until all of it is acknowledged.
  if (s.packets === 1 || !seqGt(conn.sndUna, s.seq)) return 0;
  if (seqDiff(conn.sndUna, s.seq) > s.length) return 0;
  const before = s.packets;
  conn.sendQueue.trim(s, conn.sndUna);
  setPackets(s, s.mss);
  return before - s.packets;
}

/**
 * Karn's rule: only segments sent once, SACKed ones too, or the timestamp's echo (RFC 6298 section 3, RFC 7323 section 4).
 * @returns whether there was a sample
 */
function measure(conn: Connection, seg: Segment, acked: number, out: AckOutcome): boolean {
  const { now } = conn.services;
  let rtt = acked;
  if (out.firstSackedAt >= 0) {
    out.rtt = now - out.lastSackedAt;
    if (rtt < 0) rtt = now - out.firstSackedAt;
  }
  if (rtt < 0 && out.echoed && (out.dataAcked || out.synAcked)) {
    const delta = seqDiff(conn.services.timestamp(conn.tsOffset), seg.tsEcr);
    if (delta >= 0 && delta < 0x7fffffff / 1000) rtt = out.rtt = Math.max(delta, 1) * 1000;
  }
  if (rtt < 0) return false;
  updateMinRtt(conn, out.rtt, out.perhapsDelayed);
  estimate(conn, rtt);
  conn.backoff = 0;
  return true;
}

/** Whether all that was sent, FIN included, is acknowledged. */
export const allAcked = (conn: Connection): boolean => seqLe(conn.writeSeq, conn.sndUna);
