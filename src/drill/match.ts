/** Compares a live outbound packet with what the script expects, field by field, in packetdrill's order. */
import { fold, sumBytes } from '../wire/checksum.ts';
import type { TcpFlags, TcpOptionSpec, TcpSpec } from './ast.ts';
import type { Flow } from './flow.ts';
import { agrees, optionText, type ShownTcp } from './packet-text.ts';
import type { LivePacket } from './packets.ts';
import { optionLength, optionsLength } from './parse-options.ts';

/** The first field that differs: packetdrill's message, and where it stands in the packets' text. */
export interface Mismatch {
  readonly message: string;
  readonly field: string;
}

/** What the comparison needs to know beyond the packets. */
interface MatchContext {
  readonly wireFamily: 4 | 6;
  readonly flow: Flow;
  /** µs a timestamp tick; 0: values are not compared. */
  readonly tsTickUs: number;
  readonly tsToleranceUs: number;
}

function differs(name: string, expected: number, actual: number, field: string): Mismatch | null {
  if (expected === actual) return null;
  const hex = (value: number): string => `${value} (0x${value.toString(16)})`;
  return {
    message: `live packet field ${name}: expected: ${hex(expected)} vs actual: ${hex(actual)}`,
    field,
  };
}

/** Whether the IP header's own checksum is right. */
export function ipChecksumOk(bytes: Uint8Array): boolean {
  return bytes[0]! >> 4 !== 4 || fold(sumBytes(bytes, 0, (bytes[0]! & 15) * 4)) === 0;
}

/** The first mismatch, or null if the packet is what the script expects. */
export function matchTcp(spec: TcpSpec, live: LivePacket, context: MatchContext): Mismatch | null {
  return (
    matchIp(spec, live, context) ??
    matchHeader(spec, live) ??
    matchFlowLabel(spec, live, context) ??
    (spec.options === '*' ? null : matchOptions(spec.options, live.shown, context)) ??
    matchPayload(live)
  );
}

function matchIp(spec: TcpSpec, live: LivePacket, context: MatchContext): Mismatch | null {
  const version = context.wireFamily;
  const name = `ipv${version}`;
  const { ip, segment } = live;
  const length = (segment.headerLength ?? 20) + segment.payload.length;
  return (
    differs(`${name}_version`, version, ip.source.family, 'ip') ??
    (version === 4 ? differs('ipv4_header_length', 5, 5 + ip.extra.length / 4, 'ip') : null) ??
    (openLength(spec)
      ? null
      : differs(
          version === 4 ? 'ipv4_total_length' : 'ipv6_payload_len',
          expectedHeaderLength(spec) + spec.length + (version === 4 ? 20 : 0),
          length + (version === 4 ? 20 : 0),
          // The payload's size has been compared before, so the options differ: the first that does is shown.
          firstOptionThatDiffers(spec, live.shown),
        )) ??
    matchTrafficClass(spec, ip.trafficClass) ??
    (spec.ip.ttl === 0 ? null : differs('ttl', spec.ip.ttl, ip.ttl, 'ip'))
  );
}

function matchTrafficClass(spec: TcpSpec, actual: number): Mismatch | null {
  const ecn = actual & 3;
  switch (spec.ip.check) {
    case 'none':
      return null;
    case 'ecn':
      return differs('ip_ecn', spec.ip.tos, ecn, 'ip');
    case 'ect01':
      if (ecn === 1 || ecn === 2) return null;
      return { message: `live packet field ip_ecn: expected: 0x1 or 0x2 vs actual: 0x${ecn}`, field: 'ip' };
    case 'tos':
      return differs('tos', spec.ip.tos, actual, 'ip');
  }
}

/** Whether the size of the options is left open, by `<...>` or by `*` for a blob. */
const openLength = (spec: TcpSpec): boolean =>
  spec.options === '*' || (spec.options.length > 0 && optionsLength(spec.options) === 0);

