// npm start: the main job on a fresh clone. Without arguments, the classic handshake as a ladder; with files, those scripts.
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { build, install, root } from './setup.mjs';

install();
await build();

const args = process.argv.slice(2);
const main = join(root, 'dist', 'cli', 'main.js');
const command = args.length === 0 ? ['start'] : ['run', '--ladder', ...args];
// npm runs this in the package's root; the files a user names are relative to where the user stands.
const cwd = process.env.INIT_CWD ?? process.cwd();
const result = spawnSync(process.execPath, [main, ...command], { cwd, stdio: 'inherit' });
process.exit(result.status ?? 1);
