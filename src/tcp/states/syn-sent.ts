/**
 * SYN-SENT: the answer to our SYN (RFC 9293 3.10.7.3; net/ipv4/tcp_input.c tcp_rcv_synsent_state_process, 6.18).
 */

import type { Segment } from '../../wire/segment.ts';
import { seqAdd, seqDiff, seqGt, seqLe } from '../../wire/seq.ts';
import { Flag } from '../../wire/tcp.ts';
import { type Connection, type ConnectionServices, Timer } from '../connection.ts';
import { EcnMode, modeOfAnswer, reflectionOf } from '../ecn.ts';
import { Errno } from '../errno.ts';
import { onFastOpenSynAck } from '../handshake/fast-open-active.ts';
import { asksEcn, readOffer } from '../handshake/negotiate.ts';
import { wakeAll } from '../poll.ts';
import { enterQuickAck } from '../receive/delayed-ack.ts';
import { initializeRcvMss } from '../receive/receive.ts';
import { sendResetFor } from '../reset.ts';
import { handleAck, storeTimestamp } from '../send/ack.ts';
import { syncMss } from '../send/mss.ts';
import { beginSearch } from '../send/mtu-probe.ts';
import { sendAck, transmit } from '../send/output.ts';
import { pushFrames } from '../send/sender.ts';
import { armRetransmit } from '../send/timer.ts';
import { ackCompletions } from '../socket/tell.ts';
import { ESTABLISHED, SYN_RECEIVED } from '../state.ts';
import { establish, forgiveTimeout } from './established.ts';
import { reset, setState } from './lifecycle.ts';

/** µs: two of the kernel's ticks of 4 ms (TCP_TIMEOUT_MIN), which end 8 to 12 ms from now. */
const shortestTimeout = 10_000;

/** A segment for a connection that waits for SYN+ACK. */
export function onSynSent(services: ConnectionServices, conn: Connection, seg: Segment): void {
  const { flags } = seg;
  if ((flags & Flag.ack) !== 0) {
    if (seqLe(seg.ack, conn.sndUna) || seqGt(seg.ack, conn.sndNxt)) {
      // An old connection's answer: reset it, and try again soon.
      if (conn.retransmits === 0 && conn.retransmitTimer >= 0) armRetransmit(conn, shortestTimeout);
      unacceptable(services, conn, seg);
      return;
    }
    if (!echoPlausible(conn, seg)) {
      services.counters.PAWSActive++;
      unacceptable(services, conn, seg);
      return;
    }
    if ((flags & Flag.rst) !== 0) {
      reset(conn, Errno.ECONNREFUSED, 'refused');
      return;
    }
    if ((flags & Flag.syn) === 0) {
      services.drop(conn, 'not-syn');
      return;
    }
    onSynAck(services, conn, seg);
    return;
  }
  // A RST without ACK proves nothing (RFC 9293 3.10.7.3, second).
  if ((flags & Flag.rst) !== 0) {
    services.drop(conn, 'rst-not-exact');
    return;
  }
  if ((flags & Flag.syn) !== 0) onSyn(conn, seg);
  else services.drop(conn, 'no-ack');
}

function unacceptable(services: ConnectionServices, conn: Connection, seg: Segment): void {
  services.drop(conn, 'unacceptable-ack');
  if ((seg.flags & Flag.rst) === 0) sendResetFor(services, seg);
}

/** The timestamp echoed must be one that this attempt sent. */
function echoPlausible(conn: Connection, seg: Segment): boolean {
  if (!seg.hasTimestamps || conn.services.sysctls.tcp_timestamps === 0 || seg.tsEcr === 0) return true;
  const now = conn.services.timestamp(conn.tsOffset);
  return seqDiff(seg.tsEcr, conn.firstTsVal) >= 0 && seqDiff(now, seg.tsEcr) >= 0;
}

