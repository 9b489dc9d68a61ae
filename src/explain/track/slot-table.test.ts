import { expect, test } from 'vitest';
import { Prng } from '../../sim/prng.ts';
import { SlotTable } from './slot-table.ts';

test.each([1, 2, 3])('does as a Map does, crowded or not (seed %i)', (seed) => {
  const random = new Prng(seed);
  const table = new SlotTable(4);
  const map = new Map<number, number>();
  // Few different low bits: long runs, also around the end.
  const hashes = Array.from({ length: 400 }, () => (random.uint32() & ~0x3f8) | 0);
  for (let n = 0; n < 20_000; n++) {
    const hash = hashes[random.uint32() % (n % 2000 < 1000 ? 400 : 40)]!;
    if (random.uint32() % 3 > 0) {
      table.set(hash, n);
      map.set(hash, n);
    } else {
      table.delete(hash);
      map.delete(hash);
    }
    const asked = hashes[n % 400]!;
    expect(table.get(asked)).toBe(map.get(asked) ?? -1);
  }
  for (const hash of hashes) expect(table.get(hash)).toBe(map.get(hash) ?? -1);
});
