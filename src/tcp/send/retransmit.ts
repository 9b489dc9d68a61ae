/**
 * The retransmission timer and its relatives: zero-window probes, keepalive, and when to give up
 * (RFC 6298 section 5, RFC 9293 3.8.6.1; net/ipv4/tcp_timer.c, 6.18).
 */
import { seqAdd, seqDiff, seqLt } from '../../wire/seq.ts';
import { Flag } from '../../wire/tcp.ts';
import { enterLoss, inFlight } from '../congestion/congestion.ts';
import { type Connection, Timer } from '../connection.ts';
import { Errno } from '../errno.ts';
import { modelTimeout } from '../handshake/syn-timeout.ts';
import { initialRto, maxRto } from '../recovery/rtt.ts';
import { CLOSED, FIN_WAIT_2, LISTEN, SYN_RECEIVED, SYN_SENT } from '../state.ts';
import { done, enterTimeWait, timeWaitLength } from '../states/lifecycle.ts';
import { sendAck, sendActiveReset, sendOldSequence, transmit } from './output.ts';
import type { TxSegment } from './send-queue.ts';
import { pushOneSegment, recount, sendMss } from './sender.ts';

const isHandshake = (conn: Connection): boolean => conn.state === SYN_SENT || conn.state === SYN_RECEIVED;

/** (Re)starts the retransmission timer; while an early connection's SYN+ACK is unanswered, the timer is its. */
export function armRetransmit(conn: Connection, delay: number = conn.rto): void {
  if (conn.earlyRequest === null) arm(conn, delay);
}

/** (Re)starts the timer of an early connection's SYN+ACK. */
export const armSynAck = (conn: Connection, delay: number): void => arm(conn, delay);

function arm(conn: Connection, delay: number): void {
  const { timers, now } = conn.tcp;
  timers.cancel(conn.retransmitTimer);
  conn.probing = false;
  conn.retransmitTimer = timers.arm(conn, Timer.retransmit, now + Math.min(delay, maxRto(conn)));
}

/** Starts the zero-window probe timer. */
export function armProbe(conn: Connection, delay: number = probeDelay(conn)): void {
  const { timers, now } = conn.tcp;
  timers.cancel(conn.retransmitTimer);
  conn.probing = true;
  conn.retransmitTimer = timers.arm(conn, Timer.probe, now + clampToUserTimeout(conn, delay));
}

/** Stops the retransmission or probe timer. */
export function stopRetransmit(conn: Connection): void {
  if (conn.earlyRequest !== null) return;
  conn.retransmitTimer = conn.tcp.timers.cancel(conn.retransmitTimer);
  conn.probing = false;
}

const probeDelay = (conn: Connection): number =>
  Math.min(Math.max(conn.rto, 200_000) * 2 ** conn.backoff, maxRto(conn));

/** TCP_USER_TIMEOUT cuts the last wait short, so that giving up is not late. */
function clampToUserTimeout(conn: Connection, delay: number): number {
  if (conn.options.userTimeout === 0 || conn.retransmitsSince < 0) return delay;
  const left = conn.options.userTimeout * 1000 - (conn.tcp.now - conn.retransmitsSince);
  return left <= 0 ? 1000 : Math.min(delay, left);
}

/** Whether this series of retransmissions has lasted as long as `boundary` doublings would have (or the user's limit). */
function timedOut(conn: Connection, boundary: number, userTimeoutMs: number): boolean {
  if (conn.retransmits === 0 || conn.retransmitsSince < 0) return false;
  const base = isHandshake(conn) ? initialRto : 200_000;
  const limit = userTimeoutMs > 0 ? userTimeoutMs * 1000 : modelTimeout(boundary, base, maxRto(conn));
  return conn.tcp.now - conn.retransmitsSince >= limit;
}

function orphanRetries(conn: Connection, alive: boolean): number {
  const retries = conn.tcp.sysctls.tcp_orphan_retries;
  // Whoever does not answer at all and was left by its application gets no retry.
  if (conn.softError !== 0 && !alive) return 0;
  return retries === 0 && alive ? 8 : retries;
}

/** Decides whether to give up (tcp_write_timeout); if so the connection is over. */
function gaveUp(conn: Connection): boolean {
  const { sysctls } = conn.tcp;
  let expired: boolean;
  let boundary: number;
  if (isHandshake(conn)) {
    boundary = conn.options.synRetries || sysctls.tcp_syn_retries;
    const most = boundary + (conn.state === SYN_SENT ? sysctls.tcp_syn_linear_timeouts : 0);
    expired = conn.retransmits >= most;
  } else {
    boundary = sysctls.tcp_retries2;
    if (conn.orphaned) {
      const alive = conn.rto < maxRto(conn);
      boundary = orphanRetries(conn, alive);
    }
    expired = false;
  }
  expired ||= timedOut(conn, boundary, conn.options.userTimeout);
  conn.tcp.fastOpen.timedOut(conn, expired);
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
  conn.tcp.counters.TCPAbortOnTimeout++;
  done(conn, reason);
}

