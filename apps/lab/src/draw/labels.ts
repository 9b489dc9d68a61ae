/**
 * Where the texts of arrows go: along the arrow, where they touch no other arrow and no other text. A text that has no
 * room loses what is least worth first. Pure geometry: the diagram draws what this finds.
 */

import { columns } from '../../../../src/view/text-width.ts';

export interface Point {
  readonly x: number;
  readonly y: number;
}
export type Segment = readonly [Point, Point];
/** The corners of a box that may be turned. */
export type Quad = readonly [Point, Point, Point, Point];

/** An arrow as it is drawn. */
export interface Shaft {
  readonly key: string;
  readonly start: Point;
  readonly tip: Point;
  /** What may be said about it, the richest first; each the lines of a text. */
  readonly texts: readonly (readonly string[])[];
  /** Where its text may not be: the cross of a lost packet. */
  readonly keepOff?: Point;
}

export interface Label {
  readonly lines: readonly string[];
  /** The middle of the text on the arrow, and its angle, degrees. */
  readonly at: Point;
  readonly angle: number;
  /** Where each line's baseline is, above (negative) or below the arrow. */
  readonly baselines: readonly number[];
  /** Share of the arrow's way that must be drawn before the text stands. */
  readonly share: number;
}

/** Pixels: height of a line, and how far it stays from its arrow. */
const linePx = 13;
const gapPx = 4;
const ascentPx = 10;

const cross = (o: Point, a: Point, b: Point): number => (a.x - o.x) * (b.y - o.y) - (a.y - o.y) * (b.x - o.x);

function segmentsMeet([a, b]: Segment, [c, d]: Segment): boolean {
  return cross(a, b, c) * cross(a, b, d) < 0 && cross(c, d, a) * cross(c, d, b) < 0;
}

const inside = (p: Point, quad: Quad): boolean => {
  const signs = quad.map((corner, i) => cross(corner, quad[(i + 1) % 4]!, p));
  return signs.every((s) => s >= 0) || signs.every((s) => s <= 0);
};

const sides = (quad: Quad): Segment[] => quad.map((corner, i) => [corner, quad[(i + 1) % 4]!] as const);

const meetsSegment = (quad: Quad, segment: Segment): boolean =>
  inside(segment[0], quad) ||
  inside(segment[1], quad) ||
  sides(quad).some((side) => segmentsMeet(side, segment));

const quadsMeet = (a: Quad, b: Quad): boolean =>
  a.some((corner) => inside(corner, b)) ||
  b.some((corner) => inside(corner, a)) ||
  sides(a).some((one) => sides(b).some((other) => segmentsMeet(one, other)));

const reach = (quad: Quad): [top: number, bottom: number] => {
  const ys = quad.map(({ y }) => y);
  return [Math.min(...ys), Math.max(...ys)];
};

export const box = (x: number, y: number, width: number, height: number): Quad => [
  { x, y },
  { x: x + width, y },
  { x: x + width, y: y + height },
  { x, y: y + height },
];

/** Height of a row of obstacles. */
const rowPx = 60;

/** Things that texts keep off, found by height. */
class Obstacles<T> {
  private readonly rows = new Map<number, T[]>();

  add(top: number, bottom: number, thing: T): void {
    // What spans thousands of pixels (a packet that was long under way) is in many rows, but there are few of those.
    for (let row = Math.floor(top / rowPx); row <= Math.floor(bottom / rowPx); row++) {
      const list = this.rows.get(row);
      if (list === undefined) this.rows.set(row, [thing]);
      else list.push(thing);
    }
  }

  some(top: number, bottom: number, test: (thing: T) => boolean): boolean {
    for (let row = Math.floor(top / rowPx); row <= Math.floor(bottom / rowPx); row++)
      if (this.rows.get(row)?.some(test)) return true;
    return false;
  }
}

