/**
 * Reads captures as a stream: chunks of any size in, one call per packet out, without copying or allocating per packet.
 * Classic pcap (µs, ns, both byte orders, Kuznetzov's modified format, versions before 2.3) and snoop (RFC 1761) here, pcapng in
 * pcapng-blocks.ts.
 */
import { type CapturedPacket, CaptureError, type Step } from './captured-packet.ts';
import { createBlockReader, MAX_PACKET_BYTES } from './pcapng-blocks.ts';

/** `snoop` and three zeros. */
const SNOOP = 0x736e6f6f;
const SNOOP_REST = 0x70000000;
const SNOOP_HEADER = 24;
/** Link types of snoop by those of pcap: IEEE 802.3 and Ethernet, FDDI. */
const snoopLinks: Readonly<Record<number, number>> = { 0: 1, 4: 1, 8: 10 };

type Parse = (data: Uint8Array, view: DataView, at: number, end: number) => number;

/** Reads one capture. */
export class CaptureReader {
  /** How many packets were delivered. */
  frames = 0;
  private readonly packet: CapturedPacket;
  private readonly onPacket: (packet: CapturedPacket) => void;
  private readonly onPause: () => void;
  private readonly step: Step = { need: 4, skip: 0, problem: null };
  private parse: Parse | null = null;
  private carry: Uint8Array = new Uint8Array(1 << 16);
  private carryView: DataView = new DataView(this.carry.buffer);
  private carried = 0;
  private consumed = 0;

  /**
   * @param onPacket called for each packet, in the order of the capture, with the one reused record
   * @param onPause called when the bytes of the packets since the last call are about to become invalid
   */
  constructor(onPacket: (packet: CapturedPacket) => void, onPause: () => void = () => {}) {
    this.onPacket = onPacket;
    this.onPause = onPause;
    this.packet = {
      data: this.carry,
      view: this.carryView,
      start: 0,
      end: 0,
      wireLength: 0,
      seconds: 0,
      nanoseconds: 0,
      linkType: 0,
      frame: 0,
    };
  }

