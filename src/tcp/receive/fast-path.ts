/**
 * Header prediction (net/ipv4/tcp_input.c tcp_rcv_established, 6.18). It is modelled for what it shows outside: data that is
 * the one expected next is taken even beyond the receive buffer's size, as long as memory was set aside for it before.
 */
import type { Segment } from '../../wire/segment.ts';
import { seqGt } from '../../wire/seq.ts';
import { Flag } from '../../wire/tcp.ts';
import type { Connection } from '../connection.ts';
import { truesize } from './stored.ts';
import { memoryInUse } from './window.ts';

/** Memory is set aside in pages of so many bytes. */
const page = 4096;

/** Whether a segment in ESTABLISHED is just like the last one: the next in order, the same window, no flag but PSH. */
export function isPredicted(conn: Connection, seg: Segment): boolean {
  if (!conn.fastPath || (seg.flags & ~Flag.psh) !== Flag.ack || seg.seq !== conn.rcvNxt) return false;
  if (seg.window << conn.sndWscale !== conn.sndWnd || seqGt(seg.ack, conn.sndNxt)) return false;
  if (!conn.timestampsOk) return seg.headerLength === 20;
  if (seg.headerLength !== 32) return false;
  // Timestamps count only where everybody puts them: two NOPs, kind 8, length 10.
  const at = seg.payloadOffset - 12;
  const { bytes } = seg;
  return bytes[at] === 1 && bytes[at + 1] === 1 && bytes[at + 2] === 8 && bytes[at + 3] === 10;
}

/** Whether what is left of the pages set aside holds a packet of this length (sk_forward_alloc). */
export function atHand(conn: Connection, packetLength: number): boolean {
  const used = memoryInUse(conn) + conn.sendQueue.bytes;
  return truesize(packetLength) <= (-used & (page - 1));
}

/** From here on segments may be predicted (tcp_fast_path_check). */
export function openFastPath(conn: Connection): void {
  if (conn.outOfOrder.empty && conn.rcvWnd > 0 && memoryInUse(conn) < conn.rcvBuf && conn.urgentData === 0)
    conn.fastPath = true;
}
