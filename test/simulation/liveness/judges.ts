/**
 * The judges of a world. Each knows from the packets, the programs and the plan what is due, and throws a `Finding` when it
 * does not come: none believes what a connection says of itself without bounds that it has found out on its own.
 */
import type { Connection } from '../../../src/tcp/connection.ts';
import { HalfopenError } from '../../../src/wire/errors.ts';

/** The judges by name. */
export type JudgeName =
  | 'data'
  | 'end'
  | 'round-trip'
  | 'silence'
  | 'acknowledgment'
  | 'memory'
  | 'storm'
  | 'remains'
  | 'crash';

/** What a judge found; the message says what, and when. */
export class Finding extends HalfopenError {
  readonly judge: JudgeName;

  constructor(judge: JudgeName, what: string) {
    super('ERR_LIVENESS', `${judge}: ${what}`);
    this.name = 'Finding';
    this.judge = judge;
  }
}

/** The longest wait of any timer of TCP, µs (tcp_rto_max_ms). */
const longestTimer = 120_000_000;
/** The bounds of Linux: the shortest time-out, and what is taken before there is an estimate and a SYN was repeated, µs. */
const shortestTimeout = 200_000;
const firstTimeout = 3_000_000;
/** Timers are rounded, and a probe of a pair of programs has to come through: µs. */
const margin = 20_000;
/** The longest that an ACK of data in order may be held back, µs (TCP_DELACK_MAX). */
const longestDelayedAck = 200_000;

const flagFin = 1;
const flagSyn = 2;
const flagRst = 4;
const flagAck = 16;

const ms = (us: number): string => `${(us / 1000).toFixed(us < 10_000 ? 2 : 0)} ms`;

interface Sent {
  /** Sequence number behind it, counted from the SYN. */
  readonly end: number;
  readonly firstAt: number;
  again: boolean;
}

/** A packet as the judges see it. */
export interface Glance {
  readonly seq: number;
  readonly ack: number;
  readonly flags: number;
  readonly window: number;
  readonly headerLength: number;
  readonly payloadLength: number;
}

/** Reads a TCP header inside an IP packet; `glance` is used again. */
export function look(bytes: Uint8Array, view: DataView, at: number, length: number): Glance {
  const ip = bytes[at]! >> 4 === 6 ? 40 : (bytes[at]! & 15) * 4;
  const tcp = at + ip;
  const headerLength = (bytes[tcp + 12]! >> 4) * 4;
  return {
    seq: view.getInt32(tcp + 4),
    ack: view.getInt32(tcp + 8),
    flags: bytes[tcp + 13]!,
    window: view.getUint16(tcp + 14),
    headerLength,
    payloadLength: length - ip - headerLength,
  };
}

/** What is known of one end of the connection, from outside. */
export class Watched {
  readonly name: string;
  conn: Connection | null = null;
  /** What the programs want delivered and is not acknowledged: asked, since only the programs know. */
  private readonly owes: () => boolean;
  private readonly floor: number;
  private iss: number | null = null;
  private sndMax = 0;
  private una = 0;
  private readonly outstanding: Sent[] = [];
  private window = -1;
  /** The longest that anything was out before it was acknowledged, µs: no sample can be longer. */
  worstSample = 0;
  sampled = false;
  /** µs when what was acknowledged last was sent first. */
  private ackedSentAt = Infinity;
  /** Sendings of old data, or probes, since there was progress. */
  private again = 0;
  private lastAct = 0;
  private owed = false;
  asleep = false;
  packets = 0;
  /** Losses: what they may cost, µs; how many in a row; when the last counted one was. */
  lossCost = 0;
  private lossRow = 0;
  private lossAt = -1e9;
  /** Data in order came in that is not acknowledged yet: since when, or -1. */
  private dueAckSince = -1;
  private lastRcvNxt = 0;
  private hasRcvNxt = false;
  private gone = false;

  /** @param floor the shortest round trip that the path allows, µs */
  constructor(name: string, floor: number, owes: () => boolean) {
    this.name = name;
    this.floor = floor;
    this.owes = owes;
  }

