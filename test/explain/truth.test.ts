import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { shared, testNeeding } from '../support/needs.ts';
import { disagreements } from './disagreements.ts';
import { attemptsOf, differences, match, rowsOf } from './truth.ts';

const captures = join(shared, 'captures');
const needing = testNeeding('test/explain/truth.test.ts', 'captures');
const common = ['completed', 'no_answer', 'midstream'];

interface Compared {
  readonly key: string;
  readonly outcome: string;
  readonly differences: readonly string[];
}

function compareAll(): Compared[] {
  const list: Compared[] = [];
  for (const name of readdirSync(join(captures, 'truth')).sort()) {
    const file = name.replace(/\.tsv$/, '');
    const attempts = attemptsOf(join(captures, file));
    for (const row of rowsOf(join(captures, 'truth', name))) {
      const attempt = match(row, attempts);
      list.push({
        key: `${file} ${row.stream}`,
        outcome: row.outcome!,
        differences: attempt === undefined ? ['explain has no such attempt'] : differences(row, attempt),
      });
    }
  }
  return list;
}

describe('agreement with the truth tables', () => {
  needing('every row agrees, or is on the list that says who is right', () => {
    const rows = compareAll();
    expect(rows.length).toBeGreaterThan(800);
    const unlisted = rows.filter((row) => row.differences.length > 0 && !(row.key in disagreements));
    expect(unlisted).toEqual([]);
    const differing = rows.filter((row) => row.differences.length > 0).map((row) => row.key);
    expect(Object.keys(disagreements).filter((key) => !differing.includes(key))).toEqual([]);
  });

  needing('completed, unanswered and mid-stream rows agree in at least 99 of 100', () => {
    const rows = compareAll().filter((row) => common.includes(row.outcome));
    const agreeing = rows.filter((row) => row.differences.length === 0);
    expect(agreeing.length / rows.length).toBeGreaterThanOrEqual(0.99);
  });
});
