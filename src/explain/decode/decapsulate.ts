/**
 * From a captured packet to the TCP segment or ICMP error within: link layers, tunnels, IP fragments. No allocation on
 * the common path. Where a header is cut off by the snap length, what is there is used if the TCP flags are among it.
 */
import type { CapturedPacket } from '../../wire/captured-packet.ts';
import { Encapsulations, Layer } from './encapsulations.ts';
import { Reassembler } from './fragments.ts';
import { afterLink, afterPpp, bothAddresses, greHeaderLength, mplsBottom, within } from './layers.ts';
import { Names } from './names.ts';
import { Neighbours } from './neighbours.ts';
import type { Next } from './next.ts';
import { hasWrongUdpSum } from './sums.ts';
import { afterNsh, afterWireless, Carried, inUdp } from './tunnels.ts';

/** What {@link Decapsulator.decode} found. */
export const Found = { nothing: 0, tcp: 1, icmp: 2 } as const;

const MAX_DEPTH = 16;

/** Finds the segment in one packet after the other; the fields tell about the last one. */
export class Decapsulator {
  /** Where the segment's bytes are: the capture's buffer, or that of a reassembled datagram. */
  data: Uint8Array = new Uint8Array(0);
  view: DataView = new DataView(new ArrayBuffer(0));
  /** Offset of the source address (the destination follows), of the IP header that carries the segment (or is quoted). */
  addressesAt = 0;
  isIpv6 = false;
  /** Offset of the TCP header, and where the captured bytes of the segment end. */
  tcpAt = 0;
  tcpEnd = 0;
  /** Bytes of TCP header and payload by the IP header's word. */
  segmentLength = 0;
  ttl = 0;
  ipId = 0; // 0 for IPv6
  /** Number of the layers around it, of {@link encapsulations}. */
  encapsulation = 0;
  /** Of an ICMP error: type, code, and who sent it. */
  icmpType = 0;
  icmpCode = 0;
  icmpParameter = 0; // the MTU where the packet was too big
  readonly icmpSender: Int32Array = new Int32Array(4);
  /** One of {@link Found}. Then, when it was captured, and the hash of its tuple (by whoever needs it). */
  found = 0;
  frame = 0;
  seconds = 0;
  nanoseconds = 0;
  hash = 0;
  readonly encapsulations: Encapsulations;
  readonly fragments: Reassembler;
  readonly neighbours: Neighbours;
  readonly names: Names;
  /** The UDP checksum of a tunnel around it is wrong, and not as a sender leaves it whose card computes it. */
  badOuter = false;
  /** Bytes that the packet had on the wire beyond those captured. */
  private missing = 0;
  private depth = 0;

  /** @param sibling one that looks at other packets of the same capture; what is shared comes from it */
  constructor(sibling?: Decapsulator) {
    this.encapsulations = sibling?.encapsulations ?? new Encapsulations();
    this.fragments = sibling?.fragments ?? new Reassembler();
    this.neighbours = sibling?.neighbours ?? new Neighbours();
    this.names = sibling?.names ?? new Names();
  }

  /** @returns one of {@link Found}; the packet's buffer is not copied */
  decode(packet: CapturedPacket): number {
    this.frame = packet.frame;
    this.seconds = packet.seconds;
    this.nanoseconds = packet.nanoseconds;
    this.found = this.look(packet);
    return this.found;
  }

  private look(packet: CapturedPacket): number {
    const { view, start, end } = packet;
    // Storing a pointer costs more than comparing it.
    if (this.view !== view) {
      this.data = packet.data;
      this.view = view;
    }
    this.missing = packet.wireLength - (end - start);
    this.depth = 0;
    this.encapsulation = 0;
    this.badOuter = false;
    this.encapsulations.clear();
    if (packet.linkType === 1 && end - start >= 34 && view.getUint16(start + 12) === 0x0800)
      return this.ipv4(start + 14, end);
    return this.link(packet);
  }

  private link({ linkType, start, end }: CapturedPacket): number {
    if (linkType === 1) return this.ethernet(start, end);
    return this.go(afterLink(this.view, linkType, start, end));
  }

  private go(next: Next | null): number {
    return next === null ? Found.nothing : this.byType(next.type, next.at, next.end);
  }

  private ethernet(at: number, end: number): number {
    if (end - at < 14) return Found.nothing;
    return this.byType(this.view.getUint16(at + 12), at + 14, end);
  }

