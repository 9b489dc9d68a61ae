/** The receive window: what to offer, and what was offered (RFC 9293 section 3.8.6; net/ipv4/tcp_output.c, 6.18). */
import { seqDiff } from '../../wire/seq.ts';
import type { Connection } from '../connection.ts';
import { windowFromSpace } from '../handshake/negotiate.ts';

/** Bytes the receive buffer can still take. */
const freeSpace = (conn: Connection): number =>
  windowFromSpace(conn.rcvBuf - conn.receiveQueue.memory - conn.outOfOrder.memory);

/** To a multiple of 2^scale; windows stay below 2^30. */
const alignUp = (n: number, scale: number): number => (n + (1 << scale) - 1) & (-1 << scale);
const alignDown = (n: number, scale: number): number => n & (-1 << scale);

/** What is left of the window offered last, bytes. */
export const receiveWindow = (conn: Connection): number =>
  Math.max(seqDiff((conn.rcvWup + conn.rcvWnd) | 0, conn.rcvNxt), 0);

/** The window that could be offered now, without regard to what was offered before (SWS avoidance: RFC 9293 3.8.6.2.2). */
export function possibleWindow(conn: Connection): number {
  let free = freeSpace(conn);
  const allowed = windowFromSpace(conn.rcvBuf);
  const full = Math.min(conn.windowClamp, allowed);
  const mss = Math.min(conn.rcvMss, full);
  if (mss <= 0) return 0;
  if (free < full >> 1) {
    free = alignDown(Math.max(free, 0), conn.rcvWscale);
    if (free < allowed >> 4 || free < mss) return 0;
  }
  free = Math.min(free, conn.rcvSsthresh);
  if (conn.rcvWscale > 0) return alignUp(free, conn.rcvWscale);
  const window = conn.rcvWnd;
  if (window <= free - mss || window > free) return free - (free % mss);
  if (mss === full && free > window + (full >> 1)) return free;
  return window;
}

/** Settles the window for a segment about to leave and returns the field's value. */
export function selectWindow(conn: Connection): number {
  const { counters, sysctls } = conn.services;
  const before = conn.rcvWnd;
  const current = receiveWindow(conn);
  let window = possibleWindow(conn);
  // RFC 9293 3.8.6: a window once offered is not taken back.
  if (window < current && (sysctls.tcp_shrink_window === 0 || conn.rcvWscale === 0)) {
    if (window === 0) counters.TCPWantZeroWindowAdv++;
    window = alignUp(current, conn.rcvWscale);
  }
  const most =
    conn.rcvWscale === 0 && sysctls.tcp_workaround_signed_windows ? 32767 : 65535 << conn.rcvWscale;
  window = Math.min(window, most);
  conn.rcvWnd = window;
  conn.rcvWup = conn.rcvNxt;
  const field = window >> conn.rcvWscale;
  if (field === 0 && before > 0) counters.TCPToZeroWindowAdv++;
  else if (field > 0 && before === 0) counters.TCPFromZeroWindowAdv++;
  return field;
}

/** Lets the offered window grow with the data that arrives, by two segments for each one (tcp_grow_window). */
export function growWindow(conn: Connection, length: number): void {
  if (length < 128) return;
  const room = Math.min(conn.windowClamp, windowFromSpace(conn.rcvBuf)) - conn.rcvSsthresh;
  if (room > 0) conn.rcvSsthresh += Math.min(room, 2 * conn.advMss);
}
