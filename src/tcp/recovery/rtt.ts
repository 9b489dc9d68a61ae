/**
 * The round-trip time and what follows from it (RFC 6298; net/ipv4/tcp_input.c tcp_rtt_estimator, 6.18). All in µs;
 * srtt is kept times 8 and mdev times 4, as Linux keeps them, so that rounding is the same.
 */
import { seqGt } from '../../wire/seq.ts';
import type { Connection } from '../connection.ts';

/** The first time-out, before any sample: 1 s (RFC 6298 section 2.1). */
export const initialRto = 1_000_000;

/** The longest time-out, µs. */
export const maxRto = (conn: Connection): number =>
  conn.options.rtoMax || conn.services.sysctls.tcp_rto_max_ms * 1000;

/** The shortest time-out, µs: 200 ms in Linux, below RFC 6298's one second. */
export const minRto = (conn: Connection): number => conn.route?.rtoMin || conn.rtoMin;

/**
 * Keeps the shortest round trip of the last tcp_min_rtt_wlen seconds, µs.
 * @param perhapsDelayed the peer may have held the ACK back: then it only counts if it is shorter
 */
export function updateMinRtt(conn: Connection, rtt: number, perhapsDelayed: boolean): void {
  const { now, sysctls } = conn.services;
  if (perhapsDelayed && rtt > conn.minRtt) return;
  const expired = now - conn.minRttAt > sysctls.tcp_min_rtt_wlen * 1e6;
  if (rtt > conn.minRtt && !expired) return;
  conn.minRtt = Math.max(rtt, 1);
  conn.minRttAt = now;
}

/** Takes a sample in µs from a handshake. */
export function rttSample(conn: Connection, sample: number): void {
  const rtt = Math.max(Math.round(sample), 1);
  updateMinRtt(conn, rtt, false);
  estimate(conn, rtt);
}

/** Takes a sample in µs into the estimate and sets the time-out. */
export function estimate(conn: Connection, sample: number): void {
  const rtt = Math.max(Math.round(sample), 1);
  if (conn.srtt === 0) {
    conn.srtt = rtt << 3;
    conn.mdev = rtt << 1;
    conn.rttvar = Math.max(conn.mdev, minRto(conn));
    conn.mdevMax = conn.rttvar;
    conn.rttSeq = conn.sndNxt;
  } else {
    let m = rtt - (conn.srtt >> 3);
    conn.srtt = Math.max(conn.srtt + m, 1);
    if (m < 0) {
      m = -m - (conn.mdev >> 2);
      // A sudden drop must not blow the variance up.
      if (m > 0) m >>= 3;
    } else m -= conn.mdev >> 2;
    conn.mdev += m;
    if (conn.mdev > conn.mdevMax) {
      conn.mdevMax = conn.mdev;
      if (conn.mdevMax > conn.rttvar) conn.rttvar = conn.mdevMax;
    }
    if (seqGt(conn.sndUna, conn.rttSeq)) {
      if (conn.mdevMax < conn.rttvar) conn.rttvar -= (conn.rttvar - conn.mdevMax) >> 2;
      conn.rttSeq = conn.sndNxt;
      conn.mdevMax = minRto(conn);
    }
  }
  conn.rto = estimatedRto(conn);
}

/** The time-out of the present estimate, µs. */
export const estimatedRto = (conn: Connection): number =>
  Math.min((conn.srtt >> 3) + conn.rttvar, maxRto(conn));
