/**
 * What an application does with a connection: open, listen, write, read, shut down, close (RFC 9293 section 3.9.1;
 * net/ipv4/tcp.c, 6.18). Each call returns a value or -errno; -EAGAIN means that it would block, and the owner is
 * woken when that may have changed. Nothing here waits.
 */
import type { Address } from '../../wire/address.ts';
import { seqAdd, seqDiff } from '../../wire/seq.ts';
import { Flag } from '../../wire/tcp.ts';
import type { Connection } from '../connection.ts';
import { Errno } from '../errno.ts';
import { Listener } from '../handshake/accept-queue.ts';
import { FastOpenBit, FastOpenFailure } from '../handshake/fast-open.ts';
import { newAttempt, sendSynWithData } from '../handshake/fast-open-active.ts';
import { advertisedMss, defaultMss, initialWindow, windowFromSpace } from '../handshake/negotiate.ts';
import { wakeAll } from '../poll.ts';
import { afterCopy } from '../receive/autotune.ts';
import { afterRead } from '../receive/delayed-ack.ts';
import { initializeRcvMss } from '../receive/receive.ts';
import { passedMark, readableAround, Urgent } from '../receive/urgent.ts';
import { initialRto } from '../recovery/rtt.ts';
import { forget } from '../recovery/state.ts';
import type { Route } from '../route.ts';
import { syncMss } from '../send/mss.ts';
import { beginSearch } from '../send/mtu-probe.ts';
import { sendActiveReset, transmit } from '../send/output.ts';
import { TxSegment } from '../send/send-queue.ts';
import { sendData, sendFin } from '../send/sender.ts';
import { armRetransmit } from '../send/timer.ts';
import {
  CLOSE_WAIT,
  CLOSED,
  CLOSING,
  ESTABLISHED,
  FIN_WAIT_1,
  FIN_WAIT_2,
  LAST_ACK,
  LISTEN,
  SYN_RECEIVED,
  SYN_SENT,
} from '../state.ts';
import { orphanInFinWait2 } from '../states/fin-wait-2.ts';
import { abort, needsReset, setState, terminate } from '../states/lifecycle.ts';
import { reuseTimeWait } from '../states/time-wait.ts';

const noBytes: Uint8Array = new Uint8Array(0);

/** The four-tuple and the route of an active open, chosen by the socket layer. */
interface OpenRequest {
  readonly local: Address;
  readonly localPort: number;
  readonly remote: Address;
  readonly remotePort: number;
  readonly route: Route;
}

/** Starts an active open: sends the SYN (RFC 9293 3.10.1). The tuple must be free. */
export function open(conn: Connection, request: OpenRequest): void {
  const { services } = conn;
  conn.local = request.local;
  conn.localPort = request.localPort;
  conn.remote = request.remote;
  conn.remotePort = request.remotePort;
  conn.family = request.remote.family;
  conn.route = request.route;
  conn.error = conn.softError = 0;
  conn.synData = conn.synFastOpen = conn.synDataAcked = conn.fastOpenTrial = false;
  conn.fastOpenFailure = FastOpenFailure.none;
  prepare(conn);
  const iss = reuseTimeWait(conn) ?? services.chooseIsn(conn);
  conn.iss = iss;
  conn.sndUna = conn.sndNxt = conn.sndSml = conn.sndUp = iss;
  conn.writeSeq = conn.pushedSeq = seqAdd(iss, 1);
  services.table.add(conn);
  setState(conn, SYN_SENT, 'active-open');
  if (conn.options.fastOpenConnect && conn.fastOpenAttempt === null) {
    // With a cookie the SYN waits for data; without one it asks for a cookie.
    conn.deferredConnect = services.fastOpen.permission(conn).data;
    if (conn.deferredConnect) return;
    conn.fastOpenAttempt = newAttempt(noBytes);
  }
  sendSyn(conn);
}

