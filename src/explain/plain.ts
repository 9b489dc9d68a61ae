/** What nearly all attempts are: SYN, SYN+ACK, ACK, each once and in order, and nothing else. Told from the record alone. */
import * as R from './records.ts';

const FIN = 1;
const SYN = 2;
const RST = 4;
const ACK = 16;
const KINDS = FIN | SYN | RST | ACK;

/** States in which there is more to tell than three packets. */
const MORE =
  R.SERVER_SYN |
  R.CLIENT_RST |
  R.SERVER_RST |
  R.ICMP_SEEN |
  R.TWO_ENCAPSULATIONS |
  R.REORDERED |
  R.ISN_REWRITTEN |
  R.REWRAPPED |
  R.EVENTS_LEFT_OUT;

/** A packet among an attempt's events: where its words are, and its time in ns since the capture's base. */
interface At {
  words: Int32Array;
  at: number;
  time: number;
}

const place = (): At => ({ words: new Int32Array(0), at: 0, time: Number.NaN });

/** Looks at an attempt's record; the three packets it found are in the fields, until the next look. */
export class PlainHandshake {
  readonly syn: At = place();
  readonly synAck: At = place();
  readonly ack: At = place();
  private readonly store: R.Records;
  private readonly events: R.EventStore;

  constructor(store: R.Records, events: R.EventStore) {
    this.store = store;
    this.events = events;
  }

  /** Whether it is three packets. */
  find(slot: number): boolean {
    const { words } = this.store;
    const base = slot * R.WORDS;
    if (words[base + R.EVENTS] !== 3 || words[base + R.STATE]! & MORE) return false;
    if (words[base + R.SYNS] !== 1 || words[base + R.SYNACKS] !== 1) return false;
    if (words[base + R.OFFER]! & R.OFFER_FAST_OPEN) return false;
    const { syn, synAck, ack } = this;
    const middle = this.put(ack, words[base + R.NEWEST_EVENT]!);
    this.put(syn, this.put(synAck, middle));
    const of = R.FROM_CLIENT | KINDS;
    const bad = R.DUPLICATE | R.MISMATCH;
    const synFlags = syn.words[syn.at + R.E_FLAGS]!;
    const synAckFlags = synAck.words[synAck.at + R.E_FLAGS]!;
    const ackFlags = ack.words[ack.at + R.E_FLAGS]!;
    return (
      ((synFlags | synAckFlags) & R.OPTIONS_CUT) === 0 &&
      (synFlags & of) === (R.FROM_CLIENT | SYN) &&
      syn.words[syn.at + R.E_LENGTH] === 0 &&
      (synAckFlags & (of | R.MISMATCH)) === (SYN | ACK) &&
      (ackFlags & (of | bad)) === (R.FROM_CLIENT | ACK) &&
      synAck.time >= syn.time &&
      ack.time >= synAck.time &&
      ack.words[ack.at + R.E_ACK] === ((words[base + R.SERVER_ISN]! + 1) | 0) &&
      synAck.words[synAck.at + R.E_ACK] === ((words[base + R.CLIENT_ISN]! + 1) | 0)
    );
  }

  /** @returns the event before */
  private put(to: At, event: number): number {
    const page = this.events.page(event);
    to.words = page.words;
    to.at = this.events.offset(event);
    to.time = page.times[this.events.timeIndex(event)]!;
    return to.words[to.at + R.E_NEXT]!;
  }
}

/** Whether a plain handshake has nothing to do with other attempts either: then it was completed, and only its options tell more. */
export function isAlone(words: Int32Array, base: number): boolean {
  if (words[base + R.STATE]! & R.COOKIE || words[base + R.PREVIOUS] !== 0) return false;
  const ports = words[base + R.PORTS]!;
  if (ports >>> 16 !== (ports & 0xffff)) return true;
  for (let n = 0; n < 4; n++) if (words[base + R.CLIENT + n] !== words[base + R.SERVER + n]) return true;
  return false;
}
