// npm test: everything that says whether the project is in order, on a fresh clone as well. npm test -- PATH: those tests alone,
// without type check, lint and the lab's build, which take longer than most tests.
import { buildLab } from './lab.mjs';
import { build, install, run, runTool } from './setup.mjs';

const step = (text) => process.stderr.write(`halfopen: ${text}\n`);

const args = process.argv.slice(2);
const chosen = args.some((arg) => !arg.startsWith('-'));

install();
if (!chosen) {
  step('type check ...');
  runTool('tsc', ['-p', 'tsconfig.json']);
  runTool('tsc', ['-p', 'tsconfig.pure.json']);
  runTool('tsc', ['-p', 'apps/lab']);
  // Components take a while: svelte-check needs a TypeScript of its own, the last with an API in JavaScript.
  if (process.env.HALFOPEN_FULL === '1')
    run('npm', ['run', '--silent', 'check', '-w', 'apps/lab'], {
      shell: process.platform === 'win32',
    });
  step('lint ...');
  runTool('biome', ['check', '.']);
}
await build();
if (!chosen) buildLab();
step('tests ...');
runTool('vitest', ['run', ...args]);
