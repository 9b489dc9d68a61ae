/** SYNs and answers that arrived in a network of this machine and were dropped there, by packets and the kernel's word. */
import { Arrivals, Drops, type Loss } from '../linux/arrivals.ts';
import type { TappedPacket } from '../linux/syn-tap.ts';

/** How long the same SYN is not told again, µs: it comes several times. */
const toldFor = 60e6;
const mostTold = 10_000;
/** Drops older than this are of no arrival that is still looked at, µs. */
const dropAge = 2e6;

/** Follows the arrivals of several networks. Times are µs of the packets' clock. */
export class Losses {
  readonly #drops = new Drops();
  readonly #networks = new Map<number, Arrivals>();
  readonly #told = new Map<string, number>();
  readonly #onLoss: (loss: Loss, namespace: number) => void;

  /** @param onLoss gets each that the kernel's word proves to be one, once */
  constructor(onLoss: (loss: Loss, namespace: number) => void) {
    this.#onLoss = onLoss;
  }

  packet(namespace: number, packet: TappedPacket): void {
    const arrivals = this.#networks.get(namespace) ?? new Arrivals(this.#drops);
    this.#networks.set(namespace, arrivals);
    arrivals.see(packet);
  }

  drop(at: number, word: string): void {
    this.#drops.add(at, word);
  }

  /** Tells what has waited long enough. */
  settle(now: number): void {
    for (const [namespace, arrivals] of this.#networks) {
      for (const loss of arrivals.settle(now)) {
        // A refusal because nobody listens is told by an event of its own.
        if (loss.word === null || loss.refused === 'rst') continue;
        const key = `${loss.from} ${loss.fromPort} ${loss.to} ${loss.toPort}`;
        if (now - (this.#told.get(key) ?? -toldFor) < toldFor) continue;
        if (this.#told.size >= mostTold) this.#told.clear();
        this.#told.set(key, now);
        this.#onLoss(loss, namespace);
      }
    }
    this.#drops.forget(now - dropAge);
  }
}
