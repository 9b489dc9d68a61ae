/**
 * The rows of a ladder diagram, from a world's events: one for each packet between two nodes and for each thing that
 * happened inside them. What a row looks like is the business of ladder.ts, or of a page.
 */
import type { PacketEvent, WorldEvent } from '../sim/events.ts';
import type { TraceEvent } from '../tcp/trace.ts';
import { PacketWords } from './packet-words.ts';
import { type Language, sentence } from './words.ts';

export type Side = 'left' | 'right';

/** What happened at one end of a packet: when (µs; null if it never did), and the states that followed from it. */
export interface RowEnd {
  at: number | null;
  readonly states: string[];
}

/** A packet. Its two ends are drawn apart if other things that must be drawn first happened meanwhile. */
export interface PacketRow {
  readonly kind: 'packet';
  readonly from: Side;
  /** From a node to itself. */
  readonly loop: boolean;
  readonly phase: 'whole' | 'leaves' | 'arrives' | 'lost';
  /** Ties the two rows of a packet drawn in two; 0 if it is drawn in one. */
  readonly mark: number;
  readonly left: RowEnd;
  readonly right: RowEnd;
  /** The flags, such as `SYN, ACK`. */
  readonly title: string;
  /** Lines about its numbers and options. */
  readonly details: readonly string[];
  /** The second copy of a duplicated packet. */
  readonly copy: boolean;
}

/** Something that happened inside a node, or a packet from or to a third one. */
export interface NoteRow {
  readonly kind: 'note';
  readonly side: Side;
  readonly at: number;
  readonly text: string;
  readonly states: string[];
}

export type Row = PacketRow | NoteRow;

/** Which nodes of the world stand left and right. The same name twice shows a host that talks to itself. */
export interface Lanes {
  readonly left: string;
  readonly right: string;
}

interface Pending {
  readonly event: PacketEvent;
  readonly states: string[];
  readonly lost: boolean;
}

const opposite = (side: Side): Side => (side === 'left' ? 'right' : 'left');

/**
 * The rows, top to bottom. Each side sees its own events in their order; packets that do not cross others are whole.
 * @param language of sentences about what happened
 */
export function rowsOf(events: readonly WorldEvent[], lanes: Lanes, language: Language): Row[] {
  const builder = new RowBuilder(lanes, language);
  for (const event of events) builder.take(event);
  return builder.finish();
}

class RowBuilder {
  private readonly rows: Row[] = [];
  private readonly lanes: Lanes;
  private readonly language: Language;
  private readonly words: PacketWords;
  /** Packets that left each side and are not drawn yet, oldest first. */
  private readonly pending: Record<Side, Pending[]> = { left: [], right: [] };
  /** States entered on each side that no packet explains yet. */
  private readonly entered: Record<Side, TraceEvent[]> = { left: [], right: [] };
  /** The end of a row at which each side last saw something arrive: states entered then belong to it. */
  private readonly arrival: Record<Side, RowEnd | null> = { left: null, right: null };
  private readonly marks = new Map<string, number>();

  constructor(lanes: Lanes, language: Language) {
    this.lanes = lanes;
    this.language = language;
    this.words = new PacketWords(language);
  }

  take(event: WorldEvent): void {
    if (event.kind === 'tcp') {
      const side = this.sideOf(event.node);
      if (side !== null) this.takeTrace(side, event.event);
      return;
    }
    const from = this.sideOf(event.packet.from);
    const to = this.sideOf(event.to);
    if (from === null || to === null) this.takeForeign(event, from, to);
    else if (event.kind === 'sent') this.takeSent(from, event);
    else if (event.kind === 'arrived') this.takeArrived(from, event);
    else this.takeLost(from, event);
  }

  finish(): Row[] {
    for (const side of ['left', 'right'] as const) {
      this.showPending(side);
      this.showEntered(side);
    }
    return this.rows;
  }

  private sideOf(node: string): Side | null {
    if (node === this.lanes.left) return 'left';
    return node === this.lanes.right ? 'right' : null;
  }

  private takeTrace(side: Side, event: TraceEvent): void {
    if (event.kind === 'state') {
      const end = this.arrival[side];
      if (end !== null && end.at === event.at && this.pending[side].length === 0) end.states.push(event.to!);
      else this.entered[side].push(event);
      return;
    }
    this.note(side, event.at, this.words.note(event));
  }