  /** The longest first time-out that any estimate from this path gives, µs. */
  get base(): number {
    return this.sampled ? 5 * this.worstSample + shortestTimeout : firstTimeout;
  }

  private get oldestAge(): number {
    return this.outstanding.length === 0 ? -1 : this.outstanding[0]!.firstAt;
  }

  /** The end puts a packet on the wire. */
  sends(now: number, p: Glance): void {
    this.packets++;
    this.gone ||= (p.flags & flagRst) !== 0;
    this.dueAckSince = (p.flags & flagAck) !== 0 ? -1 : this.dueAckSince;
    if ((p.flags & flagSyn) !== 0 && this.iss === null) this.iss = p.seq;
    if (this.iss === null) return;
    const start = (p.seq - this.iss) | 0;
    const consumed = p.payloadLength + (p.flags & flagSyn ? 1 : 0) + (p.flags & flagFin ? 1 : 0);
    const end = start + consumed;
    if (consumed > 0 && end > this.sndMax) {
      this.sndMax = end;
      this.outstanding.push({ end, firstAt: now, again: false });
      this.lastAct = now;
    } else if (consumed > 0 || start < this.sndMax) {
      // An old sequence number without data is a probe.
      this.again++;
      this.lastAct = now;
      for (const it of this.outstanding) {
        if (it.end > end) break;
        if (it.end > start) it.again = true;
      }
    }
  }

  /** A sound packet reached the end; call it when the end has taken it. */
  receives(now: number, p: Glance): void {
    if ((p.flags & flagRst) !== 0) this.gone = true;
    if (this.iss === null || (p.flags & flagAck) === 0) return;
    // A segment outside of the window is not looked at: neither is its ACK.
    const taken = this.conn === null ? Infinity : (this.conn.sndUna - this.iss) | 0;
    const ack = Math.min((p.ack - this.iss) | 0, taken);
    if (ack > this.sndMax || ack < this.una) return;
    const age = this.oldestAge;
    const before = this.ackedSentAt;
    const progress = ack > this.una;
    // What is longer than with timestamps alone, or than bare, has SACK blocks: they are samples, too.
    const stamped = this.conn?.timestampsOk === true;
    const news = progress || p.headerLength > (stamped ? 32 : 20);
    let clean = true;
    if (progress) {
      this.una = ack;
      while (this.outstanding.length > 0 && this.outstanding[0]!.end <= ack) {
        const { again, firstAt } = this.outstanding.shift()!;
        if (again) clean = false;
        this.ackedSentAt = firstAt;
      }
    }
    if (news && age >= 0) {
      // What came late with an old ACK leaves no timestamp: the one echoed is of what was acknowledged before.
      this.worstSample = Math.max(this.worstSample, now - (clean ? age : Math.min(age, before)));
      this.sampled ||= clean || stamped || p.headerLength > 20;
    }
    if (progress) {
      if (clean || stamped) this.again = 0;
      this.lossRow = 0;
    }
    // The wait for a window begins anew with every answer.
    if (news || p.window !== this.window || this.outstanding.length === 0) this.lastAct = now;
    this.window = p.window;
  }

  /** A packet of this end, or one to it, got lost: it may cost a time-out, and twice that if it is the next after one. */
  lost(now: number): void {
    if (now - this.lossAt < this.base / 2) return;
    this.lossAt = now;
    this.lossCost += Math.min(longestTimer, this.base * 2 ** this.lossRow++);
  }

  fallsAsleep(): void {
    this.asleep = true;
  }

  wakes(now: number): void {
    this.asleep = false;
    this.lastAct = now;
    if (this.dueAckSince >= 0) this.dueAckSince = now;
  }

  /** Looks at what the end has become by a packet or a timer. */
  check(now: number): void {
    if (this.asleep || this.gone) return;
    this.checkSilence(now);
    const { conn } = this;
    if (conn === null || conn.state === 7) return;
    this.checkRoundTrip(conn, now);
    this.checkAcknowledgment(conn, now);
    this.checkMemory(conn, now);
  }