  /** What an Ethernet type (or an 802.3 length) announces. 0 means: judge by the IP version. */
  private byType(type: number, at: number, end: number): number {
    if (++this.depth > MAX_DEPTH || end <= at) return Found.nothing;
    const { view } = this;
    switch (type) {
      case 0x0800:
        return this.ipv4(at, end);
      case 0x86dd:
        return this.ipv6(at, end);
      case 0: {
        const version = view.getUint8(at) >>> 4;
        return version === 4 ? this.ipv4(at, end) : version === 6 ? this.ipv6(at, end) : Found.nothing;
      }
      case 0x8100:
      case 0x88a8:
      case 0x9100:
      case 0x9200: {
        if (end - at < 4) return Found.nothing;
        const vlan = view.getUint16(at) & 0xfff;
        if (vlan !== 0) this.encapsulations.add(Layer.vlan, vlan);
        return this.byType(view.getUint16(at + 2), at + 4, end);
      }
      case 0x0806:
        this.neighbours.arp(view, at, end, this.frame, this.moment());
        return Found.nothing;
      case 0x8847:
      case 0x8848:
        return this.mpls(at, end);
      case 0x8864:
        if (end - at < 8) return Found.nothing;
        this.encapsulations.add(Layer.pppoe, view.getUint16(at + 2));
        return this.go(afterPpp(view, at + 6, end));
      // Tags of bridges' extra ports (VN-Tag, IEEE 802.1BR) and of groups of hosts (Cisco's metadata with one option): they
      // differ by direction, so they tell nothing apart.
      case 0x8926:
      case 0x893f:
      case 0x8909: {
        const tag = type === 0x8926 ? 4 : 6;
        return end - at < tag + 2 ? Found.nothing : this.byType(view.getUint16(at + tag), at + tag + 2, end);
      }
      // FabricPath: a tag of two bytes, then the frame that it was put around.
      case 0x8903:
        return this.ethernet(at + 2, end);
      case 0x88e7:
        if (end - at < 18) return Found.nothing;
        this.encapsulations.add(Layer.pbb, view.getUint32(at) & 0xffffff);
        return this.ethernet(at + 4, end);
      case 0x894f:
        return this.go(afterNsh(view, at, end));
      // WCCP's redirect header of four bytes, of which IP may be without.
      case 0x883e:
        return this.ipv4(view.getUint8(at) >>> 4 === 4 ? at : at + 4, end);
      case Carried.ethernet:
        return this.ethernet(at, end);
      case Carried.ppp:
        return this.go(afterPpp(view, at, end));
      case Carried.wholeVj:
        return this.ipv4(at, end, 6);
      case Carried.compressedVj:
        return this.leaveOut();
      case Carried.gre:
        return this.gre(at, end);
      case Carried.wireless:
        return this.go(afterWireless(view, at, end));
      default:
        // An 802.3 length instead of a type: LLC with SNAP carries the type behind.
        if (type <= 1500 && end - at >= 8 && view.getUint16(at) === 0xaaaa)
          return this.byType(view.getUint16(at + 6), at + 8, end);
        return Found.nothing;
    }
  }

  private mpls(at: number, end: number): number {
    const bottom = mplsBottom(this.view, at, end);
    if (bottom < 0) return Found.nothing;
    this.encapsulations.add(Layer.mpls, 0);
    const first = this.view.getUint8(bottom) >>> 4;
    if (first === 4 || first === 6) return this.byType(0, bottom, end);
    // A pseudowire with Ethernet inside; a control word begins with four zero bits (RFC 4385).
    return this.ethernet(first === 0 ? bottom + 4 : bottom, end);
  }

  private ipv4(at: number, end: number, protocolIs = -1): number {
    const { view } = this;
    if (end - at < 20) return Found.nothing;
    const header = (view.getUint8(at) & 15) << 2;
    if (view.getUint8(at) >>> 4 !== 4 || header < 20) return Found.nothing;
    // A total length of 0 is what segmentation offload leaves: then the frame's length counts.
    let total = view.getUint16(at + 2);
    if (total === 0) total = end - at + this.missing;
    if (total < header) return Found.nothing;
    if (total > end - at + this.missing) total = within(view, at, header, end, total, this.missing);
    if (at + total < end) end = at + total;
    this.isIpv6 = false;
    this.addressesAt = at + 12;
    this.ttl = view.getUint8(at + 8);
    this.ipId = view.getUint16(at + 4);
    const fragment = view.getUint16(at + 6);
    const protocol = protocolIs < 0 ? view.getUint8(at + 9) : protocolIs;
    if ((fragment & 0x3fff) !== 0) return this.fragmentV4(at, end, header, fragment, protocol);
    return this.transport(protocol, at + header, end, total - header);
  }

