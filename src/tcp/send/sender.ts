/**
 * From write() to packets: queueing, Nagle, and what the windows let out (RFC 9293 section 3.7 and 3.8;
 * net/ipv4/tcp.c tcp_sendmsg_locked and tcp_output.c tcp_write_xmit, 6.18).
 */
import { seqAdd, seqDiff, seqGt, seqLe } from '../../wire/seq.ts';
import { Flag } from '../../wire/tcp.ts';
import { cwndQuota, inFlight, restartAfterIdle, validateCwnd } from '../congestion/cwnd.ts';
import { CaState } from '../congestion/state.ts';
import { type Connection, Timer } from '../connection.ts';
import { Errno } from '../errno.ts';
import { isReducing } from '../recovery/prr.ts';
import { recoveryOf } from '../recovery/state.ts';
import { CLOSE_WAIT, CLOSED, ESTABLISHED, SYN_RECEIVED, SYN_SENT } from '../state.ts';
import { beginLimit, endLimit, Limit } from './limits.ts';
import { boundToHalfWindow, mostGsoBytes, offloadPackets, packetCount, sendMss, setPackets } from './mss.ts';
import { nextProbe, probeSent } from './mtu-probe.ts';
import { transmit } from './output.ts';
import { memoryFree } from './send-buffer.ts';
import { TxSegment } from './send-queue.ts';
import { armProbe, firstProbeDelay, rearmRetransmit, scheduleLossProbe } from './timer.ts';

/** How eager a push is: Nagle's rule, no small segment at all (cork), or everything now. */
export const Nagle = { on: 0, off: 1, cork: 2, push: 4 } as const;

/** MSG_ flags that matter to sending (include/linux/socket.h). */
const Msg = {
  oob: 1,
  dontWait: 0x40,
  eor: 0x80,
  more: 0x8000,
  noSignal: 0x4000,
  fastOpen: 0x20000000,
} as const;

const sizeGoal = (conn: Connection, mss: number): number =>
  Math.max(Math.floor(boundToHalfWindow(conn, mostGsoBytes) / mss) * mss, mss);

const nagleOf = (conn: Connection): number =>
  conn.options.cork
    ? Nagle.cork | (conn.options.nodelay ? Nagle.off : 0)
    : conn.options.nodelay
      ? Nagle.off
      : Nagle.on;

const windowEnd = (conn: Connection): number => seqAdd(conn.sndUna, conn.sndWnd);

/** More than half the largest window was written since PSH was set last. */
const forcedPush = (conn: Connection): boolean =>
  seqGt(conn.writeSeq, seqAdd(conn.pushedSeq, conn.maxWindow >> 1));

function markPush(conn: Connection, segment: TxSegment): void {
  segment.flags |= Flag.psh;
  conn.pushedSeq = conn.writeSeq;
}

/**
 * Queues data for sending and sends what may go.
 * @param from where in `data` to start (a blocked write goes on there)
 * @returns bytes taken (fewer than asked if the buffer is full), or -errno; -EAGAIN if none fits now
 */
export function sendData(conn: Connection, data: Uint8Array, from: number, flags: number): number {
  const wrong = sendError(conn);
  if (wrong !== 0) return wrong;
  const mss = sendMss(conn);
  const goal = sizeGoal(conn, mss);
  let done = from;
  while (done < data.length) {
    let segment = conn.sendQueue.sendHead === null ? null : conn.sendQueue.tail;
    if (segment === null || segment.length >= goal || segment.eor || (segment.flags & Flag.fin) !== 0) {
      if (!memoryFree(conn)) {
        conn.noSpace = true;
        pushTail(conn, mss, flags & ~Msg.more, Nagle.push);
        if (done > from && conn.sendQueue.sendHead !== null) conn.completions?.written(conn.writeSeq);
        return done > from ? done - from : -Errno.EAGAIN;
      }
      restartAfterIdle(conn);
      segment = new TxSegment(conn.writeSeq, 0, Math.min(goal, data.length - done));
      conn.sendQueue.append(segment);
      if (segment === conn.sendQueue.sendHead) beginLimit(conn, Limit.busy);
    }
    const n = Math.min(goal - segment.length, data.length - done);
    appendData(conn, segment, data, done, n);
    done += n;
    if (done === data.length || segment.length < goal) continue;
    if (forcedPush(conn)) {
      markPush(conn, segment);
      pushPending(conn, mss, Nagle.push);
    } else if (segment === conn.sendQueue.sendHead) writeOut(conn, mss, Nagle.push, 1);
  }
  const tail = conn.sendQueue.tail;
  if (tail !== null && (flags & Msg.eor) !== 0) tail.eor = true;
  if (data.length > from && (flags & Msg.oob) !== 0) {
    conn.urgentMode = true;
    conn.sndUp = conn.writeSeq;
  }
  if (done > from) conn.completions?.written(conn.writeSeq);
  pushTail(conn, mss, flags, nagleOf(conn));
  return done - from;
}

