/** The real world, where the stack is not given another: present in Node and in browsers alike. */
import type { RealClock } from '../sim/realtime.ts';

// Declared here since the stack is checked without Node's or a browser's types.
declare const performance: { now(): number };
declare const setTimeout: (callback: () => void, ms: number) => unknown;
declare const clearTimeout: (timer: unknown) => void;
declare const crypto: { getRandomValues(words: Uint32Array): Uint32Array };

/** The longest time that setTimeout takes, ms; longer waits are made of several. */
const longest = 0x7fffffff;

/** The system's monotonic clock. */
export function systemClock(): RealClock {
  return {
    now: () => Math.floor(performance.now() * 1000),
    setTimer: (us, callback) => {
      const timer = setTimeout(callback, Math.min(Math.ceil(us / 1000), longest));
      return () => clearTimeout(timer);
    },
  };
}

/** The system's secure random numbers, 32 bits at a time. */
export function systemRandom(): () => number {
  const words = new Uint32Array(64);
  let used = words.length;
  return () => {
    if (used === words.length) {
      crypto.getRandomValues(words);
      used = 0;
    }
    return words[used++]!;
  };
}
