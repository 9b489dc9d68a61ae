/**
 * Timers in a hierarchical wheel on typed arrays: arming and cancelling cost O(1) and allocate nothing, and the wheel
 * can say when the next one is due, so that virtual time jumps. Deadlines are exact to the microsecond; the slots
 * only sort them roughly. Timers that are due together go off in the order of their deadlines, then of their arming.
 */

/** Slots per level, and µs (as a power of two) per slot of the lowest level. */
const slotBits = 8;
const slots = 1 << slotBits;
const tickBits = 10;
const levels = 4;
const none = -1;

/** What a timer calls when it goes off. */
export interface TimerOwner {
  /** @param kind the number given to `arm` */
  onTimer(kind: number): void;
}

/** The timers of one host. A timer is an integer; -1 stands for none. */
export class Timers {
  private deadlines: Float64Array = new Float64Array(1024);
  private orders: Float64Array = new Float64Array(1024);
  private kinds: Int8Array = new Int8Array(1024);
  private next: Int32Array = new Int32Array(1024);
  private previous: Int32Array = new Int32Array(1024);
  /** Which slot list a timer stands in, none if free. */
  private places: Int32Array = new Int32Array(1024);
  private readonly owners: (TimerOwner | null)[] = [];
  private readonly heads: Int32Array = new Int32Array(levels * slots + 1).fill(none);
  /** A bit for each non-empty slot, 32 in a word. */
  private readonly occupied: Int32Array = new Int32Array((levels * slots) / 32);
  private freeList = none;
  private count = 0;
  private armed = 0;
  /** The tick (deadline >> tickBits) up to which the wheel has turned. */
  private tick = 0;
  private order = 0;
  private readonly due: number[] = [];
  /** A lower bound of the earliest deadline that is kept while it is known; -1 if it must be looked up. */
  private earliest = Infinity;

  /** How many timers are armed. */
  get size(): number {
    return this.armed;
  }

  /** The deadline of an armed timer, µs. */
  deadline(timer: number): number {
    return this.deadlines[timer]!;
  }

  /** Arms a timer for a time in µs and returns it. A deadline in the past goes off at the next `run`. */
  arm(owner: TimerOwner, kind: number, deadline: number): number {
    const timer = this.allocate();
    this.owners[timer] = owner;
    this.kinds[timer] = kind;
    this.deadlines[timer] = deadline;
    this.orders[timer] = this.order++;
    this.armed++;
    this.insert(timer);
    if (this.earliest >= 0 && deadline < this.earliest) this.earliest = deadline;
    return timer;
  }

  /** Cancels an armed timer; none (-1) is ignored. Always returns none, for assigning to the field that held it. */
  cancel(timer: number): number {
    if (timer === none) return none;
    if (this.deadlines[timer]! <= this.earliest) this.earliest = -1;
    this.unlink(timer);
    this.release(timer);
    return none;
  }

  /** When the next timer is due, µs; Infinity if none is armed. */
  nextDeadline(): number {
    if (this.armed === 0) return Infinity;
    if (this.earliest < 0) this.earliest = this.findEarliest();
    return this.earliest;
  }

  /** Calls the owners of all timers due at or before `now`, in order; those they arm for then or before as well. */
  run(now: number): void {
    while (this.nextDeadline() <= now) {
      const at = this.nextDeadline();
      this.collect(at);
      this.due.sort((a, b) => this.orders[a]! - this.orders[b]!);
      // One at a time: an owner may cancel another that is due at the same moment.
      const timer = this.due[0]!;
      this.due.length = 0;
      const owner = this.owners[timer]!;
      const kind = this.kinds[timer]!;
      this.unlink(timer);
      this.release(timer);
      this.earliest = -1;
      owner.onTimer(kind);
    }
    this.turn(now);
  }

  private allocate(): number {
    if (this.freeList !== none) {
      const timer = this.freeList;
      this.freeList = this.next[timer]!;
      return timer;
    }
    if (this.count === this.deadlines.length) this.grow();
    this.owners.push(null);
    return this.count++;
  }

  private release(timer: number): void {
    this.owners[timer] = null;
    this.next[timer] = this.freeList;
    this.freeList = timer;
    this.armed--;
  }

