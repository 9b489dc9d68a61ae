// npm run lab: installs, builds the library and the page, and serves it. `--build` only builds; `--offline` builds the one
// file that opens from a disk.
import { existsSync, mkdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build, install, newest, root, run, runTool } from './setup.mjs';

/** Builds apps/lab into dist-lab/ if something that it is made of is newer than the last build. */
export const buildLab = () => buildPage('dist-lab', []);

/** Builds the whole page as one file, dist-lab-offline/halfopen-lab.html, likewise. */
export const buildOffline = () =>
  buildPage('dist-lab-offline', ['--config', 'apps/lab/vite.offline.config.ts']);

function buildPage(folder, options) {
  const stampFile = join(root, folder, '.stamp');
  const sources = ['apps/lab', 'src', 'scripts', 'package-lock.json'].map((name) => newest(join(root, name)));
  if (existsSync(stampFile) && statSync(stampFile).mtimeMs > Math.max(...sources)) return;
  process.stderr.write('halfopen: building the lab ...\n');
  runTool('vite', ['build', 'apps/lab', ...options, '--logLevel', 'warn'], { stdio: ['ignore', 2, 2] });
  mkdirSync(join(root, folder), { recursive: true });
  writeFileSync(stampFile, '');
}

if (process.argv[1] === import.meta.filename) {
  install();
  await build();
  const args = process.argv.slice(2);
  if (args.includes('--offline')) {
    buildOffline();
    process.stdout.write(`${join('dist-lab-offline', 'halfopen-lab.html')}\n`);
    process.exit();
  }
  buildLab();
  if (!args.includes('--build'))
    run(process.execPath, [join(root, 'dist', 'cli', 'main.js'), 'lab', ...args]);
}
