/** The data of a connection on its way out: what is sent and not acknowledged, and what waits to be sent. */
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
  /** How many packets it made when it was sent last: options change the MSS in between, what is counted must not. */
  packets = 0;
  /** How often it was sent again, and whether a copy is believed to be in flight. */
  retransmits = 0;
  sacked = false;
  lost = false;
  retransmitted = false;
  /** MSG_EOR: nothing may be appended. */
  eor = false;
  next: TxSegment | null = null;
  previous: TxSegment | null = null;

  constructor(seq: number, flags: number, capacity: number) {
    this.seq = seq;
    this.end = seq;
    this.flags = flags;
    this.data = capacity > 0 ? new Uint8Array(capacity) : noBytes;
    this.length = 0;
  }
}

const noBytes: Uint8Array = new Uint8Array(0);

/** The send queue: what is sent and not acknowledged, then what was not sent yet. */
export class SendQueue {
  head: TxSegment | null = null;
  tail: TxSegment | null = null;
  /** The first segment that was never sent, null if all were. */
  sendHead: TxSegment | null = null;
  /** Bytes of memory as the send buffer counts them. */
  bytes = 0;

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
    const rest = new TxSegment((segment.seq + length) | 0, segment.flags, segment.length - length);
    rest.data.set(segment.data.subarray(length, segment.length));
    rest.length = segment.length - length;
    rest.end = segment.end;
    rest.sentAt = segment.sentAt;
    rest.firstSentAt = segment.firstSentAt;
    rest.retransmits = segment.retransmits;
    rest.sacked = segment.sacked;
    rest.lost = segment.lost;
    rest.retransmitted = segment.retransmitted;
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
  }

  /** Drops the first segment, which was acknowledged. */
  shift(): void {
    const first = this.head!;
    this.head = first.next;
    if (this.head === null) this.tail = null;
    else this.head.previous = null;
    if (this.sendHead === first) this.sendHead = this.head;
    this.bytes -= overhead + first.length;
  }

  /** Removes a segment that was never sent (an empty one left by a failed write). */
  removeTail(): void {
    const last = this.tail!;
    this.tail = last.previous;
    if (this.tail === null) this.head = null;
    else this.tail.next = null;
    if (this.sendHead === last) this.sendHead = null;
    this.bytes -= overhead + last.length;
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
    this.head = this.tail = this.sendHead = null;
    this.bytes = 0;
  }
}

/** What a segment costs the send buffer beside its data: struct sk_buff and its head (net/ipv4/tcp.c, 6.18). */
const overhead = 1280;
