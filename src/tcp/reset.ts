/** The RST that answers a segment nobody can use (RFC 9293 3.10.7.1; net/ipv4/tcp_ipv4.c tcp_v4_send_reset, 6.18). */
import type { Segment } from '../wire/segment.ts';
import { Flag } from '../wire/tcp.ts';
import type { ConnectionServices } from './connection.ts';
import { noOptions, Outgoing, writePacket } from './packet.ts';

/** Sends it; never in answer to a RST. */
export function sendResetFor(services: ConnectionServices, seg: Segment): void {
  if ((seg.flags & Flag.rst) !== 0) return;
  const acked = (seg.flags & Flag.ack) !== 0;
  const out = new Outgoing();
  out.local = seg.destination();
  out.localPort = seg.destinationPort;
  out.remote = seg.source();
  out.remotePort = seg.sourcePort;
  // Exactly where the peer expects it: its own ACK, or acknowledging all it sent.
  out.seq = acked ? seg.ack : 0;
  out.ack = acked ? 0 : seg.end;
  out.flags = acked ? Flag.rst : Flag.rst | Flag.ack;
  out.flowLabel = services.table.hashOfSegment(seg) & 0xfffff || 1;
  out.ttl = services.ttlOf(-1, seg.family);
  out.options = noOptions();
  writePacket(services.out, out, null, 0, 0);
  services.counters.OutSegs++;
  services.counters.OutRsts++;
}
