/** Link-layer headers other than Ethernet's, and the lengths of headers in between. Pure functions of the bytes. */
import type { Next } from './next.ts';
import { afterWireless, Carried } from './tunnels.ts';

const links: readonly number[] = [
  0, 1, 9, 10, 12, 14, 50, 51, 101, 104, 105, 108, 113, 127, 192, 228, 229, 239, 242, 258, 276,
];

/** Whether packets of a link type can be read. */
export const isKnownLink = (linkType: number): boolean => links.includes(linkType);

/** Looks behind the link-layer header of a packet; null if the link type is unknown or the header cut off. */
export function afterLink(view: DataView, linkType: number, at: number, end: number): Next | null {
  const size = end - at;
  switch (linkType) {
    // NULL and LOOP: an address family, whose numbers differ between systems: the IP version says the same.
    case 0:
    case 108:
      return size < 5 ? null : { type: 0, at: at + 4, end };
    // Raw IP: 12 and 14 are what some systems write for 101; 228 and 229 are IPv4 and IPv6 alone.
    case 12:
    case 14:
    case 101:
    case 228:
    case 229:
      return { type: 0, at, end };
    case 113:
      return size < 17 ? null : { type: view.getUint16(at + 14), at: at + 16, end };
    case 276:
      return size < 21 ? null : { type: view.getUint16(at), at: at + 20, end };
    // Cisco's HDLC: an address, a zero, and an Ethernet type. It may also be under the number of PPP in HDLC.
    case 104:
      return size < 5 ? null : { type: view.getUint16(at + 2), at: at + 4, end };
    case 50:
      if (size > 4 && (view.getUint8(at) & 0x7f) === 0x0f) return afterLink(view, 104, at, end);
      return { type: 0x880b, at, end };
    case 105:
      return afterWireless(view, at, end);
    // Radiotap and PPI: what the receiver noted in front of an 802.11 frame, with its length in little-endian order.
    case 127:
    case 192:
      if (size < 8 || (linkType === 192 && view.getUint32(at + 4, true) !== 105)) return null;
      return afterWireless(view, at + view.getUint16(at + 2, true), end);
    // IP over InfiniBand: two hardware addresses of 20 bytes.
    case 242:
      return size < 45 ? null : { type: view.getUint16(at + 40), at: at + 44, end };
    case 258:
      return afterPktap(view, at, end);
    case 9:
      return { type: 0x880b, at, end };
    // PPPoE without its Ethernet header.
    case 51:
      return { type: 0x8864, at, end };
    case 239:
      return nflogPayload(view, at, end);
    case 10:
      return afterFddi(view, at, end);
    default:
      return null;
  }
}

/** Apple's PKTAP: the length of its header, a type, and the link type of what follows (Ethernet too, unlike elsewhere here). */
function afterPktap(view: DataView, at: number, end: number): Next | null {
  if (end - at < 12) return null;
  const inner = at + view.getUint32(at, true);
  const linkType = view.getUint32(at + 8, true);
  if (inner <= at || inner > end || linkType === 258) return null;
  return linkType === 1 ? { type: 0x6558, at: inner, end } : afterLink(view, linkType, inner, end);
}

/** FDDI: frame control, two addresses, then LLC with SNAP. */
function afterFddi(view: DataView, at: number, end: number): Next | null {
  if (end - at < 21 || view.getUint16(at + 13) !== 0xaaaa) return null;
  return { type: view.getUint16(at + 19), at: at + 21, end };
}

/** NFLOG: a list of attributes, of which one (9) is the packet. Lengths are in the byte order of the host that captured. */
function nflogPayload(view: DataView, at: number, end: number): Next | null {
  for (const little of [true, false]) {
    let position = at + 4;
    while (position + 4 <= end) {
      const length = view.getUint16(position, little);
      if (length < 4 || position + length > end) break;
      if (view.getUint16(position + 2, little) === 9) {
        return length === 4 ? null : { type: 0, at: position + 4, end: position + length };
      }
      position += (length + 3) & ~3;
    }
  }
  return null;
}

/** What a PPP frame carries. */
export function afterPpp(view: DataView, at: number, end: number): Next | null {
  if (end - at < 4) return null;
  if (view.getUint16(at) === 0xff03) at += 2;
  // An odd first byte is a compressed protocol number (RFC 1661 section 6.5).
  const short = view.getUint8(at) & 1;
  const protocol = short ? view.getUint8(at) : view.getUint16(at);
  const type = pppTypes[protocol];
  return type === undefined ? null : { type, at: at + (short ? 1 : 2), end };
}

/** RFC 1144's two ways of writing TCP among them. */
const pppTypes: Readonly<Record<number, number>> = {
  33: 0x0800,
  87: 0x86dd,
  641: 0x8847,
  47: Carried.wholeVj,
  45: Carried.compressedVj,
};

/** Where the bytes under a stack of MPLS labels begin, or -1 if they are cut off. */
export function mplsBottom(view: DataView, at: number, end: number): number {
  while (end - at > 4) {
    const last = (view.getUint8(at + 2) & 1) === 1;
    at += 4;
    if (last) return at;
  }
  return -1;
}

/** Length of a GRE header with its optional fields (RFC 2784, 2890; version 1: RFC 2637), or -1 if cut off or unknown. */
export function greHeaderLength(view: DataView, at: number, end: number): number {
  if (end - at < 4) return -1;
  const flags = view.getUint16(at);
  const version = flags & 7;
  let length = 4;
  if (version === 1) {
    // Key always, then sequence and acknowledgment numbers.
    length = 8 + (flags & 0x1000 ? 4 : 0) + (flags & 0x80 ? 4 : 0);
  } else if (version === 0) {
    if (flags & 0x4000) return -1; // source routing: obsolete
    if (flags & 0x8000) length += 4;
    if (flags & 0x2000) length += 4;
    if (flags & 0x1000) length += 4;
  } else return -1;
  return end - at < length ? -1 : length;
}

/**
 * Length of an IP packet that says it is longer than the frame was: what is beyond was never there. It keeps its TCP header, so
 * that what a snap length cut off without a note is no damage.
 * @param missing bytes that the frame had beyond those captured
 */
export function within(
  view: DataView,
  at: number,
  header: number,
  end: number,
  total: number,
  missing: number,
): number {
  const tcpAt = at + header;
  const least = header + (tcpAt + 12 < end ? (view.getUint8(tcpAt + 12) >>> 4) << 2 : 60);
  return Math.min(total, Math.max(end - at + Math.max(0, missing), least));
}

/** Both addresses of an IP header mixed, the same for either direction. @param size bytes of an address */
export function bothAddresses(view: DataView, at: number, size: number): number {
  let source = 0;
  let destination = 0;
  for (let word = 0; word < size; word += 4) {
    source = Math.imul(source, 31) + view.getInt32(at + word);
    destination = Math.imul(destination, 31) + view.getInt32(at + size + word);
  }
  return (Math.imul(source, 0x9e3779b1) + Math.imul(destination, 0x9e3779b1)) | 0;
}
