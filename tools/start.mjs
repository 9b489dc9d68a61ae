// npm start: the main job on a fresh clone. Without arguments, the classic handshake as a ladder; with files, those scripts.
import { spawnSync } from 'node:child_process';
import { isAbsolute, join, resolve } from 'node:path';
import { build, install, root } from './setup.mjs';

install();
build();

// npm runs this in the package's root; the files a user names are relative to where the user stands.
const from = process.env.INIT_CWD ?? process.cwd();
const args = process.argv
  .slice(2)
  .map((arg) => (arg.startsWith('-') || isAbsolute(arg) ? arg : resolve(from, arg)));
const main = join(root, 'dist', 'cli', 'main.js');
const command = args.length === 0 ? ['start'] : ['run', '--ladder', ...args];
const result = spawnSync(process.execPath, [main, ...command], { stdio: 'inherit' });
process.exit(result.status ?? 1);
