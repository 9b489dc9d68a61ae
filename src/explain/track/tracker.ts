/**
 * Assigns every segment to a connection attempt: tuple, initial sequence number and encapsulation. Numbers are judged, not
 * flags alone: a SYN+ACK belongs to the SYN it acknowledges (RFC 9293 section 3.5). Nothing here assumes that the
 * capture is in order. What happened is judged when the attempt is over (judge.ts).
 */

import { type Decapsulator, Found } from '../decode/decapsulate.ts';
import { endsUnserved, firstData, sentAgain, whileStalled } from './aftermath.ts';
import { AttemptStore } from './attempt-store.ts';
import { EventLog } from './event-log.ts';
import { Eviction, isOver, type TrackerLimits } from './eviction.ts';
import { FastPath } from './fast-path.ts';
import type { Hosts } from './hosts.ts';
import { Legs } from './legs.ts';
import { directionOf, Match, tupleHash } from './match.ts';
import * as R from './records.ts';
import type { Segment } from './segment.ts';

const { WORDS, PORTS, CLIENT_LOW, SERVER_LOW, ENCAPSULATION, NEXT, STATE, LAST_FRAME, CLIENT_NEXT } = R;
const { SERVER_NEXT, CLIENT_PACKETS, SERVER_PACKETS, CLIENT_ISN, SERVER_ISN, NEWEST_EVENT, NUMBER } = R;
const { FIRST_FRAME, PREVIOUS_STATE, CLIENT, SERVER, PREVIOUS, DOUBLES, LAST_TIME, CLIENT_BYTES } = R;
const { SERVER_BYTES, FIRST_TIME, SYN_SEEN, SYNACK_SEEN, CONFIRMED, CLIENT_FIN, SERVER_FIN } = R;
const { CLIENT_RST, SERVER_RST, CLIENT_DATA, SERVER_DATA, IPV6, ICMP_SEEN, MID_STREAM, CLIENT_KNOWN } = R;
const { SERVER_KNOWN, USED, CLIENT_ACK, SERVER_ACK, SETTLED, DATA_ON_SYN, MISMATCH, H_ACK, H_DATA } = R;
const { H_FIN, H_SERVER, STALLED, LEG } = R;

const FIN = 1;
const SYN = 2;
const RST = 4;
const ACK = 16;

/** Packets that are handled together, at most. */
export const BATCH = 64;

/** Follows all attempts of a capture. */
export class Tracker {
  readonly store: AttemptStore = new AttemptStore();
  readonly log: EventLog = new EventLog(this.store);
  private readonly fastPath = new FastPath(this.log);
  private readonly legs = new Legs();
  /** Whether there was a packet. */
  started = false;
  /** Seconds since 1970 that times count from. Not a small integer from the start: else V8 would compile for those, in vain. */
  baseSeconds: number = Number.NaN;
  /** How many attempts began, segments were seen, and segments were too damaged to use. */
  begun = 0;
  segments = 0;
  malformed = 0;
  /** ICMP errors that quote a connection not in the capture. */
  orphanIcmp = 0;
  private readonly hosts: Hosts;
  private readonly eviction: Eviction;
  /** Keeps the compiler from leaving out the loads that warm the cache. */
  touched = 0;
  private readonly match: Match;
  private readonly isCandidate = (slot: number): boolean => this.match.isCandidate(slot);
  private readonly slots = new Int32Array(BATCH);
  // The time here likewise.
  private readonly at: Segment = {
    time: Number.NaN,
    frame: 0,
    flags: 0,
    seq: 0,
    ack: 0,
    payload: 0,
    header: 0,
  };

  /** @param finish called with an attempt's slot when it is over, before the slot is given back */
  constructor(hosts: Hosts, finish: (slot: number) => void, limits: TrackerLimits) {
    this.hosts = hosts;
    this.eviction = new Eviction(this.store, this.log.events, finish, limits);
    this.match = new Match(
      this.store,
      this.at,
      (slot) => this.eviction.evict(slot),
      (slot) => this.log.flip(slot),
    );
  }

