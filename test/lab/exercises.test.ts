import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { changesText, parseChanges } from '../../apps/lab/src/world/changes.ts';
import { type Exercise, resultText, solves, startOf } from '../../apps/lab/src/world/exercise.ts';
import { isnSteps } from '../../apps/lab/src/world/isn-steps.ts';
import type { Scenario } from '../../apps/lab/src/world/scenario.ts';
import { root } from '../support/needs.ts';

const read = <T>(folder: string, name: string): T =>
  JSON.parse(readFileSync(join(root, 'apps', 'lab', folder, name), 'utf8')) as T;
const exercises: Exercise[] = readdirSync(join(root, 'apps', 'lab', 'exercises')).map((name) => ({
  ...read<Exercise>('exercises', name),
  id: name.replace('.json', ''),
}));

describe.each(exercises.map((it) => [it.id, it] as const))('exercise %s', (_, exercise) => {
  const scenario: Scenario = {
    ...read<Scenario>('scenarios', `${exercise.scenario}.json`),
    id: exercise.scenario,
  };

  test('is not solved at its start, and solved by its solution', () => {
    expect(solves(exercise, scenario, startOf(exercise))).toBe(false);
    const solution = parseChanges(exercise.solution);
    expect(changesText(solution)).toBe(exercise.solution);
    expect(solves(exercise, scenario, solution)).toBe(true);
    expect(resultText(exercise, solution)).toContain(`x=${exercise.id}`);
  });

  test('has its texts in both languages, and hints', () => {
    for (const { en, zh } of [exercise.title, exercise.goal, ...exercise.hints]) {
      expect(en).not.toMatch(/[\u4e00-\u9fff]/);
      expect(zh).toMatch(/[\u4e00-\u9fff]/);
    }
    expect(exercise.hints.length).toBeGreaterThan(0);
  });
});

describe('the ISN workbench', () => {
  const input = {
    local: '10.211.55.5',
    localPort: 45436,
    remote: '10.211.55.10',
    remotePort: 8080,
    secret: 'a',
    unixUs: 1e15,
  };

  test.each(['siphash', 'md5'] as const)('adds up: hash and clock of %s make the number', (rule) => {
    const { words, hash, clock, isn } = isnSteps({ ...input, rule });
    expect((hash[0]! + clock) | 0).toBe(isn);
    // 10.211.55.5 as a little-endian machine loads it, and both ports swapped.
    expect(words.map((word) => (word >>> 0).toString(16))).toEqual(['537d30a', 'a37d30a', '7cb1901f']);
    // 64 ns a tick: 1 ms later it is 15,625 further, and nothing else.
    const later = isnSteps({ ...input, rule, unixUs: input.unixUs + 1000 });
    expect((later.isn - isn) | 0).toBe(15_625);
    expect(isnSteps({ ...input, rule, secret: 'b' }).hash[0]).not.toBe(hash[0]);
    expect(isnSteps({ ...input, rule, localPort: 45437 }).hash[0]).not.toBe(hash[0]);
  });
});
