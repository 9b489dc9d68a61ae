// npm run bytes [-- --worlds N --seed S --against FOLDER]: a hash over every packet that any host sends, with its moment, while
// the scripts of scripts/ and N random worlds run. Work on speed must not change it: run it in both checkouts, or name the other one
// with --against (it must have run this program, too: what is compiled there is used). Exit code 1 if they differ.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { parseArgs } from 'node:util';
import { compiled } from './compiled.mjs';
import { build, root } from './setup.mjs';

const { values } = parseArgs({
  options: {
    worlds: { type: 'string', default: '1000' },
    seed: { type: 'string', default: '1' },
    against: { type: 'string' },
    run: { type: 'string' },
  },
});
const number = (name) => {
  const value = Number(values[name]);
  if (Number.isInteger(value) && value > 0) return value;
  process.stderr.write(`halfopen: --${name} must be a whole number above 0, not '${values[name]}'\n`);
  process.exit(2);
};
const worlds = number('worlds');
const seed = number('seed');

let hash;
let packets = 0;

/** Has every packet that a host of this class sends hashed: each passes here on its way out, whoever runs the host. */
function tap(Host) {
  const { interfaceFor } = Host.prototype;
  Host.prototype.interfaceFor = function (bytes, view, offset) {
    const at = new Float64Array([this.clock.now]);
    hash.update(new Uint8Array(at.buffer)).update(bytes.subarray(offset, offset + this.out.length));
    packets++;
    return interfaceFor.call(this, bytes, view, offset);
  };
}

/** Runs something and prints what was sent meanwhile. */
function part(name, work) {
  hash = createHash('sha256');
  packets = 0;
  work();
  console.log(`${name}: ${packets} packets, ${hash.digest('hex')}`);
  // A tap that sees nothing finds everything the same.
  if (packets === 0) process.exitCode = 1;
}

/** Runs everything on the stack of a checkout. */
async function hashAll(checkout) {
  const load = (...names) => import(pathToFileURL(join(checkout, ...names)).href);
  const { openHost, runScript } = await load('build', 'drill', 'index.js');
  tap((await load('build', 'host', 'index.js')).Host);
  part('scripts', () => {
    const texts = join(root, 'scripts');
    for (const file of readdirSync(texts, { recursive: true }).sort()) {
      if (!file.endsWith('.pkt')) continue;
      for (const ipVersion of ['ipv4', 'ipv6'])
        runScript({ file, text: readFileSync(join(texts, file), 'utf8'), open: openHost, ipVersion });
    }
  });
  const { runWorld } = await load('.cache', 'simulate', 'test', 'simulation', 'liveness', 'run.js');
  tap((await load('.cache', 'simulate', 'src', 'host', 'index.js')).Host);
  part(`worlds ${seed} to ${seed + worlds - 1}`, () => {
    for (let i = 0; i < worlds; i++) runWorld(seed + i);
  });
}

if (values.run !== undefined) await hashAll(values.run);
else {
  await build();
  compiled();
  // One process for each stack: the number of packets must not depend on what another one warmed up.
  const hashes = (checkout) => {
    const { status, stdout } = spawnSync(
      process.execPath,
      [import.meta.filename, '--run', checkout, '--worlds', String(worlds), '--seed', String(seed)],
      { stdio: ['ignore', 'pipe', 'inherit'], encoding: 'utf8' },
    );
    if (status !== 0) process.exit(status ?? 1);
    return stdout;
  };
  const mine = hashes(root);
  process.stdout.write(mine);
  if (values.against !== undefined) {
    const other = hashes(values.against);
    const same = mine === other;
    console.log(same ? 'the same bytes' : `other bytes there:\n${other}`);
    if (!same) process.exitCode = 1;
  }
}
