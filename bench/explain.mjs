// Measures `halfopen explain --json` on two generated captures, side by side in one run with bare loops, tshark and tcptrace.
//
//   npm run build && node bench/explain.mjs [FOLDER]   FOLDER: where the captures are made (default: the system's temporary one)
//
// Prints seconds of the wall clock and of the processor, memory and MB/s. Needs /usr/bin/time; tshark and tcptrace if installed.
// On a busy machine the processor's seconds say more. All is read once before, so that the cache is warm.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { generate } from './explain-generate.mjs';

const folder = process.argv[2] ?? tmpdir();
const main = join(import.meta.dirname, '..', 'dist', 'cli', 'main.js');
const bare = join(import.meta.dirname, 'explain-bare.mjs');

/** Runs a command through sh; returns seconds and kilobytes, or null if it cannot be run. */
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

for (const kind of ['connections', 'data']) {
  const path = join(folder, `halfopen-explain-${kind}.pcap`);
  if (!existsSync(path)) generate(kind, path, kind === 'data' ? 60_000 : 1_600_000);
  const megabytes = statSync(path).size / 1e6;
  measure(`cat ${path}`);
  const runs = [
    ['bare loop, packets', `${process.execPath} ${bare} packets ${path}`],
    ['bare loop, connections', `${process.execPath} ${bare} connections ${path}`],
    ['explain --json', `${process.execPath} ${main} explain --json ${path} > ${path}.ndjson`],
    ['tcptrace', `tcptrace -n ${path} > /dev/null`],
    ['tshark -z conv,tcp', `tshark -n -q -z conv,tcp -r ${path} > /dev/null`],
  ];
  console.log(`${kind}: ${Math.round(megabytes)} MB`);
  console.log('                          wall s   cpu s   MB/s (cpu)   memory MB');
  const results = new Map();
  for (const [name, command] of runs) {
    const m = measure(command);
    results.set(name, m);
    const row =
      m === null
        ? '  (not run)'
        : [m.wall, m.cpu, megabytes / m.cpu, m.memory]
            .map((n) => n.toFixed(n < 100 ? 1 : 0).padStart(9))
            .join('');
    console.log(`${name.padEnd(24)}${row}`);
  }
  const explain = results.get('explain --json');
  for (const [name, other] of results) {
    if (other === null || explain === null || name === 'explain --json') continue;
    console.log(
      `explain is ${(other.cpu / explain.cpu).toFixed(3)} times as fast as ${name} (processor), ${(other.wall / explain.wall).toFixed(3)} (wall)`,
    );
  }
  if (existsSync(`${path}.ndjson`)) {
    const head = readFileSync(`${path}.ndjson`).subarray(0, 200).toString();
    console.log(
      `(${Math.round(statSync(`${path}.ndjson`).size / 1e6)} MB of NDJSON, beginning ${head.slice(0, 60)}...)\n`,
    );
  }
}
