/**
 * Finds the attempt that a segment belongs to, among those of its tuple: by sequence and acknowledgment numbers.
 */

import type { Decapsulator } from '../decode/decapsulate.ts';
import type { AttemptStore } from './attempt-store.ts';
import { hashAddress, hashWord, spread } from './keyed-hash.ts';
import * as R from './records.ts';
import type { Segment } from './segment.ts';

const { WORDS, PORTS, CLIENT_LOW, SERVER_LOW, ENCAPSULATION, NEXT, STATE, CLIENT_NEXT, SERVER_NEXT } = R;
const { CLIENT_ISN, SERVER_ISN, CLIENT, SERVER, DOUBLES, LAST_TIME, SYN_SEEN, SYNACK_SEEN, CONFIRMED } = R;
const { SERVER_SYN, CLIENT_RST, SERVER_RST, IPV6, MID_STREAM, CLIENT_KNOWN, SERVER_KNOWN } = R;

const ACK = 16;

/** Attempts of one tuple that are told apart at a time; beyond, the oldest is finished. */
const MAX_PER_TUPLE = 64;
/** How far off a sequence number may be and still belong to a connection that is under way. */
const PLAUSIBLE = 1 << 29;
/** A SYN from the other side within this time crosses ours; later it is a connection of its own. */
const CROSSING_NS = 130e9;

/** Looks up attempts for the segment at hand. */
export class Match {
  /** Source port << 16 | destination port, and the addresses of the segment at hand, as four words each. */
  ports = 0;
  isIpv6 = false;
  readonly source: Int32Array = new Int32Array(4);
  readonly destination: Int32Array = new Int32Array(4);
  /** The attempts of its tuple, in either direction, newest first: `count` slots. */
  readonly candidates: Int32Array = new Int32Array(MAX_PER_TUPLE);
  count = 0;
  /** The newest candidate's record, and whether the segment goes from its client to its server; -1: to be found out. */
  private knownBase = -1;
  private knownForward = false;
  private readonly store: AttemptStore;
  private readonly at: Segment;
  private readonly overflow: (slot: number) => void;
  private readonly flip: (slot: number) => void;

  /**
   * @param at the segment at hand; filled by the caller
   * @param overflow called with the oldest attempt of a tuple that has too many
   * @param flip called with an attempt whose client turns out to be its server
   */
  constructor(
    store: AttemptStore,
    at: Segment,
    overflow: (slot: number) => void,
    flip: (slot: number) => void,
  ) {
    this.store = store;
    this.at = at;
    this.overflow = overflow;
    this.flip = (slot) => {
      this.knownBase = -1;
      flip(slot);
    };
  }

  /** Reads the addresses and ports of a segment. */
  read(d: Decapsulator): void {
    const { view, addressesAt, tcpAt, isIpv6 } = d;
    this.ports = view.getInt32(tcpAt);
    this.isIpv6 = isIpv6;
    readAddress(view, addressesAt, isIpv6, this.source);
    readAddress(view, addressesAt + (isIpv6 ? 16 : 4), isIpv6, this.destination);
  }

  /** Finds the attempts of the tuple of a segment, newest first. */
  find(d: Decapsulator): void {
    this.read(d);
    this.collect(d.hash);
  }

  private collect(hash: number): void {
    const { store, source, destination, ports } = this;
    const { words } = store;
    const swapped = (ports << 16) | (ports >>> 16);
    const s3 = source[3]!;
    const d3 = destination[3]!;
    let count = 0;
    this.knownBase = -1;
    for (let slot = store.newest.get(hash); slot >= 0; slot = words[slot * WORDS + NEXT]!) {
      const base = slot * WORDS;
      const forward =
        words[base + PORTS] === ports && words[base + CLIENT_LOW] === s3 && words[base + SERVER_LOW] === d3;
      const backward =
        words[base + PORTS] === swapped && words[base + CLIENT_LOW] === d3 && words[base + SERVER_LOW] === s3;
      if (!forward && !backward) continue;
      if (!this.sameUpperWords(base, forward) && !(backward && this.sameUpperWords(base, false))) continue;
      if (count === MAX_PER_TUPLE) {
        // The list is newest first: what is beyond is oldest.
        this.overflow(slot);
        break;
      }
      if (count === 0) {
        this.knownBase = base;
        this.knownForward = forward && this.sameUpperWords(base, true);
      }
      this.candidates[count++] = slot;
    }
    this.count = count;
  }

