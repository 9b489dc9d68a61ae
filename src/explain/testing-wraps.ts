/** Link layers and tunnels around an IP packet, for captures in tests: each function returns the longer packet. */
import { parseAddress } from '../wire/address.ts';
import { encodeIp, ipPacket } from '../wire/ip.ts';
import { concatenate } from './testing.ts';

const isIpv6 = (ip: Uint8Array): boolean => ip[0]! >>> 4 === 6;

/** The Ethernet type of an IP packet. */
export const etherType = (ip: Uint8Array): number => (isIpv6(ip) ? 0x86dd : 0x0800);

const u16 = (n: number): number[] => [(n >>> 8) & 255, n & 255];
const u32 = (n: number): number[] => [...u16(n >>> 16), ...u16(n)];

/** Puts bytes in front of a packet. */
export const before = (header: readonly number[], packet: Uint8Array): Uint8Array =>
  concatenate(Uint8Array.from(header), packet);

const addresses = [2, 0, 0, 0, 0, 2, 2, 0, 0, 0, 0, 1];

/** Ethernet; without a type, that of the IP packet within. */
export const ethernet = (packet: Uint8Array, type: number = etherType(packet)): Uint8Array =>
  before([...addresses, ...u16(type)], packet);

/** An 802.1Q tag in a frame that has none yet, or outside those it has. */
export const vlan = (id: number, frame: Uint8Array, type = 0x8100): Uint8Array =>
  concatenate(frame.subarray(0, 12), Uint8Array.from([...u16(type), ...u16(id)]), frame.subarray(12));

/** MPLS labels, the outermost first. */
export const mpls = (labels: readonly number[], packet: Uint8Array): Uint8Array =>
  before(
    labels.flatMap((label, n) => u32(((label << 12) | (n === labels.length - 1 ? 0x100 : 0) | 64) >>> 0)),
    packet,
  );

/** PPP's protocol number. */
export const ppp = (ip: Uint8Array): Uint8Array => before(u16(isIpv6(ip) ? 0x57 : 0x21), ip);

export const pppoe = (session: number, ip: Uint8Array): Uint8Array =>
  before([0x11, 0, ...u16(session), ...u16(ip.length + 2)], ppp(ip));

const ends = {
  4: [parseAddress('198.51.100.10'), parseAddress('198.51.100.20')],
  6: [parseAddress('2001:db8:ffff::10'), parseAddress('2001:db8:ffff::20')],
} as const;

/** An outer IP packet between two tunnel ends. */
export function outer(family: 4 | 6, protocol: number, payload: Uint8Array): Uint8Array {
  const [source, destination] = ends[family];
  return encodeIp(ipPacket({ source, destination, protocol, payload }));
}

export const ipInIp = (family: 4 | 6, ip: Uint8Array): Uint8Array => outer(family, isIpv6(ip) ? 41 : 4, ip);

/** GRE with a type; with a key if one is given. */
export const gre = (type: number, packet: Uint8Array, key: number | null = null): Uint8Array =>
  outer(
    4,
    47,
    before([...(key === null ? [0, 0] : [0x20, 0]), ...u16(type), ...(key === null ? [] : u32(key))], packet),
  );

/** ERSPAN of type 1, 2 or 3 around an Ethernet frame. */
export function erspan(type: 1 | 2 | 3, session: number, frame: Uint8Array): Uint8Array {
  if (type === 1) return gre(0x88be, frame);
  const sequence = [0x10, 0, ...u16(type === 2 ? 0x88be : 0x22eb), ...u32(1)];
  const own = [
    ...u16(type === 2 ? 0x1000 : 0x2000),
    ...u16(session),
    ...u32(0),
    ...(type === 3 ? u32(0) : []),
  ];
  return outer(4, 47, before([...sequence, ...own], frame));
}

export function udp(port: number, payload: Uint8Array): Uint8Array {
  return outer(4, 17, before([...u16(50_000), ...u16(port), ...u16(payload.length + 8), 0, 0], payload));
}

/** VXLAN around an Ethernet frame; gives the outer IP packet. */
export const vxlan = (vni: number, frame: Uint8Array, port = 4789): Uint8Array =>
  udp(port, before([8, 0, 0, 0, ...u32((vni << 8) >>> 0)], frame));

/** Geneve around an Ethernet frame, with 8 bytes of options. */
export const geneve = (vni: number, frame: Uint8Array): Uint8Array =>
  udp(6081, before([2, 0, ...u16(0x6558), ...u32((vni << 8) >>> 0), 0, 0, 1, 1, 0, 0, 0, 0], frame));

/** Linux cooked, versions 1 and 2. */
export const sll = (ip: Uint8Array): Uint8Array =>
  before([0, 0, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0, ...u16(etherType(ip))], ip);
export const sll2 = (ip: Uint8Array): Uint8Array =>
  before([...u16(etherType(ip)), 0, 0, 0, 0, 0, 2, 0, 1, 0, 6, 2, 0, 0, 0, 0, 1, 0, 0], ip);

