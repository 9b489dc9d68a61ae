import { describe, expect, test } from 'vitest';
import { PacketQueue } from '../wire/packet-queue.ts';
import { Capture } from './capture.ts';
import type { Conditions } from './conditions.ts';
import type { WorldEvent } from './events.ts';
import type { Node } from './node.ts';
import { type Intervention, World } from './world.ts';

/** Sends numbered packets and remembers what comes; answers with the same bytes if told to. */
class Post implements Node {
  readonly out: PacketQueue = new PacketQueue();
  readonly got: { at: number; number: number; bytes: Uint8Array }[] = [];
  answers = false;
  private deadline = Number.POSITIVE_INFINITY;
  private every = 0;
  private sent = 0;
  private left = 0;

  sendEvery(us: number, count: number, from = 0): void {
    this.every = us;
    this.left = count;
    this.deadline = from;
  }

  send(number: number, length = 100): void {
    const at = this.out.push(length);
    this.out.bytes.fill(0, at, at + length);
    this.out.bytes[at] = 0x45;
    this.out.view.setUint32(at + 4, number);
  }

  input(now: number, bytes: Uint8Array, view: DataView, offset: number, length: number): void {
    const copy = bytes.slice(offset, offset + length);
    this.got.push({ at: now, number: view.getUint32(offset + 4), bytes: copy });
    if (this.answers) this.send(view.getUint32(offset + 4), length);
  }

  handleTimers(): void {
    this.send(++this.sent);
    this.deadline = --this.left > 0 ? this.deadline + this.every : Number.POSITIVE_INFINITY;
  }

  nextDeadline(): number {
    return this.deadline;
  }
}

interface Run {
  world: World;
  a: Post;
  b: Post;
  events: WorldEvent[];
}

function pair(conditions: Conditions, interventions: Intervention[] = [], seed = 1): Run {
  const world = new World({ seed, interventions });
  const a = world.add('a', new Post());
  const b = world.add('b', new Post());
  world.link('wire', 'a', 'b', conditions);
  const events: WorldEvent[] = [];
  world.watch((event) => events.push(event));
  return { world, a, b, events };
}

const numbers = (post: Post): number[] => post.got.map(({ number }) => number);

describe('a link', () => {
  test('without conditions delivers at once, whole and in order', () => {
    const { world, a, b } = pair({});
    b.answers = true;
    a.sendEvery(10, 3, 5);
    expect(world.run()).toBe('idle');
    expect(b.got.map(({ at, number }) => [at, number])).toEqual([
      [5, 1],
      [15, 2],
      [25, 3],
    ]);
    expect(numbers(a)).toEqual([1, 2, 3]);
    expect(world.clock.now).toBe(25);
  });

  test('has a delay', () => {
    const { world, a, b } = pair({ delayUs: 1234 });
    a.sendEvery(10, 2);
    world.run();
    expect(b.got.map(({ at }) => at)).toEqual([1234, 1244]);
  });

  test('spaces packets by its bandwidth, without rounding adding up, and loses what its queue does not hold', () => {
    // 100 bytes at 3 Mbit/s are 266.67 µs.
    const { world, a, b, events } = pair({ bandwidth: 3_000_000, queueBytes: 100 });
    for (let n = 1; n <= 4; n++) a.send(n);
    world.run();
    expect(b.got.map(({ at }) => at)).toEqual([267, 534]);
    expect(events.filter((event) => event.kind === 'lost').map((event) => event.cause)).toEqual([
      'queue-full',
      'queue-full',
    ]);
    const wide = pair({ bandwidth: 3_000_000 });
    for (let n = 1; n <= 300; n++) wide.a.send(n);
    wide.world.run();
    expect(wide.b.got.at(-1)!.at).toBe(80_000);
  });

  test('jitters within its bound and keeps the order', () => {
    const { world, a, b } = pair({ delayUs: 100, jitterUs: 500 });
    a.sendEvery(50, 400);
    world.run();
    expect(numbers(b)).toEqual(Array.from({ length: 400 }, (_, i) => i + 1));
    const waits = b.got.map(({ at, number }) => at - 50 * (number - 1));
    expect(Math.min(...waits)).toBeGreaterThanOrEqual(100);
    expect(Math.max(...waits)).toBeLessThanOrEqual(600);
    expect(new Set(waits).size).toBeGreaterThan(50);
  });

  test('loses, duplicates and reorders the share it is told to', () => {
    const count = 10_000;
    const share = (conditions: Conditions): Run => {
      const run = pair(conditions);
      run.a.sendEvery(10, count);
      run.world.run();
      return run;
    };
    expect(share({ loss: 0.2 }).b.got.length / count).toBeCloseTo(0.8, 1);
    expect(share({ duplicate: 0.1 }).b.got.length / count).toBeCloseTo(1.1, 1);
    const order = numbers(share({ reorder: 0.1, reorderUs: 25 }).b);
    expect(order.length).toBe(count);
    const overtaken = order.filter((number, i) => i > 0 && number < order[i - 1]!);
    expect(overtaken.length / count).toBeCloseTo(0.09, 1);
  });

  test('says what it cannot do', () => {
    expect(() => pair({ loss: 2 })).toThrow('loss must be from 0 to 1, not 2');
    expect(() => pair({ bandwidth: 0 })).toThrow('bandwidth must be from 1 to');
    expect(() => pair({ delayUs: Number.NaN })).toThrow('delayUs must be');
  });
});

