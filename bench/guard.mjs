// What the guard costs a program that never meets itself: ordinary connects, and http requests each on a connection of
// its own, per second of the client's CPU time, with the guard and without it. A client with and one without live side
// by side and work in short turns, so that what else the machine does hits both alike. (Not one client in which the guard
// is taken out and put back: the compiler would start over each time, and that would be what is measured.)
// Two clients of the same kind differ too, by how they came to be compiled and placed: so there are several groups of
// fresh clients, each with a second one without the guard, and off/off shows how much of a ratio is noise.
//   npm run build && node bench/guard.mjs [GROUPS]
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { fileURLToPath } from 'node:url';

const rounds = 20;
const batch = 100;
const atOnce = 8;

const jobs = {
  connects: (port) =>
    new Promise((resolve, reject) => {
      const socket = net.connect(port, '127.0.0.1', () => {
        socket.on('close', resolve);
        // No TIME-WAIT: so many of them would make the kernel's search for a port the thing that is measured.
        socket.resetAndDestroy();
      });
      socket.on('error', reject);
    }),
  'http requests': (port) =>
    new Promise((resolve, reject) => {
      http
        .get({ port, host: '127.0.0.1', agent: false }, (response) => response.resume().on('end', resolve))
        .on('error', reject);
    }),
};

const range = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8').trim().split(/\s+/).map(Number);

/** The port of a server: one that the system gives, or a free one below those, as most services have. */
async function listen(server, ephemeral) {
  for (let port = ephemeral ? 0 : range[0] - 1; ; port--) {
    try {
      server.listen(port, '127.0.0.1');
      await once(server, 'listening');
      return server.address().port;
    } catch (error) {
      if (error.code !== 'EADDRINUSE') throw error;
    }
  }
}

/** The servers, in a process of their own: their CPU time is not the client's. */
async function serve() {
  const make = {
    connects: () => net.createServer((socket) => socket.on('error', () => {})),
    'http requests': () => http.createServer((_request, response) => response.end('ok')),
  };
  const ports = [];
  for (const job in make)
    for (const ephemeral of [false, true]) {
      // Several ports, since an http connection leaves a TIME-WAIT.
      const of = [];
      for (let i = 0; i < 8; i++) of.push(await listen(make[job](), ephemeral));
      ports.push({ job, ephemeral, of });
    }
  process.send(ports);
}

/** A client: does so many jobs when told to, and answers with the µs of CPU time that each took. */
async function client() {
  let next = 0;
  process.on('message', async ({ job, of: ports, count }) => {
    let left = count;
    const one = async () => {
      while (left-- > 0) await jobs[job](ports[next++ % ports.length]);
    };
    const before = process.cpuUsage();
    await Promise.all(Array.from({ length: atOnce }, one));
    const { user, system } = process.cpuUsage(before);
    process.send((user + system) / count);
  });
}

const sorted = (values) => values.toSorted((a, b) => a - b);
const mean = (values) => values.reduce((sum, value) => sum + value) / values.length;
/** The mean of the faster half: other programs and garbage collections only ever add time. */
const typical = (values) => mean(sorted(values).slice(0, Math.ceil(values.length / 2)));
const median = (values) => mean(sorted(values).slice((values.length - 1) >> 1, (values.length >> 1) + 1));

const self = fileURLToPath(import.meta.url);
const guard = new URL('../dist/guard/index.js', import.meta.url).href;
const modes = ['off', 'on', 'again'];

/** What a connect or request costs each of three fresh clients, µs. */
async function measure({ job, of }, show) {
  const clients = modes.map((mode) =>
    fork(self, ['client'], { execArgv: mode === 'on' ? ['--import', guard] : [] }),
  );
  const work = async (index, count) => {
    clients[index].send({ job, of, count });
    return (await once(clients[index], 'message'))[0];
  };
  const spent = modes.map(() => []);
  for (const index of modes.keys()) await work(index, batch * 25);
  for (let round = 0; round < rounds; round++) {
    show(round);
    // Each is the first in turn.
    for (const offset of modes.keys()) {
      const index = (round + offset) % modes.length;
      spent[index].push(await work(index, batch));
    }
  }
  for (const client of clients) client.kill();
  return Object.fromEntries(modes.map((mode, index) => [mode, typical(spent[index])]));
}

async function compare(task, groups) {
  const results = [];
  for (let group = 0; group < groups; group++) {
    const show = (round) => {
      if (process.stderr.isTTY)
        process.stderr.write(
          `\r${task.job}: group ${group + 1} of ${groups}, round ${round + 1} of ${rounds} `,
        );
    };
    results.push(await measure(task, show));
  }
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
  const rate = (mode) => (1e6 / median(results.map((result) => result[mode]))).toFixed(0).padStart(6);
  const ratio = (mode) => median(results.map((result) => result.off / result[mode])).toFixed(3);
  const where = task.ephemeral ? 'in the ephemeral range' : 'below the ephemeral range';
  console.log(
    `${`${task.job} to a port ${where}`.padEnd(50)} off ${rate('off')}  on ${rate('on')}` +
      `  on/off ${ratio('on')}  (off/off ${ratio('again')})`,
  );
}

if (process.argv[2] === 'serve') {
  await serve();
} else if (process.argv[2] === 'client') {
  await client();
} else {
  const groups = Number(process.argv[2] ?? 15);
  const server = fork(self, ['serve']);
  const [tasks] = await once(server, 'message');
  console.log(
    `per second of CPU time, Node ${process.version}, ${groups} groups of ${rounds} rounds of ${batch}`,
  );
  for (const task of tasks) await compare(task, groups);
  server.kill();
}
