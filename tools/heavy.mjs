// node tools/heavy.mjs [KIT...]: installs into .cache/KIT what only some tests and `npm run site` need. These are large, so
// they are not among the project's dependencies: a clone that only runs the tests is spared 300 MB.
import { spawnSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root } from './setup.mjs';

/** Packages of each kit, with their exact versions. */
export const kits = {
  /** Are the types wrong: whether every resolution finds the types that belong to the code. */
  attw: { '@arethetypeswrong/cli': '0.18.5' },
  bun: { bun: '1.4.5' },
  deno: { deno: '2.9.6' },
  /** The site: TypeDoc needs a TypeScript with an interface in JavaScript, and finds no other than the one beside it. */
  site: { typedoc: '0.28.20', typescript: '6.0.3', marked: '16.4.2' },
};

/** The folder in which a kit's packages lie, whether they are there or not. */
export const folderOf = (kit) => join(root, '.cache', kit, 'node_modules');

/** Whether all of a kit is there, in these versions. */
export function isThere(kit) {
  return Object.entries(kits[kit]).every(([name, version]) => {
    const file = join(folderOf(kit), name, 'package.json');
    return existsSync(file) && JSON.parse(readFileSync(file, 'utf8')).version === version;
  });
}

/** Installs a kit if it is not there. @returns whether it is there now */
export function install(kit) {
  if (isThere(kit)) return true;
  const place = join(root, '.cache', kit);
  mkdirSync(place, { recursive: true });
  // A package.json of its own keeps npm from installing into the project.
  writeFileSync(
    join(place, 'package.json'),
    `${JSON.stringify({ private: true, dependencies: kits[kit] })}\n`,
  );
  process.stderr.write(`halfopen: installing ${kit} into .cache ...\n`);
  spawnSync('npm', ['install', '--no-audit', '--no-fund', '--loglevel=error'], {
    cwd: place,
    stdio: ['ignore', 2, 2],
    shell: process.platform === 'win32',
  });
  return isThere(kit);
}

if (process.argv[1] === import.meta.filename) {
  const names = process.argv.slice(2);
  const unknown = names.find((name) => !Object.hasOwn(kits, name));
  if (unknown !== undefined) {
    console.error(`there is no kit '${unknown}'; there are ${Object.keys(kits).join(', ')}`);
    process.exit(2);
  }
  const missing = (names.length === 0 ? Object.keys(kits) : names).filter((name) => !install(name));
  for (const name of missing) console.log(`${name}: could not be installed`);
  process.exit(missing.length > 0 ? 1 : 0);
}
