/**
 * What a link does to packets: stages that a packet passes one after the other, each of which may put off its arrival or
 * end its way. A stage exists only if the link asks for it, so that a perfect wire costs nothing.
 */
import type { Prng } from './prng.ts';

/** The conditions in one direction of a link. What is not given is perfect. */
export interface Conditions {
  /** Propagation time in µs: an integer. */
  readonly delayUs?: number;
  /** Each packet takes up to this much longer, µs, evenly spread. Jitter alone never reorders. */
  readonly jitterUs?: number;
  /** Bits per second. Packets that come faster wait in a queue. */
  readonly bandwidth?: number;
  /** How many bytes may wait for the bandwidth; packets beyond are lost. No limit if not given. */
  readonly queueBytes?: number;
  /** The share of packets that get lost, 0 to 1. */
  readonly loss?: number;
  /** The share of packets that arrive twice, 0 to 1. */
  readonly duplicate?: number;
  /** The share of packets that are held back so that later ones overtake them, 0 to 1. */
  readonly reorder?: number;
  /** For how long they are held back, µs; 1,000 if not given. */
  readonly reorderUs?: number;
}

/** Something done to one packet by name, on top of the conditions. */
export type Action =
  | { readonly action: 'drop' }
  /** Held back by `us` µs; packets behind it may overtake it. */
  | { readonly action: 'delay'; readonly us: number }
  /** A second copy arrives `us` µs after the first. */
  | { readonly action: 'duplicate'; readonly us: number }
  /** The byte `byte` (counted from the start of the IP header) is changed by exclusive or with `mask` (1 to 255). */
  | { readonly action: 'corrupt'; readonly byte: number; readonly mask: number };

/** Why a packet was lost on a link. */
export type LossCause = 'loss' | 'queue-full' | 'dropped' | 'cut';

/** One packet on its way through the stages of one direction. There is one object per direction, used again and again. */
export interface Passage {
  /** The packet's number in this direction, from 1. */
  n: number;
  /** Length in bytes. */
  length: number;
  /** When it will arrive, µs. Stages move it. */
  at: number;
  /** Whether packets behind it must not arrive earlier. */
  inOrder: boolean;
  /** How much later a second copy arrives, µs; negative if there is none. */
  copyAfter: number;
  lost: LossCause | null;
}

/** A stage; it reads and changes the passage. */
export type Stage = (passage: Passage) => void;

// Each stage draws from a stream of its own per packet (Prng.restart): these are the streams' names.
const stream = { loss: 1, jitter: 2, reorder: 3, duplicate: 4 };

/** The longest time that a condition or an action may ask for: an hour, µs. */
const longest = 3_600_000_000;

const ranges: Readonly<Record<keyof Conditions, readonly [number, number]>> = {
  delayUs: [0, longest],
  jitterUs: [0, longest],
  reorderUs: [0, longest],
  bandwidth: [1, 1e15],
  queueBytes: [0, 1e15],
  loss: [0, 1],
  duplicate: [0, 1],
  reorder: [0, 1],
};

function check(conditions: Conditions): void {
  for (const [name, value] of Object.entries(conditions) as [keyof Conditions, number | undefined][]) {
    if (!Object.hasOwn(ranges, name))
      throw new RangeError(`there is no condition '${name}'; there are ${Object.keys(ranges).join(', ')}`);
    const [low, high] = ranges[name];
    if (value !== undefined && !(value >= low && value <= high))
      throw new RangeError(`${name} must be from ${low} to ${high}, not ${value}`);
  }
}

function checkInteger(name: string, value: number, low: number, high: number): void {
  if (!(Number.isInteger(value) && value >= low && value <= high))
    throw new RangeError(`${name} must be an integer from ${low} to ${high}, not ${value}`);
}

/**
 * Checks what shall be done to a packet.
 * @param n its number; null if a predicate chooses
 * @throws RangeError for an unknown action, or one with a number that is missing or out of its range
 */
export function checkAction(n: number | null, it: Action): void {
  if (n !== null) checkInteger('n', n, 1, Number.MAX_SAFE_INTEGER);
  const { action } = it;
  if (action === 'delay' || action === 'duplicate') checkInteger('us', it.us, 0, longest);
  else if (action === 'corrupt') {
    checkInteger('byte', it.byte, 0, 65_535);
    checkInteger('mask', it.mask, 1, 255);
  } else if (action !== 'drop')
    throw new RangeError(`there is no action '${action}'; there are drop, delay, duplicate, corrupt`);
}

/**
 * The stages for some conditions, in the order a packet meets them: loss, queue and bandwidth, delay and jitter,
 * reordering, duplication.
 * @param random a generator that belongs to this direction alone
 * @throws RangeError if a condition is unknown or out of its range
 */
export function stagesFor(conditions: Conditions, random: Prng): Stage[] {
  check(conditions);
  const {
    delayUs = 0,
    jitterUs = 0,
    bandwidth,
    queueBytes,
    loss = 0,
    duplicate = 0,
    reorder = 0,
  } = conditions;
  const stages: Stage[] = [];
  if (loss > 0) stages.push(losing(loss, random));
  if (bandwidth !== undefined) stages.push(limited(bandwidth, queueBytes ?? Number.POSITIVE_INFINITY));
  if (delayUs > 0 || jitterUs > 0) stages.push(delaying(Math.round(delayUs), Math.round(jitterUs), random));
  if (reorder > 0) stages.push(reordering(reorder, Math.round(conditions.reorderUs ?? 1000), random));
  if (duplicate > 0) stages.push(duplicating(duplicate, random));
  return stages;
}

/** The stage that carries out interventions; it comes last, on top of the conditions. */
export function meddling(actions: ReadonlyMap<number, readonly Action[]>): Stage {
  return (passage) => {
    for (const action of actions.get(passage.n) ?? []) {
      if (action.action === 'drop') passage.lost = 'dropped';
      else if (action.action === 'duplicate') passage.copyAfter = action.us;
      else if (action.action === 'delay') {
        passage.at += action.us;
        passage.inOrder = false;
      }
    }
  };
}

const losing =
  (share: number, random: Prng): Stage =>
  (passage) => {
    random.restart(passage.n, stream.loss);
    if (random.unit() < share) passage.lost = 'loss';
  };

function limited(bandwidth: number, queueBytes: number): Stage {
  // When the last packet accepted has left completely, in µs with fractions, so that rounding does not add up.
  let busyUntil = 0;
  const usPerByte = 8e6 / bandwidth;
  return (passage) => {
    const wait = Math.max(0, busyUntil - passage.at);
    // What is being sent at the moment no longer waits: only what comes on top of it must fit.
    if (wait > 0 && wait / usPerByte > queueBytes) {
      passage.lost = 'queue-full';
      return;
    }
    busyUntil = passage.at + wait + passage.length * usPerByte;
    passage.at = Math.ceil(busyUntil - 1e-6);
  };
}

const delaying =
  (delayUs: number, jitterUs: number, random: Prng): Stage =>
  (passage) => {
    passage.at += delayUs;
    if (jitterUs === 0) return;
    random.restart(passage.n, stream.jitter);
    passage.at += random.below(jitterUs + 1);
  };

const reordering =
  (share: number, us: number, random: Prng): Stage =>
  (passage) => {
    random.restart(passage.n, stream.reorder);
    if (random.unit() >= share) return;
    passage.at += us;
    passage.inOrder = false;
  };

const duplicating =
  (share: number, random: Prng): Stage =>
  (passage) => {
    random.restart(passage.n, stream.duplicate);
    if (random.unit() < share && passage.copyAfter < 0) passage.copyAfter = 0;
  };
