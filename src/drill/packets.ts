/** A script's inbound packets as bytes with live numbers, and live outbound packets in the script's terms. */
import { type Address, formatAddress, parseAddress } from '../wire/address.ts';
import { encodeIcmp, protocolIcmp, protocolIcmpv6 } from '../wire/icmp.ts';
import { decodeIp, encodeIp, type IpPacket, ipPacket } from '../wire/ip.ts';
import type { TcpOption } from '../wire/options.ts';
import { decodeTcp, encodeTcp, Flag, protocolTcp, type TcpSegment } from '../wire/tcp.ts';
import type { IcmpSpec, IpInfo, SackBlock, TcpFlags, TcpOptionSpec, TcpSpec } from './ast.ts';
import type { DrillConfig } from './config.ts';
import { DrillError } from './failure.ts';
import type { Flow } from './flow.ts';
import { icmpNumbers } from './icmp-names.ts';
import type { ShownTcp } from './packet-text.ts';

/** The time to live of injected packets, as packetdrill's. */
const injectedTtl = 255;
const accEcn0 = 172;
const accEcn1 = 174;

function ipFields(ip: IpInfo): Pick<IpPacket, 'ttl' | 'trafficClass' | 'flowLabel' | 'dontFragment'> {
  return {
    ttl: ip.ttl === 0 ? injectedTtl : ip.ttl,
    trafficClass: ip.tos,
    flowLabel: ip.flowLabel,
    dontFragment: false,
  };
}

/** @throws DrillError of kind packet if a timestamp echo cannot be translated */
export function encodeInbound(spec: TcpSpec, flow: Flow, config: DrillConfig): Uint8Array {
  const source = parseAddress(config.remoteIp);
  const destination = parseAddress(config.localIp);
  const { syn, ack } = spec.flags;
  const ackOffset = flow.localOffset(syn);
  const segment: TcpSegment = {
    sourcePort: spec.ports.source || flow.remotePort,
    destinationPort: spec.ports.destination || flow.localPort,
    seq: (Number(spec.seq) + flow.remoteOffset(syn)) | 0,
    ack: ack ? (Number(spec.ack) + ackOffset) | 0 : Number(spec.ack) | 0,
    flags: flagBits(spec.flags),
    window: Number(spec.window),
    urgent: Number(spec.urgent),
    options: (spec.options as readonly TcpOptionSpec[]).map((option) =>
      liveOption(option, spec, flow, config),
    ),
    payload: new Uint8Array(spec.length),
  };
  const payload = encodeTcp(segment, source, destination);
  return encodeIp(ipPacket({ source, destination, protocol: protocolTcp, payload, ...ipFields(spec.ip) }));
}

function flagBits(flags: TcpFlags): number {
  let bits = 0;
  for (const name of ['fin', 'syn', 'rst', 'psh', 'ack', 'urg', 'ece', 'cwr', 'ae'] as const) {
    if (flags[name]) bits |= Flag[name];
  }
  return bits;
}

function liveOption(option: TcpOptionSpec, spec: TcpSpec, flow: Flow, config: DrillConfig): TcpOption {
  switch (option.kind) {
    case 'nop':
      return { kind: 'nop' };
    case 'eol':
      return { kind: 'end' };
    case 'sackOK':
      return { kind: 'sackPermitted' };
    case 'mss':
      return { kind: 'mss', value: Number(option.value) };
    case 'wscale':
      return { kind: 'windowScale', shift: Number(option.value) };
    case 'TS': {
      const echo = spec.flags.ack ? liveEcho(Number(option.ecr), flow, config) : Number(option.ecr);
      return { kind: 'timestamps', value: Number(option.val) | 0, echo: echo | 0 };
    }
    case 'sack': {
      const offset = flow.localOffset(spec.flags.syn);
      const blocks = (option.blocks as readonly SackBlock[]).map(({ left, right }) => ({
        left: (left + offset) | 0,
        right: (right + offset) | 0,
      }));
      return { kind: 'sack', blocks };
    }
    case 'md5':
      return { kind: 'md5', digest: option.bytes as Uint8Array };
    case 'FO':
    case 'FOEXP':
      return { kind: 'fastOpen', cookie: option.bytes as Uint8Array, experimental: option.kind === 'FOEXP' };
    case 'ECN': {
      const data = option.counters.flatMap((value) => [value >>> 16, (value >>> 8) & 255, value & 255]);
      return {
        kind: 'unknown',
        type: option.first === 'e0b' ? accEcn0 : accEcn1,
        data: Uint8Array.from(data),
      };
    }
    case 'raw':
      return { kind: 'rest', data: option.bytes };
    case 'unknown':
      return { kind: 'unknown', type: option.type, data: option.bytes };
  }
}

function liveEcho(ecr: number, flow: Flow, config: DrillConfig): number {
  const exact = flow.timestamps.get(ecr);
  if (exact !== undefined) return exact;
  if (config.tsEcrScaled && flow.firstTimestamp !== null) {
    return (ecr - flow.firstTimestamp.script + flow.firstTimestamp.live) | 0;
  }
  throw new DrillError(
    'packet',
    `unable to infer live TS ecr for script TS ecr ${ecr};  no matching or preceding outbound TS val`,
  );
}

