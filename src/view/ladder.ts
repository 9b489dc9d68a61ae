/** A ladder diagram for the terminal: both sides' states and times, and the packets between them. */
import type { WorldEvent } from '../sim/events.ts';
import type { NoteRow, PacketRow, RowEnd } from './rows.ts';
import { rowsOf } from './rows.ts';
import { columns, pack, padEnd, padStart, wrap } from './text-width.ts';
import type { Language } from './words.ts';

export interface LadderOptions {
  /** The nodes to show; the same name twice for a host that talks to itself. */
  readonly left: string;
  readonly right: string;
  /** What to write above them; their names if not given. Several lines each. */
  readonly leftTitle?: readonly string[];
  readonly rightTitle?: readonly string[];
  /** The states that they begin with. */
  readonly leftState?: string;
  readonly rightState?: string;
  /** Columns of the terminal: at least 72; 80 if not given. */
  readonly width?: number;
  readonly colour?: boolean;
  readonly language?: Language;
}

const smallest = 72;
const stateWidth = 12;

const codes = {
  dim: ['\u001b[2m', '\u001b[22m'],
  bold: ['\u001b[1m', '\u001b[22m'],
  green: ['\u001b[32m', '\u001b[39m'],
  cyan: ['\u001b[36m', '\u001b[39m'],
  red: ['\u001b[31m', '\u001b[39m'],
  yellow: ['\u001b[33m', '\u001b[39m'],
} as const;

/**
 * Draws events as a ladder.
 * @returns lines without a newline at the end, none wider than `width`
 */
export function ladder(events: readonly WorldEvent[], options: LadderOptions): string[] {
  // Spaces that were not to break have done their work.
  return new Ladder(events, options).draw().map((line) => line.replaceAll('\u00a0', ' '));
}

class Ladder {
  private readonly options: LadderOptions;
  private readonly events: readonly WorldEvent[];
  private readonly language: Language;
  /** Columns between the two bars. */
  private readonly middle: number;
  /** Only one bar: a host and itself. */
  private readonly alone: boolean;
  private readonly lines: string[] = [];
  private readonly formatTime: (us: number) => string;
  private readonly unit: 'ms' | 's';
  private readonly timeWidth: number;

  constructor(events: readonly WorldEvent[], options: LadderOptions) {
    this.events = events;
    this.options = options;
    this.language = options.language ?? 'en';
    this.alone = options.left === options.right;
    const last = events.reduce((most, { at }) => Math.max(most, at), 0);
    this.unit = last < 10_000_000 ? 'ms' : 's';
    this.formatTime = last < 10_000_000 ? (us) => (us / 1000).toFixed(3) : (us) => (us / 1e6).toFixed(6);
    this.timeWidth = Math.max(`time ${this.unit}`.length, this.formatTime(last).length);
    const width = Math.max(smallest, options.width ?? 80);
    const side = this.timeWidth + 1 + stateWidth + 1;
    this.middle = this.alone ? Math.min(width - side - 2, 60) : width - 2 * side - 2;
  }

  draw(): string[] {
    this.header();
    for (const row of rowsOf(this.events, this.options, this.language)) {
      if (row.kind === 'packet') this.packet(row);
      else this.note(row);
    }
    return this.lines;
  }

  private header(): void {
    const { left, right, leftTitle = [left], rightTitle = [right], leftState, rightState } = this.options;
    const time = this.language === 'zh' ? `时间 ${this.unit}` : `time ${this.unit}`;
    const edge = this.timeWidth + 1 + stateWidth;
    for (let i = 0; i < Math.max(leftTitle.length, rightTitle.length); i++) {
      const name = leftTitle[i] ?? '';
      const before = i === 0 ? time : '';
      const room = edge + 1 - columns(before);
      const start = before + padStart(name, Math.max(room, columns(name) + 1));
      const other = this.alone ? '' : (rightTitle[i] ?? '');
      const gap = this.width() - columns(start) - columns(other);
      const from = Math.max(1, Math.min(gap, edge + 1 + this.middle - columns(start)));
      this.lines.push(
        this.alone ? this.paint(start, 'bold') : this.paint(start + ' '.repeat(from) + other, 'bold'),
      );
    }
    const end = (state: string | undefined): RowEnd => ({
      at: null,
      states: state === undefined ? [] : [state],
    });
    this.line(end(leftState), '', end(rightState));
  }

  private width(): number {
    const side = this.timeWidth + 1 + stateWidth + 1;
    return this.alone ? side + 2 + this.middle : 2 * side + 2 + this.middle;
  }