function sendError(conn: Connection): number {
  const open =
    conn.state === ESTABLISHED ||
    conn.state === CLOSE_WAIT ||
    (conn.earlyRequest !== null && conn.state === SYN_RECEIVED);
  if (conn.error !== 0 || (conn.shutdown & 2) !== 0) {
    const error = conn.error;
    conn.error = 0;
    return -(error || Errno.EPIPE);
  }
  if (open) return 0;
  return conn.state === SYN_SENT || conn.state === SYN_RECEIVED ? -Errno.EAGAIN : -Errno.EPIPE;
}

function appendData(conn: Connection, segment: TxSegment, data: Uint8Array, from: number, n: number): void {
  if (segment.length + n > segment.data.length) {
    const bigger = new Uint8Array(Math.max(segment.length + n, 2 * segment.data.length));
    bigger.set(segment.data.subarray(0, segment.length));
    segment.data = bigger;
  }
  segment.data.set(data.subarray(from, from + n), segment.length);
  segment.length += n;
  segment.end = seqAdd(segment.end, n);
  segment.flags &= ~Flag.psh;
  conn.writeSeq = seqAdd(conn.writeSeq, n);
  conn.sendQueue.bytes += n;
}

function pushTail(conn: Connection, mss: number, flags: number, nagle: number): void {
  const tail = conn.sendQueue.tail;
  if (tail === null || conn.sendQueue.sendHead === null) return;
  if ((flags & Msg.more) === 0 || forcedPush(conn)) markPush(conn, tail);
  pushPending(conn, mss, (flags & Msg.more) !== 0 ? Nagle.cork : nagle);
}

/** Sends what may go; if nothing is in flight and the window is shut, starts probing it. */
export function pushPending(conn: Connection, mss: number, nagle: number): void {
  if (conn.state === CLOSED || conn.sendQueue.sendHead === null) return;
  writeOut(conn, mss, nagle, 0);
  if (conn.packetsOut === 0 && conn.sendQueue.sendHead !== null && conn.retransmitTimer < 0)
    armProbe(conn, firstProbeDelay(conn));
}

/** Sends what may go now that a window opened or an option changed. */
export const pushFrames = (conn: Connection): void => {
  if (conn.sendQueue.sendHead !== null) pushPending(conn, sendMss(conn), nagleOf(conn));
};

const minshallHolds = (conn: Connection): boolean =>
  seqGt(conn.sndSml, conn.sndUna) && seqLe(conn.sndSml, conn.sndNxt);

/** Whether a segment below the MSS has to wait for the ACK of an earlier one (RFC 1122 4.2.3.4, with Minshall's change). */
const nagleHolds = (conn: Connection, partial: boolean, nagle: number): boolean =>
  partial && ((nagle & Nagle.cork) !== 0 || (nagle === 0 && conn.packetsOut > 0 && minshallHolds(conn)));

/** How much of a segment may go: whole MSS within both windows, and a rest only if Nagle lets it. */
function splitPoint(
  conn: Connection,
  segment: TxSegment,
  mss: number,
  packets: number,
  nagle: number,
): number {
  const window = seqDiff(windowEnd(conn), segment.seq);
  const most = mss * packets;
  if (most <= window && segment !== conn.sendQueue.tail) return most;
  const needed = Math.min(segment.length, window);
  if (most <= needed) return most;
  const partial = needed % mss;
  return nagleHolds(conn, partial !== 0, nagle) ? needed - partial : needed;
}

/** The next ACK will let a larger segment out: worth waiting for (tcp_tso_should_defer). */
function worthWaiting(
  conn: Connection,
  s: TxSegment,
  mss: number,
  packets: number,
): 'cwnd' | 'window' | null {
  const { now, sysctls } = conn.services;
  if (conn.caState >= CaState.recovery || now - conn.lastTransmitAt >= 1000) return null;
  const window = seqDiff(windowEnd(conn), s.seq);
  const congestion = (conn.cwnd - inFlight(conn)) * mss;
  const limit = Math.min(window, congestion);
  if (limit >= packets * mss || (s !== conn.sendQueue.tail && limit >= s.length)) return null;
  const divisor = sysctls.tcp_tso_win_divisor;
  const enough = divisor > 0 ? Math.floor(Math.min(conn.sndWnd, conn.cwnd * mss) / divisor) : 3 * mss + 1;
  if (limit >= enough) return null;
  const head = conn.sendQueue.head;
  if (head === null || head === conn.sendQueue.sendHead) return null;
  // The ACK is still far away.
  if (now - head.sentAt < conn.srtt >> 4) return null;
  if (congestion < window && congestion <= s.length) return 'cwnd';
  if (congestion >= window && window <= s.length) return 'window';
  return (s.flags & Flag.fin) !== 0 || s.eor ? null : 'window';
}

