/**
 * A half-open connection on the passive side: a small record with a life of its own until the handshake's last ACK
 * (RFC 9293 3.10.7.4 in SYN-RECEIVED; Linux' request_sock, net/ipv4/tcp_minisocks.c tcp_check_req, 6.18).
 */

import type { Address } from '../../wire/address.ts';
import type { Segment } from '../../wire/segment.ts';
import { seqAdd, seqLe, seqLt } from '../../wire/seq.ts';
import { Flag } from '../../wire/tcp.ts';
import {
  type Connection,
  type ConnectionServices,
  type EarlyRequest,
  type RequestVerdict,
  Timer,
} from '../connection.ts';
import { noOptions, type OptionSet, Outgoing, writePacket } from '../packet.ts';
import type { Reason } from '../reasons.ts';
import { inWindow } from '../receive/in-window.ts';
import { initialRto } from '../recovery/rtt.ts';
import { sendResetFor } from '../reset.ts';
import type { Route } from '../route.ts';
import { hopsOf, trafficClassOf } from '../socket/options.ts';
import { CLOSED, SYN_RECEIVED } from '../state.ts';
import type { Tuple } from '../table.ts';
import type { TimerOwner } from '../timers.ts';
import type { Cookie } from './fast-open.ts';
import { advertisedMss } from './negotiate.ts';

/** What all SYN+ACKs are written from, one after another. */
const outgoing = new Outgoing();

/** The longest a SYN+ACK waits, µs (TCP_RTO_MAX). */
const longestRto = 120_000_000;

/** What is settled by the SYN, and what is kept until the ACK. */
export class Request implements Tuple, TimerOwner, EarlyRequest {
  readonly state: number = SYN_RECEIVED;
  readonly services: ConnectionServices;
  readonly listener: Connection;
  readonly id: number;
  hash = 0;
  readonly local: Address;
  readonly localPort: number;
  readonly remote: Address;
  readonly remotePort: number;
  readonly route: Route;
  readonly irs: number;
  /** The traffic class of its SYN, without ECN's two bits. */
  readonly synTos: number;
  iss = 0;
  /** The peer's MSS as far as it binds us. */
  mss = 536;
  advMss = 1460;
  /** -1 without window scaling. */
  sndWscale = -1;
  rcvWscale = 0;
  rcvWnd = 0;
  windowClamp = 0;
  sackOk = false;
  timestampsOk = false;
  tsRecent = 0;
  tsOffset = 0;
  ecnOk = false;
  /** SYN+ACKs beyond the first that a timer sent, and all beyond the first. */
  timeouts = 0;
  retransmits = 0;
  /** The handshake's ACK came, but the connection was not made (deferred, or no room). */
  acked = false;
  sentAt = -1;
  /** The TSvals of the first and the latest SYN+ACK. */
  firstTsVal = 0;
  lastTsVal = 0;
  timer = -1;
  lastAckAt: number = -Infinity;
  isCookie = false;
  /** Its place among its listener's requests. */
  queued = false;
  next: Request | null = null;
  previous: Request | null = null;
  /** A Fast Open cookie to hand out with the first SYN+ACK. */
  cookie: Cookie | null = null;
  /** By Fast Open the connection exists already: this only says what its SYN+ACK is made of. */
  early = false;
  /** The next sequence number expected: data of the SYN is before it if it was taken. */
  rcvNxt: number;
  savedSyn: Uint8Array | null = null;

  /**
   * @param remote the segment's source
   * @param route the way back, from the segment's destination
   * @param irs the peer's initial sequence number, if the segment is not its SYN
   */
  constructor(
    listener: Connection,
    seg: Segment,
    remote: Address,
    route: Route,
    id: number,
    irs: number = seg.seq,
  ) {
    this.services = listener.services;
    this.listener = listener;
    this.id = id;
    this.local = route.source;
    this.localPort = seg.destinationPort;
    this.remote = remote;
    this.remotePort = seg.sourcePort;
    this.route = route;
    this.irs = irs;
    this.synTos = seg.trafficClass & ~3;
    this.rcvNxt = seqAdd(irs, 1);
  }

  /** The traffic class of its SYN+ACK, and of the connection that it becomes. */
  tos(): number {
    if (this.services.sysctls.tcp_reflect_tos !== 0) return this.synTos;
    return trafficClassOf(this.listener.options, this.remote.family) & ~3;
  }

  onTimer(): void {
    this.timer = -1;
    this.timedOut();
  }

