/**
 * Where attempts live while the capture is read: records in typed arrays, so that a million of them cost neither the
 * garbage collector nor, beyond their 384 bytes, memory. An attempt's packets are a linked list of event records; the first three
 * (of nearly all attempts: all) are in the attempt's own record. Memory that is not in the processor's cache is what costs
 * time here, 100 to 250 ns a look on a busy machine against 3 for a packet's arithmetic: hence the layout.
 */
import { SlotTable } from './slot-table.ts';

/**
 * Fields of an attempt's record: int32 words from `slot * WORDS` on. A record is six cache lines of 64 bytes, of which the last
 * three are events; a packet of an established connection touches the first two only.
 */
export const WORDS = 96;
export const CLIENT = 0; // four words of address, as in wire/address.ts
export const SERVER = 4;
export const PORTS = 8; // client << 16 | server
export const ENCAPSULATION = 9;
export const HASH = 10;
export const NEXT = 11; // next record with the same hash, or of the free list; -1 at the end
export const STATE = 12;
export const CLIENT_NEXT = 13; // one past the highest sequence number seen
export const SERVER_NEXT = 14;
export const LAST_FRAME = 15;
// Words 16 to 21 are doubles, see below.
export const CLIENT_PACKETS = 22;
export const SERVER_PACKETS = 23;
export const HISTORY = 24; // two words of letters, four bits each
export const CLIENT_ISN = 26;
export const SERVER_ISN = 27;
// Words 28 and 29 are a double.
export const SYNS = 30; // distinct transmissions, and duplicates << 16
export const SYNACKS = 31;
const OLDEST_PAGED = 32; // the oldest event that is not in the record
export const NEWEST_EVENT = 33; // the list runs from the newest to the oldest
export const EVENTS = 34;
export const NUMBER = 35;
export const FIRST_FRAME = 36;
export const PREVIOUS = 37; // number of the attempt before on the same tuple; 0 for none
export const PREVIOUS_STATE = 38; // its STATE when this one began
export const PREVIOUS_AGE = 39; // milliseconds since its last packet, then
export const OFFER = 40; // of the SYN: window scale (31: none), SACK << 5, ECN << 6, Fast Open << 7
const PAGED_EVENTS = 41; // how many of its events are not in the record
// Words 42 to 47 are the times of the events in the record, 48 to 95 those events.
export const OWN_WORDS = 48;
/** Events in the record, and the most option bytes that one of them has room for. */
const OWN_EVENTS = 3;
export const OWN_EVENT_WORDS = 16;
const OWN_OPTION_BYTES = 32;

/** Fields that need 53 bits: doubles from `slot * DOUBLES` on, in the same memory. Times are ns since the capture's base. */
export const DOUBLES = 48;
export const LAST_TIME = 8;
export const CLIENT_BYTES = 9;
export const SERVER_BYTES = 10;
export const FIRST_TIME = 14;
const OWN_TIMES = 21;

/** The bit of OFFER for Fast Open. */
export const OFFER_FAST_OPEN = 0x80;

/** Bits of STATE. */
export const SYN_SEEN = 1;
export const SYNACK_SEEN = 0x2; // one that acknowledges the SYN
export const CONFIRMED = 0x4; // the client acknowledged the server's SYN
export const SERVER_SYN = 0x8; // a SYN without ACK from the other side
export const CLIENT_FIN = 0x10;
export const SERVER_FIN = 0x20;
export const CLIENT_RST = 0x40;
export const SERVER_RST = 0x80;
export const CLIENT_DATA = 0x100;
export const SERVER_DATA = 0x200;
export const IPV6 = 0x400;
export const ICMP_SEEN = 0x800;
export const MID_STREAM = 0x1000; // began without any SYN
export const CLIENT_KNOWN = 0x2000; // CLIENT_NEXT is valid
export const SERVER_KNOWN = 0x4000;
export const USED = 0x8000;
export const CLIENT_ACK = 0x10000;
export const SERVER_ACK = 0x20000;
export const COOKIE = 0x40000;
export const TWO_ENCAPSULATIONS = 0x80000; // one direction wrapped otherwise than the other
export const PREDICTABLE = 0x100000;
export const EVENTS_LEFT_OUT = 0x200000;
export const ISN_REWRITTEN = 0x400000;
export const REORDERED = 0x800000; // a later packet of the handshake came earlier in the capture
export const SETTLED = 0x1000000; // only SYN, FIN and RST are still of interest
export const TOLD = 0x2000000; // already handed out; kept so that what comes later finds it
export const REWRAPPED = 0x4000000; // its SYN is in the capture in another encapsulation too
export const OTHERS_SERVED = 0x8000000; // it was not answered, but others were connected there at that time; set when it is told

