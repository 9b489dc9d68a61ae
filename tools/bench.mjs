// npm run bench [-- names]: builds, then runs every program of bench/ (or those named), one after the other.
// npm run bench -- --against FOLDER [--rounds N] [names]: the speed of the stack (handshakes, bulk) beside that of another built checkout,
// by turns in the same sitting, as a ratio.
import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { build, install, root, run } from './setup.mjs';

const { values, positionals: asked } = parseArgs({
  options: { against: { type: 'string' }, rounds: { type: 'string', default: '5' } },
  allowPositionals: true,
});
/** Those that measure whatever stack BENCH_STACK names. */
const ofTheStack = ['handshakes', 'bulk', 'stack'];

function fail(message) {
  process.stderr.write(`halfopen: ${message}\n`);
  process.exit(2);
}

/** What one benchmark says of the compiled modules in a folder: median rates by name. */
function rates(name, folder) {
  const args = { handshakes: ['100000', '1'], bulk: ['100', '1'], stack: ['20000', '1'] }[name];
  const { status, stdout } = spawnSync(process.execPath, [join(root, 'bench', `${name}.mjs`), ...args], {
    env: { ...process.env, BENCH_STACK: `${pathToFileURL(folder).href}/` },
    stdio: ['ignore', 'pipe', 'inherit'],
    encoding: 'utf8',
  });
  if (status !== 0) fail(`bench/${name}.mjs failed on ${folder}`);
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line));
}

function compare(names, other, rounds) {
  // Checkouts from before build/ have the same files in dist/.
  const theirs = ['build', 'dist']
    .map((name) => join(other, name))
    .find((path) => existsSync(join(path, 'sim')));
  if (theirs === undefined) fail(`${other} holds no build: run \`npm start\` there`);
  const middle = (numbers) => numbers.sort((x, y) => x - y)[numbers.length >> 1];
  for (const name of names) {
    const seen = new Map();
    for (let round = 0; round < rounds; round++)
      for (const [side, folder] of [join(root, 'build'), theirs].entries())
        for (const rate of rates(name, folder)) {
          const of = seen.get(rate.name) ?? { unit: rate.unit, sides: [[], []] };
          seen.set(rate.name, of);
          of.sides[side].push(rate.median);
        }
    for (const [what, { unit, sides }] of seen) {
      const ratios = sides[0].map((rate, i) => rate / sides[1][i]);
      const [ours, others] = sides.map((numbers) => Math.round(middle(numbers)).toLocaleString('en'));
      const ratio = middle(ratios).toFixed(2);
      console.log(
        `${what.padEnd(24)} ${ours.padStart(9)} ${unit} per CPU-second, there ${others.padStart(9)}; ratio ${ratio} ` +
          `(median of ${rounds} pairs; ${ratios[0].toFixed(2)} to ${ratios.at(-1).toFixed(2)})`,
      );
    }
  }
}

install();
await build();
// A name with a dash is a part of another benchmark, such as its generator.
const all = readdirSync(join(root, 'bench'))
  .filter((name) => /^[a-z]+\.mjs$/.test(name))
  .map((name) => name.replace(/\.mjs$/, ''));
const offered = values.against === undefined ? all : ofTheStack;
const chosen = asked.length === 0 ? offered : offered.filter((name) => asked.includes(name));
if (chosen.length === 0) fail(`no such benchmark; there are ${offered.join(', ')}`);
const rounds = Number(values.rounds);
if (!Number.isInteger(rounds) || rounds < 1)
  fail(`--rounds must be a whole number above 0, not '${values.rounds}'`);
if (values.against !== undefined) compare(chosen, values.against, rounds);
else for (const name of chosen) run(process.execPath, [join(root, 'bench', `${name}.mjs`)]);
