/**
 * The hot-path view of an incoming TCP segment: one object, filled again for every packet, no allocation.
 * Where nothing may be lost (display, tests) use the values of ip.ts and tcp.ts instead.
 */
import { type Address, ipv4, ipv6 } from './address.ts';
import { fold, sumView, sumWord } from './checksum.ts';
import { fastOpenMagic, OptionKind } from './options.ts';
import { protocolTcp } from './tcp.ts';

/** What `decodeSegment` found: `ok`, or why the packet is no TCP segment that a host would look at. */
type DecodeResult =
  | 'ok'
  | 'not-ip'
  | 'not-tcp'
  | 'truncated'
  | 'bad-header'
  | 'fragment'
  | 'bad-ip-checksum'
  | 'bad-checksum';

/** At most this many SACK blocks fit into 40 bytes of options. */
const maxSackBlocks = 4;

/** One incoming segment. All fields are numbers; the bytes stay where they were received. */
export class Segment {
  /** The buffer that holds the packet. Valid only until the packet has been handled. */
  bytes: Uint8Array = new Uint8Array(0);
  family: 4 | 6 = 4;
  src0 = 0;
  src1 = 0;
  src2 = 0;
  src3 = 0;
  dst0 = 0;
  dst1 = 0;
  dst2 = 0;
  dst3 = 0;
  /** Time to live or hop limit, and the traffic class (ECN in the low two bits). */
  ttl = 0;
  trafficClass = 0;
  sourcePort = 0;
  destinationPort = 0;
  seq = 0;
  ack = 0;
  flags = 0;
  window = 0;
  urgent = 0;
  /** Where the IP packet starts in `bytes`. */
  packetOffset = 0;
  /** Bytes of the TCP header, options included. */
  headerLength = 20;
  payloadOffset = 0;
  payloadLength = 0;
  /** seq plus what the segment consumes: data, SYN and FIN. */
  end = 0;

  /** Options: 0 or -1 means absent. */
  mss = 0;
  windowScale = -1;
  sackPermitted = false;
  hasTimestamps = false;
  tsVal = 0;
  tsEcr = 0;
  sackCount = 0;
  /** left, right, left, right, ... */
  readonly sackEdges: Int32Array = new Int32Array(2 * maxSackBlocks);
  /** Where a Fast Open cookie starts in `bytes`; its length is -1 without the option. */
  cookieOffset = 0;
  cookieLength = -1;
  cookieExperimental = false;
  hasMd5 = false;

  /** The sender's address as a value. */
  source(): Address {
    return this.family === 4 ? ipv4(this.src3) : ipv6(this.src0, this.src1, this.src2, this.src3);
  }

  /** The receiver's address as a value. */
  destination(): Address {
    return this.family === 4 ? ipv4(this.dst3) : ipv6(this.dst0, this.dst1, this.dst2, this.dst3);
  }
}

/** Options as Linux reads them: parsing stops at the first impossible length, what came before counts. */
function decodeOptions(seg: Segment, view: DataView, from: number, to: number): void {
  seg.mss = 0;
  seg.windowScale = -1;
  seg.sackPermitted = false;
  seg.hasTimestamps = false;
  seg.sackCount = 0;
  seg.cookieLength = -1;
  seg.hasMd5 = false;
  let i = from;
  // The most common layout by far, an ACK's: NOP NOP TS.
  if (to - from === 12 && view.getInt32(i) === 0x0101080a) {
    seg.hasTimestamps = true;
    seg.tsVal = view.getInt32(i + 4);
    seg.tsEcr = view.getInt32(i + 8);
    return;
  }
  while (i < to) {
    const kind = view.getUint8(i);
    if (kind === OptionKind.end) return;
    if (kind === OptionKind.nop) {
      i++;
      continue;
    }
    const length = i + 1 < to ? view.getUint8(i + 1) : 0;
    if (length < 2 || i + length > to) return;
    decodeOption(seg, view, kind, i + 2, length - 2);
    i += length;
  }
}

function decodeOption(seg: Segment, view: DataView, kind: number, at: number, n: number): void {
  switch (kind) {
    case OptionKind.mss:
      if (n === 2) seg.mss = view.getUint16(at);
      return;
    case OptionKind.windowScale:
      if (n === 1) seg.windowScale = view.getUint8(at);
      return;
    case OptionKind.sackPermitted:
      if (n === 0) seg.sackPermitted = true;
      return;
    case OptionKind.timestamps:
      if (n !== 8) return;
      seg.hasTimestamps = true;
      seg.tsVal = view.getInt32(at);
      seg.tsEcr = view.getInt32(at + 4);
      return;
    case OptionKind.sack:
      if (n < 8 || n % 8 !== 0) return;
      seg.sackCount = n / 8;
      for (let k = 0; k < n / 4; k++) seg.sackEdges[k] = view.getInt32(at + 4 * k);
      return;
    case OptionKind.md5:
      seg.hasMd5 = n === 16;
      return;
    case OptionKind.fastOpen:
      setCookie(seg, at, n, false);
      return;
    case OptionKind.experiment:
      if (n >= 2 && view.getUint16(at) === fastOpenMagic) setCookie(seg, at + 2, n - 2, true);
      return;
  }
}

/**
 * The last cookie counts; an odd length is no cookie at all, another length the RFC forbids is as good as none
 * (RFC 7413 section 4.1.1: 0, or 4 to 16 and even).
 */
