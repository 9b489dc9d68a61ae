import { describe, expect, test } from 'vitest';
import { Explainer } from '../explain.ts';
import type { Attempt } from '../judge/attempt.ts';
import { epoch, Film, film, Talk } from '../testing.ts';

/** Explains with small limits; the attempts in the order in which they are told. */
function told(made: Film, relaxed: number, attempts = 1000): Attempt[] {
  const list: Attempt[] = [];
  const explainer = new Explainer((attempt) => list.push(attempt), { relaxed, attempts });
  explainer.push(made.toPcapng());
  explainer.end();
  return list;
}

const numbers = (list: readonly Attempt[]): number[] =>
  list.map(({ number }) => number).sort((a, b) => a - b);
const upTo = (n: number): number[] => Array.from({ length: n }, (_, k) => k + 1);

describe('bounded memory', () => {
  test('attempts that are over are told when so many others are over', () => {
    const made = new Film();
    for (let n = 0; n < 10; n++)
      new Talk(made, { clientPort: 40000 + n }).shake(100 * n).c(100 * n + 30, 'R');
    const list: [number, number][] = [];
    const explainer = new Explainer(({ number }) => list.push([number, explainer.summary().attempts]), {
      relaxed: 4,
      attempts: 100,
    });
    explainer.push(made.toPcapng());
    explainer.end();
    expect(list.map(([number]) => number)).toEqual(upTo(10));
    // The first is told when the fifth is over.
    expect(list[0]).toEqual([1, 5]);
  });

  test('never more attempts at a time than the limit; each is told once', () => {
    const made = new Film();
    for (let n = 0; n < 500; n++) new Talk(made, { clientPort: 20000 + n }).c(n, 'S');
    const list = told(made, 8, 50);
    expect(numbers(list)).toEqual(upTo(500));
    expect(list.every(({ verdict }) => verdict === 'unanswered' || verdict === 'flood')).toBe(true);
  });

  test('of very many attempts on one tuple the oldest is told early, once, also if it is over already', () => {
    const made = film((t) => {
      t.c(0, 'S');
      t.s(1, 'RA', { seq: 0, ack: 1001 });
      for (let n = 1; n <= 64; n++) t.c(1 + n, 'S', { seq: 1000 + 100_000 * n });
      // A copy of a SYN: it finds 65 attempts, and begins none that would use the oldest one's place.
      t.c(100, 'S', { seq: 1000 + 100_000 * 64 });
      for (let n = 60; n < 64; n++) t.s(101 + n, 'RA', { seq: 0, ack: 1001 + 100_000 * n });
    });
    expect(numbers(told(made, 4))).toEqual(upTo(65));
  });
});

describe('attempts told before the end', () => {
  test('are those that are over, or never confirmed and silent for minutes; each once; what comes later finds them', () => {
    const made = new Film();
    new Talk(made).shake().close(100);
    new Talk(made, { clientPort: 40001 }).shake(200);
    new Talk(made, { clientPort: 40002 }).c(300, 'S');
    const list: Attempt[] = [];
    const explainer = new Explainer((attempt) => list.push(attempt));
    const settled = (seconds: number): number[] => {
      explainer.settle(epoch + seconds);
      return list.map(({ number }) => number);
    };
    explainer.push(made.toPcapng());
    expect(explainer.newest()).toBeCloseTo(epoch + 0.3, 6);
    expect(settled(0.05)).toEqual([]);
    expect(settled(2)).toEqual([1]);
    expect(settled(3)).toEqual([1]);
    expect(settled(200)).toEqual([1, 3]);
    const again = new Film();
    new Talk(again, { clientIsn: 999_999 }).shake(5000);
    explainer.push(again.toPcapng());
    explainer.end();
    expect(list.map(({ number, verdict }) => [number, verdict])).toEqual([
      [1, 'completed'],
      [3, 'unanswered'],
      [2, 'completed'],
      [4, 'port-reused'],
    ]);
  });
});

test('the first data after a SYN with data have their letter of history, also with the FIN', () => {
  const made = film((t) => {
    const isn = t.isns[0];
    t.c(0, 'S', { data: 10 });
    t.s(20, 'SA', { ack: isn + 11 });
    t.c(21, 'A', { seq: isn + 11 });
    t.c(22, 'PA', { seq: isn + 11, data: 5 });
    t.s(30, 'A', { ack: isn + 16 });
    t.s(31, 'FA', { ack: isn + 16, data: 7 });
  });
  expect(told(made, 4).map(({ evidence }) => evidence.history)).toEqual(['ShADadf']);
});
