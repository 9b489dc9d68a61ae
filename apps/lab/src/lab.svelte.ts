/** The page's state: which scenario, what was changed, how far it was played, what is selected. The rest follows. */
import type { Action } from '../../../src/sim/conditions.ts';
import type { PacketName } from '../../../src/sim/events.ts';
import type { Language } from '../../../src/view/words.ts';
import { type Arrow, type Bar, type Drawing, drawingOf, packetKey } from './draw/drawing.ts';
import { lastAtMost, type Timeline, timelineOf } from './draw/timeline.ts';
import { Sysctls } from './stack.ts';
import { markLines } from './text/describe.ts';
import { type Word, word } from './text/ui.ts';
import {
  type Changes,
  changesText,
  isChanged,
  noChanges,
  parseChanges,
  readChanges,
  withAction,
  withoutStrangers,
} from './world/changes.ts';
import { type LabEvent, type Run, runScenario } from './world/run.ts';
import type { Scenario, Text } from './world/scenario.ts';
import { scenarios } from './world/scenarios.ts';

export type Panel = 'packet' | 'state' | 'break' | 'script';
export type Theme = 'auto' | 'light' | 'dark';

/** Pixels of the diagram a second while playing: folds pass quickly, whatever time they stand for. */
const pace = 110;

const stored = (key: string): string | null => {
  try {
    return localStorage.getItem(key);
  } catch {
    return null;
  }
};
const store = (key: string, value: string): void => {
  try {
    localStorage.setItem(key, value);
  } catch {
    // Private windows and sandboxed frames have no storage: the choice then lasts as long as the page.
  }
};

class Lab {
  language: Language = $state(
    stored('language') === 'zh' || (stored('language') === null && navigator.language.startsWith('zh'))
      ? 'zh'
      : 'en',
  );
  theme: Theme = $state((stored('theme') as Theme | null) ?? 'auto');
  scenario: Scenario = $state.raw(scenarios[0]!);
  changes: Changes = $state.raw(noChanges);
  /** How far the diagram is uncovered, in its pixels. */
  y: number = $state(0);
  playing: boolean = $state(false);
  speed: number = $state(1);
  panel: Panel = $state('packet');
  packetKey: string | null = $state(null);
  barKey: string | null = $state(null);
  /** How often something was chosen. */
  selections: number = $state(0);
  comparing: boolean = $state(false);
  answer: number | null = $state(null);
  embedded: boolean = $state(false);
  /** What of the address could not be understood. */
  leftOut: readonly string[] = $state.raw([]);
  /** Scripts as they were edited, by name. */
  readonly drafts: Map<string, string> = new Map();
  /** Events of a script, shown in place of the scenario's. */
  scriptEvents: readonly LabEvent[] | null = $state.raw(null);

  readonly run: Run = $derived(runScenario(this.scenario, this.changes));
  /** What is compared with: the scenario as it is, or with the changes it proposes. */
  private readonly otherChanges: Changes = $derived(
    isChanged(this.changes) ? noChanges : parseChanges(this.scenario.compare?.changes ?? ''),
  );
  readonly other: Run | null = $derived(
    this.comparing &&
      this.scriptEvents === null &&
      (isChanged(this.changes) || this.scenario.compare !== undefined)
      ? runScenario(this.scenario, this.otherChanges)
      : null,
  );
  readonly events: readonly LabEvent[] = $derived(this.scriptEvents ?? this.run.events);
  readonly lanes: readonly string[] = $derived(
    this.scriptEvents === null ? this.scenario.lanes : ['host', 'script'],
  );
  private readonly linesOf = $derived.by(() => {
    const { language } = this;
    return (event: LabEvent): number => markLines(event, language).length;
  });
  readonly timeline: Timeline = $derived(
    timelineOf([this.events, ...(this.other === null ? [] : [this.other.events])], this.linesOf),
  );
  readonly drawing: Drawing = $derived(drawingOf(this.events, this.lanes, this.timeline, this.linesOf));
  readonly otherDrawing: Drawing | null = $derived(
    this.other === null ? null : drawingOf(this.other.events, this.lanes, this.timeline, this.linesOf),
  );
  readonly arrow: Arrow | null = $derived(
    this.drawing.arrows.find(({ key }) => key === this.packetKey) ?? null,
  );
  readonly bar: Bar | null = $derived(this.drawing.bars.find(({ key }) => key === this.barKey) ?? null);
  readonly endY: number = $derived(this.timeline.height - 24);
  readonly atEnd: boolean = $derived(this.y >= this.endY - 1);
  readonly now: number = $derived(this.timeline.timeAt(this.y));

  t = (key: Word): string => word(key, this.language);
  tx = (text: Text): string => text[this.language];

  /** What a host is called. */
  hostTitle = (name: string): string => {
    if (this.scriptEvents !== null) return this.t(name === 'host' ? 'underTest' : 'scriptSide');
    const title = this.scenario.hosts.find((host) => host.name === name)?.title;
    return title === undefined ? name : this.tx(title);
  };

