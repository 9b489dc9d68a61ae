/** Data received: in order and not read yet, and ahead of a gap; and what it costs the receive buffer. */
import { seqGt, seqLe, seqLt } from '../../wire/seq.ts';

/** A segment's data as it is kept. With a FIN, `end` is one beyond the data. */
export interface RxSegment {
  readonly seq: number;
  readonly end: number;
  readonly fin: boolean;
  readonly data: Uint8Array;
  /** Bytes of memory, see `truesize`. */
  readonly memory: number;
}

/** struct sk_buff, bytes; and struct skb_shared_info, which ends every head (include/linux/skbuff.h, 6.18, 64 bits). */
const skbBytes = 256;
const sharedInfoBytes = 320;
/** Heads up to this size come from a cache of their own (net/core/skbuff.c skb_small_head_cache); measured. */
const smallHead = 576;
/** Bytes a device leaves free before the IP header (NET_SKB_PAD). */
const headroom = 64;

/**
 * What a received packet costs the receive buffer: its head with room before and behind it, rounded up to what the
 * kernel's allocator hands out, and struct sk_buff. Measured on 6.18 with packets of a TUN device.
 * @param packetLength bytes from the IP header on
 */
export function truesize(packetLength: number): number {
  const head = ((headroom + packetLength + 63) & -64) + sharedInfoBytes;
  if (head <= smallHead) return smallHead + skbBytes;
  if (head <= 8192) return (1 << (32 - Math.clz32(head - 1))) + skbBytes;
  return ((head + 4095) & -4096) + skbBytes;
}

/** The most data in one buffer when the kernel moves data together to save memory, and that buffer's cost (tcp_collapse). */
const collapsedData = 4096 - sharedInfoBytes;
const collapsedMemory = 4096 + skbBytes;

/** In-order data that the application has not read yet. */
export class ReceiveQueue {
  /** Made with the first data: most connections of a test or a scan never get any. */
  private items: RxSegment[] | null = null;
  private head = 0;
  /** Bytes, as the receive buffer counts them. */
  memory = 0;

  get empty(): boolean {
    return this.items === null || this.head === this.items.length;
  }

  push(item: RxSegment): void {
    this.items ??= [];
    this.items.push(item);
    this.memory += item.memory;
  }

  /** Nobody will read it any more. */
  clear(): void {
    this.items = null;
    this.head = this.memory = 0;
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
      }
    }
    if (this.head > 64 && 2 * this.head > items.length) {
      items.splice(0, this.head);
      this.head = 0;
    }
    return done;
  }

  /** Moves data together so that it costs less (tcp_collapse). */
  collapse(): void {
    if (this.items === null) return;
    this.items = collapsed(this.items.slice(this.head));
    this.head = 0;
    this.memory = this.items.reduce((sum, it) => sum + it.memory, 0);
  }
}

/** The same data in as few and as full buffers as the kernel would copy it to. Gaps stay gaps. */
function collapsed(items: readonly RxSegment[]): RxSegment[] {
  const result: RxSegment[] = [];
  for (let i = 0; i < items.length; ) {
    let j = i + 1;
    let memory = items[i]!.memory;
    while (j < items.length && !items[j - 1]!.fin && seqLe(items[j]!.seq, items[j - 1]!.end))
      memory += items[j++]!.memory;
    const run = items.slice(i, j);
    i = j;
    const first = run[0]!;
    const last = run.at(-1)!;
    const data = new Uint8Array((last.end - first.seq - (last.fin ? 1 : 0)) | 0);
    for (const it of run.toReversed()) data.set(it.data, (it.seq - first.seq) | 0);
    if (Math.ceil(data.length / collapsedData) * collapsedMemory >= memory) {
      result.push(...run);
      continue;
    }
    for (let at = 0; at < data.length; at += collapsedData) {
      const part = data.subarray(at, at + collapsedData);
      const fin = last.fin && at + part.length === data.length;
      const seq = (first.seq + at) | 0;
      result.push({
        seq,
        end: (seq + part.length + (fin ? 1 : 0)) | 0,
        fin,
        data: part,
        memory: collapsedMemory,
      });
    }
  }
  return result;
}

/** What an out-of-order segment met that was there already. */
interface Overlap {
  /** The part that was there before, for D-SACK: [seq, end), null if none. */
  readonly duplicate: { readonly seq: number; readonly end: number } | null;
  /** Whether the segment itself was kept: not if all of it was there. */
  readonly kept: boolean;
  /** How many segments were there in full and are covered now, itself included if it was not kept. */
  readonly merged: number;
}

const noSegments: RxSegment[] = [];
const fresh: Overlap = { duplicate: null, kept: true, merged: 0 };

/**
 * Data received ahead of a gap: segments by sequence number. Two may overlap at their ends, none lies within another, so
 * that beginnings and ends are both in order and a place is found by halving.
 */
export class OutOfOrderQueue {
  /** Shared while there is none. */
  private segments: RxSegment[] = noSegments;
  /** Bytes, as the receive buffer counts them. */
  memory = 0;

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
    const before = list[at];
    if (before !== undefined && !seqLt(seq, before.seq)) {
      if (seqLe(end, before.end)) return { duplicate: { seq, end }, kept: false, merged: 1 };
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
    if (!overlaps) return fresh;
    return { duplicate: { seq: left, end: right }, kept: true, merged: covered - at };
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

  /** Moves data together so that it costs less (tcp_collapse_ofo_queue). */
  collapse(): void {
    if (this.segments.length < 2) return;
    this.segments = collapsed(this.segments);
    this.memory = this.segments.reduce((sum, it) => sum + it.memory, 0);
  }

  clear(): void {
    this.segments = noSegments;
    this.memory = 0;
  }
}
