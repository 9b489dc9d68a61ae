/** What stands beside arrows and lifelines. */

import type { NodeEvent } from '../../../../src/sim/events.ts';
import { columns, wrap } from '../../../../src/view/text-width.ts';
import { type Language, sentence } from '../../../../src/view/words.ts';
import { decodeIp } from '../../../../src/wire/ip.ts';
import { decodeTcp, Flag, protocolTcp, type TcpSegment } from '../../../../src/wire/tcp.ts';
import { flagList, optionText, packetText } from '../../../../src/wire/text.ts';
import type { CallEvent } from '../world/program.ts';
import type { LabEvent } from '../world/run.ts';

/** What packets were read as: playing asks for the same ones at every frame. */
const known = new WeakMap<Uint8Array, TcpSegment | null>();

/** The segment in an IP packet; null for anything else. */
export function segmentOf(bytes: Uint8Array): TcpSegment | null {
  let segment = known.get(bytes);
  if (segment === undefined) {
    segment = read(bytes);
    known.set(bytes, segment);
  }
  return segment;
}

function read(bytes: Uint8Array): TcpSegment | null {
  try {
    const ip = decodeIp(bytes);
    return ip.protocol === protocolTcp && ip.fragmentOffset === 0 ? decodeTcp(ip.payload) : null;
  } catch {
    return null;
  }
}

/**
 * What may be said about a packet beside its arrow, the richest first: flags and data, numbers, options.
 * @param room how many characters fit along it
 */
export function arrowTexts(
  bytes: Uint8Array,
  room: number,
  language: Language,
): readonly (readonly string[])[] {
  const segment = segmentOf(bytes);
  if (segment === null) return [[packetText(bytes, 'short')]];
  const flags = flagList(segment.flags).join(', ') || '—';
  const size = segment.payload.length;
  const data = size === 0 ? '' : language === 'zh' ? `${size} 字节` : size === 1 ? '1 byte' : `${size} bytes`;
  const head = data === '' ? flags : `${flags} · ${data}`;
  const seq = `Seq=${segment.seq >>> 0}`;
  const ack = segment.flags & Flag.ack ? `Ack=${segment.ack >>> 0}` : '';
  const stamps = segment.options.some(({ kind }) => kind === 'timestamps') && segment.flags & Flag.syn;
  const options = segment.options
    .filter(({ kind }) => kind !== 'timestamps')
    .map((option) => (option.kind === 'sackPermitted' ? 'SACK' : optionText(option)));
  const more = [...options, stamps ? 'TS' : ''];
  // A pure ACK is about what it acknowledges; the number of anything else says what it is.
  const [main, other] = flags === 'ACK' && size === 0 ? [ack, seq] : [seq, ack];
  const joined = (...parts: string[]): string => parts.filter((text) => text !== '').join(' ');
  const offered = asFits(more, room);
  const texts = [
    [joined(head, seq, ack), offered],
    [joined(head, seq, ack)],
    [joined(head, main), asFits([other, ...more], room)],
    [joined(head, main), other],
    [head, joined(seq, ack)],
    [head, main, other],
    [joined(head, main)],
    [head, main],
    [head],
    [flags],
  ];
  return texts.filter((lines) => lines.every((line) => columns(line) <= room));
}

/** As many of the parts as there is room for: a number that is cut would be another number. */
function asFits(parts: readonly string[], room: number): string {
  let text = '';
  for (const part of parts) {
    const longer = text === '' ? part : part === '' ? text : `${text} ${part}`;
    if (longer.length > room) break;
    text = longer;
  }
  return text;
}

const callText = ({ call, args, result }: CallEvent): string => `${call}(${args}) = ${result}`;

/** How many columns a line beside a lifeline has. */
const lineColumns = 22;

