// node tools/chdb.mjs FOLDER: puts ClickHouse as a library (the package chdb, some 500 MB) into FOLDER, for the test of
// docs/fleet.md. What is there already stays. Too heavy for the project's own dependencies.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

const version = '3.4.0';
const folder = process.argv[2];
if (!folder) {
  console.error('usage: node tools/chdb.mjs FOLDER');
  process.exit(2);
}
if (!existsSync(join(folder, 'node_modules', 'chdb', 'package.json'))) {
  mkdirSync(folder, { recursive: true });
  // A package.json of its own keeps npm from installing into a project further up.
  writeFileSync(join(folder, 'package.json'), '{ "private": true }\n');
  console.log(`installing chdb ${version} ...`);
  spawnSync('npm', ['install', `chdb@${version}`, '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: folder,
    stdio: ['ignore', 2, 2],
    shell: process.platform === 'win32',
  });
}
const tried = spawnSync(
  process.execPath,
  ['-e', "console.log(require('chdb').query('SELECT version()', 'CSV'))"],
  {
    cwd: folder,
    encoding: 'utf8',
  },
);
console.log(tried.status === 0 ? `ClickHouse ${tried.stdout.trim()}` : 'ClickHouse could not be installed');
process.exit(tried.status === 0 ? 0 : 1);