function firstOptionThatDiffers(spec: TcpSpec, shown: ShownTcp): string {
  const actual = shown.options as readonly TcpOptionSpec[];
  if (spec.options === '*') return 'options';
  const index = spec.options.findIndex(
    (option, i) => actual[i]?.kind !== option.kind || optionLength(actual[i]!) !== optionLength(option),
  );
  return `option${index < 0 ? spec.options.length : index}`;
}

const expectedHeaderLength = (spec: TcpSpec): number =>
  20 + (spec.options === '*' ? 0 : optionsLength(spec.options));

function matchHeader(spec: TcpSpec, live: LivePacket): Mismatch | null {
  const { shown, segment } = live;
  const offset = openLength(spec)
    ? null
    : differs('tcp_data_offset', expectedHeaderLength(spec) / 4, (segment.headerLength ?? 20) / 4, 'options');
  return (
    offset ??
    matchFlags(spec.flags, shown.flags) ??
    differs('tcp_reserved_bits', 0, segment.flags >>> 9, 'flags') ??
    matchNumber('tcp_seq', spec.seq, shown.seq, 'seq') ??
    matchNumber('tcp_ack_seq', spec.ack, shown.ack, 'ack') ??
    matchNumber('tcp_window', spec.window, shown.window, 'win') ??
    matchNumber('tcp_urg_ptr', spec.urgent, shown.urgent, 'urg')
  );
}

function matchNumber(
  name: string,
  wanted: number | '*',
  actual: number | '*',
  field: string,
): Mismatch | null {
  return wanted === '*' ? null : differs(name, wanted, Number(actual), field);
}

const flagLetters = {
  fin: 'F',
  syn: 'S',
  rst: 'R',
  psh: 'P',
  ack: '.',
  urg: 'U',
  ece: 'E',
  cwr: 'W',
  ae: 'A',
} as const;

const aceOf = (flags: TcpFlags): number => (flags.ae ? 4 : 0) | (flags.cwr ? 2 : 0) | (flags.ece ? 1 : 0);

function matchFlags(wanted: TcpFlags, actual: TcpFlags): Mismatch | null {
  for (const name of ['fin', 'syn', 'rst', 'psh', 'ack', 'urg'] as const) {
    if (wanted.open.includes(flagLetters[name])) continue;
    const mismatch = differs(`tcp_${name}`, Number(wanted[name]), Number(actual[name]), 'flags');
    if (mismatch !== null) return mismatch;
  }
  if (wanted.ace) return differs('tcp_ace', aceOf(wanted), aceOf(actual), 'flags');
  for (const name of ['ece', 'cwr', 'ae'] as const) {
    if (wanted.open.includes(flagLetters[name])) continue;
    const mismatch = differs(`tcp_${name}`, Number(wanted[name]), Number(actual[name]), 'flags');
    if (mismatch !== null) return mismatch;
  }
  return null;
}

/** Labels are learnt: the same label in the script must be the same on the wire, another one another. */
function matchFlowLabel(
  spec: TcpSpec,
  live: LivePacket,
  { flow, wireFamily }: MatchContext,
): Mismatch | null {
  const wanted = spec.ip.flowLabel;
  if (wireFamily !== 6 || wanted === 0) return null;
  const actual = live.ip.flowLabel;
  if (actual === 0) return { message: 'flowlabel unmarked in the live packet', field: 'ip' };
  const known = flow.flowLabel;
  if (known === null || (known.script !== wanted && known.live !== actual)) {
    flow.flowLabel = { script: wanted, live: actual };
    return null;
  }
  if (known.script !== wanted)
    return { message: 'expected a different flowlabel but got the same', field: 'ip' };
  if (known.live === actual) return null;
  const hex = (value: number): string => `0x${value.toString(16)}`;
  return {
    message: `inconsistent flowlabels for this packet: expected: ${hex(known.live)} vs actual: ${hex(actual)}`,
    field: 'ip',
  };
}

