/** ICMP and ICMPv6 errors that matter to TCP (RFC 792, RFC 4443, RFC 1191, RFC 8201). */
import type { Address } from './address.ts';
import { fold, sumBytes } from './checksum.ts';
import { DecodeError } from './errors.ts';
import { pseudoHeaderSum } from './tcp.ts';

/** IP protocol numbers. */
export const protocolIcmp = 1;
export const protocolIcmpv6 = 58;

/** An ICMP message. For an error, `body` is the start of the packet that caused it. */
export interface IcmpMessage {
  readonly type: number;
  readonly code: number;
  /** Bytes 4 to 7: the next-hop MTU of "fragmentation needed" (low 16 bits) and "packet too big" (all 32). */
  readonly parameter: number;
  readonly body: Uint8Array;
}

/**
 * Reads an ICMP or ICMPv6 message.
 * @throws DecodeError `icmp-truncated`
 */
export function decodeIcmp(bytes: Uint8Array): IcmpMessage {
  if (bytes.length < 8)
    throw new DecodeError('icmp-truncated', bytes.length, 'an ICMP message needs 8 bytes');
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return { type: bytes[0]!, code: bytes[1]!, parameter: view.getUint32(4), body: bytes.slice(8) };
}

/** Whether a message is as it was sent: the checksum covers all of it, and ICMPv6's the addresses, too (RFC 792, RFC 4443 section 2.3). */
export function icmpChecksumOk(bytes: Uint8Array, source: Address, destination: Address): boolean {
  const pseudo = source.family === 6 ? pseudoHeaderSum(source, destination, protocolIcmpv6, bytes.length) : 0;
  return fold(sumBytes(bytes, 0, bytes.length, pseudo)) === 0;
}

/** The bytes of an ICMP (IPv4 addresses) or ICMPv6 (IPv6 addresses) message. */
export function encodeIcmp(message: IcmpMessage, source: Address, destination: Address): Uint8Array {
  const bytes = new Uint8Array(8 + message.body.length);
  const view = new DataView(bytes.buffer);
  bytes[0] = message.type;
  bytes[1] = message.code;
  view.setUint32(4, message.parameter);
  bytes.set(message.body, 8);
  const pseudo = source.family === 6 ? pseudoHeaderSum(source, destination, protocolIcmpv6, bytes.length) : 0;
  view.setUint16(2, fold(sumBytes(bytes, 0, bytes.length, pseudo)));
  return bytes;
}