  /** When the next silence or held-back ACK would be too long, µs. */
  get due(): number {
    if (this.asleep || this.gone) return Infinity;
    const ack = this.dueAckSince < 0 ? Infinity : this.dueAckSince + longestDelayedAck + margin;
    return Math.min(ack, this.lastAct + this.longestSilence) + 1;
  }

  private get longestSilence(): number {
    // A window that takes nothing is probed in multiples of a time-out that may be backed off itself.
    const shut = this.outstanding.length === 0;
    const factor = (shut ? 4 : 2) ** Math.min(this.again, 12);
    return Math.min(longestTimer, this.base * factor) + margin;
  }

  private checkSilence(now: number): void {
    const owed = this.owed;
    this.owed = this.outstanding.length > 0 || this.owes();
    // What was written a moment ago is not late.
    if (!this.owed || !owed) this.lastAct = now;
    const silence = now - this.lastAct;
    if (silence <= this.longestSilence) return;
    throw new Finding(
      'silence',
      `${this.name} owes data and has sent nothing for ${ms(silence)}; after ${this.again} repetitions ` +
        `no timer may take longer than ${ms(this.longestSilence)} (at ${now} µs)`,
    );
  }

  private checkRoundTrip(conn: Connection, now: number): void {
    if (conn.srtt === 0) return;
    const estimate = conn.srtt / 8;
    const age = this.oldestAge;
    const longest = Math.max(this.worstSample, age < 0 ? 0 : now - age);
    if (estimate > longest + 2000)
      throw new Finding(
        'round-trip',
        `${this.name} takes the round trip for ${ms(estimate)}, but nothing was out longer than ${ms(longest)} (at ${now} µs)`,
      );
    if (estimate < this.floor * 0.98 - 1500)
      throw new Finding(
        'round-trip',
        `${this.name} takes the round trip for ${ms(estimate)}, but the path takes ${ms(this.floor)} at least (at ${now} µs)`,
      );
    const first = conn.rto / 2 ** conn.backoff;
    const most = Math.max(5 * longest + shortestTimeout + 2000, firstTimeout);
    if (conn.rto < Math.max(shortestTimeout, this.floor * 0.98) || first > most || conn.rto > longestTimer)
      throw new Finding(
        'round-trip',
        `the time-out of ${this.name} is ${ms(conn.rto)} after ${conn.backoff} doublings, on a path of ${ms(this.floor)} ` +
          `where nothing was out longer than ${ms(longest)} (at ${now} µs)`,
      );
  }

  private checkAcknowledgment(conn: Connection, now: number): void {
    if (this.hasRcvNxt && conn.rcvNxt !== this.lastRcvNxt && conn.lastAckSent !== conn.rcvNxt) {
      if (this.dueAckSince < 0) this.dueAckSince = now;
    } else if (conn.lastAckSent === conn.rcvNxt) this.dueAckSince = -1;
    this.hasRcvNxt = true;
    this.lastRcvNxt = conn.rcvNxt;
    if (this.dueAckSince < 0 || now - this.dueAckSince <= longestDelayedAck + margin) return;
    throw new Finding(
      'acknowledgment',
      `${this.name} has held back the ACK of data in order for ${ms(now - this.dueAckSince)} (at ${now} µs)`,
    );
  }

  private checkMemory(conn: Connection, now: number): void {
    const received = conn.receiveQueue.memory + conn.outOfOrder.memory;
    // One segment may be taken beyond the limit: the peer knows of the data only.
    const most = conn.rcvBuf + 2 * 65_536;
    // What was begun may be filled and sent piece by piece without asking for room again.
    const out = (conn.sndNxt - conn.sndUna) | 0;
    const queued = conn.sendQueue.bytes - out - 1280 * conn.packetsOut;
    const mostQueued = conn.sndBuf + 2 * 65_536;
    if (received <= most && queued <= mostQueued) return;
    throw new Finding(
      'memory',
      `${this.name} holds ${received} bytes received in a buffer of ${conn.rcvBuf}, and ${queued} bytes to send in one of ` +
        `${conn.sndBuf} (at ${now} µs)`,
    );
  }
}
