/**
 * SYN-RECEIVED (after the request became a connection, or in a simultaneous open) and all states after it
 * (RFC 9293 3.10.7.4; net/ipv4/tcp_input.c tcp_rcv_state_process and tcp_rcv_established, 6.18).
 */

import type { Segment } from '../../wire/segment.ts';
import { seqGt, seqLt } from '../../wire/seq.ts';
import { Flag } from '../../wire/tcp.ts';
import { updatePacingRate } from '../congestion/congestion.ts';
import { type Connection, Timer } from '../connection.ts';
import { Errno } from '../errno.ts';
import { releaseEarly } from '../handshake/fast-open.ts';
import { earlyConfirmed } from '../handshake/fast-open-passive.ts';
import type { Request } from '../handshake/request.ts';
import { acceptable, sendChallengeAck } from '../receive/acceptance.ts';
import { ackIfDue, enterQuickAck, initializeRcvMss, queueData } from '../receive/receive.ts';
import { rttSample } from '../recovery/rtt.ts';
import { allAcked, handleAck, wakeWriter } from '../send/ack.ts';
import { sendAck } from '../send/output.ts';
import { finTime } from '../send/retransmit.ts';
import { pushFrames } from '../send/sender.ts';
import { shutdownSend } from '../socket/socket-calls.ts';
import {
  CLOSE_WAIT,
  CLOSED,
  CLOSING,
  ESTABLISHED,
  FIN_WAIT_1,
  FIN_WAIT_2,
  LAST_ACK,
  SYN_RECEIVED,
} from '../state.ts';
import type { Tcp } from '../tcp.ts';
import { establish } from './established.ts';
import { done, enterTimeWait, reset, setState, timeWaitLength, wakeAll } from './lifecycle.ts';

/** A segment for a synchronized connection. */
export function synchronized(tcp: Tcp, conn: Connection, seg: Segment): void {
  if (conn.earlyRequest !== null && !fitsRequest(conn, conn.earlyRequest, seg)) return;
  if ((seg.flags & (Flag.ack | Flag.rst | Flag.syn)) === 0) {
    tcp.drop(conn, 'no-ack');
    return;
  }
  if (!acceptable(conn, seg)) return;
  if ((seg.flags & Flag.ack) === 0) {
    tcp.drop(conn, 'no-ack');
    return;
  }
  if (!onAck(tcp, conn, seg)) return;
  onEcn(conn, seg);
  if (!onData(tcp, conn, seg)) return;
  pushFrames(conn);
  wakeWriter(conn);
  ackIfDue(conn);
}

/** What a request would make of a segment holds for a connection opened early, too. */
function fitsRequest(conn: Connection, request: Request, seg: Segment): boolean {
  const retransmits = request.retransmits;
  const verdict = request.handle(seg);
  if (conn.state === SYN_RECEIVED) conn.totalRetransmits += request.retransmits - retransmits;
  if (verdict === 'acknowledge') sendAck(conn);
  if (verdict === 'reset') {
    releaseEarly(conn, true);
    reset(conn, Errno.ECONNRESET, 'rst-received');
  }
  return verdict === 'established';
}

/** Fifth, check the ACK field. False if the segment is done with. */
function onAck(tcp: Tcp, conn: Connection, seg: Segment): boolean {
  const established = conn.state === ESTABLISHED;
  const result = handleAck(conn, seg, established);
  if (conn.state === SYN_RECEIVED) {
    if (result !== 'ok') {
      tcp.drop(conn, 'unacceptable-ack');
      tcp.sendReset(seg);
      return false;
    }
    handshakeDone(conn, seg);
    return true;
  }
  if (result === 'future' || result === 'too-old') {
    const reason = result === 'future' ? 'future-ack' : 'old-ack';
    if (established) {
      if (result === 'future') tcp.drop(conn, reason);
    } else sendChallengeAck(conn, reason);
    return false;
  }
  if (result === 'old') return true;
  if (conn.earlyRequest !== null) earlyConfirmed(conn);
  switch (conn.state) {
    case FIN_WAIT_1:
      return !allAcked(conn) || finAcked(tcp, conn, seg);
    case CLOSING:
      if (!allAcked(conn)) return true;
      enterTimeWait(conn, false, timeWaitLength);
      return false;
    case LAST_ACK:
      if (!allAcked(conn)) return true;
      done(conn, 'fin-acked');
      return false;
  }
  return true;
}

