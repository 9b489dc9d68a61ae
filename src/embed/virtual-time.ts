/** A clock that only moves when it is told to, for tests of programs that embed the stack. */
import { EventQueue } from '../sim/clock.ts';
import type { RealClock } from '../sim/realtime.ts';

interface Timer {
  callback: (() => void) | null;
}

export class VirtualTime implements RealClock {
  private us = 0;
  private readonly queue = new EventQueue<Timer>();

  /** µs since its beginning. */
  now(): number {
    return this.us;
  }

  setTimer(us: number, callback: () => void): () => void {
    const timer: Timer = { callback };
    this.queue.push(this.us + us, timer);
    return () => {
      timer.callback = null;
    };
  }

  /**
   * Lets `us` µs pass: every timer goes off at its time, in order.
   * @throws RangeError unless it is a number from 0
   */
  advance(us: number): void {
    if (!(us >= 0 && us < Number.POSITIVE_INFINITY))
      throw new RangeError(`time can advance by 0 µs or more, not by ${us}`);
    const until = this.us + us;
    while (this.queue.nextTime <= until) {
      this.us = Math.max(this.us, this.queue.nextTime);
      this.queue.pop().callback?.();
    }
    this.us = until;
  }
}