  /** The options of the SYN+ACK: only what the SYN offered. */
  options(): OptionSet {
    const options = noOptions();
    options.mss = this.advMss = advertisedMss(this.route, this.remote.family, this.listener.options.userMss);
    options.windowScale = this.sndWscale >= 0 ? this.rcvWscale : -1;
    options.sackPermitted = this.sackOk;
    if (this.timestampsOk) {
      options.timestamps = true;
      options.tsVal = this.services.timestamp(this.tsOffset);
      options.tsEcr = this.tsRecent;
    }
    options.cookie = this.cookie;
    return options;
  }

  /** Sends the SYN+ACK; a cookie's first packet carries the request's own timestamp value. */
  sendSynAck(cookieTsVal: number | null = null): void {
    const options = this.options();
    if (cookieTsVal !== null) options.tsVal = cookieTsVal;
    if (this.sentAt < 0) this.firstTsVal = options.tsVal;
    this.lastTsVal = options.tsVal;
    this.write(
      this.iss,
      Flag.syn | Flag.ack | (this.ecnOk ? Flag.ece : 0),
      Math.min(this.rcvWnd, 65535),
      options,
    );
    this.cookie = null;
    if (this.sentAt < 0) this.sentAt = this.services.now;
  }

  private write(seq: number, flags: number, window: number, options: OptionSet): void {
    const { listener } = this;
    const out = outgoing.between(this);
    out.seq = seq;
    out.ack = this.rcvNxt;
    out.flags = flags;
    out.window = window;
    const isSynAck = (flags & Flag.syn) !== 0;
    // An ACK comes from the host's own socket for such answers, which nobody has tuned.
    out.trafficClass = isSynAck ? this.tos() : 0;
    const { family } = this.remote;
    out.ttl = this.services.ttlOf(isSynAck ? hopsOf(listener.options, family) : -1, family);
    out.options = options;
    writePacket(this.services.out, out, null, 0, 0);
    this.services.counters.OutSegs++;
  }

  /** An ACK without a connection's state; that of an early connection may have sent data since. */
  sendAck(seq: number = seqAdd(this.iss, 1)): void {
    const options = noOptions();
    // 6.18 takes a time of 0 for none (tcp_v4_send_ack).
    if (this.timestampsOk && this.tsRecent !== 0) {
      options.timestamps = true;
      options.tsVal = this.services.timestamp(this.tsOffset);
      options.tsEcr = this.tsRecent;
    }
    // No more of the window than the SYN+ACK could say.
    this.write(seq, Flag.ack, Math.min(this.rcvWnd, 65535) >> this.rcvWscale, options);
  }

  /** How long the SYN+ACK waits for its answer, µs: 1 s, doubled for every time-out, whatever tcp_rto_max_ms says (6.18). */
  private wait(): number {
    return Math.min(initialRto * 2 ** this.timeouts, longestRto);
  }

  /** Starts or restarts the SYN+ACK timer. */
  arm(): void {
    const { timers, now } = this.services;
    timers.cancel(this.timer);
    this.timer = timers.arm(this, Timer.retransmit, now + this.wait());
  }

  /** How many SYN+ACKs may be repeated; fewer when the queue fills up with old requests. */
  private retryLimit(): number {
    const queue = this.listener.listener!;
    let most = this.listener.options.synRetries || this.services.sysctls.tcp_synack_retries;
    const length = queue.requestCount;
    if (2 * length > Math.max(8, queue.backlog)) {
      let young = queue.young << 1;
      while (most > 2 && length >= young) {
        most--;
        young <<= 1;
      }
    }
    return most;
  }

  private timedOut(): void {
    const queue = this.listener.listener;
    if (queue === null) {
      this.drop('listener-closed');
      return;
    }
    const defer = this.listener.options.deferAccept;
    const late = this.timeouts >= this.retryLimit();
    const expire = defer === 0 ? late : late && (!this.acked || this.timeouts >= defer);
    const resend = defer === 0 || !this.acked || this.timeouts >= defer - 1;
    if (expire) {
      this.services.counters.AttemptFails++;
      this.drop('synack-timeout');
      return;
    }
    if (resend) {
      this.services.counters.TCPTimeouts++;
      this.resend();
    }
    if (this.timeouts++ === 0) queue.young--;
    this.arm();
  }

  /** Sends the SYN+ACK again. */
  resend(): void {
    this.retransmits++;
    this.services.counters.RetransSegs++;
    this.services.counters.TCPSynRetrans++;
    this.services.note(this, 'timer', 'synack-retransmit', { retransmits: this.retransmits });
    this.sendSynAck();
  }

  /** Forgets the request. */
  drop(reason: Reason): void {
    this.timer = this.services.timers.cancel(this.timer);
    this.services.table.remove(this);
    this.listener.listener?.removeRequest(this);
    this.services.stateChanged(this, SYN_RECEIVED, CLOSED, reason);
  }

