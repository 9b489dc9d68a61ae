import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { countOutside, holds, parsePortList, parsePortRange, portListText } from './ports.ts';

describe('ports', () => {
  test('are read as the kernel writes them', () => {
    expect(parsePortRange('32768\t60999\n')).toEqual({ first: 32768, last: 60999 });
    expect(parsePortList('\n')).toEqual([]);
    expect(parsePortList('80,8000-8010\n')).toEqual([
      { first: 80, last: 80 },
      { first: 8000, last: 8010 },
    ]);
  });

  test('that are not ports are refused', () => {
    for (const text of ['', '1', '2 1', '1 2 3', '1 65536', 'a b']) expect(parsePortRange(text)).toBeNull();
    for (const text of ['a', '1-', '5-4', '70000', '1 2']) expect(parsePortList(text)).toBeNull();
  });

  test('are joined, written and counted without counting one twice', () => {
    const port = fc.integer({ min: 0, max: 300 });
    const range = fc.tuple(port, port).map(([a, b]) => ({ first: Math.min(a, b), last: Math.max(a, b) }));
    fc.assert(
      fc.property(range, fc.array(range), (all, others) => {
        const again = parsePortList(portListText(others))!;
        let outside = 0;
        for (let at = all.first; at <= all.last; at++) {
          expect(holds(again, at)).toBe(holds(others, at));
          if (!holds(others, at)) outside++;
        }
        expect(countOutside(all, others)).toBe(outside);
      }),
    );
  });
});
