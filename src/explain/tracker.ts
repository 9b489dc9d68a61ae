/**
 * Assigns every segment to a connection attempt: tuple, initial sequence number and encapsulation. Numbers are judged, not
 * flags alone: a SYN+ACK belongs to the SYN it acknowledges (RFC 9293 section 3.5). Nothing here assumes that the
 * capture is in order. What happened is judged when the attempt is over (judge.ts).
 */
import type { CapturedPacket } from '../wire/pcap-reader.ts';
import { type Decapsulator, Found } from './decapsulate.ts';
import { EventLog, type Segment } from './event-log.ts';
import type { Hosts } from './hosts.ts';
import * as R from './records.ts';

const FIN = 1;
const SYN = 2;
const RST = 4;
const ACK = 16;

/** Attempts of one tuple that are told apart at a time; beyond, the oldest is finished. */
const MAX_PER_TUPLE = 64;
/** How far off a sequence number may be and still belong to a connection that is under way. */
const PLAUSIBLE = 1 << 29;
/** A SYN from the other side within this time crosses ours; later it is a connection of its own. */
const CROSSING_NS = 130e9;

/** Limits of memory; see docs/explain.md. */
export interface TrackerLimits {
  /** Up to this many attempts are kept to the end, in order. */
  readonly relaxed: number;
  /** Never more than this many at a time. */
  readonly attempts: number;
}

export const defaultLimits: TrackerLimits = { relaxed: 65_536, attempts: 600_000 };

/** Follows all attempts of a capture. */
export class Tracker {
  readonly store: R.AttemptStore = new R.AttemptStore();
  readonly log: EventLog = new EventLog(this.store);
  /** Seconds since 1970 that times count from. */
  baseSeconds = 0;
  /** How many attempts began, segments were seen, and segments were too damaged to use. */
  begun = 0;
  segments = 0;
  malformed = 0;
  /** ICMP errors that quote a connection not in the capture. */
  orphanIcmp = 0;
  private readonly hosts: Hosts;
  private readonly finish: (slot: number) => void;
  private readonly limits: TrackerLimits;
  private started = false;
  private sweepAt = 0;
  private readonly candidates = new Int32Array(MAX_PER_TUPLE);
  private count = 0;
  private readonly at: Segment = { time: 0, frame: 0, flags: 0, seq: 0, ack: 0, payload: 0, header: 0 };
  private ports = 0;
  private readonly source = new Int32Array(4);
  private readonly destination = new Int32Array(4);

  /** @param finish called with an attempt's slot when it is over, before the slot is given back */
  constructor(hosts: Hosts, finish: (slot: number) => void, limits: TrackerLimits = defaultLimits) {
    this.hosts = hosts;
    this.finish = finish;
    this.limits = limits;
  }

  /** Takes one packet that the decapsulator found something in. */
  handle(found: number, d: Decapsulator, packet: CapturedPacket): void {
    if (!this.started) {
      this.started = true;
      this.baseSeconds = packet.seconds;
    }
    this.at.time = (packet.seconds - this.baseSeconds) * 1e9 + packet.nanoseconds;
    this.at.frame = packet.frame;
    const { view, tcpAt } = d;
    this.at.seq = view.getInt32(tcpAt + 4);
    const sport = view.getUint16(tcpAt);
    const dport = view.getUint16(tcpAt + 2);
    this.ports = (sport << 16) | dport;
    if (found === Found.icmp) {
      this.find(d, sport, dport);
      this.icmp(d);
      return;
    }
    this.segments++;
    const control = view.getUint16(tcpAt + 12);
    const header = (control >>> 12) << 2;
    this.at.payload = d.segmentLength - header;
    if (header < 20 || this.at.payload < 0) {
      this.malformed++;
      return;
    }
    this.at.flags = control & 0x1ff;
    this.at.ack = view.getInt32(tcpAt + 8);
    const hash = this.find(d, sport, dport);
    this.at.header = header;
    this.segment(d, hash);
  }

