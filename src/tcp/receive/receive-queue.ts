/** Data received: in order and not read yet, and ahead of a gap; and what it costs the receive buffer. */
import { seqGt, seqLe, seqLt } from '../../wire/seq.ts';
import { collapsed, join, type RxSegment, stretches } from './stored.ts';

/** In-order data that the application has not read yet. */
export class ReceiveQueue {
  /** Made with the first data: most connections of a test or a scan never get any. */
  private items: RxSegment[] | null = null;
  private head = 0;
  /** Bytes, as the receive buffer counts them. */
  memory = 0;
  /** Nothing came since data was moved together: trying again would cost time and gain nothing. */
  private tidy = false;

  get empty(): boolean {
    return this.items === null || this.head === this.items.length;
  }

  /** Adds data: behind what is there if it is `whole` and fits into memory that was counted. */
  push(item: RxSegment, whole = true): void {
    this.items ??= [];
    const last = this.items.at(-1);
    if (whole && last !== undefined && this.head < this.items.length && join(last, item)) return;
    this.items.push(item);
    this.memory += item.memory;
    this.tidy = false;
  }

  /** Nobody will read it any more. */
  clear(): void {
    this.items = null;
    this.head = this.memory = 0;
  }

  /** Bytes of the segment that a read from sequence number `from` begins with. */
  firstLength(from: number): number {
    const first = this.items?.[this.head];
    return first === undefined ? 0 : first.data.length - ((from - first.seq) | 0);
  }

  /** Copies out up to `into.length` bytes from sequence number `from`; takes what was read unless peeking. */
  read(from: number, into: Uint8Array, peek: boolean): number {
    let done = 0;
    let at = from;
    const { items } = this;
    if (items === null) return 0;
    for (let i = this.head; i < items.length && done < into.length; i++) {
      const item = items[i]!;
      const skip = (at - item.seq) | 0;
      const n = Math.min(item.data.length - skip, into.length - done);
      into.set(item.data.subarray(skip, skip + n), done);
      done += n;
      at = (at + n) | 0;
      if (!peek && skip + n === item.data.length) {
        this.memory -= item.memory;
        this.head++;
        this.tidy = false;
      }
    }
    if (this.head > 64 && 2 * this.head > items.length) {
      items.splice(0, this.head);
      this.head = 0;
    }
    return done;
  }

  /** Moves data together so that it costs less, from sequence number `from` on (tcp_collapse). */
  collapse(from: number, wasteful: (item: RxSegment) => boolean): void {
    if (this.items === null || this.tidy) return;
    this.tidy = true;
    this.items = collapsed(this.items.slice(this.head), from, wasteful);
    this.head = 0;
    this.memory = this.items.reduce((sum, it) => sum + it.memory, 0);
  }
}

/** What an out-of-order segment met that was there already. */
interface Overlap {
  /** The part that was there before, for D-SACK: [seq, end), null if none. */
  readonly duplicate: { readonly seq: number; readonly end: number } | null;
  /** Whether the segment itself was kept: not if all of it was there. */
  readonly kept: boolean;
  /** Whether it was joined to the one before it, in memory that was counted already. */
  readonly joined: boolean;
  /** How many segments were there in full and are covered now, itself included if it was not kept. */
  readonly merged: number;
}

/** A stretch of so much data is worth copying even if it is in one piece. */
const mostTiny = 4096 - 320;

const noSegments: RxSegment[] = [];
const fresh: Overlap = { duplicate: null, kept: true, joined: false, merged: 0 };
const joinedTo: Overlap = { ...fresh, joined: true };

/**
 * Data received ahead of a gap: segments by sequence number. Two may overlap at their ends, none lies within another, so
 * that beginnings and ends are both in order and a place is found by halving.
 */
export class OutOfOrderQueue {
  /** Shared while there is none. */
  private segments: RxSegment[] = noSegments;
  /** Bytes, as the receive buffer counts them. */
  memory = 0;
  /** As above. */
  private tidy = false;

  get empty(): boolean {
    return this.segments.length === 0;
  }

  /** How many segments wait. */
  get length(): number {
    return this.segments.length;
  }

  /** Whether a FIN is all there is. */
  get onlyFin(): boolean {
    return this.segments.length === 1 && this.segments[0]!.fin;
  }

