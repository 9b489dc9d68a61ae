// Bulk data through `Stack`, one to another in the same process in virtual time, at MTU 1500 and 65535, beside Node's net over loopback:
// MB per CPU-second of the whole process, both ends together.
// usage: node bench/bulk.mjs [MB per run] [runs]

import { createServer, connect as netConnect } from 'node:net';
import { compared, load, reportRate } from './report-rate.mjs';

const { Stack, VirtualTime } = await load('index.js');
const megabytes = Number(process.argv[2] ?? 200);
const runs = Number(process.argv[3] ?? 5);
const total = megabytes * 1_000_000;
const chunk = new Uint8Array(65_536);

function throughStacks(mtu) {
  const clock = new VirtualTime();
  let a, b;
  // As a program on a wire would: what is sent arrives a little later, many packets at a time.
  const wire = (to) => {
    let batch = [];
    const deliver = () => {
      const packets = batch;
      batch = [];
      for (const packet of packets) to().receive(packet);
    };
    return (packet) => {
      if (batch.push(packet) === 1) clock.setTimer(100, deliver);
    };
  };
  a = new Stack({ addresses: ['192.0.2.1/24'], clock, mtu, transmit: wire(() => b) });
  b = new Stack({ addresses: ['192.0.2.2/24'], clock, mtu, transmit: wire(() => a) });
  let got = 0;
  b.listen({ port: 7 }, () => ({ data: (bytes) => (got += bytes.length) }));
  const push = (connection) => {
    while (connection.write(chunk) === chunk.length);
  };
  a.connect({ address: '192.0.2.2', port: 7 }, { connected: push, drained: push });
  return () => {
    const until = got + total;
    while (got < until) clock.advance(1000);
  };
}

function throughNet() {
  return () =>
    new Promise((resolve) => {
      let got = 0;
      const server = createServer((socket) => {
        socket.on('data', (bytes) => {
          got += bytes.length;
          if (got < total) return;
          socket.destroy();
          server.close(resolve);
        });
      });
      server.listen(0, '127.0.0.1', () => {
        const socket = netConnect(server.address().port, '127.0.0.1');
        const push = () => {
          while (socket.writable && socket.write(chunk));
        };
        socket
          .on('connect', push)
          .on('drain', push)
          .on('error', () => {});
      });
    });
}

async function measure(name, work) {
  await work();
  await reportRate(name, 'MB', megabytes, runs, work);
}

if (!compared) console.log(`node ${process.version}, ${megabytes} MB a run`);
await measure('Stack, MTU 1500', throughStacks(1500));
await measure('Stack, MTU 65535', throughStacks(65_535));
if (!compared) await measure("Node's net, loopback", throughNet());
