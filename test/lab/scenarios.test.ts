import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { packetKey } from '../../apps/lab/src/draw/drawing.ts';
import { segmentOf } from '../../apps/lab/src/text/describe.ts';
import { changesText, noChanges, parseChanges } from '../../apps/lab/src/world/changes.ts';
import { flagsOf, type LabEvent, type Run, runScenario } from '../../apps/lab/src/world/run.ts';
import type { Scenario } from '../../apps/lab/src/world/scenario.ts';
import { root } from '../support/needs.ts';

const folder = join(root, 'apps', 'lab', 'scenarios');
const scenarios: Scenario[] = readdirSync(folder).map((file) => ({
  ...(JSON.parse(readFileSync(join(folder, file), 'utf8')) as Scenario),
  id: file.replace('.json', ''),
}));
const words = (text: string): number => text.split(/\s+/).filter((word) => /\w/.test(word)).length;

/** The index of the last event of a step. */
function momentOf(to: number | string, { events }: Run): number {
  if (to === 'end') return events.length - 1;
  if (typeof to === 'number') return events.findLastIndex(({ at }) => at <= to);
  const found = events.findIndex(
    (event) => (event.kind === 'arrived' || event.kind === 'lost') && packetKey(event.packet) === to,
  );
  if (found < 0) throw new Error(`no packet ${to} arrived or was lost`);
  return found;
}

/** Numbers, states and errors that an event shows. */
function valuesOf(event: LabEvent): string[] {
  if (event.kind === 'call') return /^E[A-Z]/.test(event.result) ? [event.result] : [];
  if (event.kind === 'tcp') return event.event.to === undefined ? [] : [event.event.to];
  const segment = segmentOf(event.bytes);
  if (segment === null || event.kind !== 'sent') return [];
  const numbers = [segment.seq >>> 0, segment.ack >>> 0, segment.window, segment.payload.length];
  const flags = flagsOf(event.bytes).includes('RST') ? ['RST'] : [];
  return [...numbers.filter((n) => n > 9).map(String), ...flags];
}
const mentions = (text: string, value: string): boolean =>
  new RegExp(`(?<![\\w-])${value}(?![\\w-])`).test(text.replaceAll(/(?<=\d),(?=\d{3})/g, ''));

describe.each(scenarios.map((scenario) => [scenario.id, scenario] as const))('scenario %s', (_, scenario) => {
  const run = runScenario(scenario, noChanges);
  const given = new Set(JSON.stringify([scenario.hosts, scenario.programs]).match(/\d+/g));

  test('comes to the verdict that its text promises', () => {
    const { judged, problem } = run;
    expect(problem).toBeNull();
    expect(judged.filter(({ holds }) => !holds)).toEqual([]);
  });

  test('has short texts in both languages, and its script exists', () => {
    const texts = [scenario.title, scenario.verdict.text];
    for (const { say, ask, then } of scenario.steps) {
      texts.push(say, then, ...(ask === undefined ? [] : [ask.text, ...ask.answers]));
      expect(words(say.en)).toBeLessThanOrEqual(55);
      expect(words(then.en)).toBeLessThanOrEqual(80);
      if (ask !== undefined) expect(ask.answers.length).toBeGreaterThan(ask.right);
    }
    for (const { en, zh } of texts) {
      expect(en).not.toBe('');
      expect(zh).not.toBe('');
      expect(en).not.toMatch(/[\u4e00-\u9fff]/);
      expect(zh).not.toMatch(
        /[\u4e00-\u9fff] ?[,;?!](?![\w.])|[\u4e00-\u9fff]:(?!\d)|[\u4e00-\u9fff]\.(?:\s|$)/,
      );
    }
    expect(readdirSync(join(root, 'scripts'))).toContain(scenario.script);
  });

  test('asks at least once, and its steps follow each other to the end', () => {
    expect(scenario.steps.some(({ ask }) => ask !== undefined)).toBe(true);
    const ends = scenario.steps.map(({ to }) => momentOf(to, run));
    for (const [i, end] of ends.entries()) if (i > 0) expect(end).toBeGreaterThan(ends[i - 1]!);
    expect(scenario.steps.at(-1)!.to).toBe('end');
  });

  test('names before a step nothing that the run shows there for the first time', () => {
    let seen = new Set<string>();
    let from = -1;
    for (const { say, ask, to } of scenario.steps) {
      const end = momentOf(to, run);
      const shown = new Set(run.events.slice(from + 1, end + 1).flatMap(valuesOf));
      for (const text of [say.en, say.zh, ask?.text.en ?? '', ask?.text.zh ?? '']) {
        // What was there before, and what the scenario sets, may be named.
        const told = [...shown].filter(
          (value) => !seen.has(value) && !given.has(value) && mentions(text, value),
        );
        expect(told, text).toEqual([]);
      }
      seen = new Set([...seen, ...shown]);
      from = end;
    }
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
