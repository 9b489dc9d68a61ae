/**
 * LISTEN: where an incoming SYN goes (RFC 9293 3.10.7.2; net/ipv4/tcp_input.c tcp_conn_request and
 * tcp_minisocks.c tcp_create_openreq_child, 6.18).
 */

import type { Address } from '../../wire/address.ts';
import type { Segment } from '../../wire/segment.ts';
import { seqAdd, seqGt } from '../../wire/seq.ts';
import { Flag } from '../../wire/tcp.ts';
import { initialCwnd } from '../congestion/congestion.ts';
import { Connection, type Route } from '../connection.ts';
import { openEarly, opensAtOnce } from '../handshake/fast-open-passive.ts';
import { advertisedMss, asksEcn, initialWindow, readOffer, windowFromSpace } from '../handshake/negotiate.ts';
import { Request } from '../handshake/request.ts';
import { checkCookie, cookieTimestamp, makeCookie, readCookieTimestamp } from '../handshake/syn-cookies.ts';
import { rttSample } from '../recovery/rtt.ts';
import { syncMss } from '../send/sender.ts';
import { LISTEN, SYN_RECEIVED } from '../state.ts';
import type { Tcp } from '../tcp.ts';
import { establish } from './established.ts';
import { Poll } from './lifecycle.ts';
import { synchronized } from './synchronized.ts';

/**
 * A segment for a listener.
 * @param iss the ISN to use if the tuple was in TIME-WAIT (RFC 9293 3.10.7.4 and RFC 6191), else null
 */
export function onListen(tcp: Tcp, listener: Connection, seg: Segment, iss: number | null): void {
  const { flags } = seg;
  if ((flags & Flag.rst) !== 0) {
    tcp.dropSegment(seg, 'rst-to-nobody');
    return;
  }
  if ((flags & Flag.ack) !== 0) {
    if ((flags & Flag.syn) === 0 && onCookieAck(tcp, listener, seg)) return;
    tcp.dropSegment(seg, 'ack-to-listener');
    tcp.sendReset(seg);
    return;
  }
  // SYN+FIN is never a connection request.
  if ((flags & Flag.syn) === 0 || (flags & Flag.fin) !== 0) {
    tcp.dropSegment(seg, 'not-syn');
    return;
  }
  onSyn(tcp, listener, seg, iss);
}

function onSyn(tcp: Tcp, listener: Connection, seg: Segment, iss: number | null): void {
  const queue = listener.listener!;
  const { sysctls, counters } = tcp;
  let cookie = false;
  if (sysctls.tcp_syncookies === 2 || (queue.requestsFull && iss === null)) {
    if (sysctls.tcp_syncookies === 0) {
      counters.TCPReqQFullDrop++;
      counters.ListenDrops++;
      tcp.dropSegment(seg, 'syn-queue-full');
      return;
    }
    counters.TCPReqQFullDoCookies++;
    cookie = true;
  }
  if (queue.acceptFull) {
    counters.ListenOverflows++;
    counters.ListenDrops++;
    tcp.dropSegment(seg, 'accept-queue-full');
    return;
  }
  const remote = seg.source();
  const route = tcp.environment.route(remote, seg.destination());
  if (route === null) return;
  const request = newRequest(tcp, listener, seg, remote, route);
  if (cookie) {
    if (!request.timestampsOk) {
      request.sndWscale = -1;
      request.sackOk = false;
      request.ecnOk = false;
    }
    sendCookie(tcp, request);
    return;
  }
  if (sysctls.tcp_syncookies === 0 && almostFull(listener, sysctls.tcp_max_syn_backlog)) {
    counters.ListenDrops++;
    tcp.dropSegment(seg, 'syn-queue-full');
    return;
  }
  request.iss = iss ?? tcp.chooseIsn(request);
  setWindow(tcp, request);
  if (listener.options.saveSyn > 0) request.savedSyn = tcp.headersOf(seg);
  if (opensAtOnce(tcp, request, seg)) {
    makeEarlyChild(tcp, request, seg);
    return;
  }
  tcp.table.add(request);
  queue.addRequest(request);
  tcp.stateChanged(request, LISTEN, SYN_RECEIVED, 'syn-received');
  request.arm();
  request.sendSynAck();
}

/** A listener with a connection to accept is readable. */
const readable = Poll.in | Poll.rdNorm;

