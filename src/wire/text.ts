/** Packets as one line of text: short (for diagrams), tshark's style, and full (every field of both headers). */
import { formatAddress, formatEndpoint } from './address.ts';
import { DecodeError } from './errors.ts';
import { decodeIcmp, protocolIcmp, protocolIcmpv6 } from './icmp.ts';
import { decodeIp, type IpPacket } from './ip.ts';
import type { TcpOption } from './options.ts';
import { decodeTcp, Flag, protocolTcp, type TcpSegment, tcpChecksumOk } from './tcp.ts';

export type TextStyle = 'short' | 'tshark' | 'full';

/** What a text may take from the connection that the packet belongs to. */
export interface TextContext {
  /** By how many bits the window field is scaled; 0 for a SYN. */
  readonly windowShift?: number;
  /** Subtracted from the sequence and the acknowledgment number (int32): the ISNs, for relative numbers. */
  readonly seqBase?: number;
  readonly ackBase?: number;
}

/** Names of flags in tshark's order. */
const flagNames: readonly (readonly [number, string])[] = [
  [Flag.fin, 'FIN'],
  [Flag.syn, 'SYN'],
  [Flag.rst, 'RST'],
  [Flag.psh, 'PSH'],
  [Flag.ack, 'ACK'],
  [Flag.urg, 'URG'],
  [Flag.ece, 'ECE'],
  [Flag.cwr, 'CWR'],
  [Flag.ae, 'AE'],
  [0xe00, 'Reserved'],
];

/** The names of the flags that are set, such as `['SYN', 'ACK']`. */
export const flagList = (flags: number): string[] =>
  flagNames.filter(([bit]) => (flags & bit) !== 0).map(([, name]) => name);

const unsigned = (n: number): number => n >>> 0;
const hex = (bytes: Uint8Array): string => [...bytes].map((b) => b.toString(16).padStart(2, '0')).join('');

/**
 * One line for an IP packet. Never throws: what cannot be read is described.
 * @param bytes the packet from the IP header on
 */
export function packetText(bytes: Uint8Array, style: TextStyle, context: TextContext = {}): string {
  try {
    const ip = decodeIp(bytes);
    if (ip.fragmentOffset > 0) return `${hosts(ip)} fragment at ${ip.fragmentOffset}`;
    if (ip.protocol === protocolTcp) return tcpText(ip, style, context);
    if (ip.protocol === protocolIcmp || ip.protocol === protocolIcmpv6) return icmpText(ip, style);
    return `${hosts(ip)} protocol ${ip.protocol} Len=${ip.payload.length}`;
  } catch (error) {
    if (error instanceof DecodeError) return `[malformed: ${error.message}]`;
    throw error;
  }
}

const hosts = (ip: IpPacket): string => `${formatAddress(ip.source)} → ${formatAddress(ip.destination)}`;

function tcpText(ip: IpPacket, style: TextStyle, context: TextContext): string {
  const segment = decodeTcp(ip.payload);
  if (style === 'short') return shortText(segment, context);
  const ends =
    `${formatEndpoint(ip.source, segment.sourcePort)} → ` +
    formatEndpoint(ip.destination, segment.destinationPort);
  const line = `${ends} ${tsharkText(segment, context)}`;
  return style === 'tshark' ? line : `${line}${otherFields(ip, segment)}`;
}

/** Flags and numbers: `SYN, ACK 3307464518 ack 2182928324`, and the length if there is data. */
function shortText(segment: TcpSegment, context: TextContext = {}): string {
  const parts = [flagList(segment.flags).join(', ') || '(no flags)'];
  parts.push(`${unsigned(segment.seq - (context.seqBase ?? 0))}`);
  if (segment.flags & Flag.ack) parts.push(`ack ${unsigned(segment.ack - (context.ackBase ?? 0))}`);
  if (segment.payload.length > 0) parts.push(`len ${segment.payload.length}`);
  return parts.join(' ');
}

