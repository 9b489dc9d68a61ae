import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Timers } from './timers.ts';

describe('the timer wheel', () => {
  test('goes off in the order of deadlines, then of arming, whatever is armed, cancelled and waited for', () => {
    const step = fc.oneof(
      fc.record({
        do: fc.constant('arm' as const),
        in: fc.oneof(fc.nat(3000), fc.nat(400_000), fc.nat(200_000_000), fc.nat(2 ** 44)),
      }),
      fc.record({ do: fc.constant('cancel' as const), which: fc.nat(50) }),
      fc.record({
        do: fc.constant('wait' as const),
        us: fc.oneof(fc.nat(2000), fc.nat(500_000), fc.nat(300_000_000)),
      }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const timers = new Timers();
        const model: { id: number; deadline: number; handle: number }[] = [];
        const fired: number[] = [];
        let now = 0;
        let ids = 0;
        for (const s of steps) {
          if (s.do === 'arm') {
            const entry = { id: ids++, deadline: now + s.in, handle: -1 };
            entry.handle = timers.arm({ onTimer: () => fired.push(entry.id) }, 0, entry.deadline);
            model.push(entry);
          } else if (s.do === 'cancel') {
            const entry = model[s.which];
            if (entry === undefined) continue;
            expect(timers.cancel(entry.handle)).toBe(-1);
            model.splice(s.which, 1);
          } else {
            now += s.us;
            const due = model
              .filter((e) => e.deadline <= now)
              .sort((a, b) => a.deadline - b.deadline || a.id - b.id);
            fired.length = 0;
            timers.run(now);
            expect(fired).toEqual(due.map((e) => e.id));
            for (const e of due) model.splice(model.indexOf(e), 1);
          }
          expect(timers.size).toBe(model.length);
          expect(timers.nextDeadline()).toBe(Math.min(Infinity, ...model.map((e) => e.deadline)));
        }
      }),
      { numRuns: 300 },
    );
  });

  test('an owner may cancel another timer that is due at the same moment', () => {
    const timers = new Timers();
    const fired: string[] = [];
    let second = -1;
    timers.arm(
      {
        onTimer: () => {
          fired.push('first');
          second = timers.cancel(second);
        },
      },
      0,
      5,
    );
    second = timers.arm({ onTimer: () => fired.push('second') }, 0, 5);
    timers.run(10);
    expect(fired).toEqual(['first']);
  });

  test('a timer armed by an owner for the past goes off in the same run', () => {
    const timers = new Timers();
    let count = 0;
    const owner = {
      onTimer: (): void => {
        if (++count < 5) timers.arm(owner, 0, 1);
      },
    };
    timers.arm(owner, 0, 1);
    timers.run(10);
    expect(count).toBe(5);
  });
});
