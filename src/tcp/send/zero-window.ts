/** Probing a window that is shut (RFC 9293 3.8.6.1; net/ipv4/tcp_timer.c tcp_probe_timer, 6.18). */
import { seqDiff } from '../../wire/seq.ts';
import type { Connection } from '../connection.ts';
import { maxRto } from '../recovery/rtt.ts';
import { orphanRetries, writeError } from './give-up.ts';
import { sendOldSequence } from './output.ts';
import { pushOneSegment } from './sender.ts';
import { armProbe, resourceProbeInterval } from './timer.ts';

/** The zero-window probe timer. */
export function onProbeTimer(conn: Connection): void {
  conn.retransmitTimer = -1;
  conn.timerKind = -1;
  const { services } = conn;
  if (conn.packetsOut > 0 || conn.sendQueue.sendHead === null) {
    conn.probes = 0;
    conn.probesSince = -1;
    return;
  }
  const { userTimeout } = conn.options;
  const tooLong =
    userTimeout > 0 && conn.probesSince >= 0 && services.now - conn.probesSince >= userTimeout * 1000;
  if (conn.probesSince < 0) conn.probesSince = services.now;
  const alive = Math.max(conn.rto, 200_000) * 2 ** conn.backoff < maxRto(conn);
  const most = conn.orphaned ? orphanRetries(conn, alive) : services.sysctls.tcp_retries2;
  if (tooLong || conn.probes >= most || (conn.orphaned && !alive && conn.backoff >= most)) {
    writeError(conn);
    return;
  }
  probe(conn);
  if (conn.packetsOut > 0) {
    conn.probes = 0;
    conn.backoff = 0;
    conn.probesSince = -1;
    return;
  }
  conn.probes++;
  if (services.linkFull) {
    armProbe(conn, resourceProbeInterval);
    return;
  }
  if (conn.backoff < services.sysctls.tcp_retries2) conn.backoff++;
  armProbe(conn);
}

/** Sends what the window takes of the next segment, or an old sequence number (tcp_write_wakeup). */
function probe(conn: Connection): void {
  if (pushOneSegment(conn)) return;
  conn.services.counters.TCPWinProbe++;
  conn.services.note(conn, 'timer', 'zero-window-probe');
  // The urgent pointer shall arrive although nothing else may.
  const ahead = seqDiff(conn.sndUp, conn.sndUna);
  if (conn.urgentMode && ahead >= 1 && ahead <= 0xffff) sendOldSequence(conn, 0);
  sendOldSequence(conn);
}
