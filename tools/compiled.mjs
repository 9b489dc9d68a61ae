// The parts of the stack that the tools drive from inside, and the simulator of test/simulation/liveness, as JavaScript: dist has only
// what the package's entries lead to.
import { existsSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { install, newest, root, runTool } from './setup.mjs';

/** Compiles what changed; returns the URL of the folder that has `src` and `test`. */
export function compiled() {
  install();
  const folder = join(root, '.cache', 'simulate');
  const stamp = join(folder, '.stamp');
  const sources = ['src', 'test/simulation/liveness', 'tsconfig.json', 'tsconfig.simulate.json'];
  const latest = Math.max(...sources.map((path) => newest(join(root, path))));
  if (!existsSync(stamp) || statSync(stamp).mtimeMs < latest) {
    runTool('tsc', ['-p', 'tsconfig.simulate.json']);
    writeFileSync(stamp, '');
  }
  return `${pathToFileURL(folder)}/`;
}
