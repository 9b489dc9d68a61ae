/** What the package weighs and holds, and what a program that uses a part of it has to load. */
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { rolldown } from 'rolldown';
import { describe, expect, test } from 'vitest';
import { full, root, testNeeding } from '../support/needs.ts';

interface Packed {
  readonly size: number;
  readonly files: readonly { readonly path: string; readonly size: number }[];
}

/** What `npm pack` says of the package in a folder. */
function pack(folder: string): Packed {
  const text = execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
    cwd: folder,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
  return (JSON.parse(text) as [Packed])[0];
}

const packed = pack(root);
const names = packed.files.map(({ path }) => path);

describe('the package', () => {
  testNeeding('test/package/size.test.ts', 'lab')('weighs at most 1,000 KB with the lab', () => {
    expect(names).toContain('dist-lab/index.html');
    expect(packed.size).toBeLessThan(1_000_000);
  });

  test('weighs at most 600 KB without the lab', () => {
    const folder = mkdtempSync(join(tmpdir(), 'halfopen-pack-'));
    try {
      for (const name of names.filter((it) => !it.startsWith('dist-lab/')))
        cpSync(join(root, name), join(folder, name));
      const { size } = pack(folder);
      expect(size).toBeLessThan(600_000);
      expect(size).toBeGreaterThan(200_000);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('holds no source maps, screenshots, tests, nor what only tests use', () => {
    expect(
      names.filter((name) => /\.map$|\.png$|\.test\.|testing|\.stamp$|^(src|test)\//.test(name)),
    ).toEqual([]);
    const mapped = names.filter(
      (name) => name.startsWith('dist/') && /sourceMappingURL/.test(readFileSync(join(root, name), 'utf8')),
    );
    expect(mapped).toEqual([]);
  });

  test('holds no declarations that no entry leads to', () => {
    const internal = names.filter((name) => /^dist\/(cli|doctor)\/.*\.d\.ts$/.test(name));
    expect(internal).toEqual([]);
    expect(names).toContain('dist/embed/stack.d.ts');
  });
});

test.runIf(full)('packs the same bytes from two clones at different places and times', () => {
  const folder = mkdtempSync(join(tmpdir(), 'halfopen-same-'));
  const files = execFileSync('git', ['ls-files', '-z'], { cwd: root, encoding: 'utf8' }).split('\0');
  const packs = ['a', join('b', 'deeper, with a blank')].map((place) => {
    const clone = join(folder, place);
    for (const name of files.filter((it) => it !== '' && existsSync(join(root, it))))
      cpSync(join(root, name), join(clone, name));
    for (const modules of ['node_modules', join('apps', 'lab', 'node_modules')])
      symlinkSync(join(root, modules), join(clone, modules), 'dir');
    const build =
      "import { build } from './tools/setup.mjs'; import { buildLab } from './tools/lab.mjs'; await build(); buildLab();";
    execFileSync(process.execPath, ['--input-type=module', '-e', build], { cwd: clone, stdio: 'pipe' });
    execFileSync('npm', ['pack', '--silent', '--ignore-scripts'], {
      cwd: clone,
      shell: process.platform === 'win32',
    });
    const tarball = readdirSync(clone).find((name) => name.endsWith('.tgz'))!;
    return createHash('sha256')
      .update(readFileSync(join(clone, tarball)))
      .digest('hex');
  });
  rmSync(folder, { recursive: true });
  expect(packs[0]).toBe(packs[1]);
});

/** Bytes of a program after bundling, minified. */
async function bundled(code: string): Promise<number> {
  const entry = '\0entry';
  const build = await rolldown({
    input: entry,
    platform: 'neutral',
    plugins: [
      {
        name: 'entry',
        resolveId: (id: string) =>
          id === entry
            ? id
            : id.startsWith('halfopen')
              ? { id: target(id), moduleSideEffects: false }
              : undefined,
        load: (id: string) => (id === entry ? code : undefined),
      },
    ],
  });
  const { output } = await build.generate({ minify: true });
  return output.reduce((sum, chunk) => sum + (chunk.type === 'chunk' ? Buffer.byteLength(chunk.code) : 0), 0);
}

const { exports: entries } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
  exports: Record<string, string | { default: string }>;
};
function target(name: string): string {
  const entry = entries[name.replace(/^halfopen/, '.')]!;
  return join(root, typeof entry === 'string' ? entry : entry.default);
}

describe('a program that is bundled', () => {
  test('takes of parseAddress alone what that needs', async () => {
    const size = await bundled(
      "import { parseAddress } from 'halfopen/wire'; console.log(parseAddress('::1'));",
    );
    expect(size).toBeLessThan(4_000);
  });

  test('takes of Stack alone neither the runner, nor explain, nor the views', async () => {
    const size = await bundled(
      "import { Stack } from 'halfopen'; console.log(new Stack({ addresses: [] }));",
    );
    expect(size).toBeLessThan(200_000);
    expect(size).toBeGreaterThan(20_000);
  });
});