  /** An ICMP error goes to the attempt whose segment it quotes; best to one whose SYN it quotes. */
  private icmp(d: Decapsulator): void {
    const { words } = this.store;
    let best = -1;
    for (let n = 0; n < this.count && best < 0; n++) {
      const base = this.candidates[n]! * R.WORDS;
      const isn = this.fromClient(base) ? R.CLIENT_ISN : R.SERVER_ISN;
      if (words[base + isn] === this.at.seq) best = this.candidates[n]!;
    }
    if (best < 0 && this.count > 0) best = this.candidates[0]!;
    if (best < 0) {
      this.orphanIcmp++;
      return;
    }
    const base = best * R.WORDS;
    const quotesSyn = this.fromClient(base) && words[base + R.CLIENT_ISN] === this.at.seq;
    if (quotesSyn && words[base + R.STATE]! & R.SYN_SEEN) words[base + R.STATE]! |= R.ICMP_SEEN;
    this.log.appendIcmp(best, this.at, d);
  }

  /** Time of the last packet, in ns since the base. */
  now(): number {
    return this.at.time;
  }

  /** Finishes all attempts, in the order they began. */
  end(): void {
    const { store } = this;
    const slots: number[] = [];
    for (let slot = 0; slot < store.top; slot++) {
      if (store.words[slot * R.WORDS + R.STATE]! & R.USED) slots.push(slot);
    }
    slots.sort((a, b) => store.words[a * R.WORDS + R.NUMBER]! - store.words[b * R.WORDS + R.NUMBER]!);
    for (const slot of slots) this.retire(slot);
  }

  /** Finds the attempts of the tuple, newest first, and returns the tuple's hash, the same for both directions. */
  private find(d: Decapsulator, sport: number, dport: number): number {
    const { view, addressesAt } = d;
    const { source, destination } = this;
    let s = 0;
    let t = 0;
    if (d.isIpv6) {
      for (let n = 0; n < 4; n++) {
        const a = view.getInt32(addressesAt + 4 * n);
        const b = view.getInt32(addressesAt + 16 + 4 * n);
        source[n] = a;
        destination[n] = b;
        s = Math.imul(s ^ a, 0x01000193);
        t = Math.imul(t ^ b, 0x01000193);
      }
    } else {
      s = view.getInt32(addressesAt);
      t = view.getInt32(addressesAt + 4);
      source[0] = source[1] = destination[0] = destination[1] = 0;
      source[2] = destination[2] = 0xffff;
      source[3] = s;
      destination[3] = t;
    }
    const hash = mix(s, sport) + mix(t, dport);
    const spread = Math.imul(hash ^ (hash >>> 15), 0x2c1b3c6d);
    const key = spread ^ (spread >>> 13);
    this.collect(key);
    return key;
  }

  private collect(hash: number): void {
    const { store, source, destination, ports } = this;
    const { words } = store;
    const swapped = (ports << 16) | (ports >>> 16);
    const s3 = source[3]!;
    const d3 = destination[3]!;
    let count = 0;
    for (let slot = store.heads[hash & store.mask]!; slot >= 0; slot = words[slot * R.WORDS + R.NEXT]!) {
      const base = slot * R.WORDS;
      if (words[base + R.HASH] !== hash) continue;
      const forward =
        words[base + R.PORTS] === ports &&
        words[base + R.CLIENT + 3] === s3 &&
        words[base + R.SERVER + 3] === d3;
      const backward =
        words[base + R.PORTS] === swapped &&
        words[base + R.CLIENT + 3] === d3 &&
        words[base + R.SERVER + 3] === s3;
      if (!forward && !backward) continue;
      if (!this.sameUpperWords(base, forward) && !(backward && this.sameUpperWords(base, false))) continue;
      if (count === MAX_PER_TUPLE) {
        // The list is newest first: what is beyond is oldest.
        this.retire(slot);
        break;
      }
      this.candidates[count++] = slot;
    }
    this.count = count;
  }

