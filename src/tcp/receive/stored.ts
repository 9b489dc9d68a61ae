/** How received data lies in memory: what a segment costs, and how segments are joined to cost less (6.18). */
import { seqGt, seqLe, seqLt } from '../../wire/seq.ts';

/** A segment's data as it is kept. With a FIN, `end` is one beyond the data. Segments joined to it make it longer. */
export interface RxSegment {
  readonly seq: number;
  end: number;
  fin: boolean;
  data: Uint8Array;
  /** Bytes of memory, see `truesize`. */
  readonly memory: number;
  /** Bytes of that memory behind the data, which data that follows may fill at no cost. */
  room: number;
}

/** struct sk_buff, bytes; and struct skb_shared_info, which ends every head (include/linux/skbuff.h, 6.18, 64 bits). */
const skbBytes = 256;
const sharedInfoBytes = 320;
/** Heads up to this size come from a cache of their own (net/core/skbuff.c skb_small_head_cache); measured. */
const smallHead = 576;
/** Bytes a device leaves free before the IP header (NET_SKB_PAD). */
const headroom = 64;
/** A packet of this length and more, with that room, is kept in pages. */
const pageBytes = 4096;

/** Bytes of memory for so many bytes in one piece, rounded up to what the kernel's allocator hands out. */
function pieceMemory(bytes: number): number {
  const head = ((bytes + 63) & -64) + sharedInfoBytes;
  if (head <= smallHead) return smallHead + skbBytes;
  if (head <= 8192) return (1 << (32 - Math.clz32(head - 1))) + skbBytes;
  return ((head + 4095) & -4096) + skbBytes;
}

/**
 * What a received packet costs the receive buffer: its head with room before and behind it, rounded up to what the
 * kernel's allocator hands out, and struct sk_buff. Measured on 6.18 with packets of a TUN device.
 * @param packetLength bytes from the IP header on
 */
export const truesize = (packetLength: number): number => pieceMemory(headroom + packetLength);

/** Bytes behind the packet in what it costs, free for data that follows (skb_tailroom). */
export function tailRoom(packetLength: number): number {
  if (headroom + packetLength >= pageBytes) return 0;
  return truesize(packetLength) - skbBytes - sharedInfoBytes - headroom - packetLength;
}

/** Copies a segment's data behind that of the one before it if there is room (tcp_try_coalesce). True if it did. */
export function join(to: RxSegment, from: RxSegment): boolean {
  const length = from.data.length;
  if (length > to.room || to.end !== from.seq || to.fin) return false;
  const { data } = to;
  const before = data.length;
  let { buffer } = data;
  let start = data.byteOffset;
  if (start + before + length > buffer.byteLength) {
    buffer = new ArrayBuffer(before + to.room);
    start = 0;
    new Uint8Array(buffer).set(data);
  }
  to.data = new Uint8Array(buffer, start, before + length);
  to.data.set(from.data, before);
  to.room -= length;
  to.end = from.end;
  to.fin = from.fin;
  return true;
}

/** The most data in one buffer when the kernel moves data together to save memory. */
const collapsedData = pageBytes - sharedInfoBytes;

/**
 * Segments of one stretch, copied into full buffers from the first one on that wastes memory (tcp_collapse).
 * @param items in order; each begins at or before the end of the one before it
 * @param start from where on the data is wanted
 * @param wasteful whether a segment takes more memory than its data is worth
 */
export function collapsed(
  items: readonly RxSegment[],
  start: number,
  wasteful: (item: RxSegment) => boolean,
): RxSegment[] {
  const result: RxSegment[] = [];
  let from = start;
  let i = 0;
  for (; i < items.length; i++) {
    const item = items[i]!;
    if (!seqLt(from, item.end)) continue;
    if (!item.fin && (wasteful(item) || seqLt(item.seq, from))) break;
    if (i + 1 < items.length && item.end !== items[i + 1]!.seq) break;
    from = item.end;
    result.push(item);
  }
  const first = items[i];
  if (first === undefined) return result;
  let stop = i;
  while (stop < items.length && !items[stop]!.fin) stop++;
  if (stop > i) {
    if (seqLt(from, first.seq)) from = first.seq;
    result.push(...copied(items.slice(i, stop), from));
  }
  result.push(...items.slice(stop));
  return result;
}

function copied(items: readonly RxSegment[], start: number): RxSegment[] {
  const result: RxSegment[] = [];
  const length = (items.at(-1)!.end - start) | 0;
  const bytes = new Uint8Array(length);
  for (const item of items.toReversed()) {
    const skip = seqLt(item.seq, start) ? (start - item.seq) | 0 : 0;
    if (seqLe(item.end, start)) continue;
    bytes.set(item.data.subarray(skip), (item.seq + skip - start) | 0);
  }
  for (let at = 0; at < length; at += collapsedData) {
    const data = bytes.slice(at, at + collapsedData);
    const memory = pieceMemory(data.length);
    const room = memory - skbBytes - sharedInfoBytes - data.length;
    const seq = (start + at) | 0;
    result.push({ seq, end: (seq + data.length) | 0, fin: false, data, memory, room });
  }
  return result;
}

/** The stretches without a gap that segments in order make. */
export function stretches(items: readonly RxSegment[]): RxSegment[][] {
  const result: RxSegment[][] = [];
  let end = 0;
  for (const item of items) {
    const last = result.at(-1);
    if (last === undefined || seqGt(item.seq, end)) result.push([item]);
    else last.push(item);
    end = item.end;
  }
  return result;
}
