/**
 * `npm run musts`: writes the table of docs/rfc9293.md anew: halfopen, the kernel (where scripts can run on it), lwIP
 * (where its library is) and the tiny stack. Takes about four minutes, since the kernel lives in real time.
 */
import { spawnSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { build, root } from './setup.mjs';
import { buildLwip, buildTiny } from './stacks.mjs';

const page = join(root, 'docs', 'rfc9293.md');
const [begin, end] = ['<!-- made by npm run musts: begin -->\n', '<!-- end -->\n'];

await build();
const lwip = buildLwip();
if (lwip === null)
  throw new Error('lwIP cannot be built here: install liblwip-dev, pkg-config and a C compiler');
const columns = ['halfopen=built-in', 'Linux=kernel', `lwIP=${lwip}`, `tiny stack=${buildTiny()}`];
const args = [
  'musts',
  '--lang',
  'en',
  '--markdown',
  '--jobs',
  '16',
  ...columns.flatMap((on) => ['--on', on]),
];
const { status, stdout, stderr } = spawnSync(process.execPath, [join(root, 'dist/cli/main.js'), ...args], {
  cwd: root,
  encoding: 'utf8',
  maxBuffer: 1e8,
});
if (status !== 0 && status !== 1) throw new Error(stderr);
const text = readFileSync(page, 'utf8');
const [from, to] = [text.indexOf(begin) + begin.length, text.indexOf(end)];
writeFileSync(page, `${text.slice(0, from)}\n${stdout}${text.slice(to)}`);