/** Sends a segment again. The MSS may have shrunk since; then only a part goes. */
export function retransmit(conn: Connection, segment: TxSegment): void {
  const { tcp } = conn;
  const mss = sendMss(conn);
  if (seqLt(segment.seq, conn.sndUna)) trimHead(conn, segment);
  const limit = mss * Math.max(conn.cwnd - inFlight(conn), 1);
  const window = seqDiff(seqAdd(conn.sndUna, conn.sndWnd), segment.seq);
  // Beyond the window only the first segment may go: it serves as a probe.
  if (window <= 0 && segment.seq !== conn.sndUna) return;
  const most = window >= mss ? Math.min(limit, window - (window % mss)) : mss;
  if (segment.length > most) {
    conn.sendQueue.split(segment, most);
    recount(conn, segment.next!, mss);
  }
  recount(conn, segment, mss);
  const { packets } = segment;
  // The fall-back for middle boxes that choke on an ECN SYN (RFC 3168 6.1.1.1).
  if ((segment.flags & Flag.syn) !== 0 && tcp.sysctls.tcp_ecn_fallback) {
    segment.flags &= ~(Flag.ece | Flag.cwr);
    conn.ecnRequested = false;
  }
  segment.retransmits++;
  if (!segment.retransmitted) conn.retransOut += packets;
  segment.retransmitted = true;
  transmit(conn, segment, mss);
  tcp.counters.RetransSegs += packets;
  if ((segment.flags & Flag.syn) !== 0) tcp.counters.TCPSynRetrans++;
  conn.totalRetransmits += packets;
  conn.bytesRetransmitted += segment.length;
  if (conn.retransmitsSince < 0) conn.retransmitsSince = segment.sentAt;
}

function trimHead(conn: Connection, segment: TxSegment): void {
  const n = seqDiff(conn.sndUna, segment.seq);
  segment.data = segment.data.subarray(n);
  segment.length -= n;
  segment.seq = conn.sndUna;
  conn.sendQueue.bytes -= n;
}

/** The retransmission time-out (RFC 6298 section 5.4 to 5.7). */
export function onRetransmitTimer(conn: Connection): void {
  conn.retransmitTimer = -1;
  const { tcp } = conn;
  const head = conn.sendQueue.head;
  if (conn.packetsOut === 0 || head === null) return;
  const zeroWindow = conn.sndWnd === 0 && !conn.orphaned && !isHandshake(conn);
  if (
    zeroWindow &&
    tcp.now - conn.lastAckAt > maxRto(conn) * (conn.options.userTimeout > 0 ? 1 : 2) &&
    conn.retransmits > 0
  ) {
    writeError(conn);
    return;
  }
  if (!zeroWindow) {
    tcp.counters.TCPTimeouts++;
    if (gaveUp(conn)) return;
  }
  markAllLost(conn);
  conn.retransmits++;
  conn.totalRto++;
  tcp.note(conn, 'timer', isHandshake(conn) ? 'syn-retransmit' : 'rto-retransmit', {
    retransmits: conn.retransmits,
    rtoUs: conn.rto,
  });
  retransmit(conn, head);
  backOff(conn);
  armRetransmit(conn, clampToUserTimeout(conn, conn.rto));
}

/** Doubles the time-out; Linux keeps it for the first tcp_syn_linear_timeouts copies of a SYN. */
function backOff(conn: Connection): void {
  const linear = conn.state === SYN_SENT && conn.totalRto <= conn.tcp.sysctls.tcp_syn_linear_timeouts;
  if (linear) return;
  conn.backoff++;
  conn.rto = Math.min(conn.rto * 2, maxRto(conn));
}

function markAllLost(conn: Connection): void {
  if (isHandshake(conn)) return;
  enterLoss(conn);
  conn.lostOut = 0;
  conn.retransOut = 0;
  for (let s = conn.sendQueue.head; s !== null && s !== conn.sendQueue.sendHead; s = s.next) {
    s.retransmitted = false;
    s.lost = !s.sacked;
    if (s.lost) conn.lostOut += s.packets;
  }
  conn.cwnd = inFlight(conn) + 1;
}

/** After a time-out, sends lost segments again as the window opens. */
export function retransmitLost(conn: Connection): void {
  for (let s = conn.sendQueue.head; s !== null && s !== conn.sendQueue.sendHead; s = s.next) {
    if (inFlight(conn) >= conn.cwnd) return;
    if (s.lost && !s.retransmitted) retransmit(conn, s);
  }
}

