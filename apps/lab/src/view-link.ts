/** The page's view as the part of an address behind `#`, and back. */
import type { Language } from '../../../src/view/words.ts';
import type { Arrow } from './draw/drawing.ts';
import { Sysctls } from './stack.ts';
import {
  type Changes,
  changesText,
  isChanged,
  readChanges,
  withoutImpossible,
  withoutStrangers,
} from './world/changes.ts';
import type { LabEvent } from './world/run.ts';
import type { Scenario } from './world/scenario.ts';

export type Theme = 'auto' | 'light' | 'dark';

/** What a link says, and what restoring it needs. */
interface View {
  language: Language;
  theme: Theme;
  embedded: boolean;
  readonly scenario: Scenario;
  changes: Changes;
  comparing: boolean;
  free: boolean;
  step: number;
  y: number;
  playing: boolean;
  packetKey: string | null;
  exercise: string | null;
  panel: string;
  leftOut: readonly string[];
  readonly atEnd: boolean;
  readonly now: number;
  readonly endY: number;
  readonly timeline: { yOf(us: number): number };
  readonly arrow: Arrow | null;
  readonly run: { readonly events: readonly LabEvent[] };
  readonly drafts: { get(name: string): string | undefined; set(name: string, text: string): void };
  readonly progress: { stepOf(id: string): number };
  open(id: string): void;
  tell(step: number): void;
}

/** Longer scripts make links that nobody's chat lets through, characters. */
const mostScript = 6000;

export function hashOf(view: View): string {
  const parts = [`s=${view.scenario.id}`];
  const changes = changesText(view.changes);
  if (changes !== '') parts.push(changes);
  if (view.comparing) parts.push('compare=1');
  if (!view.free) parts.push(`step=${view.step + 1}`);
  else if (view.atEnd) parts.push('t=end');
  else if (view.y > 0) parts.push(`t=${Math.round(view.now)}`);
  if (view.packetKey !== null) parts.push(`p=${view.packetKey}`);
  if (view.exercise !== null) parts.push(`x=${view.exercise}`);
  const { script } = view.scenario;
  const draft = script === undefined ? undefined : view.drafts.get(script);
  if (view.panel === 'script' && draft !== undefined && draft.length <= mostScript)
    parts.push(`script=${encodeURIComponent(draft)}`);
  parts.push(`lang=${view.language}`);
  if (view.theme !== 'auto') parts.push(`theme=${view.theme}`);
  return parts.join('&');
}

/** @returns false if there was nothing to restore */
export function restoreView(view: View, hash: string): boolean {
  const parameters = new Map(
    hash.split('&').map((part) => [part.slice(0, part.indexOf('=')), part.slice(part.indexOf('=') + 1)]),
  );
  view.embedded = parameters.has('embed');
  const language = parameters.get('lang');
  if (language === 'en' || language === 'zh') view.language = language;
  const theme = parameters.get('theme');
  if (theme === 'light' || theme === 'dark') view.theme = theme;
  const id = parameters.get('s');
  if (id === undefined) {
    view.tell(view.progress.stepOf(view.scenario.id));
    return false;
  }
  view.open(id);
  restoreChanges(view, hash);
  view.exercise = parameters.get('x') ?? null;
  if (view.exercise !== null) view.panel = 'practice';
  view.comparing = parameters.has('compare');
  restoreScript(view, parameters.get('script'));
  restoreMoment(view, parameters);
  const packet = parameters.get('p');
  if (packet !== undefined) view.packetKey = packet;
  if (packet !== undefined && view.arrow === null) view.leftOut = [...view.leftOut, `p=${packet}`];
  return true;
}

function restoreChanges(view: View, hash: string): void {
  const read = readChanges(hash);
  const hosts = view.scenario.hosts.flatMap(({ name, off }) => (off === true ? [] : [name]));
  const fitting = withoutStrangers(
    read.changes,
    hosts,
    (name, value) => new Sysctls().write(name, value) === 0,
  );
  view.changes = fitting.changes;
  const impossible = withoutImpossible(view.changes, view.run.events);
  view.changes = impossible.changes;
  view.leftOut = [...view.leftOut, ...read.leftOut, ...fitting.leftOut, ...impossible.leftOut];
}

/** A script as somebody edited it. */
function restoreScript(view: View, text: string | undefined): void {
  if (text === undefined) return;
  const { script } = view.scenario;
  try {
    if (script === undefined || text.length > 4 * mostScript) throw new URIError();
    view.drafts.set(script, decodeURIComponent(text));
    view.panel = 'script';
  } catch {
    view.leftOut = [...view.leftOut, `script=${text.slice(0, 20)}`];
  }
}

function restoreMoment(view: View, parameters: ReadonlyMap<string, string>): void {
  const time = parameters.get('t');
  if (time === 'end') view.y = view.endY;
  else if (time !== undefined && /^\d+$/.test(time)) view.y = view.timeline.yOf(Number(time));
  else if (time !== undefined) view.leftOut = [...view.leftOut, `t=${time}`];
  const step = Number(parameters.get('step') ?? 1);
  const steps = view.scenario.steps.length;
  if (!Number.isInteger(step) || step < 1 || step > steps)
    view.leftOut = [...view.leftOut, `step=${parameters.get('step')}`];
  view.step = Math.max(0, Math.min(steps - 1, Math.floor(step) - 1 || 0));
  view.free = time !== undefined || view.comparing || isChanged(view.changes);
  if (view.free) view.playing = false;
  else view.tell(view.step);
}
