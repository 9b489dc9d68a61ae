/** A connection made of a half-open one (net/ipv4/tcp_minisocks.c tcp_create_openreq_child, 6.18). */

import type { Segment } from '../../wire/segment.ts';
import { seqAdd, seqGt } from '../../wire/seq.ts';
import { initialCwnd } from '../congestion/cwnd.ts';
import { Connection, type ConnectionServices } from '../connection.ts';
import { EcnMode } from '../ecn.ts';
import { Poll } from '../poll.ts';
import { initializeRcvMss } from '../receive/receive.ts';
import { rttSample } from '../recovery/rtt.ts';
import { recoveryOf } from '../recovery/state.ts';
import { sendResetFor } from '../reset.ts';
import { syncMss } from '../send/mss.ts';
import { LISTEN, SYN_RECEIVED } from '../state.ts';
import { establish } from '../states/established.ts';
import { synchronized } from '../states/synchronized.ts';
import { openEarly } from './fast-open-passive.ts';
import type { Request } from './request.ts';

/** A listener with a connection to accept is readable. */
const readable = Poll.in | Poll.rdNorm;

/** The handshake's last ACK reached a request: makes the connection, or leaves the request if there is no room. */
export function onHandshakeAck(services: ConnectionServices, request: Request, seg: Segment): void {
  const queue = request.listener.listener;
  if (queue === null) {
    request.drop('listener-closed');
    sendResetFor(services, seg);
    return;
  }
  if (queue.acceptFull) {
    services.counters.ListenOverflows++;
    services.counters.ListenDrops++;
    services.drop(request, 'accept-queue-full');
    if (services.sysctls.tcp_abort_on_overflow !== 0) {
      services.counters.EmbryonicRsts++;
      sendResetFor(services, seg);
      request.drop('accept-queue-full');
    } else request.acked = true;
    return;
  }
  request.timer = services.timers.cancel(request.timer);
  queue.removeRequest(request);
  makeChild(services, request, seg);
}

/** Puts a connection in the place of its request, hands it the segment, and tells whoever accepts. */
export function makeChild(services: ConnectionServices, request: Request, seg: Segment): void {
  const { listener } = request;
  const child = childOf(services, request, seg);
  // What this segment says of the peer's clock is the connection's; a request that stays goes on with that of the SYN.
  if (child.timestampsOk && seg.hasTimestamps && !seqGt(seg.seq, request.rcvNxt)) child.tsRecent = seg.tsVal;
  // The SYN and this ACK.
  child.segsIn = 2;
  if (seg.payloadLength > 0) child.dataSegsIn = 1;
  services.table.replace(request, child);
  services.counters.PassiveOpens++;
  sampleHandshake(child, request, seg);
  child.parent = listener;
  // The SYN, and this segment.
  child.segsIn = 2;
  if (seg.payloadLength > 0) child.dataSegsIn = 1;
  listener.listener!.accepted.push(child);
  synchronized(services, child, seg);
  listener.owner?.wake(listener, readable);
}

/** The time from SYN+ACK to ACK: if that was sent once, else by what the ACK echoes (tcp_synack_rtt_meas). */
function sampleHandshake(child: Connection, request: Request, seg: Segment): void {
  const { services } = child;
  if (request.retransmits === 0 && request.sentAt >= 0) rttSample(child, services.now - request.sentAt);
  else if (child.timestampsOk && seg.hasTimestamps && seg.tsEcr !== 0) {
    const delta = (services.timestamp(child.tsOffset) - seg.tsEcr) | 0;
    if (delta >= 0) rttSample(child, Math.max(delta, 1) * 1000);
  }
}

/** Fast Open: the connection is made by the SYN, and waits to be accepted although its SYN+ACK is unanswered. */
export function makeEarlyChild(services: ConnectionServices, request: Request, seg: Segment): void {
  const { listener } = request;
  const queue = listener.listener!;
  const child = childOf(services, request, seg);
  child.segsIn = 1;
  if (seg.payloadLength > 0) child.dataSegsIn = 1;
  services.table.add(child);
  services.counters.PassiveOpens++;
  services.stateChanged(child, LISTEN, SYN_RECEIVED, 'fast-open-accepted');
  child.parent = listener;
  establish(child);
  openEarly(services, child, request, queue, seg);
  request.sendSynAck();
  queue.accepted.push(child);
  listener.owner?.wake(listener, readable);
}

/** A connection in SYN-RECEIVED with what the request knew. */
function childOf(services: ConnectionServices, request: Request, seg: Segment): Connection {
  const { listener } = request;
  // All options are the listener's, but for those of its queue: TCP_DEFER_ACCEPT, the Fast Open limit and keys
  // (inet_csk_clone_lock, 6.18; test/kernel/inherited.test.ts).
  const options = listener.options
    .with('deferAccept', 0)
    .with(request.remote.family === 4 ? 'tos' : 'trafficClass', request.tos());
  const child = new Connection(services, request.id, options);
  if (listener.completions !== null) child.completions = listener.completions.inherited();
  child.rtoMin = listener.rtoMin;
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
  child.timestampsOk = child.stampedHeaders = request.timestampsOk;
  child.tsRecent = request.tsRecent;
  child.tsRecentAt = request.timestampsOk ? services.now : -1;
  child.tsOffset = request.tsOffset;
  child.ecnMode = request.ecnOk ? EcnMode.classic : EcnMode.off;
  child.mssClamp = request.mss;
  child.advMss = request.advMss;
  child.ipId = services.random() & 0xffff;
  child.cwnd = initialCwnd(child);
  child.savedSyn = request.savedSyn;
  child.totalRetransmits = request.retransmits;
  child.totalRto = request.timeouts;
  if (request.timeouts > 0) {
    child.retransmitsSince = request.sentAt;
    child.firstTsVal = request.firstTsVal;
    recoveryOf(child).undoing = true;
    recoveryOf(child).undoMarker = request.iss;
    recoveryOf(child).undoRetrans = -1;
  }
  syncMss(child);
  initializeRcvMss(child);
  if (seqGt(seg.end, child.rcvNxt) && seg.payloadLength >= 536) child.lastSegmentSize = seg.payloadLength;
  return child;
}
