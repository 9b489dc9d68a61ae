// Handshakes per CPU-second: SYN, SYN+ACK, ACK, RST between two hosts of one process, through the socket calls, with
// real checksums, options, ISNs and port selection; with 0 and with 100,000 other connections established meanwhile.
// usage: node bench/handshakes.mjs [handshakes per run] [runs]

import { compared, load, reportRate } from './report-rate.mjs';

const { addHost, World } = await load('sim/index.js');
const { parseAddress } = await load('wire/address.js');
const count = Number(process.argv[2] ?? 200_000);
const runs = Number(process.argv[3] ?? 5);
const nonBlocking = 0x800;

function build(idle) {
  const world = new World({ seed: 1 });
  const client = addHost(world, 'client', {
    interfaces: [{ addresses: Array.from({ length: 32 }, (_, i) => `10.0.1.${i + 1}/16`) }],
  });
  const server = addHost(world, 'server', { interfaces: [{ addresses: ['10.0.0.1/16'] }] });
  world.link('wire', 'client', 'server');
  const listener = server.socket(4, nonBlocking);
  if (listener.bind(parseAddress('0.0.0.0'), 80) !== 0) throw new Error('bind failed');
  listener.listen(4096);
  const target = parseAddress('10.0.0.1');
  const sources = Array.from({ length: 32 }, (_, i) => parseAddress(`10.0.1.${i + 1}`));
  const kept = [];
  let now = 0;
  const passTime = () => {
    now += 10;
    world.run(now);
  };
  // The two ends of the connection opened last. Not a pair made for each: V8 would see the idle connections' pairs live,
  // put all later ones into the old space at once, and every short connection would live with them until a full GC.
  let near;
  let far;
  const open = (source) => {
    const socket = client.socket(4, nonBlocking);
    if (source !== null) {
      socket.bindAddressNoPort = true;
      socket.bind(source, 0);
    }
    socket.conn.setOption('linger', 0);
    socket.connect(target, 80);
    passTime();
    const accepted = listener.accept(nonBlocking);
    if (typeof accepted === 'number') throw new Error(`no connection was accepted: ${accepted}`);
    near = socket;
    far = accepted;
  };
  for (let i = 0; i < idle; i++) {
    open(sources[1 + (i % 31)]);
    kept.push(near, far);
  }
  return () => {
    open(null);
    near.release();
    passTime();
    far.release();
  };
}

async function measure(idle) {
  const handshake = build(idle);
  for (let i = 0; i < 20_000; i++) handshake();
  await reportRate(`${idle.toLocaleString('en')} idle`, 'handshakes', count, runs, () => {
    for (let i = 0; i < count; i++) handshake();
  });
}

if (!compared) console.log(`node ${process.version}, ${count.toLocaleString('en')} handshakes a run`);
await measure(0);
await measure(100_000);
