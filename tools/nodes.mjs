// node tools/nodes.mjs FOLDER: puts the Node versions that the guard is tested on into FOLDER/MAJOR, from the `node`
// package of the npm registry. What is there already stays. Not part of the project's own dependencies: inside them
// its `node` would come first in the PATH of scripts.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';

const majors = [22, 24, 26];
const folder = process.argv[2];
if (!folder) {
  console.error('usage: node tools/nodes.mjs FOLDER');
  process.exit(2);
}

/** Where a version's executable is. */
const executable = (major) => join(resolve(folder), `${major}`, 'node_modules', 'node', 'bin', 'node');
const version = (major) => spawnSync(executable(major), ['--version'], { encoding: 'utf8' });

let missing = 0;
for (const major of majors) {
  if (!existsSync(executable(major))) {
    const place = join(folder, `${major}`);
    mkdirSync(place, { recursive: true });
    // A package.json of its own keeps npm from installing into a project further up.
    writeFileSync(join(place, 'package.json'), '{ "private": true }\n');
    console.log(`installing Node ${major} ...`);
    spawnSync('npm', ['install', `node@${major}`, '--no-audit', '--no-fund', '--loglevel=error'], {
      cwd: place,
      stdio: ['ignore', 2, 2],
      shell: process.platform === 'win32',
    });
  }
  const { status, stdout, error } = version(major);
  if (status === 0) {
    console.log(`Node ${major}: ${stdout.trim()}`);
  } else {
    missing++;
    console.log(`Node ${major}: could not be installed${error ? ` (${error.message})` : ''}`);
  }
}
process.exit(missing > 0 ? 1 : 0);
