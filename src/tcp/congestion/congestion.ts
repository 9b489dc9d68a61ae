/**
 * How much may be in flight: slow start and congestion avoidance (RFC 5681; net/ipv4/tcp_cong.c, 6.18).
 * What a bad network needs beyond (CUBIC's curve, HyStart, recovery) has its room here.
 */
import { seqLe } from '../../wire/seq.ts';
import type { Connection } from '../connection.ts';

/** Congestion states with Linux' values (enum tcp_ca_state). */
export const CaState = { open: 0, disorder: 1, cwr: 2, recovery: 3, loss: 4 } as const;

/** Packets believed to be in the network. */
export const inFlight = (conn: Connection): number =>
  conn.packetsOut - conn.sackedOut - conn.lostOut + conn.retransOut;

/** How many packets may follow now; at most half the window in one go. */
export function cwndQuota(conn: Connection): number {
  const flight = inFlight(conn);
  if (flight >= conn.cwnd) return 0;
  return Math.min(Math.max(conn.cwnd >> 1, 1), conn.cwnd - flight);
}

/** The window at the start: the route's initcwnd, or 10 segments (RFC 6928). */
export const initialCwnd = (conn: Connection): number => conn.route?.initcwnd || 10;

/** The rate at which the window crosses the path, with room to grow (tcp_update_pacing_rate). */
export function updatePacingRate(conn: Connection): void {
  const ratio = conn.cwnd < conn.ssthresh >> 1 ? 2 : 1.2;
  const bytes = conn.mssCache * Math.max(conn.cwnd, conn.packetsOut) * ratio;
  conn.pacingRate = conn.srtt > 0 ? (bytes * 8e6) / conn.srtt : bytes * 8e6;
}

/** Remembers whether the congestion window is what holds sending back: only then may it grow (RFC 7661 in spirit). */
export function validateCwnd(conn: Connection, limited: boolean): void {
  if (
    !seqLe(conn.sndUna, conn.cwndUsageSeq) ||
    limited ||
    (!conn.isCwndLimited && conn.packetsOut > conn.maxPacketsOut)
  ) {
    conn.isCwndLimited = limited;
    conn.maxPacketsOut = conn.packetsOut;
    conn.cwndUsageSeq = conn.sndNxt;
  }
}

/** The window after a pause: halved for every time-out that passed, down to the initial one (RFC 5681 section 4.1). */
export function restartAfterIdle(conn: Connection): void {
  const { now, sysctls } = conn.services;
  let idle = now - conn.lastSendAt;
  if (sysctls.tcp_slow_start_after_idle === 0 || conn.packetsOut > 0 || idle <= conn.rto) return;
  const least = Math.min(initialCwnd(conn), conn.cwnd);
  conn.ssthresh = Math.max(conn.ssthresh, (conn.cwnd >> 1) + (conn.cwnd >> 2));
  for (idle -= conn.rto; idle > 0 && conn.cwnd > least; idle -= conn.rto) conn.cwnd >>= 1;
  conn.cwnd = Math.max(conn.cwnd, least);
}

const cwndLimited = (conn: Connection): boolean =>
  conn.isCwndLimited || (conn.cwnd < conn.ssthresh && conn.cwnd < 2 * conn.maxPacketsOut);

/** Opens the window for packets newly acknowledged. */
export function congestionAvoidance(conn: Connection, acked: number): void {
  if (!cwndLimited(conn)) return;
  if (conn.cwnd < conn.ssthresh) {
    const grown = Math.min(conn.cwnd + acked, conn.ssthresh);
    acked -= grown - conn.cwnd;
    conn.cwnd = Math.min(grown, conn.cwndClamp);
    if (acked === 0) return;
  }
  conn.cwndCount += acked;
  if (conn.cwndCount >= conn.cwnd) {
    const more = Math.floor(conn.cwndCount / conn.cwnd);
    conn.cwndCount -= more * conn.cwnd;
    conn.cwnd = Math.min(conn.cwnd + more, conn.cwndClamp);
  }
}

/** After a time-out: one segment, and slow start up to half of what was (RFC 5681 section 3.1). */
export function enterLoss(conn: Connection): void {
  if (conn.caState !== CaState.loss) {
    conn.ssthresh = Math.max(conn.cwnd >> 1, 2);
  }
  conn.caState = CaState.loss;
  conn.highSeq = conn.sndNxt;
  conn.cwndCount = 0;
}
