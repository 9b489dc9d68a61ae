// Measures `halfopen explain --json` on two generated captures, side by side in one run with bare loops, tshark and tcptrace.
//
//   npm run build && node bench/explain.mjs [MEGABYTES] [FOLDER]
//
// MEGABYTES: of each capture (default 1100; tshark takes 2 minutes for that, and 9 GB of memory). FOLDER: where they are made
// (default: a temporary one); they are deleted afterwards.
// Each program has its turn in three rounds, and the median counts; what takes over 20 s runs once. One run tells little: where a
// virtual machine has to ask its host for memory that it writes for the first time, the 1.5 GB of NDJSON alone can take 4 s.
// Prints seconds of the wall clock and of the processor, memory and MB/s, and the ratios by either clock. The bars are for the
// wall clock: explain has two threads. On a busy machine that means nothing, and the processor's seconds little. All is read
// once before, so that the cache is warm. Needs /usr/bin/time; tshark and tcptrace if installed. explain takes half a second
// or so to get going (compiling): small captures show it slower than it is.
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generate } from './explain-generate.mjs';

const megabytes = Number(process.argv[2] ?? 1100);
if (!(megabytes >= 1)) {
  console.error('usage: node bench/explain.mjs [MEGABYTES] [FOLDER]');
  process.exit(2);
}
const folder = mkdtempSync(join(process.argv[3] ?? tmpdir(), 'halfopen-explain-'));
const main = join(import.meta.dirname, '..', 'dist', 'cli', 'main.js');
const bare = join(import.meta.dirname, 'explain-bare.mjs');

/** Bytes that a connection takes, on average. */
const sizes = { connections: 663, data: 21_888 };
/** How many times as fast as each other program explain has to be. */
const bars = {
  connections: { 'tshark -z conv,tcp': 15, 'bare loop, connections': 0.1 },
  data: { 'tshark -z conv,tcp': 10, tcptrace: 1, 'bare loop, connections': 0.25 },
};

const ROUNDS = 3;
/** What takes longer is not run again, seconds. */
const LONG_S = 20;

/** Runs a command through sh; returns seconds and megabytes, or null if it cannot be run. */
function measure(command) {
  const result = spawnSync('/usr/bin/time', ['-f', 'TIME %e %U %S %M', 'sh', '-c', `exec ${command}`], {
    encoding: 'utf8',
    stdio: ['ignore', 'ignore', 'pipe'],
    maxBuffer: 1 << 28,
  });
  const line = /TIME (\S+) (\S+) (\S+) (\S+)/.exec(result.stderr ?? '');
  if (line === null || result.status !== 0) return null;
  return { wall: Number(line[1]), cpu: Number(line[2]) + Number(line[3]), memory: Number(line[4]) / 1024 };
}

/** Runs each command once a round, unless it takes long. @returns the run that took the median time, by name; null if it failed */
function rounds(runs) {
  const all = new Map(runs.map(([name]) => [name, []]));
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, command] of runs) {
      const done = all.get(name);
      if (round === 0 || (done[0] !== null && done[0].wall <= LONG_S)) done.push(measure(command));
    }
  }
  const median = (done) =>
    done.includes(null) ? null : done.sort((a, b) => a.wall - b.wall)[(done.length - 1) >> 1];
  return new Map([...all].map(([name, done]) => [name, median(done)]));
}

const installed = (name) => spawnSync('sh', ['-c', `command -v ${name}`]).status === 0;

function row(name, m, size) {
  const cells = [m.wall, m.cpu, size / m.wall, m.memory].map((n) => n.toFixed(n < 100 ? 1 : 0).padStart(11));
  console.log(`  ${name.padEnd(24)}${cells.join('')}`);
}

function compare(kind) {
  const path = join(folder, `${kind}.pcap`);
  const made = generate(kind, path, Math.ceil((megabytes * 1e6) / sizes[kind]));
  const size = made.bytes / 1e6;
  console.log(`${kind}: ${Math.round(size)} MB, ${made.packets} packets`);
  console.log(`  ${''.padEnd(24)}     wall s      cpu s       MB/s  memory MB`);
  measure(`cat ${path}`);
  const runs = [
    ['bare loop, packets', `${process.execPath} ${bare} packets ${path}`],
    ['bare loop, connections', `${process.execPath} ${bare} connections ${path}`],
    ['explain --json', `${process.execPath} ${main} explain --json ${path} > ${path}.ndjson`],
  ];
  if (installed('tcptrace')) runs.push(['tcptrace', `tcptrace -n ${path} > /dev/null`]);
  if (installed('tshark'))
    runs.push(['tshark -z conv,tcp', `tshark -n -q -z conv,tcp -r ${path} > /dev/null`]);
  const results = rounds(runs);
  for (const [name, m] of results) {
    if (m === null) console.log(`  ${name}: failed`);
    else row(name, m, size);
  }
  const explain = results.get('explain --json');
  if (explain === null) return;
  console.log(
    `  ${Math.round(statSync(`${path}.ndjson`).size / 1e6)} MB of NDJSON; explain's speed by the wall clock, times that of:`,
  );
  for (const [name, other] of results) {
    if (other === null || other === explain) continue;
    const ratio = other.wall / explain.wall;
    const byCpu = (other.cpu / explain.cpu).toFixed(2);
    const bar = bars[kind][name];
    const verdict = bar === undefined ? '' : ` (bar ${bar}: ${ratio >= bar ? 'reached' : 'not reached'})`;
    console.log(`    ${name.padEnd(24)}${ratio.toFixed(2)} (processor: ${byCpu})${verdict}`);
  }
  rmSync(path);
  rmSync(`${path}.ndjson`);
}

try {
  for (const kind of ['connections', 'data']) compare(kind);
} finally {
  rmSync(folder, { recursive: true });
}