  private sameUpperWords(base: number, forward: boolean): boolean {
    const { words } = this.store;
    if ((words[base + STATE]! & IPV6) === 0) return !this.isIpv6;
    const a = base + (forward ? CLIENT : SERVER);
    const b = base + (forward ? SERVER : CLIENT);
    const { source, destination } = this;
    return (
      this.isIpv6 &&
      words[a] === source[0] &&
      words[a + 1] === source[1] &&
      words[a + 2] === source[2] &&
      words[b] === destination[0] &&
      words[b + 1] === destination[1] &&
      words[b + 2] === destination[2]
    );
  }

  /** Whether a slot is among the candidates. */
  isCandidate(slot: number): boolean {
    for (let n = 0; n < this.count; n++) if (this.candidates[n] === slot) return true;
    return false;
  }

  /** The newest attempt of the tuple in the same wrapping, or -1. */
  newest(encapsulation: number): number {
    for (let n = 0; n < this.count; n++) {
      const slot = this.candidates[n]!;
      if (this.store.words[slot * WORDS + ENCAPSULATION] === encapsulation) return slot;
    }
    return -1;
  }

  /** Whether the segment at hand goes from the attempt's client to its server. */
  fromClient(base: number): boolean {
    if (base === this.knownBase) return this.knownForward;
    const { words } = this.store;
    return (
      words[base + PORTS] === this.ports &&
      words[base + CLIENT_LOW] === this.source[3] &&
      this.sameUpperWords(base, true)
    );
  }

  /** Whether a segment without SYN and RST can be of this attempt. */
  belongs(base: number, fromClient: boolean, state: number, sameWrap: boolean): boolean {
    const far = this.distance(base, fromClient, state) > PLAUSIBLE;
    if (!sameWrap) return !far && (state & SYN_SEEN) !== 0;
    // A server that acknowledges something else answers with a challenge ACK: that is this attempt's story.
    if (!fromClient || !far) return true;
    return (state & CONFIRMED) !== 0;
  }

  /** How far the segment's numbers are from those expected: 0 if they fit exactly. */
  private distance(base: number, fromClient: boolean, state: number): number {
    const { words } = this.store;
    if (fromClient) {
      if (state & CLIENT_KNOWN) return Math.abs((this.at.seq - words[base + CLIENT_NEXT]!) | 0);
      if (state & SERVER_KNOWN && this.at.flags & ACK)
        return Math.abs((this.at.ack - words[base + SERVER_NEXT]!) | 0);
      return 0;
    }
    if (state & SERVER_KNOWN) return Math.abs((this.at.seq - words[base + SERVER_NEXT]!) | 0);
    if (state & CLIENT_KNOWN && this.at.flags & ACK)
      return Math.abs((this.at.ack - words[base + CLIENT_NEXT]!) | 0);
    return 0;
  }

  /** The attempt whose numbers are nearest; of several, one in the same wrapping, then the newest. */
  closest(encapsulation: number): number {
    const { words } = this.store;
    let best = -1;
    let bestScore = Number.POSITIVE_INFINITY;
    for (let n = 0; n < this.count; n++) {
      const base = this.candidates[n]! * WORDS;
      const state = words[base + STATE]!;
      const fromClient = this.fromClient(base);
      const sameWrap = words[base + ENCAPSULATION] === encapsulation;
      if (!this.belongs(base, fromClient, state, sameWrap)) continue;
      const score = this.distance(base, fromClient, state) + (sameWrap ? 0 : 2 ** 31);
      if (score < bestScore) {
        best = this.candidates[n]!;
        bestScore = score;
      }
    }
    return best;
  }