  private sameUpperWords(base: number, forward: boolean): boolean {
    const { words } = this.store;
    const a = base + (forward ? R.CLIENT : R.SERVER);
    const b = base + (forward ? R.SERVER : R.CLIENT);
    const { source, destination } = this;
    return (
      words[a] === source[0] &&
      words[a + 1] === source[1] &&
      words[a + 2] === source[2] &&
      words[b] === destination[0] &&
      words[b + 1] === destination[1] &&
      words[b + 2] === destination[2]
    );
  }

  /** Whether the segment at hand goes from the attempt's client to its server. */
  private fromClient(base: number): boolean {
    const { words } = this.store;
    return (
      words[base + R.PORTS] === this.ports &&
      words[base + R.CLIENT + 3] === this.source[3] &&
      this.sameUpperWords(base, true)
    );
  }

  private segment(d: Decapsulator, hash: number): void {
    const { store } = this;
    const { flags } = this.at;
    let slot = -1;
    if (this.count === 1 && (flags & (SYN | RST)) === 0) {
      slot = this.candidates[0]!;
      const base = slot * R.WORDS;
      const state = store.words[base + R.STATE]!;
      const sameWrap = store.words[base + R.ENCAPSULATION] === d.encapsulation;
      if (sameWrap && (state & R.SETTLED) !== 0 && (flags & FIN) === 0) {
        this.account(slot, base, this.fromClient(base), state);
        return;
      }
      if (!this.belongs(base, this.fromClient(base), state, sameWrap)) slot = -1;
    } else if (flags & RST) slot = this.forReset(d.encapsulation);
    else if (flags & SYN) slot = flags & ACK ? this.forSynAck(d.encapsulation) : this.forSyn(d.encapsulation);
    else slot = this.closest(d.encapsulation);
    const fresh = slot < 0;
    if (fresh) slot = this.begin(d, hash);
    const base = slot * R.WORDS;
    const fromClient = this.fromClient(base);
    const reset = (flags & RST) !== 0 && !this.resetFits(base, fromClient);
    const stray = !fresh && (flags & (SYN | ACK | RST)) === (SYN | ACK) && !this.answers(base, fromClient);
    const news = this.log.record(slot, this.at, d, fromClient, reset || stray);
    if (news & R.SYNACK_SEEN && !fromClient) this.hosts.answered(this.log, slot, d, this.at.header);
    if (news & R.CONFIRMED) this.hosts.confirmed(store, slot);
    this.mention(slot, d);
  }

  /**
   * A server that still has the connection before answers a new SYN with an ACK for the old one (a challenge ACK, RFC 5961
   * section 4), and the client resets that: both belong to the old attempt and tell about the new one.
   */
  private mention(slot: number, d: Decapsulator): void {
    if (this.count < 2 || this.at.payload > 0 || (this.at.flags & (SYN | FIN)) !== 0) return;
    const newest = this.candidates[0]!;
    const base = newest * R.WORDS;
    const { words } = this.store;
    const state = words[base + R.STATE]!;
    if (newest === slot || (state & R.SYN_SEEN) === 0 || (state & (R.SYNACK_SEEN | R.SETTLED)) !== 0) return;
    const wasLive = (words[base + R.PREVIOUS_STATE]! & (R.CONFIRMED | R.MID_STREAM)) !== 0;
    if (!wasLive || words[base + R.PREVIOUS] !== words[slot * R.WORDS + R.NUMBER]) return;
    this.log.append(newest, this.at, d, this.fromClient(base), R.MISMATCH);
  }

  /** Whether a segment without SYN and RST can be of this attempt. */
  private belongs(base: number, fromClient: boolean, state: number, sameWrap: boolean): boolean {
    const far = this.distance(base, fromClient, state) > PLAUSIBLE;
    if (!sameWrap) return !far && (state & R.SYN_SEEN) !== 0;
    // A server that acknowledges something else answers with a challenge ACK: that is this attempt's story.
    if (!fromClient || !far) return true;
    return (state & R.CONFIRMED) !== 0;
  }