/** BSD's NULL (host order, here little-endian) and LOOP (network order): an address family. */
export const nullLink = (ip: Uint8Array): Uint8Array => before([isIpv6(ip) ? 30 : 2, 0, 0, 0], ip);
export const loop = (ip: Uint8Array): Uint8Array => before([0, 0, 0, isIpv6(ip) ? 24 : 2], ip);

/** NFLOG: attributes in host order; a prefix and a mark before the packet. */
export function nflog(ip: Uint8Array): Uint8Array {
  const attribute = (type: number, value: Uint8Array): Uint8Array => {
    const size = value.length + 4;
    const padding = new Uint8Array((4 - (size & 3)) & 3);
    return concatenate(Uint8Array.from([size & 255, size >>> 8, type, 0]), value, padding);
  };
  return concatenate(
    Uint8Array.from([isIpv6(ip) ? 10 : 2, 0, 0, 5]),
    attribute(10, Uint8Array.from([104, 105, 0])),
    attribute(5, Uint8Array.from([0, 0, 0, 1])),
    attribute(9, ip),
  );
}

export const fddi = (ip: Uint8Array): Uint8Array =>
  before([0x50, ...addresses, 0xaa, 0xaa, 3, 0, 0, 0, ...u16(etherType(ip))], ip);

/** LLC and SNAP. */
export const snap = (ip: Uint8Array): Uint8Array =>
  before([0xaa, 0xaa, 3, 0, 0, 0, ...u16(etherType(ip))], ip);

/** An IEEE 802.11 data frame with QoS from a station; padded to 28 bytes if told. */
export const wireless = (ip: Uint8Array, pad = false): Uint8Array =>
  before(
    [0x88, 1, 0, 0, ...addresses, ...addresses.slice(0, 6), 0, 0, 0, 0, ...(pad ? [0, 0] : [])],
    snap(ip),
  );

/** Several packets in one 802.11 frame, of which this is the first. */
export const aggregated = (ip: Uint8Array): Uint8Array =>
  before(
    [
      0x88,
      1,
      0,
      0,
      ...addresses,
      ...addresses.slice(0, 6),
      0,
      0,
      0x80,
      0,
      ...addresses,
      ...u16(ip.length + 8),
    ],
    snap(ip),
  );

/** Radiotap with 8 bytes and PPI without fields, around an 802.11 frame. */
export const radiotap = (frame: Uint8Array): Uint8Array => before([0, 0, 8, 0, 0, 0, 0, 0], frame);
export const ppi = (frame: Uint8Array): Uint8Array => before([0, 0, 8, 0, 105, 0, 0, 0], frame);

/** Cisco's HDLC. */
export const hdlc = (ip: Uint8Array): Uint8Array => before([0x0f, 0, ...u16(etherType(ip))], ip);

/** IP over InfiniBand: 40 bytes of addresses, a type, and two bytes of nothing. */
export const infiniband = (ip: Uint8Array): Uint8Array =>
  before([...new Array(40).fill(1), ...u16(etherType(ip)), 0, 0], ip);

/** Apple's PKTAP around a packet of a link type, its header cut down to the fields that matter. */
export const pktap = (linkType: number, packet: Uint8Array): Uint8Array =>
  before([16, 0, 0, 0, 1, 0, 0, 0, linkType, 0, 0, 0, 0, 0, 0, 0], packet);

/** A user's packet in GTP-U, with a sequence number and an extension header. */
export const gtp = (ip: Uint8Array): Uint8Array =>
  udp(2152, before([0x36, 255, ...u16(ip.length + 8), 0, 0, 0, 9, 0, 1, 0, 0x85, 1, 0x10, 9, 0], ip));

/** VXLAN that names what it carries: IP itself. */
export const vxlanGpe = (vni: number, ip: Uint8Array): Uint8Array =>
  udp(4790, before([12, 0, 0, isIpv6(ip) ? 2 : 1, ...u32((vni << 8) >>> 0)], ip));

/** L2TP data with a length. */
export const l2tp = (ip: Uint8Array): Uint8Array =>
  udp(1701, before([0x40, 2, ...u16(ip.length + 10), 0, 1, 0, 2], ppp(ip)));

/** CAPWAP data around an 802.11 frame whose first two bytes are swapped, as some controllers do. */
export function capwap(ip: Uint8Array): Uint8Array {
  const frame = wireless(ip);
  frame.set([1, 0x88]);
  return udp(5247, before([0, 0x10, 0x43, 0, 0, 0, 0, 0], frame));
}

/** An authentication header in front of what an outer IP packet carries. */
export const authenticated = (ip: Uint8Array): Uint8Array =>
  outer(
    4,
    51,
    before([isIpv6(ip) ? 41 : 4, 4, 0, 0, ...u32(1), ...u32(1), ...u32(0), ...u32(0), ...u32(0)], ip),
  );

/** Provider backbone bridging around an Ethernet frame. */
export const backbone = (service: number, frame: Uint8Array): Uint8Array =>
  ethernet(before(u32(service), frame), 0x88e7);
