/**
 * TIME-WAIT as a small record (RFC 9293 3.6.1, RFC 6191, RFC 7323 section 5; net/ipv4/tcp_minisocks.c
 * tcp_timewait_state_process, 6.18). An orphan's FIN-WAIT-2 lives here too.
 */

import type { Address } from '../../wire/address.ts';
import type { Segment } from '../../wire/segment.ts';
import { seqAdd, seqGt, seqLt } from '../../wire/seq.ts';
import { Flag } from '../../wire/tcp.ts';
import { type Connection, type ConnectionServices, Timer } from '../connection.ts';
import { noOptions, Outgoing, writePacket } from '../packet.ts';
import type { Reason } from '../reasons.ts';
import { inWindow } from '../receive/in-window.ts';
import { receiveWindow } from '../receive/window.ts';
import { sendResetFor } from '../reset.ts';
import { trafficClassOf } from '../socket/options.ts';
import { CLOSED, FIN_WAIT_2, TIME_WAIT } from '../state.ts';
import type { Tuple } from '../table.ts';
import type { TimerOwner } from '../timers.ts';

/** What remains of a closed connection. */
export class TimeWait implements Tuple, TimerOwner {
  readonly state: number = TIME_WAIT;
  readonly services: ConnectionServices;
  hash = 0;
  readonly local: Address;
  readonly localPort: number;
  readonly remote: Address;
  readonly remotePort: number;
  timer = -1;
  finWait2: boolean;
  readonly sndNxt: number;
  rcvNxt: number;
  rcvWnd: number;
  readonly rcvWscale: number;
  readonly timestampsOk: boolean;
  readonly tsOffset: number;
  tsRecent: number;
  tsRecentAt: number;
  readonly tos: number;
  readonly id: number;
  lastAckAt: number = -Infinity;
  /** What the socket layer asks of a port's users. */
  readonly reuse: boolean;
  readonly claim: object | null;
  /** µs when TIME-WAIT was entered (FIN-WAIT-2, before that). */
  enteredAt: number;

  constructor(conn: Connection, finWait2: boolean) {
    this.services = conn.services;
    this.id = conn.id;
    this.local = conn.local;
    this.localPort = conn.localPort;
    this.remote = conn.remote;
    this.remotePort = conn.remotePort;
    this.finWait2 = finWait2;
    this.sndNxt = conn.sndNxt;
    this.rcvNxt = conn.rcvNxt;
    this.rcvWnd = receiveWindow(conn);
    this.rcvWscale = conn.rcvWscale;
    this.timestampsOk = conn.timestampsOk;
    this.tsOffset = conn.tsOffset;
    this.tsRecent = conn.tsRecent;
    this.tsRecentAt = conn.tsRecentAt;
    this.tos = trafficClassOf(conn.options, conn.remote.family);
    this.reuse = conn.options.reuse;
    this.claim = conn.claim;
    this.enteredAt = conn.services.now;
  }

  onTimer(): void {
    this.timer = -1;
    this.end('time-wait-over');
  }

  /** Ends the guard: the tuple is free. */
  end(reason: Reason): void {
    const { services } = this;
    this.timer = services.timers.cancel(this.timer);
    services.table.remove(this);
    services.timeWaits--;
    if (!this.finWait2) services.counters.TW++;
    services.stateChanged(this, this.finWait2 ? FIN_WAIT_2 : TIME_WAIT, CLOSED, reason);
    services.onGuardEnded?.(this);
  }

  private restart(length: number): void {
    const { timers, now } = this.services;
    timers.cancel(this.timer);
    this.timer = timers.arm(this, Timer.keepalive, now + length);
  }

  /** Sends the ACK of the old connection again. */
  sendAck(): void {
    const { services } = this;
    const options = noOptions();
    // 6.18 takes a time of 0 for none (tcp_v4_send_ack).
    if (this.timestampsOk && this.tsRecent !== 0) {
      options.timestamps = true;
      options.tsVal = services.timestamp(this.tsOffset);
      options.tsEcr = this.tsRecent;
    }
    const out = new Outgoing().between(this);
    out.seq = this.sndNxt;
    out.ack = this.rcvNxt;
    out.flags = Flag.ack;
    out.window = this.rcvWnd >> this.rcvWscale;
    out.trafficClass = this.tos;
    // From the host's own socket for such answers, which nobody has tuned.
    out.ttl = services.ttlOf(-1, this.remote.family);
    out.options = options;
    writePacket(services.out, out, null, 0, 0);
    services.counters.OutSegs++;
  }