  forSyn(encapsulation: number): number {
    const { words, doubles } = this.store;
    for (let n = 0; n < this.count; n++) {
      const slot = this.candidates[n]!;
      const base = slot * WORDS;
      if (words[base + ENCAPSULATION] !== encapsulation) continue;
      const state = words[base + STATE]!;
      const fromClient = this.fromClient(base);
      if (fromClient && (state & CLIENT_KNOWN) !== 0 && words[base + CLIENT_ISN] === this.at.seq) return slot;
      if (!fromClient && (state & SERVER_SYN) !== 0 && words[base + SERVER_ISN] === this.at.seq) return slot;
      if (!fromClient && (state & MID_STREAM) !== 0 && words[base + SERVER_ISN] === this.at.seq) {
        this.flip(slot);
        return slot;
      }
      const over = SYNACK_SEEN | CONFIRMED | SERVER_RST | CLIENT_RST | SERVER_SYN | MID_STREAM;
      const recent = Math.abs(this.at.time - doubles[slot * DOUBLES + LAST_TIME]!) < CROSSING_NS;
      if (!fromClient && (state & over) === 0 && (state & SYN_SEEN) !== 0 && recent) return slot;
    }
    return -1;
  }

  forSynAck(encapsulation: number): number {
    const { words } = this.store;
    let otherWrap = -1;
    let newest = -1;
    for (let n = 0; n < this.count; n++) {
      const slot = this.candidates[n]!;
      const base = slot * WORDS;
      const sameWrap = words[base + ENCAPSULATION] === encapsulation;
      if (this.answers(base, this.fromClient(base))) {
        if (sameWrap) return slot;
        if (otherWrap < 0) otherWrap = slot;
      } else if (sameWrap && newest < 0 && !this.fromClient(base) && words[base + STATE]! & SYN_SEEN)
        newest = slot;
    }
    if (otherWrap >= 0) return otherWrap;
    // On the tuple of a connection that is closed it belongs to another, whose SYN is not in the capture.
    return newest >= 0 && R.hasClosed(words[newest * WORDS + STATE]!) ? -1 : newest;
  }

  /** Whether the SYN+ACK at hand answers this attempt's SYN (or is the one already seen). */
  answers(base: number, fromClient: boolean): boolean {
    const { words } = this.store;
    const state = words[base + STATE]!;
    if (fromClient) return (state & SERVER_SYN) !== 0 && words[base + CLIENT_ISN] === this.at.seq;
    if (state & SYN_SEEN) return this.acknowledgesSyn(base);
    return (
      ((state & SERVER_KNOWN) !== 0 && words[base + SERVER_ISN] === this.at.seq) ||
      ((state & CLIENT_KNOWN) !== 0 && ((this.at.ack - words[base + CLIENT_ISN]!) | 0) === 1)
    );
  }

  /** Whether ACK covers the SYN and at most the data that came with it. */
  private acknowledgesSyn(base: number): boolean {
    const { words } = this.store;
    const covered = (this.at.ack - words[base + CLIENT_ISN]! - 1) | 0;
    return covered >= 0 && ((words[base + CLIENT_NEXT]! - this.at.ack) | 0) >= 0;
  }

  forReset(encapsulation: number): number {
    const { words } = this.store;
    for (let n = 0; n < this.count; n++) {
      const base = this.candidates[n]! * WORDS;
      if (words[base + ENCAPSULATION] !== encapsulation) continue;
      if (this.resetFits(base, this.fromClient(base))) return this.candidates[n]!;
    }
    for (let n = 0; n < this.count; n++) {
      const base = this.candidates[n]! * WORDS;
      if (words[base + ENCAPSULATION] === encapsulation || this.resetFits(base, this.fromClient(base)))
        return this.candidates[n]!;
    }
    return -1;
  }

