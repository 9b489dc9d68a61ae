/**
 * FIN-WAIT-2, and what becomes of it when the application has let go: a limited wait for the peer's FIN, most of it as a
 * small record (RFC 9293 3.6; net/ipv4/tcp.c __tcp_close and tcp_input.c tcp_rcv_state_process, 6.18).
 */
import type { Segment } from '../../wire/segment.ts';
import { seqGt } from '../../wire/seq.ts';
import { Flag } from '../../wire/tcp.ts';
import { type Connection, Timer } from '../connection.ts';
import { wakeAll } from '../poll.ts';
import { sendResetFor } from '../reset.ts';
import { sendActiveReset } from '../send/output.ts';
import { FIN_WAIT_2 } from '../state.ts';
import { enterTimeWait, setState, terminate, timeWaitLength } from './lifecycle.ts';

/** How long an orphan waits in FIN-WAIT-2, µs; never below three and a half time-outs. */
function finTime(conn: Connection): number {
  const wanted = (conn.options.linger2 || conn.services.sysctls.tcp_fin_timeout) * 1e6;
  return Math.max(wanted, 4 * conn.rto - (conn.rto >> 1));
}

/** Spends the part of the wait that is longer than TIME-WAIT as a whole connection. */
function waitForFin(conn: Connection, time: number): void {
  const { timers, now } = conn.services;
  conn.keepaliveTimer = timers.cancel(conn.keepaliveTimer);
  conn.keepaliveTimer = timers.arm(conn, Timer.keepalive, now + time);
}

/** FIN-WAIT-1 → FIN-WAIT-2, which an orphan spends as a small record. */
export function finAcked(conn: Connection, seg: Segment): boolean {
  const { services } = conn;
  conn.shutdown |= 2;
  setState(conn, FIN_WAIT_2, 'fin-acked');
  if (!conn.orphaned) {
    conn.owner?.wake(conn, wakeAll);
    return true;
  }
  const fin = (seg.flags & Flag.fin) !== 0 ? 1 : 0;
  const dataAfterClose = seg.end !== seg.seq && seqGt((seg.end - fin) | 0, conn.rcvNxt);
  if (conn.options.linger2 < 0 || dataAfterClose) {
    services.counters.TCPAbortOnData++;
    sendResetFor(services, seg);
    terminate(conn, 'after-close');
    return false;
  }
  const wait = finTime(conn);
  if (wait > timeWaitLength || fin === 1) {
    const early = wait > timeWaitLength ? wait - timeWaitLength : wait;
    waitForFin(conn, early);
    return true;
  }
  enterTimeWait(conn, true, wait);
  return false;
}

/** The application closed its descriptor while the connection was in FIN-WAIT-2 already. */
export function orphanInFinWait2(conn: Connection): void {
  if (conn.options.linger2 < 0) {
    sendActiveReset(conn);
    conn.services.counters.TCPAbortOnLinger++;
    terminate(conn, 'orphan-timeout');
    return;
  }
  const wait = finTime(conn);
  if (wait > timeWaitLength) waitForFin(conn, wait - timeWaitLength);
  else enterTimeWait(conn, true, wait);
}

/** Whether the keepalive timer is the one that ends waiting for the peer's FIN. */
export const waitsForFin = (conn: Connection): boolean => conn.state === FIN_WAIT_2 && conn.orphaned;

/** That timer: what is left of the wait is spent as a small record. */
export function onFinWaitTimer(conn: Connection): void {
  conn.keepaliveTimer = -1;
  if (conn.options.linger2 >= 0) {
    enterTimeWait(conn, true, Math.min(finTime(conn), timeWaitLength));
    return;
  }
  sendActiveReset(conn);
  terminate(conn, 'orphan-timeout');
}
