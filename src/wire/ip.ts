/** IPv4 and IPv6 packets as values (RFC 791, RFC 8200). */
import { type Address, ipv4, ipv6 } from './address.ts';
import { fold, sumBytes } from './checksum.ts';
import { DecodeError } from './errors.ts';

/** An IP packet: the header's fields and what it carries. */
export interface IpPacket {
  readonly source: Address;
  readonly destination: Address;
  /** IP protocol number of the payload (after IPv6 extension headers). */
  readonly protocol: number;
  /** Time to live, or IPv6's hop limit. */
  readonly ttl: number;
  /** The traffic class: DSCP in the high six bits, ECN in the low two. */
  readonly trafficClass: number;
  /** IPv4's identification; 0 in IPv6. */
  readonly id: number;
  /** IPv4's don't-fragment bit; true in IPv6. */
  readonly dontFragment: boolean;
  /** IPv6's flow label; 0 in IPv4. */
  readonly flowLabel: number;
  /** Offset of this fragment in bytes, and whether more follow. A whole packet has 0 and false. */
  readonly fragmentOffset: number;
  readonly moreFragments: boolean;
  /** IPv4 options or IPv6 extension headers, as they stand. */
  readonly extra: Uint8Array;
  readonly payload: Uint8Array;
}

/** Fills in what an ordinary packet has: TTL 64, no fragment, nothing extra. */
export const ipPacket = (
  fields: Pick<IpPacket, 'source' | 'destination' | 'protocol' | 'payload'> & Partial<IpPacket>,
): IpPacket => ({
  ttl: 64,
  trafficClass: 0,
  id: 0,
  dontFragment: true,
  flowLabel: 0,
  fragmentOffset: 0,
  moreFragments: false,
  extra: new Uint8Array(0),
  ...fields,
});

const extensionHeaders = new Set([0, 43, 44, 60]);

function decodeIpv4(bytes: Uint8Array, view: DataView): IpPacket {
  const headerLength = (bytes[0]! & 15) * 4;
  const total = view.getUint16(2);
  if (headerLength < 20)
    throw new DecodeError('ip-header-length', 0, `an IPv4 header length of ${headerLength} bytes`);
  if (total < headerLength || total > bytes.length)
    throw new DecodeError(
      'ip-truncated',
      2,
      `the IPv4 total length says ${total} bytes, there are ${bytes.length}`,
    );
  const fragment = view.getUint16(6);
  return {
    source: ipv4(view.getInt32(12)),
    destination: ipv4(view.getInt32(16)),
    protocol: bytes[9]!,
    ttl: bytes[8]!,
    trafficClass: bytes[1]!,
    id: view.getUint16(4),
    dontFragment: (fragment & 0x4000) !== 0,
    flowLabel: 0,
    fragmentOffset: (fragment & 0x1fff) * 8,
    moreFragments: (fragment & 0x2000) !== 0,
    extra: bytes.slice(20, headerLength),
    payload: bytes.slice(headerLength, total),
  };
}

function decodeIpv6(bytes: Uint8Array, view: DataView): IpPacket {
  if (bytes.length < 40) throw new DecodeError('ip-truncated', bytes.length, 'an IPv6 header needs 40 bytes');
  const end = 40 + view.getUint16(4);
  if (end > bytes.length)
    throw new DecodeError(
      'ip-truncated',
      4,
      `the IPv6 payload length says ${end - 40} bytes, there are ${bytes.length - 40}`,
    );
  let protocol = bytes[6]!;
  let at = 40;
  let fragmentOffset = 0;
  let moreFragments = false;
  while (extensionHeaders.has(protocol) && fragmentOffset === 0) {
    if (at + 8 > end)
      throw new DecodeError('ip-extension', at, 'an IPv6 extension header runs past the packet');
    const length = protocol === 44 ? 8 : 8 * (bytes[at + 1]! + 1);
    if (at + length > end)
      throw new DecodeError('ip-extension', at, 'an IPv6 extension header runs past the packet');
    if (protocol === 44) {
      fragmentOffset = view.getUint16(at + 2) & 0xfff8;
      moreFragments = (bytes[at + 3]! & 1) !== 0;
    }
    protocol = bytes[at]!;
    at += length;
  }
  const first = view.getUint32(0);
  const word = (i: number): number => view.getInt32(i);
  return {
    source: ipv6(word(8), word(12), word(16), word(20)),
    destination: ipv6(word(24), word(28), word(32), word(36)),
    protocol,
    ttl: bytes[7]!,
    trafficClass: (first >>> 20) & 255,
    id: 0,
    dontFragment: true,
    flowLabel: first & 0xfffff,
    fragmentOffset,
    moreFragments,
    extra: bytes.slice(40, at),
    payload: bytes.slice(at, end),
  };
}

/**
 * Reads an IP packet. Bytes after the length that the header states are ignored (link padding).
 * @throws DecodeError `ip-truncated`, `ip-version`, `ip-header-length`, `ip-extension`
 */
export function decodeIp(bytes: Uint8Array): IpPacket {
  if (bytes.length < 20)
    throw new DecodeError(
      'ip-truncated',
      bytes.length,
      `an IP header needs 20 bytes, there are ${bytes.length}`,
    );
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const version = bytes[0]! >>> 4;
  if (version === 4) return decodeIpv4(bytes, view);
  if (version === 6) return decodeIpv6(bytes, view);
  throw new DecodeError('ip-version', 0, `IP version ${version}`);
}

function setAddress(view: DataView, at: number, address: Address): void {
  view.setInt32(at, address.w0);
  view.setInt32(at + 4, address.w1);
  view.setInt32(at + 8, address.w2);
  view.setInt32(at + 12, address.w3);
}

/** The bytes of an IP packet. IPv6 extension headers in `extra` must end with the right next-header chain. */
export function encodeIp(packet: IpPacket): Uint8Array {
  const { source, destination, extra, payload } = packet;
  if (source.family === 4) {
    const headerLength = 20 + extra.length;
    const bytes = new Uint8Array(headerLength + payload.length);
    const view = new DataView(bytes.buffer);
    bytes[0] = 0x40 | (headerLength >>> 2);
    bytes[1] = packet.trafficClass;
    view.setUint16(2, bytes.length);
    view.setUint16(4, packet.id);
    const flags = (packet.dontFragment ? 0x4000 : 0) | (packet.moreFragments ? 0x2000 : 0);
    view.setUint16(6, flags | (packet.fragmentOffset >>> 3));
    bytes[8] = packet.ttl;
    bytes[9] = packet.protocol;
    view.setInt32(12, source.w3);
    view.setInt32(16, destination.w3);
    bytes.set(extra, 20);
    view.setUint16(10, fold(sumBytes(bytes, 0, headerLength)));
    bytes.set(payload, headerLength);
    return bytes;
  }
  const bytes = new Uint8Array(40 + extra.length + payload.length);
  const view = new DataView(bytes.buffer);
  view.setUint32(0, 0x60000000 + packet.trafficClass * 0x100000 + packet.flowLabel);
  view.setUint16(4, extra.length + payload.length);
  bytes[6] = packet.protocol;
  bytes[7] = packet.ttl;
  setAddress(view, 8, source);
  setAddress(view, 24, destination);
  bytes.set(extra, 40);
  bytes.set(payload, 40 + extra.length);
  return bytes;
}