/** The zero-window probe timer. */
export function onProbeTimer(conn: Connection): void {
  conn.retransmitTimer = -1;
  conn.probing = false;
  const { tcp } = conn;
  if (conn.packetsOut > 0 || conn.sendQueue.sendHead === null) {
    conn.probes = 0;
    conn.backoff = 0;
    return;
  }
  if (conn.retransmitsSince < 0) conn.retransmitsSince = tcp.now;
  const tooLong =
    conn.options.userTimeout > 0 && tcp.now - conn.retransmitsSince >= conn.options.userTimeout * 1000;
  const alive = Math.max(conn.rto, 200_000) * 2 ** conn.backoff < maxRto(conn);
  const most = conn.orphaned ? orphanRetries(conn, alive) : tcp.sysctls.tcp_retries2;
  if (tooLong || conn.probes >= most) {
    writeError(conn);
    return;
  }
  probe(conn);
  if (conn.packetsOut > 0) return;
  conn.probes++;
  if (conn.backoff < tcp.sysctls.tcp_retries2) conn.backoff++;
  armProbe(conn);
}

/** Sends what the window takes of the next segment, or an old sequence number (tcp_write_wakeup). */
function probe(conn: Connection): void {
  if (pushOneSegment(conn)) return;
  conn.tcp.counters.TCPWinProbe++;
  conn.tcp.note(conn, 'timer', 'zero-window-probe');
  sendOldSequence(conn);
}

/** The delayed-ACK timer (RFC 9293 3.8.6.3). */
export function onDelayedAckTimer(conn: Connection): void {
  conn.delayedAckTimer = -1;
  if (!conn.ackPending || conn.state === CLOSED || conn.state === LISTEN) return;
  if (conn.pingpong < conn.tcp.sysctls.tcp_pingpong_thresh) conn.ato = Math.min(conn.ato * 2, conn.rto);
  else {
    // Delayed ACKs did not pay off: the application does not answer at once.
    conn.pingpong = 0;
    conn.ato = 40_000;
  }
  conn.tcp.counters.DelayedACKs++;
  conn.tcp.note(conn, 'timer', 'delayed-ack');
  sendAck(conn);
}

const keepIdle = (conn: Connection): number =>
  (conn.options.keepIdle || conn.tcp.sysctls.tcp_keepalive_time) * 1e6;

/** Starts or stops probing an idle connection, as SO_KEEPALIVE says. */
export function updateKeepalive(conn: Connection): void {
  const { timers, now } = conn.tcp;
  conn.keepaliveTimer = timers.cancel(conn.keepaliveTimer);
  if (conn.options.keepalive && conn.state !== CLOSED && conn.state !== LISTEN && conn.state !== SYN_SENT)
    conn.keepaliveTimer = timers.arm(conn, Timer.keepalive, now + keepIdle(conn));
}

/** The keepalive timer; of an orphan in FIN-WAIT-2, the timer that ends waiting for the peer's FIN. */
export function onKeepaliveTimer(conn: Connection): void {
  conn.keepaliveTimer = -1;
  const { tcp } = conn;
  if (conn.state === FIN_WAIT_2 && conn.orphaned) {
    if (conn.options.linger2 >= 0) enterTimeWait(conn, true, Math.min(finTime(conn), timeWaitLength));
    else {
      sendActiveReset(conn);
      done(conn, 'orphan-timeout');
    }
    return;
  }
  if (!conn.options.keepalive || conn.state === CLOSED || conn.state === SYN_SENT || conn.state === LISTEN)
    return;
  let wait = keepIdle(conn);
  if (conn.packetsOut === 0 && conn.sendQueue.sendHead === null) {
    const idle = tcp.now - Math.max(conn.lastDataAt, conn.lastAckAt);
    if (idle < wait) wait -= idle;
    else {
      const most = conn.options.keepCount || tcp.sysctls.tcp_keepalive_probes;
      const dead =
        conn.options.userTimeout > 0
          ? idle >= conn.options.userTimeout * 1000 && conn.probes > 0
          : conn.probes >= most;
      if (dead) {
        sendActiveReset(conn);
        conn.error = conn.softError || Errno.ETIMEDOUT;
        tcp.counters.TCPAbortOnTimeout++;
        done(conn, 'keepalive-timeout');
        return;
      }
      tcp.counters.TCPKeepAlive++;
      tcp.note(conn, 'timer', 'keepalive-probe');
      sendOldSequence(conn);
      conn.probes++;
      wait = (conn.options.keepInterval || tcp.sysctls.tcp_keepalive_intvl) * 1e6;
    }
  }
  conn.keepaliveTimer = tcp.timers.arm(conn, Timer.keepalive, tcp.now + wait);
}

/** How long an orphan waits in FIN-WAIT-2, µs; never below three and a half time-outs. */
export function finTime(conn: Connection): number {
  const wanted = (conn.options.linger2 || conn.tcp.sysctls.tcp_fin_timeout) * 1e6;
  return Math.max(wanted, 4 * conn.rto - (conn.rto >> 1));
}
