/** What happens to packets between a TUN device and the stack: loss, delay, reordering, duplication, in real time. */
import { type Conditions, type Passage, type Stage, stagesFor } from '../sim/conditions.ts';
import { Prng } from '../sim/prng.ts';

/** One direction. */
export class Path {
  private readonly stages: readonly Stage[];
  private readonly deliver: (packet: Uint8Array) => void;
  private readonly nowUs: () => number;
  private readonly timers = new Set<NodeJS.Timeout>();
  private readonly passage: Passage = { n: 0, length: 0, at: 0, inOrder: true, copyAfter: -1, lost: null };
  private lastAt = 0;

  /** @throws RangeError for conditions out of their range */
  constructor(
    conditions: Conditions,
    seed: number,
    nowUs: () => number,
    deliver: (packet: Uint8Array) => void,
  ) {
    this.stages = stagesFor(conditions, new Prng(seed));
    this.nowUs = nowUs;
    this.deliver = deliver;
  }

  /** Sends a packet on its way; the bytes are the path's to keep. */
  send(packet: Uint8Array): void {
    if (this.stages.length === 0) {
      this.deliver(packet);
      return;
    }
    const { passage } = this;
    const now = this.nowUs();
    Object.assign(passage, {
      n: passage.n + 1,
      length: packet.length,
      at: now,
      inOrder: true,
      copyAfter: -1,
      lost: null,
    });
    for (const stage of this.stages) {
      stage(passage);
      if (passage.lost !== null) return;
    }
    if (passage.inOrder) {
      passage.at = Math.max(passage.at, this.lastAt);
      this.lastAt = passage.at;
    }
    this.after(passage.at - now, packet);
    if (passage.copyAfter >= 0) this.after(passage.at - now + passage.copyAfter, packet);
  }

  private after(us: number, packet: Uint8Array): void {
    if (us < 500 && this.timers.size === 0) {
      this.deliver(packet);
      return;
    }
    const timer = setTimeout(
      () => {
        this.timers.delete(timer);
        this.deliver(packet);
      },
      Math.round(us / 1000),
    );
    this.timers.add(timer);
  }

  close(): void {
    for (const timer of this.timers) clearTimeout(timer);
    this.timers.clear();
  }
}
