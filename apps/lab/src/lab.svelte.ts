/** The page's state: which scenario, what was changed, how far it was played, what is selected. The rest follows. */
import type { Action } from '../../../src/sim/conditions.ts';
import type { NodeEvent, PacketName } from '../../../src/sim/events.ts';
import type { Language } from '../../../src/view/words.ts';
import { type Arrow, type Bar, type Drawing, drawingOf, packetKey } from './draw/drawing.ts';
import { lastAtMost, type Timeline, timelineOf } from './draw/timeline.ts';
import { Drafts, Progress, store, stored } from './progress.svelte.ts';
import { eventText, markLines } from './text/describe.ts';
import { type Word, word } from './text/ui.ts';
import { hashOf, restoreView, type Theme } from './view-link.ts';
import { type Changes, isChanged, noChanges, parseChanges, withAction } from './world/changes.ts';
import type { Foreign } from './world/foreign.ts';
import { hostPlaces } from './world/places.ts';
import { type CallEvent, codeAt } from './world/program.ts';
import { type LabEvent, type Run, runScenario } from './world/run.ts';
import { laneTitle, type Scenario, type StoryStep, type Text } from './world/scenario.ts';
import { scenarios } from './world/scenarios.ts';

export type Panel = 'packet' | 'state' | 'break' | 'script' | 'practice' | 'isn' | 'kernel';
export type { Theme };

