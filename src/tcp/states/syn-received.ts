/**
 * SYN-RECEIVED of a connection: one that Fast Open made early, one made of a request by the handshake's last ACK, or
 * one end of a simultaneous open (RFC 9293 3.10.7.4, fifth; net/ipv4/tcp_input.c tcp_rcv_state_process, 6.18). Before
 * that a half-open connection is a `Request` (handshake/request.ts).
 */
import type { Segment } from '../../wire/segment.ts';
import { updatePacingRate } from '../congestion/cwnd.ts';
import type { Connection, EarlyRequest } from '../connection.ts';
import { Errno } from '../errno.ts';
import { earlyConfirmed } from '../handshake/fast-open-passive.ts';
import { wakeAll } from '../poll.ts';
import { initializeRcvMss } from '../receive/receive.ts';
import { rttSample } from '../recovery/rtt.ts';
import { shutdownSend } from '../socket/socket-calls.ts';
import { ESTABLISHED, SYN_RECEIVED } from '../state.ts';
import { establish, forgiveTimeout } from './established.ts';
import { releaseEarly, reset, setState } from './lifecycle.ts';

/** What a request would make of a segment holds for a connection opened early, too. */
export function fitsRequest(conn: Connection, request: EarlyRequest, seg: Segment): boolean {
  const retransmits = request.retransmits;
  const verdict = request.handle(seg);
  if (conn.state === SYN_RECEIVED) conn.totalRetransmits += request.retransmits - retransmits;
  if (verdict === 'acknowledge') request.sendAck(conn.sndNxt);
  if (verdict === 'reset') {
    releaseEarly(conn, true);
    reset(conn, Errno.ECONNRESET, 'rst-received');
  }
  return verdict === 'established';
}

/** SYN-RECEIVED → ESTABLISHED. */
export function handshakeDone(conn: Connection, seg: Segment): void {
  // Neither a request's SYN+ACK nor a connection's own is in the send queue.
  conn.delivered++;
  if (conn.timestampsOk) conn.advMss -= 12;
  const early = conn.earlyRequest;
  if (early === null) {
    forgiveTimeout(conn, seg);
    conn.retransmitsSince = -1;
  } else {
    if (conn.srtt === 0 && early.retransmits === 0) rttSample(conn, conn.services.now - early.sentAt);
    earlyConfirmed(conn);
  }
  conn.sndWnd = seg.window << conn.sndWscale;
  conn.maxWindow = Math.max(conn.maxWindow, conn.sndWnd);
  conn.sndWl1 = seg.seq;
  setState(conn, ESTABLISHED, 'handshake-ack');
  if (early === null) establish(conn);
  updatePacingRate(conn);
  initializeRcvMss(conn);
  conn.lastSendAt = conn.services.now;
  conn.owner?.wake(conn, wakeAll);
  // close() or shutdown() came before the handshake was over: now the FIN may go.
  if ((conn.shutdown & 2) !== 0) shutdownSend(conn);
}
