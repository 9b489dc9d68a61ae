/**
 * The blocks of pcapng (IETF draft-ietf-opsawg-pcapng): sections with their byte order, interfaces with their link
 * type and time resolution, and the three kinds of packet block. Other blocks are skipped.
 */
import type { CapturedPacket, Step } from './captured-packet.ts';

/** A packet longer than this is taken for damage: four times what libpcap ever captures (262,144 bytes). */
export const MAX_PACKET_BYTES: number = 1 << 20;

/** Reads blocks from the front of the bytes it is given. */
interface BlockReader {
  /** Returns where it stopped; `need`, `skip` and `problem` of the step say why. */
  read(data: Uint8Array, view: DataView, at: number, end: number): number;
}

/** One interface of the section at hand. */
interface Interface {
  readonly linkType: number;
  readonly snapLength: number;
  /** Ticks in a second. */
  readonly unit: number;
  /** Seconds to add to every time stamp. */
  readonly offset: number;
}

const SECTION_HEADER = 0x0a0d0d0a;
const INTERFACE_DESCRIPTION = 1;
const OBSOLETE_PACKET = 2;
const SIMPLE_PACKET = 3;
const ENHANCED_PACKET = 6;

/** Blocks that are read at all are held whole; what is longer is damage. Blocks that are skipped may be longer. */
const MAX_BLOCK_BYTES = MAX_PACKET_BYTES + (1 << 18);
const MAX_INTERFACES = 1 << 16;

/** @param deliver called when the packet's record is filled */
export function createBlockReader(packet: CapturedPacket, step: Step, deliver: () => void): BlockReader {
  return new Blocks(packet, step, deliver);
}

class Blocks implements BlockReader {
  private little = true;
  private interfaces: Interface[] = [];
  private readonly packet: CapturedPacket;
  private readonly step: Step;
  private readonly deliver: () => void;
  // The upper half of a time stamp changes every few seconds: its part of the division is kept.
  private lastUnit = 0;
  private lastHigh = -1;
  private highSeconds = 0;
  private highRest = 0;

  constructor(packet: CapturedPacket, step: Step, deliver: () => void) {
    this.packet = packet;
    this.step = step;
    this.deliver = deliver;
  }

  read(_data: Uint8Array, view: DataView, at: number, end: number): number {
    const { step } = this;
    while (end - at >= 12) {
      const type = view.getUint32(at, this.little);
      if (type === SECTION_HEADER && !this.orderOfSection(view, at)) return at;
      const { little } = this;
      const length = view.getUint32(at + 4, little);
      if (length < 12 || length % 4 !== 0) return this.fail(at, `a block claims a length of ${length} bytes`);
      const wanted = type === SECTION_HEADER || type === INTERFACE_DESCRIPTION || isPacket(type);
      if (!wanted) {
        step.need = 12;
        if (end - at >= length) {
          at += length;
          continue;
        }
        step.skip = length;
        return at;
      }
      if (length > MAX_BLOCK_BYTES) return this.fail(at, `a block claims a length of ${length} bytes`);
      if (end - at < length) {
        step.need = length;
        return at;
      }
      const again = view.getUint32(at + length - 4, little);
      if (again !== length)
        return this.fail(at, `a block says ${length} bytes in front and ${again} at its end`);
      const problem = this.block(view, type, at, length);
      if (problem !== null) return this.fail(at, problem);
      at += length;
    }
    step.need = 12;
    return at;
  }

  private fail(at: number, problem: string): number {
    this.step.problem = `${problem}: the file is damaged`;
    return at;
  }

  /** Reads the byte-order magic of a section header; false if it is wrong. */
  private orderOfSection(view: DataView, at: number): boolean {
    const magic = view.getUint32(at + 8, true);
    if (magic !== 0x1a2b3c4d && magic !== 0x4d3c2b1a) {
      this.fail(at, 'a section header without its byte-order magic');
      return false;
    }
    this.little = magic === 0x1a2b3c4d;
    return true;
  }