  /**
   * Takes segments and ICMP errors, in the order of the capture. Memory is slow next to the work on one packet, so the records
   * that a batch needs are touched first, all at once: the processor fetches them side by side.
   * @param batch what decapsulators found, the first `count` of them
   */
  handle(batch: readonly Decapsulator[], count: number): void {
    const { store, slots } = this;
    const { words, newest } = store;
    let sum = 0;
    for (let n = 0; n < count; n++) slots[n] = batch[n]!.hash = tupleHash(batch[n]!);
    for (let n = 0; n < count; n++) sum ^= newest.peek(slots[n]!);
    for (let n = 0; n < count; n++) slots[n] = newest.get(slots[n]!) * WORDS;
    for (let n = 0; n < count; n++) {
      const base = slots[n]!;
      if (base >= 0) sum ^= words[base]!;
    }
    for (let n = 0; n < count; n++) {
      const base = slots[n]!;
      if (base >= 0 && (words[base + STATE]! & SETTLED) === 0) sum ^= words[base + 16]!;
    }
    this.touched = sum;
    for (let n = 0; n < count; n++) this.one(batch[n]!);
  }

  private one(d: Decapsulator): void {
    const { at } = this;
    at.time = (d.seconds - this.baseSeconds) * 1e9 + d.nanoseconds;
    if (!this.started) {
      this.started = true;
      this.baseSeconds = d.seconds;
      at.time = d.nanoseconds;
    }
    at.frame = d.frame;
    const { view, tcpAt } = d;
    at.seq = view.getInt32(tcpAt + 4);
    if (d.found === Found.icmp) {
      this.match.find(d);
      this.icmp(d);
      return;
    }
    this.segments++;
    const control = view.getUint16(tcpAt + 12);
    at.header = (control >>> 12) << 2;
    at.payload = d.segmentLength - at.header;
    if (at.header < 20 || at.payload < 0) {
      this.malformed++;
      return;
    }
    at.flags = control & 0x1ff;
    at.ack = view.getInt32(tcpAt + 8);
    if (this.short(d)) return;
    this.match.find(d);
    this.segment(d, d.hash);
  }

  /** An ICMP error goes to the attempt whose segment it quotes; best to one whose SYN it quotes. */
  private icmp(d: Decapsulator): void {
    const { words } = this.store;
    let best = -1;
    for (let n = 0; n < this.match.count && best < 0; n++) {
      const base = this.match.candidates[n]! * WORDS;
      const isn = this.match.fromClient(base) ? CLIENT_ISN : SERVER_ISN;
      if (words[base + isn] === this.at.seq) best = this.match.candidates[n]!;
    }
    if (best < 0 && this.match.count > 0) best = this.match.candidates[0]!;
    if (best < 0) {
      this.orphanIcmp++;
      return;
    }
    const base = best * WORDS;
    const quotesSyn = this.match.fromClient(base) && words[base + CLIENT_ISN] === this.at.seq;
    if (quotesSyn && words[base + STATE]! & SYN_SEEN) words[base + STATE]! |= ICMP_SEEN;
    this.log.appendIcmp(best, this.at, d);
  }

  /** Time of the last packet, in ns since the base. */
  now(): number {
    return this.started ? this.at.time : 0;
  }

  /** Finishes all attempts, in the order they began. */
  end(most: number = Number.POSITIVE_INFINITY): boolean {
    return this.eviction.end(most);
  }

  /** Tells of attempts that are over, before the end: see {@link Eviction.settle}. */
  settle(time: number): void {
    this.eviction.settle(time);
  }