function setCookie(seg: Segment, at: number, length: number, experimental: boolean): void {
  if (length % 2 !== 0) return;
  if (length !== 0 && (length < 4 || length > 16)) {
    seg.cookieLength = -1;
    return;
  }
  seg.cookieOffset = at;
  seg.cookieLength = length;
  seg.cookieExperimental = experimental;
}

/**
 * Fills `seg` from an IP packet.
 * @param view a view over `bytes` (cached by the caller: making one costs more than reading a header)
 * @param offset where the IP header starts; `length` is the packet's length in bytes
 * @param checkSums whether to verify the IPv4 header's and the TCP checksum
 */
export function decodeSegment(
  seg: Segment,
  bytes: Uint8Array,
  view: DataView,
  offset: number,
  length: number,
  checkSums: boolean,
): DecodeResult {
  if (length < 20) return 'truncated';
  const version = bytes[offset]! >>> 4;
  let tcp: number;
  let end: number;
  let pseudo = protocolTcp;
  if (version === 4) {
    const headerLength = (bytes[offset]! & 15) << 2;
    const total = view.getUint16(offset + 2);
    if (headerLength < 20 || total < headerLength) return 'bad-header';
    if (total > length) return 'truncated';
    if (bytes[offset + 9] !== protocolTcp) return 'not-tcp';
    if ((view.getUint16(offset + 6) & 0x3fff) !== 0) return 'fragment';
    if (checkSums && fold(sumView(view, offset, headerLength)) !== 0) return 'bad-ip-checksum';
    seg.family = 4;
    seg.src0 = seg.src1 = seg.dst0 = seg.dst1 = 0;
    seg.src2 = seg.dst2 = 0xffff;
    seg.src3 = view.getInt32(offset + 12);
    seg.dst3 = view.getInt32(offset + 16);
    seg.ttl = bytes[offset + 8]!;
    seg.trafficClass = bytes[offset + 1]!;
    tcp = offset + headerLength;
    end = offset + total;
  } else if (version === 6) {
    if (length < 40) return 'truncated';
    const total = 40 + view.getUint16(offset + 4);
    if (total > length) return 'truncated';
    const next = bytes[offset + 6]!;
    end = offset + total;
    tcp = next === protocolTcp ? offset + 40 : skipExtensions(bytes, offset + 40, end, next);
    if (tcp < 0) return tcp === -2 ? 'fragment' : 'not-tcp';
    seg.family = 6;
    seg.src0 = view.getInt32(offset + 8);
    seg.src1 = view.getInt32(offset + 12);
    seg.src2 = view.getInt32(offset + 16);
    seg.src3 = view.getInt32(offset + 20);
    seg.dst0 = view.getInt32(offset + 24);
    seg.dst1 = view.getInt32(offset + 28);
    seg.dst2 = view.getInt32(offset + 32);
    seg.dst3 = view.getInt32(offset + 36);
    seg.ttl = bytes[offset + 7]!;
    seg.trafficClass = (view.getUint16(offset) >>> 4) & 255;
    for (let i = offset + 8; i < offset + 40; i += 4) pseudo = sumWord(view.getInt32(i), pseudo);
  } else return 'not-ip';
  if (end - tcp < 20) return 'truncated';
  if (version === 4) pseudo = sumWord(seg.src3, sumWord(seg.dst3, pseudo));
  if (checkSums && fold(sumView(view, tcp, end - tcp, pseudo + (end - tcp))) !== 0) return 'bad-checksum';
  return decodeTcpHeader(seg, bytes, view, tcp, end);
}

function decodeTcpHeader(
  seg: Segment,
  bytes: Uint8Array,
  view: DataView,
  tcp: number,
  end: number,
): DecodeResult {
  const word = view.getUint16(tcp + 12);
  const data = tcp + ((word >>> 12) << 2);
  if (data < tcp + 20 || data > end) return 'bad-header';
  seg.bytes = bytes;
  seg.sourcePort = view.getUint16(tcp);
  seg.destinationPort = view.getUint16(tcp + 2);
  seg.seq = view.getInt32(tcp + 4);
  seg.ack = view.getInt32(tcp + 8);
  seg.flags = word & 0xfff;
  seg.window = view.getUint16(tcp + 14);
  seg.urgent = view.getUint16(tcp + 18);
  seg.headerLength = data - tcp;
  seg.payloadOffset = data;
  seg.payloadLength = end - data;
  // SYN is bit 1 and FIN bit 0: each consumes one sequence number.
  seg.end = (seg.seq + (end - data) + ((word >>> 1) & 1) + (word & 1)) | 0;
  decodeOptions(seg, view, tcp + 20, data);
  return 'ok';
}

/** Where TCP starts after IPv6 extension headers, -1 if another protocol follows, -2 at a fragment. */
function skipExtensions(bytes: Uint8Array, at: number, end: number, next: number): number {
  while (next !== protocolTcp) {
    if (next !== 0 && next !== 43 && next !== 44 && next !== 60) return -1;
    if (at + 8 > end) return -1;
    const isFragment = next === 44;
    if (isFragment && (bytes[at + 2] !== 0 || (bytes[at + 3]! & 0xf9) !== 0)) return -2;
    next = bytes[at]!;
    at += isFragment ? 8 : 8 * (bytes[at + 1]! + 1);
    if (at > end) return -1;
  }
  return at;
}
