/** The public entries: what they export, and what publint and attw say of the package. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { expect, test } from 'vitest';
import { root, testNeeding } from '../support/needs.ts';

const { publicApi } = await import(pathToFileURL(join(root, 'tools', 'api.mjs')).href);
const api = publicApi() as { text: string; hidden: string[]; homes: string[][] };

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

test('the public types are those of api.txt: if a change is meant, node tools/api.mjs writes it', () => {
  const kept = readFileSync(join(root, 'test', 'package', 'api.txt'), 'utf8');
  expect(api.text).toContain('## halfopen Stack');
  expect(api.text.split('\n')).toEqual(kept.split('\n'));
});

test('every type that an exported one names can be imported, from one entry', () => {
  expect(api.hidden).toEqual([]);
  expect(api.homes).toEqual([]);
});

testNeeding(
  'test/package/api.test.ts',
  'full',
  'attw',
)('attw finds the types right for every entry', () => {
  const folder = mkdtempSync(join(tmpdir(), 'halfopen-attw-'));
  try {
    const options = { cwd: root, encoding: 'utf8', shell: process.platform === 'win32' } as const;
    spawnSync('npm', ['pack', '--silent', '--ignore-scripts', '--pack-destination', folder], options);
    const tarball = join(folder, readdirSync(folder)[0]!);
    const attw = join(root, '.cache', 'attw', 'node_modules', '@arethetypeswrong', 'cli', 'dist', 'index.js');
    const { stdout, status } = spawnSync(process.execPath, [attw, '--profile', 'esm-only', tarball], options);
    expect(stdout).toContain('"halfopen/wire"');
    expect(status).toBe(0);
  } finally {
    rmSync(folder, { recursive: true });
  }
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