  private grow(): void {
    const bigger = <T extends Float64Array | Int32Array | Int8Array>(old: T, fresh: T): T => {
      fresh.set(old);
      return fresh;
    };
    const n = 2 * this.count;
    this.deadlines = bigger(this.deadlines, new Float64Array(n));
    this.orders = bigger(this.orders, new Float64Array(n));
    this.kinds = bigger(this.kinds, new Int8Array(n));
    this.next = bigger(this.next, new Int32Array(n));
    this.previous = bigger(this.previous, new Int32Array(n));
    this.places = bigger(this.places, new Int32Array(n));
  }

  /** The list a deadline belongs to: the lowest level whose turn it still falls into; beyond all, the last list. */
  private placeOf(deadline: number): number {
    const tick = Math.max(Math.floor(deadline / (1 << tickBits)), this.tick);
    let unit = tick;
    let reference = this.tick;
    for (let level = 0; level < levels; level++) {
      if (unit - reference < slots) return level * slots + (unit % slots);
      unit = Math.floor(unit / slots);
      reference = Math.floor(reference / slots);
    }
    return levels * slots;
  }

  private insert(timer: number): void {
    const place = this.placeOf(this.deadlines[timer]!);
    const head = this.heads[place]!;
    this.places[timer] = place;
    this.previous[timer] = none;
    this.next[timer] = head;
    if (head !== none) this.previous[head] = timer;
    this.heads[place] = timer;
    if (place < levels * slots) this.occupied[place >> 5]! |= 1 << (place & 31);
  }

  private unlink(timer: number): void {
    const place = this.places[timer]!;
    const next = this.next[timer]!;
    const previous = this.previous[timer]!;
    if (next !== none) this.previous[next] = previous;
    if (previous !== none) this.next[previous] = next;
    else {
      this.heads[place] = next;
      if (next === none && place < levels * slots) this.occupied[place >> 5]! &= ~(1 << (place & 31));
    }
  }

  /** The first non-empty slot of a level at or after the wheel's position, as a list number, or none. */
  private firstSlot(level: number): number {
    const start = Math.floor(this.tick / slots ** level) % slots;
    for (let i = 0; i < slots; ) {
      const slot = (start + i) % slots;
      const place = level * slots + slot;
      const word = this.occupied[place >> 5]! >>> (place & 31);
      if (word !== 0) {
        const skip = 31 - Math.clz32(word & -word);
        // A word never crosses the end of a level: 256 is a multiple of 32.
        if (i + skip < slots) return place + skip;
        return none;
      }
      i += 32 - (place & 31);
    }
    return none;
  }

  private earliestIn(place: number, best: number): number {
    for (let t = this.heads[place]!; t !== none; t = this.next[t]!) {
      const deadline = this.deadlines[t]!;
      if (deadline < best) best = deadline;
    }
    return best;
  }

  private findEarliest(): number {
    let best = Infinity;
    // A higher level's first slot can hold a deadline before those of a lower one that was filled later.
    for (let level = 0; level < levels; level++) {
      const place = this.firstSlot(level);
      if (place !== none) best = this.earliestIn(place, best);
    }
    return this.earliestIn(levels * slots, best);
  }

  private collect(at: number): void {
    for (let level = 0; level < levels; level++) {
      const place = this.firstSlot(level);
      if (place !== none) this.collectFrom(place, at);
    }
    this.collectFrom(levels * slots, at);
  }

  private collectFrom(place: number, at: number): void {
    for (let t = this.heads[place]!; t !== none; t = this.next[t]!) {
      if (this.deadlines[t]! === at) this.due.push(t);
    }
  }

  /** Moves the wheel on to `now`; what a higher level held for the span now entered goes down a level. */
  private turn(now: number): void {
    const target = Math.floor(now / (1 << tickBits));
    if (target <= this.tick) return;
    const before = this.tick;
    this.tick = target;
    for (let level = 1; level <= levels; level++) {
      const from = Math.floor(before / slots ** level);
      const to = Math.floor(target / slots ** level);
      if (from === to && level > 1) break;
      if (level === levels) {
        if (from !== to) this.reinsert(levels * slots);
      } else if (from !== to) this.reinsert(level * slots + (to % slots));
    }
  }

  private reinsert(place: number): void {
    let timer = this.heads[place]!;
    this.heads[place] = none;
    if (place < levels * slots) this.occupied[place >> 5]! &= ~(1 << (place & 31));
    while (timer !== none) {
      const next = this.next[timer]!;
      this.insert(timer);
      timer = next;
    }
  }
}
