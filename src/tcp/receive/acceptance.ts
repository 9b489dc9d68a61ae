/**
 * Whether a segment for a synchronized connection may be acted on at all (RFC 9293 3.10.7.4, first to fourth;
 * RFC 7323 section 5, RFC 5961 sections 3 and 4; net/ipv4/tcp_input.c tcp_validate_incoming, 6.18).
 */

import type { Segment } from '../../wire/segment.ts';
import { seqAdd, seqGt, seqLt } from '../../wire/seq.ts';
import { Flag } from '../../wire/tcp.ts';
import type { Connection } from '../connection.ts';
import { Errno } from '../errno.ts';
import type { Reason } from '../reasons.ts';
import { sendAck } from '../send/output.ts';
import { CLOSE_WAIT, CLOSING, LAST_ACK, SYN_RECEIVED } from '../state.ts';
import { reset } from '../states/lifecycle.ts';
import { enterQuickAck } from './delayed-ack.ts';
import { reportDuplicate } from './sack-blocks.ts';
import { receiveWindow } from './window.ts';

/** Whether an answer to a useless segment must wait, lest two ends answer each other for ever. */
function rateLimited(conn: Connection, seg: Segment): boolean {
  // Data or a FIN without SYN is no part of such a loop.
  if (seg.end !== seg.seq && (seg.flags & Flag.syn) === 0) return false;
  const { now, sysctls } = conn.services;
  if (now - conn.lastOutOfWindowAckAt < sysctls.tcp_invalid_ratelimit * 1000) return true;
  conn.lastOutOfWindowAckAt = now;
  return false;
}

/** Answers a segment that may be forged with an ACK, so that a real peer in trouble can show itself (RFC 5961). */
export function sendChallengeAck(conn: Connection, reason: Reason): void {
  const { services } = conn;
  services.drop(conn, reason);
  if (services.now - conn.lastOutOfWindowAckAt < services.sysctls.tcp_invalid_ratelimit * 1000) {
    services.counters.TCPACKSkippedChallenge++;
    return;
  }
  conn.lastOutOfWindowAckAt = services.now;
  if (!services.mayChallenge()) return;
  services.counters.TCPChallengeACK++;
  services.note(conn, 'note', 'challenge-ack');
  sendAck(conn);
}

/** Answers a duplicate: the peer may not have seen our ACK (tcp_send_dupack). */
function acknowledgeAgain(conn: Connection, seg: Segment): void {
  if (seg.end !== seg.seq && seqLt(seg.seq, conn.rcvNxt)) {
    enterQuickAck(conn);
    reportDuplicate(conn, seg.seq, seqGt(seg.end, conn.rcvNxt) ? conn.rcvNxt : seg.end);
  }
  sendAck(conn);
}

/** A timestamp that is older by so much still passes (TCP_PAWS_WINDOW). */
const pawsWindow = 1;

/** Protection against wrapped sequence numbers: the timestamp is older than the last in-order one (RFC 7323 5.3). */
function pawsRejects(conn: Connection, seg: Segment): boolean {
  // A value of 0 was never given by anybody: it is taken for none (tcp_paws_check).
  if (!conn.timestampsOk || !seg.hasTimestamps || conn.tsRecentAt < 0 || conn.tsRecent === 0) return false;
  const age = (conn.tsRecent - seg.tsVal) | 0;
  if (age <= pawsWindow) return false;
  if (conn.services.now - conn.tsRecentAt >= 24 * 86400e6) return false;
  return !disorderedAck(conn, seg, age);
}

/** An ACK without data from before what was received last: common after reordering, and not worth an answer. */
const oldPureAck = (conn: Connection, seg: Segment): boolean =>
  (seg.flags & Flag.ack) !== 0 && seg.end === seg.seq && seqLt(seg.seq, conn.rcvNxt);