/** Whether a STATE has FINs from both sides. */
export const hasClosed = (state: number): boolean =>
  (state & (CLIENT_FIN | SERVER_FIN)) === (CLIENT_FIN | SERVER_FIN);

/** Fields of an event: words of its page. */
export const EVENT_WORDS = 18;
export const E_FRAME = 0;
export const E_SEQ = 1;
export const E_ACK = 2; // of an ICMP error: type << 8 | code
export const E_FLAGS = 3; // TCP flags (9 bits), the bits below, option bytes << 24
export const E_WINDOW = 4; // window, TTL << 16
export const E_LENGTH = 5; // payload bytes
export const E_NEXT = 6;
export const E_ID = 7; // IPv4 identification, TCP checksum << 16
export const E_OPTIONS = 8; // up to 40 bytes; of an ICMP error: the address of who sent it

/** Bits of E_FLAGS above the TCP flags. */
export const FROM_CLIENT = 0x200;
export const DUPLICATE = 0x400; // the same packet captured twice
export const MISMATCH = 0x800; // its numbers do not belong to this attempt
export const IS_ICMP = 0x1000;
export const OPTIONS_CUT = 0x2000;

/** Zeek's history letters, by number. */
export const H_SYN = 1;
export const H_SYNACK = 2;
export const H_ACK = 3;
export const H_DATA = 4;
export const H_FIN = 5;
export const H_RST = 6;
/** Added to a letter's number if the server sent it. */
export const H_SERVER = 7;

const PAGE_BITS = 14;
const PAGE = 1 << PAGE_BITS;

/** One page of events. */
export interface EventPage {
  readonly words: Int32Array;
  readonly times: Float64Array;
}

/** From this number on, an event is one of an attempt's own record: this, plus slot << 2, plus which. */
export const OWN = 0x40000000;

/** Records, wherever they are. */
export interface Records {
  readonly words: Int32Array;
  /** The same memory. */
  readonly doubles: Float64Array;
  /** The same memory, as the page of the events in records. */
  readonly own: EventPage;
}

/**
 * Events: in attempts' records, and for those that have more, in pages, so that growing never copies. An event is named by a
 * number; -1 is none.
 */
export class EventStore {
  /** How many events in pages are in use. */
  used = 0;
  private readonly store: Records;
  private readonly pages: EventPage[];
  private free = -1;
  private top = 0;

  constructor(store: Records, pages: EventPage[] = []) {
    this.store = store;
    this.pages = pages;
  }

  page(event: number): EventPage {
    return event >= OWN ? this.store.own : this.pages[event >> PAGE_BITS]!;
  }

  /** Offset of the event's words in its page. */
  offset(event: number): number {
    if (event >= OWN) return ((event - OWN) >> 2) * WORDS + OWN_WORDS + (event & 3) * OWN_EVENT_WORDS;
    return (event & (PAGE - 1)) * EVENT_WORDS;
  }

  timeIndex(event: number): number {
    if (event >= OWN) return ((event - OWN) >> 2) * DOUBLES + OWN_TIMES + (event & 3);
    return event & (PAGE - 1);
  }

  /** A new event in front of an attempt's others. @param optionBytes how many it has to have room for */
  add(slot: number, optionBytes: number): number {
    const { words } = this.store;
    const base = slot * WORDS;
    const newest = words[base + NEWEST_EVENT]!;
    const count = words[base + EVENTS]!;
    words[base + EVENTS] = count + 1;
    const paged = words[base + PAGED_EVENTS]!;
    if (count < OWN_EVENTS && paged === 0 && optionBytes <= OWN_OPTION_BYTES) {
      const event = OWN + (slot << 2) + count;
      words[base + NEWEST_EVENT] = event;
      words[this.offset(event) + E_NEXT] = newest;
      return event;
    }
    const event = this.allocate();
    this.page(event).words[this.offset(event) + E_NEXT] = newest;
    words[base + NEWEST_EVENT] = event;
    if (paged === 0) words[base + OLDEST_PAGED] = event;
    words[base + PAGED_EVENTS] = paged + 1;
    return event;
  }