/** What tshark's Info column says behind the ports, with `SACK_PERM=1` as its older versions write it. */
function tsharkText(segment: TcpSegment, context: TextContext): string {
  const { windowShift = 0, seqBase = 0, ackBase = 0 } = context;
  const flags = flagList(segment.flags).join(', ') || '<None>';
  const window = segment.flags & Flag.syn ? segment.window : segment.window * 2 ** windowShift;
  const parts = [`[${flags}]`, `Seq=${unsigned(segment.seq - seqBase)}`];
  if (segment.flags & Flag.ack) parts.push(`Ack=${unsigned(segment.ack - ackBase)}`);
  parts.push(`Win=${window}`);
  if (segment.flags & Flag.urg) parts.push(`Urg=${segment.urgent}`);
  parts.push(`Len=${segment.payload.length}`);
  for (const option of segment.options) {
    const text = optionText(option, ackBase);
    if (text !== '') parts.push(text);
  }
  return parts.join(' ');
}

/** One option in tshark's words; empty for padding. `ackBase` is subtracted from SACK edges. */
export function optionText(option: TcpOption, ackBase = 0): string {
  switch (option.kind) {
    case 'end':
    case 'nop':
      return '';
    case 'mss':
      return `MSS=${option.value}`;
    case 'windowScale':
      return `WS=${2 ** Math.min(option.shift, 14)}`;
    case 'sackPermitted':
      return 'SACK_PERM=1';
    case 'sack':
      return option.blocks
        .map(({ left, right }) => `SLE=${unsigned(left - ackBase)} SRE=${unsigned(right - ackBase)}`)
        .join(' ');
    case 'timestamps':
      return `TSval=${unsigned(option.value)} TSecr=${unsigned(option.echo)}`;
    case 'md5':
      return 'MD5';
    case 'fastOpen':
      return option.cookie.length === 0 ? 'TFO=R' : `TFO=C ${hex(option.cookie)}`;
    case 'unknown':
      return `Option(${option.type})=${hex(option.data) || 'empty'}`;
    case 'rest':
      return option.data.every((byte) => byte === 0) ? '' : `Trailing=${hex(option.data)}`;
  }
}

/** What tshark's line leaves out. */
function otherFields(ip: IpPacket, segment: TcpSegment): string {
  const parts = [`HdrLen=${segment.headerLength}`, `Urg=${segment.urgent}`];
  const ok = tcpChecksumOk(ip.payload, ip.source, ip.destination);
  parts.push(`Checksum=0x${segment.checksum!.toString(16).padStart(4, '0')} (${ok ? 'correct' : 'wrong'})`);
  parts.push(
    `| IPv${ip.source.family} TTL=${ip.ttl} ECN=${ip.trafficClass & 3} DSCP=${ip.trafficClass >>> 2}`,
  );
  if (ip.source.family === 4) parts.push(`ID=${ip.id}${ip.dontFragment ? ' DF' : ''}`);
  else parts.push(`Flow=0x${ip.flowLabel.toString(16)}`);
  return ` ${parts.join(' ')}`;
}

const icmpNames: Readonly<Record<string, string>> = {
  '4/3/0': 'network unreachable',
  '4/3/1': 'host unreachable',
  '4/3/2': 'protocol unreachable',
  '4/3/3': 'port unreachable',
  '4/3/4': 'fragmentation needed',
  '4/3/13': 'administratively prohibited',
  '4/11/0': 'time to live exceeded',
  '6/1/0': 'no route',
  '6/1/1': 'administratively prohibited',
  '6/1/3': 'address unreachable',
  '6/1/4': 'port unreachable',
  '6/2/0': 'packet too big',
  '6/3/0': 'hop limit exceeded',
};

function icmpText(ip: IpPacket, style: TextStyle): string {
  const message = decodeIcmp(ip.payload);
  const { family } = ip.source;
  const name =
    icmpNames[`${family}/${message.type}/${message.code}`] ?? `type ${message.type} code ${message.code}`;
  const tooBig = family === 4 ? message.type === 3 && message.code === 4 : message.type === 2;
  const mtu = tooBig ? ` MTU=${family === 4 ? message.parameter & 0xffff : message.parameter}` : '';
  const text = `ICMP${family === 6 ? 'v6' : ''} ${name}${mtu}`;
  return style === 'short' ? text : `${hosts(ip)} ${text}`;
}
