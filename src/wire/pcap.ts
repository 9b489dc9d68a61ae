/**
 * Writes captures: pcapng (IETF draft-ietf-opsawg-pcapng) with nanosecond time stamps, and classic pcap. Pure functions
 * from values to bytes; a capture file is what they return, one after the other. The reader is pcap-reader.ts.
 */

/** Link types (the LINKTYPE_ registry of tcpdump.org) that the project writes. */
export const LINKTYPE_ETHERNET = 1;
/** Each packet begins with its IPv4 or IPv6 header. */
export const LINKTYPE_RAW = 101;

/** One interface of a pcapng section. Packets name it by its position, from 0. */
export interface CaptureInterface {
  /** if_name, such as `veth0`. */
  readonly name?: string;
  /** LINKTYPE_ number; raw IP (101) if not given. */
  readonly linkType?: number;
}

/** What belongs to one packet beside its bytes and its time. */
export interface PacketNotes {
  /** opt_comment: text that Wireshark shows with the packet. */
  readonly comment?: string;
  /** Which interface of the header it was seen on; 0 if not given. */
  readonly interfaceId?: number;
  /** Length on the wire in bytes, if the capture cut the packet; the bytes' own length if not given. */
  readonly originalLength?: number;
}

const SECTION_HEADER = 0x0a0d0d0a;
const INTERFACE_DESCRIPTION = 1;
const ENHANCED_PACKET = 6;
const OPT_COMMENT = 1;
const SHB_USERAPPL = 4;
const IF_NAME = 2;
const IF_TSRESOL = 9;

// In browsers and Node alike; declared here since the protocol's folders are checked without either's types.
declare const TextEncoder: new () => { encode(text: string): Uint8Array };
const utf8 = new TextEncoder();
const padded = (length: number): number => (length + 3) & ~3;

/** Collects one block: type and length around a body of 32-bit-aligned parts, little-endian. */
function block(
  type: number,
  fixed: readonly number[],
  data: Uint8Array | null,
  options: Option[],
): Uint8Array {
  let size = 12 + fixed.length * 4 + (data === null ? 0 : padded(data.length));
  for (const { value } of options) size += 4 + padded(value.length);
  if (options.length > 0) size += 4;
  const bytes = new Uint8Array(size);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, type, true);
  view.setUint32(4, size, true);
  let at = 8;
  for (const word of fixed) {
    view.setUint32(at, word, true);
    at += 4;
  }
  if (data !== null) {
    bytes.set(data, at);
    at += padded(data.length);
  }
  for (const { code, value } of options) {
    view.setUint16(at, code, true);
    view.setUint16(at + 2, value.length, true);
    bytes.set(value, at + 4);
    at += 4 + padded(value.length);
  }
  if (options.length > 0) at += 4;
  view.setUint32(at, size, true);
  return bytes;
}

interface Option {
  readonly code: number;
  readonly value: Uint8Array;
}

/** Option lengths are 16 bits: longer text is cut, at a character's boundary. */
function text(code: number, value: string): Option {
  let bytes = utf8.encode(value);
  if (bytes.length > 0xffff) {
    let end = 0xffff;
    while ((bytes[end]! & 0xc0) === 0x80) end--;
    bytes = bytes.subarray(0, end);
  }
  return { code, value: bytes };
}

/** One array of the bytes of several, in their order. */
export function concatenate(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const bytes = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/**
 * The beginning of a pcapng file: a section header and a description of each interface (time stamps in nanoseconds).
 * @param interfaces at least one; one raw IP interface if not given
 * @param comment text about the whole capture
 */
export function pcapngHeader(interfaces: readonly CaptureInterface[] = [{}], comment?: string): Uint8Array {
  const about = [text(SHB_USERAPPL, 'halfopen')];
  if (comment !== undefined) about.unshift(text(OPT_COMMENT, comment));
  // Byte-order magic, version 1.0, section length unknown (-1).
  const parts = [block(SECTION_HEADER, [0x1a2b3c4d, 1, 0xffffffff, 0xffffffff], null, about)];
  for (const { name, linkType = LINKTYPE_RAW } of interfaces) {
    const options: Option[] = [{ code: IF_TSRESOL, value: Uint8Array.of(9) }];
    if (name !== undefined) options.unshift(text(IF_NAME, name));
    parts.push(block(INTERFACE_DESCRIPTION, [linkType & 0xffff, 0], null, options));
  }
  return concatenate(parts);
}

/**
 * One packet of a pcapng file.
 * @param timeNs nanoseconds since 1970 (or since whatever the capture counts from); not negative
 * @param data the captured bytes, from the link layer on; copied
 */
export function pcapngPacket(timeNs: bigint, data: Uint8Array, notes: PacketNotes = {}): Uint8Array {
  const high = Number((timeNs >> 32n) & 0xffffffffn);
  const low = Number(timeNs & 0xffffffffn);
  const { comment, interfaceId = 0, originalLength = data.length } = notes;
  const options = comment === undefined ? [] : [text(OPT_COMMENT, comment)];
  return block(ENHANCED_PACKET, [interfaceId, high, low, data.length, originalLength], data, options);
}

/** The 24-byte beginning of a classic pcap file with nanosecond time stamps, little-endian. */
export function pcapHeader(linkType: number = LINKTYPE_RAW, snapLength = 262144): Uint8Array {
  const view = new DataView(new ArrayBuffer(24));
  view.setUint32(0, 0xa1b23c4d, true);
  view.setUint16(4, 2, true);
  view.setUint16(6, 4, true);
  view.setUint32(16, snapLength, true);
  view.setUint32(20, linkType, true);
  return new Uint8Array(view.buffer);
}

/** One packet of a classic pcap file begun with {@link pcapHeader}. `timeNs` counts from 1970. */
export function pcapPacket(
  timeNs: bigint,
  data: Uint8Array,
  originalLength: number = data.length,
): Uint8Array {
  const bytes = new Uint8Array(16 + data.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, Number((timeNs / 1_000_000_000n) & 0xffffffffn), true);
  view.setUint32(4, Number(timeNs % 1_000_000_000n), true);
  view.setUint32(8, data.length, true);
  view.setUint32(12, originalLength, true);
  bytes.set(data, 16);
  return bytes;
}