/** The lines beside a lifeline for an event; none for one that is told otherwise. */
export function markLines(event: LabEvent, language: Language): readonly string[] {
  if (event.kind === 'call') {
    const text = callText(event);
    if (columns(text) <= lineColumns) return [text];
    const [head, tail] = [`${event.call}(${event.args})`, `= ${event.result}`];
    return columns(head) <= lineColumns ? [head, tail] : [`${event.call}(`, `${event.args})`, tail];
  }
  if (event.kind !== 'tcp') return [];
  const { event: it } = event;
  if (it.kind === 'state') return it.to === undefined ? [] : [it.to];
  if (it.reason === 'negotiated') return [];
  const key = `${language} ${it.reason}`;
  const known = wrapped.get(key) ?? wrap(sentence(it.reason, language), lineColumns);
  wrapped.set(key, known);
  return known;
}

/** Sentences that were wrapped: there are thousands of events, and few codes. */
const wrapped = new Map<string, readonly string[]>();

/** What the arguments of events are called. */
const argumentNames: Readonly<Record<string, { readonly en: string; readonly zh: string }>> = {
  mss: { en: 'bytes a segment', zh: '每段字节数' },
  mtu: { en: 'MTU', zh: 'MTU' },
  sendScale: { en: "peer's windows", zh: '对方窗口' },
  receiveScale: { en: 'own windows', zh: '本方窗口' },
  sack: { en: 'SACK', zh: 'SACK' },
  timestamps: { en: 'timestamps', zh: '时间戳' },
  ecn: { en: 'ECN', zh: 'ECN' },
  retransmits: { en: 'repeat', zh: '重传' },
  rtoUs: { en: 'time-out', zh: '超时' },
};
const onOff = { en: ['off', 'on'], zh: ['关', '开'] } as const;

/** `rtoUs: 1000000` as `time-out 1 s`, `sack: 1` as `SACK on`, `sendScale: 7` as `peer's windows × 128`. */
export function argument(name: string, value: number | string, language: Language): string {
  const title = argumentNames[name]?.[language] ?? name;
  if (typeof value === 'string') return `${title} ${value}`;
  if (name.endsWith('Us')) return `${title} ${timeText(value)}`;
  if (name.endsWith('Scale')) return `${title} × ${value < 0 ? 1 : 2 ** value}`;
  if (name === 'sack' || name === 'timestamps' || name === 'ecn')
    return `${title} ${onOff[language][value === 0 ? 0 : 1]}`;
  return `${title} ${value}`;
}

/** The whole sentence for an event, with its arguments. */
export function eventText(
  event: NodeEvent | CallEvent,
  language: Language,
  titleOf: (host: string) => string,
): string {
  // Most programs have their host's name.
  if (event.kind === 'call')
    return `${event.program === event.node ? titleOf(event.node) : event.program}: ${callText(event)}`;
  const { event: it } = event;
  const way = it.kind === 'state' ? `${it.from} → ${it.to}: ` : '';
  const args = Object.entries(it.args ?? {}).map(([name, value]) => argument(name, value, language));
  const more = language === 'zh' ? `（${args.join('，')}）` : ` (${args.join(', ')})`;
  return `${way}${sentence(it.reason, language)}${args.length === 0 ? '' : more}`;
}

/** A span of time with its unit: `200 µs`, `40 ms`, `1.002 s`. */
export function timeText(us: number): string {
  if (us < 1000) return `${us} µs`;
  if (us < 1_000_000) return `${trim(us / 1000)} ms`;
  return `${trim(us / 1e6)} s`;
}
const trim = (value: number): string => value.toFixed(3).replace(/\.?0+$/, '');

/** A moment, in seconds with as many digits as a capture shows. */
export const clockText = (us: number): string => (us / 1e6).toFixed(6);

/** A state by the short name that `ss` has, for phones. */
export const briefState = (state: string): string =>
  state
    .replace('SYN-RECEIVED', 'SYN-RCVD')
    .replace('ESTABLISHED', 'ESTAB')
    .replace('FIN-WAIT-', 'FIN-W-')
    .replace('CLOSE-WAIT', 'CLOSE-W');
