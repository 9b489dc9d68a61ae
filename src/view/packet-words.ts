/** What a ladder says about a packet: numbers as distances from the ISNs, windows as they are meant, options by name. */
import type { LossCause } from '../sim/conditions.ts';
import type { TraceEvent } from '../tcp/trace.ts';
import { formatEndpoint } from '../wire/address.ts';
import { decodeIp } from '../wire/ip.ts';
import type { TcpOption } from '../wire/options.ts';
import { decodeTcp, Flag, protocolTcp, type TcpSegment } from '../wire/tcp.ts';
import { flagList, optionText, packetText } from '../wire/text.ts';
import { type Language, sentence } from './words.ts';

/** What one direction of a connection has shown so far. */
interface Direction {
  /** The SYN's sequence number, null if none was seen. */
  isn: number | null;
  /** The window scale offered, -1 if none. */
  shift: number;
}

const lossWords: Readonly<Record<LossCause, Record<Language, string>>> = {
  loss: { en: 'lost on the way', zh: '途中丢失' },
  cut: { en: 'lost: the link is cut', zh: '丢失：链路已断开' },
  'queue-full': { en: 'lost: the queue is full', zh: '丢失：队列已满' },
  dropped: { en: 'dropped on purpose', zh: '被有意丢弃' },
};

const offers: Readonly<Record<Language, string>> = { en: 'offers', zh: '提供' };
const dataWords: Readonly<Record<Language, string>> = { en: 'bytes of data', zh: '字节数据' };

/** A list whose parts are not broken across lines: spaces inside a part do not break. */
const together = (parts: readonly string[]): string =>
  parts.map((part) => part.replaceAll(' ', '\u00a0')).join(', ');

/** What a handshake settled, by the names of the `negotiated` event's arguments. */
type Settled = Readonly<Record<string, number | string>>;

const unsigned = (n: number): number => n >>> 0;

/** Remembers what was offered, so as to know what later packets mean. */
export class PacketWords {
  private readonly language: Language;
  private readonly directions = new Map<string, Direction>();

  constructor(language: Language) {
    this.language = language;
  }

  /** Learns from a packet sent. */
  see(bytes: Uint8Array): void {
    const it = read(bytes);
    if (it === null || (it.segment.flags & Flag.syn) === 0) return;
    const scale = it.segment.options.find((option) => option.kind === 'windowScale');
    this.directions.set(it.forward, { isn: it.segment.seq, shift: scale?.shift ?? -1 });
  }

  /** The flags and the length: `PSH, ACK  100 bytes`. */
  title(bytes: Uint8Array): string {
    const it = read(bytes);
    if (it === null) return packetText(bytes, 'short');
    return flagList(it.segment.flags).join(', ') || '(no flags)';
  }

  /** One line for a packet that is not drawn as an arrow. */
  line(bytes: Uint8Array): string {
    return packetText(bytes, 'short');
  }

  /** The packet's numbers and options, a line each. */
  details(bytes: Uint8Array, lost: LossCause | null): string[] {
    const lines = lost === null ? [] : [lossWords[lost][this.language]];
    const it = read(bytes);
    if (it === null) return lines;
    const { segment } = it;
    const own = this.directions.get(it.forward);
    const other = this.directions.get(it.backward);
    const syn = (segment.flags & Flag.syn) !== 0;
    lines.push(`seq ${number(segment.seq, syn ? null : (own?.isn ?? null))}`);
    if (segment.flags & Flag.ack) lines.push(`ack ${number(segment.ack, other?.isn ?? null)}`);
    lines.push(windowText(segment, own, other));
    if (segment.payload.length > 0) lines.push(`${segment.payload.length} ${dataWords[this.language]}`);
    const options = segment.options.map(optionWords).filter((text) => text !== '');
    if (options.length > 0) lines.push((syn ? `${offers[this.language]} ` : '') + together(options));
    return lines;
  }

  /** The sentence for an event inside a host, with its arguments behind it. */
  note(event: TraceEvent): string {
    if (event.reason === 'negotiated') return this.inForce(event.args ?? {});
    const text = sentence(event.reason, this.language);
    const args = Object.entries(event.args ?? {}).map(([name, value]) => argument(name, value));
    return args.length === 0 ? text : `${text} (${args.join(', ')})`;
  }

  /** The options in force after a handshake, from this side's point of view. */
  private inForce(settled: Settled): string {
    const zh = this.language === 'zh';
    const [own, other] = [Number(settled.receiveScale), Number(settled.sendScale)];
    const parts = [zh ? `每段最多 ${settled.mss} 字节` : `segments up to ${settled.mss} bytes`];
    if (own >= 0 && own === other) parts.push(zh ? `双方窗口 ×${2 ** own}` : `windows ×${2 ** own}`);
    else if (own >= 0)
      parts.push(
        ...(zh
          ? [`我方窗口 ×${2 ** own}`, `对方窗口 ×${2 ** other}`]
          : [`own window ×${2 ** own}`, `peer's ×${2 ** other}`]),
      );
    if (settled.sack === 1) parts.push('SACK');
    if (settled.timestamps === 1) parts.push(zh ? '时间戳' : 'timestamps');
    if (settled.ecn === 1) parts.push('ECN');
    return `${zh ? '生效：' : 'in force: '}${together(parts)}`;
  }
}

/** `rtoUs: 1000000` as `rto 1 s`; other numbers as they are. */
function argument(name: string, value: number | string): string {
  if (typeof value === 'string' || !name.endsWith('Us')) return `${name} ${value}`;
  const short = name.slice(0, -2);
  return value % 1_000_000 === 0 ? `${short} ${value / 1_000_000} s` : `${short} ${value / 1000} ms`;
}

function number(value: number, isn: number | null): string {
  const plain = `${unsigned(value)}`;
  return isn === null ? plain : `${plain} (ISN + ${unsigned(value - isn)})`;
}

/** The window in bytes; scaled if both sides offered it, and then with how it was got. */
function windowText({ window, flags }: TcpSegment, own?: Direction, other?: Direction): string {
  const scaled =
    (flags & Flag.syn) === 0 && own !== undefined && other !== undefined && own.shift > 0 && other.shift >= 0;
  if (!scaled) return `win ${window}`;
  const factor = 2 ** Math.min(own.shift, 14);
  return `win ${window * factor} (${window} × ${factor})`;
}

function optionWords(option: TcpOption): string {
  switch (option.kind) {
    case 'mss':
      return `MSS ${option.value}`;
    case 'windowScale':
      return `window scale ${option.shift} (×${2 ** Math.min(option.shift, 14)})`;
    case 'sackPermitted':
      return 'SACK';
    case 'timestamps':
      return `TS ${unsigned(option.value)} echo ${unsigned(option.echo)}`;
    case 'sack':
      return `SACK ${option.blocks.map(({ left, right }) => `${unsigned(left)}-${unsigned(right)}`).join(' ')}`;
    default:
      return optionText(option);
  }
}

/** A TCP packet's segment with a key for each direction of its connection; null for anything else. */
function read(bytes: Uint8Array): { segment: TcpSegment; forward: string; backward: string } | null {
  try {
    const ip = decodeIp(bytes);
    if (ip.protocol !== protocolTcp || ip.fragmentOffset > 0) return null;
    const segment = decodeTcp(ip.payload);
    const from = formatEndpoint(ip.source, segment.sourcePort);
    const to = formatEndpoint(ip.destination, segment.destinationPort);
    return { segment, forward: `${from} ${to}`, backward: `${to} ${from}` };
  } catch {
    // Damaged packets are shown as packetText describes them.
    return null;
  }
}
