/** How much may be in flight, and the window of a sender that does not use it (RFC 5681, RFC 7661; net/ipv4/tcp_output.c, 6.18). */
import { seqLt } from '../../wire/seq.ts';
import type { Connection } from '../connection.ts';
import { beginLimit, Limit } from '../send/limits.ts';
import { isLimited } from './interface.ts';
import { CaState } from './state.ts';

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

/** Remembers whether the congestion window is what holds sending back: only then may it grow (tcp_cwnd_validate). */
export function validateCwnd(conn: Connection, limited: boolean): void {
  const { now, sysctls } = conn.services;
  if (
    !seqLt(conn.sndUna, conn.cwndUsageSeq) ||
    limited ||
    (!conn.isCwndLimited && conn.packetsOut > conn.maxPacketsOut)
  ) {
    conn.isCwndLimited = limited;
    conn.maxPacketsOut = conn.packetsOut;
    conn.cwndUsageSeq = conn.sndNxt;
  }
  if (isLimited(conn)) {
    conn.cwndUsed = 0;
    conn.cwndStamp = now;
    return;
  }
  conn.cwndUsed = Math.max(conn.cwndUsed, conn.packetsOut);
  if (sysctls.tcp_slow_start_after_idle !== 0 && now - conn.cwndStamp >= conn.rto) decayUnused(conn);
  // Everything is sent, and the writer waits for room.
  if (conn.sendQueue.sendHead === null && conn.noSpace) beginLimit(conn, Limit.buffer);
}

/** A window that was not used for a time-out says little of the path: half way back to what was used (RFC 2861). */
function decayUnused(conn: Connection): void {
  if (conn.caState === CaState.open && !conn.noSpace && !conn.orphaned) {
    const used = Math.max(conn.cwndUsed, initialCwnd(conn));
    if (used < conn.cwnd) {
      conn.ssthresh = Math.max(conn.ssthresh, (conn.cwnd >> 1) + (conn.cwnd >> 2));
      conn.cwnd = (conn.cwnd + used) >> 1;
    }
    conn.cwndUsed = 0;
  }
  conn.cwndStamp = conn.services.now;
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
  conn.cwndStamp = now;
  conn.cwndUsed = 0;
}
