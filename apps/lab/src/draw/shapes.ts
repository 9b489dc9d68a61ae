/** The shapes of arrows, in pixels: as much of them as is drawn when the playhead stands at a height. */
import type { Arrow } from './drawing.ts';
import type { Point } from './labels.ts';

/** An arrow from one host to another. */
export interface Line {
  readonly start: Point;
  readonly tip: Point;
  /** Degrees. */
  readonly angle: number;
  /** How much of it is drawn, and how much ever is: a packet that is lost ends on its way. */
  readonly progress: number;
  readonly stop: number;
}

/** @param x0 the lifeline it leaves, `x1` the one it goes to */
export function lineOf(a: Arrow, x0: number, x1: number, playhead: number): Line {
  const direction = x1 >= x0 ? 1 : -1;
  const [startX, endX] = [x0 + 6 * direction, x1 - 6 * direction];
  const height = a.y1 - a.y0;
  const stop = a.lost === null ? 1 : 0.62;
  const progress = Math.max(0, Math.min(stop, height <= 0 ? 1 : (playhead - a.y0) / height));
  const at = (share: number): Point => ({ x: startX + (endX - startX) * share, y: a.y0 + height * share });
  const angle = (Math.atan2(height, endX - startX) * 180) / Math.PI;
  return { start: at(0), tip: at(progress), angle, progress, stop };
}

/** A packet of a host to itself: out to the right and back. */
export interface Loop {
  readonly path: string;
  readonly reach: number;
  readonly bend: number;
  readonly done: boolean;
}

/** @param x where it leaves, `reach` how far to the right it goes */
export function loopOf(a: Arrow, x: number, reach: number, playhead: number): Loop {
  const bend = Math.max(14, a.y1 - a.y0);
  return {
    path: `M${x} ${a.y0} C${x + reach} ${a.y0}, ${x + reach} ${a.y0 + bend}, ${x + 3} ${a.y0 + bend}`,
    reach,
    bend,
    done: playhead >= a.y1 || a.y1 <= a.y0,
  };
}

/** Of which kind a packet is, by the names of its flags: colours go by it. */
export function kindOf(flags: string): string {
  if (flags.includes('RST')) return 'rst';
  if (flags.includes('SYN')) return flags.includes('ACK') ? 'synack' : 'syn';
  if (flags.includes('FIN')) return 'fin';
  return flags.includes('PSH') ? 'data' : 'ack';
}