/** Without cookies the last quarter of the SYN backlog is for peers known to be alive. */
const almostFull = (listener: Connection, most: number): boolean =>
  most - listener.listener!.requestCount < most >> 2;

function newRequest(tcp: Tcp, listener: Connection, seg: Segment, remote: Address, route: Route): Request {
  const request = new Request(listener, seg, remote, route, tcp.nextId());
  const offer = readOffer(seg, tcp.sysctls, listener.options.userMss);
  request.mss = offer.mss;
  request.sndWscale = offer.windowScale;
  request.sackOk = offer.sack;
  request.timestampsOk = offer.timestamps;
  request.tsRecent = offer.tsVal;
  request.advMss = advertisedMss(route, seg.family, listener.options.userMss);
  request.tsOffset = tcp.chooseTsOffset(request);
  const ect = (seg.trafficClass & 3) !== 0;
  request.ecnOk = asksEcn(seg.flags) && !ect && (tcp.sysctls.tcp_ecn > 0 || route.ecn === true);
  return request;
}

/** The window that the SYN+ACK offers. A listener's receive buffer is that of its children. */
function setWindow(tcp: Tcp, request: Request): void {
  const { listener } = request;
  const mss = request.advMss - (request.timestampsOk ? 12 : 0);
  const space = windowFromSpace(listener.rcvBuf);
  const clamp =
    listener.options.rcvBufLocked && (listener.windowClamp > space || listener.windowClamp === 0)
      ? space
      : listener.windowClamp;
  const chosen = initialWindow(
    space,
    mss,
    clamp,
    request.sndWscale >= 0,
    request.route.initrwnd,
    tcp.sysctls,
  );
  request.rcvWnd = chosen.window;
  request.rcvWscale = chosen.scale;
  request.windowClamp = chosen.clamp;
}

function sendCookie(tcp: Tcp, request: Request): void {
  request.isCookie = true;
  request.iss = makeCookie(request, tcp.cookieKeys, tcp.now);
  setWindow(tcp, request);
  tcp.counters.SyncookiesSent++;
  tcp.noteTuple(request, 'note', 'syn-cookie-sent');
  request.sendSynAck(
    request.timestampsOk ? (cookieTimestamp(request, tcp.clockMs()) + request.tsOffset) | 0 : null,
  );
}

/** An ACK to a listener may carry a cookie, if any was sent of late. */
function onCookieAck(tcp: Tcp, listener: Connection, seg: Segment): boolean {
  if (tcp.sysctls.tcp_syncookies === 0 || tcp.counters.SyncookiesSent === 0) return false;
  const content = checkCookie(seg, tcp.cookieKeys, tcp.now);
  if (content === null) {
    tcp.counters.SyncookiesFailed++;
    return false;
  }
  const remote = seg.source();
  const route = tcp.environment.route(remote, seg.destination());
  if (route === null) return false;
  tcp.counters.SyncookiesRecv++;
  const request = new Request(listener, seg, remote, route, tcp.nextId());
  const fields = request as { irs: number };
  fields.irs = content.irs;
  request.iss = content.iss;
  request.mss = content.mss;
  request.isCookie = true;
  request.advMss = advertisedMss(route, seg.family, listener.options.userMss);
  request.tsOffset = tcp.chooseTsOffset(request);
  if (seg.hasTimestamps && tcp.sysctls.tcp_timestamps !== 0) {
    const echoed = readCookieTimestamp((seg.tsEcr - request.tsOffset) | 0);
    request.timestampsOk = true;
    request.tsRecent = seg.tsVal;
    request.sndWscale = echoed.windowScale;
    request.sackOk = echoed.sack;
    request.ecnOk = echoed.ecn;
  }
  setWindow(tcp, request);
  if (listener.listener!.acceptFull) {
    tcp.counters.ListenOverflows++;
    tcp.counters.ListenDrops++;
    tcp.dropSegment(seg, 'accept-queue-full');
    return true;
  }
  tcp.table.add(request);
  makeChild(tcp, request, seg);
  return true;
}

/** The handshake's last ACK reached a request: makes the connection, or leaves the request if there is no room. */
export function onHandshakeAck(tcp: Tcp, request: Request, seg: Segment): void {
  const queue = request.listener.listener;
  if (queue === null) {
    request.drop('listener-closed');
    tcp.sendReset(seg);
    return;
  }
  if (queue.acceptFull) {
    tcp.counters.ListenOverflows++;
    tcp.counters.ListenDrops++;
    tcp.dropTuple(request, 'accept-queue-full');
    if (tcp.sysctls.tcp_abort_on_overflow !== 0) {
      tcp.counters.EmbryonicRsts++;
      tcp.sendReset(seg);
      request.drop('accept-queue-full');
    } else request.acked = true;
    return;
  }
  request.timer = tcp.timers.cancel(request.timer);
  queue.removeRequest(request);
  makeChild(tcp, request, seg);
}

