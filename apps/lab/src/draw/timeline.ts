/**
 * Where on the page a moment of virtual time is. Between moments the page is to scale; silences that would be longer
 * than a few packet flights are folded. What happens at one instant but in an order (a packet over a loopback without
 * delay) gets moments of its own, `tier`s of that instant.
 */
import type { Places } from '../world/places.ts';
import type { LabEvent } from '../world/run.ts';

/** Pixels that a typical packet is under way. */
const flightPx = 58;
/** Longer silences are folded into `foldPx`. */
const longestPx = 170;
const foldPx = 54;
const linePx = 15;
const tierPx = 34;
const topPx = 30;

/** A moment: time × 2^16 + tier, so that moments sort as numbers. */
type Moment = number;
const moment = (at: number, tier: number): Moment => at * 65_536 + tier;

interface Fold {
  readonly top: number;
  readonly bottom: number;
  readonly us: number;
}

export interface Timeline {
  /** Sorted moments and their places. */
  readonly times: readonly number[];
  readonly ys: readonly number[];
  readonly folds: readonly Fold[];
  readonly height: number;
  /** µs to pixels, and back. */
  yOf(us: number): number;
  timeAt(y: number): number;
  /** The place of an event. */
  place(event: LabEvent): number;
}

interface Slot {
  readonly moment: Moment;
  readonly at: number;
  /** Lines of text per lane that begin here. */
  readonly lines: Map<string, number>;
  /** Whether a packet leaves here. */
  sends: boolean;
}

/** Gives each event of a run its moment. */
class Tiers {
  private at = -1;
  private tier = 0;
  private readonly sentAt = new Map<string, number>();
  private busy = new Set<string>();

  take(event: LabEvent): Moment {
    if (event.at !== this.at) {
      this.at = event.at;
      this.tier = 0;
      this.busy = new Set();
    }
    if (event.kind === 'sent' || event.kind === 'arrived') {
      const { link, from, n } = event.packet;
      const name = `${link}/${from}/${n}`;
      const end = event.kind === 'sent' ? `from ${from}` : `to ${event.to} ${from}`;
      const here = moment(this.at, this.tier);
      if (this.busy.has(end) || (event.kind === 'arrived' && this.sentAt.get(name) === here)) {
        this.tier++;
        this.busy = new Set();
      }
      this.busy.add(end);
      if (event.kind === 'sent') this.sentAt.set(name, moment(this.at, this.tier));
    }
    return moment(this.at, this.tier);
  }
}

/** How many lines of text stand beside a lifeline for an event. */
type LinesOf = (event: LabEvent) => number;

/**
 * The time line that several runs share, so that equal times stand at equal heights.
 * @param upward lanes whose texts end at their moment, where arrows begin, and do not begin there
 */
export function timelineOf(
  runs: readonly { readonly events: readonly LabEvent[]; readonly places: Places }[],
  linesOf: LinesOf,
  upward: ReadonlySet<string> = new Set(),
): Timeline {
  const moments = new Map<LabEvent, Moment>();
  const slots = new Map<Moment, Slot>();
  const flights: number[] = [];
  const departures = new Map<string, number>();
  for (const { events, places } of runs) {
    const tiers = new Tiers();
    const lines = new Map<Moment, Map<string, number>>();
    for (const event of events) {
      const at = tiers.take(event);
      moments.set(event, at);
      const slot = slots.get(at) ?? { moment: at, at: event.at, lines: new Map(), sends: false };
      slots.set(at, slot);
      if (event.kind === 'sent') slot.sends = true;
      if (event.kind === 'tcp' || event.kind === 'call') {
        const own = lines.get(at) ?? new Map<string, number>();
        lines.set(at, own);
        const lane = places.of(event);
        const count = (own.get(lane) ?? 0) + linesOf(event);
        own.set(lane, count);
        slot.lines.set(lane, Math.max(slot.lines.get(lane) ?? 0, count));
      } else {
        const key = `${event.packet.link}/${event.packet.from}/${event.packet.n}`;
        if (event.kind === 'sent') departures.set(key, event.at);
        else if (event.kind === 'arrived' && event.copy === 0)
          flights.push(event.at - (departures.get(key) ?? 0));
      }
    }
  }
  const under = flights.filter((us) => us > 0).sort((a, b) => a - b);
  const typical = under[under.length >> 1] ?? 10_000;
  return layOut(
    [...slots.values()].sort((a, b) => a.moment - b.moment),
    flightPx / typical,
    moments,
    upward,
  );
}

function layOut(
  slots: readonly Slot[],
  pxPerUs: number,
  moments: Map<LabEvent, Moment>,
  upward: ReadonlySet<string>,
): Timeline {
  const ys: number[] = [];
  const times: number[] = [];
  const folds: Fold[] = [];
  const places = new Map<Moment, number>();
  /** Below which height each lane's text begins to be free. */
  const free = new Map<string, number>();
  let y = topPx;
  let lastSend = Number.NEGATIVE_INFINITY;
  let before: Slot | null = null;
  for (const slot of slots) {
    if (before !== null) {
      const us = slot.at - before.at;
      const px = us * pxPerUs;
      let least = us === 0 ? tierPx : 0;
      if (slot.sends) least = Math.max(least, lastSend + 34 - y);
      for (const [lane, count] of slot.lines)
        least = Math.max(least, (free.get(lane) ?? 0) - y + (upward.has(lane) ? count * linePx : 0));
      if (px > longestPx) {
        const top = Math.max(y + 8, ...free.values());
        folds.push({ top, bottom: top + foldPx, us });
        y = top + foldPx + 6 + firstLines(slot, upward);
      } else y += Math.max(px, least);
    } else y += firstLines(slot, upward);
    places.set(slot.moment, y);
    times.push(slot.at);
    ys.push(y);
    for (const [lane, count] of slot.lines) free.set(lane, y + (upward.has(lane) ? 4 : count * linePx + 3));
    if (slot.sends) lastSend = y;
    before = slot;
  }
  const height = Math.max(y, ...free.values(), topPx) + 40;
  return {
    times,
    ys,
    folds,
    height,
    yOf: (us) => interpolate(times, ys, us),
    timeAt: (at) => interpolate(ys, times, at),
    place: (event) => places.get(moments.get(event) ?? -1) ?? topPx,
  };
}

/** Room for the texts above the first moment. */
const firstLines = (slot: Slot, upward: ReadonlySet<string>): number =>
  [...slot.lines].reduce(
    (most, [lane, count]) => Math.max(most, upward.has(lane) ? (count - 1) * linePx : 0),
    0,
  );

/** Piecewise linear; where several `from` are equal, the last counts. */
function interpolate(from: readonly number[], to: readonly number[], value: number): number {
  const i = lastAtMost(from, value);
  if (i < 0) return to[0] ?? 0;
  if (i === from.length - 1) return to[i]!;
  const share = (value - from[i]!) / (from[i + 1]! - from[i]!);
  return to[i]! + share * (to[i + 1]! - to[i]!);
}

/** The last index whose value is at most `value`, -1 if there is none. The values are sorted. */
export function lastAtMost(values: readonly number[], value: number): number {
  let low = 0;
  let high = values.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (values[middle]! <= value) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}
