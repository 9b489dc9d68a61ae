/** Writes into attempts' records what a segment changes, and keeps the packets that tell the story of the handshake. */

import type { Decapsulator } from '../decode/decapsulate.ts';
import { type AttemptStore, EventStore } from './attempt-store.ts';
import { CleanHandshake } from './clean-handshake.ts';
import { hasSameSyn, isDuplicate } from './duplicates.ts';
import { offerOf } from './offer.ts';
import * as R from './records.ts';
import type { Segment } from './segment.ts';

const { WORDS, PORTS, CLIENT_LOW, SERVER_LOW, ENCAPSULATION, STATE, LAST_FRAME, CLIENT_NEXT } = R;
const { SERVER_NEXT, CLIENT_PACKETS, SERVER_PACKETS, HISTORY, CLIENT_ISN, SERVER_ISN, SYNS, SYNACKS } = R;
const { EVENTS, NEWEST_EVENT, NUMBER, OFFER, PREVIOUS_STATE, PREVIOUS_AGE, CLIENT, SERVER, PREVIOUS } = R;
const { DOUBLES, LAST_TIME, CLIENT_BYTES, SERVER_BYTES, OFFER_FAST_OPEN, SYN_SEEN, SYNACK_SEEN } = R;
const { CONFIRMED, SERVER_SYN, CLIENT_FIN, SERVER_FIN, CLIENT_RST, SERVER_RST, CLIENT_DATA } = R;
const { SERVER_DATA, MID_STREAM, CLIENT_KNOWN, SERVER_KNOWN, CLIENT_ACK, SERVER_ACK } = R;
const { TWO_ENCAPSULATIONS, EVENTS_LEFT_OUT, ISN_REWRITTEN, REORDERED, SETTLED, REWRAPPED } = R;
const { DATA_ON_SYN, E_FRAME, E_SEQ, E_ACK, E_FLAGS, E_WINDOW, E_LENGTH, E_NEXT, E_ID, E_OPTIONS } = R;
const { FROM_CLIENT, DUPLICATE, MISMATCH, IS_ICMP, OPTIONS_CUT, H_SYN, H_SYNACK, H_ACK, H_DATA, H_FIN } = R;
const { H_RST, H_SERVER } = R;

const FIN = 1;
const SYN = 2;
const RST = 4;
const ACK = 16;

/** Packets of an attempt that are kept at most. */
export const MAX_EVENTS = 40;
/** Packets of an attempt that is not confirmed (one-sided, mid-stream) that are kept before only SYN, FIN, RST are. */
const UNSETTLED_EVENTS = 12;
const MID_STREAM_EVENTS = 4;

/** Keeps events of attempts. */
export class EventLog {
  readonly events: EventStore;
  readonly store: AttemptStore;
  /** Recognizes clean handshakes among what is kept. */
  readonly clean: CleanHandshake;

  constructor(store: AttemptStore) {
    this.store = store;
    this.events = new EventStore(store);
    this.clean = new CleanHandshake(store, this.events);
  }

  /**
   * Enters a segment.
   * @param stray the segment's numbers do not belong to the attempt: it is kept but changes nothing
   * @returns the bits of STATE that it set
   */
  record(slot: number, s: Segment, d: Decapsulator, fromClient: boolean, stray: boolean): number {
    const { words, doubles } = this.store;
    const base = slot * WORDS;
    const at = slot * DOUBLES;
    if (s.time > doubles[at + LAST_TIME]!) doubles[at + LAST_TIME] = s.time;
    words[base + LAST_FRAME] = s.frame;
    words[base + (fromClient ? CLIENT_PACKETS : SERVER_PACKETS)]!++;
    doubles[at + (fromClient ? CLIENT_BYTES : SERVER_BYTES)]! += s.payload;
    const before = words[base + STATE]!;
    if (words[base + ENCAPSULATION] !== d.encapsulation) words[base + STATE]! |= TWO_ENCAPSULATIONS;
    const duplicate =
      this.seenBefore(base, s.flags, before, fromClient) &&
      (isDuplicate(this.events, words[base + NEWEST_EVENT]!, s, d, fromClient) ||
        this.isLate(base, s, before, fromClient));
    if (!stray) this.apply(base, s, d, fromClient, duplicate);
    if ((before & SETTLED) === 0 || s.flags & (SYN | RST)) {
      this.append(slot, s, d, fromClient, (stray ? MISMATCH : 0) | (duplicate ? DUPLICATE : 0));
    }
    const after = words[base + STATE]!;
    const limit = after & MID_STREAM ? MID_STREAM_EVENTS : UNSETTLED_EVENTS;
    // After SYNs from both sides, the server's ACK is part of the handshake too.
    const flowing =
      (after & (CONFIRMED | SERVER_SYN)) === CONFIRMED ||
      (words[base + EVENTS]! >= limit && (s.flags & (SYN | RST)) === 0);
    if (flowing) words[base + STATE]! |= SETTLED;
    return after & ~before;
  }