function makeChild(tcp: Tcp, request: Request, seg: Segment): void {
  const { listener } = request;
  const child = childOf(tcp, request, seg);
  tcp.table.replace(request, child);
  tcp.counters.PassiveOpens++;
  if (request.retransmits === 0 && request.sentAt >= 0) rttSample(child, tcp.now - request.sentAt);
  else if (child.srtt === 0 && request.retransmits > 0) child.rto = 3_000_000;
  child.parent = listener;
  listener.listener!.accepted.push(child);
  synchronized(tcp, child, seg);
  listener.owner?.wake(listener, readable);
}

/** Fast Open: the connection is made by the SYN, and waits to be accepted although its SYN+ACK is unanswered. */
function makeEarlyChild(tcp: Tcp, request: Request, seg: Segment): void {
  const { listener } = request;
  const queue = listener.listener!;
  const child = childOf(tcp, request, seg);
  child.segsIn = 1;
  if (seg.payloadLength > 0) child.dataSegsIn = 1;
  tcp.table.add(child);
  tcp.counters.PassiveOpens++;
  tcp.stateChanged(child, LISTEN, SYN_RECEIVED, 'fast-open-accepted');
  child.parent = listener;
  establish(child);
  openEarly(tcp, child, request, queue, seg);
  request.sendSynAck();
  queue.accepted.push(child);
  listener.owner?.wake(listener, readable);
}

/** A connection in SYN-RECEIVED with what the request knew. */
function childOf(tcp: Tcp, request: Request, seg: Segment): Connection {
  const { listener } = request;
  // All options are the listener's, but for those of its queue: TCP_DEFER_ACCEPT, the Fast Open limit and keys
  // (inet_csk_clone_lock, 6.18; test/kernel/inherited.test.ts).
  const child = new Connection(tcp, request.id, listener.options.with('deferAccept', 0));
  child.sndBuf = listener.sndBuf;
  child.rcvBuf = listener.rcvBuf;
  // Also that shutdown() was called before listen(), as in Linux: such a child ends at once.
  child.shutdown = listener.shutdown;
  child.state = SYN_RECEIVED;
  child.family = request.local.family;
  child.local = request.local;
  child.localPort = request.localPort;
  child.remote = request.remote;
  child.remotePort = request.remotePort;
  child.route = request.route;
  child.pmtu = request.route.mtu;
  child.iss = request.iss;
  child.sndUna = child.sndNxt = child.writeSeq = child.pushedSeq = child.sndSml = seqAdd(request.iss, 1);
  child.irs = request.irs;
  child.rcvNxt = child.rcvWup = child.copiedSeq = child.lastAckSent = seqAdd(request.irs, 1);
  child.rcvWnd = child.rcvSsthresh = request.rcvWnd;
  child.windowClamp = request.windowClamp;
  child.windowScaling = request.sndWscale >= 0;
  child.sndWscale = Math.max(request.sndWscale, 0);
  child.rcvWscale = child.windowScaling ? request.rcvWscale : 0;
  if (!child.windowScaling) child.windowClamp = Math.min(child.windowClamp, 65535);
  child.sndWl1 = request.irs;
  child.sndWnd = seg.window << child.sndWscale;
  child.maxWindow = child.sndWnd;
  child.sackOk = request.sackOk;
  child.timestampsOk = request.timestampsOk;
  child.tsRecent = request.tsRecent;
  child.tsRecentAt = request.timestampsOk ? tcp.now : -1;
  child.tsOffset = request.tsOffset;
  child.ecnOk = request.ecnOk;
  child.mssClamp = request.mss;
  child.advMss = request.advMss;
  child.ipId = tcp.random() & 0xffff;
  child.cwnd = initialCwnd(child);
  child.savedSyn = request.savedSyn;
  child.totalRetransmits = request.retransmits;
  syncMss(child);
  if (seqGt(seg.end, child.rcvNxt) && seg.payloadLength >= 536) child.lastSegmentSize = seg.payloadLength;
  return child;
}
