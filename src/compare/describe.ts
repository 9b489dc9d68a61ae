/** Packets as values that can be compared: chosen numbers are taken out, everything else stays. */
import type { DrillConfig } from '../drill/config.ts';
import type { Flow } from '../drill/flow.ts';
import type { ShownTcp } from '../drill/packet-text.ts';
import { flagsText, optionText } from '../drill/packet-text.ts';
import { decodeOutbound, toScriptTerms } from '../drill/packets.ts';
import { DecodeError } from '../wire/errors.ts';
import { Flag } from '../wire/tcp.ts';
import { firstTimestamp, type SeenPacket } from './scenario.ts';

type Decoded = NonNullable<ReturnType<typeof decodeOutbound>>;

/** A packet that the system sent; null for one that no scenario is about (router discovery and the like). */
export function describePacket(
  bytes: Uint8Array,
  atUs: number,
  flows: readonly Flow[],
  config: DrillConfig,
): SeenPacket | null {
  let decoded: Decoded | null;
  try {
    decoded = decodeOutbound(bytes);
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    return otherPacket(bytes, atUs, `malformed: ${error.message}`);
  }
  if (decoded === null) return other(bytes, atUs, config);
  const { ip, segment } = decoded;
  const index = flowOf(segment.sourcePort, segment.destinationPort, flows, (segment.flags & Flag.syn) !== 0);
  const flow = flows[index];
  if (flow !== undefined && (segment.flags & Flag.syn) !== 0) {
    flow.localPort = segment.sourcePort;
    flow.liveLocalIsn = segment.seq;
  }
  const shown = flow === undefined ? null : masked(toScriptTerms(segment, flow), segment);
  const ts = segment.options.find(({ kind }) => kind === 'timestamps');
  if (
    flow !== undefined &&
    ts?.kind === 'timestamps' &&
    (flow.firstTimestamp === null || flow.firstTimestamp.live === 0)
  )
    flow.firstTimestamp = { script: firstTimestamp, live: ts.value | 0 };
  const tsMs =
    ts?.kind === 'timestamps' && flow?.firstTimestamp ? (ts.value - flow.firstTimestamp.live) | 0 : null;
  const fields = {
    flow: index,
    ...(shown === null ? { flags: segment.flags } : tcpFields(shown)),
    ...ipFields(bytes, ip),
  };
  const text =
    shown === null ? `tcp from ${segment.sourcePort} to ${segment.destinationPort}` : textOf(shown, tsMs);
  return { kind: 'packet', atUs, flow: index, fields, tsMs, text };
}

/** Without what is chosen at random, or only looks so: a RST whose number is 0 because there was none to take. */
function masked(shown: ShownTcp, segment: Decoded['segment']): ShownTcp {
  const options = shown.options as Exclude<ShownTcp['options'], '*'>;
  return {
    ...shown,
    seq: (segment.flags & Flag.rst) !== 0 && segment.seq === 0 ? 0 : shown.seq,
    options: options.map((option) =>
      option.kind === 'FO' || option.kind === 'FOEXP'
        ? { ...option, bytes: new Uint8Array(option.bytes === '*' ? 0 : option.bytes.length) }
        : option,
    ),
  };
}

/** The connection by its ports; a SYN from a port not seen before is the next one that the system opens. */
function flowOf(local: number, remote: number, flows: readonly Flow[], syn: boolean): number {
  const known = flows.findIndex((flow) => flow.localPort === local && flow.remotePort === remote);
  if (known >= 0 || !syn) return known;
  return flows.findIndex((flow) => flow.localPort === 0 && flow.remotePort === remote);
}

function tcpFields(shown: ShownTcp): Record<string, string | number> {
  const options = shown.options as Exclude<ShownTcp['options'], '*'>;
  return {
    flags: flagsText(shown.flags),
    seq: Number(shown.seq),
    length: shown.length,
    ...(shown.flags.ack ? { ack: Number(shown.ack) } : {}),
    window: Number(shown.window),
    ...(shown.flags.urg ? { urgent: Number(shown.urgent) } : {}),
    options: options
      .map((option) => (option.kind === 'TS' ? `TS ecr ${option.ecr}` : optionText(option)))
      .join(),
  };
}

/** What packetdrill never looks at. A number that is chosen at random is told as being there or not. */
function ipFields(bytes: Uint8Array, ip: Decoded['ip']): Record<string, string | number> {
  if (bytes[0]! >>> 4 === 4) {
    const id = (bytes[4]! << 8) | bytes[5]!;
    return {
      ttl: ip.ttl,
      tos: ip.trafficClass,
      df: ip.dontFragment ? 1 : 0,
      id: id === 0 ? 0 : 'some',
      ihl: bytes[0]! & 15,
    };
  }
  return {
    ttl: ip.ttl,
    tos: ip.trafficClass,
    label: ip.flowLabel === 0 ? 0 : 'some',
    next: bytes[6]!,
  };
}

function textOf(shown: ShownTcp, tsMs: number | null): string {
  const end = (Number(shown.seq) + shown.length) >>> 0;
  const options = (shown.options as Exclude<ShownTcp['options'], '*'>).map((option) =>
    option.kind === 'TS' ? optionText({ ...option, val: firstTimestamp + (tsMs ?? 0) }) : optionText(option),
  );
  const parts = [
    scriptFlags(shown),
    `${shown.seq}:${end}(${shown.length})`,
    ...(shown.flags.ack ? [`ack ${shown.ack}`] : []),
    `win ${shown.window}`,
    ...(shown.flags.urg ? [`urg ${shown.urgent}`] : []),
    ...(options.length > 0 ? [`<${options.join()}>`] : []),
  ];
  return parts.join(' ');
}

/** Flags in the order that scripts can have them: the dot last. */
function scriptFlags({ flags }: ShownTcp): string {
  const text = flagsText(flags);
  return text.includes('.') ? `${text.replace('.', '')}.` : text;
}

const otherPacket = (bytes: Uint8Array, atUs: number, text: string): SeenPacket => ({
  kind: 'packet',
  atUs,
  flow: -1,
  fields: { other: text, size: bytes.length },
  tsMs: null,
  text: `other: ${text}`,
});

/** ICMP that the system sends; what IPv6 says to its own link is left out. */
function other(bytes: Uint8Array, atUs: number, config: DrillConfig): SeenPacket | null {
  const six = config.ipVersion === 'ipv6';
  if (!six && bytes[0]! >>> 4 === 6) return null;
  const protocol = six ? bytes[6]! : bytes[9]!;
  const type = six ? (bytes[40] ?? 0) : (bytes[20] ?? 0);
  if (six && (protocol !== 58 || type > 129)) return null;
  if (!six && protocol === 2) return null;
  return otherPacket(bytes, atUs, `protocol ${protocol} type ${type}`);
}
