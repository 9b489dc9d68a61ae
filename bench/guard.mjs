// What the guard costs a program that never meets itself: ordinary connects, and http requests each on a connection of
// its own, per second of the client's CPU time, with the guard and without it. Both in one process, in short turns:
// between two processes on a machine that does other things as well, the noise is larger than the difference.
//   npm run build && node bench/guard.mjs [ROUNDS]
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import http from 'node:http';
import net from 'node:net';
import { fileURLToPath } from 'node:url';

const batch = 200;
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

/** Node's functions that the guard replaces, as they are now. */
function connectFunctions(prototype) {
  const { connect, connect6, bind, bind6 } = prototype;
  return { connect, connect6, bind, bind6 };
}

function tcpPrototype() {
  const socket = new net.Socket().connect({ port: 1, host: '127.0.0.1' });
  const prototype = Object.getPrototypeOf(socket._handle);
  socket.destroy();
  return prototype;
}

const mean = (values) => values.reduce((sum, value) => sum + value) / values.length;

/** The mean of the faster half: other programs and garbage collections only ever add time. */
const typical = (values) => mean(values.toSorted((a, b) => a - b).slice(0, Math.ceil(values.length / 2)));

async function compare({ job, ephemeral, of: ports }, rounds, modes, prototype) {
  let next = 0;
  /** Does the job so many times; returns the µs of CPU time that each took. */
  const work = async (count) => {
    let left = count;
    const one = async () => {
      while (left-- > 0) await jobs[job](ports[next++ % ports.length]);
    };
    const before = process.cpuUsage();
    await Promise.all(Array.from({ length: atOnce }, one));
    const { user, system } = process.cpuUsage(before);
    return (user + system) / count;
  };
  await work(batch * 10);
  const spent = { off: [], on: [] };
  for (let round = 0; round < rounds; round++) {
    for (const mode of round % 2 ? ['on', 'off'] : ['off', 'on']) {
      Object.assign(prototype, modes[mode]);
      spent[mode].push(await work(batch));
    }
    if (process.stderr.isTTY && round % 10 === 0)
      process.stderr.write(`\r${job}: round ${round} of ${rounds} `);
  }
  if (process.stderr.isTTY) process.stderr.write('\r\x1b[K');
  const [off, on] = [typical(spent.off), typical(spent.on)];
  const rate = (µs) => (1e6 / µs).toFixed(0).padStart(7);
  const where = ephemeral ? 'to a port in the ephemeral range' : 'to a port below the ephemeral range';
  console.log(
    `${`${job} ${where}`.padEnd(50)} off ${rate(off)}   on ${rate(on)}   on/off ${(off / on).toFixed(3)}`,
  );
}

if (process.argv[2] === 'serve') {
  await serve();
} else {
  const rounds = Number(process.argv[2] ?? 200);
  const prototype = tcpPrototype();
  const off = connectFunctions(prototype);
  await import('../dist/guard/index.js');
  const modes = { off, on: connectFunctions(prototype) };
  const server = fork(fileURLToPath(import.meta.url), ['serve']);
  const [ports] = await once(server, 'message');
  console.log(
    `per second of CPU time, guard off and on, ${rounds} rounds of ${batch} each (Node ${process.version})`,
  );
  for (const one of ports) await compare(one, rounds, modes, prototype);
  server.kill();
}
