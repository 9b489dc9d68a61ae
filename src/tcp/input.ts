/**
 * The front door: every incoming segment comes through here.
 *
 *   input ─ decode ─ four-tuple found?
 *             │         ├ Connection: SYN-SENT ────→ states/syn-sent.ts
 *             │         │             all others ──→ states/synchronized.ts
 *             │         ├ Request (half-open) ─────→ request.ts, then states/listen.ts makes the connection
 *             │         └ TimeWait ────────────────→ time-wait.ts, then perhaps a listener
 *             └ not found: a listener? ────────────→ states/listen.ts
 *                          nobody ─────────────────→ RST (reset.ts)
 *
 * (net/ipv4/tcp_ipv4.c tcp_v4_rcv, 6.18.)
 */
import { decodeSegment, type Segment } from '../wire/segment.ts';
import { Flag } from '../wire/tcp.ts';
import { Connection } from './connection.ts';
import { Request } from './handshake/request.ts';
import { SYN_SENT } from './state.ts';
import { onHandshakeAck, onListen } from './states/listen.ts';
import { onSynSent } from './states/syn-sent.ts';
import { synchronized } from './states/synchronized.ts';
import type { TimeWait } from './states/time-wait.ts';
import type { Tcp } from './tcp.ts';

/** Decodes a packet into `seg` and hands it to whoever it is for. */
export function input(
  tcp: Tcp,
  seg: Segment,
  bytes: Uint8Array,
  view: DataView,
  offset: number,
  length: number,
): void {
  const result = decodeSegment(seg, bytes, view, offset, length, tcp.environment.verifyChecksums);
  if (result === 'not-tcp' || result === 'not-ip' || result === 'fragment') return;
  tcp.counters.InSegs++;
  if (result !== 'ok') {
    tcp.counters.InErrs++;
    if (result === 'bad-checksum') tcp.counters.InCsumErrors++;
    if (result === 'bad-header' || result === 'bad-checksum')
      tcp.dropSegment(seg, result === 'bad-checksum' ? 'bad-checksum' : 'malformed');
    return;
  }
  seg.packetOffset = offset;
  if (badAddresses(seg)) {
    tcp.dropSegment(seg, 'multicast');
    return;
  }
  const entry = tcp.table.findFor(seg);
  if (entry === null) toListener(tcp, seg, null);
  else if (entry instanceof Connection) toConnection(tcp, entry, seg);
  else if (entry instanceof Request) toRequest(tcp, entry, seg);
  else toTimeWait(tcp, entry, seg);
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

function toConnection(tcp: Tcp, conn: Connection, seg: Segment): void {
  conn.segsIn++;
  if (seg.payloadLength > 0) conn.dataSegsIn++;
  if (conn.state === SYN_SENT) onSynSent(tcp, conn, seg);
  else synchronized(tcp, conn, seg);
}

function toRequest(tcp: Tcp, request: Request, seg: Segment): void {
  const verdict = request.handle(seg);
  if (verdict === 'established') onHandshakeAck(tcp, request, seg);
  else if (verdict === 'listener') {
    // An ACK that is not for our SYN+ACK: RST, the request lives on (RFC 9293 3.10.7.4, fifth).
    tcp.dropTuple(request, 'unacceptable-ack');
    tcp.sendReset(seg);
  }
}

function toTimeWait(tcp: Tcp, guard: TimeWait, seg: Segment): void {
  if (guard.handle(seg) === 'done') return;
  const listener = tcp.listeners.find(seg, tcp.table);
  if (listener === null) {
    tcp.dropSegment(seg, 'no-socket');
    tcp.sendReset(seg);
    return;
  }
  const iss = (guard.sndNxt + 65537) | 0 || 1;
  tcp.endTimeWait(guard, 'time-wait-reused');
  onListen(tcp, listener, seg, iss);
}

function toListener(tcp: Tcp, seg: Segment, iss: number | null): void {
  const listener = tcp.listeners.find(seg, tcp.table);
  if (listener !== null) {
    onListen(tcp, listener, seg, iss);
    return;
  }
  if ((seg.flags & Flag.rst) !== 0) {
    tcp.dropSegment(seg, 'rst-to-nobody');
    return;
  }
  tcp.dropSegment(seg, 'no-socket');
  tcp.sendReset(seg);
}
