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
  private readonly starts: number[] = [];
  private readonly lengths: number[] = [];
  private head = 0;
  private end = 0;

  constructor(capacity = 65536) {
    this.bytes = new Uint8Array(capacity);
    this.view = new DataView(this.bytes.buffer);
  }

  /** How many packets wait. */
  get size(): number {
    return this.starts.length - this.head;
  }

  /** Makes room for a packet of `length` bytes and returns its offset in `bytes`; the room is not cleared. */
  push(length: number): number {
    if (this.head === this.starts.length && this.head > 0) {
      this.starts.length = this.lengths.length = 0;
      this.head = 0;
      this.end = 0;
    }
    if (this.end + length > this.bytes.length) this.grow(this.end + length);
    const at = this.end;
    this.starts.push(at);
    this.lengths.push(length);
    this.end = at + length;
    return at;
  }

  /** Takes the oldest packet: true if there was one, with `offset` and `length` telling where it is. */
  shift(): boolean {
    if (this.head === this.starts.length) return false;
    this.offset = this.starts[this.head]!;
    this.length = this.lengths[this.head]!;
    this.head++;
    return true;
  }

  /** Takes the oldest packet as a copy of its own, or null. */
  take(): Uint8Array | null {
    return this.shift() ? this.bytes.slice(this.offset, this.offset + this.length) : null;
  }

  private grow(needed: number): void {
    // Taken packets at the front are given up first.
    const first = this.head < this.starts.length ? this.starts[this.head]! : this.end;
    const live = this.end - first;
    const capacity = Math.max(this.bytes.length, 2 * (needed - first));
    const bytes = capacity > this.bytes.length ? new Uint8Array(capacity) : this.bytes;
    bytes.set(this.bytes.subarray(first, this.end));
    for (let i = this.head; i < this.starts.length; i++) this.starts[i]! -= first;
    this.starts.splice(0, this.head);
    this.lengths.splice(0, this.head);
    this.head = 0;
    this.end = live;
    if (bytes !== this.bytes) {
      this.bytes = bytes;
      this.view = new DataView(bytes.buffer);
    }
  }
}