/** SYN-RECEIVED → ESTABLISHED. */
function handshakeDone(conn: Connection, seg: Segment): void {
  // Neither a request's SYN+ACK nor a connection's own is in the send queue.
  conn.delivered++;
  if (conn.timestampsOk) conn.advMss -= 12;
  const early = conn.earlyRequest;
  if (early === null) {
    conn.retransmitsSince = -1;
    conn.totalRto = 0;
  } else {
    if (conn.srtt === 0 && early.retransmits === 0) rttSample(conn, conn.tcp.now - early.sentAt);
    earlyConfirmed(conn);
  }
  conn.sndWnd = seg.window << conn.sndWscale;
  conn.maxWindow = Math.max(conn.maxWindow, conn.sndWnd);
  conn.sndWl1 = seg.seq;
  setState(conn, ESTABLISHED, 'handshake-ack');
  if (early === null) establish(conn);
  updatePacingRate(conn);
  initializeRcvMss(conn);
  conn.lastSendAt = conn.tcp.now;
  conn.owner?.wake(conn, wakeAll);
  // close() or shutdown() came before the handshake was over: now the FIN may go.
  if ((conn.shutdown & 2) !== 0) shutdownSend(conn);
}

/** FIN-WAIT-1 → FIN-WAIT-2, which an orphan spends as a small record. */
function finAcked(tcp: Tcp, conn: Connection, seg: Segment): boolean {
  conn.shutdown |= 2;
  setState(conn, FIN_WAIT_2, 'fin-acked');
  if (!conn.orphaned) {
    conn.owner?.wake(conn, wakeAll);
    return true;
  }
  const fin = (seg.flags & Flag.fin) !== 0 ? 1 : 0;
  const dataAfterClose = seg.end !== seg.seq && seqGt((seg.end - fin) | 0, conn.rcvNxt);
  if (conn.options.linger2 < 0 || dataAfterClose) {
    tcp.counters.TCPAbortOnData++;
    if (dataAfterClose) tcp.sendReset(seg);
    done(conn, 'after-close');
    return false;
  }
  const wait = finTime(conn);
  if (wait > timeWaitLength || fin === 1) {
    const early = wait > timeWaitLength ? wait - timeWaitLength : wait;
    conn.keepaliveTimer = tcp.timers.cancel(conn.keepaliveTimer);
    conn.keepaliveTimer = tcp.timers.arm(conn, Timer.keepalive, tcp.now + early);
    return true;
  }
  enterTimeWait(conn, true, wait);
  return false;
}

/** Seventh and eighth: data and FIN. False if the connection is over. */
function onData(tcp: Tcp, conn: Connection, seg: Segment): boolean {
  switch (conn.state) {
    case CLOSE_WAIT:
    case CLOSING:
    case LAST_ACK:
      // After the peer's FIN there is only what came before it, again.
      if (!seqLt(seg.seq, conn.rcvNxt)) break;
      queueData(conn, seg);
      break;
    case FIN_WAIT_1:
    case FIN_WAIT_2: {
      const fin = (seg.flags & Flag.fin) !== 0 ? 1 : 0;
      const unread = seg.end !== seg.seq && seqGt((seg.end - fin) | 0, conn.rcvNxt);
      if ((conn.shutdown & 1) !== 0 && unread) {
        // Nobody will read it: the peer must not believe otherwise (RFC 1122 4.2.2.13).
        tcp.counters.TCPAbortOnData++;
        tcp.drop(conn, 'after-close');
        tcp.sendReset(seg);
        reset(conn, Errno.ECONNRESET, 'after-close');
        return false;
      }
      queueData(conn, seg);
      break;
    }
    case ESTABLISHED:
      queueData(conn, seg);
      break;
  }
  return conn.state !== CLOSED;
}

/** Congestion marks: seen ones are echoed until the sender says that it has slowed down (RFC 3168 section 6.1.3). */
function onEcn(conn: Connection, seg: Segment): void {
  if (!conn.ecnOk) return;
  if ((seg.flags & Flag.cwr) !== 0 && seg.payloadLength > 0) conn.ecnDemandCwr = false;
  if ((seg.trafficClass & 3) === 3 && seg.payloadLength > 0) {
    if (!conn.ecnDemandCwr) enterQuickAck(conn, 2);
    conn.ecnDemandCwr = true;
  }
}
