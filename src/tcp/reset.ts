/** The RST that answers a segment nobody can use (RFC 9293 3.10.7.1; net/ipv4/tcp_ipv4.c tcp_v4_send_reset, 6.18). */
import type { Segment } from '../wire/segment.ts';
import { Flag } from '../wire/tcp.ts';
import { noOptions, writePacket } from './packet.ts';
import type { Tcp } from './tcp.ts';

/** Sends it; never in answer to a RST. */
export function sendResetFor(tcp: Tcp, seg: Segment): void {
  if ((seg.flags & Flag.rst) !== 0) return;
  const acked = (seg.flags & Flag.ack) !== 0;
  writePacket(
    tcp.out,
    {
      local: seg.destination(),
      localPort: seg.destinationPort,
      remote: seg.source(),
      remotePort: seg.sourcePort,
      // Exactly where the peer expects it: its own ACK, or acknowledging all it sent.
      seq: acked ? seg.ack : 0,
      ack: acked ? 0 : seg.end,
      flags: acked ? Flag.rst : Flag.rst | Flag.ack,
      window: 0,
      urgent: 0,
      trafficClass: 0,
      ttl: 64,
      ipId: 0,
      dontFragment: true,
      options: noOptions(),
    },
    null,
    0,
    0,
  );
  tcp.counters.OutSegs++;
  tcp.counters.OutRsts++;
}
