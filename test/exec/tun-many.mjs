/** Run inside the namespace of `halfopen tun serve`: many connections to the echo server at once. */
import { connect } from 'node:net';

const count = Number(process.argv[2]);
let [open, done, failed] = [0, 0, 0];
const sockets = [];
await new Promise((resolve) => {
  for (let i = 0; i < count; i++) {
    const socket = connect(7, '192.0.2.2');
    const text = `connection ${i}`;
    let got = '';
    sockets.push(socket);
    const finish = (bad) => {
      failed += bad;
      if (++done === count) resolve();
    };
    socket.on('connect', () => {
      // All are open before the first one says anything.
      if (++open === count) for (const [n, each] of sockets.entries()) each.end(`connection ${n}`);
    });
    socket.on('data', (bytes) => {
      got += bytes;
    });
    socket.on('end', () => finish(got === text ? 0 : 1));
    socket.on('error', () => finish(1));
  }
});
console.log(`${open} open at once, ${failed} failed`);
