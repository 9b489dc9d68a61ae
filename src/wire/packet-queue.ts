/**
 * Packets waiting to be taken, in one growing buffer: writing and reading a packet allocates nothing.
 * A packet that has been shifted stays readable until the next push.
 */
export class PacketQueue {
  /** The buffer; a packet written by `push` starts at the returned offset. */
  bytes: Uint8Array;
  view: DataView;
  /** Where the packet taken last starts, and its length in bytes. */
  offset = 0;
  length = 0;
  /** Where each packet starts and how long it is; those before `head` are taken. */
  private starts: Int32Array = new Int32Array(64);
  private lengths: Int32Array = new Int32Array(64);
  private head = 0;
  private count = 0;
  private end = 0;

  constructor(capacity = 65536) {
    this.bytes = new Uint8Array(capacity);
    this.view = new DataView(this.bytes.buffer);
  }

  /** How many packets wait. */
  get size(): number {
    return this.count - this.head;
  }

  /** Makes room for a packet of `length` bytes and returns its offset in `bytes`; the room is not cleared. */
  push(length: number): number {
    if (this.head === this.count) {
      this.head = this.count = 0;
      this.end = 0;
    }
    if (this.end + length > this.bytes.length || this.count === this.starts.length) this.grow(length);
    const at = this.end;
    this.starts[this.count] = at;
    this.lengths[this.count] = length;
    this.count++;
    this.end = at + length;
    return at;
  }

  /** Puts a copy of a packet at the end. */
  put(packet: Uint8Array): void {
    const at = this.push(packet.length);
    this.bytes.set(packet, at);
  }

  /** Takes the oldest packet: true if there was one, with `offset` and `length` telling where it is. */
  shift(): boolean {
    if (this.head === this.count) return false;
    this.offset = this.starts[this.head]!;
    this.length = this.lengths[this.head]!;
    this.head++;
    return true;
  }

  /** Takes the oldest packet as a copy of its own, or null. */
  take(): Uint8Array | null {
    return this.shift() ? this.bytes.slice(this.offset, this.offset + this.length) : null;
  }

  /** Makes room for `length` more bytes and one more packet; what is taken at the front is given up first. */
  private grow(length: number): void {
    const first = this.head < this.count ? this.starts[this.head]! : this.end;
    const live = this.end - first;
    const capacity = Math.max(this.bytes.length, 2 * (live + length));
    const bytes = capacity > this.bytes.length ? new Uint8Array(capacity) : this.bytes;
    bytes.set(this.bytes.subarray(first, this.end));
    const waiting = this.count - this.head;
    const room = 2 * waiting >= this.starts.length ? 2 * this.starts.length : this.starts.length;
    const starts = new Int32Array(room);
    const lengths = new Int32Array(room);
    for (let i = 0; i < waiting; i++) {
      starts[i] = this.starts[this.head + i]! - first;
      lengths[i] = this.lengths[this.head + i]!;
    }
    this.starts = starts;
    this.lengths = lengths;
    this.head = 0;
    this.count = waiting;
    this.end = live;
    if (bytes !== this.bytes) {
      this.bytes = bytes;
      this.view = new DataView(bytes.buffer);
    }
  }
}
