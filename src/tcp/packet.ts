/**
 * The bytes of a segment: the one place where this stack writes headers and lays out options (in Linux' order,
 * net/ipv4/tcp_output.c, 6.18: tcp_options_write).
 */
import { type Address, anyIpv4 } from '../wire/address.ts';
import { fold, sumView } from '../wire/checksum.ts';
import { fastOpenMagic, OptionKind } from '../wire/options.ts';
import type { PacketQueue } from '../wire/packet-queue.ts';
import { protocolTcp, pseudoHeaderSum } from '../wire/tcp.ts';
import type { Cookie } from './handshake/fast-open.ts';
import type { Tuple } from './table.ts';

/** The options of one segment; absent ones are 0, -1, false, null or empty. */
export interface OptionSet {
  mss: number;
  sackPermitted: boolean;
  timestamps: boolean;
  tsVal: number;
  tsEcr: number;
  windowScale: number;
  /** left, right, left, right, ... */
  sack: readonly number[];
  cookie: Cookie | null;
}

const noEdges: readonly number[] = [];

/** The one set there is: a segment's options are settled and written before the next one's, so no segment costs a set. */
const theOptions: OptionSet = {
  mss: 0,
  sackPermitted: false,
  timestamps: false,
  tsVal: 0,
  tsEcr: 0,
  windowScale: -1,
  sack: noEdges,
  cookie: null,
};

/** A set without any option, to be filled and given to `writePacket`; it is good until the next call. */
export function noOptions(): OptionSet {
  const o = theOptions;
  o.mss = o.tsVal = o.tsEcr = 0;
  o.sackPermitted = o.timestamps = false;
  o.windowScale = -1;
  o.sack = noEdges;
  o.cookie = null;
  return o;
}

/** Bytes that a cookie option takes, padded to a multiple of four. */
const cookieOptionSize = ({ bytes, experimental }: Cookie): number =>
  (bytes.length + (experimental ? 4 : 2) + 3) & ~3;

/** Bytes that the options take in the header. */
function optionsSize(o: OptionSet): number {
  let size = 0;
  if (o.mss > 0) size += 4;
  if (o.timestamps) size += 12;
  else if (o.sackPermitted) size += 4;
  if (o.windowScale >= 0) size += 4;
  if (o.sack.length > 0) size += 4 + 4 * o.sack.length;
  if (o.cookie !== null) size += cookieOptionSize(o.cookie);
  return size;
}

function writeOptions(view: DataView, bytes: Uint8Array, at: number, o: OptionSet): void {
  if (o.mss > 0) {
    view.setInt32(at, (OptionKind.mss << 24) | (4 << 16) | o.mss);
    at += 4;
  }
  if (o.timestamps) {
    // SACK-permitted takes the place of the two NOPs.
    view.setInt32(at, o.sackPermitted ? 0x0402080a : 0x0101080a);
    view.setInt32(at + 4, o.tsVal);
    view.setInt32(at + 8, o.tsEcr);
    at += 12;
  } else if (o.sackPermitted) {
    view.setInt32(at, 0x01010402);
    at += 4;
  }
  if (o.windowScale >= 0) {
    view.setInt32(at, 0x01030300 | o.windowScale);
    at += 4;
  }
  if (o.sack.length > 0) {
    view.setInt32(at, 0x01010500 | (2 + 4 * o.sack.length));
    at += 4;
    for (const edge of o.sack) {
      view.setInt32(at, edge);
      at += 4;
    }
  }
  if (o.cookie !== null) {
    const cookie = o.cookie.bytes;
    const end = at + cookieOptionSize(o.cookie);
    if (o.cookie.experimental) {
      view.setUint16(at, (OptionKind.experiment << 8) | (4 + cookie.length));
      view.setUint16(at + 2, fastOpenMagic);
      at += 4;
    } else {
      view.setUint16(at, (OptionKind.fastOpen << 8) | (2 + cookie.length));
      at += 2;
    }
    bytes.set(cookie, at);
    bytes.fill(OptionKind.nop, at + cookie.length, end);
  }
}

