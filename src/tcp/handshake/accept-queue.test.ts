import fc from 'fast-check';
import { expect, test } from 'vitest';
import { Listener } from './accept-queue.ts';
import type { Request } from './request.ts';

/** As much of a request as its queue looks at. */
const request = (): Request =>
  ({ queued: false, next: null, previous: null, timeouts: 0 }) as Partial<Request> as Request;

test('has exactly the requests that came and have not gone, the newest first, and knows how many are young', () => {
  const step = fc.record({ act: fc.constantFrom('come', 'go', 'age'), which: fc.nat() });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 100 }), (steps) => {
      const queue = new Listener<null>(10);
      const model: Request[] = [];
      for (const { act, which } of steps) {
        const it = model[which % model.length];
        if (act === 'come') {
          const fresh = request();
          queue.addRequest(fresh);
          model.unshift(fresh);
        } else if (it !== undefined && act === 'go') {
          queue.removeRequest(it);
          // The second time, as of one that was never in it, is nothing.
          queue.removeRequest(it);
          model.splice(model.indexOf(it), 1);
        } else if (it !== undefined && it.timeouts++ === 0) queue.young--;
        queue.removeRequest(request());
        const found = [...queue.requests()];
        expect(found.map((one) => (model as unknown[]).indexOf(one))).toEqual(model.map((_, i) => i));
        expect(queue.requestCount).toBe(model.length);
        expect(queue.young).toBe(model.filter(({ timeouts }) => timeouts === 0).length);
        expect(queue.requestsFull).toBe(model.length > 10);
      }
    }),
  );
});

test('whoever goes through the requests may forget each of them', () => {
  const queue = new Listener<null>(10);
  const all = [1, 2, 3, 4].map(() => request());
  for (const it of all) queue.addRequest(it);
  const seen: unknown[] = [];
  for (const it of queue.requests()) {
    seen.push(it);
    queue.removeRequest(it);
  }
  expect(seen).toHaveLength(4);
  expect(queue.requestCount).toBe(0);
  expect([...queue.requests()]).toEqual([]);
});
