/** What nearly all attempts are: SYN, SYN+ACK, ACK, each once and in order, and nothing else. Told from the record alone. */
import type { EventStore, Records } from './attempt-store.ts';
import * as R from './records.ts';

const { WORDS, PORTS, STATE, CLIENT_ISN, SERVER_ISN, SYNS, SYNACKS, EVENTS, NEWEST_EVENT, OFFER, CLIENT } = R;
const { SERVER, PREVIOUS, OFFER_FAST_OPEN, SERVER_SYN, CLIENT_RST, SERVER_RST, ICMP_SEEN, COOKIE } = R;
const { TWO_ENCAPSULATIONS, EVENTS_LEFT_OUT, ISN_REWRITTEN, REORDERED, REWRAPPED, E_ACK, E_FLAGS } = R;
const { E_LENGTH, E_NEXT, FROM_CLIENT, DUPLICATE, MISMATCH, OPTIONS_CUT } = R;

const FIN = 1;
const SYN = 2;
const RST = 4;
const ACK = 16;
const KINDS = FIN | SYN | RST | ACK;

/** States in which there is more to tell than three packets. */
const MORE =
  SERVER_SYN |
  CLIENT_RST |
  SERVER_RST |
  ICMP_SEEN |
  TWO_ENCAPSULATIONS |
  REORDERED |
  ISN_REWRITTEN |
  REWRAPPED |
  EVENTS_LEFT_OUT;

/** A packet among an attempt's events: where its words are, and its time in ns since the capture's base. */
interface At {
  words: Int32Array;
  at: number;
  time: number;
}

const place = (): At => ({ words: new Int32Array(0), at: 0, time: Number.NaN });

/** Looks at an attempt's record; the three packets it found are in the fields, until the next look. */
export class CleanHandshake {
  readonly syn: At = place();
  readonly synAck: At = place();
  readonly ack: At = place();
  private readonly store: Records;
  private readonly events: EventStore;

  constructor(store: Records, events: EventStore) {
    this.store = store;
    this.events = events;
  }

  /** Whether it is three packets. */
  find(slot: number): boolean {
    const { words } = this.store;
    const base = slot * WORDS;
    if (words[base + EVENTS] !== 3 || words[base + STATE]! & MORE) return false;
    if (words[base + SYNS] !== 1 || words[base + SYNACKS] !== 1) return false;
    if (words[base + OFFER]! & OFFER_FAST_OPEN) return false;
    const { syn, synAck, ack } = this;
    const middle = this.put(ack, words[base + NEWEST_EVENT]!);
    this.put(syn, this.put(synAck, middle));
    const of = FROM_CLIENT | KINDS;
    const bad = DUPLICATE | MISMATCH;
    const synFlags = syn.words[syn.at + E_FLAGS]!;
    const synAckFlags = synAck.words[synAck.at + E_FLAGS]!;
    const ackFlags = ack.words[ack.at + E_FLAGS]!;
    return (
      ((synFlags | synAckFlags) & OPTIONS_CUT) === 0 &&
      (synFlags & of) === (FROM_CLIENT | SYN) &&
      syn.words[syn.at + E_LENGTH] === 0 &&
      (synAckFlags & (of | MISMATCH)) === (SYN | ACK) &&
      (ackFlags & (of | bad)) === (FROM_CLIENT | ACK) &&
      synAck.time >= syn.time &&
      ack.time >= synAck.time &&
      ack.words[ack.at + E_ACK] === ((words[base + SERVER_ISN]! + 1) | 0) &&
      synAck.words[synAck.at + E_ACK] === ((words[base + CLIENT_ISN]! + 1) | 0)
    );
  }

  /** @returns the event before */
  private put(to: At, event: number): number {
    const page = this.events.page(event);
    to.words = page.words;
    to.at = this.events.offset(event);
    to.time = page.times[this.events.timeIndex(event)]!;
    return to.words[to.at + E_NEXT]!;
  }
}

/** Whether a clean handshake has nothing to do with other attempts either: then it was completed, and only its options tell more. */
export function isAlone(words: Int32Array, base: number): boolean {
  if (words[base + STATE]! & COOKIE || words[base + PREVIOUS] !== 0) return false;
  const ports = words[base + PORTS]!;
  if (ports >>> 16 !== (ports & 0xffff)) return true;
  for (let n = 0; n < 4; n++) if (words[base + CLIENT + n] !== words[base + SERVER + n]) return true;
  return false;
}
