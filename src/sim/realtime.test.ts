import { describe, expect, test } from 'vitest';
import { PacketQueue } from '../wire/packet-queue.ts';
import type { Node } from './node.ts';
import { type RealClock, Realtime } from './realtime.ts';

/** Ticks every second, sends a packet with the tick's number, and notes everything that it sees. */
class Ticker implements Node {
  readonly out: PacketQueue = new PacketQueue();
  readonly log: string[] = [];
  private deadline: number;
  private ticks = 0;

  constructor(from: number) {
    this.deadline = from;
  }
  input(now: number, bytes: Uint8Array, _view: DataView, offset: number): void {
    this.log.push(`${now} got ${bytes[offset]}`);
  }
  handleTimers(now: number): void {
    this.log.push(`${now} tick ${++this.ticks}`);
    const at = this.out.push(1);
    this.out.bytes[at] = this.ticks;
    this.deadline += 1_000_000;
  }
  nextDeadline(): number {
    return this.ticks === 5 ? Number.POSITIVE_INFINITY : this.deadline;
  }
}

/** A real clock under the test's control; timers go off only when the test says so. */
class Hand implements RealClock {
  time = 0;
  timers: { at: number; callback: () => void }[] = [];
  now(): number {
    return this.time;
  }
  setTimer(us: number, callback: () => void): () => void {
    const timer = { at: this.time + us, callback };
    this.timers.push(timer);
    return () => {
      this.timers = this.timers.filter((other) => other !== timer);
    };
  }
  wake(at: number): void {
    this.time = at;
    const due = this.timers.filter((timer) => timer.at <= at);
    this.timers = this.timers.filter((timer) => timer.at > at);
    for (const { callback } of due) callback();
  }
}

function start(): { hand: Hand; node: Ticker; real: Realtime; sent: number[] } {
  const hand = new Hand();
  const real = new Realtime(hand);
  const node = new Ticker(1_000_000);
  const sent: number[] = [];
  real.start(node, (packet) => sent.push(packet[0]!));
  return { hand, node, real, sent };
}

describe('a node in real time', () => {
  test('is served when its deadlines come, by one timer at a time', () => {
    const { hand, node, sent } = start();
    expect(hand.timers.map(({ at }) => at)).toEqual([1_000_000]);
    hand.wake(1_000_000);
    hand.wake(2_000_300);
    expect(node.log).toEqual(['1000000 tick 1', '2000000 tick 2']);
    expect(sent).toEqual([1, 2]);
    expect(hand.timers.map(({ at }) => at)).toEqual([3_000_000]);
  });

  test('does after a late wake-up all that was due, in order and at its own time', () => {
    const { hand, node, sent } = start();
    hand.wake(3_700_000);
    expect(node.log).toEqual(['1000000 tick 1', '2000000 tick 2', '3000000 tick 3']);
    expect(sent).toEqual([1, 2, 3]);
    expect(hand.timers.map(({ at }) => at)).toEqual([4_000_000]);
  });

  test('does what was due before it lets a late packet in', () => {
    const { hand, node, real } = start();
    hand.time = 2_500_000;
    real.input(Uint8Array.of(77));
    expect(node.log).toEqual(['1000000 tick 1', '2000000 tick 2', '2500000 got 77']);
  });

  test('never goes back, even if the real clock does', () => {
    const { hand, node, real } = start();
    hand.wake(1_500_000);
    hand.time = 1_200_000;
    real.input(Uint8Array.of(1));
    expect(node.log.at(-1)).toBe('1500000 got 1');
  });

  test('leaves no timer behind when nothing is left to do, or when stopped', () => {
    const { hand, real } = start();
    hand.wake(9_000_000);
    expect(hand.timers).toEqual([]);
    const other = start();
    other.real.stop();
    expect(other.hand.timers).toEqual([]);
    real.stop();
  });

  test('goes on after an error of the sending, the node or a call, and keeps what it did not come to', () => {
    const hand = new Hand();
    const real = new Realtime(hand);
    const node = new Ticker(1_000_000);
    const sent: number[] = [];
    let broken = true;
    real.start(node, (packet) => {
      if (broken) throw new Error('no network');
      sent.push(packet[0]!);
    });
    expect(() => hand.wake(2_000_000)).toThrow('no network');
    const packet = Uint8Array.of(77);
    node.out.bytes[node.out.push(1)] = 9;
    expect(() => real.input(packet)).toThrow('no network');
    packet[0] = 1;
    broken = false;
    expect(() =>
      real.call(() => {
        throw new Error('no idea');
      }),
    ).toThrow('no idea');
    hand.wake(3_000_000);
    expect(node.log).toEqual(['1000000 tick 1', '2000000 tick 2', '2000000 got 77', '3000000 tick 3']);
    expect(sent).toEqual([3]);
    expect(hand.timers.map(({ at }) => at)).toEqual([4_000_000]);
  });
});