function takeOffer(conn: Connection, seg: Segment): void {
  const offer = readOffer(seg, conn.services.sysctls, conn.options.userMss);
  // Without the option what was taken for granted stays, which Fast Open may have raised.
  if (seg.mss > 0) conn.mssClamp = offer.mss;
  conn.windowScaling = offer.windowScale >= 0;
  conn.sndWscale = Math.max(offer.windowScale, 0);
  conn.sackOk = offer.sack;
  conn.timestampsOk = conn.stampedHeaders = offer.timestamps;
  if (!offer.timestamps) return;
  conn.rcvTsEcr = offer.tsEcr;
  storeTimestamp(conn, seg);
}

function onSynAck(services: ConnectionServices, conn: Connection, seg: Segment): void {
  conn.ecnMode = conn.ecnRequested ? modeOfAnswer(seg.flags) : EcnMode.off;
  conn.ecnRequested = false;
  if (conn.ecnMode === EcnMode.accurate) conn.ecnReflection = reflectionOf(seg.trafficClass);
  takeOffer(conn, seg);
  // Of a SYN alone 6.18 does not draw this conclusion: its own scale stays in force in a simultaneous open.
  if (!conn.windowScaling) {
    conn.rcvWscale = 0;
    conn.windowClamp = Math.min(conn.windowClamp, 65535);
  }
  conn.sndWl1 = seg.seq;
  forgiveTimeout(conn, seg);
  handleAck(conn, seg, true);
  if (conn.completions !== null) ackCompletions(conn);
  conn.irs = seg.seq;
  conn.rcvNxt = conn.rcvWup = conn.copiedSeq = seqAdd(seg.seq, 1);
  // The window of a SYN is never scaled.
  conn.sndWnd = seg.window;
  conn.maxWindow = Math.max(conn.maxWindow, seg.window);
  syncMss(conn);
  initializeRcvMss(conn);
  if (conn.timestampsOk) conn.advMss -= 12;
  conn.lastDataAt = services.now;
  conn.retransmitsSince = -1;
  setState(conn, ESTABLISHED, 'syn-ack-received');
  establish(conn);
  const sentAgain = (conn.synFastOpen || conn.synData) && onFastOpenSynAck(conn, seg);
  conn.owner?.wake(conn, wakeAll);
  // Header prediction begins where windows are not scaled; else with the next window (tcp_finish_connect).
  conn.fastPath = conn.sndWscale === 0;
  if (!sentAgain) acknowledgeSynAck(conn);
  pushFrames(conn);
}

function acknowledgeSynAck(conn: Connection): void {
  const { services } = conn;
  if (
    conn.writePending ||
    conn.options.deferAccept > 0 ||
    conn.pingpong >= services.sysctls.tcp_pingpong_thresh
  ) {
    // The first data shall carry the ACK.
    conn.ackPending = true;
    enterQuickAck(conn);
    conn.delayedAckTimer = services.timers.cancel(conn.delayedAckTimer);
    conn.delayedAckTimer = services.timers.arm(conn, Timer.delayedAck, services.now + 200_000);
  } else sendAck(conn);
  conn.ecnReflection = -1;
}

/** A SYN without ACK: both sides opened at once (RFC 9293 section 3.5, figure 7). */
function onSyn(conn: Connection, seg: Segment): void {
  setState(conn, SYN_RECEIVED, 'simultaneous-syn');
  takeOffer(conn, seg);
  conn.irs = seg.seq;
  conn.rcvNxt = conn.rcvWup = conn.copiedSeq = seqAdd(seg.seq, 1);
  conn.sndWnd = seg.window;
  conn.maxWindow = seg.window;
  conn.sndWl1 = seg.seq;
  conn.ecnMode = asksEcn(seg.flags) && conn.ecnRequested ? EcnMode.classic : EcnMode.off;
  conn.ecnRequested = false;
  beginSearch(conn);
  syncMss(conn);
  initializeRcvMss(conn);
  // The SYN in the queue goes out again, now with ACK; its timer runs on.
  const syn = conn.sendQueue.head!;
  syn.flags = Flag.syn | Flag.ack | (conn.ecnMode !== EcnMode.off ? syn.flags & Flag.ece : 0);
  transmit(conn, syn, conn.mssCache);
}
