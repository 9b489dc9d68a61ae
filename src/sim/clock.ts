/** Virtual time: a clock that jumps from event to event, and the queue of what is to happen. */

/** Something that tells the time in integer µs. Hosts read it; only its owner moves it. */
export interface Clock {
  readonly now: number;
}

/**
 * Events in order of time, and in order of arrival where times are equal: a binary heap over parallel arrays, so that
 * pushing and popping allocate nothing once the arrays have grown.
 */
export class EventQueue<T> {
  private readonly times: number[] = [];
  private readonly orders: number[] = [];
  private readonly items: T[] = [];
  private pushed = 0;

  get size(): number {
    return this.times.length;
  }

  /** The time of the next event in µs, Infinity if there is none. */
  get nextTime(): number {
    return this.times.length === 0 ? Number.POSITIVE_INFINITY : this.times[0]!;
  }

  push(at: number, item: T): void {
    const { times, orders, items } = this;
    let i = times.length;
    const order = this.pushed++;
    times.push(at);
    orders.push(order);
    items.push(item);
    while (i > 0) {
      const parent = (i - 1) >> 1;
      // A later push never goes before an equal time, so the time alone decides on the way up.
      if (times[parent]! <= at) break;
      this.move(parent, i);
      i = parent;
    }
    this.place(i, at, order, item);
  }

  /** Takes the next event. Only call it if there is one. */
  pop(): T {
    const { times, orders, items } = this;
    const first = items[0]!;
    const at = times.pop()!;
    const order = orders.pop()!;
    const item = items.pop()!;
    const size = times.length;
    if (size === 0) return first;
    let i = 0;
    for (;;) {
      let child = 2 * i + 1;
      if (child >= size) break;
      if (child + 1 < size && this.before(child + 1, child)) child++;
      if (at < times[child]! || (at === times[child]! && order < orders[child]!)) break;
      this.move(child, i);
      i = child;
    }
    this.place(i, at, order, item);
    return first;
  }

  private before(i: number, j: number): boolean {
    const { times, orders } = this;
    return times[i]! < times[j]! || (times[i]! === times[j]! && orders[i]! < orders[j]!);
  }

  private move(from: number, to: number): void {
    this.times[to] = this.times[from]!;
    this.orders[to] = this.orders[from]!;
    this.items[to] = this.items[from]!;
  }

  private place(i: number, at: number, order: number, item: T): void {
    this.times[i] = at;
    this.orders[i] = order;
    this.items[i] = item;
  }
}
