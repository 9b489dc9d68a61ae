/** Probing an idle connection (RFC 9293 3.8.4; net/ipv4/tcp_timer.c tcp_keepalive_timer, 6.18). */
import { type Connection, Timer } from '../connection.ts';
import { Errno } from '../errno.ts';
import { CLOSED, LISTEN, SYN_SENT } from '../state.ts';
import { terminate } from '../states/lifecycle.ts';
import { sendActiveReset, sendOldSequence } from './output.ts';

const keepIdle = (conn: Connection): number =>
  (conn.options.keepIdle || conn.services.sysctls.tcp_keepalive_time) * 1e6;

/** Starts or stops probing an idle connection, as SO_KEEPALIVE says. */
export function updateKeepalive(conn: Connection): void {
  const { timers, now } = conn.services;
  conn.keepaliveTimer = timers.cancel(conn.keepaliveTimer);
  if (conn.options.keepalive && conn.state !== CLOSED && conn.state !== LISTEN && conn.state !== SYN_SENT)
    conn.keepaliveTimer = timers.arm(conn, Timer.keepalive, now + keepIdle(conn));
}

/** The keepalive timer. */
export function onKeepaliveTimer(conn: Connection): void {
  conn.keepaliveTimer = -1;
  const { services } = conn;
  if (!conn.options.keepalive || conn.state === CLOSED || conn.state === SYN_SENT || conn.state === LISTEN)
    return;
  let wait = keepIdle(conn);
  if (conn.packetsOut === 0 && conn.sendQueue.sendHead === null) {
    const idle = services.now - Math.max(conn.lastDataAt, conn.lastAckAt);
    if (idle < wait) wait -= idle;
    else {
      const most = conn.options.keepCount || services.sysctls.tcp_keepalive_probes;
      const dead =
        conn.options.userTimeout > 0
          ? idle >= conn.options.userTimeout * 1000 && conn.probes > 0
          : conn.probes >= most;
      if (dead) {
        sendActiveReset(conn);
        conn.error = conn.softError || Errno.ETIMEDOUT;
        services.counters.TCPAbortOnTimeout++;
        terminate(conn, 'keepalive-timeout');
        return;
      }
      services.counters.TCPKeepAlive++;
      services.note(conn, 'timer', 'keepalive-probe');
      sendOldSequence(conn);
      conn.probes++;
      wait = (conn.options.keepInterval || services.sysctls.tcp_keepalive_intvl) * 1e6;
    }
  }
  conn.keepaliveTimer = services.timers.arm(conn, Timer.keepalive, services.now + wait);
}
