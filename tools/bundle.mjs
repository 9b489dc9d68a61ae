// Makes of build/, one file for each source, what is published in dist/: the public entries, the command and the programs
// that it starts, with what several of them need in files that they share. Packed, this is a quarter smaller than the
// files one by one, and a command opens twenty files in place of a hundred.
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';

/** Threads and processes that commands start by the name of their file. */
const programs = [
  'cli/main',
  'cli/run-worker',
  'cli/run-kernel-child',
  'cli/compare-kernel-child',
  'cli/explain-worker',
  'linux/blocking-thread',
];

/** Each public entry as a path in dist/, without the extension. */
function publicEntries(root) {
  const { exports } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8'));
  return Object.values(exports)
    .map((it) => (typeof it === 'string' ? it : it.default))
    .filter((path) => path.endsWith('.js'))
    .map((path) => path.replace(/^\.\/dist\/|\.js$/g, ''));
}

/**
 * Shared parts lie in dist/shared, as deep as the folders of src/: `new URL('../cli/x.js', import.meta.url)` is right in
 * both places, './x.js' only in one.
 */
const pathsOfPrograms = {
  name: 'paths-of-programs',
  transform(code, id) {
    if (/new URL\(['"](?!\.\.\/)[^)]*import\.meta\.url/.test(code))
      throw new Error(`${id}: name a file of ours as ../FOLDER/FILE.js, from import.meta.url`);
    return null;
  },
};

/** Writes dist/. */
export async function bundle(root) {
  const { rolldown } = await import('rolldown');
  const entries = [...publicEntries(root), ...programs];
  const build = await rolldown({
    input: Object.fromEntries(entries.map((name) => [name, join(root, 'build', `${name}.js`)])),
    // For browsers too: the runtime that rolldown adds for Node imports node:module.
    platform: 'neutral',
    external: [/^node:/, 'koffi', 'hyparquet-writer'],
    // What package.json says of side effects is about dist/.
    treeshake: { moduleSideEffects: true },
    plugins: [pathsOfPrograms],
  });
  await build.write({
    dir: join(root, 'dist'),
    format: 'esm',
    entryFileNames: '[name].js',
    chunkFileNames: 'shared/[name].js',
    // Names of functions and classes stay: a stack trace says them, and there are no source maps.
    minify: { compress: true, mangle: { keepNames: true }, codegen: { removeWhitespace: true } },
  });
  await build.close();
}

/** Removes the declarations that no public entry leads to. */
export function dropInternalTypes(root) {
  const dist = join(root, 'dist');
  const open = publicEntries(root).map((name) => join(dist, `${name}.d.ts`));
  const reached = new Set(open);
  for (let file = open.pop(); file !== undefined; file = open.pop()) {
    for (const [, path] of readFileSync(file, 'utf8').matchAll(/(?:from|import\()\s*['"](\.[^'"]+)['"]/g)) {
      const target = join(dirname(file), path.replace(/\.[jt]s$/, '.d.ts'));
      if (!reached.has(target) && existsSync(target)) open.push(target);
      reached.add(target);
    }
  }
  for (const name of readdirSync(dist, { recursive: true })) {
    const file = join(dist, name);
    if (file.endsWith('.d.ts') && !reached.has(file)) rmSync(file);
  }
}
