/** What poll says of a connection (net/ipv4/tcp.c tcp_poll, 6.18). */
import type { Connection } from '../connection.ts';
import { Poll } from '../poll.ts';
import { markBlocks, Urgent } from '../receive/urgent.ts';
import { memoryInUse, receiveWindow } from '../receive/window.ts';
import { writable } from '../send/send-buffer.ts';
import { CLOSED, LISTEN, SYN_RECEIVED, SYN_SENT } from '../state.ts';
import { readable } from './socket-calls.ts';

/** Whether a reader is woken: by as much as it waits for, or if no more than a segment could still come (tcp_epollin_ready). */
function isReadable(conn: Connection, least: number): boolean {
  const available = readable(conn);
  if (available >= least) return true;
  if (available === 0) return false;
  return memoryInUse(conn) > conn.rcvBuf - (conn.rcvBuf >> 3) || receiveWindow(conn) <= conn.rcvMss;
}

/** poll's event bits as they stand (tcp_poll). */
export function pollMask(conn: Connection): number {
  if (conn.state === LISTEN) return conn.listener!.accepted.length > 0 ? Poll.in | Poll.rdNorm : 0;
  let mask = 0;
  if (conn.shutdown === 3 || conn.state === CLOSED) mask |= Poll.hup;
  if ((conn.shutdown & 1) !== 0) mask |= Poll.in | Poll.rdNorm | Poll.rdHup;
  if (conn.state !== SYN_SENT && (conn.state !== SYN_RECEIVED || conn.earlyRequest !== null)) {
    const least = Math.max(conn.options.rcvLowat, 1) + (markBlocks(conn) ? 1 : 0);
    if ((conn.urgentData & Urgent.here) !== 0) mask |= Poll.pri;
    if (isReadable(conn, least)) mask |= Poll.in | Poll.rdNorm;
    if ((conn.shutdown & 2) !== 0 || writable(conn)) mask |= Poll.out | Poll.wrNorm;
    else conn.noSpace = true;
  } else if (conn.deferredConnect && conn.state === SYN_SENT) mask |= Poll.out | Poll.wrNorm;
  if (conn.error !== 0 || (conn.errorQueue?.length ?? 0) > 0) mask |= Poll.err;
  return mask;
}
