// npm run bench: builds, then runs every program of bench/ (or those named), one after the other.
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { build, install, root, run } from './setup.mjs';

install();
await build();
const asked = process.argv.slice(2);
// A name with a dash is a part of another benchmark, such as its generator.
const all = readdirSync(join(root, 'bench')).filter((name) => /^[a-z]+\.mjs$/.test(name));
const chosen = asked.length === 0 ? all : all.filter((name) => asked.includes(name.replace(/\.mjs$/, '')));
if (chosen.length === 0) {
  process.stderr.write(
    `halfopen: no such benchmark; there are ${all.map((name) => name.replace(/\.mjs$/, '')).join(', ')}\n`,
  );
  process.exit(2);
}
for (const name of chosen) run(process.execPath, [join(root, 'bench', name)]);
