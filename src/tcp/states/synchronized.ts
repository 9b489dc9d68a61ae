/**
 * SYN-RECEIVED (after the request became a connection, or in a simultaneous open) and all states after it
 * (RFC 9293 3.10.7.4; net/ipv4/tcp_input.c tcp_rcv_state_process and tcp_rcv_established, 6.18).
 */

import type { Segment } from '../../wire/segment.ts';
import { seqGt, seqLt } from '../../wire/seq.ts';
import { Flag } from '../../wire/tcp.ts';
import type { Connection, ConnectionServices } from '../connection.ts';
import { earlyConfirmed } from '../handshake/fast-open-passive.ts';
import { acceptable, resetError, sendChallengeAck } from '../receive/acceptance.ts';
import { measureEcho } from '../receive/autotune.ts';
import { ackIfDue } from '../receive/delayed-ack.ts';
import { acceptCwr, countMark } from '../receive/ecn.ts';
import { isPredicted } from '../receive/fast-path.ts';
import { queueData } from '../receive/receive.ts';
import { takeUrgent, Urgent } from '../receive/urgent.ts';
import { sendResetFor } from '../reset.ts';
import { allAcked, handleAck, takeTimestamp } from '../send/ack.ts';
import { wakeWriter } from '../send/send-buffer.ts';
import { pushFrames } from '../send/sender.ts';
import { ackCompletions } from '../socket/tell.ts';
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
import { finAcked } from './fin-wait-2.ts';
import { enterTimeWait, reset, terminate, timeWaitLength } from './lifecycle.ts';
import { fitsRequest, handshakeDone } from './syn-received.ts';

/** A segment for a synchronized connection. */
export function synchronized(services: ConnectionServices, conn: Connection, seg: Segment): void {
  if (conn.earlyRequest !== null && !fitsRequest(conn, conn.earlyRequest, seg)) return;
  if ((seg.flags & (Flag.ack | Flag.rst | Flag.syn)) === 0) {
    services.drop(conn, 'no-ack');
    return;
  }
  if (!acceptable(conn, seg)) return;
  if ((seg.flags & Flag.ack) === 0) {
    services.drop(conn, 'no-ack');
    return;
  }
  const predicted = conn.state === ESTABLISHED && isPredicted(conn, seg);
  // What brings data as foreseen is not looked at for its ACK if that says nothing new.
  if (predicted && seg.payloadLength > 0 && seg.ack === conn.sndUna && conn.earlyRequest === null)
    onForeseenData(conn, seg);
  else if (!onAck(services, conn, seg)) return;
  if ((seg.flags & Flag.urg) !== 0 || conn.urgentData === Urgent.awaited) takeUrgent(conn, seg);
  if (!onData(services, conn, seg, predicted)) return;
  pushFrames(conn);
  wakeWriter(conn);
  // A foreseen ACK without data does not bring an ACK that is owed: that has a timer (tcp_rcv_established).
  if (!predicted || seg.payloadLength > 0) ackIfDue(conn);
}

/** The little that the kernel does of the fifth step for such a segment: an error remembered stays, for one. */
function onForeseenData(conn: Connection, seg: Segment): void {
  measureEcho(conn, seg);
  countMark(conn, seg);
  takeTimestamp(conn, seg);
  conn.sndWl1 = seg.seq;
}

/** Fifth, check the ACK field. False if the segment is done with. */
function onAck(services: ConnectionServices, conn: Connection, seg: Segment): boolean {
  const established = conn.state === ESTABLISHED;
  if (established) {
    measureEcho(conn, seg);
    countMark(conn, seg);
  }
  const result = handleAck(conn, seg, established);
  if (result === 'ok' || result === 'old') acceptCwr(conn, seg);
  if (conn.completions !== null) ackCompletions(conn);
  if (conn.state === SYN_RECEIVED) {
    if (result !== 'ok') {
      services.drop(conn, 'unacceptable-ack');
      sendResetFor(services, seg);
      return false;
    }
    handshakeDone(conn, seg);
    return true;
  }
  if (result === 'future' || result === 'too-old') {
    const reason = result === 'future' ? 'future-ack' : 'old-ack';
    // In ESTABLISHED one that is too old was answered where it was found.
    if (result === 'future' || !established) sendChallengeAck(conn, reason);
    return false;
  }
  if (result === 'old') return true;
  if (conn.earlyRequest !== null) earlyConfirmed(conn);
  switch (conn.state) {
    case FIN_WAIT_1:
      return !allAcked(conn) || finAcked(conn, seg);
    case CLOSING:
      if (!allAcked(conn)) return true;
      enterTimeWait(conn, false, timeWaitLength);
      return false;
    case LAST_ACK:
      if (!allAcked(conn)) return true;
      terminate(conn, 'fin-acked');
      return false;
  }
  return true;
}

/** Data where reading may be over: the peer must not believe that anybody reads it (RFC 1122 4.2.2.13). */
function takeAfterShutdown(services: ConnectionServices, conn: Connection, seg: Segment): boolean {
  const fin = (seg.flags & Flag.fin) !== 0 ? 1 : 0;
  const unread = seg.end !== seg.seq && seqGt((seg.end - fin) | 0, conn.rcvNxt);
  if ((conn.shutdown & 1) !== 0 && unread) {
    services.counters.TCPAbortOnData++;
    services.drop(conn, 'after-close');
    sendResetFor(services, seg);
    reset(conn, resetError(conn.state), 'after-close');
    return false;
  }
  queueData(conn, seg);
  return conn.state !== CLOSED;
}

/** Seventh and eighth: data and FIN. False if the connection is over. */
function onData(services: ConnectionServices, conn: Connection, seg: Segment, predicted: boolean): boolean {
  switch (conn.state) {
    case CLOSE_WAIT:
    case CLOSING:
    case LAST_ACK:
      // After the peer's FIN there is only what came before it, again.
      if (!seqLt(seg.seq, conn.rcvNxt)) break;
      return takeAfterShutdown(services, conn, seg);
    case FIN_WAIT_1:
    case FIN_WAIT_2:
      return takeAfterShutdown(services, conn, seg);
    case ESTABLISHED:
      queueData(conn, seg, predicted);
      break;
  }
  return conn.state !== CLOSED;
}
