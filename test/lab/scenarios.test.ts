import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { changesText, noChanges, parseChanges } from '../../apps/lab/src/world/changes.ts';
import { runScenario } from '../../apps/lab/src/world/run.ts';
import type { Scenario } from '../../apps/lab/src/world/scenario.ts';
import { root } from '../support/needs.ts';

const folder = join(root, 'apps', 'lab', 'scenarios');
const scenarios: Scenario[] = readdirSync(folder).map((file) => ({
  ...(JSON.parse(readFileSync(join(folder, file), 'utf8')) as Scenario),
  id: file.replace('.json', ''),
}));
const words = (text: string): number => text.split(/\s+/).filter((word) => /\w/.test(word)).length;

describe.each(scenarios.map((scenario) => [scenario.id, scenario] as const))('scenario %s', (_, scenario) => {
  test('comes to the verdict that its text promises', () => {
    const { judged, problem } = runScenario(scenario, noChanges);
    expect(problem).toBeNull();
    expect(judged.filter(({ holds }) => !holds)).toEqual([]);
  });

  test('has short texts in both languages, and its script exists', () => {
    expect(words(scenario.text.en)).toBeLessThanOrEqual(150);
    expect(scenario.text.zh.length).toBeLessThanOrEqual(420);
    const texts = [scenario.title, scenario.text, scenario.verdict.text, scenario.question.text];
    for (const { en, zh } of [...texts, ...scenario.question.answers, scenario.question.because]) {
      expect(en).not.toBe('');
      expect(zh).not.toBe('');
      expect(en).not.toMatch(/[\u4e00-\u9fff]/);
    }
    expect(scenario.question.answers.length).toBeGreaterThan(scenario.question.right);
    expect(readdirSync(join(root, 'scripts'))).toContain(scenario.script);
  });

  test('comes out otherwise in its comparison', () => {
    if (scenario.compare === undefined) return;
    const { holds, problem } = runScenario(scenario, parseChanges(scenario.compare.changes));
    expect(problem).toBeNull();
    expect(holds).toBe(false);
    expect(changesText(parseChanges(scenario.compare.changes))).toBe(scenario.compare.changes);
  });
});

test('there is a scenario for each of the twelve topics', () => {
  expect([...new Set(scenarios.map(({ topic }) => topic))].sort((a, b) => a - b).slice(0, 12)).toEqual([
    1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,
  ]);
});
