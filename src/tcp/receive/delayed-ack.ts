/** When what was received is acknowledged (RFC 9293 3.8.6.3, RFC 5681 4.2; net/ipv4/tcp_input.c __tcp_ack_snd_check, 6.18). */
import { seqDiff } from '../../wire/seq.ts';
import { type Connection, Timer } from '../connection.ts';
import { minRto } from '../recovery/rtt.ts';
import { sendAck } from '../send/output.ts';
import { CLOSED, LISTEN } from '../state.ts';
import { shortestAto } from './ato.ts';
import { possibleWindow, receiveWindow } from './window.ts';

/** The longest delay of an ACK, µs (TCP_DELACK_MAX). */
const longestDelay = 200_000;
const mostQuickAcks = 16;
/** Half a tick of the kernel's clock, µs (HZ=250). */
const halfTick = 2_000;

/** An ACK is owed: now, or with the next data, or when the delayed-ACK timer says so. */
export const scheduleAck = (conn: Connection): void => {
  conn.ackPending = true;
};

/** Acknowledges the next segments at once: the peer is in slow start, or something was lost. */
export function enterQuickAck(conn: Connection, most: number = mostQuickAcks): void {
  incrementQuickAcks(conn, most);
  conn.pingpong = 0;
  conn.ato = shortestAto;
}

/** The peer is in slow start: do not hold it up. */
export function incrementQuickAcks(conn: Connection, most: number = mostQuickAcks): void {
  const quick = Math.min(Math.floor(conn.rcvWnd / (2 * conn.rcvMss)) || 2, most);
  conn.quickAcks = Math.max(conn.quickAcks, quick);
}

/** Acknowledges what is owed: at once after two segments or in a hurry, else after a delay (RFC 9293 3.8.6.3). */
export function ackIfDue(conn: Connection): void {
  if (!conn.ackPending) return;
  const unacked = seqDiff(conn.rcvNxt, conn.rcvWup);
  const unread = seqDiff(conn.rcvNxt, conn.copiedSeq);
  const twoSegments =
    unacked > conn.rcvMss && (unread < conn.options.rcvLowat || possibleWindow(conn) >= conn.rcvWnd);
  const hurry = conn.quickAcks > 0 && conn.pingpong < conn.services.sysctls.tcp_pingpong_thresh;
  if (twoSegments || hurry || conn.ackNow || conn.route?.quickack === true) sendAck(conn);
  else if (conn.outOfOrder.empty) delayAck(conn);
  else compressAck(conn);
}

/** Duplicate ACKs that are sent at once, before further ones are put together. */
const eagerDuplicates = 3;

/** ACKs of segments beyond a gap: the first ones at once, then one for many (__tcp_ack_snd_check). */
function compressAck(conn: Connection): void {
  const { sysctls, timers, now } = conn.services;
  if (!conn.sackOk || conn.compressedAcks >= sysctls.tcp_comp_sack_nr) {
    sendAck(conn);
    return;
  }
  if (conn.compressedAt !== conn.rcvNxt) {
    conn.compressedAt = conn.rcvNxt;
    conn.duplicateAcks = 0;
  }
  if (conn.duplicateAcks < eagerDuplicates) {
    conn.duplicateAcks++;
    sendAck(conn);
    return;
  }
  conn.compressedAcks++;
  if (conn.compressedAckTimer >= 0) return;
  let rtt = conn.autotune?.rtt ?? 0;
  if (conn.srtt > 0 && conn.srtt < rtt) rtt = conn.srtt;
  // Both are kept times 8: a share of an eighth of that, in µs.
  const share = ((rtt >> 3) * sysctls.tcp_comp_sack_rtt_percent) / 100;
  const delay = Math.min(Math.floor(share), Math.floor(sysctls.tcp_comp_sack_delay_ns / 1000));
  conn.compressedAckTimer = timers.arm(conn, Timer.compressedAck, now + delay);
}

/** One ACK for those that were put together, if any were. */
export function sendCompressedAck(conn: Connection): void {
  if (conn.compressedAcks > 0) sendAck(conn);
}
/** Arms the delayed-ACK timer (tcp_send_delayed_ack). */
function delayAck(conn: Connection): void {
  const { timers, now } = conn.services;
  let { ato } = conn;
  if (ato > shortestAto) {
    let most = 500_000;
    if (conn.pingpong >= conn.services.sysctls.tcp_pingpong_thresh || conn.ackPushed) most = longestDelay;
    if (conn.srtt > 0) most = Math.min(most, Math.max(conn.srtt >> 3, shortestAto));
    ato = Math.min(ato, most);
  }
  // A tick less than the shortest time-out of a peer like us (tcp_delack_max), which an ACK held back longer would fall for.
  ato = Math.min(ato, conn.options.delackMax, Math.max(minRto(conn), 4 * halfTick) - 2 * halfTick);
  conn.ackPending = true;
  // The kernel's timer goes off with a tick of 4 ms, on average half of one later (HZ=250).
  const deadline = now + Math.max(ato, halfTick);
  if (conn.delayedAckTimer >= 0) {
    const armed = timers.deadline(conn.delayedAckTimer);
    if (armed <= now + (ato >> 2)) {
      sendAck(conn);
      return;
    }
    if (armed <= deadline) return;
    timers.cancel(conn.delayedAckTimer);
  }
  conn.delayedAckTimer = timers.arm(conn, Timer.delayedAck, deadline);
}

/** After the application has read: tells the peer if that opened the window much, or pays an ACK that is due. */
export function afterRead(conn: Connection, copied: number): void {
  let due = false;
  if (conn.ackPending) {
    const pingpong = conn.pingpong >= conn.services.sysctls.tcp_pingpong_thresh;
    const pushed = conn.ackPushedTwice || (conn.ackPushed && !pingpong);
    due =
      seqDiff(conn.rcvNxt, conn.rcvWup) > conn.rcvMss ||
      (copied > 0 && pushed && conn.receiveQueue.memory === 0);
  }
  if (copied > 0 && !due && (conn.shutdown & 1) === 0) {
    const now = receiveWindow(conn);
    if (2 * now <= conn.windowClamp) {
      const possible = possibleWindow(conn);
      due = possible > 0 && possible >= 2 * now;
    }
  }
  if (due) sendAck(conn);
}

/** ACKs were put together long enough. */
export function onCompressedAckTimer(conn: Connection): void {
  conn.compressedAckTimer = -1;
  sendCompressedAck(conn);
}

/** The delayed-ACK timer (RFC 9293 3.8.6.3). */
export function onDelayedAckTimer(conn: Connection): void {
  conn.delayedAckTimer = -1;
  if (!conn.ackPending || conn.state === CLOSED || conn.state === LISTEN) return;
  if (conn.pingpong < conn.services.sysctls.tcp_pingpong_thresh) conn.ato = Math.min(conn.ato * 2, conn.rto);
  else {
    // Delayed ACKs did not pay off: the application does not answer at once.
    conn.pingpong = 0;
    conn.ato = 40_000;
  }
  conn.services.counters.DelayedACKs++;
  conn.services.note(conn, 'timer', 'delayed-ack');
  sendAck(conn);
}
