// node crowd.mjs PROCESSES LEASES: that many processes take that many leases in all, while strangers bind port 0 and
// connect. Each lease is used as a test would: a connect that comes too early, a server, the server again. Prints what
// went wrong as JSON; nothing should. Needs dist/.
import { fork, spawn } from 'node:child_process';
import { connect, createServer } from 'node:net';
import { freePort } from '../../dist/ports/index.js';

/** A program that knows nothing of leases: it takes what the kernel hands out, with and without SO_REUSEADDR. */
const stranger = `
import socket, struct, time
server = socket.socket()
server.bind(('127.0.0.1', 0))
server.listen(64)
held = []
count = 0
while True:
    s = socket.socket()
    if count & 1: s.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    s.bind(('127.0.0.1' if count & 2 else '0.0.0.0', 0))
    if count & 4: s.listen(1)
    held.append(s)
    c = socket.socket()
    c.connect(server.getsockname())
    a, _ = server.accept()
    if count & 8: c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack('ii', 1, 0))
    c.close()
    a.close()
    if len(held) > 100: held.pop(0).close()
    count += 1
    if count % 8 == 0: time.sleep(0.004)
`;

const early = (port) =>
  new Promise((resolve) => {
    const socket = connect({ port, host: '127.0.0.1' });
    socket.on('connect', () => {
      const own = socket.localPort === socket.remotePort;
      socket.resetAndDestroy();
      resolve(own ? 'self-connect' : 'somebody answered');
    });
    socket.on('error', (error) => resolve(error.code));
  });

const serve = (port) =>
  new Promise((resolve) => {
    const server = createServer();
    server.on('error', (error) => resolve(error.code));
    server.listen({ port, host: '0.0.0.0', exclusive: true }, () => server.close(() => resolve('served')));
  });

async function member(leases) {
  const wrong = {};
  const note = (what) => {
    wrong[what] = (wrong[what] ?? 0) + 1;
  };
  for (let i = 0; i < leases; i++) {
    const lease = await freePort();
    const first = await early(lease.port);
    if (first !== 'ECONNREFUSED') note(first);
    for (let round = 0; round < 2; round++) {
      const served = await serve(lease.port);
      if (served !== 'served') note(served);
    }
    await lease.release();
  }
  process.send({ leases, wrong });
}

async function crowd(processes, leases) {
  const strangers = Array.from({ length: 2 }, () => spawn('python3', ['-c', stranger], { stdio: 'inherit' }));
  const total = { leases: 0, wrong: {} };
  const members = Array.from({ length: processes }, (_, i) => {
    const share = Math.floor(leases / processes) + (i < leases % processes ? 1 : 0);
    const child = fork(import.meta.filename, ['member', `${share}`]);
    child.on('message', (result) => {
      total.leases += result.leases;
      for (const [what, count] of Object.entries(result.wrong))
        total.wrong[what] = (total.wrong[what] ?? 0) + count;
      child.disconnect();
    });
    return new Promise((resolve) => child.on('exit', resolve));
  });
  await Promise.all(members);
  total.strangersAlive = strangers.filter((child) => child.exitCode === null).length;
  for (const child of strangers) child.kill('SIGKILL');
  console.log(JSON.stringify(total));
}

const [first, second] = process.argv.slice(2);
if (first === 'member') await member(Number(second));
else await crowd(Number(first), Number(second));