  private takeSent(from: Side, event: PacketEvent): void {
    this.words.see(event.bytes);
    const states: string[] = [];
    // A state entered at this very moment is why the packet goes out.
    if (this.entered[from][0]?.at === event.at) states.push(...this.entered[from].map(({ to }) => to!));
    else this.showEntered(from);
    this.entered[from] = [];
    this.pending[from].push({ event, states, lost: false });
  }

  private takeLost(from: Side, event: PacketEvent): void {
    const queue = this.pending[from];
    const last = queue.pop();
    if (last === undefined) return;
    const item = { ...last, event, lost: true };
    // Nothing before it is under way: it can be drawn in its place at once.
    if (queue.length === 0) this.packet(from, item, 'lost', null);
    else queue.push(item);
  }

  private takeArrived(from: Side, event: PacketEvent & { kind: 'arrived' }): void {
    const loop = event.packet.from === event.to;
    const to = loop ? from : opposite(from);
    const queue = this.pending[from];
    const index = queue.findIndex(({ event: { packet } }) => same(packet, event.packet));
    const ahead = index < 0 ? [] : queue.slice(0, index);
    if (!loop) this.showPending(to);
    this.showEntered(to);
    if (event.copy === 0 && index >= 0 && ahead.every(({ lost }) => lost)) {
      for (const item of queue.splice(0, index)) this.packet(from, item, 'lost', null);
      this.packet(from, queue.shift()!, 'whole', event);
      return;
    }
    if (index >= 0) this.showPending(from);
    this.packet(from, { event, states: [], lost: false }, 'arrives', event);
  }

  /** A packet that a third node sends or gets. */
  private takeForeign(event: PacketEvent, from: Side | null, to: Side | null): void {
    const text = `${event.packet.from} → ${event.to}: ${this.words.line(event.bytes)}`;
    if (event.kind === 'arrived' && to !== null) this.note(to, event.at, text, true);
    else if (event.kind === 'sent' && from !== null) this.note(from, event.at, text);
  }

  private note(side: Side, at: number, text: string, arrives = false): void {
    this.showPending(side);
    this.showEntered(side);
    const row: NoteRow = { kind: 'note', side, at, text, states: [] };
    this.rows.push(row);
    this.arrival[side] = arrives ? row : null;
  }

  /** States that nothing else explains get a row with the reason's sentence. */
  private showEntered(side: Side): void {
    const events = this.entered[side];
    if (events.length === 0) return;
    this.entered[side] = [];
    this.showPending(side);
    for (const { at, to, reason } of events)
      this.rows.push({ kind: 'note', side, at, text: sentence(reason, this.language), states: [to!] });
    this.arrival[side] = null;
  }

  /** Draws what left a side without waiting for it to arrive: something later on that side has to be drawn. */
  private showPending(side: Side): void {
    for (const item of this.pending[side].splice(0))
      this.packet(side, item, item.lost ? 'lost' : 'leaves', null);
  }

  private packet(
    from: Side,
    item: Pending,
    phase: PacketRow['phase'],
    arrived: (PacketEvent & { kind: 'arrived' }) | null,
  ): void {
    const { event, states } = item;
    const { packet } = event;
    const key = `${packet.link}/${packet.from}/${packet.n}`;
    let mark = 0;
    if (phase === 'leaves') {
      mark = this.marks.size + 1;
      this.marks.set(key, mark);
    }
    if (phase === 'arrives') mark = this.marks.get(key) ?? 0;
    const start: RowEnd = { at: phase === 'arrives' ? null : event.at, states };
    const end: RowEnd = { at: arrived?.at ?? null, states: [] };
    const copy = arrived?.copy === 1;
    const again = phase === 'arrives';
    this.rows.push({
      kind: 'packet',
      from,
      loop: packet.from === event.to,
      phase,
      mark,
      left: from === 'left' ? start : end,
      right: from === 'left' ? end : start,
      title: this.words.title(event.bytes),
      details: again ? [] : this.words.details(event.bytes, event.kind === 'lost' ? event.cause : null),
      copy,
    });
    if (phase !== 'arrives') this.arrival[from] = null;
    if (arrived !== null) this.arrival[packet.from === event.to ? from : opposite(from)] = end;
  }
}

const same = (a: PacketEvent['packet'], b: PacketEvent['packet']): boolean =>
  a.n === b.n && a.link === b.link && a.from === b.from;
