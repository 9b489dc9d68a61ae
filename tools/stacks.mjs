/** Builds the example stacks that scripts can be run on, into .cache/stacks: lwIP (if its library is here) and the tiny one. */
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './setup.mjs';

const out = join(root, '.cache', 'stacks');
const examples = join(root, 'docs', 'examples');

/** @returns {string} what `halfopen run --on` takes for the tiny stack */
export function buildTiny() {
  mkdirSync(out, { recursive: true });
  const tsc = join(root, 'node_modules', '.bin', 'tsc');
  const sources = ['tiny-stack.ts', 'tiny-stack-exec.ts'].map((name) => join(examples, name));
  const options = [
    '--module',
    'nodenext',
    '--target',
    'es2023',
    '--types',
    'node',
    '--rewriteRelativeImportExtensions',
  ];
  execFileSync(
    tsc,
    ['--ignoreConfig', ...options, '--skipLibCheck', '--rootDir', examples, '--outDir', out, ...sources],
    { cwd: root, stdio: 'inherit' },
  );
  return `exec:exec node '${join(out, 'tiny-stack-exec.js')}'`;
}

/** @returns {string | null} what `halfopen run --on` takes for lwIP; null if it cannot be built here */
export function buildLwip() {
  mkdirSync(out, { recursive: true });
  const flags = spawnSync('pkg-config', ['--cflags', '--libs', 'lwip'], { encoding: 'utf8' });
  if (flags.status !== 0) return null;
  const program = join(out, 'lwip-stack');
  const words = flags.stdout.trim().split(/\s+/);
  execFileSync(
    'cc',
    ['-O1', '-Wall', '-Wextra', '-Werror', '-o', program, join(examples, 'lwip-stack.c'), ...words],
    {
      stdio: 'inherit',
    },
  );
  return `exec:exec '${program}'`;
}