  private segment(d: Decapsulator, hash: number): void {
    const { store } = this;
    const { flags } = this.at;
    let slot = -1;
    if (this.match.count === 1 && (flags & (SYN | RST)) === 0) {
      slot = this.match.candidates[0]!;
      const base = slot * WORDS;
      const state = store.words[base + STATE]!;
      const sameWrap = store.words[base + ENCAPSULATION] === d.encapsulation;
      if (sameWrap && (state & (SETTLED | DATA_ON_SYN)) === SETTLED && (flags & FIN) === 0) {
        this.account(slot, base, this.match.fromClient(base), state, d);
        return;
      }
      if (!this.match.belongs(base, this.match.fromClient(base), state, sameWrap)) slot = -1;
    } else if (flags & RST) slot = this.match.forReset(d.encapsulation);
    else if (flags & SYN)
      slot = flags & ACK ? this.match.forSynAck(d.encapsulation) : this.match.forSyn(d.encapsulation);
    else slot = this.match.closest(d.encapsulation);
    const fresh = slot < 0;
    if (fresh) slot = this.begin(d, hash);
    const base = slot * WORDS;
    const fromClient = this.match.fromClient(base);
    const reset = (flags & RST) !== 0 && !this.match.resetFits(base, fromClient);
    const stray =
      !fresh && (flags & (SYN | ACK | RST)) === (SYN | ACK) && !this.match.answers(base, fromClient);
    const news = this.log.record(slot, this.at, d, fromClient, reset || stray);
    if (news & (SERVER_FIN | SERVER_RST) && (store.words[base + STATE]! & UNSERVED) === 0)
      endsUnserved(store.words, store.doubles, slot, this.at.time);
    if (fresh && this.match.count > 0 && (flags & (SYN | ACK | RST)) === SYN)
      this.log.compareSyns(slot, this.match.candidates[0]!);
    if (news & (SYNACK_SEEN | CLIENT_ACK | CONFIRMED)) this.tellHosts(slot, base, d, fromClient, news);
    if (news & ENDS && isOver(store.words[base + STATE]!)) this.eviction.over(slot);
    this.mention(slot, d);
  }

  /** Tells what only shows across attempts of an answer, or of its confirmation. */
  private tellHosts(slot: number, base: number, d: Decapsulator, fromClient: boolean, news: number): void {
    const { store, hosts } = this;
    const { source, destination } = this.match;
    const client = fromClient ? source : destination;
    const server = fromClient ? destination : source;
    if (news & SYNACK_SEEN && !fromClient) {
      hosts.answered(store, slot, client, server, d, this.at.header);
      this.legs.answered(store.words, store.doubles, slot, this.at);
    }
    if (news & CLIENT_ACK && fromClient) hosts.acknowledged(store.words, base, client, server);
    if (news & CONFIRMED) hosts.confirmed(store.words, base, client, server, this.at.time);
  }

  /**
   * A server that still has the connection before answers a new SYN with an ACK for the old one (a challenge ACK, RFC 5961
   * section 4), and the client resets that: both belong to the old attempt and tell about the new one.
   */
  private mention(slot: number, d: Decapsulator): void {
    if (this.match.count < 2 || this.at.payload > 0 || (this.at.flags & (SYN | FIN)) !== 0) return;
    const newest = this.match.candidates[0]!;
    const base = newest * WORDS;
    const { words } = this.store;
    const state = words[base + STATE]!;
    if (newest === slot || (state & SYN_SEEN) === 0 || (state & (SYNACK_SEEN | SETTLED)) !== 0) return;
    // Half open counts as well: an ACK in answer to a SYN with another number (tcp_check_req, 6.18).
    const wasLive = (words[base + PREVIOUS_STATE]! & (CONFIRMED | MID_STREAM | SYN_SEEN)) !== 0;
    if (!wasLive || words[base + PREVIOUS] !== words[slot * WORDS + NUMBER]) return;
    this.log.append(newest, this.at, d, this.match.fromClient(base), MISMATCH);
  }

