/** docs/lab.md says where each statement of the material is shown: what it names must be there. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import type { Scenario } from '../../apps/lab/src/world/scenario.ts';
import { root } from '../support/needs.ts';

const rows = [
  ...readFileSync(join(root, 'docs', 'lab.md'), 'utf8').matchAll(
    /^\| (H\d+\.\d+) \| (.+?) \| (.+?) \| (.+?) \| (.*?) ?\|$/gm,
  ),
].map(([, id, statement, places, script, command]) => ({ id, statement, places, script, command }));
const folder = join(root, 'apps', 'lab', 'scenarios');
const scenarios = new Map(
  readdirSync(folder).map((name) => [
    name.slice(0, name.indexOf('-')),
    JSON.parse(readFileSync(join(folder, name), 'utf8')) as Scenario,
  ]),
);

test('every topic has statements, and each a step of the lab that is there, and a script', () => {
  expect(new Set(rows.map(({ id }) => id)).size).toBe(rows.length);
  expect([...new Set(rows.map(({ id }) => Number.parseInt(id!.slice(1), 10)))]).toEqual([
    1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12,
  ]);
  const scripts = readdirSync(join(root, 'scripts'));
  for (const { id, places, script } of rows) {
    expect(scripts, id).toContain(script);
    const steps = [...places!.matchAll(/(\w+)#(\d+)/g)];
    expect(steps.length, id).toBeGreaterThan(0);
    for (const [, scenario, step] of steps)
      expect(scenarios.get(scenario!)?.steps[Number(step) - 1], `${id} ${scenario}#${step}`).toBeDefined();
  }
});
