/** Mutated captures: never a crash, a hang or more than 512 MB. */
import { spawnSync } from 'node:child_process';
import { copyFileSync, existsSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { zoo } from '../explain/zoo.ts';
import { full, root, shared, testNeeding } from '../support/needs.ts';

const places: string[] = [];
const place = (): string => {
  const folder = mkdtempSync(join(tmpdir(), 'halfopen-mutants-'));
  places.push(folder);
  return folder;
};
let own = '';

beforeAll(() => {
  own = place();
  for (const [n, bytes] of zoo().entries())
    writeFileSync(join(own, `own-${String(n).padStart(2, '0')}`), bytes);
});
afterAll(() => {
  for (const folder of places) rmSync(folder, { recursive: true });
});

interface Result {
  readonly mutants: number;
  readonly damaged: number;
  readonly told: number;
  readonly slowestMs: number;
  readonly rssMb: number;
}

/** Explains so many mutants of the captures in a folder, in a child process. */
function mutate(folder: string, first: number, count: number): Result {
  const script = join(root, 'test', 'fuzz', 'explain-mutants.mjs');
  const { status, stdout, stderr, error } = spawnSync(
    process.execPath,
    [script, join(root, 'build'), folder, String(first), String(count)],
    { encoding: 'utf8', timeout: 600_000, maxBuffer: 1 << 26 },
  );
  if (status !== 0) throw new Error(`${error?.message ?? `exit ${status}`}: ${stderr}`);
  return JSON.parse(stdout) as Result;
}

function check(result: Result, count: number): void {
  expect(result.mutants).toBe(count);
  // Mutants that are all refused at once, or all harmless, would test nothing.
  expect(result.damaged).toBeGreaterThan(count / 10);
  expect(result.damaged).toBeLessThan(count);
  expect(result.told).toBeGreaterThan(count);
  expect(result.rssMb).toBeLessThan(512);
  expect(result.slowestMs).toBeLessThan(30_000);
}

describe('mutated captures', () => {
  const counts = full ? [5000, 5000] : [200, 100];

  test('of our own making: no crash, no hang, bounded memory, and the pieces they come in do not matter', () => {
    expect(existsSync(join(root, 'build', 'explain', 'explain.js')), 'npm run build first').toBe(true);
    check(mutate(own, 1, counts[0]!), counts[0]!);
  });

  testNeeding('test/fuzz/explain.test.ts', 'captures')('from real networks: the same', () => {
    const folder = place();
    const from = join(shared, 'captures');
    for (const name of readdirSync(from))
      if (/\.pcap(ng)?$/.test(name) && statSync(join(from, name)).isFile())
        copyFileSync(join(from, name), join(folder, name));
    check(mutate(folder, 1_000_000, counts[1]!), counts[1]!);
  });
});
