/** The send buffer's size, and whether there is room (net/ipv4/tcp_input.c tcp_sndbuf_expand and tcp_check_space, 6.18). */
import { seqDiff } from '../../wire/seq.ts';
import { inFlight } from '../congestion/cwnd.ts';
import type { Connection } from '../connection.ts';
import { Poll } from '../poll.ts';
import { endLimit, Limit } from './limits.ts';

/** Room for one segment in the send buffer as Linux counts it: data, headers and shared info, rounded up. */
function segmentMemory(conn: Connection): number {
  const raw = Math.max(conn.mssClamp, conn.mssCache) + 256 + 320;
  return (1 << (32 - Math.clz32(raw - 1))) + 256;
}

/** Lets the buffer hold two congestion windows, unless the application has set its size. */
export function expandSendBuffer(conn: Connection): void {
  if (conn.options.sndBufLocked) return;
  const segments = Math.max(conn.cwnd, 10, conn.reordering + 1);
  const wanted = 2 * segments * segmentMemory(conn);
  conn.sndBuf = Math.max(conn.sndBuf, Math.min(wanted, conn.services.sysctls.tcp_wmem[2]));
}

/** Bytes written and not sent yet. */
export const notSent = (conn: Connection): number => seqDiff(conn.writeSeq, conn.sndNxt);

const lowWater = (conn: Connection): number =>
  conn.options.notsentLowat || conn.services.sysctls.tcp_notsent_lowat;

/** Whether a write may queue more. */
export const memoryFree = (conn: Connection): boolean =>
  conn.sendQueue.bytes < conn.sndBuf && notSent(conn) < lowWater(conn);

/** Whether poll calls the socket writable: at least a third of the buffer is free. */
export const writable = (conn: Connection): boolean =>
  conn.sndBuf - conn.sendQueue.bytes >= conn.sendQueue.bytes >> 1 && 2 * notSent(conn) < lowWater(conn);

/**
 * Tells whoever was refused room that there is some again (tcp_check_space, SOCK_NOSPACE). Called when what the ACK let
 * out has been sent: what is not sent yet counts too. A buffer that is in the way of the congestion window grows.
 */
export function wakeWriter(conn: Connection): void {
  if (!conn.noSpace) return;
  if (!conn.options.sndBufLocked && inFlight(conn) < conn.cwnd) {
    expandSendBuffer(conn);
    conn.cwndStamp = conn.services.now;
  }
  if (!writable(conn)) return;
  conn.noSpace = false;
  endLimit(conn, Limit.buffer);
  conn.owner?.wake(conn, Poll.out | Poll.wrNorm);
}
