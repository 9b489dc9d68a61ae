/**
 * The front door: every incoming segment comes through here.
 *
 *   input ─ decode ─ four-tuple found?
 *             │         ├ Connection: SYN-SENT ────→ states/syn-sent.ts
 *             │         │             all others ──→ states/synchronized.ts
 *             │         ├ Request (half-open) ─────→ handshake/request.ts, then child.ts makes the connection
 *             │         └ TimeWait ────────────────→ states/time-wait.ts, then perhaps a listener
 *             └ not found: a listener? ────────────→ states/listen.ts
 *                          nobody ─────────────────→ RST (reset.ts)
 *
 * (net/ipv4/tcp_ipv4.c tcp_v4_rcv, 6.18.)
 */

import { decodeSegment, type Segment } from '../wire/segment.ts';
import { Flag } from '../wire/tcp.ts';
import { Connection, type ConnectionServices } from './connection.ts';
import { onHandshakeAck } from './handshake/child.ts';
import { Request } from './handshake/request.ts';
import { sendResetFor } from './reset.ts';
import { SYN_SENT } from './state.ts';
import { onListen } from './states/listen.ts';
import { onSynSent } from './states/syn-sent.ts';
import { synchronized } from './states/synchronized.ts';
import { issAfter, TimeWait } from './states/time-wait.ts';

/** Decodes a packet into `seg` and hands it to whoever it is for. */
export function input(
  services: ConnectionServices,
  seg: Segment,
  bytes: Uint8Array,
  view: DataView,
  offset: number,
  length: number,
): void {
  const result = decodeSegment(seg, bytes, view, offset, length, services.environment.verifyChecksums);
  if (result === 'not-tcp' || result === 'not-ip' || result === 'fragment') return;
  services.counters.InSegs++;
  if (result !== 'ok') {
    services.counters.InErrs++;
    if (result === 'bad-checksum') services.counters.InCsumErrors++;
    if (result === 'bad-header' || result === 'bad-checksum')
      services.dropSegment(seg, result === 'bad-checksum' ? 'bad-checksum' : 'malformed');
    return;
  }
  seg.packetOffset = offset;
  if (badAddresses(seg)) {
    services.dropSegment(seg, 'multicast');
    return;
  }
  const entry = services.table.findFor(seg);
  if (entry === null) toListener(services, seg, null);
  else if (entry instanceof Connection) toConnection(services, entry, seg);
  else if (entry instanceof Request) toRequest(services, entry, seg);
  else if (entry instanceof TimeWait) toTimeWait(services, entry, seg);
}

/** Multicast and broadcast addresses, and IPv6 packets that claim to be IPv4, open nothing (RFC 9293 3.9.2.3). */
function badAddresses(seg: Segment): boolean {
  if (seg.family === 4) {
    return (
      seg.src3 >>> 28 === 0xe ||
      seg.dst3 >>> 28 === 0xe ||
      seg.src3 === -1 ||
      seg.dst3 === -1 ||
      seg.src3 === 0
    );
  }
  const mapped = (w0: number, w1: number, w2: number): boolean => w0 === 0 && w1 === 0 && w2 === 0xffff;
  return (
    seg.src0 >>> 24 === 0xff ||
    seg.dst0 >>> 24 === 0xff ||
    mapped(seg.src0, seg.src1, seg.src2) ||
    mapped(seg.dst0, seg.dst1, seg.dst2)
  );
}

function toConnection(services: ConnectionServices, conn: Connection, seg: Segment): void {
  conn.segsIn++;
  if (seg.payloadLength > 0) conn.dataSegsIn++;
  if (conn.state === SYN_SENT) onSynSent(services, conn, seg);
  else synchronized(services, conn, seg);
}

function toRequest(services: ConnectionServices, request: Request, seg: Segment): void {
  const verdict = request.handle(seg);
  if (verdict === 'established') onHandshakeAck(services, request, seg);
  else if (verdict === 'listener') {
    // An ACK that is not for our SYN+ACK: RST, the request lives on (RFC 9293 3.10.7.4, fifth).
    services.drop(request, 'unacceptable-ack');
    sendResetFor(services, seg);
  }
}

function toTimeWait(services: ConnectionServices, guard: TimeWait, seg: Segment): void {
  if (guard.handle(seg) === 'done') return;
  const listener = services.listeners.find(seg, services.table);
  if (listener === null) {
    // 6.18 answers a SYN that nobody could take as one that may not: with the ACK of the old connection.
    services.dropSegment(seg, 'no-socket');
    guard.sendAck();
    return;
  }
  guard.end('time-wait-reused');
  onListen(services, listener, seg, issAfter(guard));
}

function toListener(services: ConnectionServices, seg: Segment, iss: number | null): void {
  const listener = services.listeners.find(seg, services.table);
  if (listener !== null) {
    onListen(services, listener, seg, iss);
    return;
  }
  if ((seg.flags & Flag.rst) !== 0) {
    services.dropSegment(seg, 'rst-to-nobody');
    return;
  }
  services.dropSegment(seg, 'no-socket');
  sendResetFor(services, seg);
}
