/**
 * LISTEN: where an incoming SYN goes (RFC 9293 3.10.7.2; net/ipv4/tcp_input.c tcp_conn_request and
 * tcp_minisocks.c tcp_create_openreq_child, 6.18).
 */

import type { Address } from '../../wire/address.ts';
import type { Segment } from '../../wire/segment.ts';
import { Flag } from '../../wire/tcp.ts';
import type { Connection, ConnectionServices } from '../connection.ts';
import { makeChild, makeEarlyChild } from '../handshake/child.ts';
import { opensAtOnce } from '../handshake/fast-open-passive.ts';
import { advertisedMss, asksEcn, initialWindow, readOffer, windowFromSpace } from '../handshake/negotiate.ts';
import { Request } from '../handshake/request.ts';
import { checkCookie, cookieTimestamp, makeCookie, readCookieTimestamp } from '../handshake/syn-cookies.ts';
import { sendResetFor } from '../reset.ts';
import type { Route } from '../route.ts';
import { LISTEN, SYN_RECEIVED } from '../state.ts';

/**
 * A segment for a listener.
 * @param iss the ISN to use if the tuple was in TIME-WAIT (RFC 9293 3.10.7.4 and RFC 6191), else null
 */
export function onListen(
  services: ConnectionServices,
  listener: Connection,
  seg: Segment,
  iss: number | null,
): void {
  const { flags } = seg;
  if ((flags & Flag.rst) !== 0) {
    services.dropSegment(seg, 'rst-to-nobody');
    return;
  }
  if ((flags & Flag.ack) !== 0) {
    if ((flags & Flag.syn) === 0 && onCookieAck(services, listener, seg)) return;
    services.dropSegment(seg, 'ack-to-listener');
    sendResetFor(services, seg);
    return;
  }
  // SYN+FIN is never a connection request.
  if ((flags & Flag.syn) === 0 || (flags & Flag.fin) !== 0) {
    services.dropSegment(seg, 'not-syn');
    return;
  }
  onSyn(services, listener, seg, iss);
}

function onSyn(services: ConnectionServices, listener: Connection, seg: Segment, iss: number | null): void {
  const queue = listener.listener!;
  const { sysctls, counters } = services;
  let cookie = false;
  if (sysctls.tcp_syncookies === 2 || (queue.requestsFull && iss === null)) {
    if (sysctls.tcp_syncookies === 0) {
      counters.TCPReqQFullDrop++;
      counters.ListenDrops++;
      services.dropSegment(seg, 'syn-queue-full');
      return;
    }
    counters.TCPReqQFullDoCookies++;
    cookie = true;
  }
  if (queue.acceptFull) {
    counters.ListenOverflows++;
    counters.ListenDrops++;
    services.dropSegment(seg, 'accept-queue-full');
    return;
  }
  const remote = seg.source();
  const route = services.environment.route(remote, seg.destination());
  if (route === null) return;
  const request = newRequest(services, listener, seg, remote, route);
  if (cookie) {
    if (!request.timestampsOk) {
      request.sndWscale = -1;
      request.sackOk = false;
      request.ecnOk = false;
    }
    sendCookie(services, request);
    return;
  }
  if (
    sysctls.tcp_syncookies === 0 &&
    almostFull(listener, sysctls.tcp_max_syn_backlog) &&
    !services.peers.of(request.local, request.remote)?.rtt
  ) {
    counters.ListenDrops++;
    services.dropSegment(seg, 'syn-queue-full');
    return;
  }
  request.iss = iss ?? services.chooseIsn(request);
  setWindow(services, request, ownSegment(request));
  if (listener.options.saveSyn > 0) request.savedSyn = seg.bytes.slice(seg.packetOffset, seg.payloadOffset);
  if (opensAtOnce(services, request, seg)) {
    makeEarlyChild(services, request, seg);
    return;
  }
  services.table.add(request);
  queue.addRequest(request);
  services.stateChanged(request, LISTEN, SYN_RECEIVED, 'syn-received');
  request.arm();
  request.sendSynAck();
}

/** Without cookies the last quarter of the SYN backlog is for peers known to be alive. */
const almostFull = (listener: Connection, most: number): boolean =>
  most - listener.listener!.requestCount < most >> 2;

