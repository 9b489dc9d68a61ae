import { once } from 'node:events';
import { afterEach, describe, expect, test } from 'vitest';
import { full, testNeeding } from '../support/needs.ts';
import { bystanders, guardCommand, HostGuard, median, selfConnect } from './host-guard.ts';

const here = 'test/guard/host-guard.test.ts';
const onHost = testNeeding(here, 'netns', 'tracefs', 'namespaces', 'python3');

let guard: HostGuard | null = null;
const start = async (...args: string[]): Promise<HostGuard> => {
  guard = await HostGuard.start(...args);
  return guard;
};
afterEach(async () => {
  await guard?.stop();
  guard = null;
});
/** Its lines come through a pipe: a moment after what they tell of. */
const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 300));

describe('halfopen guard', () => {
  onHost(
    'destroys every self-connect in a namespace made after it, frees the port at once, and touches nothing else',
    async () => {
      const [count, others] = full ? [300, 100_000] : [30, 2000];
      const it = await start();
      const beside = bystanders(others);
      let wrong = '';
      beside.stdout!.setEncoding('utf8').on('data', (data: string) => {
        wrong += data;
      });
      const ended = once(beside, 'close');
      const seen = selfConnect(count);
      await ended;
      await settle();
      expect(seen.ends).toEqual({ ConnectionAbortedError: count });
      expect(seen.binds).toEqual({ bound: count });
      expect(wrong.trim()).toBe('0');
      const { lines } = it;
      expect(lines.filter(({ deed }) => deed === 'destroyed').length).toBe(count);
      expect(new Set(lines.map(({ address, port }) => `${address}:${port}`))).toEqual(
        new Set(['127.0.0.1:50000']),
      );
      const lived = lines.flatMap(({ livedUs }) => livedUs ?? []);
      expect(lived.length).toBe(count);
      console.log(`lived: median ${median(lived)} µs, worst ${Math.max(...lived)} µs, of ${count}`);
      // A machine that does other things beside may be late, hence not the figures of a quiet one (1 and 20 ms).
      expect(median(lived)).toBeLessThan(10_000);
      expect(lines.filter(({ process }) => process === 'python3').length).toBeGreaterThan(0.9 * count);
      expect(await it.stop()).toBe(0);
    },
  );

  onHost('--dry-run tells of each once and destroys none', async () => {
    const it = await start('--dry-run');
    const seen = selfConnect(1);
    await settle();
    expect(seen.ends).toEqual({ TimeoutError: 1 });
    expect(seen.binds).toEqual({ OSError: 1 });
    expect(it.lines.map(({ deed }) => deed)).toEqual(['spared']);
  });

  onHost('--ask finds them without the trace event', async () => {
    const it = await start('--ask');
    const seen = selfConnect(3);
    await settle();
    expect(seen.binds).toEqual({ bound: 3 });
    expect(it.lines.filter(({ deed }) => deed === 'destroyed').length).toBe(3);
    expect(it.notes).toContain('by asking the kernel');
  });
});

test('halfopen guard says what is wrong with its arguments, in both languages', () => {
  expect(guardCommand('--nonsense')).toMatchObject({ status: 2, stdout: '' });
  expect(guardCommand('--nonsense', '--lang', 'zh').stderr).toContain('没有选项');
  expect(guardCommand('--help', '--lang', 'zh').stdout).toContain('用法：halfopen guard');
});