  /** Whether the side has sent a packet of the kind before: only then can it be a duplicate. */
  private seenBefore(base: number, flags: number, state: number, fromClient: boolean): boolean {
    if (flags & RST) return (state & (fromClient ? CLIENT_RST : SERVER_RST)) !== 0;
    if (flags & SYN) return this.store.words[base + (flags & ACK ? SYNACKS : SYNS)] !== 0;
    return (state & SETTLED) === 0 && (state & (fromClient ? CLIENT_ACK : SERVER_ACK)) !== 0;
  }

  private apply(base: number, s: Segment, d: Decapsulator, fromClient: boolean, duplicate: boolean): void {
    const { flags } = s;
    const server = fromClient ? 0 : H_SERVER;
    if (flags & RST) {
      this.letter(base, H_RST + server);
      this.store.words[base + STATE]! |= fromClient ? CLIENT_RST : SERVER_RST;
      return;
    }
    if (flags & SYN) {
      if (flags & ACK) this.applySynAck(base, s, fromClient, duplicate);
      else this.applySyn(base, s, d, fromClient, duplicate);
      if (flags & FIN) this.store.words[base + STATE]! |= fromClient ? CLIENT_FIN : SERVER_FIN;
      return;
    }
    this.applyOther(base, s, fromClient);
  }

  private applySyn(base: number, s: Segment, d: Decapsulator, fromClient: boolean, duplicate: boolean): void {
    const { words } = this.store;
    const state = words[base + STATE]!;
    words[base + SYNS]! += duplicate ? 0x10000 : 1;
    this.letter(base, fromClient ? H_SYN : H_SYN + H_SERVER);
    if (fromClient) {
      const late = (state & CLIENT_KNOWN) !== 0 && (state & SYN_SEEN) === 0;
      words[base + CLIENT_ISN] = s.seq;
      const end = Math.min(d.tcpEnd, d.tcpAt + s.header);
      words[base + OFFER] = offerOf(d.view, d.tcpAt + 20, end, (s.flags & 0xc0) === 0xc0);
      words[base + STATE] = (state & ~MID_STREAM) | SYN_SEEN | CLIENT_KNOWN | (late ? REORDERED : 0);
      this.advance(base + CLIENT_NEXT, (s.seq + 1 + s.payload) | 0, (state & CLIENT_KNOWN) !== 0);
      // A socket that connects to itself is its own other side.
      if (this.isOwnTuple(base)) {
        words[base + SERVER_ISN] = s.seq;
        words[base + STATE]! |= SERVER_SYN | SERVER_KNOWN;
      }
    } else {
      words[base + SERVER_ISN] = s.seq;
      words[base + STATE]! |= SERVER_SYN | SERVER_KNOWN;
      this.advance(base + SERVER_NEXT, (s.seq + 1 + s.payload) | 0, (state & SERVER_KNOWN) !== 0);
    }
    if (s.payload > 0) words[base + STATE]! |= DATA_ON_SYN | (fromClient ? CLIENT_DATA : SERVER_DATA);
  }