  private allocate(): number {
    this.used++;
    const event = this.free;
    if (event >= 0) {
      this.free = this.page(event).words[this.offset(event) + E_NEXT]!;
      return event;
    }
    if (this.top >> PAGE_BITS === this.pages.length) {
      this.pages.push({ words: new Int32Array(PAGE * EVENT_WORDS), times: new Float64Array(PAGE) });
    }
    return this.top++;
  }

  /** Gives back an attempt's events; those in pages are the newest. */
  release(slot: number): void {
    const { words } = this.store;
    const base = slot * WORDS;
    const count = words[base + PAGED_EVENTS]!;
    if (count === 0) return;
    const oldest = words[base + OLDEST_PAGED]!;
    this.page(oldest).words[this.offset(oldest) + E_NEXT] = this.free;
    this.free = words[base + NEWEST_EVENT]!;
    this.used -= count;
  }
}

/** More slots than there can be. */
const SLOTS = 2 ** 21;

/** The records and the table that finds them by tuple. */
export class AttemptStore {
  words: Int32Array<ArrayBuffer>;
  doubles: Float64Array<ArrayBuffer>;
  /** The same memory, as the page of the events in records. */
  own: EventPage;
  /** The newest record of each hash; its NEXT is the one before with the same hash. */
  readonly newest: SlotTable = new SlotTable(1024);
  /** How many records are in use, and how many slots were ever used. */
  used = 0;
  top = 0;
  private capacity: number;
  private free = -1;

  constructor() {
    this.capacity = 1024;
    this.words = new Int32Array(this.capacity * WORDS);
    this.doubles = new Float64Array(this.words.buffer);
    this.own = { words: this.words, times: this.doubles };
  }

  /** A zeroed record, in front of the others with its hash. */
  allocate(hash: number): number {
    let slot = this.free;
    if (slot >= 0) {
      this.free = this.words[slot * WORDS + NEXT]!;
      for (let n = slot * WORDS, end = n + OWN_WORDS; n < end; n++) this.words[n] = 0;
    } else {
      if (this.top === this.capacity) this.grow();
      slot = this.top++;
    }
    this.used++;
    const { words, newest } = this;
    words[slot * WORDS + HASH] = hash;
    words[slot * WORDS + NEXT] = newest.get(hash);
    newest.set(hash, slot);
    return slot;
  }

  /** Takes a record out of the table; its slot may be used again. */
  release(slot: number): void {
    const { words, newest } = this;
    const base = slot * WORDS;
    const hash = words[base + HASH]!;
    const next = words[base + NEXT]!;
    let at = newest.get(hash);
    if (at === slot) {
      if (next < 0) newest.delete(hash);
      else newest.set(hash, next);
    } else {
      while (words[at * WORDS + NEXT] !== slot) at = words[at * WORDS + NEXT]!;
      words[at * WORDS + NEXT] = next;
    }
    words[base + STATE] = 0;
    words[base + NEXT] = this.free;
    this.free = slot;
    this.used--;
  }

  private grow(): void {
    // Memory that is not used yet costs nothing, copying does.
    this.capacity *= 4;
    const words = new Int32Array(this.capacity * WORDS);
    words.set(this.words);
    this.words = words;
    this.doubles = new Float64Array(words.buffer);
    this.own = { words, times: this.doubles };
  }

  /** All used slots by attempt number. Numbers sort themselves much faster than a function sorts slots. */
  byNumber(): Int32Array {
    const { words } = this;
    const order = new Float64Array(this.used);
    let n = 0;
    for (let slot = 0; slot < this.top; slot++) {
      const base = slot * WORDS;
      if (words[base + STATE]! & USED) order[n++] = words[base + NUMBER]! * SLOTS + slot;
    }
    order.subarray(0, n).sort();
    const slots = new Int32Array(n);
    for (let k = 0; k < n; k++) slots[k] = order[k]! % SLOTS;
    return slots;
  }
}
