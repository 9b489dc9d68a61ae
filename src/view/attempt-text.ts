/** Attempts and summaries for the terminal: nothing wider than it is, and colour only where asked for. */
import { type Attempt, timeText } from '../explain/judge/attempt.ts';
import type { Verdict } from '../explain/judge/verdicts.ts';
import { durationText } from '../explain/output/sentences.ts';
import type { Tally } from '../explain/output/summary.ts';
import { ladderLines } from './attempt-ladder.ts';
import type { AttemptWords, FactLabel } from './attempt-texts.ts';
import { attemptWords } from './attempt-words.ts';
import { columns, padEnd, padStart, wrap } from './text-width.ts';
import type { Language } from './words.ts';

/** How to lay text out. */
export interface TextStyle {
  /** Columns of the terminal; fewer than 72 count as 72. */
  readonly width: number;
  readonly colour: boolean;
}

const LEAST = 72;
const bold = 1;
const dim = 2;

const paint = (style: TextStyle, code: number, text: string): string =>
  style.colour ? `\u001b[${code}m${text}\u001b[0m` : text;

/** Green for what went well, red for what failed, yellow for what is odd. */
function colourOf(verdict: Verdict): number {
  if (verdict === 'completed' || verdict === 'fast-open-accepted') return 32;
  if (verdict === 'mid-stream' || verdict === 'one-sided') return dim;
  const failed: readonly Verdict[] = [
    'refused',
    'unanswered',
    'unconfirmed',
    'reset-by-client',
    'reset-by-server',
    'rejected-by-icmp',
    'self-connect',
    'accept-queue-full',
    'flood',
  ];
  return failed.includes(verdict) ? 31 : 33;
}

/** A line with what it is about before it; further lines are indented as far. */
function labelled(label: string, text: string, width: number): string[] {
  return wrap(text, width - columns(label)).map(
    (line, n) => `${n === 0 ? label : ' '.repeat(columns(label))}${line}`,
  );
}

/** An attempt in full: sentence, evidence, ladder, notes and figures. */
export function attemptLines(a: Attempt, style: TextStyle, language: Language = 'en'): string[] {
  const width = Math.max(LEAST, style.width);
  const number = paint(style, bold, `#${a.number}`);
  const words = attemptWords[language];
  return [
    `${number} ${paint(style, colourOf(a.verdict), a.verdict)}${language === 'zh' ? `（${words.certainty[a.certainty]}）` : ` (${a.certainty})`}`,
    ...labelled('  ', words.sentence(a), width),
    ...labelled('  ', shownText(a, language), width),
    '',
    ...ladderLines(a, width - 2, style.colour, language).map((line) => `  ${line}`),
    ...details(a, width, language),
  ];
}

/** Which frames show what is said of an attempt, and when it began. */
export function shownText(a: Attempt, language: Language = 'en'): string {
  const text = timeText(a.baseSeconds, a.evidence.firstTime).replace('T', ' ');
  // Most captures count microseconds.
  return attemptWords[language].shown(a.frames, text.replace(/(?:000)?Z$/, ' UTC'), a.encapsulation);
}

function details(a: Attempt, width: number, language: Language): string[] {
  const lines: string[] = [];
  const add = (label: string, text: string): void => {
    lines.push(...labelled(`  ${padEnd(label, 12)}`, text, width));
  };
  for (const { label, text } of facts(a, language)) add(label, text);
  return lines.length === 0 ? [] : ['', ...lines];
}

/** What is known of an attempt beside its packets, for the terminal and for pages. */
export function facts(
  a: Attempt,
  language: Language = 'en',
): { readonly label: string; readonly text: string }[] {
  const { handshake: h, roundTrip: r } = a;
  const words = attemptWords[language];
  const list: { label: string; text: string }[] = [];
  const add = (label: FactLabel, text: string): void => {
    list.push({ label: words.labels[label], text });
  };
  for (const note of a.notes) add('note', words.note(note));
  if (h.syn !== null) add('offered', words.options(h.syn.options));
  if (h.synAck !== null) add('answered', words.options(h.synAck.options));
  if (a.inForce !== null) add('in force', forceText(a.inForce, words));
  if (r.serverNs !== null) {
    const client = r.clientNs === null ? null : durationText(r.clientNs);
    add('round trip', words.roundTrip(durationText(r.serverNs), client, r.ambiguous));
  }
  if (a.capturePoint !== null) add('captured at', words.points[a.capturePoint]);
  if (a.evidence.isnStep !== null && a.notes.includes('isn-predictable'))
    add('numbers', words.isnStep(a.evidence.isnStep));
  if (a.backOff !== null) add('repeats', words.repeats(words.patterns[a.backOff.pattern]));
  if (a.system !== null) add('client', words.system(a.system));
  return list;
}

function forceText(f: NonNullable<Attempt['inForce']>, words: AttemptWords): string {
  const parts = [words.segments(f.clientMss, f.serverMss)];
  if (f.clientScale > 0 || f.serverScale > 0)
    parts.push(words.windows(2 ** f.clientScale, 2 ** f.serverScale));
  if (f.sack) parts.push('SACK');
  if (f.timestamps) parts.push(words.stamps);
  if (f.ecn) parts.push('ECN');
  return parts.join(', ');
}

/** The summary: verdicts with their counts and top destinations, and what stands out. */
export function summaryLines(tally: Tally, style: TextStyle, language: Language = 'en'): string[] {
  const rows = tally.verdicts();
  const words = attemptWords[language];
  const titles = words.table;
  if (rows.length === 0) return [titles.none];
  const room = Math.max(LEAST, style.width);
  const width = Math.max(...rows.map(({ verdict }) => verdict.length), columns(titles.verdict));
  const digits = Math.max(...rows.map(({ count }) => String(count).length), columns(titles.count));
  const examples = Math.max(...rows.map(({ example }) => String(example).length + 1), columns(titles.first));
  const head = `${padEnd(titles.verdict, width)}  ${padStart(titles.count, digits)}  ${padStart(titles.first, examples)}  ${titles.top}`;
  const lines = [paint(style, bold, head)];
  for (const { verdict, count, example, top } of rows) {
    const start = `${padEnd(verdict, width)}  ${padStart(String(count), digits)}  ${padStart(`#${example}`, examples)}  `;
    let places = '';
    for (const { destination, count: n } of top) {
      const next = `${places === '' ? '' : `${places}, `}${destination} (${n})`;
      if (places !== '' && columns(start) + columns(next) > room) break;
      places = next;
    }
    const line = `${paint(style, colourOf(verdict), start.slice(0, width))}${start.slice(width)}`;
    // One long IPv6 address may need a line of its own.
    if (columns(start) + columns(places) > room) lines.push(line.trimEnd(), padStart(places, room));
    else lines.push(`${line}${places}`);
  }
  const standing = tally.notes();
  if (standing.length === 0) return lines;
  lines.push('', paint(style, bold, titles.standing));
  const most = Math.max(...standing.map(({ count }) => String(count).length));
  for (const { note, count, example } of standing) {
    const label = `  ${padStart(String(count), most)} × `;
    lines.push(...labelled(label, words.standing(note, example), room));
  }
  return lines;
}
