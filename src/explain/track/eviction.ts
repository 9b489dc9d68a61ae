/** When attempts are over, how long they are kept then, and which make room when there are too many: memory is bounded. */
import type { AttemptStore, EventStore } from './attempt-store.ts';
import * as R from './records.ts';

const { WORDS, HASH, STATE, NUMBER, DOUBLES, LAST_TIME, CONFIRMED, CLIENT_RST, SERVER_RST, USED, TOLD } = R;

/** Limits of memory; see docs/explain.md. */
export interface TrackerLimits {
  /** This many attempts that are over are kept, so that what comes late still finds them. Fewer come out in order. */
  readonly relaxed: number;
  /** Never more than this many at a time. */
  readonly attempts: number;
}

/**
 * More are kept than a client has ephemeral ports on Linux (28,232), so that one that uses them again and again is found out. With
 * half as many, the last ACKs of 20,000 connections that end at the same time begin to come too late.
 */
export const defaultLimits: TrackerLimits = { relaxed: 65_536, attempts: 600_000 };

/** So many records are touched together before they make room. */
const NEXT_OUT = 16;

/** Tells attempts and gives their records back. */
export class Eviction {
  /** Keeps the compiler from leaving out the loads that warm the cache. */
  touched = 0;
  private readonly store: AttemptStore;
  private readonly events: EventStore;
  private readonly finish: (slot: number) => void;
  private readonly limits: TrackerLimits;
  private sweepAt = 0;
  /** Attempts that are over, as slot and number, in a ring. */
  private readonly queue: Int32Array;
  private queued = 0;
  private ending: Iterator<number> | null = null;

  /** @param finish called with an attempt's slot before the slot is given back */
  constructor(
    store: AttemptStore,
    events: EventStore,
    finish: (slot: number) => void,
    limits: TrackerLimits,
  ) {
    this.store = store;
    this.events = events;
    this.finish = finish;
    this.limits = limits;
    this.queue = new Int32Array(limits.relaxed * 2);
  }

  /** Whether there are so many attempts that some of those never over may have to go. */
  get isFull(): boolean {
    return this.store.used >= this.limits.relaxed * 2;
  }

  /** Removes an attempt and tells who asked. */
  evict(slot: number): void {
    if ((this.store.words[slot * WORDS + STATE]! & TOLD) === 0) this.finish(slot);
    this.events.release(slot);
    this.store.release(slot);
  }

  /**
   * Finishes attempts, in the order they began. No packets may come after the first call.
   * @param most so many at most, so that who calls can look at other things meanwhile
   * @returns whether all are finished
   */
  end(most: number): boolean {
    this.ending ??= this.store.byNumber().values();
    for (let n = 0; n < most; n++) {
      const next = this.ending.next();
      if (next.done) return true;
      this.evict(next.value);
    }
    return false;
  }

  /**
   * Tells, before the end of the capture, of the attempts that are over and silent since `time`, and of those never confirmed
   * that have been silent so long that nothing more is to come. They are kept: what comes later still finds them.
   */
  settle(time: number): void {
    const { words, doubles, top } = this.store;
    for (let slot = 0; slot < top; slot++) {
      const state = words[slot * WORDS + STATE]!;
      if ((state & (USED | TOLD)) !== USED) continue;
      const silent = time - doubles[slot * DOUBLES + LAST_TIME]!;
      const enough = isOver(state) ? 0 : state & CONFIRMED ? Number.POSITIVE_INFINITY : lingerNs(state);
      if (silent < enough) continue;
      this.finish(slot);
      words[slot * WORDS + STATE]! |= TOLD;
    }
  }

  /** Puts an attempt that is over at the end of the queue; the one at its front makes room. */
  over(slot: number): void {
    const { queue, limits } = this;
    const { words } = this.store;
    if (this.queued >= limits.relaxed && this.queued % NEXT_OUT === 0) this.warm();
    const place = this.queued++ % limits.relaxed;
    const at = place * 2;
    const front = queue[at]! * WORDS;
    // It may have been told early, for want of room, and its record may be another one's by now.
    const there = words[front + NUMBER] === queue[at + 1];
    if (this.queued > limits.relaxed && there && words[front + STATE]! & USED) this.evict(queue[at]!);
    queue[at] = slot;
    queue[at + 1] = words[slot * WORDS + NUMBER]!;
  }

  /** Touches the records that are next to make room: nobody has looked at them for long. */
  private warm(): void {
    const { queue, limits, queued } = this;
    const { words, newest } = this.store;
    let sum = 0;
    for (let n = 0; n < NEXT_OUT; n++) {
      const base = queue[((queued + n) % limits.relaxed) * 2]! * WORDS;
      for (let line = 0; line < WORDS; line += 16) sum ^= words[base + line]!;
    }
    for (let n = 0; n < NEXT_OUT; n++) {
      const base = queue[((queued + n) % limits.relaxed) * 2]! * WORDS;
      sum ^= newest.peek(words[base + HASH]!);
    }
    this.touched = sum;
  }

  /**
   * Looks at a few attempts, in turn, and finishes those that have been idle for long; when memory is full, the idlest.
   * @param now time of the packet at hand, ns since the base
   * @param isNeeded whether the packet at hand may be of the attempt
   */
  sweep(now: number, isNeeded: (slot: number) => boolean): void {
    const { store, limits } = this;
    const crowded = store.used >= limits.attempts || this.events.used >= limits.attempts * 6;
    const looks = crowded ? 64 : 2;
    let idlest = -1;
    let idlestTime = Number.POSITIVE_INFINITY;
    for (let n = 0; n < looks; n++) {
      if (++this.sweepAt >= store.top) this.sweepAt = 0;
      const slot = this.sweepAt;
      const state = store.words[slot * WORDS + STATE]!;
      if ((state & USED) === 0 || isNeeded(slot)) continue;
      const last = store.doubles[slot * DOUBLES + LAST_TIME]!;
      if (now - last > lingerNs(state)) {
        this.evict(slot);
        return;
      }
      if (last < idlestTime) {
        idlest = slot;
        idlestTime = last;
      }
    }
    if (crowded && idlest >= 0) this.evict(idlest);
  }
}

/** Whether a connection has ended: by RST, or by FINs from both sides. */
export function isOver(state: number): boolean {
  return (state & (CLIENT_RST | SERVER_RST)) !== 0 || R.hasClosed(state);
}

/** How long an attempt may be silent before it is taken to be over, if there are many. */
function lingerNs(state: number): number {
  // The longest pause between two SYNs of one attempt is 64 s on Linux.
  return (state & CONFIRMED) === 0 ? 150e9 : 900e9;
}