  /** How far the segment's numbers are from those expected: 0 if they fit exactly. */
  private distance(base: number, fromClient: boolean, state: number): number {
    const { words } = this.store;
    if (fromClient) {
      if (state & R.CLIENT_KNOWN) return Math.abs((this.at.seq - words[base + R.CLIENT_NEXT]!) | 0);
      if (state & R.SERVER_KNOWN && this.at.flags & ACK)
        return Math.abs((this.at.ack - words[base + R.SERVER_NEXT]!) | 0);
      return 0;
    }
    if (state & R.SERVER_KNOWN) return Math.abs((this.at.seq - words[base + R.SERVER_NEXT]!) | 0);
    if (state & R.CLIENT_KNOWN && this.at.flags & ACK)
      return Math.abs((this.at.ack - words[base + R.CLIENT_NEXT]!) | 0);
    return 0;
  }

  /** The attempt whose numbers are nearest; of several, one in the same wrapping, then the newest. */
  private closest(encapsulation: number): number {
    const { words } = this.store;
    let best = -1;
    let bestScore = Number.POSITIVE_INFINITY;
    for (let n = 0; n < this.count; n++) {
      const base = this.candidates[n]! * R.WORDS;
      const state = words[base + R.STATE]!;
      const fromClient = this.fromClient(base);
      const sameWrap = words[base + R.ENCAPSULATION] === encapsulation;
      if (!this.belongs(base, fromClient, state, sameWrap)) continue;
      const score = this.distance(base, fromClient, state) + (sameWrap ? 0 : 2 ** 31);
      if (score < bestScore) {
        best = this.candidates[n]!;
        bestScore = score;
      }
    }
    return best;
  }

  private forSyn(encapsulation: number): number {
    const { words, doubles } = this.store;
    for (let n = 0; n < this.count; n++) {
      const slot = this.candidates[n]!;
      const base = slot * R.WORDS;
      if (words[base + R.ENCAPSULATION] !== encapsulation) continue;
      const state = words[base + R.STATE]!;
      const fromClient = this.fromClient(base);
      if (fromClient && (state & R.CLIENT_KNOWN) !== 0 && words[base + R.CLIENT_ISN] === this.at.seq)
        return slot;
      if (!fromClient && (state & R.SERVER_SYN) !== 0 && words[base + R.SERVER_ISN] === this.at.seq)
        return slot;
      if (!fromClient && (state & R.MID_STREAM) !== 0 && words[base + R.SERVER_ISN] === this.at.seq) {
        this.log.flip(slot);
        return slot;
      }
      const over = R.SYNACK_SEEN | R.CONFIRMED | R.SERVER_RST | R.CLIENT_RST | R.SERVER_SYN | R.MID_STREAM;
      const recent = Math.abs(this.at.time - doubles[slot * R.DOUBLES + R.LAST_TIME]!) < CROSSING_NS;
      if (!fromClient && (state & over) === 0 && (state & R.SYN_SEEN) !== 0 && recent) return slot;
    }
    return -1;
  }

  private forSynAck(encapsulation: number): number {
    const { words } = this.store;
    let otherWrap = -1;
    let newest = -1;
    for (let n = 0; n < this.count; n++) {
      const slot = this.candidates[n]!;
      const base = slot * R.WORDS;
      const sameWrap = words[base + R.ENCAPSULATION] === encapsulation;
      if (this.answers(base, this.fromClient(base))) {
        if (sameWrap) return slot;
        if (otherWrap < 0) otherWrap = slot;
      } else if (sameWrap && newest < 0 && !this.fromClient(base) && words[base + R.STATE]! & R.SYN_SEEN)
        newest = slot;
    }
    return otherWrap >= 0 ? otherWrap : newest;
  }

  /** Whether the SYN+ACK at hand answers this attempt's SYN (or is the one already seen). */
  private answers(base: number, fromClient: boolean): boolean {
    const { words } = this.store;
    const state = words[base + R.STATE]!;
    if (fromClient) return (state & R.SERVER_SYN) !== 0 && words[base + R.CLIENT_ISN] === this.at.seq;
    if (state & R.SYN_SEEN) return this.acknowledgesSyn(base);
    return (
      ((state & R.SERVER_KNOWN) !== 0 && words[base + R.SERVER_ISN] === this.at.seq) ||
      ((state & R.CLIENT_KNOWN) !== 0 && ((this.at.ack - words[base + R.CLIENT_ISN]!) | 0) === 1)
    );
  }