  /** Whether a timestamp is older than the latest one; with RST as well, until the SYN is a minute old (tcp_paws_reject). */
  private isOld(seg: Segment): boolean {
    if (this.tsRecent === 0 || !seqLt(seg.tsVal, this.tsRecent)) return false;
    return (seg.flags & Flag.rst) === 0 || this.wait() < 60_000_000;
  }

  /** Whether a timestamp's echo is of a SYN+ACK that was sent. */
  private echoes(seg: Segment): boolean {
    if (seg.tsEcr === 0) return true;
    return seqLe(this.firstTsVal, seg.tsEcr) && seqLe(seg.tsEcr, this.lastTsVal);
  }

  /** Answers with an ACK what is not taken, unless that was done just now. */
  private acknowledge(seg: Segment): RequestVerdict {
    // A RST is limited even with data.
    if ((seg.flags & Flag.rst) !== 0 ? this.tooSoon() : this.rateLimited(seg)) return 'done';
    if (this.early) return 'acknowledge';
    this.sendAck();
    return 'done';
  }

  private rateLimited(seg: Segment): boolean {
    // Data without SYN is no part of a loop in which two ends answer each other for ever.
    return (seg.end === seg.seq || (seg.flags & Flag.syn) !== 0) && this.tooSoon();
  }

  private tooSoon(): boolean {
    const { now, sysctls, counters } = this.services;
    if (now - this.lastAckAt < sysctls.tcp_invalid_ratelimit * 1000) {
      counters.TCPACKSkippedSynRecv++;
      return true;
    }
    this.lastAckAt = now;
    return false;
  }

  /**
   * Handles a segment for this request (tcp_check_req).
   * @returns `established` if the caller shall make the connection (an early one: go on with the segment),
   *   `listener` if the segment goes to the listener, `reset` if an early connection is over, `acknowledge` if an early
   *   connection shall only send an ACK
   */
  handle(seg: Segment): RequestVerdict {
    const { services, rcvNxt } = this;
    let { flags } = seg;
    flags &= Flag.rst | Flag.syn | Flag.ack;
    const stamped = seg.hasTimestamps && this.timestampsOk;
    const paws = stamped && this.isOld(seg);
    const wrongEcho = stamped && !this.early && !this.echoes(seg);
    if (seg.seq === this.irs && flags === Flag.syn && !paws) {
      // The SYN again: our answer was lost.
      if (!this.rateLimited(seg)) {
        this.resend();
        if (!this.early) this.arm();
      }
      return 'done';
    }
    // What an early connection may have acknowledged is checked there: it may have sent data.
    const rst = (flags & Flag.rst) !== 0;
    if (!this.early && !rst && (flags & Flag.ack) !== 0 && seg.ack !== seqAdd(this.iss, 1)) return 'listener';
    if (paws || wrongEcho || !inWindow(seg, rcvNxt, seqAdd(rcvNxt, Math.min(this.rcvWnd, 65535)))) {
      if (paws) services.counters.PAWSEstab++;
      else if (wrongEcho) services.counters.TSEcrRejected++;
      services.drop(this, paws ? 'paws' : wrongEcho ? 'wrong-echo' : 'out-of-window');
      return rst ? 'done' : this.acknowledge(seg);
    }
    // A RST that is merely in the window may be forged (RFC 5961 section 3.2).
    if (rst && seg.seq !== rcvNxt) {
      services.drop(this, 'rst-not-exact');
      return this.acknowledge(seg);
    }
    // A bare ACK that is put off leaves no trace.
    const deferred =
      !this.early &&
      flags === Flag.ack &&
      seg.end === rcvNxt &&
      this.timeouts < this.listener.options.deferAccept;
    if (seg.seq === this.irs) flags &= ~Flag.syn;
    if ((flags & (Flag.rst | Flag.syn)) !== 0) {
      services.counters.AttemptFails++;
      if ((flags & Flag.rst) === 0) sendResetFor(services, seg);
      if (this.early) return (flags & Flag.rst) !== 0 ? 'reset' : 'done';
      services.counters.EmbryonicRsts++;
      this.drop((flags & Flag.rst) !== 0 ? 'rst-received' : 'syn-in-connection');
      return 'done';
    }
    if ((flags & Flag.ack) === 0) {
      services.drop(this, 'no-ack');
      return 'done';
    }
    if (this.early) return 'established';
    if (deferred) {
      this.acked = true;
      services.counters.TCPDeferAcceptDrop++;
      services.drop(this, 'deferred-ack');
      return 'done';
    }
    return 'established';
  }
}
