/** What the package weighs and holds, and what a program that uses a part of it has to load. */
import { execFileSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { rolldown } from 'rolldown';
import { describe, expect, test } from 'vitest';
import { root } from '../support/needs.ts';

interface Packed {
  readonly size: number;
  readonly files: readonly { readonly path: string; readonly size: number }[];
}

const [packed] = JSON.parse(
  execFileSync('npm', ['pack', '--dry-run', '--json', '--ignore-scripts'], {
    cwd: root,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  }),
) as [Packed];
const names = packed.files.map(({ path }) => path);

describe('the package', () => {
  test('weighs at most 1,080 KB with the lab, 640 KB without (the aims are 1,000 and 600)', () => {
    const most = existsSync(join(root, 'dist-lab', 'index.html')) ? 1_080_000 : 640_000;
    expect(packed.size).toBeLessThan(most);
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