  private readonly moment = (): number => this.seconds + this.nanoseconds / 1e9;
  /** Something that may be TCP cannot be read. */
  private leaveOut(): number {
    this.encapsulations.leftOut++;
    return Found.nothing;
  }

  private fragmentV4(at: number, end: number, header: number, fragment: number, protocol: number): number {
    if (at + header > end) return Found.nothing;
    const { data, view } = this;
    const key = `4 ${view.getInt32(at + 12)} ${view.getInt32(at + 16)} ${this.ipId} ${protocol} ${this.encapsulations.number()}`;
    const offset = (fragment & 0x1fff) << 3;
    const whole = this.fragments.add(
      key,
      data.subarray(at, at + header),
      data.subarray(at + header, end),
      offset,
      (fragment & 0x2000) !== 0,
    );
    if (whole === null) return Found.nothing;
    this.adopt(whole, 12);
    return this.transport(protocol, header, whole.length, whole.length - header);
  }

  /** Goes on in a reassembled datagram. */
  private adopt(whole: Uint8Array, addressesAt: number): void {
    [this.data, this.view] = [whole, new DataView(whole.buffer, whole.byteOffset, whole.byteLength)];
    this.addressesAt = addressesAt;
    this.missing = 0;
  }

  private ipv6(at: number, end: number): number {
    const { view } = this;
    if (end - at < 40 || view.getUint8(at) >>> 4 !== 6) return Found.nothing;
    let payload = view.getUint16(at + 4);
    if (payload === 0) payload = end - at - 40 + this.missing;
    if (payload > end - at - 40 + this.missing)
      payload = within(view, at, 40, end, payload + 40, this.missing) - 40;
    if (at + 40 + payload < end) end = at + 40 + payload;
    this.isIpv6 = true;
    this.addressesAt = at + 8;
    this.ttl = view.getUint8(at + 7);
    this.ipId = 0;
    let next = view.getUint8(at + 6);
    let position = at + 40;
    const limit = position + payload;
    for (let hops = 0; hops < MAX_DEPTH; hops++) {
      if (next === 6 || next === 58) break;
      if (end - position < 8) return Found.nothing;
      if (next === 0 || next === 43 || next === 60) {
        next = view.getUint8(position);
        position += (view.getUint8(position + 1) + 1) << 3;
      } else if (next === 51) {
        next = view.getUint8(position);
        position += (view.getUint8(position + 1) + 2) << 2;
      } else if (next === 44) {
        const fragment = view.getUint16(position + 2);
        // An atomic fragment is whole (RFC 6946).
        if ((fragment & 0xfff9) !== 0) return this.fragmentV6(at, position, end, fragment);
        next = view.getUint8(position);
        position += 8;
      } else break;
      if (position > end) return Found.nothing;
    }
    return this.transport(next, position, end, limit - position);
  }

  private fragmentV6(at: number, position: number, end: number, fragment: number): number {
    const { data, view } = this;
    const protocol = view.getUint8(position);
    let key = `6 ${view.getInt32(position + 4)} ${this.encapsulations.number()}`;
    for (let word = at + 8; word < at + 40; word += 4) key += ` ${view.getInt32(word)}`;
    const whole = this.fragments.add(
      key,
      data.subarray(at, at + 40),
      data.subarray(position + 8, end),
      fragment & 0xfff8,
      (fragment & 1) !== 0,
    );
    if (whole === null) return Found.nothing;
    this.adopt(whole, 8);
    return this.transport(protocol, 40, whole.length, whole.length - 40);
  }

  private transport(protocol: number, at: number, end: number, length: number): number {
    if (protocol === 6) {
      if (end - at < 14 || length < 20) return Found.nothing;
      this.tcpAt = at;
      this.tcpEnd = end;
      this.segmentLength = length;
      this.encapsulation = this.encapsulations.number();
      return Found.tcp;
    }
    if (protocol === 1 || protocol === 58) return this.icmp(protocol === 58, at, end);
    if (++this.depth > MAX_DEPTH) return Found.nothing;
    switch (protocol) {
      case 4:
        this.encapsulations.add(this.isIpv6 ? Layer['4in6'] : Layer.ipip, 0, this.tunnel());
        return this.byType(0x0800, at, end);
      case 41:
        this.encapsulations.add(this.isIpv6 ? Layer.ipip : Layer['6in4'], 0, this.tunnel());
        return this.byType(0x86dd, at, end);
      case 47:
        return this.gre(at, end);
      case 17:
        return this.udp(at, end);
      case 51: {
        // Authentication only: what follows can be read.
        if (end - at < 12) return Found.nothing;
        const header = (this.view.getUint8(at + 1) + 2) << 2;
        return this.transport(this.view.getUint8(at), at + header, end, length - header);
      }
      // IPComp (RFC 3173).
      case 108:
        return this.leaveOut();
      case 97:
        this.encapsulations.add(Layer.etherip, 0, this.tunnel());
        return this.ethernet(at + 2, end);
      default:
        return Found.nothing;
    }
  }

