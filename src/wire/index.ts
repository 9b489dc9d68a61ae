/** The public face of the wire formats: addresses, packets as values, packets as text, captures. */
export {
  type Address,
  anyIpv4,
  anyIpv6,
  formatAddress,
  formatEndpoint,
  ipv4,
  ipv6,
  parseAddress,
} from './address.ts';
export { type CapturedPacket as CaptureRecord, CaptureError } from './captured-packet.ts';
export { DecodeError, HalfopenError } from './errors.ts';
export { decodeIcmp, encodeIcmp, type IcmpMessage } from './icmp.ts';
export { decodeIp, encodeIp, type IpPacket, ipPacket } from './ip.ts';
export type { SackBlock, TcpOption } from './options.ts';
export { PacketQueue } from './packet-queue.ts';
export {
  type CaptureInterface,
  type PacketNotes,
  pcapHeader,
  pcapngHeader,
  pcapngPacket,
  pcapPacket,
} from './pcap.ts';
export { CaptureReader } from './pcap-reader.ts';
export { decodeTcp, encodeTcp, Flag, protocolTcp, type TcpSegment } from './tcp.ts';
export { packetText, type TextContext, type TextStyle } from './text.ts';