  /** Begins an attempt with the segment at hand. */
  private begin(d: Decapsulator, hash: number): number {
    if (this.eviction.isFull) this.eviction.sweep(this.at.time, this.isCandidate);
    const { store } = this;
    const { source, destination } = this.match;
    const { flags } = this.at;
    const slot = store.allocate(hash);
    const { words, doubles } = store;
    const base = slot * WORDS;
    const sport = this.match.ports >>> 16;
    const dport = this.match.ports & 0xffff;
    // An RST that refuses a SYN has the number 0 and acknowledges it (RFC 9293 section 3.10.7.1).
    const refuses = (flags & (SYN | RST | ACK)) === (RST | ACK) && this.at.seq === 0;
    // Without a SYN nobody is known to be the client: the side with the higher port is taken for it.
    const forward = flags & SYN ? (flags & ACK) === 0 : !refuses && sport >= dport;
    const client = forward ? source : destination;
    const server = forward ? destination : source;
    for (let n = 0; n < 4; n++) {
      words[base + CLIENT + n] = client[n]!;
      words[base + SERVER + n] = server[n]!;
    }
    words[base + CLIENT_LOW] = client[3]!;
    words[base + SERVER_LOW] = server[3]!;
    words[base + PORTS] = forward ? this.match.ports : (this.match.ports << 16) | (this.match.ports >>> 16);
    words[base + ENCAPSULATION] = d.encapsulation;
    words[base + NUMBER] = ++this.begun;
    words[base + FIRST_FRAME] = this.at.frame;
    words[base + NEWEST_EVENT] = -1;
    words[base + STATE] = USED | (d.isIpv6 ? IPV6 : 0) | (flags & SYN ? 0 : MID_STREAM);
    if (refuses) {
      words[base + CLIENT_ISN] = (this.at.ack - 1) | 0;
      words[base + CLIENT_NEXT] = this.at.ack;
      words[base + STATE]! |= CLIENT_KNOWN;
    }
    doubles[slot * DOUBLES + FIRST_TIME] = this.at.time;
    doubles[slot * DOUBLES + LAST_TIME] = this.at.time;
    const before = this.match.newest(d.encapsulation);
    if (before >= 0) this.log.follow(slot, before, this.at.time);
    if ((flags & (SYN | ACK | RST)) === SYN) {
      this.hosts.began(words, base, client, server, this.at.time, this.match.count);
      this.legs.began(words, doubles, slot, this.at, d);
    }
    return slot;
  }

  /**
   * The short way for most packets: those of an orderly handshake, and of a connection that is under way, the only one on its tuple.
   * @returns whether the segment at hand was one
   */
  private short(d: Decapsulator): boolean {
    const { at, store } = this;
    const { words } = store;
    const kind = at.flags & (FIN | SYN | RST | ACK);
    const slot = store.newest.get(d.hash);
    if (slot < 0) return kind === SYN && at.payload === 0 && this.opens(d);
    const base = slot * WORDS;
    if (kind === SYN || kind & RST || words[base + NEXT]! >= 0) return false;
    if (words[base + ENCAPSULATION] !== d.encapsulation) return false;
    const state = words[base + STATE]!;
    const direction = directionOf(d, words, base, state);
    if (direction === 0) return false;
    if (kind & SYN) return direction < 0 && kind === (SYN | ACK) && this.answers(slot, d, state);
    if ((state & SETTLED) === 0) return direction > 0 && kind === ACK && this.confirms(slot, d, state);
    // Its first data since have no letter of history yet.
    if (state & DATA_ON_SYN) return false;
    if (kind & FIN) {
      if ((kind & ACK) === 0 || (state & OPEN) !== OPEN) return false;
      // Another one, or the first behind a SYN with FIN.
      if (state & (direction > 0 ? CLIENT_FIN : SERVER_FIN)) return false;
    }
    this.account(slot, base, direction > 0, state, d);
    return true;
  }

  private opens(d: Decapsulator): boolean {
    const { match } = this;
    match.read(d);
    // Perhaps a socket that connects to itself.
    if (match.ports >>> 16 === (match.ports & 0xffff)) return false;
    match.count = 0;
    this.fastPath.opens(this.begin(d, d.hash), this.at, d);
    return true;
  }