  private packet(row: PacketRow): void {
    const arrow = row.loop ? this.loop(row) : this.arrow(row);
    const depart = row.from === 'left' ? row.left : row.right;
    const arrive = row.from === 'left' ? row.right : row.left;
    const wrapped = pack(row.details, this.middle - 5);
    const inner = wrapped.map((text) => this.paint(padEnd(`     ${text}`, this.middle), 'dim'));
    if (row.loop) {
      this.line({ at: depart.at, states: depart.states.slice(0, 1) }, arrow, null);
      for (const text of inner) this.line(null, text, null);
      if (row.phase !== 'leaves' && row.phase !== 'lost')
        this.line({ at: arrive.at, states: [] }, this.back(), null, arrive.states);
      return;
    }
    this.line(row.left, arrow, row.right);
    const more = Math.max(row.left.states.length, row.right.states.length) - 1;
    for (let i = 0; i < Math.max(inner.length, more); i++) {
      const state = (end: RowEnd): RowEnd => ({ at: null, states: end.states.slice(i + 1, i + 2) });
      this.line(state(row.left), inner[i] ?? '', state(row.right));
    }
  }

  /** The arrow of a packet between the bars: its flags near its sender, its head at the receiver. */
  private arrow(row: PacketRow): string {
    const { middle } = this;
    const again = row.copy ? (this.language === 'zh' ? '（副本）' : ' (copy)') : '';
    const title = ` ${row.title}${again} `;
    const mark = row.mark > 0 ? `(${row.mark})` : '';
    const right = row.from === 'left';
    const length = row.phase === 'whole' ? middle : Math.floor(middle * 0.65);
    const head = { whole: right ? '▶' : '◀', arrives: right ? '▶' : '◀', leaves: '', lost: '✗' }[row.phase];
    const fill = '─'.repeat(Math.max(1, length - 2 - columns(title) - columns(mark) - columns(head)));
    // In the order in which the packet travels.
    const parts = row.phase === 'arrives' ? [mark, fill, title, '──', head] : ['──', title, fill, mark, head];
    const gap = ' '.repeat(Math.max(0, middle - parts.reduce((sum, part) => sum + columns(part), 0)));
    const travelled = row.phase === 'arrives' ? [gap, ...parts] : [...parts, gap];
    return this.paint((right ? travelled : travelled.reverse()).join(''), this.colourOf(row));
  }

  /** A packet that a host sends to itself leaves to the right and comes back. */
  private loop(row: PacketRow): string {
    const title = ` ${row.title} `;
    if (row.phase === 'lost') return this.paint(`──${title}────✗`, 'red');
    return this.paint(
      `──${title}${'─'.repeat(Math.max(0, this.middle - columns(title) - 3))}╮`,
      this.colourOf(row),
    );
  }

  private back(): string {
    return this.paint(`◀${'─'.repeat(this.middle - 2)}╯`, 'cyan');
  }

  private colourOf(row: PacketRow): keyof typeof codes {
    if (row.phase === 'lost' || row.title.includes('RST')) return 'red';
    return row.title.includes('SYN') ? 'green' : row.title.includes('FIN') ? 'yellow' : 'cyan';
  }

  private note(row: NoteRow): void {
    const indent = row.side === 'left' || this.alone ? ' ' : '   ';
    const texts = wrap(row.text, this.middle - indent.length - 2);
    const end = (i: number): RowEnd => ({ at: i === 0 ? row.at : null, states: row.states.slice(i, i + 1) });
    for (let i = 0; i < Math.max(texts.length, row.states.length); i++) {
      const text = `${i === 0 ? '·' : ' '} ${texts[i] ?? ''}`;
      const inner = padEnd(`${indent}${text}`, this.middle);
      const painted = this.paint(inner, 'yellow');
      if (row.side === 'left') this.line(end(i), painted, null);
      else this.line(null, painted, end(i));
    }
  }

  /** One line: time and state of the left side, bar, middle, bar, state and time of the right side. */
  private line(left: RowEnd | null, inner: string, right: RowEnd | null, states?: readonly string[]): void {
    const text = (end: RowEnd | null): [string, string] => [
      end?.at == null ? '' : this.formatTime(end.at),
      end?.states[0] ?? '',
    ];
    const [leftTime, leftState] = text(
      states === undefined ? left : { at: left?.at ?? null, states: [...states] },
    );
    const [rightTime, rightState] = text(right);
    const body = inner === '' ? ' '.repeat(this.middle) : inner;
    const start = `${this.paint(padStart(leftTime, this.timeWidth), 'dim')} ${this.paint(padStart(leftState, stateWidth), 'bold')} │`;
    if (this.alone) {
      this.lines.push(`${start}${body}`.trimEnd());
      for (const state of (states ?? []).slice(1))
        this.lines.push(
          `${' '.repeat(this.timeWidth + 1)}${this.paint(padStart(state, stateWidth), 'bold')} │`,
        );
      return;
    }
    const tail = `│ ${this.paint(padEnd(rightState, stateWidth), 'bold')} ${this.paint(padStart(rightTime, this.timeWidth), 'dim')}`;
    this.lines.push(`${start}${body}${tail}`.trimEnd());
  }

  private paint(text: string, colour: keyof typeof codes): string {
    if (this.options.colour !== true || text.trim() === '') return text;
    const [on, off] = codes[colour];
    return `${on}${text}${off}`;
  }
}
