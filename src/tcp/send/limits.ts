/** What holds sending back, and for how long: the times that TCP_INFO tells (net/ipv4/tcp_output.c tcp_chrono_start, 6.18). */
import type { Connection } from '../connection.ts';
import { recoveryOf } from '../recovery/state.ts';

/** From nothing to send to what is the more telling reason. */
export const Limit = { idle: 0, busy: 1, window: 2, buffer: 3 } as const;

function change(conn: Connection, limit: number): void {
  const { now } = conn.services;
  const passed = now - conn.limitedSince;
  if (conn.limitedBy === Limit.busy) conn.busyTime += passed;
  else if (conn.limitedBy === Limit.window) recoveryOf(conn).windowLimitedTime += passed;
  else if (conn.limitedBy === Limit.buffer) recoveryOf(conn).bufferLimitedTime += passed;
  conn.limitedBy = limit;
  conn.limitedSince = now;
}

/** Something holds sending back from now on, unless it is something more telling already. */
export function beginLimit(conn: Connection, limit: number): void {
  if (limit > conn.limitedBy) change(conn, limit);
}

/** It does no longer: sending is busy, or has nothing to send. */
export function endLimit(conn: Connection, limit: number): void {
  if (conn.sendQueue.head === null) {
    if (conn.limitedBy !== Limit.idle) change(conn, Limit.idle);
  } else if (conn.limitedBy === limit && limit !== Limit.busy) change(conn, Limit.busy);
}

/** The times so far, µs: something to send, and of that held back by the peer's window and by the send buffer. */
export function limitTimes(conn: Connection): { busy: number; window: number; buffer: number } {
  const running = conn.services.now - conn.limitedSince;
  const time = (limit: number, before: number): number => before + (conn.limitedBy === limit ? running : 0);
  const window = time(Limit.window, conn.recovery.windowLimitedTime);
  const buffer = time(Limit.buffer, conn.recovery.bufferLimitedTime);
  return { busy: time(Limit.busy, conn.busyTime) + window + buffer, window, buffer };
}
