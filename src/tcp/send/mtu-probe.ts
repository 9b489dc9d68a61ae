/**
 * How large packets the path takes, found out by sending some (RFC 4821; net/ipv4/tcp_output.c tcp_mtu_probe and
 * tcp_timer.c tcp_mtu_probing, 6.18). Off by default: tcp_mtu_probing 1 begins when retransmissions show that large packets
 * vanish, 2 with the connection.
 */
import { seqAdd, seqDiff, seqGt } from '../../wire/seq.ts';
import { inFlight } from '../congestion/cwnd.ts';
import { CaState } from '../congestion/state.ts';
import type { Connection, MtuSearch } from '../connection.ts';
import { currentMss, headers } from '../handshake/negotiate.ts';
import { currentThreshold } from '../recovery/prr.ts';
import { recoveryOf } from '../recovery/state.ts';
import { sendMss, syncMss } from './mss.ts';
import type { TxSegment } from './send-queue.ts';

/** A probe costs a packet of the window: with fewer than this none is sent. */
const leastWindow = 11;

const mtuOf = (conn: Connection, mss: number): number =>
  mss + headers(conn.family) + (conn.stampedHeaders ? 12 : 0);

function newSearch(conn: Connection): MtuSearch {
  return {
    low: mtuOf(conn, conn.services.sysctls.tcp_base_mss),
    high: conn.mssClamp + headers(conn.family),
    probe: 0,
    probeSeq: 0,
    probeEnd: 0,
    since: conn.services.now,
  };
}

/** A connection begins, or its handshake is complete (tcp_mtup_init). */
export function beginSearch(conn: Connection): void {
  conn.mtuSearch = conn.services.sysctls.tcp_mtu_probing > 1 ? newSearch(conn) : null;
}

/** Nothing comes back however often it is sent: perhaps it is too large. Smaller segments, at each time-out (RFC 4821 section 7.7). */
export function suspectBlackHole(conn: Connection): void {
  const { sysctls } = conn.services;
  if (sysctls.tcp_mtu_probing === 0) return;
  const search = conn.mtuSearch;
  if (search === null) conn.mtuSearch = newSearch(conn);
  else {
    const half = Math.min(currentMss(conn, search.low) >> 1, sysctls.tcp_base_mss);
    search.low = mtuOf(conn, Math.max(half, sysctls.tcp_mtu_probe_floor, sysctls.tcp_min_snd_mss));
  }
  syncMss(conn);
}

/**
 * Makes the next segment of the queue a probe, if it is time for one.
 * @returns the segment, 'wait' if there should be one but it may not go yet, null if none is due
 */
export function nextProbe(conn: Connection): TxSegment | 'wait' | null {
  const search = conn.mtuSearch;
  if (search === null || search.probe > 0 || conn.caState !== CaState.open || conn.cwnd < leastWindow)
    return null;
  if (conn.sackEdges.length > 0 || conn.dsack) return null;
  const { tcp_probe_threshold: threshold } = conn.services.sysctls;
  const size = currentMss(conn, (search.low + search.high) >> 1);
  if (size > currentMss(conn, search.high) || search.high - search.low < Math.max(1, threshold)) {
    searchAnew(conn, search);
    return null;
  }
  // The segments that follow have to show by their SACKs that the probe was lost.
  const needed = size + (conn.reordering + 1) * conn.mssCache;
  if (seqDiff(conn.writeSeq, conn.sndNxt) < needed || conn.sndWnd < needed) return null;
  if (seqGt(seqAdd(conn.sndNxt, needed), seqAdd(conn.sndUna, conn.sndWnd))) return 'wait';
  if (inFlight(conn) + 2 > conn.cwnd) return inFlight(conn) === 0 ? null : 'wait';
  return gather(conn, size);
}

/** Puts so many bytes into the next segment; null if a record's end (MSG_EOR) is in the way, or there are not as many. */
function gather(conn: Connection, size: number): TxSegment | null {
  const { sendQueue } = conn;
  const first = sendQueue.sendHead!;
  let length = 0;
  for (let s: TxSegment | null = first; s !== null; s = s.next) {
    length += s.length;
    if (length >= size) break;
    if (s.eor) return null;
  }
  if (length < size) return null;
  while (first.length < size) sendQueue.fill(first, size);
  if (first.length > size) sendQueue.split(first, size);
  return first;
}

/** The probe has left. It counts for one packet of the window, which shrinks by one: what follows is not to add up. */
export function probeSent(conn: Connection, segment: TxSegment): void {
  const search = conn.mtuSearch!;
  conn.cwnd--;
  search.probe = mtuOf(conn, segment.length);
  search.probeSeq = segment.seq;
  search.probeEnd = segment.end;
}

/** After a while the path may be another one. */
function searchAnew(conn: Connection, search: MtuSearch): void {
  const { now, sysctls } = conn.services;
  if (now - search.since < sysctls.tcp_probe_interval * 1e6) return;
  Object.assign(search, newSearch(conn), { low: mtuOf(conn, sendMss(conn)) });
}

/** Something was acknowledged: if the probe was, segments grow, and the window stays the same in bytes. */
export function probeAcked(conn: Connection): void {
  const search = conn.mtuSearch;
  if (search === null || search.probe === 0 || seqGt(search.probeEnd, conn.sndUna)) return;
  const threshold = currentThreshold(conn);
  conn.cwnd = Math.max(1, Math.floor((conn.cwnd * mtuOf(conn, conn.mssCache)) / search.probe));
  conn.cwndCount = 0;
  conn.cwndStamp = conn.services.now;
  recoveryOf(conn).priorSsthresh = threshold;
  conn.ssthresh = currentThreshold(conn);
  search.low = search.probe;
  search.probe = 0;
  syncMss(conn);
  conn.services.counters.TCPMTUPSuccess++;
}

/** Whether what is lost is the probe: that says nothing of congestion. Then the path takes less, and the window is as before. */
export function probeLost(conn: Connection): boolean {
  const search = conn.mtuSearch;
  if (search === null || search.probe === 0 || conn.caState >= CaState.cwr) return false;
  if (conn.sndUna !== search.probeSeq) return false;
  search.high = search.probe - 1;
  search.probe = 0;
  conn.cwnd++;
  conn.services.counters.TCPMTUPFail++;
  return true;
}