/** Baselines of n lines: the first above and the rest below, all above, or all below. */
function stacks(n: number): number[][] {
  const below = (from: number): number[] =>
    Array.from({ length: n - from }, (_, i) => gapPx + ascentPx + i * linePx);
  const above = Array.from({ length: n }, (_, i) => -gapPx - (n - 1 - i) * linePx);
  return n === 1 ? [above, below(0)] : [[-gapPx, ...below(1)], above, below(0)];
}

const shares = [0.5, 0.42, 0.58, 0.34, 0.66, 0.28, 0.72, 0.2, 0.8];

/**
 * Places the texts of arrows.
 * @param fixed boxes of texts that stand already
 * @param bends further lines to keep off: arrows of a host to itself
 * @param letterPx width of a letter
 */
export function placeLabels(
  shafts: readonly Shaft[],
  fixed: readonly Quad[],
  bends: readonly Segment[],
  letterPx: number,
): Map<string, Label> {
  const lines = new Obstacles<{ key: string; segment: Segment }>();
  const texts = new Obstacles<Quad>();
  const addLine = (key: string, segment: Segment): void => {
    const [a, b] = segment;
    lines.add(Math.min(a.y, b.y) - 1, Math.max(a.y, b.y) + 1, { key, segment });
  };
  for (const { key, start, tip } of shafts) addLine(key, [start, tip]);
  for (const segment of bends) addLine('', segment);
  for (const quad of fixed) texts.add(...reach(quad), quad);
  const placed = new Map<string, Label>();
  for (const shaft of shafts) {
    const found = place(shaft, letterPx, (quads) =>
      quads.every((quad) => {
        const [top, bottom] = reach(quad);
        return (
          !lines.some(top, bottom, ({ key, segment }) => key !== shaft.key && meetsSegment(quad, segment)) &&
          !texts.some(top, bottom, (other) => quadsMeet(quad, other))
        );
      }),
    );
    if (found === null) continue;
    placed.set(shaft.key, found.label);
    for (const quad of found.quads) texts.add(...reach(quad), quad);
  }
  return placed;
}

function place(
  shaft: Shaft,
  letterPx: number,
  free: (quads: readonly Quad[]) => boolean,
): { label: Label; quads: Quad[] } | null {
  const { start, tip, keepOff } = shaft;
  const [dx, dy] = [tip.x - start.x, tip.y - start.y];
  const length = Math.hypot(dx, dy);
  // Texts read from left to right, whichever way the packet goes.
  const turned = dx < 0 ? -1 : 1;
  const [ux, uy] = [(dx / length) * turned, (dy / length) * turned];
  const angle = (Math.atan2(uy, ux) * 180) / Math.PI;
  const quadOf = (at: Point, text: string, baseline: number): Quad => {
    const half = (columns(text) * letterPx) / 2 + 2;
    const corner = (along: number, down: number): Point => ({
      x: at.x + ux * along - uy * down,
      y: at.y + uy * along + ux * down,
    });
    const [top, bottom] = [baseline - ascentPx, baseline + 3];
    return [corner(-half, top), corner(half, top), corner(half, bottom), corner(-half, bottom)];
  };
  for (const all of shaft.texts) {
    const text = all.filter((line) => line !== '');
    if (text.length === 0) continue;
    const half = (Math.max(...text.map(columns)) * letterPx) / 2 + 8;
    if (2 * half > length) continue;
    for (const share of shares) {
      if (share * length < half || (1 - share) * length < half) continue;
      const at = { x: start.x + dx * share, y: start.y + dy * share };
      if (keepOff !== undefined && Math.hypot(keepOff.x - at.x, keepOff.y - at.y) < half + 8) continue;
      for (const baselines of stacks(text.length)) {
        const quads = text.map((line, i) => quadOf(at, line, baselines[i]!));
        if (free(quads)) return { label: { lines: text, at, angle, baselines, share }, quads };
      }
    }
  }
  return null;
}
