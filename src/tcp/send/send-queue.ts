/** The data of a connection on its way out: what is sent and not acknowledged, and what waits to be sent. */
import { seqLe, seqLt } from '../../wire/seq.ts';
import { Flag } from '../../wire/tcp.ts';

/**
 * A stretch of the send queue: what one write added, up to the size goal (several MSS), cut where the window or the
 * congestion window ends. It leaves as one or more packets, of which only the last carries PSH and FIN.
 */
export class TxSegment {
  seq: number;
  /** One past the last sequence number, SYN and FIN included. */
  end: number;
  /** Flags beside ACK: SYN, FIN, PSH, URG, ECE, CWR. */
  flags: number;
  data: Uint8Array;
  /** Bytes used of `data`. */
  length: number;
  /** µs when it was sent last; -1 before. */
  sentAt = -1;
  /** µs when it was sent first. */
  firstSentAt = -1;
  /** How many packets it made when it was sent last, and of what size: options change the MSS in between, what is counted must not. */
  packets = 0;
  mss = 0;
  /** How many packets of the connection had been delivered when it was sent last; -1 once that was used. */
  deliveredAt = -1;
  /** How often it was sent again, and whether a copy is believed to be in flight. */
  retransmits = 0;
  sacked = false;
  lost = false;
  retransmitted = false;
  /** MSG_EOR: nothing may be appended. */
  eor = false;
  next: TxSegment | null = null;
  previous: TxSegment | null = null;
  /** Its place among those that are out in the order in which they were sent, SACKed and lost ones left out. */
  sorted = false;
  sortedNext: TxSegment | null = null;
  sortedPrevious: TxSegment | null = null;
  /** Of a SACKed segment: one behind it up to which all are SACKed, as far as is known. */
  sackedUpTo: TxSegment | null = null;

  constructor(seq: number, flags: number, capacity: number) {
    this.seq = seq;
    this.end = seq;
    this.flags = flags;
    this.data = capacity > 0 ? new Uint8Array(capacity) : noBytes;
    this.length = 0;
  }
}

const noBytes: Uint8Array = new Uint8Array(0);
const noSegments: TxSegment[] = [];
/** A search by sequence number leaves a landmark after so many steps. */
const landmarkEvery = 32;

/** The send queue: what is sent and not acknowledged, then what was not sent yet. */
export class SendQueue {
  head: TxSegment | null = null;
  tail: TxSegment | null = null;
  /** The first segment that was never sent, null if all were. */
  sendHead: TxSegment | null = null;
  /** Bytes of memory as the send buffer counts them. */
  bytes = 0;
  /** What was sent longest ago, and last. */
  sortedHead: TxSegment | null = null;
  private sortedTail: TxSegment | null = null;
  /** The last in that order that others, sent after it, are known to have overtaken; null if the first one was not. */
  overtakenUpTo: TxSegment | null = null;
  /** Where the search for lost segments to send again begins; null for the head. */
  retransmitHint: TxSegment | null = null;
  /** Where the last SACK block ended. */
  sackHint: TxSegment | null = null;
  /**
   * Segments that were sent, in order: where searches begin, so that none takes time in proportion to what is out.
   * Searches leave them behind; shared while there is none.
   */
  private landmarks: TxSegment[] = noSegments;

  append(segment: TxSegment): void {
    segment.previous = this.tail;
    if (this.tail === null) this.head = segment;
    else this.tail.next = segment;
    this.tail = segment;
    if (this.sendHead === null) this.sendHead = segment;
    this.bytes += overhead + segment.length;
  }

  /** Cuts a segment after `length` bytes of data; the rest becomes a segment of its own behind it. */
  split(segment: TxSegment, length: number): void {
    const rest = new TxSegment((segment.seq + length) | 0, segment.flags, 0);
    // Nobody writes to what was cut off: appending goes to the tail, behind all of it.
    rest.data = segment.data.subarray(length);
    rest.length = segment.length - length;
    rest.end = segment.end;
    rest.sentAt = segment.sentAt;
    rest.firstSentAt = segment.firstSentAt;
    rest.retransmits = segment.retransmits;
    rest.sacked = segment.sacked;
    rest.lost = segment.lost;
    rest.retransmitted = segment.retransmitted;
    rest.deliveredAt = segment.deliveredAt;
    rest.eor = segment.eor;
    segment.eor = false;
    // PSH and FIN belong to the end.
    segment.flags &= ~(Flag.psh | Flag.fin);
    segment.length = length;
    segment.end = rest.seq;
    rest.next = segment.next;
    rest.previous = segment;
    if (segment.next === null) this.tail = rest;
    else segment.next.previous = rest;
    segment.next = rest;
    this.bytes += overhead;
    if (segment.sorted) this.sortBehind(segment, rest);
  }

  private sortBehind(segment: TxSegment, rest: TxSegment): void {
    rest.sorted = true;
    rest.sortedPrevious = segment;
    rest.sortedNext = segment.sortedNext;
    if (segment.sortedNext === null) this.sortedTail = rest;
    else segment.sortedNext.sortedPrevious = rest;
    segment.sortedNext = rest;
  }

  /** A segment was sent just now: it is the last in the order of sending. */
  sortLast(segment: TxSegment): void {
    if (segment.sorted) {
      if (this.sortedTail === segment) return;
      this.unsort(segment);
    }
    segment.sorted = true;
    segment.sortedPrevious = this.sortedTail;
    if (this.sortedTail === null) this.sortedHead = segment;
    else this.sortedTail.sortedNext = segment;
    this.sortedTail = segment;
  }