/** Pixels of the diagram a second while playing: folds pass quickly, whatever time they stand for. */
const pace = 110;

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
  /** The step of the story that is told. */
  step: number = $state(0);
  /** Whether the reader left the story: looks around, or changed something. */
  free: boolean = $state(false);
  /** Whether the question of the step was passed over. */
  revealed: boolean = $state(false);
  /** Where playing stops. */
  private stopY: number = Number.POSITIVE_INFINITY;
  readonly progress: Progress = new Progress();
  /** What was asked about: an event whose sentence has no room beside the lifeline. */
  note: NodeEvent | CallEvent | null = $state.raw(null);
  /** The exercise that is being solved. */
  exercise: string | null = $state(null);
  /** A capture to explain. */
  capture: File | null = $state.raw(null);
  embedded: boolean = $state(false);
  /** What of the address could not be understood. */
  leftOut: readonly string[] = $state.raw([]);
  /** Scripts as they were edited, by name. */
  readonly drafts: Drafts = new Drafts();
  /** Packets of a script or a capture, shown in place of the scenario's. */
  foreign: Foreign | null = $state.raw(null);

  readonly run: Run = $derived(runScenario(this.scenario, this.changes));
  /** What is compared with: the scenario as it is, or with the changes it proposes. */
  private readonly otherChanges: Changes = $derived(
    isChanged(this.changes) ? noChanges : parseChanges(this.scenario.compare?.changes ?? ''),
  );
  readonly other: Run | null = $derived.by(() => {
    if (!this.comparing) return null;
    if (this.foreign !== null)
      return this.foreign.nearest === null ? null : runScenario(this.foreign.nearest.scenario, noChanges);
    return isChanged(this.changes) || this.scenario.compare !== undefined
      ? runScenario(this.scenario, this.otherChanges)
      : null;
  });
  private readonly shown = $derived(
    this.foreign === null ? this.run : { events: this.foreign.events, places: hostPlaces },
  );
  readonly events: readonly LabEvent[] = $derived(this.shown.events);
  readonly lanes: readonly string[] = $derived(
    this.foreign === null ? this.scenario.lanes : this.foreign.lanes.map(({ name }) => name),
  );
  /** The lanes of what it is compared with. */
  readonly otherLanes: readonly string[] = $derived(this.foreign?.nearest?.scenario.lanes ?? this.lanes);
  private readonly linesOf = $derived.by(() => {
    const { language } = this;
    return (event: LabEvent): number => markLines(event, language).length;
  });
  readonly timeline: Timeline = $derived(
    timelineOf(
      [this.shown, ...(this.other === null ? [] : [this.other])],
      this.linesOf,
      // Between two others a lane has arrows on both sides: its texts end where they begin.
      new Set([...this.lanes.slice(1, -1), ...this.otherLanes.slice(1, -1)]),
    ),
  );
  readonly drawing: Drawing = $derived(
    drawingOf(this.events, this.lanes, this.timeline, this.shown.places, this.linesOf),
  );
  readonly otherDrawing: Drawing | null = $derived(
    this.other === null
      ? null
      : drawingOf(this.other.events, this.otherLanes, this.timeline, this.other.places, this.linesOf),
  );
  private readonly latest: Arrow | null = $derived(
    this.packetKey === null ? (this.drawing.arrows.findLast(({ y0 }) => y0 < this.y - 1) ?? null) : null,
  );
  /** The packet that was chosen; else the one that left last. */
  readonly arrow: Arrow | null = $derived(
    this.drawing.arrows.find(({ key }) => key === this.packetKey) ?? this.latest,
  );
  /** The bar that was chosen; else the youngest connection there is at the moment. */
  readonly bar: Bar | null = $derived.by(() => {
    const { bars } = this.drawing;
    const begun = bars.filter(({ y0 }) => y0 <= this.y + 0.5);
    return (
      bars.find(({ key }) => key === this.barKey) ??
      begun.findLast(({ state, y1 }) => state !== 'LISTEN' && y1 > this.y) ??
      begun.findLast(({ state }) => state !== 'LISTEN') ??
      begun.at(-1) ??
      null
    );
  });
  /** What happened last, in words: for those who do not see it move. */
  readonly spoken: string = $derived.by(() => {
    const told = this.events.slice(0, lastAtMost(this.eventTimes, this.now + 0.5) + 1);
    const last = told.findLast((event) => event.kind === 'tcp' || event.kind === 'call');
    return last === undefined || (last.kind !== 'tcp' && last.kind !== 'call')
      ? ''
      : `${this.placeTitle(last)}: ${eventText(last, this.language, this.hostTitle)}`;
  });
  private readonly eventTimes: readonly number[] = $derived(this.events.map(({ at }) => at));
  private placeTitle = (event: LabEvent): string => this.hostTitle(this.shown.places.of(event));
  readonly endY: number = $derived(this.timeline.height - 24);
  readonly atEnd: boolean = $derived(this.y >= this.endY - 1);
  readonly now: number = $derived(this.timeline.timeAt(this.y));

  /** Which lines of the scenario's code have just run. */
  readonly codeAt: readonly string[] = $derived(
    codeAt(
      this.run.events.filter((event) => event.kind === 'call'),
      this.now,
    ),
  );
  readonly storyStep: StoryStep = $derived(this.scenario.steps[this.step]!);
  /** Where each step of the story ends, in the diagram's pixels. */
  readonly stepYs: readonly number[] = $derived.by(() => {
    if (this.foreign !== null) return [];
    let last = 0;
    return this.scenario.steps.map(({ to }) => {
      last = Math.max(last, this.placeOf(to));
      return last;
    });
  });
  /** Whether the diagram shows all of the step. */
  readonly stepDone: boolean = $derived(this.y >= (this.stepYs[this.step] ?? 0) - 1);
  /** The answer given to the step's question; null if none was. */
  readonly answer: number | null = $derived(this.progress.answer(this.scenario.id, this.step));
  /** Whether the step waits for its question. */
  readonly waiting: boolean = $derived(
    !this.free &&
      this.storyStep.ask !== undefined &&
      this.answer === null &&
      !this.revealed &&
      !this.stepDone,
  );

  /** The height of a moment that a step names. */
  private placeOf(to: number | string): number {
    if (to === 'end') return this.endY;
    if (typeof to === 'number') return this.timeline.yOf(to) + 0.5;
    const end = this.run.events.find(
      (event) => (event.kind === 'arrived' || event.kind === 'lost') && packetKey(event.packet) === to,
    );
    const sent = this.run.events.find((event) => event.kind === 'sent' && packetKey(event.packet) === to);
    if (end === undefined || sent === undefined) return this.endY;
    return end.kind === 'lost' ? this.timeline.place(sent) + 31 : this.timeline.place(end) + 0.5;
  }

  t = (key: Word): string => word(key, this.language);
  tx = (text: Text): string => text[this.language];

  /** What a lane, or a host, is called. */
  hostTitle = (name: string): string => {
    const lane = this.foreign?.lanes.find((it) => it.name === name);
    return lane === undefined
      ? laneTitle(this.foreign?.nearest?.scenario ?? this.scenario, name, this.tx)
      : this.tx(lane.title);
  };
  /** What stands under it. */
  laneAddress = (name: string): string => {
    const lane = this.foreign?.lanes.find((it) => it.name === name);
    if (lane !== undefined) return lane.address;
    const { hosts } = this.foreign?.nearest?.scenario ?? this.scenario;
    return hosts.find((host) => host.name === name)?.address.split('/')[0] ?? '';
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
    this.foreign = null;
    this.y = 0;
    this.playing = false;
    this.packetKey = null;
    this.barKey = null;
    this.note = null;
    this.step = 0;
    this.free = false;
    this.revealed = false;
  }

  /** Tells a step of the story from its beginning: the diagram uncovers to its end, unless a question stands before. */
  tell(step: number): void {
    this.foreign = null;
    this.comparing = false;
    this.changes = noChanges;
    this.step = Math.max(0, Math.min(this.scenario.steps.length - 1, step));
    this.free = false;
    this.revealed = false;
    // The first arrow begins to grow at once.
    this.y = this.step === 0 ? Math.max(0, (this.timeline.ys[0] ?? 0) - 1) : this.stepYs[this.step - 1]!;
    this.playing = false;
    this.progress.visit(this.scenario.id, this.step, this.scenario.steps.length);
    if (!this.waiting) this.go();
  }

  /** Goes on from where the picture was that was there before the script. */
  takeUp({
    y,
    playing,
    beyond,
  }: {
    readonly y: number;
    readonly playing: boolean;
    readonly beyond: boolean;
  }): void {
    if (beyond) {
      this.free = true;
      this.stopY = this.endY;
    }
    this.y = Math.max(this.y, y);
    this.playing = playing && this.y < Math.min(this.endY, this.stopY) - 0.5;
  }

  /** Plays to the end of the step. */
  private go(): void {
    this.stopY = this.stepYs[this.step] ?? this.endY;
    if (this.y < this.stopY - 0.5) this.playing = true;
  }

  /** Answers the question of the step; the run answers it too. */
  reply(answer: number): void {
    this.progress.reply(this.scenario.id, this.step, answer);
    this.go();
  }

  /** Passes the question over. */
  reveal(): void {
    this.revealed = true;
    this.go();
  }

  /** On with the story: to the end of this step, then to the next. */
  next(): void {
    if (this.free) this.tell(this.step);
    else if (this.waiting) this.reveal();
    else if (!this.stepDone) {
      this.playing = false;
      this.y = this.stepYs[this.step]!;
    } else if (this.step < this.scenario.steps.length - 1) this.tell(this.step + 1);
  }

  /** Changes the scenario; what was played stays played as far as time goes. */
  change(changes: Changes): void {
    const { now, atEnd } = this;
    this.changes = changes;
    this.foreign = null;
    this.free = true;
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

  /** Shows packets that are no run of the scenario; null: the run again. */
  showForeign(foreign: Foreign | null): void {
    this.comparing = false;
    this.free = true;
    this.foreign = foreign;
    this.y = this.endY;
    this.playing = false;
    this.packetKey = null;
    this.barKey = null;
  }

  /** The button: plays the step, then the next one; to the end where the reader left the story. */
  play(): void {
    if (!this.free && !this.atEnd) {
      if (this.stepDone || this.waiting) this.next();
      else this.go();
      return;
    }
    if (this.atEnd) {
      if (!this.free) {
        this.tell(0);
        return;
      }
      this.y = 0;
    }
    this.stopY = this.endY;
    this.playing = true;
  }

  /** Lets a moment of real time pass while playing. */
  tick(ms: number): void {
    this.y = Math.min(this.endY, this.stopY, this.y + (ms / 1000) * pace * this.speed);
    if (this.y >= Math.min(this.endY, this.stopY)) this.playing = false;
  }

  /** The same for readers who want no motion: what comes next is there at once, and stands for a while. */
  hop(): void {
    this.y = Math.min(this.stopY, this.nextMoment());
    if (this.y >= Math.min(this.endY, this.stopY)) this.playing = false;
  }

  private nextMoment(): number {
    const { ys } = this.timeline;
    return Math.min(this.endY, ys[lastAtMost(ys, this.y + 0.5) + 1] ?? this.endY);
  }

  seek(y: number): void {
    this.playing = false;
    this.free = true;
    this.y = Math.max(0, Math.min(this.endY, y));
  }

  move(direction: 1 | -1): void {
    const { ys } = this.timeline;
    if (direction === 1) this.seek(this.nextMoment());
    else this.seek(ys[lastAtMost(ys, this.y - 0.75)] ?? 0);
  }

  say(event: NodeEvent | CallEvent): void {
    this.note = event;
  }

  select(what: { packet: string } | { bar: string }): void {
    this.selections++;
    if ('packet' in what) {
      this.packetKey = what.packet;
      if (this.panel !== 'packet' && this.panel !== 'break') this.panel = 'packet';
    } else {
      this.barKey = what.bar;
      this.panel = 'state';
    }
  }

  /** The view as the part of an address behind `#`. */
  get hash(): string {
    return hashOf(this);
  }

  /** Restores a view; false if there was nothing to restore. */
  restore(hash: string): boolean {
    return restoreView(this, hash);
  }
}

export const lab: Lab = new Lab();
export { packetKey };
