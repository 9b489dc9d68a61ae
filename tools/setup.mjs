// What a fresh clone needs before anything runs: dependencies and a build. No dependencies of its own.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

export const root = dirname(dirname(fileURLToPath(import.meta.url)));

const note = (text) => process.stderr.write(`halfopen: ${text}\n`);

/** Runs a command in the project's folder with its output shown; exits with its status if it fails. */
export function run(command, args, options = {}) {
  const result = spawnSync(command, args, { cwd: root, stdio: 'inherit', ...options });
  if (result.error) {
    note(`could not run ${command}: ${result.error.message}`);
    process.exit(1);
  }
  if (result.status !== 0) process.exit(result.status ?? 1);
}

/** Development tools, and the packages they come in. */
const packages = { biome: '@biomejs/biome', tsc: 'typescript', vite: 'vite', vitest: 'vitest' };

/** Runs a development tool by its JavaScript entry: without a shell, which on Windows would stumble over blanks in paths. */
export function runTool(name, args, options = {}) {
  const folder = join(root, 'node_modules', packages[name]);
  const { bin } = JSON.parse(readFileSync(join(folder, 'package.json'), 'utf8'));
  run(process.execPath, [join(folder, bin[name]), ...args], options);
}

/** Installs dependencies if the lock file changed since they were last installed. */
export function install() {
  const lock = createHash('sha256')
    .update(readFileSync(join(root, 'package-lock.json')))
    .digest('hex');
  const stampFile = join(root, 'node_modules', '.halfopen-lock');
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === lock) return;
  note('installing dependencies (npm ci) ...');
  // --include=dev: NODE_ENV=production must not leave out the compiler.
  run('npm', ['ci', '--include=dev', '--no-audit', '--no-fund', '--loglevel=error'], {
    stdio: ['ignore', 2, 2],
    shell: process.platform === 'win32',
  });
  writeFileSync(stampFile, lock);
}

/** When the newest file under a path was changed, ms; tests and installed packages do not count. */
export function newest(path) {
  const stat = statSync(path);
  if (!stat.isDirectory()) return stat.mtimeMs;
  let latest = stat.mtimeMs;
  for (const name of readdirSync(path)) {
    if (name.endsWith('.test.ts') || name === 'node_modules') continue;
    latest = Math.max(latest, newest(join(path, name)));
  }
  return latest;
}

/** Builds src/ if a source is newer than the last build: dist/, as it is published, and build/, file by file. */
export async function build() {
  const stampFile = join(root, 'dist', '.stamp');
  const sources = [
    'src',
    'tsconfig.json',
    'tsconfig.build.json',
    'package.json',
    'tools/setup.mjs',
    'tools/bundle.mjs',
  ].map((name) => newest(join(root, name)));
  if (existsSync(stampFile) && statSync(stampFile).mtimeMs > Math.max(...sources)) return;
  note('building ...');
  // What a file that is gone by now left behind would be packed.
  for (const folder of ['build', 'dist']) rmSync(join(root, folder), { recursive: true, force: true });
  runTool('tsc', ['-p', 'tsconfig.build.json']);
  const { bundle, dropInternalTypes } = await import('./bundle.mjs');
  await bundle(root);
  dropInternalTypes(root);
  writeFileSync(stampFile, '');
}