  open(id: string): void {
    const found = scenarios.find((candidate) => candidate.id === id);
    this.leftOut = found === undefined ? [`s=${id}`] : [];
    this.scenario = found ?? scenarios[0]!;
    this.changes = noChanges;
    this.reset();
    this.comparing = false;
  }

  private reset(): void {
    this.scriptEvents = null;
    this.y = 0;
    this.playing = false;
    this.packetKey = null;
    this.barKey = null;
    this.answer = null;
  }

  /** Changes the scenario; what was played stays played as far as time goes. */
  change(changes: Changes): void {
    const { now, atEnd } = this;
    this.changes = changes;
    this.scriptEvents = null;
    this.y = atEnd ? this.endY : this.timeline.yOf(now);
  }

  meddle(name: PacketName, action: Action | null): void {
    this.change(withAction(this.changes, name, action));
  }

  setLanguage(language: Language): void {
    const { now, atEnd } = this;
    this.language = language;
    store('language', language);
    this.y = atEnd ? this.endY : this.timeline.yOf(now);
  }

  setTheme(theme: Theme): void {
    this.theme = theme;
    store('theme', theme);
  }

  compare(on: boolean): void {
    const { now, atEnd } = this;
    this.comparing = on;
    this.y = atEnd ? this.endY : this.timeline.yOf(now);
  }

  showScript(events: readonly LabEvent[] | null): void {
    this.comparing = false;
    this.scriptEvents = events;
    this.y = this.endY;
    this.playing = false;
    this.packetKey = null;
    this.barKey = null;
  }

  play(): void {
    if (this.atEnd) this.y = 0;
    this.playing = true;
  }

  /** Lets a moment of real time pass while playing. */
  tick(ms: number): void {
    this.y = Math.min(this.endY, this.y + (ms / 1000) * pace * this.speed);
    if (this.atEnd) this.playing = false;
  }

  /** The same for readers who want no motion: what comes next is there at once, and stands for a while. */
  hop(): void {
    this.y = this.next();
    if (this.atEnd) this.playing = false;
  }

  private next(): number {
    const { ys } = this.timeline;
    return Math.min(this.endY, ys[lastAtMost(ys, this.y + 0.5) + 1] ?? this.endY);
  }

  seek(y: number): void {
    this.playing = false;
    this.y = Math.max(0, Math.min(this.endY, y));
  }

  step(direction: 1 | -1): void {
    const { ys } = this.timeline;
    if (direction === 1) this.seek(this.next());
    else this.seek(ys[lastAtMost(ys, this.y - 0.75)] ?? 0);
  }

  select(what: { packet: string } | { bar: string }): void {
    this.selections++;
    if ('packet' in what) {
      this.packetKey = what.packet;
      if (this.panel === 'script' || this.panel === 'state') this.panel = 'packet';
    } else {
      this.barKey = what.bar;
      this.panel = 'state';
    }
  }

  /** The view as the part of an address behind `#`. */
  get hash(): string {
    const parts = [`s=${this.scenario.id}`];
    const changes = changesText(this.changes);
    if (changes !== '') parts.push(changes);
    if (this.comparing) parts.push('compare=1');
    if (this.atEnd) parts.push('t=end');
    else if (this.y > 0) parts.push(`t=${Math.round(this.now)}`);
    if (this.packetKey !== null) parts.push(`p=${this.packetKey}`);
    return parts.join('&');
  }

  /** Restores a view; false if there was nothing to restore. */
  restore(hash: string): boolean {
    const parameters = new Map(
      hash.split('&').map((part) => [part.slice(0, part.indexOf('=')), part.slice(part.indexOf('=') + 1)]),
    );
    this.embedded = parameters.has('embed');
    const language = parameters.get('lang');
    if (language === 'en' || language === 'zh') this.language = language;
    const theme = parameters.get('theme');
    if (theme === 'light' || theme === 'dark') this.theme = theme;
    const id = parameters.get('s');
    if (id === undefined) return false;
    this.open(id);
    const read = readChanges(hash);
    const hosts = this.scenario.hosts.flatMap(({ name, off }) => (off === true ? [] : [name]));
    const fitting = withoutStrangers(
      read.changes,
      hosts,
      (name, value) => new Sysctls().write(name, value) === 0,
    );
    this.changes = fitting.changes;
    this.leftOut = [...this.leftOut, ...read.leftOut, ...fitting.leftOut];
    this.comparing = parameters.has('compare');
    const time = parameters.get('t');
    if (time === 'end') this.y = this.endY;
    else if (time !== undefined && /^\d+$/.test(time)) this.y = this.timeline.yOf(Number(time));
    else if (time !== undefined) this.leftOut = [...this.leftOut, `t=${time}`];
    const packet = parameters.get('p');
    if (packet !== undefined) this.packetKey = packet;
    if (packet !== undefined && this.arrow === null) this.leftOut = [...this.leftOut, `p=${packet}`];
    return true;
  }
}

export const lab: Lab = new Lab();
export { packetKey };