  /** Takes a segment out of the order of sending. */
  unsort(segment: TxSegment): void {
    if (!segment.sorted) return;
    const { sortedNext, sortedPrevious } = segment;
    if (this.overtakenUpTo === segment) this.overtakenUpTo = sortedPrevious;
    if (sortedPrevious === null) this.sortedHead = sortedNext;
    else sortedPrevious.sortedNext = sortedNext;
    if (sortedNext === null) this.sortedTail = sortedPrevious;
    else sortedNext.sortedPrevious = sortedPrevious;
    segment.sorted = false;
    segment.sortedNext = segment.sortedPrevious = null;
  }

  /** How many landmarks stand at or before a sequence number. */
  private landmarksTo(seq: number): number {
    const { landmarks } = this;
    let low = 0;
    let high = landmarks.length;
    while (low < high) {
      const middle = (low + high) >>> 1;
      if (seqLe(landmarks[middle]!.seq, seq)) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** The first segment that was sent and ends beyond `seq`, or null. */
  find(seq: number): TxSegment | null {
    const at = this.landmarksTo(seq);
    let s = at > 0 ? this.landmarks[at - 1]! : this.head;
    const hint = this.sackHint;
    if (s !== null && hint !== null && seqLe(hint.seq, seq) && seqLt(s.seq, hint.seq)) s = hint;
    const left: TxSegment[] = [];
    for (let steps = 1; s !== null && s !== this.sendHead && seqLe(s.end, seq); s = s.next)
      if (steps++ % landmarkEvery === 0) left.push(s);
    if (left.length > 0) {
      if (this.landmarks === noSegments) this.landmarks = [];
      this.landmarks.splice(at, 0, ...left);
    }
    return s === this.sendHead ? null : s;
  }

  /** The last of the SACKed segments that follow each other from `s` on. */
  endOfSacked(s: TxSegment): TxSegment {
    let last = s;
    for (;;) {
      const { sackedUpTo, next } = last;
      if (sackedUpTo !== null && sackedUpTo !== last) last = sackedUpTo;
      else if (next !== null && next !== this.sendHead && next.sacked) last = next;
      else break;
    }
    // Whoever comes this way again takes one step.
    for (let it: TxSegment | null = s; it !== null && it !== last; ) {
      const further: TxSegment | null = it.sackedUpTo ?? it.next;
      it.sackedUpTo = last;
      it = further;
    }
    return last;
  }

  private removeLandmark(segment: TxSegment): void {
    const at = this.landmarksTo(segment.seq) - 1;
    if (this.landmarks[at] === segment) this.landmarks.splice(at, 1);
  }

  /** Fills a segment that was never sent up to `size` bytes with what waits behind it (tcp_grow_skb). */
  fill(segment: TxSegment, size: number): void {
    const next = segment.next;
    if (next === null || segment.eor || next.length === 0 || (segment.flags & Flag.fin) !== 0) return;
    const n = Math.min(size - segment.length, next.length);
    const data = new Uint8Array(segment.length + n);
    data.set(segment.data.subarray(0, segment.length));
    data.set(next.data.subarray(0, n), segment.length);
    segment.data = data;
    segment.length += n;
    segment.end = (segment.end + n) | 0;
    if (n < next.length) {
      this.trimUnsent(next, n);
      return;
    }
    segment.end = next.end;
    segment.flags |= next.flags;
    segment.eor = next.eor;
    segment.next = next.next;
    if (next.next === null) this.tail = segment;
    else next.next.previous = segment;
    this.bytes -= overhead;
  }

  private trimUnsent(segment: TxSegment, n: number): void {
    segment.data = segment.data.subarray(n);
    segment.length -= n;
    segment.seq = (segment.seq + n) | 0;
  }

  /** Joins a segment with the one behind it, which goes. */
  join(segment: TxSegment): void {
    const rest = segment.next!;
    const data = new Uint8Array(segment.length + rest.length);
    data.set(segment.data.subarray(0, segment.length));
    data.set(rest.data.subarray(0, rest.length), segment.length);
    segment.data = data;
    segment.length = data.length;
    segment.end = rest.end;
    segment.flags |= rest.flags;
    segment.eor = rest.eor;
    segment.next = rest.next;
    if (rest.next === null) this.tail = segment;
    else rest.next.previous = segment;
    this.unsort(rest);
    if (this.landmarks.length > 0) this.removeLandmark(rest);
    if (this.retransmitHint === rest) this.retransmitHint = segment;
    if (this.sackHint === rest) this.sackHint = segment;
    this.bytes -= overhead;
  }

  /** Drops the first segment, which was acknowledged. */
  shift(): void {
    const first = this.head!;
    this.head = first.next;
    if (this.head === null) this.tail = null;
    else this.head.previous = null;
    if (this.sendHead === first) this.sendHead = this.head;
    this.unsort(first);
    if (this.landmarks[0] === first) this.landmarks.shift();
    if (this.retransmitHint === first) this.retransmitHint = null;
    if (this.sackHint === first) this.sackHint = null;
    this.bytes -= overhead + first.length;
  }

  /** Takes off what was acknowledged of the first segment: all before `seq`. */
  trim(segment: TxSegment, seq: number): void {
    const n = (seq - segment.seq) | 0;
    segment.data = segment.data.subarray(n);
    segment.length -= n;
    segment.seq = seq;
    this.bytes -= n;
  }

  clear(): void {
    this.head = this.tail = this.sendHead = this.sortedHead = this.sortedTail = null;
    this.overtakenUpTo = null;
    this.retransmitHint = this.sackHint = null;
    this.landmarks = noSegments;
    this.bytes = 0;
  }
}

/** What a segment costs the send buffer beside its data: struct sk_buff and its head (net/ipv4/tcp.c, 6.18). */
const overhead = 1280;