function matchOptions(
  wanted: readonly TcpOptionSpec[],
  shown: ShownTcp,
  context: MatchContext,
): Mismatch | null {
  const actual = shown.options as readonly TcpOptionSpec[];
  for (let i = 0; i < Math.max(wanted.length, actual.length); i++) {
    const [want, got] = [wanted[i], actual[i]];
    if (want === undefined || got === undefined || kindOf(want) !== kindOf(got)) {
      return { message: 'bad outbound TCP options', field: `option${i}` };
    }
    const mismatch = matchOption(want, got, i, context);
    if (mismatch !== null) return mismatch;
  }
  return null;
}

const kindOf = (option: TcpOptionSpec): string =>
  option.kind === 'ECN'
    ? `ECN ${option.first}`
    : option.kind === 'unknown'
      ? `kind ${option.type}`
      : option.kind;

const optionNumbers: Readonly<Record<TcpOptionSpec['kind'], number>> = {
  eol: 0,
  nop: 1,
  mss: 2,
  wscale: 3,
  sackOK: 4,
  sack: 5,
  TS: 8,
  md5: 19,
  FO: 34,
  ECN: 172,
  FOEXP: 254,
  raw: 255,
  unknown: 255,
};

function matchOption(
  want: TcpOptionSpec,
  got: TcpOptionSpec,
  index: number,
  context: MatchContext,
): Mismatch | null {
  const field = `option${index}`;
  if (want.kind === 'TS' && got.kind === 'TS') {
    if (context.tsTickUs === 0 || want.val === '*') return null;
    const ticks = Math.abs((Number(got.val) - want.val) | 0);
    if (ticks * context.tsTickUs <= context.tsToleranceUs) return null;
    return { message: `bad outbound TCP timestamp value, tolerance ${context.tsToleranceUs}`, field };
  }
  if (sameOption(want, got)) return null;
  const problem = optionLength(want) === optionLength(got) || openOption(want) ? 'bad value' : 'bad length';
  return {
    message: `${problem} in outbound TCP option (kind=${optionNumbers[want.kind]}): expected: ${optionText(want)} actual: ${optionText(got)}`,
    field,
  };
}

const openOption = (option: TcpOptionSpec): boolean => Object.values(option).includes('*');

function sameOption(want: TcpOptionSpec, got: TcpOptionSpec): boolean {
  if ('value' in want && 'value' in got) return agrees(want.value, got.value);
  if (openOption(want)) return true;
  return optionText(want) === optionText(got);
}

function matchPayload(live: LivePacket): Mismatch | null {
  const wrong = live.segment.payload.some((byte) => byte !== 0);
  return wrong ? { message: 'incorrect outbound data payload', field: 'length' } : null;
}

/**
 * Whether a segment may be joined to the one before it, as segmentation offload would have left them together.
 * @param previous the segment before, in script terms
 * @param missing bytes still missing before this segment
 */
export function matchFragment(previous: ShownTcp, current: ShownTcp, missing: number): Mismatch | null {
  const headers =
    differs('tcp_syn', Number(previous.flags.syn), Number(current.flags.syn), 'flags') ??
    differs('tcp_rst', Number(previous.flags.rst), Number(current.flags.rst), 'flags') ??
    differs('tcp_ack', Number(previous.flags.ack), Number(current.flags.ack), 'flags') ??
    differs('tcp_urg', Number(previous.flags.urg), Number(current.flags.urg), 'flags') ??
    differs('tcp_ece', Number(previous.flags.ece), Number(current.flags.ece), 'flags') ??
    differs('tcp_seq', (Number(previous.seq) + previous.length) >>> 0, Number(current.seq), 'seq') ??
    differs('tcp_ack_seq', Number(previous.ack), Number(current.ack), 'ack') ??
    differs('tcp_window', Number(previous.window), Number(current.window), 'win') ??
    differs('tcp_urg_ptr', Number(previous.urgent), Number(current.urgent), 'urg');
  if (headers !== null) return headers;
  if (current.length < missing && current.length !== previous.length) {
    const message = `fragment payload: expected ${previous.length} bytes vs actual ${current.length} bytes`;
    return { message, field: 'length' };
  }
  return null;
}
