/**
 * Records of attempts that are over, packed for another thread, which reads them as those of a tracker. A batch is a piece of
 * memory that both threads have: records, those of their packets that have no room in them, and what else is known.
 */

import type { Facts, Recorded } from '../judge/evidence.ts';
import { type EventPage, EventStore, type Records } from '../track/attempt-store.ts';
import { CleanHandshake } from '../track/clean-handshake.ts';
import { MAX_EVENTS } from '../track/event-log.ts';
import * as R from '../track/records.ts';

const { WORDS, NEWEST_EVENT, OWN_WORDS, OWN_EVENT_WORDS, DOUBLES, EVENT_WORDS, E_NEXT, OWN } = R;

const RECORDS = 256;
/** Packets beyond those in the records. */
const EVENTS = 2048;
/** Doubles of a batch: base, then when each record was told. */
const TIMES = 1 + RECORDS;
/** Words of a batch: how many records and how many packets beyond there are, then scanned, flooded and step of each record. */
const COUNT = 0;
const PAGED = 1;
const KNOWN = 2;
const NOTES = KNOWN + 3 * RECORDS;

/** Bytes of a batch, a multiple of eight. */
export const BATCH_BYTES: number =
  RECORDS * WORDS * 4 + EVENTS * (EVENT_WORDS * 4 + 8) + TIMES * 8 + NOTES * 4;

/** A batch: filled by one thread, read and emptied by another. */
export class RecordBatch implements Recorded {
  readonly store: Records;
  readonly events: EventStore;
  readonly clean: CleanHandshake;
  private readonly paged: EventPage;
  private readonly times: Float64Array;
  private readonly notes: Int32Array;

  /** @param memory BATCH_BYTES of it from `at` on */
  constructor(memory: ArrayBufferLike, at: number) {
    const words = new Int32Array(memory, at, RECORDS * WORDS);
    const doubles = new Float64Array(memory, at, RECORDS * DOUBLES);
    const pageAt = at + words.byteLength;
    const page = new Int32Array(memory, pageAt, EVENTS * EVENT_WORDS);
    const pageTimes = new Float64Array(memory, pageAt + page.byteLength, EVENTS);
    this.times = new Float64Array(memory, pageTimes.byteOffset + pageTimes.byteLength, TIMES);
    this.notes = new Int32Array(memory, this.times.byteOffset + this.times.byteLength, NOTES);
    this.store = { words, doubles, own: { words, times: doubles } };
    this.paged = { words: page, times: pageTimes };
    this.events = new EventStore(this.store, [this.paged]);
    this.clean = new CleanHandshake(this.store, this.events);
  }

  /** How many records there are. */
  get count(): number {
    return this.notes[COUNT]!;
  }

  /** Whether there is room for any record. */
  get hasRoom(): boolean {
    return this.notes[COUNT]! < RECORDS && this.notes[PAGED]! <= EVENTS - MAX_EVENTS;
  }

  empty(): void {
    this.notes[COUNT] = 0;
    this.notes[PAGED] = 0;
  }

  /** Puts in a copy of a record. The encapsulation's name stays behind. */
  add(from: Recorded, slot: number, facts: Facts): void {
    const { store, times, notes } = this;
    const to = notes[COUNT]!;
    notes[COUNT] = to + 1;
    const source = from.store.words;
    const { words } = store;
    for (let n = 0, at = slot * WORDS, put = to * WORDS; n < WORDS; n++) words[put + n] = source[at + n]!;
    this.moveEvents(from, to, (to - slot) << 2);
    times[0] = facts.baseSeconds;
    times[1 + to] = facts.now;
    const known = KNOWN + 3 * to;
    notes[known] = facts.scanned;
    notes[known + 1] = facts.flooded;
    notes[known + 2] = facts.isnStep ?? -1;
  }

  /** Makes the list of a record's events one of the copies. @param shift what the names of those in records change by */
  private moveEvents(from: Recorded, to: number, shift: number): void {
    const { words } = this.store;
    const base = to * WORDS;
    let event = words[base + NEWEST_EVENT]!;
    let target = words;
    let link = base + NEWEST_EVENT;
    for (; event >= 0 && event < OWN; ) {
      const page = from.events.page(event);
      const at = from.events.offset(event);
      const copy = this.notes[PAGED]!;
      this.notes[PAGED] = copy + 1;
      const put = copy * EVENT_WORDS;
      for (let n = 0; n < EVENT_WORDS; n++) this.paged.words[put + n] = page.words[at + n]!;
      this.paged.times[copy] = page.times[from.events.timeIndex(event)]!;
      target[link] = copy;
      target = this.paged.words;
      link = put + E_NEXT;
      event = target[link]!;
    }
    if (event < 0) return;
    target[link] = event + shift;
    // The events in a record are the oldest ones, in order.
    for (let n = event & 3; n > 0; n--) words[base + OWN_WORDS + n * OWN_EVENT_WORDS + E_NEXT]! += shift;
  }

  /** What is known of a record beside itself. @param encapsulation its name */
  facts(n: number, encapsulation: string): Facts {
    const { times, notes } = this;
    const known = KNOWN + 3 * n;
    const step = notes[known + 2]!;
    return {
      isnStep: step < 0 ? null : step,
      scanned: notes[known]!,
      flooded: notes[known + 1]!,
      now: times[1 + n]!,
      baseSeconds: times[0]!,
      encapsulation,
    };
  }
}