  private answers(slot: number, d: Decapsulator, state: number): boolean {
    if (!this.fastPath.answers(slot, this.at, d, state)) return false;
    const { match } = this;
    match.read(d);
    this.hosts.answered(this.store, slot, match.destination, match.source, d, this.at.header);
    const { words, doubles } = this.store;
    if (words[slot * WORDS + LEG] !== 0) this.legs.answered(words, doubles, slot, this.at);
    return true;
  }

  private confirms(slot: number, d: Decapsulator, state: number): boolean {
    if (!this.fastPath.confirms(slot, this.at, d, state)) return false;
    const { match } = this;
    match.read(d);
    const { words } = this.store;
    this.hosts.confirmed(words, slot * WORDS, match.source, match.destination, this.at.time);
    return true;
  }

  /** The short way for packets of a connection that is under way. */
  private account(slot: number, base: number, fromClient: boolean, state: number, d: Decapsulator): void {
    const { words, doubles } = this.store;
    const { payload, time } = this.at;
    const at = slot * DOUBLES;
    if (time > doubles[at + LAST_TIME]!) doubles[at + LAST_TIME] = time;
    words[base + LAST_FRAME] = this.at.frame;
    const fin = this.at.flags & FIN;
    const end = (this.at.seq + payload + fin) | 0;
    let bits = state;
    let again = false;
    if (fromClient) {
      words[base + CLIENT_PACKETS]!++;
      doubles[at + CLIENT_BYTES]! += payload;
      if (fin !== 0) bits |= CLIENT_FIN;
      if (((end - words[base + CLIENT_NEXT]!) | 0) > 0) words[base + CLIENT_NEXT] = end;
      else if (payload > 0) again = true;
      if (payload > 0) bits |= CLIENT_DATA;
      bits |= CLIENT_KNOWN | CLIENT_ACK;
    } else {
      words[base + SERVER_PACKETS]!++;
      doubles[at + SERVER_BYTES]! += payload;
      if (fin !== 0) bits |= SERVER_FIN;
      if (((end - words[base + SERVER_NEXT]!) | 0) > 0) words[base + SERVER_NEXT] = end;
      else if (payload > 0) again = true;
      if (payload > 0) bits |= SERVER_DATA;
      bits |= SERVER_KNOWN | SERVER_ACK;
    }
    if (bits !== state) this.changed(slot, base, fromClient, state, bits, d);
    if (again) sentAgain(words, slot, this.at, fromClient);
    if (state & STALLED) whileStalled(words, base, this.at, d, fromClient);
  }

  /** A direction's first data, ACK or FIN: a letter of history, and perhaps the end. */
  private changed(
    slot: number,
    base: number,
    fromClient: boolean,
    before: number,
    bits: number,
    d: Decapsulator,
  ): void {
    this.store.words[base + STATE] = bits;
    const server = fromClient ? 0 : H_SERVER;
    const fresh = bits & ~before;
    if (fresh & (CLIENT_ACK | SERVER_ACK)) this.log.letter(base, H_ACK + server);
    if (fresh & (CLIENT_DATA | SERVER_DATA)) this.log.letter(base, H_DATA + server);
    if (fresh & (CLIENT_DATA | SERVER_DATA)) firstData(this.store.words, base, this.at, d, fromClient);
    if ((fresh & (CLIENT_FIN | SERVER_FIN)) === 0) return;
    if (fresh & SERVER_FIN && (bits & UNSERVED) === 0)
      endsUnserved(this.store.words, this.store.doubles, slot, this.at.time);
    this.log.letter(base, H_FIN + server);
    if (isOver(bits)) this.eviction.over(slot);
  }
}

/** Of a handshake without gaps, so that a FIN's numbers need no looking at. */
const OPEN = SYNACK_SEEN | CONFIRMED | CLIENT_KNOWN | SERVER_KNOWN;
/** An end of the server is remarkable if none of these came before. */
const UNSERVED = SERVER_DATA | CLIENT_FIN | CLIENT_RST;
const ENDS = CLIENT_RST | SERVER_RST | CLIENT_FIN | SERVER_FIN;