  /**
   * Takes the next bytes of the capture. They are not kept: the caller may fill the same buffer again afterwards.
   * @throws CaptureError where the capture is damaged; nothing can be read after it
   */
  push(chunk: Uint8Array): void {
    let at = 0;
    const { step } = this;
    while (this.carried > 0 || (step.skip > 0 && at < chunk.length)) {
      if (step.skip > 0) {
        const skipped = Math.min(step.skip, chunk.length - at);
        step.skip -= skipped;
        this.consumed += skipped;
        at += skipped;
        if (step.skip > 0) return;
        continue;
      }
      const taken = Math.min(step.need - this.carried, chunk.length - at);
      this.reserve(step.need);
      this.carry.set(chunk.subarray(at, at + taken), this.carried);
      this.carried += taken;
      at += taken;
      if (this.carried < step.need) return;
      const used = this.run(this.carry, this.carryView, 0, this.carried);
      if (used > 0) {
        // Whatever is read from the carried bytes is exactly one record, or the beginning of one.
        this.carry.copyWithin(0, used, this.carried);
        this.carried -= used;
      }
    }
    if (at === chunk.length) return;
    const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.byteLength);
    at = this.run(chunk, view, at, chunk.length);
    const rest = chunk.length - at;
    if (rest === 0) return;
    this.reserve(rest);
    this.carry.set(chunk.subarray(at), 0);
    this.carried = rest;
  }

  /**
   * Says that the capture is over.
   * @throws CaptureError if it ends within a record, or is empty
   */
  end(): void {
    if (this.consumed === 0 && this.carried === 0) throw new CaptureError('the capture is empty', 0);
    if (this.parse === null)
      throw new CaptureError('the capture ends before its header is complete', this.carried);
    if (this.carried > 0 || this.step.skip > 0) {
      throw new CaptureError(
        `the capture is cut off: after ${this.frames} packets it ends within a record`,
        this.consumed,
      );
    }
  }

  private reserve(size: number): void {
    if (this.carry.length >= size) return;
    const bytes = new Uint8Array(Math.max(size, this.carry.length * 2));
    bytes.set(this.carry.subarray(0, this.carried));
    this.carry = bytes;
    this.carryView = new DataView(bytes.buffer);
  }

  /** Reads whole records from `at` on; returns where it stopped. */
  private run(data: Uint8Array, view: DataView, at: number, end: number): number {
    const from = at;
    const { step, packet } = this;
    packet.data = data;
    packet.view = view;
    if (this.parse === null) {
      if (end - at < step.need) return at;
      at = this.begin(view, at, end);
      if (this.parse === null) return at;
    }
    at = this.parse(data, view, at, end);
    this.onPause();
    if (step.skip > 0) {
      const skipped = Math.min(step.skip, end - at);
      step.skip -= skipped;
      at += skipped;
    }
    this.consumed += at - from;
    if (step.problem !== null) throw new CaptureError(step.problem, this.consumed);
    return at;
  }

  /** Reads the file header and chooses the format. Sets `need` and returns `at` if there are too few bytes. */
  private begin(view: DataView, at: number, end: number): number {
    const magic = view.getUint32(at, false);
    if (magic === 0x0a0d0d0a) {
      const blocks = createBlockReader(this.packet, this.step, () => this.deliver());
      this.parse = (data, bytes, from, to) => blocks.read(data, bytes, from, to);
      this.step.need = 12;
      return at;
    }
    if (magic === SNOOP) return this.beginSnoop(view, at, end);
    const little = magic === 0xd4c3b2a1 || magic === 0x4d3cb2a1 || magic === 0x34cdb2a1;
    const ordered = little ? view.getUint32(at, true) : magic;
    if (ordered !== 0xa1b2c3d4 && ordered !== 0xa1b23c4d && ordered !== 0xa1b2cd34) {
      throw new CaptureError(`${described(magic)}: not a pcap, pcapng or snoop capture`, 0);
    }
    if (end - at < 24) {
      this.step.need = 24;
      return at;
    }
    // The upper half of the field tells about frame check sequences.
    this.packet.linkType = view.getUint32(at + 20, little) & 0xffff;
    const header = ordered === 0xa1b2cd34 ? 24 : 16;
    // Before version 2.3 the two lengths of a record stood in the other order, in 2.3 in either, and in DG/UX's 2.543.
    const minor = view.getUint16(at + 6, little);
    const isOld = view.getUint16(at + 4, little) === 2 && (minor <= 3 || minor === 543);
    this.parse = this.records(little, header, ordered === 0xa1b23c4d ? 1 : 1000, isOld);
    this.step.need = header;
    return at + 24;
  }

  /** The loop over the records of a classic pcap file. */
  private records(little: boolean, header: number, nanosecondsPerTick: number, isOld: boolean): Parse {
    const { step, packet, onPacket } = this;
    return (_data, view, at, end) => {
      while (end - at >= header) {
        // Of the two lengths, what was captured is never the longer one.
        const length = isOld
          ? Math.min(view.getUint32(at + 8, little), view.getUint32(at + 12, little))
          : view.getUint32(at + 8, little);
        if (length > MAX_PACKET_BYTES) {
          step.problem = `packet ${this.frames + 1} claims ${length} bytes, more than any capture holds: the file is damaged`;
          return at;
        }
        if (end - at < header + length) {
          step.need = header + length;
          return at;
        }
        packet.seconds = view.getUint32(at, little);
        packet.nanoseconds = view.getUint32(at + 4, little) * nanosecondsPerTick;
        packet.wireLength = isOld
          ? Math.max(view.getUint32(at + 8, little), view.getUint32(at + 12, little))
          : view.getUint32(at + 12, little);
        packet.start = at + header;
        at += header + length;
        packet.end = at;
        packet.frame = ++this.frames;
        onPacket(packet);
      }
      step.need = header;
      return at;
    };
  }

  private beginSnoop(view: DataView, at: number, end: number): number {
    if (end - at < 16) {
      this.step.need = 16;
      return at;
    }
    if (view.getUint32(at + 4) !== SNOOP_REST || view.getUint32(at + 8) !== 2)
      throw new CaptureError('a snoop capture of another version than 2 (RFC 1761)', 0);
    const type = view.getUint32(at + 12);
    this.packet.linkType = snoopLinks[type] ?? 0xff00 + (type & 0xff);
    this.parse = this.snoopRecords();
    this.step.need = SNOOP_HEADER;
    return at + 16;
  }

  /** The loop over the records of a snoop file: lengths on the wire, in the file, and of the record with its padding. */
  private snoopRecords(): Parse {
    const { step, packet } = this;
    return (_data, view, at, end) => {
      while (end - at >= SNOOP_HEADER) {
        const length = view.getUint32(at + 4);
        const record = view.getUint32(at + 8);
        if (record > MAX_PACKET_BYTES || record < SNOOP_HEADER + length) {
          step.problem = `packet ${this.frames + 1} claims ${length} bytes in a record of ${record}: the file is damaged`;
          return at;
        }
        if (end - at < record) {
          step.need = record;
          return at;
        }
        packet.wireLength = view.getUint32(at);
        packet.seconds = view.getUint32(at + 16);
        packet.nanoseconds = view.getUint32(at + 20) * 1000;
        packet.start = at + SNOOP_HEADER;
        packet.end = packet.start + length;
        at += record;
        this.deliver();
      }
      step.need = SNOOP_HEADER;
      return at;
    };
  }

  private deliver(): void {
    this.packet.frame = ++this.frames;
    this.onPacket(this.packet);
  }
}

/** What a file that is no capture seems to be, from its first four bytes. */
function described(magic: number): string {
  if (magic >>> 16 === 0x1f8b) return 'a gzip file that was not decompressed';
  if (magic === 0x28b52ffd) return 'a zstd file that was not decompressed';
  return `the file begins with ${magic.toString(16).padStart(8, '0')}`;
}