  private applySynAck(base: number, s: Segment, fromClient: boolean, duplicate: boolean): void {
    const { words } = this.store;
    const state = words[base + STATE]!;
    words[base + SYNACKS]! += duplicate ? 0x10000 : 1;
    this.letter(base, fromClient ? H_SYNACK : H_SYNACK + H_SERVER);
    if (fromClient) {
      const confirms = s.ack === ((words[base + SERVER_ISN]! + 1) | 0);
      words[base + STATE]! |= SYNACK_SEEN | (confirms ? CONFIRMED : 0);
      return;
    }
    let bits = (state & ~MID_STREAM) | SYNACK_SEEN | SERVER_KNOWN | CLIENT_KNOWN;
    if (state & MID_STREAM) bits |= REORDERED | (state & CLIENT_ACK ? CONFIRMED : 0);
    if ((state & SYNACK_SEEN) === 0) words[base + SERVER_ISN] = s.seq;
    if ((state & CLIENT_KNOWN) === 0) {
      words[base + CLIENT_ISN] = (s.ack - 1) | 0;
      words[base + CLIENT_NEXT] = s.ack;
    }
    words[base + STATE] = bits;
    this.advance(base + SERVER_NEXT, (s.seq + 1 + s.payload) | 0, (state & SERVER_KNOWN) !== 0);
    if (s.payload > 0) words[base + STATE]! |= DATA_ON_SYN | SERVER_DATA;
  }

  private applyOther(base: number, s: Segment, fromClient: boolean): void {
    const { words } = this.store;
    const { flags } = s;
    const state = words[base + STATE]!;
    const server = fromClient ? 0 : H_SERVER;
    let bits = state;
    const end = (s.seq + s.payload + (flags & FIN ? 1 : 0)) | 0;
    if (fromClient) {
      if (state & MID_STREAM) this.lower(base + CLIENT_ISN, (s.seq - 1) | 0, (state & CLIENT_KNOWN) !== 0);
      this.advance(base + CLIENT_NEXT, end, (state & CLIENT_KNOWN) !== 0);
      bits |= CLIENT_KNOWN;
    } else {
      if (state & MID_STREAM) this.lower(base + SERVER_ISN, (s.seq - 1) | 0, (state & SERVER_KNOWN) !== 0);
      const answered = (state & (SYN_SEEN | SYNACK_SEEN | SERVER_SYN)) !== SYN_SEEN;
      // Before the SYN+ACK, an ACK of the server tells nothing sure about its numbers.
      if (answered) {
        this.advance(base + SERVER_NEXT, end, (state & SERVER_KNOWN) !== 0);
        bits |= SERVER_KNOWN;
      }
    }
    if (flags & ACK) {
      bits |= fromClient ? CLIENT_ACK : SERVER_ACK;
      this.letter(base, H_ACK + server);
      if (fromClient) {
        const covered = (s.ack - words[base + SERVER_ISN]!) | 0;
        if ((state & (SYNACK_SEEN | SERVER_SYN)) !== 0 && covered >= 1) bits |= CONFIRMED;
        if (state & MID_STREAM && (bits & SERVER_KNOWN) === 0) {
          words[base + SERVER_ISN] = (s.ack - 1) | 0;
          words[base + SERVER_NEXT] = s.ack;
          bits |= SERVER_KNOWN;
        }
      }
    }
    if (s.payload > 0) {
      bits |= fromClient ? CLIENT_DATA : SERVER_DATA;
      this.letter(base, H_DATA + server);
    }
    if (flags & FIN) {
      bits |= fromClient ? CLIENT_FIN : SERVER_FIN;
      this.letter(base, H_FIN + server);
    }
    words[base + STATE] = bits;
  }

  /** Whether both ends of the tuple are the same. */
  private isOwnTuple(base: number): boolean {
    const { words } = this.store;
    const ports = words[base + PORTS]!;
    if (ports >>> 16 !== (ports & 0xffff)) return false;
    for (let n = 0; n < 4; n++) if (words[base + CLIENT + n] !== words[base + SERVER + n]) return false;
    return true;
  }

