// npm run simulate [-- --hours H | --worlds N] [--seed S] [--findings N]: random worlds, one seed after the other, under judges that know
// what is due (test/simulation/liveness). Ends when so many virtual hours, or worlds, are over. A finding is printed with its seed and the
// command that repeats it, and the exit code is 1. Virtual hours are those until the programs of a world are done.
import { parseArgs } from 'node:util';
import { compiled } from './compiled.mjs';

const { values } = parseArgs({
  options: {
    hours: { type: 'string' },
    worlds: { type: 'string' },
    seed: { type: 'string', default: '1' },
    findings: { type: 'string', default: '10' },
    built: { type: 'string' },
  },
});
const number = (name) => {
  const value = Number(values[name]);
  if (Number.isFinite(value) && value > 0) return value;
  process.stderr.write(`halfopen: --${name} must be a number above 0, not '${values[name]}'\n`);
  process.exit(2);
};
const hours = values.hours === undefined ? Infinity : number('hours');
const worlds = values.worlds === undefined ? (hours === Infinity ? 1000 : Infinity) : number('worlds');
const first = number('seed');
const mostFindings = number('findings');

// --built names a folder that holds the simulator already: for tests that plant faults into it.
const folder = values.built ?? compiled();
const { runWorld } = await import(new URL('test/simulation/liveness/run.js', folder).href);

const total = { worlds: 0, us: 0, packets: 0, bytes: 0, findings: 0 };
const began = performance.now();
let told = began;
const progress = () =>
  `${total.worlds} worlds, ${(total.us / 3.6e9).toFixed(2)} virtual hours, ${(total.bytes / 1e6).toFixed(0)} MB in ` +
  `${total.packets} packets, ${total.findings} findings, ${((performance.now() - began) / 1000).toFixed(0)} s`;
let seed = first;
let stopped = false;
process.once('SIGTERM', () => (stopped = true)).once('SIGINT', () => (stopped = true));
while (!stopped && total.worlds < worlds && total.us < hours * 3.6e9 && total.findings < mostFindings) {
  const { finding, tookUs, packets, bytes } = runWorld(seed);
  total.worlds++;
  total.us += tookUs;
  total.packets += packets;
  total.bytes += bytes;
  if (finding !== null) {
    total.findings++;
    console.log(`seed ${seed}: ${finding.message}\n  npm run simulate -- --seed ${seed} --worlds 1`);
  }
  seed++;
  // Signals are heard between worlds.
  if (seed % 64 === 0) await new Promise((resolve) => setImmediate(resolve));
  if (performance.now() - told < 10_000) continue;
  told = performance.now();
  process.stderr.write(`${progress()} (seed ${seed} next)\n`);
}
const heap = Math.round(process.memoryUsage().heapUsed / 1e6);
console.log(`seeds ${first} to ${seed - 1}: ${progress()}, heap ${heap} MB`);
process.exit(total.findings > 0 ? 1 : 0);