  /** Whether ACK covers the SYN and at most the data that came with it. */
  private acknowledgesSyn(base: number): boolean {
    const { words } = this.store;
    const covered = (this.at.ack - words[base + R.CLIENT_ISN]! - 1) | 0;
    return covered >= 0 && ((words[base + R.CLIENT_NEXT]! - this.at.ack) | 0) >= 0;
  }

  private forReset(encapsulation: number): number {
    const { words } = this.store;
    for (let n = 0; n < this.count; n++) {
      const base = this.candidates[n]! * R.WORDS;
      if (words[base + R.ENCAPSULATION] !== encapsulation) continue;
      if (this.resetFits(base, this.fromClient(base))) return this.candidates[n]!;
    }
    for (let n = 0; n < this.count; n++) {
      const base = this.candidates[n]! * R.WORDS;
      if (words[base + R.ENCAPSULATION] === encapsulation || this.resetFits(base, this.fromClient(base)))
        return this.candidates[n]!;
    }
    return -1;
  }

  /** Whether a receiver of this attempt would believe the RST (RFC 9293 sections 3.10.7.3 and 3.10.7.4). */
  private resetFits(base: number, fromClient: boolean): boolean {
    const { words } = this.store;
    const state = words[base + R.STATE]!;
    if (fromClient) {
      if ((state & R.CLIENT_KNOWN) === 0) return true;
      const ahead = (this.at.seq - words[base + R.CLIENT_ISN]!) | 0;
      const offNext = Math.abs((this.at.seq - words[base + R.CLIENT_NEXT]!) | 0);
      return (ahead >= 0 && ahead <= 1) || offNext <= 0x100000;
    }
    if (state & R.SERVER_KNOWN) return Math.abs((this.at.seq - words[base + R.SERVER_NEXT]!) | 0) <= 0x100000;
    if ((state & R.SYN_SEEN) === 0) return true;
    return (this.at.flags & ACK) !== 0 && this.acknowledgesSyn(base);
  }

  /** Begins an attempt with the segment at hand. */
  private begin(d: Decapsulator, hash: number): number {
    if (this.store.used >= this.limits.relaxed) this.sweep();
    const { store, source, destination } = this;
    const { flags } = this.at;
    const slot = store.allocate(hash);
    const { words, doubles } = store;
    const base = slot * R.WORDS;
    const sport = this.ports >>> 16;
    const dport = this.ports & 0xffff;
    // Without a SYN nobody is known to be the client: the side with the higher port is taken for it.
    const forward = flags & SYN ? (flags & ACK) === 0 : sport >= dport;
    words.set(forward ? source : destination, base + R.CLIENT);
    words.set(forward ? destination : source, base + R.SERVER);
    words[base + R.PORTS] = forward ? this.ports : (this.ports << 16) | (this.ports >>> 16);
    words[base + R.ENCAPSULATION] = d.encapsulation;
    words[base + R.NUMBER] = ++this.begun;
    words[base + R.FIRST_FRAME] = this.at.frame;
    words[base + R.FIRST_EVENT] = -1;
    words[base + R.LAST_EVENT] = -1;
    words[base + R.STATE] = R.USED | (d.isIpv6 ? R.IPV6 : 0) | (flags & SYN ? 0 : R.MID_STREAM);
    doubles[slot * R.DOUBLES + R.FIRST_TIME] = this.at.time;
    doubles[slot * R.DOUBLES + R.LAST_TIME] = this.at.time;
    if (this.count > 0) this.log.follow(slot, this.candidates[0]!, this.at.time);
    if ((flags & (SYN | ACK | RST)) === SYN) this.hosts.began(store, slot, this.at.time, this.count);
    return slot;
  }