/** A segment about to be written. */
export class Outgoing {
  local: Address = anyIpv4;
  localPort = 0;
  remote: Address = anyIpv4;
  remotePort = 0;
  seq = 0;
  ack = 0;
  flags = 0;
  /** The window field, already scaled down. */
  window = 0;
  urgent = 0;
  trafficClass = 0;
  /** Of IPv6; 20 bits. */
  flowLabel = 0;
  ttl = 64;
  ipId = 0;
  dontFragment = true;
  options: OptionSet = theOptions;

  /** Sets the four-tuple, as every writer has to; the rest is each writer's own. */
  between(t: Tuple): this {
    // A label for each flow by its hash, so that routers keep its packets on one way (RFC 6438; auto_flowlabels).
    this.flowLabel = t.hash & 0xfffff || 1;
    this.local = t.local;
    this.localPort = t.localPort;
    this.remote = t.remote;
    this.remotePort = t.remotePort;
    return this;
  }
}

/** Writes a packet with `length` bytes of `data` from `offset` into the queue of packets to send. */
export function writePacket(
  out: PacketQueue,
  s: Outgoing,
  data: Uint8Array | null,
  offset: number,
  length: number,
): void {
  const optionBytes = optionsSize(s.options);
  const v4 = s.remote.family === 4;
  const ipBytes = v4 ? 20 : 40;
  const tcpBytes = 20 + optionBytes + length;
  const ip = out.push(ipBytes + tcpBytes);
  const { bytes, view } = out;
  const tcp = ip + ipBytes;
  view.setUint16(tcp, s.localPort);
  view.setUint16(tcp + 2, s.remotePort);
  view.setInt32(tcp + 4, s.seq);
  view.setInt32(tcp + 8, s.ack);
  view.setUint16(tcp + 12, ((20 + optionBytes) << 10) | s.flags);
  view.setUint16(tcp + 14, s.window);
  view.setInt32(tcp + 16, s.urgent);
  if (optionBytes > 0) writeOptions(view, bytes, tcp + 20, s.options);
  if (data !== null && length > 0) bytes.set(data.subarray(offset, offset + length), tcp + 20 + optionBytes);
  const pseudo = pseudoHeaderSum(s.local, s.remote, protocolTcp, tcpBytes);
  view.setUint16(tcp + 16, fold(sumView(view, tcp, tcpBytes, pseudo)));
  if (v4) writeIpv4(view, ip, s, ipBytes + tcpBytes);
  else writeIpv6(view, ip, s, tcpBytes);
}

function writeIpv4(view: DataView, at: number, s: Outgoing, length: number): void {
  view.setInt32(at, 0x45000000 | (s.trafficClass << 16) | length);
  view.setInt32(at + 4, (s.ipId << 16) | (s.dontFragment ? 0x4000 : 0));
  view.setInt32(at + 8, (s.ttl << 24) | (protocolTcp << 16));
  view.setInt32(at + 12, s.local.w3);
  view.setInt32(at + 16, s.remote.w3);
  view.setUint16(at + 10, fold(sumView(view, at, 20)));
}

function writeIpv6(view: DataView, at: number, s: Outgoing, length: number): void {
  view.setInt32(at, 0x60000000 | (s.trafficClass << 20) | s.flowLabel);
  view.setInt32(at + 4, (length << 16) | (protocolTcp << 8) | s.ttl);
  const { local, remote } = s;
  view.setInt32(at + 8, local.w0);
  view.setInt32(at + 12, local.w1);
  view.setInt32(at + 16, local.w2);
  view.setInt32(at + 20, local.w3);
  view.setInt32(at + 24, remote.w0);
  view.setInt32(at + 28, remote.w1);
  view.setInt32(at + 32, remote.w2);
  view.setInt32(at + 36, remote.w3);
}