  /** Where the last segment begins and ends; only if there is one. */
  get lastSeq(): number {
    return this.segments.at(-1)!.seq;
  }

  get lastEnd(): number {
    return this.segments.at(-1)!.end;
  }

  /** Adds a segment, unless all of it is there (tcp_data_queue_ofo). */
  add(segment: RxSegment): Overlap {
    if (this.segments === noSegments) this.segments = [];
    const list = this.segments;
    const { seq, end } = segment;
    // The first that ends beyond `seq`.
    let at = list.length;
    if (at > 0 && !seqLe(list[at - 1]!.end, seq)) {
      let low = 0;
      let high = at - 1;
      while (low < high) {
        const middle = (low + high) >>> 1;
        if (seqGt(list[middle]!.end, seq)) high = middle;
        else low = middle + 1;
      }
      at = low;
    }
    let left = 0;
    let right = 0;
    let overlaps = false;
    const extend = (from: number, to: number): void => {
      if (!overlaps) {
        overlaps = true;
        left = from;
        right = to;
      } else if (!seqGt(from, right) && !seqGt(left, to)) {
        if (seqLt(from, left)) left = from;
        if (seqGt(to, right)) right = to;
      }
    };
    if (at > 0 && join(list[at - 1]!, segment)) return this.#dropCovered(at, end);
    const before = list[at];
    if (before !== undefined && !seqLt(seq, before.seq)) {
      if (seqLe(end, before.end)) return { duplicate: { seq, end }, kept: false, joined: false, merged: 1 };
      if (seqGt(seq, before.seq)) {
        extend(seq, before.end);
        at++;
      }
    }
    let covered = at;
    while (covered < list.length && seqGt(end, list[covered]!.seq)) {
      const other = list[covered]!;
      if (seqLt(end, other.end)) {
        extend(other.seq, end);
        break;
      }
      extend(other.seq, other.end);
      this.memory -= other.memory;
      covered++;
    }
    list.splice(at, covered - at, segment);
    this.memory += segment.memory;
    this.tidy = false;
    if (!overlaps) return fresh;
    return { duplicate: { seq: left, end: right }, kept: true, joined: false, merged: covered - at };
  }

  /** A segment was joined to the one before `at`: what it covers now is of no use, and nothing is said of that. */
  #dropCovered(at: number, end: number): Overlap {
    this.tidy = false;
    let covered = at;
    while (covered < this.segments.length && seqLe(this.segments[covered]!.end, end))
      this.memory -= this.segments[covered++]!.memory;
    if (covered > at) this.segments.splice(at, covered - at);
    return joinedTo;
  }

  /** Takes the first segment if it starts at or before `rcvNxt`, else null. */
  takeReady(rcvNxt: number): RxSegment | null {
    const first = this.segments[0];
    if (first === undefined || seqGt(first.seq, rcvNxt)) return null;
    this.segments.shift();
    this.memory -= first.memory;
    return first;
  }

  /** Takes the last segment away, to make room. */
  dropLast(): RxSegment {
    const last = this.segments.pop()!;
    this.memory -= last.memory;
    return last;
  }

  /**
   * Moves data together so that it costs less (tcp_collapse_ofo_queue). Stretches of one packet or of little memory are
   * left alone, until those make up `bound` bytes.
   */
  collapse(bound: number, wasteful: (item: RxSegment) => boolean): void {
    if (this.segments.length === 0 || this.tidy) return;
    this.tidy = true;
    let tiny = 0;
    const parts = stretches(this.segments);
    const result: RxSegment[] = [];
    for (const part of parts) {
      const memory = part.reduce((sum, it) => sum + it.memory, 0);
      const [first] = part;
      const long = ((part.at(-1)!.end - first!.seq) | 0) >= mostTiny;
      if (tiny <= bound && (part.length > 1 || long)) result.push(...collapsed(part, first!.seq, wasteful));
      else {
        result.push(...part);
        tiny += memory;
      }
    }
    this.segments = result;
    this.memory = result.reduce((sum, it) => sum + it.memory, 0);
  }

  clear(): void {
    this.segments = noSegments;
    this.memory = 0;
  }
}