  /** Whether a receiver of this attempt would believe the RST (RFC 9293 sections 3.10.7.3 and 3.10.7.4). */
  resetFits(base: number, fromClient: boolean): boolean {
    const { words } = this.store;
    const state = words[base + STATE]!;
    if (fromClient) {
      if ((state & CLIENT_KNOWN) === 0) return true;
      const ahead = (this.at.seq - words[base + CLIENT_ISN]!) | 0;
      const offNext = Math.abs((this.at.seq - words[base + CLIENT_NEXT]!) | 0);
      return (ahead >= 0 && ahead <= 1) || offNext <= 0x100000;
    }
    if (state & SERVER_KNOWN) return Math.abs((this.at.seq - words[base + SERVER_NEXT]!) | 0) <= 0x100000;
    if ((state & SYN_SEEN) === 0) return true;
    return (this.at.flags & ACK) !== 0 && this.acknowledgesSyn(base);
  }
}

/** Reads an address as four words, as in wire/address.ts. */
function readAddress(view: DataView, at: number, isIpv6: boolean, to: Int32Array): void {
  to[0] = isIpv6 ? view.getInt32(at) : 0;
  to[1] = isIpv6 ? view.getInt32(at + 4) : 0;
  to[2] = isIpv6 ? view.getInt32(at + 8) : 0xffff;
  to[3] = view.getInt32(isIpv6 ? at + 12 : at);
}

/** Whether a segment goes from a record's client to its server (1), the other way (-1), or is of another tuple (0). */
export function directionOf(d: Decapsulator, words: Int32Array, base: number, state: number): number {
  const { view, addressesAt, isIpv6 } = d;
  if (isIpv6 !== ((state & IPV6) !== 0)) return 0;
  const low = isIpv6 ? 12 : 0;
  const ports = view.getInt32(d.tcpAt);
  const source = view.getInt32(addressesAt + low);
  const destination = view.getInt32(addressesAt + low + (isIpv6 ? 16 : 4));
  const there = words[base + PORTS]!;
  const client = words[base + CLIENT_LOW]!;
  const server = words[base + SERVER_LOW]!;
  if (there === ports && client === source && server === destination)
    if (!isIpv6 || sameUpper(d, words, base + CLIENT, base + SERVER)) return 1;
  const swapped = (ports << 16) | (ports >>> 16);
  if (there !== swapped || client !== destination || server !== source) return 0;
  return !isIpv6 || sameUpper(d, words, base + SERVER, base + CLIENT) ? -1 : 0;
}

/** Compares the first three words of IPv6 addresses. */
function sameUpper(d: Decapsulator, words: Int32Array, source: number, destination: number): boolean {
  for (let n = 0; n < 3; n++) {
    if (d.view.getInt32(d.addressesAt + 4 * n) !== words[source + n]) return false;
    if (d.view.getInt32(d.addressesAt + 16 + 4 * n) !== words[destination + n]) return false;
  }
  return true;
}

/** The hash of a segment's tuple, the same for both directions. */
export function tupleHash({ view, addressesAt, tcpAt, isIpv6 }: Decapsulator): number {
  const source = view.getUint16(tcpAt);
  const destination = view.getUint16(tcpAt + 2);
  return isIpv6
    ? spread(hashIpv6(view, addressesAt, source) + hashIpv6(view, addressesAt + 16, destination))
    : spread(
        hashWord(view.getInt32(addressesAt), source) + hashWord(view.getInt32(addressesAt + 4), destination),
      );
}

const hashIpv6 = (view: DataView, at: number, port: number): number =>
  hashAddress(view.getInt32(at), view.getInt32(at + 4), view.getInt32(at + 8), view.getInt32(at + 12), port);
