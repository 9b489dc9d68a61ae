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
export { DecodeError } from './errors.ts';
export { decodeIcmp, encodeIcmp, type IcmpMessage } from './icmp.ts';
export { decodeIp, encodeIp, type IpPacket, ipPacket } from './ip.ts';
export type { TcpOption } from './options.ts';
export { pcapngHeader, pcapngPacket } from './pcap.ts';
export { decodeTcp, encodeTcp, Flag, protocolTcp, type TcpSegment } from './tcp.ts';
export { packetText, type TextContext, type TextStyle } from './text.ts';
