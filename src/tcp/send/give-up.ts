/** When unanswered segments are no longer sent again (RFC 9293 3.8.3; net/ipv4/tcp_timer.c tcp_write_timeout, 6.18). */
import type { Connection } from '../connection.ts';
import { Errno } from '../errno.ts';
import { modelTimeout } from '../handshake/syn-timeout.ts';
import { initialRto, maxRto } from '../recovery/rtt.ts';
import { SYN_RECEIVED, SYN_SENT } from '../state.ts';
import { terminate } from '../states/lifecycle.ts';
import { suspectBlackHole } from './mtu-probe.ts';

export const isHandshake = (conn: Connection): boolean =>
  conn.state === SYN_SENT || conn.state === SYN_RECEIVED;

/** Whether this series of retransmissions has lasted as long as `boundary` doublings would have (or the user's limit). */
function timedOut(conn: Connection, boundary: number, userTimeoutMs: number): boolean {
  if (conn.retransmits === 0 || conn.retransmitsSince < 0) return false;
  const base = isHandshake(conn) ? initialRto : 200_000;
  const limit = userTimeoutMs > 0 ? userTimeoutMs * 1000 : modelTimeout(boundary, base, maxRto(conn));
  return conn.services.now - conn.retransmitsSince >= limit;
}

export function orphanRetries(conn: Connection, alive: boolean): number {
  const retries = conn.services.sysctls.tcp_orphan_retries;
  // Whoever does not answer at all and was left by its application gets no retry.
  if (conn.softError !== 0 && !alive) return 0;
  return retries === 0 && alive ? 8 : retries;
}

/** Decides whether to give up (tcp_write_timeout); if so the connection is over. */
export function gaveUp(conn: Connection): boolean {
  const { sysctls } = conn.services;
  let expired: boolean;
  let boundary: number;
  if (isHandshake(conn)) {
    boundary = conn.options.synRetries || sysctls.tcp_syn_retries;
    const most = boundary + (conn.state === SYN_SENT ? sysctls.tcp_syn_linear_timeouts : 0);
    expired = conn.retransmits >= most;
  } else {
    if (timedOut(conn, sysctls.tcp_retries1, 0)) suspectBlackHole(conn);
    boundary = sysctls.tcp_retries2;
    if (conn.orphaned) {
      const alive = conn.rto < maxRto(conn);
      boundary = orphanRetries(conn, alive);
    }
    expired = false;
  }
  expired ||= timedOut(conn, boundary, conn.options.userTimeout);
  conn.services.fastOpen.timedOut(conn, expired);
  if (!expired) return false;
  writeError(conn);
  return true;
}

/** The peer does not answer: the connection ends with the error that ICMP hinted at, or ETIMEDOUT. */
export function writeError(conn: Connection): void {
  const reason = isHandshake(conn)
    ? conn.state === SYN_SENT
      ? 'syn-timeout'
      : 'synack-timeout'
    : 'data-timeout';
  conn.error = conn.softError || Errno.ETIMEDOUT;
  conn.services.counters.TCPAbortOnTimeout++;
  terminate(conn, reason);
}
