/** Where attempts live while the capture is read, in the form that records.ts describes. */
import * as R from './records.ts';
import { SlotTable } from './slot-table.ts';

const { WORDS, HASH, NEXT, STATE, EVENTS, NEWEST_EVENT, PAGED_EVENTS, NUMBER, OLDEST_PAGED, OWN_WORDS } = R;
const {
  OWN_EVENTS,
  OWN_EVENT_WORDS,
  OWN_OPTION_BYTES,
  DOUBLES,
  OWN_TIMES,
  OWN_EVENT_DOUBLES,
  USED,
  EVENT_WORDS,
  E_NEXT,
} = R;
const { OWN } = R;

const PAGE_BITS = 14;
const PAGE = 1 << PAGE_BITS;

/** One page of events. */
export interface EventPage {
  readonly words: Int32Array;
  readonly times: Float64Array;
}

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
    if (event >= OWN) return ((event - OWN) >> 2) * DOUBLES + OWN_TIMES + (event & 3) * OWN_EVENT_DOUBLES;
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

/**
 * Bytes left out at the beginning, so that records begin with a line of the processor's cache where large pieces of memory begin
 * 16 bytes behind one, as with glibc. What packets under way need then takes one line, from the server two, not one more.
 */
const ALIGNMENT = 48;

function wordsFor(slots: number): Int32Array<ArrayBuffer> {
  const bytes = slots * WORDS * 4;
  return new Int32Array(new ArrayBuffer(ALIGNMENT + bytes), ALIGNMENT, bytes / 4);
}

function doublesOf({ buffer, byteOffset, byteLength }: Int32Array<ArrayBuffer>): Float64Array<ArrayBuffer> {
  return new Float64Array(buffer, byteOffset, byteLength / 8);
}

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
    this.words = wordsFor(this.capacity);
    this.doubles = doublesOf(this.words);
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
    const words = wordsFor(this.capacity);
    words.set(this.words);
    this.words = words;
    this.doubles = doublesOf(words);
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
