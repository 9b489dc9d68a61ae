// How long `halfopen doctor` takes to read many sockets. After `npm run build`:
//
//     node bench/doctor.mjs [SOCKETS]         copies of /proc/net/tcp and tcp6, half of the lines each (default 200000)
//     node bench/doctor.mjs [SOCKETS] live    real loopback sockets in a network namespace (Linux, root, python3)
//
// "all" is the whole command as a user runs it: start, two samples a second apart, every check, the report. "reading"
// is the same with samples 0.05 s apart, less the time that an empty host takes: what the sockets themselves cost.
// "cat" is how long cat takes to read the same files: what the kernel and the machine cost. CPU is that of the whole
// command, user and system: on a busy machine it says more than the time.
import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';

const main = join(dirname(dirname(fileURLToPath(import.meta.url))), 'dist', 'cli', 'main.js');
const wanted = Number(process.argv[2] ?? 200_000);
const rounds = 5;

/** Lines as the kernel writes them: connections to one service, a tenth of them in TIME-WAIT. */
function copies(folder, sockets) {
  const hex = (value, width) => value.toString(16).toUpperCase().padStart(width, '0');
  const header =
    '  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode\n';
  const line = (index, prefix) => {
    const remote = `${prefix}${hex(0x0a000000 + (index >> 14), 8)}:${hex(32768 + (index & 16383), 4)}`;
    const state = index % 10 === 0 ? '06' : '01';
    const head = `${String(index).padStart(4)}: ${prefix}0100007F:1F90 ${remote} ${state} 00000000:00000000`;
    return `${head} 00:00000000 00000000  1000        0 ${10000 + index} 1 00000000c0ffee00 20 4 30 10 -1\n`;
  };
  mkdirSync(join(folder, 'net'), { recursive: true });
  const half = Math.ceil(sockets / 2);
  const lines = (prefix) => Array.from({ length: half }, (_, index) => line(index, prefix)).join('');
  writeFileSync(join(folder, 'net', 'tcp'), header + lines(''));
  writeFileSync(join(folder, 'net', 'tcp6'), header + lines('0000000000000000FFFF0000'));
  return ['--proc', folder];
}

/** A process that holds so many sockets in a namespace of its own. */
async function live(sockets) {
  // Several processes, because one may often not open so many files.
  const script = `
import os, resource, socket, subprocess, sys
pairs = ${Math.ceil(sockets / 2)}
limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
resource.setrlimit(resource.RLIMIT_NOFILE, (limit, limit))
most = min((limit - 100) // 2, 20000)
subprocess.run(['ip', 'link', 'set', 'lo', 'up'], check=True)
for number in range(-(-pairs // most)):
    here, there = os.pipe()
    if os.fork() == 0:
        server = socket.create_server(('', 8080 + number), backlog=64)
        kept = []
        for _ in range(min(most, pairs - number * most)):
            client = socket.create_connection(('127.0.0.1', 8080 + number))
            kept += [client, server.accept()[0]]
        os.write(there, b'.')
        sys.stdin.read()
        os._exit(0)
    os.read(here, 1)
print('ready', flush=True)
sys.stdin.read()
`;
  const child = spawn('unshare', ['-n', 'python3', '-c', script], { stdio: ['pipe', 'pipe', 'inherit'] });
  process.stderr.write(`opening ${sockets} sockets ...\n`);
  const [text] = await Promise.race([once(child.stdout, 'data'), once(child, 'close')]);
  if (!String(text).startsWith('ready')) throw new Error('the sockets could not be opened');
  return child;
}

/** CPU seconds of all programs that this one has run to their end (proc_pid_stat(5): cutime, cstime). */
function childrenCpu() {
  const fields = readFileSync('/proc/self/stat', 'utf8').split(') ')[1].split(' ');
  return (Number(fields[13]) + Number(fields[14])) / 100;
}

/** Runs the command; gives what it read, how long it took and how much CPU, in seconds. */
function doctor(source, interval) {
  const begun = performance.now();
  const cpu = childrenCpu();
  const args = [main, 'doctor', '--json', '--interval', String(interval), ...source];
  const { stdout, stderr } = spawnSync(process.execPath, args, { encoding: 'utf8', maxBuffer: 1 << 28 });
  const seconds = (performance.now() - begun) / 1000;
  if (stderr !== '') throw new Error(stderr);
  return { sockets: JSON.parse(stdout).sockets, seconds, cpu: childrenCpu() - cpu };
}

/** How long cat takes, in seconds. */
function cat(net) {
  const begun = performance.now();
  spawnSync('cat', [join(net, 'tcp'), join(net, 'tcp6')], { stdio: 'ignore' });
  return (performance.now() - begun) / 1000;
}

const median = (values) => values.sort((a, b) => a - b)[values.length >> 1];
const folder = mkdtempSync(join(tmpdir(), 'halfopen-doctor-'));
let holder = null;
try {
  let source;
  let net;
  if (process.argv[3] === 'live') {
    holder = await live(wanted);
    source = ['--pid', String(holder.pid)];
    net = `/proc/${holder.pid}/net`;
  } else {
    source = copies(join(folder, 'many'), wanted);
    net = join(folder, 'many', 'net');
  }
  const empty = copies(join(folder, 'none'), 0);
  const all = [];
  const reading = [];
  const cats = [];
  const cpu = [];
  let sockets = 0;
  for (let round = 0; round < rounds; round++) {
    const run = doctor(source, 1);
    sockets = run.sockets;
    all.push(run.seconds);
    cpu.push(run.cpu);
    cats.push(cat(net));
    reading.push(doctor(source, 0.05).seconds - doctor(empty, 0.05).seconds);
  }
  const figures = `all ${median(all).toFixed(2)} s (worst ${Math.max(...all).toFixed(2)}), reading ${median(reading).toFixed(2)} s, cat ${median(cats).toFixed(2)} s, CPU ${median(cpu).toFixed(2)} s`;
  console.log(`${sockets} sockets: ${figures}, median of ${rounds}`);
} finally {
  holder?.stdin.end();
  rmSync(folder, { recursive: true });
}
