/** The packets of an attempt as the rows of a ladder, for the terminal and for pages. */
import type { Attempt } from '../explain/judge/attempt.ts';
import type { PacketSeen } from '../explain/judge/evidence.ts';
import { durationText, endpoint } from '../explain/output/sentences.ts';
import { flagsText } from '../explain/output/text.ts';
import type { AttemptWords } from './attempt-texts.ts';
import { attemptWords } from './attempt-words.ts';
import { columns, pack, padEnd, padStart, wrap } from './text-width.ts';
import type { Language } from './words.ts';

/** One packet. */
export interface LadderPacket {
  readonly frame: number;
  /** Time since the packet before it, such as `+12.3 ms`; empty for the first. */
  readonly delta: string;
  readonly fromClient: boolean;
  /** Its flags, or what the ICMP error says. */
  readonly title: string;
  readonly details: readonly string[];
  readonly kind: 'syn' | 'rst' | 'fin' | 'icmp' | 'other';
}

const SYN = 2;
const ACK = 16;

/** The packets, in the order of the capture. */
export function ladderPackets(a: Attempt, language: Language = 'en'): LadderPacket[] {
  const words = attemptWords[language];
  let before: number | null = null;
  return a.evidence.packets.map((p) => {
    const gap = before === null ? null : p.time - before;
    before = p.time;
    return { frame: p.frame, delta: gap === null ? '' : gapText(gap), ...described(a, p, words) };
  });
}

/** A clock that was set, or a damaged one, can make gaps of years. */
function gapText(ns: number): string {
  const sign = ns < 0 ? '' : '+';
  if (Math.abs(ns) >= 1e14) return `${sign}${Math.round(ns / 8.64e13)} d`;
  return ns === 0 ? '+0' : `${sign}${durationText(ns)}`;
}

function described(
  a: Attempt,
  p: PacketSeen,
  words: AttemptWords,
): Pick<LadderPacket, 'fromClient' | 'title' | 'details' | 'kind'> {
  if (p.icmp !== null)
    return {
      fromClient: false,
      title: `ICMP: ${words.icmp(p, a.evidence.ipv6)}`,
      details: [words.sender(p.icmp.sender)],
      kind: 'icmp',
    };
  const title = p.flags === 0 ? words.noFlags : flagsText(p.flags);
  const kind = p.flags & 4 ? 'rst' : p.flags & SYN ? 'syn' : p.flags & 1 ? 'fin' : 'other';
  const marks = [p.duplicate ? words.again : '', p.stray ? words.stray : ''].filter(Boolean);
  const again = a.evidence.packets.some((other) => other.frame < p.frame && alike(other, p));
  if (again) return { fromClient: p.fromClient, title, details: [words.same, ...marks], kind };
  const details = [`seq ${p.seq >>> 0}`];
  if (p.flags & ACK) details.push(`ack ${p.ack >>> 0}`);
  details.push(`win ${p.window}`);
  if (p.length > 0) details.push(words.bytes(p.length));
  if (p.flags & SYN) details.push(words.options(p.options));
  return { fromClient: p.fromClient, title, details: [...details, ...marks], kind };
}

/** Whether two packets say the same, but for their time stamps. */
function alike(p: PacketSeen, q: PacketSeen): boolean {
  return (
    p.icmp === null &&
    p.fromClient === q.fromClient &&
    p.flags === q.flags &&
    p.seq === q.seq &&
    p.ack === q.ack &&
    p.window === q.window &&
    p.length === q.length &&
    (p.options === q.options || ((p.flags & SYN) === 0 && (q.flags & SYN) === 0))
  );
}

const colours = { syn: 32, rst: 31, fin: 33, icmp: 31, other: 36 } as const;
const DELTA_COLUMNS = 9;

/**
 * The ladder as lines of text.
 * @param width columns, at least 60; no line is wider
 */
export function ladderLines(a: Attempt, width: number, colour: boolean, language: Language = 'en'): string[] {
  const packets = ladderPackets(a, language);
  const digits = Math.max(5, ...packets.map(({ frame }) => String(frame).length));
  const side = digits + 1 + DELTA_COLUMNS + 1;
  const middle = Math.max(60, width) - side - 2;
  const paint = (text: string, code: number): string =>
    colour && text.trim() !== '' ? `\u001b[${code}m${text}\u001b[0m` : text;
  const ends = [endpoint(a.client, a.clientPort), endpoint(a.server, a.serverPort)] as const;
  const head = `${padStart(attemptWords[language].frame, digits)} ${padStart('Δt', DELTA_COLUMNS)} `;
  const lines: string[] = [];
  if (columns(ends[0]) + columns(ends[1]) + 2 <= middle + 2)
    lines.push(paint(`${head}${ends[0]}${padStart(ends[1], middle + 2 - columns(ends[0]))}`, 1));
  else {
    lines.push(paint(`${head}${ends[0]}`, 1));
    lines.push(paint(`${' '.repeat(side)}${padStart(ends[1], middle + 2)}`, 1));
  }
  for (const p of packets) {
    const start = `${padStart(String(p.frame), digits)} ${padStart(p.delta, DELTA_COLUMNS)} `;
    lines.push(`${paint(start, 2)}│${paint(arrow(p, middle), colours[p.kind])}│`);
    for (const text of pack(p.details, middle - 5))
      lines.push(`${' '.repeat(side)}│${paint(padEnd(`    ${text}`, middle), 2)}│`);
  }
  return lines;
}

/** Flags near the sender, the head at the receiver. An ICMP error does not come from the server's side. */
function arrow({ title, fromClient, kind }: LadderPacket, middle: number): string {
  const text = wrap(` ${title} `.trimEnd(), middle - 8)[0]!;
  const label = ` ${text.trim()} `;
  const length = kind === 'icmp' ? Math.min(middle, Math.max(columns(label) + 6, middle >> 1)) : middle;
  const fill = '─'.repeat(Math.max(1, length - 3 - columns(label)));
  if (fromClient) return `──${label}${fill}▶`;
  return padEnd(`◀${fill}${label}──`, middle);
}