/** @throws DrillError of kind semantic for a type or code that the protocol does not have */
export function encodeInboundIcmp(spec: IcmpSpec, flow: Flow, config: DrillConfig): Uint8Array {
  const source = parseAddress(config.remoteIp);
  const destination = parseAddress(config.localIp);
  const { type, code } = icmpNumbers(spec, source.family);
  const body =
    spec.echoed.kind === 'raw'
      ? new Uint8Array(Math.max(0, spec.echoed.length - 8))
      : echoedPacket(spec, flow, destination, source);
  const parameter = spec.mtu >= 0 ? spec.mtu : spec.echoId * 0x10000;
  const payload = encodeIcmp({ type, code, parameter, body }, source, destination);
  const protocol = source.family === 4 ? protocolIcmp : protocolIcmpv6;
  return encodeIp(ipPacket({ source, destination, protocol, payload, ...ipFields(spec.ip) }));
}

/** The start of the outbound packet that the ICMP message reports on: its IP header and 8 bytes more. */
function echoedPacket(spec: IcmpSpec, flow: Flow, source: Address, destination: Address): Uint8Array {
  const { echoed } = spec;
  const udp = echoed.kind === 'udp';
  const full = new Uint8Array((udp ? 8 : 20) + echoed.length);
  const view = new DataView(full.buffer);
  view.setUint16(0, flow.localPort);
  view.setUint16(2, flow.remotePort);
  if (echoed.kind === 'tcp') view.setInt32(4, (echoed.seq + flow.localOffset(false)) | 0);
  else view.setUint16(4, full.length);
  const packet = encodeIp(
    ipPacket({
      source,
      destination,
      protocol: udp ? 17 : protocolTcp,
      payload: full,
      ttl: injectedTtl,
      dontFragment: false,
    }),
  );
  return packet.slice(0, packet.length - full.length + 8);
}

/** A live outbound TCP packet: on the wire, and as the script would write it. */
export interface LivePacket {
  readonly bytes: Uint8Array;
  readonly atUs: number;
  readonly ip: IpPacket;
  readonly segment: TcpSegment;
  readonly shown: ShownTcp;
}

/** Reads an outbound packet; null if it carries no TCP. */
export function decodeOutbound(bytes: Uint8Array): { ip: IpPacket; segment: TcpSegment } | null {
  const ip = decodeIp(bytes);
  return ip.protocol === protocolTcp ? { ip, segment: decodeTcp(ip.payload) } : null;
}

/** Whether a live packet goes from the local address and port to the remote ones. */
export function isFrom(ip: IpPacket, segment: TcpSegment, flow: Flow, config: DrillConfig): boolean {
  return (
    segment.destinationPort === flow.remotePort &&
    segment.sourcePort === flow.localPort &&
    formatAddress(ip.destination) === formatAddress(parseAddress(config.remoteIp)) &&
    formatAddress(ip.source) === formatAddress(parseAddress(config.localIp))
  );
}

/** A live segment with the script's numbers. Timestamps stay as they are; match.ts translates them. */
export function toScriptTerms(segment: TcpSegment, flow: Flow): ShownTcp {
  const bit = (mask: number): boolean => (segment.flags & mask) !== 0;
  const syn = bit(Flag.syn);
  const ackOffset = flow.remoteOffset(syn);
  return {
    flags: {
      fin: bit(Flag.fin),
      syn,
      rst: bit(Flag.rst),
      psh: bit(Flag.psh),
      ack: bit(Flag.ack),
      urg: bit(Flag.urg),
      ece: bit(Flag.ece),
      cwr: bit(Flag.cwr),
      ae: bit(Flag.ae),
      ace: false,
      open: '',
    },
    seq: (segment.seq - flow.localOffset(syn)) >>> 0,
    length: segment.payload.length,
    ack: (bit(Flag.ack) ? segment.ack - ackOffset : segment.ack) >>> 0,
    window: segment.window,
    urgent: segment.urgent,
    options: segment.options.flatMap((option) => scriptOption(option, ackOffset)),
  };
}

function scriptOption(option: TcpOption, ackOffset: number): TcpOptionSpec[] {
  switch (option.kind) {
    case 'nop':
      return [{ kind: 'nop' }];
    case 'end':
      return [{ kind: 'eol' }];
    case 'rest':
      return Array.from(option.data, () => ({ kind: 'eol' }));
    case 'sackPermitted':
      return [{ kind: 'sackOK' }];
    case 'mss':
      return [{ kind: 'mss', value: option.value }];
    case 'windowScale':
      return [{ kind: 'wscale', value: option.shift }];
    case 'timestamps':
      return [{ kind: 'TS', val: option.value >>> 0, ecr: option.echo >>> 0 }];
    case 'sack': {
      const blocks = option.blocks.map(({ left, right }) => ({
        left: (left - ackOffset) >>> 0,
        right: (right - ackOffset) >>> 0,
      }));
      return [{ kind: 'sack', blocks }];
    }
    case 'md5':
      return [{ kind: 'md5', bytes: option.digest }];
    case 'fastOpen':
      return [{ kind: option.experimental ? 'FOEXP' : 'FO', bytes: option.cookie }];
    case 'unknown':
      return [unknownOption(option.type, option.data)];
  }
}

function unknownOption(type: number, data: Uint8Array): TcpOptionSpec {
  if ((type !== accEcn0 && type !== accEcn1) || data.length % 3 !== 0 || data.length > 9) {
    return { kind: 'unknown', type, bytes: data };
  }
  const counters: number[] = [];
  for (let i = 0; i < data.length; i += 3)
    counters.push((data[i]! << 16) | (data[i + 1]! << 8) | data[i + 2]!);
  return { kind: 'ECN', first: type === accEcn0 ? 'e0b' : 'e1b', counters };
}