/** A pure ACK that was merely reordered is no danger (tcp_disordered_ack_check). */
function disorderedAck(conn: Connection, seg: Segment, age: number): boolean {
  const window = seg.window << conn.sndWscale;
  const updates =
    seqGt(seg.ack, conn.sndUna) ||
    seqGt(seg.seq, conn.sndWl1) ||
    (seg.seq === conn.sndWl1 && window > conn.sndWnd);
  return (
    (seg.flags & Flag.ack) !== 0 &&
    seg.end === seg.seq &&
    seg.seq === conn.rcvNxt &&
    seg.ack === conn.sndUna &&
    !updates &&
    age <= Math.min(Math.max(conn.rto / 1000, 1), 1000)
  );
}

/** Where a segment lies against the window; a segment that ends beyond it passes only while nothing waits to be read. */
function outsideWindow(conn: Connection, seg: Segment): boolean {
  if (seqLt(seg.end, conn.rcvWup)) return true;
  const limit = seqAdd(conn.rcvNxt, receiveWindow(conn));
  if (!seqGt(seg.end, limit)) return false;
  return seqGt(seg.seq, limit) || !conn.receiveQueue.empty;
}

/** A RST for the sequence number of a FIN that was already taken (some stacks send FIN and RST together). */
const resetOfFin = (conn: Connection, seg: Segment): boolean =>
  seg.seq === ((conn.rcvNxt - 1) | 0) &&
  (conn.state === CLOSE_WAIT || conn.state === LAST_ACK || conn.state === CLOSING);

/** The errno a reset gives, by the state it meets (tcp_reset). */
export const resetError = (state: number): number => (state === CLOSE_WAIT ? Errno.EPIPE : Errno.ECONNRESET);

function synChallenge(conn: Connection): false {
  conn.services.counters.InErrs++;
  conn.services.counters.TCPSYNChallenge++;
  sendChallengeAck(conn, 'syn-in-connection');
  return false;
}

/** True if the segment may be processed; otherwise it has been answered or dropped as the rules say. */
export function acceptable(conn: Connection, seg: Segment): boolean {
  const { services } = conn;
  const rst = (seg.flags & Flag.rst) !== 0;
  const syn = (seg.flags & Flag.syn) !== 0;
  if (!rst && pawsRejects(conn, seg)) {
    if (syn) return synChallenge(conn);
    if (oldPureAck(conn, seg)) {
      services.counters.PAWSOldAck++;
      services.drop(conn, 'paws');
      return false;
    }
    services.counters.PAWSEstab++;
    services.drop(conn, 'paws');
    if (rateLimited(conn, seg)) services.counters.TCPACKSkippedPAWS++;
    else acknowledgeAgain(conn, seg);
    return false;
  }
  if (outsideWindow(conn, seg)) {
    if (rst) {
      if (resetOfFin(conn, seg)) reset(conn, resetError(conn.state), 'rst-received');
      else services.drop(conn, 'rst-out-of-window');
      return false;
    }
    if (syn) return synChallenge(conn);
    services.drop(conn, 'out-of-window');
    if (rateLimited(conn, seg)) services.counters.TCPACKSkippedSeq++;
    else acknowledgeAgain(conn, seg);
    return false;
  }
  if (rst) {
    const exact = seg.seq === conn.rcvNxt || resetOfFin(conn, seg) || seg.seq === highestSack(conn);
    if (exact) reset(conn, resetError(conn.state), 'rst-received');
    else {
      services.fastOpen.strangeReset(conn);
      sendChallengeAck(conn, 'rst-not-exact');
    }
    return false;
  }
  if (syn) {
    const simultaneous =
      conn.state === SYN_RECEIVED &&
      (seg.flags & Flag.ack) !== 0 &&
      seqAdd(seg.seq, 1) === seg.end &&
      seqAdd(seg.seq, 1) === conn.rcvNxt &&
      seg.ack === conn.sndNxt;
    if (!simultaneous) return synChallenge(conn);
  }
  return true;
}

/** The right edge of what is received out of order: where a peer that lost our ACKs may place its RST. */
function highestSack(conn: Connection): number | null {
  if (!conn.sackOk || conn.sackEdges.length === 0) return null;
  let highest = conn.sackEdges[1]!;
  for (let i = 3; i < conn.sackEdges.length; i += 2)
    if (seqGt(conn.sackEdges[i]!, highest)) highest = conn.sackEdges[i]!;
  return highest;
}