/**
 * The heart of sending: takes segments from the queue as long as both windows and Nagle allow (tcp_write_xmit).
 * @param limit 0 for as many as may go, 1 for one, 2 for one packet as a loss probe, whatever the congestion window
 */
export function writeOut(conn: Connection, mss: number, nagle: number, limit: 0 | 1 | 2): void {
  let sent = 0;
  let limited = false;
  let shut = false;
  const offload = offloadPackets(conn, mss);
  if (conn.mtuSearch !== null && limit === 0) {
    const probe = nextProbe(conn);
    if (probe === 'wait') return;
    if (probe !== null && transmit(conn, probe, probe.length)) {
      probeSent(conn, probe);
      newDataSent(conn, probe, probe.length);
      sent = 1;
    }
  }
  for (let s = conn.sendQueue.sendHead; s !== null; s = conn.sendQueue.sendHead) {
    const quota = Math.min(cwndQuota(conn) || (limit === 2 ? 1 : 0), offload);
    if (quota === 0) break;
    if (s.length < quota * mss) conn.sendQueue.fill(s, quota * mss);
    const first = seqAdd(s.seq, Math.min(s.length, mss));
    if (seqGt(s.length > mss ? first : s.end, windowEnd(conn))) {
      shut = true;
      break;
    }
    if (packetCount(s, mss) === 1) {
      const eagerness = s === conn.sendQueue.tail ? nagle : Nagle.push;
      const free = (eagerness & Nagle.push) !== 0 || conn.urgentMode || (s.flags & Flag.fin) !== 0;
      if (!free && nagleHolds(conn, s.length < mss, eagerness)) break;
    } else {
      const wait = limit !== 0 ? null : worthWaiting(conn, s, mss, offload);
      limited ||= wait === 'cwnd';
      shut ||= wait === 'window';
      if (wait !== null) break;
      const most = conn.urgentMode ? mss : splitPoint(conn, s, mss, quota, nagle);
      if (most <= 0) break;
      if (s.length > most) conn.sendQueue.split(s, most);
    }
    if (!transmit(conn, s, mss)) break;
    newDataSent(conn, s, mss);
    sent += s.packets;
    if (limit !== 0) break;
  }
  if (shut) beginLimit(conn, Limit.window);
  else endLimit(conn, Limit.window);
  limited ||= inFlight(conn) >= conn.cwnd;
  if (sent > 0 || limited) validateCwnd(conn, limited);
  if (sent === 0) return;
  if (isReducing(conn)) recoveryOf(conn).prrOut += sent;
  if (limit !== 2) scheduleLossProbe(conn, false);
}

/**
 * Sends what the window takes of the next segment although Nagle or a cork held it: the probe timer went off
 * (tcp_write_wakeup). False if the window takes nothing.
 */
export function pushOneSegment(conn: Connection): boolean {
  const s = conn.sendQueue.sendHead;
  const window = s === null ? 0 : seqDiff(windowEnd(conn), s.seq);
  if (s === null || window <= 0) return false;
  const mss = sendMss(conn);
  const most = Math.min(window, mss);
  if (s.length > most) conn.sendQueue.split(s, most);
  s.flags |= Flag.psh;
  if (transmit(conn, s, mss)) newDataSent(conn, s, mss);
  return true;
}

function newDataSent(conn: Connection, segment: TxSegment, mss: number): void {
  const before = conn.packetsOut;
  setPackets(segment, mss);
  const { packets } = segment;
  conn.sendQueue.sendHead = segment.next;
  conn.sndNxt = segment.end;
  conn.packetsOut += packets;
  conn.services.counters.TCPOrigDataSent += packets;
  if (segment.length < mss * packets) conn.sndSml = segment.end;
  if (before === 0 || conn.timerKind === Timer.lossProbe) rearmRetransmit(conn);
}

/** Queues the FIN behind all data and sends what may go (tcp_send_fin). */
export function sendFin(conn: Connection): void {
  const { sendQueue } = conn;
  if (sendQueue.sendHead !== null) {
    const tail = sendQueue.tail!;
    tail.flags |= Flag.fin;
    tail.end = seqAdd(tail.end, 1);
  } else {
    const segment = new TxSegment(conn.writeSeq, Flag.fin, 0);
    segment.end = seqAdd(conn.writeSeq, 1);
    sendQueue.append(segment);
  }
  conn.writeSeq = seqAdd(conn.writeSeq, 1);
  pushPending(conn, sendMss(conn), Nagle.off);
}