describe('an intervention', () => {
  const name = { link: 'wire', from: 'a' };
  const conditions = { delayUs: 100, jitterUs: 1000, loss: 0.2, duplicate: 0.1 };
  const fates = (interventions: Intervention[]): string[][] => {
    const { world, a, b } = pair(conditions, interventions);
    a.sendEvery(5000, 40);
    world.run();
    const list: string[][] = Array.from({ length: 40 }, () => []);
    for (const { at, number } of b.got) list[number - 1]!.push(`${at}`);
    return list;
  };

  test('drops, delays or duplicates the packet named, and no other packet notices', () => {
    const before = fates([]);
    const kept = before.flatMap((arrivals, i) => (arrivals.length === 1 ? [i + 1] : []));
    const [dropped, delayed, doubled] = [kept[0]!, kept[3]!, kept[6]!];
    const after = fates([
      { ...name, n: dropped, action: 'drop' },
      { ...name, n: delayed, action: 'delay', us: 7 },
      { ...name, n: doubled, action: 'duplicate', us: 9 },
    ]);
    const expected = before.map((arrivals, i) => {
      if (i + 1 === dropped) return [];
      if (i + 1 === delayed) return [`${Number(arrivals[0]) + 7}`];
      if (i + 1 === doubled) return [arrivals[0]!, `${Number(arrivals[0]) + 9}`];
      return arrivals;
    });
    expect(after).toEqual(expected);
  });

  test('corrupts the byte named', () => {
    const { world, a, b } = pair({}, [{ ...name, n: 2, action: 'corrupt', byte: 30, mask: 0x81 }]);
    a.sendEvery(10, 3);
    world.run();
    expect(b.got.map(({ bytes }) => bytes[30])).toEqual([0, 0x81, 0]);
  });
});

describe('an intervention that cannot be done', () => {
  const drop = { link: 'wire', from: 'a', n: 1, action: 'drop' } as const;
  const made = (it: object): (() => Run) => {
    return () => pair({}, [drop, { ...drop, ...it } as Intervention]);
  };
  test.each([
    [{ n: 0 }, 'n must be an integer from 1'],
    [{ n: 1.5 }, 'n must be an integer from 1'],
    [{ action: 'lose' }, "there is no action 'lose'; there are drop, delay, duplicate, corrupt"],
    [{ action: 'delay' }, 'us must be an integer from 0 to 3600000000, not undefined'],
    [{ action: 'duplicate', us: -1 }, 'us must be an integer from 0 to 3600000000, not -1'],
    [{ action: 'corrupt', mask: 1 }, 'byte must be an integer from 0 to 65535, not undefined'],
    [{ action: 'corrupt', byte: 1, mask: 256 }, 'mask must be an integer from 1 to 255, not 256'],
  ])('is refused when the world is made: %o', (it, message) => {
    expect(made(it)).toThrow(`interventions[1]: ${message}`);
  });

  test('is refused when the world is run: a link, a sender or a byte that is not there', () => {
    expect(() => made({ link: 'air' })().world.run()).toThrow("interventions[1]: 'a' is not at a link 'air'");
    expect(() => made({ from: 'c' })().world.run()).toThrow("interventions[1]: there is no node 'c'");
    const short = made({ n: 2, action: 'corrupt', byte: 100, mask: 1 })();
    short.a.sendEvery(10, 3);
    expect(() => short.world.run()).toThrow(
      "byte 100 of packet 2 from 'a' on 'wire' cannot be corrupted: it has 100 bytes (at 10 µs",
    );
  });

  test('is not confused with a condition', () => {
    expect(() => pair({ lost: 0.1 } as Conditions)).toThrow(
      "there is no condition 'lost'; there are delayUs",
    );
  });
});

