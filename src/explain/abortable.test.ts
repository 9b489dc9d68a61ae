import { readFileSync } from 'node:fs';
import { expect, test } from 'vitest';
import { explain } from './index.ts';

const capture = readFileSync(new URL('../../docs/examples/attempts.pcapng', import.meta.url));

/** What a capture's attempts come to. */
async function outcomes(...args: Parameters<typeof explain>): Promise<string[]> {
  const told: string[] = [];
  for await (const { outcome } of explain(...args)) told.push(outcome);
  return told;
}

test('explain tells what a filter leaves, and refuses a code that does not exist', async () => {
  const refused = await outcomes([capture], { filter: { verdicts: ['refused'] } });
  expect(refused.length).toBeGreaterThan(1);
  expect(new Set(refused)).toEqual(new Set(['refused']));
  await expect(outcomes([capture], { filter: { verdicts: ['no-such'] } })).rejects.toThrow('no-such');
});

test('explain ends with the reason of a signal that aborts, and closes the source, whatever its kind', async () => {
  const reason = new Error('enough');
  const never = new Promise<never>(() => {});
  let closed = 0;
  const stream = { getReader: () => ({ read: () => never, cancel: async () => void closed++ }) };
  const node = {
    [Symbol.asyncIterator]: () => ({ next: () => never }),
    destroy: () => void closed++,
  };
  for (const source of [stream, node]) {
    const controller = new AbortController();
    const ending = expect(outcomes(source, { signal: controller.signal })).rejects.toBe(reason);
    await Promise.resolve();
    controller.abort(reason);
    await ending;
  }
  expect(closed).toBe(2);
  const aborted = AbortSignal.abort(reason);
  await expect(outcomes([capture], { signal: aborted })).rejects.toBe(reason);
  // One that aborts too late changes nothing, and one that does not neither.
  const quiet = new AbortController();
  expect(await outcomes([capture], { signal: quiet.signal })).toEqual(await outcomes([capture]));
});
