/** The receive window: what to offer, and what was offered (RFC 9293 section 3.8.6; net/ipv4/tcp_output.c, 6.18). */
import { seqDiff } from '../../wire/seq.ts';
import type { Connection } from '../connection.ts';
import { truesize } from './stored.ts';

/** SO_RCVBUF at its smallest is one packet of 2,048 bytes; a window clamp at its smallest is half of that. */
const smallestClamp = (2048 + 256) / 2;

/** How much data fits into so much memory, as far as segments have shown (tcp_win_from_space). Bytes. */
export const windowFromMemory = (conn: Connection, memory: number): number =>
  Math.floor((memory * conn.scalingRatio) / 256);

/** What the receive buffer holds already, bytes of memory (sk_rmem_alloc). */
export const memoryInUse = (conn: Connection): number => conn.receiveQueue.memory + conn.outOfOrder.memory;

/** Bytes of data the receive buffer can still take. */
const freeSpace = (conn: Connection): number => windowFromMemory(conn, conn.rcvBuf - memoryInUse(conn));

/** To a multiple of 2^scale; windows stay below 2^30. */
const alignUp = (n: number, scale: number): number => (n + (1 << scale) - 1) & (-1 << scale);
const alignDown = (n: number, scale: number): number => n & (-1 << scale);

/** What is left of the window offered last, bytes. */
export const receiveWindow = (conn: Connection): number =>
  Math.max(seqDiff((conn.rcvWup + conn.rcvWnd) | 0, conn.rcvNxt), 0);

/** A window once offered is not taken back (RFC 9293 3.8.6), unless it was asked for and can be said exactly. */
const mayShrink = (conn: Connection): boolean =>
  conn.services.sysctls.tcp_shrink_window !== 0 && conn.rcvWscale > 0;

/** The window that could be offered now, without regard to what was offered before (SWS avoidance: RFC 9293 3.8.6.2.2). */
export function possibleWindow(conn: Connection): number {
  const { rcvWscale } = conn;
  let free = freeSpace(conn);
  const allowed = windowFromMemory(conn, conn.rcvBuf);
  const full = Math.min(conn.windowClamp, allowed);
  const mss = Math.min(conn.rcvMss, full);
  if (mss <= 0) return 0;
  const shrinking = mayShrink(conn);
  if (shrinking) free = alignDown(free, rcvWscale);
  if (free < full >> 1) {
    conn.quickAcks = 0;
    free = alignDown(free, rcvWscale);
    if (free < allowed >> 4 || free < mss || (shrinking && free < 1 << rcvWscale)) return 0;
  }
  const limited = Math.min(free, conn.rcvSsthresh);
  if (rcvWscale > 0) return shrinking && limited === free ? free : alignUp(limited, rcvWscale);
  const window = conn.rcvWnd;
  if (window <= limited - mss || window > limited) return limited - (limited % mss);
  if (mss === full && limited > window + (full >> 1)) return limited;
  return window;
}

/** Settles the window for a segment about to leave and returns the field's value. */
export function selectWindow(conn: Connection): number {
  const { counters, sysctls } = conn.services;
  const before = conn.rcvWnd;
  const current = receiveWindow(conn);
  conn.rcvWup = conn.rcvNxt;
  if (conn.outOfMemory) {
    conn.outOfMemory = false;
    conn.rcvWnd = 0;
    conn.fastPath = false;
    if (before > 0) counters.TCPToZeroWindowAdv++;
    return 0;
  }
  let window = possibleWindow(conn);
  if (window < current && !mayShrink(conn)) {
    if (window === 0) counters.TCPWantZeroWindowAdv++;
    window = alignUp(current, conn.rcvWscale);
  }
  conn.rcvWnd = window;
  const most =
    conn.rcvWscale === 0 && sysctls.tcp_workaround_signed_windows ? 32767 : 65535 << conn.rcvWscale;
  const field = Math.min(window, most) >> conn.rcvWscale;
  if (field === 0) conn.fastPath = false;
  if (field === 0 && before > 0) counters.TCPToZeroWindowAdv++;
  else if (field > 0 && before === 0) counters.TCPFromZeroWindowAdv++;
  return field;
}