describe('a world', () => {
  const conditions = { delayUs: 300, jitterUs: 400, loss: 0.1, duplicate: 0.1, reorder: 0.1 };
  const run = (seed: number): { events: WorldEvent[]; file: Uint8Array } => {
    const { world, a, b, events } = pair(conditions, [], seed);
    const capture = new Capture(world, 'wire', 'b');
    b.answers = true;
    a.sendEvery(100, 200);
    world.run();
    return { events, file: capture.toPcapng() };
  };

  test('is the same for the same seed, event for event and byte for byte, and another for another', () => {
    expect(run(5)).toEqual(run(5));
    expect(run(6).file).not.toEqual(run(5).file);
  });

  test('tells how every packet ended', () => {
    const { events } = run(5);
    const key = (event: WorldEvent): string => (event.kind === 'tcp' ? '' : JSON.stringify(event.packet));
    const ends = new Set(events.filter(({ kind }) => kind === 'arrived' || kind === 'lost').map(key));
    const starts = events.filter(({ kind }) => kind === 'sent').map(key);
    expect(starts.length).toBeGreaterThan(350);
    expect(new Set(starts)).toEqual(ends);
  });

  test('stops at the time asked for, and goes on from there', () => {
    const { world, a, b } = pair({ delayUs: 10 });
    a.sendEvery(100, 3, 100);
    expect(world.run(205)).toBe('reached');
    expect(world.clock.now).toBe(205);
    expect(numbers(b)).toEqual([1]);
    world.run(210);
    expect(numbers(b)).toEqual([1, 2]);
    expect(world.run()).toBe('idle');
    expect(world.clock.now).toBe(310);
  });

  test('takes only integers for times', () => {
    const { world } = pair({ delayUs: 10 });
    for (const time of [Number.NaN, 1.5, Number.NEGATIVE_INFINITY]) {
      expect(() => world.run(time)).toThrow(/a time is an integer in µs, not/);
      expect(() => world.at(time, () => {})).toThrow(/a time is an integer in µs, not/);
    }
  });

  test('gives up on nodes that answer each other for ever at one instant, and names the seed', () => {
    const world = new World({ seed: 77, packetsPerInstant: 1000 });
    const [a, b] = [world.add('a', new Post()), world.add('b', new Post())];
    world.link('wire', 'a', 'b');
    a.answers = b.answers = true;
    a.send(1);
    expect(() => world.run()).toThrow(/1000 packets were sent without time passing.*seed 77/);
  });

  test('names time and seed when a node throws', () => {
    const { world } = pair({}, [], 31);
    world.at(500, () => {
      throw new TypeError('broken');
    });
    expect(() => world.run()).toThrow('broken (at 500 µs in the world with seed 31)');
  });

  test('carries packets that somebody else forged', () => {
    const { world, b } = pair({ delayUs: 5 });
    world.send('wire', 'a', Uint8Array.of(0x45, 0, 0, 0, 0, 0, 0, 9));
    world.run();
    expect(b.got.map(({ at, number }) => [at, number])).toEqual([[5, 9]]);
    expect(() => world.send('air', 'a', new Uint8Array(1))).toThrow("'a' is not at a link 'air'");
  });
});