  private advance(word: number, value: number, known: boolean): void {
    const { words } = this.store;
    if (!known || ((value - words[word]!) | 0) > 0) words[word] = value;
  }

  private lower(word: number, value: number, known: boolean): void {
    const { words } = this.store;
    if (!known || ((value - words[word]!) | 0) < 0) words[word] = value;
  }

  /**
   * Whether it is the SYN+ACK of a server that has sent data since: the connection was its by then, so this is a copy of the first one that
   * comes late. With Fast Open a server sends data before it is confirmed.
   */
  private isLate(base: number, s: Segment, state: number, fromClient: boolean): boolean {
    const { words } = this.store;
    if (fromClient || (s.flags & (SYN | ACK)) !== (SYN | ACK) || (state & CONFIRMED) === 0) return false;
    if (words[base + OFFER]! & OFFER_FAST_OPEN || s.seq !== words[base + SERVER_ISN]) return false;
    return ((words[base + SERVER_NEXT]! - s.seq - 1 - s.payload) | 0) > 0;
  }

  /** Keeps the segment at hand as an event of the attempt. */
  append(slot: number, s: Segment, d: Decapsulator, fromClient: boolean, bits: number): void {
    const { view, tcpAt, tcpEnd } = d;
    const options = Math.max(0, Math.min(s.header, tcpEnd - tcpAt) - 20);
    const event = this.chain(slot, s.time, options);
    if (event < 0) return;
    const { words } = this.events.page(event);
    const at = this.events.offset(event);
    const cut = (tcpEnd - tcpAt < s.header ? OPTIONS_CUT : 0) | (d.badOuter ? R.BAD_OUTER : 0);
    words[at + E_FRAME] = s.frame;
    words[at + E_SEQ] = s.seq;
    words[at + E_ACK] = s.ack;
    words[at + E_FLAGS] = s.flags | (fromClient ? FROM_CLIENT : 0) | bits | cut | (options << 24);
    const whole = tcpEnd - tcpAt >= 18;
    words[at + E_WINDOW] = (whole ? view.getUint16(tcpAt + 14) : 0) | (d.ttl << 16);
    words[at + E_LENGTH] = s.payload;
    words[at + E_ID] = d.ipId | ((whole ? view.getUint16(tcpAt + 16) : 0) << 16);
    for (let n = 0; n < options; n += 4)
      words[at + E_OPTIONS + (n >> 2)] = optionWord(view, tcpAt + 20 + n, options - n);
  }

  /** Keeps an ICMP error that quotes a segment of the attempt. */
  appendIcmp(slot: number, s: Segment, d: Decapsulator): void {
    const event = this.chain(slot, s.time, 16);
    if (event < 0) return;
    const { words } = this.events.page(event);
    const at = this.events.offset(event);
    words[at + E_FRAME] = s.frame;
    words[at + E_SEQ] = s.seq;
    words[at + E_ACK] = (d.icmpType << 8) | d.icmpCode;
    words[at + E_FLAGS] = IS_ICMP;
    words[at + E_WINDOW] = 0;
    words[at + E_LENGTH] = d.icmpParameter;
    words[at + E_ID] = 0;
    words.set(d.icmpSender, at + E_OPTIONS);
  }

  /** A new event at the front of the attempt's list, or -1 if it has enough. */
  private chain(slot: number, time: number, optionBytes: number): number {
    const { words } = this.store;
    const base = slot * WORDS;
    if (words[base + EVENTS]! >= MAX_EVENTS) {
      words[base + STATE]! |= EVENTS_LEFT_OUT;
      return -1;
    }
    const event = this.events.add(slot, optionBytes);
    this.events.page(event).times[this.events.timeIndex(event)] = time;
    return event;
  }