function sendSyn(conn: Connection): void {
  const { services } = conn;
  const syn = new TxSegment(conn.iss, Flag.syn, 0);
  conn.ecnSeen = conn.ecnDemandCwr = conn.ecnQueueCwr = false;
  syn.end = conn.writeSeq;
  conn.ecnRequested = services.sysctls.tcp_ecn === 1 || conn.route!.ecn === true;
  if (conn.ecnRequested) syn.flags |= Flag.ece | Flag.cwr;
  conn.sendQueue.append(syn);
  conn.retransmitsSince = services.now;
  conn.firstTsVal = services.timestamp(conn.tsOffset);
  conn.sendQueue.sendHead = null;
  syn.packets = 1;
  conn.packetsOut = 1;
  if (conn.fastOpenAttempt === null) transmit(conn, syn, conn.mssCache);
  else sendSynWithData(conn, syn, conn.fastOpenAttempt);
  conn.sndNxt = conn.pushedSeq = conn.writeSeq;
  services.counters.ActiveOpens++;
  armRetransmit(conn);
}

/**
 * A call that brings data for the SYN: sendmsg() with MSG_FASTOPEN, or the first write after a deferred connect
 * (tcp_sendmsg_fastopen). If connect() was deferred the SYN goes out now, otherwise with the `open` that must follow.
 * @returns 0, -EOPNOTSUPP if Fast Open is off, -EALREADY if another such call goes on
 */
export function beginFastOpen(conn: Connection, data: Uint8Array): number {
  if (!conn.services.fastOpen.on(FastOpenBit.client)) return -Errno.EOPNOTSUPP;
  if (conn.fastOpenAttempt !== null) return -Errno.EALREADY;
  conn.fastOpenAttempt = newAttempt(data);
  if (conn.deferredConnect && conn.state === SYN_SENT) sendSyn(conn);
  return 0;
}

/**
 * The call that `beginFastOpen` began has come to its end, or goes on as an ordinary one.
 * @returns bytes of its data that went with the SYN
 */
export function endFastOpen(conn: Connection): number {
  const copied = conn.fastOpenAttempt?.copied ?? 0;
  conn.fastOpenAttempt = null;
  conn.deferredConnect = false;
  return copied;
}

/** Everything that a SYN says of this side (tcp_connect_init). */
function prepare(conn: Connection): void {
  const { services } = conn;
  const route = conn.route!;
  const least = defaultMss(conn.family);
  conn.mssClamp = conn.options.userMss || least;
  conn.pmtu = route.mtu;
  conn.maxWindow = conn.sndWnd = conn.sndWl1 = 0;
  conn.stampedHeaders = services.sysctls.tcp_timestamps !== 0;
  beginSearch(conn);
  syncMss(conn);
  conn.advMss = advertisedMss(route, conn.family, conn.options.userMss);
  initializeRcvMss(conn);
  const space = windowFromSpace(conn.rcvBuf);
  if (conn.options.rcvBufLocked && (conn.windowClamp > space || conn.windowClamp === 0))
    conn.windowClamp = space;
  const chosen = initialWindow(
    space,
    conn.advMss,
    conn.windowClamp,
    services.sysctls.tcp_window_scaling !== 0,
    route.initrwnd,
    services.sysctls,
  );
  conn.rcvWnd = conn.rcvSsthresh = chosen.window;
  conn.rcvWscale = chosen.scale;
  conn.windowClamp = chosen.clamp;
  conn.rcvNxt = conn.rcvWup = conn.copiedSeq = 0;
  conn.rto = initialRto;
  conn.retransmits = conn.backoff = conn.totalRto = conn.srtt = 0;
  conn.tsRecent = 0;
  conn.tsRecentAt = -1;
  conn.tsOffset = services.chooseTsOffset(conn);
  conn.ipId = services.random() & 0xffff;
  conn.finReceived = false;
  forget(conn);
}

/** Makes a bound connection a listener; a second call only changes the backlog. */
export function listen(conn: Connection, backlog: number): void {
  if (conn.listener !== null) {
    conn.listener.backlog = backlog;
    return;
  }
  conn.listener = new Listener(backlog);
  const { fastOpen } = conn.services;
  const everywhere = fastOpen.on(FastOpenBit.server) && fastOpen.on(FastOpenBit.allListeners);
  if (everywhere && conn.fastOpenQueue === 0) conn.fastOpenQueue = backlog;
  setState(conn, LISTEN, 'passive-open');
  conn.services.listeners.add(conn);
}

