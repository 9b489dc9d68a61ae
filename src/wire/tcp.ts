/** The TCP header as a value that loses nothing (RFC 9293 section 3.1). */
import type { Address } from './address.ts';
import { fold, sumBytes, sumWord } from './checksum.ts';
import { DecodeError } from './errors.ts';
import { decodeOptions, encodeOptions, type TcpOption } from './options.ts';

/** Flag bits as they stand in the low 12 bits of the header's 13th and 14th byte. */
export const Flag = {
  fin: 0x001,
  syn: 0x002,
  rst: 0x004,
  psh: 0x008,
  ack: 0x010,
  urg: 0x020,
  ece: 0x040,
  cwr: 0x080,
  /** Accurate ECN, once the nonce sum (RFC 9768). */
  ae: 0x100,
} as const;

/** IP protocol number of TCP. */
export const protocolTcp = 6;

/** A TCP segment. Sequence numbers are int32. */
export interface TcpSegment {
  readonly sourcePort: number;
  readonly destinationPort: number;
  readonly seq: number;
  readonly ack: number;
  /** Header length in bytes as the data offset says it; encode sets it from the options if omitted. */
  readonly headerLength?: number;
  /** All 12 bits after the data offset: three reserved ones, AE, and the eight classic flags. */
  readonly flags: number;
  /** The window field, not scaled. */
  readonly window: number;
  /** The checksum field; encode computes it if omitted. */
  readonly checksum?: number;
  readonly urgent: number;
  readonly options: readonly TcpOption[];
  readonly payload: Uint8Array;
}

/** The sum over the pseudo-header (RFC 9293 section 3.1, RFC 8200 section 8.1). */
export function pseudoHeaderSum(
  source: Address,
  destination: Address,
  protocol: number,
  length: number,
): number {
  let sum = protocol + (length & 0xffff) + (length >>> 16);
  sum = sumWord(source.w3, sum);
  sum = sumWord(destination.w3, sum);
  if (source.family === 6) {
    sum = sumWord(source.w0, sumWord(source.w1, sumWord(source.w2, sum)));
    sum = sumWord(destination.w0, sumWord(destination.w1, sumWord(destination.w2, sum)));
  }
  return sum;
}

/**
 * Reads a TCP segment.
 * @param bytes the segment, from the header to the end of the data
 * @throws DecodeError `tcp-truncated`, `tcp-data-offset`
 */
export function decodeTcp(bytes: Uint8Array): TcpSegment {
  if (bytes.length < 20)
    throw new DecodeError(
      'tcp-truncated',
      bytes.length,
      `a TCP header needs 20 bytes, there are ${bytes.length}`,
    );
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const word = view.getUint16(12);
  const headerLength = (word >>> 12) * 4;
  if (headerLength < 20 || headerLength > bytes.length)
    throw new DecodeError(
      'tcp-data-offset',
      12,
      `a data offset of ${headerLength} bytes in a segment of ${bytes.length}`,
    );
  return {
    sourcePort: view.getUint16(0),
    destinationPort: view.getUint16(2),
    seq: view.getInt32(4),
    ack: view.getInt32(8),
    headerLength,
    flags: word & 0xfff,
    window: view.getUint16(14),
    checksum: view.getUint16(16),
    urgent: view.getUint16(18),
    options: decodeOptions(bytes.subarray(20, headerLength)),
    payload: bytes.slice(headerLength),
  };
}

/**
 * The bytes of a segment between two addresses. Options are padded with zeros to a multiple of four bytes.
 * @throws DecodeError `tcp-options` if the options need more than 40 bytes
 */
export function encodeTcp(segment: TcpSegment, source: Address, destination: Address): Uint8Array {
  const options = encodeOptions(segment.options);
  const padded = (options.length + 3) & ~3;
  if (padded > 40)
    throw new DecodeError('tcp-options', 20, `the options need ${options.length} bytes, 40 fit`);
  const bytes = new Uint8Array(20 + padded + segment.payload.length);
  const view = new DataView(bytes.buffer);
  const headerLength = segment.headerLength ?? 20 + padded;
  view.setUint16(0, segment.sourcePort);
  view.setUint16(2, segment.destinationPort);
  view.setInt32(4, segment.seq);
  view.setInt32(8, segment.ack);
  view.setUint16(12, ((headerLength >>> 2) << 12) | (segment.flags & 0xfff));
  view.setUint16(14, segment.window);
  view.setUint16(18, segment.urgent);
  bytes.set(options, 20);
  bytes.set(segment.payload, 20 + padded);
  const pseudo = pseudoHeaderSum(source, destination, protocolTcp, bytes.length);
  view.setUint16(16, segment.checksum ?? fold(sumBytes(bytes, 0, bytes.length, pseudo)));
  return bytes;
}

/** Whether the checksum over a segment and its pseudo-header comes out right. */
export const tcpChecksumOk = (bytes: Uint8Array, source: Address, destination: Address): boolean =>
  fold(sumBytes(bytes, 0, bytes.length, pseudoHeaderSum(source, destination, protocolTcp, bytes.length))) ===
  0;