/** Bounds the window; it may grow at once as far as was offered already (tcp_set_window_clamp). Bytes, not 0. */
export function setWindowClamp(conn: Connection, wanted: number): void {
  const clamp = Math.max(wanted, smallestClamp);
  if (clamp === conn.windowClamp) return;
  const shrinks = clamp < conn.windowClamp;
  conn.windowClamp = clamp;
  conn.rcvSsthresh = shrinks
    ? Math.min(conn.rcvSsthresh, clamp)
    : Math.max(Math.min(conn.rcvWnd, clamp), conn.rcvSsthresh);
}

/** What the buffer allows once the handshake is complete (tcp_init_buffer_space). */
export function initializeWindow(conn: Connection): void {
  const { tcp_app_win: appWin } = conn.services.sysctls;
  const most = windowFromMemory(conn, conn.rcvBuf);
  if (conn.windowClamp >= most) {
    conn.windowClamp = most;
    if (appWin > 0 && most > 4 * conn.advMss)
      conn.windowClamp = Math.max(most - (most >>> appWin), 4 * conn.advMss);
  }
  // Room for one segment is kept free.
  if (appWin > 0 && conn.windowClamp > 2 * conn.advMss && conn.windowClamp + conn.advMss > most)
    conn.windowClamp = Math.max(2 * conn.advMss, most - conn.advMss);
  conn.rcvSsthresh = Math.min(conn.rcvSsthresh, conn.windowClamp);
  conn.rcvSpace = Math.min(conn.rcvSsthresh, conn.rcvWnd, 10 * conn.advMss);
  if (conn.autotune === null) return;
  // A socket that is used again measures anew.
  conn.autotune.space = conn.rcvSpace;
  conn.autotune.seq = conn.copiedSeq;
  conn.autotune.time = conn.services.now;
}

/**
 * Lets the offered window grow with the data that arrives: by two segments for each one if such segments fit into the
 * buffer (tcp_grow_window).
 * @param packetLength bytes of the packet from the IP header on; `length` of its data
 * @param notCounted bytes of memory that count as free still
 */
export function growWindow(conn: Connection, packetLength: number, length: number, notCounted = 0): void {
  const free = windowFromMemory(conn, conn.rcvBuf - memoryInUse(conn) + notCounted);
  const room = Math.min(conn.windowClamp, free) - conn.rcvSsthresh;
  if (room <= 0) return;
  const cost = windowFromMemory(conn, truesize(packetLength));
  const growth = cost <= length ? 2 * conn.advMss : modestGrowth(conn, cost, length);
  if (growth === 0) return;
  conn.rcvSsthresh += Math.min(room, Math.max(growth, 2 * length));
  conn.quickAcks |= 1;
}

/** A segment that costs more than it carries may still fit while the window is small against the buffer's maximum. */
function modestGrowth(conn: Connection, cost: number, length: number): number {
  let truesize = cost >> 1;
  let window = windowFromMemory(conn, conn.services.sysctls.tcp_rmem[2]) >> 1;
  while (conn.rcvSsthresh <= window) {
    if (truesize <= length) return 2 * conn.rcvMss;
    truesize >>= 1;
    window >>= 1;
  }
  return 0;
}

/** A segment of a new size shows how much of its memory is data: windows follow (tcp_measure_rcv_mss). */
export function measureRatio(conn: Connection, packetLength: number, length: number): void {
  const ratio = Math.max(Math.floor((length * 256) / truesize(packetLength)), 1);
  if (ratio === conn.scalingRatio) return;
  conn.scalingRatio = ratio;
  setWindowClamp(conn, windowFromMemory(conn, conn.rcvBuf));
  if (conn.windowClamp < conn.rcvSpace) conn.rcvSpace = conn.windowClamp;
  if (conn.autotune !== null && conn.windowClamp < conn.autotune.space)
    conn.autotune.space = conn.windowClamp;
}
