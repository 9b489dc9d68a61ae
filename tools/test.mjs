// npm test: everything that says whether the project is in order, on a fresh clone as well.
import { buildLab } from './lab.mjs';
import { bin, build, install, run } from './setup.mjs';

const shell = process.platform === 'win32';
const step = (text) => process.stderr.write(`halfopen: ${text}\n`);

install();
step('type check ...');
run(bin('tsc'), ['-p', 'tsconfig.json'], { shell });
run(bin('tsc'), ['-p', 'tsconfig.pure.json'], { shell });
run(bin('tsc'), ['-p', 'apps/lab'], { shell });
// Components take a while: svelte-check needs a TypeScript of its own, the last with an API in JavaScript.
if (process.env.HALFOPEN_FULL === '1') run('npm', ['run', '--silent', 'check', '-w', 'apps/lab'], { shell });
step('lint ...');
run(bin('biome'), ['check', '.'], { shell });
build();
buildLab();
step('tests ...');
run(bin('vitest'), ['run', ...process.argv.slice(2)], { shell });
