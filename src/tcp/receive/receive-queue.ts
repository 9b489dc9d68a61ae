/** Data received: in order and not read yet, and ahead of a gap. */
import { seqGe, seqGt, seqLe, seqLt } from '../../wire/seq.ts';

const noBytes: Uint8Array = new Uint8Array(0);

/** A stretch of received data. */
interface RxSegment {
  seq: number;
  end: number;
  data: Uint8Array;
}

/** In-order data that the application has not read yet. */
export class ReceiveQueue {
  /** Made with the first data: most connections of a test or a scan never get any. */
  private items: RxSegment[] | null = null;
  private head = 0;
  /** Memory in bytes as the receive buffer counts it. */
  memory = 0;

  get empty(): boolean {
    return this.items === null || this.head === this.items.length;
  }

  push(item: RxSegment): void {
    this.items ??= [];
    this.items.push(item);
    this.memory += truesize(item.data.length);
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
        this.memory -= truesize(item.data.length);
        this.head++;
      }
    }
    if (this.head > 64 && 2 * this.head > items.length) {
      items.splice(0, this.head);
      this.head = 0;
    }
    return done;
  }
}

/** What received data costs the receive buffer: struct sk_buff, its head, and page rounding left out. */
const truesize = (length: number): number => 768 + length;

const noRanges: readonly RxSegment[] = [];

/** Data received ahead of a gap: ranges sorted by sequence number that do not touch each other. */
export class OutOfOrderQueue {
  /** Shared while there is none. */
  ranges: readonly RxSegment[] = noRanges;
  memory = 0;

  get empty(): boolean {
    return this.ranges.length === 0;
  }

  /**
   * Adds data; what is already there is kept, new bytes fill in around it.
   * @returns the range that now holds it, and whether part of it was there before
   */
  add(seq: number, end: number, data: Uint8Array): { range: RxSegment; duplicate: RxSegment | null } {
    const list = [...this.ranges];
    let i = 0;
    while (i < list.length && seqLt(list[i]!.end, seq)) i++;
    let merged: RxSegment = { seq, end, data };
    let duplicate: RxSegment | null = null;
    let j = i;
    while (j < list.length && seqLe(list[j]!.seq, merged.end)) {
      const other = list[j]!;
      if (seqLt(other.seq, end) && seqGt(other.end, seq)) {
        const left = seqGt(other.seq, seq) ? other.seq : seq;
        const right = seqLt(other.end, end) ? other.end : end;
        duplicate ??= { seq: left, end: right, data: noBytes };
      }
      merged = merge(other, merged);
      j++;
    }
    const before = list.slice(i, j).reduce((sum, r) => sum + truesize(r.data.length), 0);
    list.splice(i, j - i, merged);
    this.ranges = list;
    this.memory += truesize(merged.data.length) - before;
    return { range: merged, duplicate };
  }

  /** Takes the first range if it starts at or before `rcvNxt`, else null. */
  takeReady(rcvNxt: number): RxSegment | null {
    const first = this.ranges[0];
    if (first === undefined || seqGt(first.seq, rcvNxt)) return null;
    this.ranges = this.ranges.slice(1);
    this.memory -= truesize(first.data.length);
    return first;
  }

  clear(): void {
    this.ranges = noRanges;
    this.memory = 0;
  }
}

function merge(a: RxSegment, b: RxSegment): RxSegment {
  const seq = seqLt(a.seq, b.seq) ? a.seq : b.seq;
  const end = seqGt(a.end, b.end) ? a.end : b.end;
  if (a.seq === seq && a.end === end) return a;
  const data = new Uint8Array((end - seq) | 0);
  data.set(b.data, (b.seq - seq) | 0);
  // Bytes that came first win.
  data.set(a.data, (a.seq - seq) | 0);
  return { seq, end, data };
}

/** Whether [seq, end) lies wholly inside one range. */
export const covered = (ranges: readonly RxSegment[], seq: number, end: number): boolean =>
  ranges.some((r) => seqLe(r.seq, seq) && seqGe(r.end, end));