/** Takes the first connection from a listener's queue, or null. */
export function accept(conn: Connection): Connection | null {
  const child = conn.listener?.accepted.shift() ?? null;
  if (child !== null) child.parent = null;
  return child;
}

/** Sends data; see `sendData`. */
export const send = (conn: Connection, data: Uint8Array, from: number, flags: number): number =>
  sendData(conn, data, from, flags);

/** Bytes that can be read without waiting. */
export const readable = (conn: Connection): number => {
  const inQueue = seqDiff(conn.rcvNxt, conn.copiedSeq) - (conn.finReceived ? 1 : 0);
  return conn.state === LISTEN || conn.state === SYN_SENT ? 0 : Math.max(inQueue, 0);
};

/** What TCP_INQ tells: bytes left to read, and 1 if only the peer's FIN is left, so that one reads on (tcp_inq_hint). */
export const inqHint = (conn: Connection): number => readable(conn) || (conn.finReceived ? 1 : 0);

/**
 * Reads up to `into.length` bytes.
 * @returns bytes read, 0 at the end of the stream, -EAGAIN if nothing is there yet, or another -errno
 */
export function receive(conn: Connection, into: Uint8Array, peek: boolean): number {
  if (conn.state === LISTEN) return -Errno.ENOTCONN;
  let skip = 0;
  let most = readable(conn);
  if (conn.urgentData !== Urgent.none) [skip, most] = readableAround(conn, most, peek);
  const n = Math.min(most, into.length);
  if (n > 0) {
    const first = Math.min(conn.receiveQueue.firstLength(conn.copiedSeq), n);
    conn.receiveQueue.read((conn.copiedSeq + skip) | 0, into.subarray(0, n), peek);
    if (!peek) {
      const copiedTo = seqAdd(conn.copiedSeq, first);
      conn.copiedSeq = seqAdd(conn.copiedSeq, n);
      passedMark(conn);
      afterCopy(conn, copiedTo);
      if (conn.state !== CLOSED) afterRead(conn, n);
    }
    return n;
  }
  if (into.length === 0) return 0;
  if (conn.finReceived) {
    // With it goes what the FIN took of the buffer.
    if (!peek) conn.receiveQueue.clear();
    return 0;
  }
  if (conn.error !== 0) return -takeError(conn);
  if ((conn.shutdown & 1) !== 0) return 0;
  if (conn.state === CLOSED) return -Errno.ENOTCONN;
  return -Errno.EAGAIN;
}

/** The pending error, which is told once (SO_ERROR). */
export function takeError(conn: Connection): number {
  const { error } = conn;
  conn.error = 0;
  return error;
}

/** Queues a FIN if the state calls for one (tcp_close_state). */
export function shutdownSend(conn: Connection): void {
  switch (conn.state) {
    case ESTABLISHED:
    case SYN_RECEIVED:
      setState(conn, FIN_WAIT_1, 'close-called');
      sendFin(conn);
      break;
    case CLOSE_WAIT:
      setState(conn, LAST_ACK, 'close-called');
      sendFin(conn);
      break;
    case SYN_SENT:
      terminate(conn, 'close-called');
      break;
  }
}

/**
 * Shuts down one or both directions.
 * @param how 1 receiving, 2 sending, 3 both (shutdown()'s argument plus one)
 * @returns 0 or -errno
 */
export function shutdown(conn: Connection, how: number): number {
  if (how < 1 || how > 3) return -Errno.EINVAL;
  const { state } = conn;
  if (state === CLOSED) {
    conn.shutdown |= how;
    conn.owner?.wake(conn, wakeAll);
    return -Errno.ENOTCONN;
  }
  if (state === SYN_SENT || state === LISTEN) {
    // A listener goes on if only sending is shut down.
    if (state === SYN_SENT || (how & 1) !== 0) disconnect(conn);
    return 0;
  }
  conn.shutdown |= how;
  // In SYN-RECEIVED the FIN waits for the end of the handshake.
  if ((how & 2) !== 0 && (state === ESTABLISHED || state === CLOSE_WAIT)) shutdownSend(conn);
  conn.owner?.wake(conn, wakeAll);
  return 0;
}

