/** What to draw of a run: arrows, bars of state, notes beside the lifelines. Everything comes from the run's events. */
import type { LossCause } from '../../../../src/sim/conditions.ts';
import type { NodeEvent, PacketEvent, PacketName } from '../../../../src/sim/events.ts';
import type { State } from '../../../../src/tcp/trace.ts';
import { formatEndpoint } from '../../../../src/wire/address.ts';
import type { Places } from '../world/places.ts';
import type { CallEvent } from '../world/program.ts';
import { flagsOf, type LabEvent } from '../world/run.ts';
import type { Timeline } from './timeline.ts';

/** A packet's way from one lifeline to another. */
export interface Arrow {
  readonly key: string;
  readonly name: PacketName;
  /** Counts the packets of the run, from 1, in the order they left; copies have the number of the first. */
  readonly no: number;
  readonly copy: boolean;
  readonly from: number;
  readonly to: number;
  readonly sentAt: number;
  readonly arrivedAt: number | null;
  readonly y0: number;
  readonly y1: number;
  readonly lost: LossCause | null;
  readonly flags: string;
  /** As it left, and as it arrived (something may have been changed on the way). */
  readonly bytes: Uint8Array;
  readonly arrived: Uint8Array | null;
}

/** How long a connection was in a state. */
export interface Bar {
  readonly key: string;
  readonly lane: number;
  /** Connections that live at the same time stand side by side. */
  readonly column: number;
  readonly state: State;
  readonly y0: number;
  y1: number;
  readonly at: number;
  readonly event: NodeEvent;
}

/** A text beside a lifeline. `line` counts the lines above it at the same place. */
export interface Mark {
  readonly key: string;
  readonly lane: number;
  readonly y: number;
  readonly line: number;
  /** How many lines stand at this place in all. */
  of: number;
  readonly event: NodeEvent | CallEvent;
}

export interface Drawing {
  readonly arrows: readonly Arrow[];
  readonly bars: readonly Bar[];
  readonly marks: readonly Mark[];
  /** The longest arrow and bar in pixels: what is drawn at y began at most so far above. */
  readonly longest: number;
}

export const packetKey = ({ link, from, n }: PacketName, copy = 0): string =>
  `${link}/${from}/${n}${copy ? '/2' : ''}`;

/** The connection an event of a host is about. */
export const connectionKey = ({ node, event }: NodeEvent): string =>
  `${node} ${formatEndpoint(event.local, event.localPort)} ${formatEndpoint(event.remote, event.remotePort)}`;

/**
 * @param places on which lane things belong
 * @param linesOf how many lines the text of an event takes; 0 for one that is not shown
 */
export function drawingOf(
  events: readonly LabEvent[],
  lanes: readonly string[],
  timeline: Timeline,
  places: Places,
  linesOf: (event: LabEvent) => number,
): Drawing {
  const arrows = arrowsOf(events, lanes, timeline, places);
  const bars = barsOf(events, lanes, timeline, places);
  const marks: Mark[] = [];
  const lines = new Map<string, number>();
  events.forEach((event, i) => {
    if (event.kind !== 'tcp' && event.kind !== 'call') return;
    const lane = lanes.indexOf(places.of(event));
    const count = linesOf(event);
    if (lane < 0 || count === 0) return;
    const y = timeline.place(event);
    const line = lines.get(`${lane} ${y}`) ?? 0;
    lines.set(`${lane} ${y}`, line + count);
    marks.push({ key: `m${i}`, lane, y, line, of: 0, event });
  });
  for (const mark of marks) mark.of = lines.get(`${mark.lane} ${mark.y}`)!;
  const longest = arrows.reduce((most, { y0, y1 }) => Math.max(most, Math.abs(y1 - y0)), 0);
  return { arrows, bars, marks, longest };
}

function arrowsOf(
  events: readonly LabEvent[],
  lanes: readonly string[],
  timeline: Timeline,
  places: Places,
): Arrow[] {
  const arrows: Arrow[] = [];
  const sent = new Map<string, { event: PacketEvent; index: number; no: number; flags: string }>();
  let no = 0;
  const make = (
    event: PacketEvent,
    { event: start, no: number, flags }: { event: PacketEvent; no: number; flags: string },
    more: Partial<Arrow>,
  ): Arrow => ({
    key: packetKey(event.packet),
    name: event.packet,
    no: number,
    copy: false,
    from: lanes.indexOf(places.from(start)),
    to: lanes.indexOf(places.to(event)),
    sentAt: start.at,
    arrivedAt: null,
    y0: timeline.place(start),
    y1: timeline.place(start) + 30,
    lost: null,
    flags,
    bytes: start.bytes,
    arrived: null,
    ...more,
  });
  for (const event of events) {
    if (event.kind === 'tcp' || event.kind === 'call') continue;
    const key = packetKey(event.packet);
    if (event.kind === 'sent') {
      const start = { event, index: arrows.length, no: ++no, flags: flagsOf(event.bytes) };
      sent.set(key, start);
      arrows.push(make(event, start, {}));
      continue;
    }
    const start = sent.get(key);
    if (start === undefined) continue;
    if (event.kind === 'lost') arrows[start.index] = make(event, start, { lost: event.cause });
    else {
      const arrow = make(event, start, {
        arrivedAt: event.at,
        y1: timeline.place(event),
        arrived: event.bytes,
        ...(event.copy === 1 ? { key: packetKey(event.packet, 1), copy: true } : {}),
      });
      if (event.copy === 1) arrows.push(arrow);
      else arrows[start.index] = arrow;
    }
  }
  const shown = arrows.filter(({ from, to }) => from >= 0 && to >= 0);
  return shown.sort((a, b) => a.y0 - b.y0);
}

function barsOf(
  events: readonly LabEvent[],
  lanes: readonly string[],
  timeline: Timeline,
  places: Places,
): Bar[] {
  const bars: Bar[] = [];
  const open = new Map<string, Bar>();
  const columns: boolean[][] = lanes.map(() => []);
  const end = (key: string, y: number): void => {
    const bar = open.get(key);
    if (bar === undefined) return;
    bar.y1 = y;
    open.delete(key);
  };
  for (const event of events) {
    if (event.kind !== 'tcp' || event.event.kind !== 'state') continue;
    const lane = lanes.indexOf(places.of(event));
    if (lane < 0) continue;
    const key = connectionKey(event);
    const y = timeline.place(event);
    const before = open.get(key);
    end(key, y);
    const state = event.event.to!;
    const used = columns[lane]!;
    if (state === 'CLOSED') {
      if (before !== undefined) used[before.column] = false;
      continue;
    }
    let column = before?.column ?? 0;
    if (before === undefined) {
      while (used[column] === true) column++;
      used[column] = true;
    }
    const bar: Bar = {
      key: `b${bars.length}`,
      lane,
      column,
      state,
      y0: y,
      y1: timeline.height - 12,
      at: event.at,
      event,
    };
    open.set(key, bar);
    bars.push(bar);
  }
  return bars;
}
