import fc from 'fast-check';
import { expect, test } from 'vitest';
import { EventQueue } from './clock.ts';

test('events come in order of time, and in order of pushing where times are equal', () => {
  fc.assert(
    fc.property(fc.array(fc.integer({ min: 0, max: 9 })), fc.integer({ min: 0, max: 50 }), (times, early) => {
      const queue = new EventQueue<{ time: number; order: number }>();
      const all = times.map((time, order) => ({ time, order }));
      const got: typeof all = [];
      all.forEach((event, i) => {
        queue.push(event.time, event);
        // Some are taken in between: the heap must stay a heap.
        if (i % 7 === early % 7) {
          const next = queue.nextTime;
          const taken = queue.pop();
          expect(taken.time).toBe(next);
          got.push(taken);
        }
      });
      const rest: typeof all = [];
      while (queue.size > 0) rest.push(queue.pop());
      const sorted = [...rest].sort((a, b) => a.time - b.time || a.order - b.order);
      expect(rest).toEqual(sorted);
      expect(got.length + rest.length).toBe(all.length);
      expect(queue.nextTime).toBe(Number.POSITIVE_INFINITY);
    }),
  );
});
