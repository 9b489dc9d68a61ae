// Short connections through the public API per CPU-second of the whole process, both ends together: connected, accepted, reset by the
// client, told to the server; `Stack` with callbacks in virtual time, beside Node's net over loopback.
// usage: node bench/stack.mjs [connections per run] [runs]

import { createServer, connect as netConnect } from 'node:net';
import { compared, load, reportRate } from './report-rate.mjs';

const { Stack, VirtualTime } = await load('index.js');
const count = Number(process.argv[2] ?? 50_000);
const runs = Number(process.argv[3] ?? 5);

function throughStacks() {
  const clock = new VirtualTime();
  let client, server;
  const wire = (to) => (packet) => void clock.setTimer(1, () => to().receive(packet));
  client = new Stack({ addresses: ['192.0.2.1/24'], clock, transmit: wire(() => server) });
  server = new Stack({ addresses: ['192.0.2.2/24'], clock, transmit: wire(() => client) });
  let over = 0;
  server.listen({ port: 7 }, () => ({ closed: () => over++ }));
  const handlers = { connected: (connection) => connection.reset() };
  const target = { address: '192.0.2.2', port: 7 };
  return () => {
    for (let i = 0; i < count; i++) {
      const until = over + 1;
      client.connect(target, handlers);
      while (over < until) clock.advance(10);
    }
  };
}

function throughNet() {
  return () =>
    new Promise((resolve) => {
      let over = 0;
      const server = createServer((socket) => {
        socket.on('error', () => {});
        socket.on('close', () => {
          if (++over < count) open();
          else server.close(resolve);
        });
      });
      const open = () => {
        const socket = netConnect(server.address().port, '127.0.0.1', () => socket.resetAndDestroy());
        socket.on('error', () => {});
      };
      server.listen(0, '127.0.0.1', open);
    });
}

if (!compared) console.log(`node ${process.version}, ${count.toLocaleString('en')} connections a run`);
const callbacks = throughStacks();
callbacks();
await reportRate('Stack, callbacks', 'handshakes', count, runs, callbacks);
if (!compared) await reportRate("Node's net, loopback", 'handshakes', count, runs, throughNet());