  /** Handles one whole block; returns what is wrong with it, or null. */
  private block(view: DataView, type: number, at: number, length: number): string | null {
    if (type === SECTION_HEADER) {
      this.interfaces = [];
      return null;
    }
    if (type === INTERFACE_DESCRIPTION) {
      if (length < 20) return 'an interface description too short to be one';
      if (this.interfaces.length === MAX_INTERFACES)
        return `more than ${MAX_INTERFACES} interfaces in a section`;
      this.interfaces.push(readInterface(view, at, length, this.little));
      return null;
    }
    return this.packetBlock(view, type, at, length);
  }

  private packetBlock(view: DataView, type: number, at: number, length: number): string | null {
    const { little, packet } = this;
    const simple = type === SIMPLE_PACKET;
    const header = simple ? 12 : 28;
    if (length < header + 4) return 'a packet block too short to be one';
    const id = simple
      ? 0
      : type === ENHANCED_PACKET
        ? view.getUint32(at + 8, little)
        : view.getUint16(at + 8, little);
    const from = this.interfaces[id];
    if (from === undefined) return `a packet names interface ${id}, which was not described`;
    const wireLength = view.getUint32(at + (simple ? 8 : 24), little);
    const room = length - header - 4;
    let captured = simple ? Math.min(wireLength, room) : view.getUint32(at + 20, little);
    if (simple && from.snapLength > 0) captured = Math.min(captured, from.snapLength);
    if (captured > room) return `a packet claims ${captured} bytes in a block that has room for ${room}`;
    packet.linkType = from.linkType;
    packet.start = at + header;
    packet.end = at + header + captured;
    packet.wireLength = wireLength;
    if (simple) {
      // Simple packet blocks carry no time.
      packet.seconds = 0;
      packet.nanoseconds = 0;
    } else {
      this.setTime(view.getUint32(at + 12, little), view.getUint32(at + 16, little), from);
    }
    this.deliver();
    return null;
  }

  /** Time stamps have 64 bits, more than a number holds exactly: divided 16 bits at a time. */
  private setTime(high: number, low: number, { unit, offset }: Interface): void {
    if (unit > 2 ** 36) {
      const ticks = (BigInt(high) << 32n) | BigInt(low);
      const whole = ticks / BigInt(unit);
      this.packet.seconds = Number(whole) + offset;
      this.packet.nanoseconds = Number(((ticks - whole * BigInt(unit)) * 1_000_000_000n) / BigInt(unit));
      return;
    }
    if (high !== this.lastHigh || unit !== this.lastUnit) {
      this.lastHigh = high;
      this.lastUnit = unit;
      const upper = high >>> 16;
      const rest = (upper % unit) * 65536 + (high & 0xffff);
      this.highSeconds = Math.floor(upper / unit) * 65536 + Math.floor(rest / unit);
      this.highRest = rest % unit;
    }
    const first = this.highRest * 65536 + (low >>> 16);
    const quotient = Math.floor(first / unit);
    const second = (first - quotient * unit) * 65536 + (low & 0xffff);
    const lowest = Math.floor(second / unit);
    this.packet.seconds = (this.highSeconds * 65536 + quotient) * 65536 + lowest + offset;
    const ticks = second - lowest * unit;
    this.packet.nanoseconds = unit === 1e6 ? ticks * 1000 : Math.floor((ticks / unit) * 1e9 + 1e-3);
  }
}

function isPacket(type: number): boolean {
  return type === ENHANCED_PACKET || type === SIMPLE_PACKET || type === OBSOLETE_PACKET;
}

function readInterface(view: DataView, at: number, length: number, little: boolean): Interface {
  let unit = 1e6;
  let offset = 0;
  const end = at + length - 4;
  let option = at + 16;
  while (option + 4 <= end) {
    const code = view.getUint16(option, little);
    const size = view.getUint16(option + 2, little);
    if (code === 0 || option + 4 + size > end) break;
    if (code === 9 && size >= 1) unit = resolution(view.getUint8(option + 4));
    if (code === 14 && size >= 8) offset = Number(view.getBigInt64(option + 4, little));
    option += 4 + ((size + 3) & ~3);
  }
  const linkType = view.getUint16(at + 8, little);
  return { linkType, snapLength: view.getUint32(at + 12, little), unit, offset };
}

/** if_tsresol: a power of ten, or of two with the top bit set. */
function resolution(value: number): number {
  return value & 0x80 ? 2 ** (value & 0x7f) : 10 ** value;
}