/** Closes a listener: what waits in its queues is reset (inet_csk_listen_stop). */
function stopListening(conn: Connection): void {
  const { services } = conn;
  const queue = conn.listener!;
  services.listeners.remove(conn);
  for (const child of queue.accepted) {
    child.parent = null;
    child.owner = null;
    child.orphaned = true;
    if (child.state !== CLOSED) abort(child, 'listener-closed');
  }
  for (const request of queue.requests()) request.drop('listener-closed');
  conn.listener = null;
  conn.rcvMss = smallestMss;
  setState(conn, CLOSED, 'close-called');
  services.onReleased?.(conn, false);
  conn.owner?.wake(conn, wakeAll);
}

/** The application lets go of a connection (tcp_close): FIN, or RST if it left data unread or asked for it. */
export function close(conn: Connection): void {
  const { services } = conn;
  conn.shutdown = 3;
  const unread = readable(conn);
  if (conn.state === LISTEN) stopListening(conn);
  else if (conn.state !== CLOSED) {
    if (unread > 0) {
      services.counters.TCPAbortOnClose++;
      orphan(conn);
      sendActiveReset(conn);
      terminate(conn, 'aborted');
      return;
    }
    if (conn.options.linger === 0) {
      services.counters.TCPAbortOnData++;
      orphan(conn);
      abort(conn, 'aborted');
      return;
    }
    conn.receiveQueue.clear();
    shutdownSend(conn);
  }
  orphan(conn);
  if (conn.state === FIN_WAIT_2) orphanInFinWait2(conn);
}

/** TCP_MIN_MSS: what is guessed of the peer's segments once a socket is used again. */
const smallestMss = 88;

function orphan(conn: Connection): void {
  conn.orphaned = true;
  conn.owner = null;
}

/** Dissolves a connection, as connect(AF_UNSPEC) does (tcp_disconnect): the socket can be used again. */
export function disconnect(conn: Connection): void {
  const { state } = conn;
  if (state === LISTEN) stopListening(conn);
  else if (state !== CLOSED) {
    // Whoever has to tell the peer, or was still calling, is told so, too.
    const unsent = (state === CLOSING || state === LAST_ACK) && conn.sndNxt !== conn.writeSeq;
    if (unsent) sendActiveReset(conn);
    const { owner } = conn;
    conn.owner = null;
    abort(conn, 'aborted');
    conn.owner = owner;
    if (unsent || needsReset(state) || state === SYN_SENT) conn.error = Errno.ECONNRESET;
  }
  endFastOpen(conn);
  conn.fastOpenFailure = FastOpenFailure.none;
  forget(conn);
  startAnew(conn);
  conn.owner?.wake(conn, wakeAll);
}

/** The numbers of a socket whose connection was dissolved; what is not named stays until it connects. */
function startAnew(conn: Connection): void {
  // The next connection's numbers are out of the last one's way.
  conn.writeSeq = seqAdd(conn.writeSeq, conn.maxWindow + 2) || 1;
  conn.copiedSeq = conn.rcvNxt;
  conn.receiveQueue.clear();
  conn.outOfOrder.clear();
  conn.totalRto = 0;
  conn.bytesAcked = conn.bytesReceived = conn.bytesSent = conn.bytesRetransmitted = 0;
  conn.segsIn = conn.segsOut = conn.dataSegsIn = conn.dataSegsOut = 0;
  conn.backoff = conn.probes = conn.srtt = conn.rttvar = conn.ato = conn.pingpong = conn.quickAcks = 0;
  conn.probesSince = -1;
  conn.cwnd = 10;
  conn.windowClamp = 0;
  conn.mdev = conn.rto = initialRto;
  conn.rcvMss = smallestMss;
  conn.urgentData = Urgent.none;
  // What tcp_rto_min_us was when the socket was made is forgotten (TCP_RTO_MIN).
  conn.rtoMin = 200_000;
  conn.windowScaling = conn.sackOk = conn.timestampsOk = false;
  // TCP_MAXSEG is kept with what the peer offered, and is forgotten with it.
  if (conn.options.userMss > 0) conn.setOption('userMss', 0);
  conn.shutdown = 0;
  conn.finReceived = conn.openedEarly = false;
}
