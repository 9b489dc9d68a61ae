import { expect, test } from 'vitest';
import { Prng } from './prng.ts';

test('the same seed gives the same numbers, another seed others', () => {
  const numbers = (seed: number): number[] => {
    const random = new Prng(seed);
    return Array.from({ length: 5 }, () => random.uint32());
  };
  expect(numbers(1)).toEqual(numbers(1));
  expect(numbers(1)).not.toEqual(numbers(2));
  expect(numbers(1)).not.toEqual(numbers(1 + 2 ** 32));
});

test('a fork depends on the name and the seed, not on what was drawn before', () => {
  const first = new Prng(7).fork('client').uint32();
  const other = new Prng(7);
  other.uint32();
  expect(other.fork('client').uint32()).toBe(first);
  expect(other.fork('server').uint32()).not.toBe(first);
});

test('a named stream starts anew whenever it is asked for', () => {
  const random = new Prng(3);
  random.restart(5, 1);
  const first = [random.uint32(), random.uint32()];
  random.restart(6, 1);
  const neighbour = random.uint32();
  random.restart(5, 1);
  expect([random.uint32(), random.uint32()]).toEqual(first);
  expect(neighbour).not.toBe(first[0]);
});

test('numbers are spread evenly: mean, bits and 256 buckets, also over the first number of neighbouring streams', () => {
  const count = 65_536;
  const straight = new Prng(42);
  const streams = new Prng(42);
  const draw = {
    straight: (): number => straight.uint32(),
    streams: (n: number): number => {
      streams.restart(n, 1);
      return streams.uint32();
    },
  };
  for (const [name, next] of Object.entries(draw)) {
    const buckets = new Float64Array(256);
    const ones = new Float64Array(32);
    for (let n = 0; n < count; n++) {
      const x = next(n);
      buckets[x >>> 24]!++;
      for (let bit = 0; bit < 32; bit++) ones[bit]! += (x >>> bit) & 1;
    }
    const expected = count / 256;
    const chiSquare = buckets.reduce((sum, seen) => sum + (seen - expected) ** 2 / expected, 0);
    // 255 degrees of freedom: 99.99 % of true random sequences stay between these.
    expect(chiSquare, name).toBeGreaterThan(175);
    expect(chiSquare, name).toBeLessThan(350);
    // Five standard deviations of a fair coin.
    for (const seen of ones)
      expect(Math.abs(seen - count / 2), name).toBeLessThan(5 * Math.sqrt(count) * 0.5);
  }
});

test('below stays below', () => {
  const random = new Prng(9);
  const seen = new Set<number>();
  for (let i = 0; i < 1000; i++) seen.add(random.below(8));
  expect([...seen].sort()).toEqual([0, 1, 2, 3, 4, 5, 6, 7]);
});
