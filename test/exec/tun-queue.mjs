/** Run inside a namespace: a host of ours whose program never accepts, and what the kernel's clients make of it. */
import { spawnSync } from 'node:child_process';
import { TunHost } from 'halfopen/linux';

const host = new TunHost({
  device: 'tun0',
  addresses: ['192.0.2.2/24'],
  kernelAddresses: ['192.0.2.1/24'],
  conditions: { delayUs: 1000 },
});
const kernel = host.stack.host;
const socket = kernel.socket(4, 0x800);
socket.bind({ family: 4, w0: 0, w1: 0, w2: 0xffff, w3: 0 }, 9000);
socket.listen(1);
host.stack.flush();

const { spawn } = await import('node:child_process');
const connect = () =>
  new Promise((resolve) => {
    const child = spawn('nc', ['-z', '-w', '2', '192.0.2.2', '9000'], { stdio: 'ignore' });
    child.on('exit', resolve);
  });
const results = [];
for (let i = 0; i < 4; i++) results.push(await connect());
console.log(
  JSON.stringify({
    results,
    links: spawnSync('ip', ['-o', 'link']).stdout.toString().split('\n').length - 1,
  }),
);
host.close();
console.log(spawnSync('ip', ['-o', 'link']).stdout.toString().split('\n').length - 1);