  /** The short way for packets of a connection that is under way. */
  private account(slot: number, base: number, fromClient: boolean, state: number): void {
    const { words, doubles } = this.store;
    const { payload } = this.at;
    const at = slot * R.DOUBLES;
    doubles[at + R.LAST_TIME] = this.at.time;
    words[base + R.LAST_FRAME] = this.at.frame;
    const end = (this.at.seq + payload) | 0;
    let bits = state;
    if (fromClient) {
      words[base + R.CLIENT_PACKETS]!++;
      doubles[at + R.CLIENT_BYTES]! += payload;
      if (((end - words[base + R.CLIENT_NEXT]!) | 0) > 0) words[base + R.CLIENT_NEXT] = end;
      if (payload > 0) bits |= R.CLIENT_DATA;
      bits |= R.CLIENT_KNOWN | R.CLIENT_ACK;
    } else {
      words[base + R.SERVER_PACKETS]!++;
      doubles[at + R.SERVER_BYTES]! += payload;
      if (((end - words[base + R.SERVER_NEXT]!) | 0) > 0) words[base + R.SERVER_NEXT] = end;
      if (payload > 0) bits |= R.SERVER_DATA;
      bits |= R.SERVER_KNOWN | R.SERVER_ACK;
    }
    if (bits !== state) this.changed(base, fromClient, state, bits);
  }

  /** A direction's first data or first ACK: a letter of history. */
  private changed(base: number, fromClient: boolean, before: number, bits: number): void {
    this.store.words[base + R.STATE] = bits;
    const server = fromClient ? 0 : R.H_SERVER;
    const fresh = bits & ~before;
    if (fresh & (R.CLIENT_ACK | R.SERVER_ACK)) this.log.letter(base, R.H_ACK + server);
    if (fresh & (R.CLIENT_DATA | R.SERVER_DATA)) this.log.letter(base, R.H_DATA + server);
  }

  /** Removes an attempt and tells who asked. */
  private retire(slot: number): void {
    this.finish(slot);
    const { words } = this.store;
    const base = slot * R.WORDS;
    this.log.events.release(
      words[base + R.FIRST_EVENT]!,
      words[base + R.LAST_EVENT]!,
      words[base + R.EVENTS]!,
    );
    this.store.release(slot);
  }

  /** Looks at a few attempts, in turn, and finishes those that are over; more and more of them as memory fills. */
  private sweep(): void {
    const { store, limits } = this;
    const crowded = store.used >= limits.attempts || this.log.events.used >= limits.attempts * 6;
    const looks = crowded ? 64 : 3;
    let idlest = -1;
    let idlestTime = Number.POSITIVE_INFINITY;
    let freed = false;
    for (let n = 0; n < looks; n++) {
      if (++this.sweepAt >= store.top) this.sweepAt = 0;
      const slot = this.sweepAt;
      const state = store.words[slot * R.WORDS + R.STATE]!;
      if ((state & R.USED) === 0) continue;
      const last = store.doubles[slot * R.DOUBLES + R.LAST_TIME]!;
      if (this.at.time - last > lingerNs(state)) {
        this.retire(slot);
        freed = true;
      } else if (last < idlestTime && !this.candidates.subarray(0, this.count).includes(slot)) {
        idlest = slot;
        idlestTime = last;
      }
    }
    if (crowded && !freed && idlest >= 0) this.retire(idlest);
  }
}

/** How long after its last packet an attempt is kept when there are many. */
function lingerNs(state: number): number {
  if (state & (R.CLIENT_RST | R.SERVER_RST)) return 5e9;
  if ((state & R.CLIENT_FIN) !== 0 && (state & R.SERVER_FIN) !== 0) return 5e9;
  // The longest pause between two SYNs of one attempt is 64 s on Linux, and 180 s would be the next anywhere.
  return (state & R.CONFIRMED) === 0 ? 150e9 : 900e9;
}

function mix(address: number, port: number): number {
  const h = Math.imul(address ^ Math.imul(port, 0x9e3779b1), 0x85ebca6b);
  return Math.imul(h ^ (h >>> 16), 0xc2b2ae35);
}
