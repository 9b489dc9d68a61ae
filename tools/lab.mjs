// npm run lab: installs, builds the library and the page, and serves it. `--build` only builds.
import { existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build, install, newest, root, run, runTool } from './setup.mjs';

/** Builds apps/lab into dist-lab/ if something that it is made of is newer than the last build. */
export function buildLab() {
  const stampFile = join(root, 'dist-lab', '.stamp');
  const sources = ['apps/lab', 'src', 'scripts', 'package-lock.json'].map((name) => newest(join(root, name)));
  if (existsSync(stampFile) && statSync(stampFile).mtimeMs > Math.max(...sources)) return;
  process.stderr.write('halfopen: building the lab ...\n');
  runTool('vite', ['build', 'apps/lab', '--logLevel', 'warn'], { stdio: ['ignore', 2, 2] });
  mkdirSync(join(root, 'dist-lab'), { recursive: true });
  writeFileSync(stampFile, '');
}

if (process.argv[1] === import.meta.filename) {
  install();
  await build();
  buildLab();
  const args = process.argv.slice(2);
  if (!args.includes('--build'))
    run(process.execPath, [join(root, 'dist', 'cli', 'main.js'), 'lab', ...args]);
}