  /** Notes that an attempt began on the tuple of another one. */
  follow(slot: number, before: number, time: number): void {
    const { words, doubles } = this.store;
    const base = slot * WORDS;
    words[base + PREVIOUS] = words[before * WORDS + NUMBER]!;
    words[base + PREVIOUS_STATE] = words[before * WORDS + STATE]!;
    const age = (time - doubles[before * DOUBLES + LAST_TIME]!) / 1e6;
    words[base + PREVIOUS_AGE] = Math.max(-1, Math.min(0x7fffffff, Math.round(age)));
  }

  /** Notes it if the SYN that began an attempt is one of another, but for its initial sequence number or what it is wrapped in. */
  compareSyns(slot: number, before: number): void {
    const { words } = this.store;
    const newest = words[before * WORDS + NEWEST_EVENT]!;
    if (!hasSameSyn(this.events, newest, words[slot * WORDS + NEWEST_EVENT]!)) return;
    const sameIsn = words[slot * WORDS + CLIENT_ISN] === words[before * WORDS + CLIENT_ISN];
    const bit = sameIsn ? REWRAPPED : ISN_REWRITTEN;
    words[slot * WORDS + STATE]! |= bit;
    words[before * WORDS + STATE]! |= bit;
  }

  /** Adds a letter of Zeek's history once. */
  letter(base: number, letter: number): void {
    const { words } = this.store;
    for (let n = 0; n < 16; n++) {
      const word = base + HISTORY + (n >> 3);
      const shift = (n & 7) << 2;
      const there = (words[word]! >>> shift) & 15;
      if (there === letter) return;
      if (there === 0) {
        words[word]! |= letter << shift;
        return;
      }
    }
  }

  /** Swaps client and server of an attempt that was taken for the wrong way round. */
  flip(slot: number): void {
    const { words, doubles } = this.store;
    const base = slot * WORDS;
    const at = slot * DOUBLES;
    const swap = (a: number, b: number): void => {
      const kept = words[base + a]!;
      words[base + a] = words[base + b]!;
      words[base + b] = kept;
    };
    for (let n = 0; n < 4; n++) swap(CLIENT + n, SERVER + n);
    swap(CLIENT_LOW, SERVER_LOW);
    const ports = words[base + PORTS]!;
    words[base + PORTS] = (ports << 16) | (ports >>> 16);
    swap(CLIENT_ISN, SERVER_ISN);
    swap(CLIENT_NEXT, SERVER_NEXT);
    swap(CLIENT_PACKETS, SERVER_PACKETS);
    const bytes = doubles[at + CLIENT_BYTES]!;
    doubles[at + CLIENT_BYTES] = doubles[at + SERVER_BYTES]!;
    doubles[at + SERVER_BYTES] = bytes;
    const state = words[base + STATE]!;
    const client = CLIENT_FIN | CLIENT_RST | CLIENT_DATA | CLIENT_ACK | CLIENT_KNOWN;
    const server = SERVER_FIN | SERVER_RST | SERVER_DATA | SERVER_ACK | SERVER_KNOWN;
    // Each server bit is one place above its client bit.
    words[base + STATE] = (state & ~(client | server)) | ((state & client) << 1) | ((state & server) >>> 1);
    for (let n = 0; n < 16; n++) {
      const word = base + HISTORY + (n >> 3);
      const shift = (n & 7) << 2;
      const letter = (words[word]! >>> shift) & 15;
      if (letter === 0) break;
      const other = letter > H_SERVER ? letter - H_SERVER : letter + H_SERVER;
      words[word] = (words[word]! & ~(15 << shift)) | (other << shift);
    }
    for (let event = words[base + NEWEST_EVENT]!; event >= 0; ) {
      const page = this.events.page(event);
      const offset = this.events.offset(event);
      page.words[offset + E_FLAGS]! ^= FROM_CLIENT;
      event = page.words[offset + E_NEXT]!;
    }
  }
}

/** Up to four option bytes as a word, in network order; `left` are there. */
function optionWord(view: DataView, at: number, left: number): number {
  if (left >= 4) return view.getInt32(at);
  let word = 0;
  for (let n = 0; n < 4; n++) word = (word << 8) | (n < left ? view.getUint8(at + n) : 0);
  return word;
}