  /** Acknowledges again, but not more often than every tcp_invalid_ratelimit. */
  private acknowledgeAgain(seg: Segment): void {
    const { services } = this;
    // Data or a FIN without SYN is no part of a loop in which two ends answer each other for ever.
    const limited = seg.end === seg.seq || (seg.flags & Flag.syn) !== 0;
    if (limited && services.now - this.lastAckAt < services.sysctls.tcp_invalid_ratelimit * 1000) {
      services.counters.TCPACKSkippedTimeWait++;
      return;
    }
    if (limited) this.lastAckAt = services.now;
    this.sendAck();
  }

  /**
   * Handles a segment for this tuple.
   * @returns `new` if it is a SYN that may open the tuple anew: the caller hands it to a listener
   */
  handle(seg: Segment): 'new' | 'done' {
    const { services } = this;
    const stamped = seg.hasTimestamps && this.timestampsOk;
    const paws =
      stamped &&
      this.tsRecentAt >= 0 &&
      this.tsRecent !== 0 &&
      seqLt(seg.tsVal, this.tsRecent) &&
      ((seg.flags & Flag.rst) === 0 || services.now < this.tsRecentAt + 60_000_000);
    if (this.finWait2) return this.handleFinWait2(seg, paws);
    const { flags } = seg;
    const bare = seg.seq === seg.end || (flags & Flag.rst) !== 0;
    if (!paws && seg.seq === this.rcvNxt && bare) {
      if ((flags & Flag.rst) !== 0) {
        // TIME-WAIT assassination (RFC 1337): Linux lets it happen unless told not to.
        if (services.sysctls.tcp_rfc1337 === 0) this.end('rst-received');
      } else this.restart(60_000_000);
      if (stamped) this.takeTimestamp(seg);
      return 'done';
    }
    const newer = seqGt(seg.seq, this.rcvNxt) || (stamped && seqLt(this.tsRecent, seg.tsVal));
    if ((flags & (Flag.syn | Flag.rst | Flag.ack)) === Flag.syn && !paws && newer) return 'new';
    if (paws) services.counters.PAWSEstab++;
    if ((flags & Flag.rst) === 0) {
      // A copy of the peer's FIN means that our last ACK was lost: wait the full time again.
      if (paws || (flags & Flag.ack) !== 0) this.restart(60_000_000);
      this.acknowledgeAgain(seg);
    }
    return 'done';
  }

  private takeTimestamp(seg: Segment): void {
    this.tsRecent = seg.tsVal;
    this.tsRecentAt = this.services.now;
  }

  private handleFinWait2(seg: Segment, paws: boolean): 'new' | 'done' {
    const { services } = this;
    const { flags } = seg;
    // Even a RST beyond the window is answered here, as 6.18 does.
    if (paws || !inWindow(seg, this.rcvNxt, seqAdd(this.rcvNxt, this.rcvWnd))) {
      this.acknowledgeAgain(seg);
      return 'done';
    }
    if ((flags & Flag.rst) !== 0) {
      this.end('rst-received');
      return 'done';
    }
    if ((flags & Flag.syn) !== 0 && !seqLt(seg.seq, this.rcvNxt)) {
      this.refuse(seg);
      return 'done';
    }
    if ((flags & Flag.ack) === 0 || !seqGt(seg.end, this.rcvNxt) || seg.end === seg.seq) return 'done';
    if ((flags & Flag.fin) === 0 || seg.end !== seqAdd(this.rcvNxt, 1)) {
      this.refuse(seg);
      return 'done';
    }
    this.finWait2 = false;
    this.enteredAt = services.now;
    this.rcvNxt = seg.end;
    if (seg.hasTimestamps && this.timestampsOk) this.takeTimestamp(seg);
    this.restart(60_000_000);
    services.stateChanged(this, FIN_WAIT_2, TIME_WAIT, 'fin-received');
    this.sendAck();
    return 'done';
  }

  /** Data nobody will read: the peer has to be told. */
  private refuse(seg: Segment): void {
    sendResetFor(this.services, seg);
    this.end('after-close');
  }
}

/** The initial sequence number of a connection that takes over from a guard: beyond all that the old one sent. */
export const issAfter = (guard: TimeWait): number => (guard.sndNxt + 65537) | 0 || 1;

/**
 * Lets an active open take over a tuple in TIME-WAIT (tcp_tw_reuse; the socket layer has checked that it may).
 * @returns the ISN that keeps old duplicates out, or null if the tuple is free
 */
export function reuseTimeWait(conn: Connection): number | null {
  const { services } = conn;
  const guard = services.table.find(conn.local, conn.localPort, conn.remote, conn.remotePort);
  if (!(guard instanceof TimeWait)) return null;
  services.counters.TCPTimeWaitReuse++;
  conn.tsRecent = guard.tsRecent;
  conn.tsRecentAt = guard.tsRecentAt;
  guard.end('time-wait-reused');
  return issAfter(guard);
}