function newRequest(
  services: ConnectionServices,
  listener: Connection,
  seg: Segment,
  remote: Address,
  route: Route,
): Request {
  const request = new Request(listener, seg, remote, route, services.nextId());
  const offer = readOffer(seg, services.sysctls, listener.options.userMss);
  request.mss = offer.mss;
  request.sndWscale = offer.windowScale;
  request.sackOk = offer.sack;
  request.timestampsOk = offer.timestamps;
  request.tsRecent = offer.tsVal;
  request.advMss = advertisedMss(route, seg.family, listener.options.userMss);
  request.tsOffset = services.chooseTsOffset(request);
  // A classic request is never marked; one for accurate ECN, or of the future, may be (tcp_ecn_create_request, 6.18).
  const unmarked = (seg.trafficClass & 3) === 0;
  const beyondClassic = (seg.flags & (Flag.ae | 0xe00)) !== 0;
  const allowed = services.sysctls.tcp_ecn > 0 || route.ecn === true;
  request.ecnOk = asksEcn(seg.flags) && (unmarked || beyondClassic) && allowed;
  return request;
}

/** The data of a full segment to this side. */
const ownSegment = ({ advMss, timestampsOk }: Request): number => advMss - (timestampsOk ? 12 : 0);

/**
 * The window that the SYN+ACK offers. A listener's receive buffer is that of its children.
 * @param mss bytes that it is a multiple of
 */
function setWindow(services: ConnectionServices, request: Request, mss: number): void {
  const { listener } = request;
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
    services.sysctls,
  );
  request.rcvWnd = chosen.window;
  request.rcvWscale = chosen.scale;
  request.windowClamp = chosen.clamp;
}

function sendCookie(services: ConnectionServices, request: Request): void {
  request.isCookie = true;
  request.iss = makeCookie(request, services.cookieKeys, services.now);
  setWindow(services, request, ownSegment(request));
  services.counters.SyncookiesSent++;
  services.note(request, 'note', 'syn-cookie-sent');
  request.sendSynAck(
    request.timestampsOk ? (cookieTimestamp(request, services.clockMs()) + request.tsOffset) | 0 : null,
  );
}

/** Whether an echo claims only what the SYN+ACK can have granted (cookie_timestamp_decode). */
const supported = ({ sysctls }: ConnectionServices, offer: { windowScale: number; sack: boolean }): boolean =>
  !(offer.sack && sysctls.tcp_sack === 0) && !(offer.windowScale >= 0 && sysctls.tcp_window_scaling === 0);

/** An ACK to a listener may carry a cookie, if any was sent of late. */
function onCookieAck(services: ConnectionServices, listener: Connection, seg: Segment): boolean {
  if (services.sysctls.tcp_syncookies === 0 || services.counters.SyncookiesSent === 0) return false;
  const content = checkCookie(seg, services.cookieKeys, services.now);
  if (content === null) {
    services.counters.SyncookiesFailed++;
    return false;
  }
  const remote = seg.source();
  const route = services.environment.route(remote, seg.destination());
  if (route === null) return false;
  services.counters.SyncookiesRecv++;
  const request = new Request(listener, seg, remote, route, services.nextId(), content.irs);
  request.iss = content.iss;
  request.mss = content.mss;
  request.isCookie = true;
  request.advMss = advertisedMss(route, seg.family, listener.options.userMss);
  request.tsOffset = services.chooseTsOffset(request);
  if (seg.hasTimestamps && services.sysctls.tcp_timestamps !== 0) {
    const echoed = readCookieTimestamp((seg.tsEcr - request.tsOffset) | 0);
    if (!supported(services, echoed)) return false;
    request.timestampsOk = true;
    request.tsRecent = seg.tsVal;
    request.sndWscale = echoed.windowScale;
    request.sackOk = echoed.sack;
    request.ecnOk = echoed.ecn && (services.sysctls.tcp_ecn > 0 || route.ecn === true);
  }
  // Here 6.18 counts by the peer's segments (cookie_v4_check).
  setWindow(services, request, request.mss);
  if (listener.listener!.acceptFull) {
    services.counters.ListenOverflows++;
    services.counters.ListenDrops++;
    services.dropSegment(seg, 'accept-queue-full');
    return true;
  }
  services.table.add(request);
  services.stateChanged(request, LISTEN, SYN_RECEIVED, 'cookie-ack');
  makeChild(services, request, seg);
  return true;
}