  private readonly tunnel = (): number => bothAddresses(this.view, this.addressesAt, this.isIpv6 ? 16 : 4);

  private gre(at: number, end: number): number {
    const { view } = this;
    const header = greHeaderLength(view, at, end);
    if (header < 0) return Found.nothing;
    const flags = view.getUint16(at);
    const type = view.getUint16(at + 2);
    const inner = at + header;
    if (type === 0x88be || type === 0x22eb) {
      // ERSPAN: type I has no header of its own (and no GRE sequence number), II has 8 bytes, III 12 or 20.
      const second = type === 0x88be && (flags & 0x1000) !== 0;
      const third = type === 0x22eb;
      if (end - inner < 20) return Found.nothing;
      this.encapsulations.add(Layer.erspan, second || third ? view.getUint16(inner + 2) & 0x3ff : 0);
      const own = third ? (view.getUint8(inner + 11) & 1 ? 20 : 12) : second ? 8 : 0;
      return this.ethernet(inner + own, end);
    }
    const version = flags & 7;
    // Version 1 (PPTP) has a call number of its own in each direction: the tunnel's ends must do.
    const key = version === 0 && flags & 0x2000 ? view.getInt32(at + (flags & 0xc000 ? 8 : 4)) : 0;
    this.encapsulations.add(Layer.gre, key, this.tunnel());
    // Access points of one maker send whole 802.11 frames under these types.
    return this.byType(type >>> 8 === 0x82 ? Carried.wireless : type, inner, end);
  }

  private udp(at: number, end: number): number {
    const inner = inUdp(this.view, at, end);
    if (inner === null) {
      this.names.heard(this.view, at, end);
      return Found.nothing;
    }
    this.badOuter ||= hasWrongUdpSum(this.view, at, end, this.addressesAt, this.isIpv6);
    const { layer, id } = inner;
    if (layer !== 0) this.encapsulations.add(layer, Math.max(id, 0), id < 0 ? this.tunnel() : 0);
    return this.go(inner);
  }

  /** An ICMP error quotes the packet it answers: at least its IP header and ports and sequence number (RFC 792). */
  private icmp(isIpv6: boolean, at: number, end: number): number {
    const { view } = this;
    if (isIpv6 !== this.isIpv6 || end - at < 8) return Found.nothing;
    const type = view.getUint8(at);
    if (isIpv6 && (type === 135 || type === 136)) {
      this.neighbours.discovery(view, at, end, this.addressesAt, this.frame, this.moment());
      return Found.nothing;
    }
    const isError = isIpv6 ? type >= 1 && type <= 4 : type === 3 || type === 11 || type === 12 || type === 4;
    if (!isError) return Found.nothing;
    const quoted = at + 8;
    if (end - quoted < (isIpv6 ? 48 : 28)) return Found.nothing;
    const header = isIpv6 ? 40 : (view.getUint8(quoted) & 15) << 2;
    const protocol = view.getUint8(quoted + (isIpv6 ? 6 : 9));
    if (protocol !== 6 || header < 20 || end - quoted - header < 8) return Found.nothing;
    this.icmpType = type;
    this.icmpCode = view.getUint8(at + 1);
    this.icmpParameter = isIpv6 ? view.getUint32(at + 4) : view.getUint16(at + 6);
    for (let n = 0; n < 4; n++) this.icmpSender[n] = isIpv6 ? view.getInt32(this.addressesAt + 4 * n) : 0;
    if (!isIpv6) {
      this.icmpSender[2] = 0xffff;
      this.icmpSender[3] = view.getInt32(this.addressesAt);
    }
    this.addressesAt = quoted + (isIpv6 ? 8 : 12);
    this.tcpAt = quoted + header;
    this.tcpEnd = end;
    this.encapsulation = this.encapsulations.number();
    return Found.icmp;
  }
}
