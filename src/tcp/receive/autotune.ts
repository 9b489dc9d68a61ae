/**
 * The receive buffer follows the sender: how much the application takes in a round trip decides how large the window may
 * become (net/ipv4/tcp_input.c tcp_rcv_space_adjust and tcp_rcv_rtt_measure, 6.18).
 */
import type { Segment } from '../../wire/segment.ts';
import { seqDiff, seqLt } from '../../wire/seq.ts';
import type { Connection, ReceiverRound } from '../connection.ts';
import { windowFromMemory } from './window.ts';

/** Made with the first data. */
function begun(conn: Connection): ReceiverRound {
  conn.autotune ??= {
    space: conn.rcvSpace,
    seq: conn.copiedSeq,
    time: conn.services.now,
    rtt: 0,
    windowEnd: 0,
    windowSince: -1,
    lastEcho: 0,
  };
  return conn.autotune;
}

/** @param smallestOnly whether a longer round trip than the one known says nothing: the application was slow */
function takeSample(tune: ReceiverRound, sample: number, smallestOnly: boolean): void {
  const scaled = sample * 8;
  if (tune.rtt === 0 || scaled < tune.rtt) tune.rtt = scaled;
  else if (!smallestOnly) tune.rtt += sample - (tune.rtt >> 3);
}

/** Data arrived: how long did a window take? */
export function measureWindow(conn: Connection): void {
  const tune = begun(conn);
  const { now } = conn.services;
  if (tune.windowSince >= 0) {
    if (seqLt(conn.rcvNxt, tune.windowEnd)) return;
    takeSample(tune, Math.max(now - tune.windowSince, 1), true);
  }
  tune.windowEnd = (conn.rcvNxt + conn.rcvWnd) | 0;
  tune.windowSince = now;
}

/** A full segment with a new echo: how old is what it echoes? */
export function measureEcho(conn: Connection, seg: Segment): void {
  if (!conn.timestampsOk || !seg.hasTimestamps) return;
  const tune = begun(conn);
  if (seg.tsEcr === tune.lastEcho) return;
  tune.lastEcho = seg.tsEcr;
  if (seqDiff(seg.end, seg.seq) < conn.rcvMss || seg.tsEcr === 0) return;
  const delta = seqDiff(conn.services.timestamp(conn.tsOffset), seg.tsEcr);
  if (delta <= 0 || delta >= 0x7fffffff / 1000) return;
  takeSample(tune, delta * 1000, conn.rcvNxt !== conn.copiedSeq);
}

/**
 * The application has read: at the end of a round trip the buffer may grow. The kernel looks after each segment, so only
 * the first of a read finds that time has passed.
 * @param copiedTo the sequence number up to which that segment was read
 */
export function afterCopy(conn: Connection, copiedTo: number): void {
  const tune = conn.autotune;
  if (tune === null || tune.rtt === 0) return;
  const { now } = conn.services;
  if (now - tune.time < tune.rtt >> 3) return;
  const waiting = seqDiff(conn.rcvNxt, copiedTo);
  const copied = seqDiff(copiedTo, tune.seq) - waiting;
  if (copied > tune.space) growBuffer(conn, copied);
  tune.seq = copiedTo;
  tune.time = now;
}

/** Twice what came in a round trip, and as much more as the sender may speed up by (tcp_rcvbuf_grow). */
export function growBuffer(conn: Connection, space?: number): void {
  const tune = begun(conn);
  const before = tune.space;
  if (space !== undefined) tune.space = space;
  const { tcp_moderate_rcvbuf: moderate, tcp_rmem } = conn.services.sysctls;
  if (moderate === 0 || conn.options.rcvBufLocked) return;
  let window = 2 * tune.space;
  window += 2 * Math.floor((window * (tune.space - before)) / before);
  if (!conn.outOfOrder.empty) window += seqDiff(conn.outOfOrder.lastEnd, conn.rcvNxt);
  const buffer = Math.min(Math.floor((window * 256) / conn.scalingRatio), tcp_rmem[2]);
  if (buffer <= conn.rcvBuf) return;
  conn.rcvBuf = buffer;
  conn.windowClamp = windowFromMemory(conn, buffer);
}
