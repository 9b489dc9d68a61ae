/**
 * The passive side of TCP Fast Open (RFC 7413 section 4.2.2): a SYN with a valid cookie makes a connection at once,
 * which can be accepted, read and written while its SYN+ACK is still unanswered (net/ipv4/tcp_fastopen.c
 * tcp_try_fastopen, tcp_timer.c tcp_fastopen_synack_timer, tcp_input.c tcp_rcv_synrecv_state_fastopen, 6.18).
 */
import type { Segment } from '../../wire/segment.ts';
import { inFlight } from '../congestion/cwnd.ts';
import { CaState } from '../congestion/state.ts';
import type { Connection, ConnectionServices, EarlyRequest } from '../connection.ts';
import { takeSynData } from '../receive/receive.ts';
import { enterLoss } from '../recovery/alert.ts';
import { initialRto } from '../recovery/rtt.ts';
import { writeError } from '../send/give-up.ts';
import { armRetransmit, armSynAck } from '../send/timer.ts';
import { releaseEarly } from '../states/lifecycle.ts';
import type { Listener } from './accept-queue.ts';
import { FastOpenBit } from './fast-open.ts';
import type { Request } from './request.ts';

/** Without a sample of the round-trip time the time-out is 3 s from the handshake on (RFC 6298 section 5.7). */
const rtoWithoutSample = 3_000_000;

/**
 * Decides whether a SYN opens a connection at once; if not, puts the cookie to hand out into the request.
 * @returns true if the caller shall make the connection
 */
export function opensAtOnce(services: ConnectionServices, request: Request, seg: Segment): boolean {
  const { fastOpen, counters } = services;
  const { listener } = request;
  const asked = seg.cookieLength;
  if (asked === 0) counters.TCPFastOpenCookieReqd++;
  const anything = seg.payloadLength > 0 || asked >= 0;
  if (!fastOpen.on(FastOpenBit.server) || !anything || !hasRoom(services, listener)) return false;
  if (fastOpen.on(FastOpenBit.serverNoCookie) || listener.options.fastOpenNoCookie) return true;
  if (asked < 0) return false;
  const handOut = (cookie: Uint8Array | null): void => {
    if (cookie === null) return;
    request.cookie = { bytes: cookie, experimental: seg.cookieExperimental };
    services.note(request, 'note', 'fast-open-cookie-sent');
  };
  const cookieBy = (which: number): Uint8Array | null =>
    fastOpen.cookieFor(request.remote, request.local, which, listener.fastOpenKeys);
  const own = cookieBy(0)!;
  if (asked > 0) {
    if (matches(own, seg)) return true;
    if (matches(cookieBy(1), seg)) {
      // Made with the key before: good once more, and the answer brings one of today's.
      counters.TCPFastOpenPassiveAltKey++;
      handOut(own);
      return true;
    }
    counters.TCPFastOpenPassiveFail++;
    services.note(request, 'note', 'fast-open-rejected');
  }
  handOut(own);
  return false;
}

function matches(cookie: Uint8Array | null, seg: Segment): boolean {
  return (
    cookie !== null &&
    cookie.length === seg.cookieLength &&
    cookie.every((byte, i) => byte === seg.bytes[seg.cookieOffset + i])
  );
}

/** Whether the listener's limit (TCP_FASTOPEN) allows one more; resets long enough ago no longer count. */
function hasRoom(services: ConnectionServices, { listener, fastOpenQueue }: Connection): boolean {
  const queue = listener!;
  if (fastOpenQueue === 0) return false;
  if (queue.fastOpenPending < fastOpenQueue) return true;
  const oldest = queue.fastOpenResets[0];
  if (oldest === undefined || oldest > services.now) {
    services.counters.TCPFastOpenListenOverflow++;
    return false;
  }
  queue.fastOpenResets.shift();
  queue.fastOpenPending--;
  return true;
}

/** Makes a fresh child the early connection of its request: with the SYN's data, and the SYN+ACK's timer running. */
export function openEarly(
  services: ConnectionServices,
  child: Connection,
  request: Request,
  queue: Listener<Connection>,
  seg: Segment,
): void {
  child.earlyRequest = request;
  child.openedEarly = true;
  request.early = true;
  queue.fastOpenPending++;
  // The window of a SYN is never scaled.
  child.sndWnd = child.maxWindow = seg.window;
  child.rto = child.rttvar = child.mdev = child.mdevMax = rtoWithoutSample;
  takeSynData(child, seg);
  request.rcvNxt = child.rcvWup = child.rcvNxt;
  armSynAck(child, initialRto);
  services.counters.TCPFastOpenPassive++;
}

/** The SYN+ACK's timer of an early connection: nothing else is sent again before the client has answered. */
export function onSynAckTimer(conn: Connection, request: EarlyRequest): void {
  const { services } = conn;
  conn.retransmitTimer = -1;
  services.counters.TCPTimeouts++;
  // One more than without Fast Open: the application may already be at work.
  if (request.timeouts >= (conn.options.synRetries || services.sysctls.tcp_synack_retries + 1)) {
    writeError(conn);
    return;
  }
  if (conn.retransmits === 1) {
    enterLoss(conn);
    conn.cwnd = inFlight(conn) + 1;
  }
  request.resend();
  conn.totalRetransmits++;
  request.timeouts++;
  conn.retransmits++;
  conn.totalRto++;
  if (conn.retransmitsSince < 0) conn.retransmitsSince = services.now;
  armSynAck(conn, initialRto * 2 ** request.timeouts);
}

/** The client answered the SYN+ACK: from now on the timer is for data. */
export function earlyConfirmed(conn: Connection): void {
  if (conn.caState === CaState.loss && conn.packetsOut === 0) conn.caState = CaState.open;
  conn.retransmits = 0;
  if (conn.retransOut === 0) conn.retransmitsSince = -1;
  releaseEarly(conn, false);
  if (conn.packetsOut > 0) armRetransmit(conn);
  else conn.retransmitTimer = conn.services.timers.cancel(conn.retransmitTimer);
}
