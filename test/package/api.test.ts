/** The public entries: one home for each name, and what publint says of the package. */
import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { root } from '../support/needs.ts';

const { exports: entries } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  exports: Record<string, string | { types: string }>;
};

/** The names that an entry exports, by its declarations. */
function namesOf(entry: string): string[] {
  const target = entries[entry]!;
  const path = typeof target === 'string' ? target.replace(/\.js$/, '.d.ts') : target.types;
  const text = readFileSync(join(root, path), 'utf8');
  const listed = [...text.matchAll(/export\s+(?:type\s+)?\{([^}]*)\}/g)].flatMap((match) =>
    match[1]!.split(',').map((part) =>
      part
        .trim()
        .replace(/^type /, '')
        .split(/ as /)
        .at(-1)!
        .trim(),
    ),
  );
  const declared = [
    ...text.matchAll(
      /export\s+(?:declare\s+)?(?:abstract\s+)?(?:class|function|const|interface|type)\s+(\w+)/g,
    ),
  ].map((match) => match[1]!);
  return [...new Set([...listed, ...declared])].filter((name) => name !== '');
}

/** Different things that happen to have one name; the list only gets shorter. */
const namesakes: Record<string, readonly string[]> = {
  StackOptions: ['.', './drill'],
  Outcome: ['./drill', './explain'],
  connect: ['./guard', './streams'],
  DialOptions: ['./guard', './host'],
  TextStyle: ['./view', './wire'],
};

test('every public name has one home', () => {
  const homes = new Map<string, string[]>();
  for (const entry of Object.keys(entries).filter((it) => it !== './package.json'))
    for (const name of namesOf(entry)) homes.set(name, [...(homes.get(name) ?? []), entry]);
  expect(homes.size).toBeGreaterThan(150);
  const wrong = [...homes].filter(
    ([name, at]) => at.length > 1 && JSON.stringify([...at].sort()) !== JSON.stringify(namesakes[name]),
  );
  expect(wrong).toEqual([]);
});

test('publint has nothing to say', () => {
  const { stdout, status } = spawnSync(
    process.execPath,
    [join(root, 'node_modules', 'publint', 'src', 'cli.js'), '--strict'],
    { cwd: root, encoding: 'utf8' },
  );
  expect(stdout).toContain('All good!');
  expect(status).toBe(0);
});
