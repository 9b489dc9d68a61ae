/**
 * Programs as a stranger would write them, in an empty project with nothing but the packed package: they pass the compiler's
 * strictest flags, declarations of the package included, and do what they say.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { root } from '../support/needs.ts';

const folder = mkdtempSync(join(tmpdir(), 'halfopen-programs-'));
const modules = join(folder, 'node_modules');

beforeAll(() => {
  const shell = process.platform === 'win32';
  execFileSync('npm', ['pack', '--silent', '--ignore-scripts', '--pack-destination', folder], {
    cwd: root,
    shell,
  });
  const tarball = readdirSync(folder).find((name) => name.endsWith('.tgz'))!;
  mkdirSync(modules);
  execFileSync('tar', ['-xzf', join(folder, tarball), '-C', modules]);
  cpSync(join(modules, 'package'), join(modules, 'halfopen'), { recursive: true });
  writeFileSync(join(folder, 'package.json'), '{ "name": "empty", "type": "module", "private": true }\n');
  cpSync(join(import.meta.dirname, 'programs'), folder, { recursive: true });
  mkdirSync(join(modules, '@types'));
  for (const name of ['@types/node', 'undici-types'])
    symlinkSync(join(root, 'node_modules', name), join(modules, name), 'dir');
});
afterAll(() => rmSync(folder, { recursive: true }));

const strictest = {
  target: 'es2022',
  module: 'nodenext',
  strict: true,
  allowUnreachableCode: false,
  allowUnusedLabels: false,
  erasableSyntaxOnly: true,
  exactOptionalPropertyTypes: true,
  isolatedModules: true,
  noFallthroughCasesInSwitch: true,
  noImplicitOverride: true,
  noImplicitReturns: true,
  noPropertyAccessFromIndexSignature: true,
  noUncheckedIndexedAccess: true,
  noUncheckedSideEffectImports: true,
  noUnusedLocals: true,
  noUnusedParameters: true,
  skipLibCheck: false,
  verbatimModuleSyntax: true,
};

/** What the compiler says. */
function compile(options: object, files: readonly string[]): string {
  writeFileSync(
    join(folder, 'tsconfig.json'),
    JSON.stringify({ compilerOptions: { ...strictest, ...options }, files }),
  );
  const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
  const { stdout, stderr } = spawnSync(process.execPath, [tsc, '-p', folder], {
    cwd: folder,
    encoding: 'utf8',
  });
  return stdout + stderr;
}

const run = (name: string): string => {
  const { stdout, stderr } = spawnSync(process.execPath, [join(folder, `${name}.js`)], {
    cwd: folder,
    encoding: 'utf8',
    timeout: 30_000,
  });
  return stderr + stdout;
};

test('the strictest flags of the compiler find nothing, in Node and in a browser', () => {
  const inBrowser = ['echo.ts', 'router.ts', 'runner.ts'];
  const dom = ['es2023', 'dom', 'dom.iterable', 'dom.asynciterable', 'esnext.disposable'];
  expect(compile({ noEmit: true, types: [], lib: dom }, inBrowser)).toBe('');
  expect(compile({ types: ['node'], lib: ['es2023'] }, [...inBrowser, 'explainer.ts'])).toBe('');
  // It would say something.
  writeFileSync(
    join(folder, 'wrong.ts'),
    "import { Stack } from 'halfopen';\nnew Stack({ addresses: 1 });\n",
  );
  expect(compile({ noEmit: true, types: [], lib: dom }, ['wrong.ts'])).toContain('TS2322');
});

test('an echo server with abort, time-out and dispose', () => {
  expect(run('echo').split('\n')).toEqual([
    expect.stringMatching(/^hello (ESTABLISHED|FIN-WAIT-2|TIME-WAIT|CLOSED)$/),
    'ECONNREFUSED -111 connect 192.0.2.2:8',
    'ETIMEDOUT -110 connect 192.0.2.9:9',
    'TimeoutError',
    '1 served',
    '',
  ]);
});

test('a router as a node, with loss by what is in a packet', () => {
  expect(run('router')).toBe('connected: true, 3 SYNs, 3 packets forwarded\n');
});

test('an explainer with a filter, and a time-out for a capture that does not come', () => {
  expect(run('explainer')).toBe(
    'refused certain 192.0.2.2\nrefused certain 192.0.2.2\n23 attempts in 137 packets\nAbortError\n',
  );
});

test('a runner for a stack of its own, and a time-out for one that does not answer', () => {
  expect(run('runner')).toBe('passed 2\npacket 2\nAbortError\n');
});
