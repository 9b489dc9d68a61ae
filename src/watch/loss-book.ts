/**
 * What arrived in a network of this machine and was dropped there, until it is known whose it was: the port of an attempt is
 * known for sure only when it ends. Pure. Times are µs of the events' clock.
 */
import type { Attempt } from './attempt.ts';
import { reasonOf } from './judge.ts';

/** A SYN, or an answer to one, that was dropped on arrival. `from` and `to` are ADDRESS:PORT of the packet. */
export interface Loss {
  readonly from: string;
  readonly to: string;
  readonly answer: boolean;
  readonly word: string;
  readonly time: number;
  /** ms since 1970. */
  readonly wall: number;
  /** The inode of the network namespace. */
  readonly namespace: number;
}

interface Ends {
  readonly from: string;
  readonly to: string;
}

/** How long a loss waits for its attempt to be told, and how long it is kept for one that goes on. */
const patience = 500_000;
const memory = 150_000_000;
/** How long the ends of an attempt that was told are remembered. */
const doneMemory = 5_000_000;
const mostLosses = 2000;
const mostDone = 100_000;

const keyOf = ({ from, to }: Ends): string => `${from} ${to}`;
/** The ends of the attempt that a loss belongs to, as its program sees them. */
const attemptOf = ({ from, to, answer }: Loss): Ends => (answer ? { from: to, to: from } : { from, to });

/** Keeps losses for their attempts. */
export class LossBook {
  readonly #losses = new Map<string, Loss>();
  /** Ends of attempts that were told, and when. */
  readonly #done = new Map<string, number>();

  add(loss: Loss): void {
    const key = keyOf(attemptOf(loss));
    if (this.#losses.size >= mostLosses) this.#losses.delete(this.#losses.keys().next().value!);
    if (!this.#done.has(key)) this.#losses.set(key, loss);
  }

  /** The loss of an attempt that has ended. */
  of(attempt: Ends): Loss | undefined {
    return this.#losses.get(keyOf(attempt));
  }

  /** The same, for the last time: the attempt is told at `time`. */
  take(attempt: Ends, time: number): Loss | undefined {
    const key = keyOf(attempt);
    const loss = this.#losses.get(key);
    this.#losses.delete(key);
    if (this.#done.size < mostDone) this.#done.set(key, time);
    return loss;
  }

  /**
   * Tells what is nobody's here: SYNs from elsewhere.
   * @param mayBeOpen whether an attempt that has not ended can have these ends
   */
  settle(
    now: number,
    mayBeOpen: (from: string, to: string) => boolean,
    tell: (attempt: Attempt) => void,
  ): void {
    for (const [key, loss] of this.#losses) {
      if (now - loss.time < patience) continue;
      const { from, to } = attemptOf(loss);
      if (mayBeOpen(from, to) && now - loss.time < memory) continue;
      this.#losses.delete(key);
      if (!loss.answer && !this.#done.has(key)) tell(strangerOf(loss));
    }
    for (const [key, time] of this.#done) {
      if (now - time <= doneMemory) break;
      this.#done.delete(key);
    }
  }
}

const strangerOf = ({ from, to, wall, word, namespace }: Loss): Attempt => ({
  ...{ at: wall, duration: 0, who: null, from, to, syns: 1, errno: 0, namespace },
  ...{ outcome: 'dropped', reason: reasonOf(word), certainty: 'likely', kernel: word },
});
