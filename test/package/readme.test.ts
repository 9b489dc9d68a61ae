/**
 * The examples of the documentation, run as a reader would: the package is packed and installed into an empty project,
 * each `js` block runs there, and the `text` block that follows it is what it printed.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { root } from '../support/needs.ts';

interface Example {
  name: string;
  code: string;
  output: string | null;
}

function examplesOf(file: string): Example[] {
  const text = readFileSync(join(root, file), 'utf8');
  const fences = [...text.matchAll(/^```(\w*)\n([\s\S]*?)^```$/gm)];
  return fences.flatMap((fence, i) => {
    if (fence[1] !== 'js') return [];
    const next = fences[i + 1];
    const between =
      next === undefined ? 'none' : text.slice(fence.index + fence[0].length, next.index).trim();
    const line = text.slice(0, fence.index).split('\n').length;
    return [
      {
        name: `${file}:${line}`,
        code: fence[2]!,
        output: between === '' && next![1] === 'text' ? next![2]! : null,
      },
    ];
  });
}

const npm = (args: string[], cwd: string): string =>
  execFileSync('npm', [...args, '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd,
    encoding: 'utf8',
    shell: process.platform === 'win32',
  });

const folder = mkdtempSync(join(tmpdir(), 'halfopen-package-'));
const project = join(folder, 'project');

beforeAll(() => {
  npm(['pack', '--ignore-scripts', '--pack-destination', folder], root);
  mkdirSync(project);
  writeFileSync(join(project, 'package.json'), '{ "name": "empty", "type": "module", "private": true }\n');
  const tarball = readdirSync(folder).find((name) => name.endsWith('.tgz'))!;
  npm(['install', '--omit=optional', '--prefer-offline', join(folder, tarball)], project);
});

afterAll(() => rmSync(folder, { recursive: true, force: true }));

const node = (
  args: string[],
  cwd = project,
): ReturnType<typeof spawnSync> & { stdout: string; stderr: string } =>
  spawnSync(process.execPath, args, {
    cwd,
    encoding: 'utf8',
    env: { ...process.env, NO_COLOR: '1' },
  });

const { exports: packageExports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  exports: Record<string, unknown>;
};

describe('the packed package, installed into an empty project', () => {
  test('holds what it needs and nothing of the tests', () => {
    const installed = readdirSync(join(project, 'node_modules', 'halfopen'), {
      recursive: true,
      encoding: 'utf8',
    });
    for (const wanted of [
      'README.md',
      'LICENSE',
      'CHANGELOG.md',
      join('dist', 'index.js'),
      join('dist', 'index.d.ts'),
    ])
      expect(installed).toContain(wanted);
    expect(installed.filter((name) => name.includes('.test.') || name.startsWith('src'))).toEqual([]);
  });

  test.each(Object.keys(packageExports).filter((name) => name !== './package.json'))('%s imports', (name) => {
    const specifier = name.replace(/^\./, 'halfopen');
    const { status, stderr } = node([
      '--input-type=module',
      '-e',
      `await import(${JSON.stringify(specifier)})`,
    ]);
    expect(stderr).toBe('');
    expect(status).toBe(0);
  });

  test('has a command that runs', () => {
    const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string };
    const run = (args: string[]): string =>
      execFileSync('npx', ['--no-install', 'halfopen', ...args], {
        cwd: project,
        encoding: 'utf8',
        shell: process.platform === 'win32',
      });
    expect(run(['--version'])).toBe(`${version}\n`);
    expect(run(['start'])).toContain('ESTABLISHED');
    expect(run(['--help'])).toContain('Commands:');
  });
});

describe('the documentation', () => {
  const files = [
    'README.md',
    ...['embedding', 'simulation', 'ports'].map((name) => join('docs', `${name}.md`)),
  ];
  const examples = files.flatMap(examplesOf);

  test('has examples to run', () => {
    expect(examples.length).toBeGreaterThan(4);
  });

  test.each(examples)('$name does what it says', ({ code, output }) => {
    const file = join(project, 'example.mjs');
    writeFileSync(file, code);
    const { status, stdout, stderr } = node([file]);
    expect(stderr).toBe('');
    expect(status).toBe(0);
    if (output !== null) expect(stdout).toBe(output);
  });

  test('shows in README the very output of halfopen start', () => {
    const { stdout } = node([join(root, 'dist', 'cli', 'main.js'), 'start'], root);
    expect(readFileSync(join(root, 'README.md'), 'utf8')).toContain(stdout.trimEnd());
  });

  test('names every command and every entry of the package in README', () => {
    const readme = readFileSync(join(root, 'README.md'), 'utf8');
    const { stdout } = node([join(root, 'dist', 'cli', 'main.js'), '--help']);
    const commands = [...stdout.matchAll(/^ {2}([a-z-]+) {2,}/gm)].map((match) => match[1]!);
    expect(commands.length).toBeGreaterThan(2);
    for (const command of commands) expect(readme).toContain(`halfopen ${command}`);
    for (const subpath of Object.keys(packageExports))
      if (subpath !== './package.json') expect(readme).toContain(subpath.replace(/^\./, 'halfopen'));
  });
});
