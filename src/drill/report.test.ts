import { expect, test } from 'vitest';
import type { Failure } from './failure.ts';
import { formatFailure } from './report.ts';

const failure = (column: number): Failure => ({
  kind: 'parse',
  file: 'a.pkt',
  line: 1,
  column,
  message: 'no',
  expected: null,
  actual: null,
  notes: [],
});

/** The sign above the caret. */
function blamed(source: string, column: number): string | undefined {
  const [, line, caret] = formatFailure(failure(column), source).split('\n');
  return line![caret!.indexOf('^')];
}

test('the caret stands below its place, in lines of any length, which are cut', () => {
  const source = Array.from({ length: 1000 }, (_, i) => String.fromCharCode(0x4e00 + i)).join('');
  for (const length of [1, 239, 240, 241, 500, 1000])
    for (const column of [1, 2, 119, 120, 121, 122, 240, 241, 999, 1000].filter((it) => it <= length)) {
      expect(blamed(source.slice(0, length), column), `${column} of ${length}`).toBe(source[column - 1]);
      const text = formatFailure(failure(column), source.slice(0, length));
      expect(Math.max(...text.split('\n').map((line) => line.length))).toBeLessThan(256);
    }
});

test('tabs are kept before the caret, and control characters are shown', () => {
  expect(formatFailure(failure(4), '\ta\x1b[2J')).toBe('a.pkt:1: no\n    1 | \ta\\x1b[2J\n      | \t  ^');
});
