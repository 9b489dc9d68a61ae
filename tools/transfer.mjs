// npm run transfer -- MODE [--control cubic|reno] [--runs N] [--seconds S] [--loss P]: transfers over a bad link, ours and the kernel's.
//   virtual   10 MB both ways between two hosts of ours in virtual time, a seed a run: 5 % loss, 5 % duplicates, reordering, 50 ms
//             jitter, 100 Mbit/s
//   kernel    the same link in real time between two TUN devices, the kernel's TCP at both ends; all runs at once
//   send      a link of 20 ms round trip, to a receiver of the kernel: the kernel sends, then ours, so many seconds each, by turns
//   share     four senders of ours and four of the kernel's share a bottleneck of 100 Mbit/s, 20 ms
// The last three need Linux, root (or user namespaces) and python3. Which control is in force is asked by getsockopt.
import { spawn } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { parseArgs } from 'node:util';
import { compiled } from './compiled.mjs';

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    control: { type: 'string', default: 'cubic' },
    runs: { type: 'string' },
    seed: { type: 'string', default: '1' },
    seconds: { type: 'string', default: '10' },
    loss: { type: 'string', multiple: true },
    inside: { type: 'boolean', default: false },
  },
});
const [mode] = positionals;
const { control } = values;
const bad = {
  delayUs: 10_000,
  jitterUs: 50_000,
  loss: 0.05,
  duplicate: 0.05,
  reorder: 0.05,
  reorderUs: 20_000,
  bandwidth: 100e6,
  queueBytes: 1_250_000,
};
const total = 10_000_000;
const median = (list) => [...list].sort((a, b) => a - b)[list.length >> 1];
const say = (text) => console.log(text);

const folder = compiled();
const built = (path) => import(new URL(`src/${path}`, folder).href);
const { addHost, Prng, World } = await built('sim/index.js');
const { Socket } = await built('host/index.js');
const { parseAddress } = await built('wire/address.js');

/** One transfer in virtual time. */
function virtual(seed) {
  const sides = [];
  // Silence is between two packets with data that one host sends, and is due to end after the time-out in force and two round trips.
  const quiet = ['h0', 'h1'].map(() => ({ last: -1, rto: 0, backoff: 0, trips: 0, silence: 0, beyond: 0 }));
  const watch = (i) => (packet) => {
    const headers = 20 + (packet[32] >> 4) * 4;
    const { conn } = sides[i] ?? {};
    if (packet.length === headers || conn === undefined) return false;
    const { now } = world.clock;
    const it = quiet[i];
    if (it.last >= 0) {
      it.silence = Math.max(it.silence, now - it.last);
      // ACKs that came meanwhile changed the time-out; when it fired, it was doubled before the packet left.
      const fired = conn.backoff > it.backoff ? conn.rto / 2 : conn.rto;
      it.beyond = Math.max(
        it.beyond,
        now - (it.last + Math.max(it.rto, fired) + Math.max(it.trips, conn.srtt / 4)),
      );
    }
    it.last = now;
    it.rto = conn.rto;
    it.backoff = conn.backoff;
    it.trips = conn.srtt / 4;
    return false;
  };
  const rules = quiet.map((_, i) => ({ from: `h${i}`, link: 'wire', action: 'drop', when: watch(i) }));
  const world = new World({ seed, rules });
  const sysctls = { 'net.ipv4.tcp_congestion_control': control, 'net.ipv4.tcp_rmem': '4096 131072 6291456' };
  const hosts = ['192.0.2.1', '192.0.2.2'].map((it, i) =>
    addHost(world, `h${i}`, { interfaces: [{ addresses: [`${it}/24`] }], sysctls }),
  );
  world.link('wire', 'h0', 'h1', bad);
  const add = (socket) => {
    const side = {
      got: 0,
      wrong: 0,
      sent: 0,
      done: false,
      conn: socket.conn,
    };
    const into = new Uint8Array(65536);
    const data = Uint8Array.from({ length: 65536 + 256 }, (_, i) => (i * 7) & 255);
    const step = () => {
      for (;;) {
        const n = socket.receive(into, 0x40);
        if (typeof n !== 'number' || n < 0) break;
        if (n === 0) {
          side.done = true;
          break;
        }
        for (let i = 0; i < n; i++) if (into[i] !== (((side.got + i) * 7) & 255)) side.wrong++;
        side.got += n;
      }
      while (side.sent < total) {
        const at = side.sent & 255;
        const n = socket.send(data.subarray(at, at + Math.min(65536, total - side.sent)), 0x40);
        if (typeof n !== 'number' || n <= 0) break;
        side.sent += n;
        if (side.sent === total) socket.shutdown(1);
      }
    };
    socket.observer = step;
    sides.push(side);
    step();
  };
  const listener = hosts[1].socket(4, 0x800);
  listener.bind(parseAddress('0.0.0.0'), 80);
  listener.listen(5);
  listener.observer = () => {
    const child = listener.accept(0x800);
    if (child instanceof Socket && sides.length < 2) add(child);
  };
  const socket = hosts[0].socket(4, 0x800);
  add(socket);
  socket.connect(parseAddress('192.0.2.2'), 80);
  while (!(sides.length === 2 && sides.every((it) => it.done)) && world.clock.now < 4_000e6)
    if (!world.step()) break;
  const count = (name) => hosts.reduce((sum, host) => sum + host.tcp.counters[name], 0);
  return {
    seconds: world.clock.now / 1e6,
    intact: sides.every((it) => it.got === total && it.wrong === 0),
    silence: Math.max(...quiet.map((it) => it.silence)) / 1e6,
    beyond: Math.max(...quiet.map((it) => it.beyond)) / 1e6,
    timeouts: count('TCPTimeouts'),
    retransmitted: count('RetransSegs'),
  };
}

function tell(name, results) {
  const timeouts = results.reduce((sum, it) => sum + it.timeouts, 0);
  const retransmitted = results.reduce((sum, it) => sum + it.retransmitted, 0);
  const times = results.map((it) => it.seconds);
  say(
    `${name}, ${control}: ${results.length} runs, ${results.filter((it) => it.intact).length} intact, median ${median(times).toFixed(1)} s ` +
      `(${Math.min(...times).toFixed(1)} to ${Math.max(...times).toFixed(1)}), longest silence ${Math.max(...results.map((it) => it.silence)).toFixed(2)} s, ` +
      `${timeouts} time-outs for ${retransmitted} retransmissions (${((100 * timeouts) / retransmitted).toFixed(2)} %)`,
  );
}

if (mode === 'virtual') {
  const runs = Number(values.runs ?? 200);
  const first = Number(values.seed);
  const results = [];
  for (let seed = first; seed < first + runs; seed++) {
    const result = virtual(seed);
    results.push(result);
    if (!result.intact || result.beyond > 0)
      say(
        `seed ${seed}: intact ${result.intact}, a silence ${result.beyond.toFixed(2)} s longer than RTO and two round trips`,
      );
  }
  tell('ours in virtual time', results);
  process.exit(results.every((it) => it.intact) ? 0 : 1);
}
if (!['kernel', 'send', 'share'].includes(mode)) {
  process.stderr.write(`halfopen: no such mode as '${mode}'; there are virtual, kernel, send, share\n`);
  process.exit(2);
}

const { spawnInNamespace, newNetworkNamespace } = await built('linux/namespace.js');
if (!values.inside) {
  const child = spawnInNamespace(
    process.execPath,
    [fileURLToPath(import.meta.url), '--inside', ...process.argv.slice(2)],
    {
      stdio: ['inherit', 'inherit', 'inherit'],
    },
  );
  process.exitCode = await new Promise((resolve) => child.on('exit', (code) => resolve(code ?? 1)));
} else await inside();

async function inside() {
  const { sys: getSys } = await built('linux/sys.js');
  const { Links, openTun } = await built('linux/tun.js');
  const { stagesFor } = await built('sim/conditions.js');
  const { EventQueue } = await built('sim/clock.js');
  const { Stack } = await built('index.js');
  const sys = getSys();
  const nowUs = () => performance.now() * 1000;
  const peer = fileURLToPath(new URL('transfer-peer.py', import.meta.url));

  /** One direction of a link in real time. */
  class Way {
    constructor(conditions, seed, deliver) {
      this.stages = stagesFor(conditions, new Prng(seed));
      this.passage = { n: 0, length: 0, at: 0, inOrder: true, copyAfter: -1, lost: null };
      this.deliver = deliver;
      this.latest = 0;
    }
    send(packet) {
      const { passage } = this;
      Object.assign(passage, {
        n: passage.n + 1,
        length: packet.length,
        at: Math.round(nowUs()),
        inOrder: true,
        copyAfter: -1,
        lost: null,
      });
      for (const stage of this.stages) {
        stage(passage);
        if (passage.lost !== null) return;
      }
      if (passage.inOrder) this.latest = passage.at = Math.max(passage.at, this.latest);
      flights.push(passage.at, { way: this, packet });
      if (passage.copyAfter >= 0) flights.push(passage.at + passage.copyAfter, { way: this, packet });
      wake();
    }
  }
  const flights = new EventQueue();
  let armed = false;
  const wake = () => {
    if (armed || flights.size === 0) return;
    armed = true;
    const wait = flights.nextTime - nowUs();
    // Node's timers are of whole milliseconds, and late: the last one is waited for by turning round.
    if (wait < 1500) setImmediate(land);
    else setTimeout(land, Math.floor(wait / 1000) - 1);
  };
  const land = () => {
    armed = false;
    const now = nowUs();
    for (let n = 0; n < 256 && flights.size > 0 && flights.nextTime <= now; n++) {
      const { way, packet } = flights.pop();
      way.deliver(packet);
    }
    wake();
  };

  /** A TUN device in a network namespace of its own: the kernel's end of a link. */
  function kernelEnd(address) {
    const space = newNetworkNamespace(sys);
    const tun = space.run(() => {
      const it = openTun(sys, 'tun0');
      const links = new Links(sys);
      links.up(it.index, 1500);
      links.up(1);
      links.address(it.index, address, 24);
      links.close();
      return it;
    });
    const end = {
      address,
      receive: (packet) => sys.call('write', tun.fd, packet, packet.length),
      onPacket: () => {},
      program: (...args) =>
        space.run(() =>
          spawn('python3', [peer, ...args.map(String)], { stdio: ['ignore', 'pipe', 'inherit'] }),
        ),
      counters: () =>
        new Promise((resolve) => {
          const child = space.run(() =>
            spawn('cat', ['/proc/net/netstat', '/proc/net/snmp'], { stdio: ['ignore', 'pipe', 'inherit'] }),
          );
          let text = '';
          child.stdout.on('data', (it) => (text += it));
          child.on('close', () => {
            const found = {};
            const lines = text.split('\n');
            for (let i = 0; i + 1 < lines.length; i += 2) {
              const names = lines[i].split(' ');
              for (const [at, value] of lines[i + 1].split(' ').entries()) found[names[at]] = Number(value);
            }
            resolve(found);
          });
        }),
    };
    const buffer = new Uint8Array(65536);
    sys.watch(tun.fd, () => {
      for (let n = 0; n < 128; n++) {
        const length = sys.call('read', tun.fd, buffer, buffer.length);
        if (length <= 0) return;
        // Router solicitations and the like are none of the link's business.
        if (buffer[0] >> 4 === 4) end.onPacket(buffer.slice(0, length));
      }
    });
    return end;
  }

  function connectEnds(a, b, conditions, seed) {
    const [there, back] = [
      new Way(conditions, 2 * seed, (it) => b.receive(it)),
      new Way(conditions, 2 * seed + 1, (it) => a.receive(it)),
    ];
    a.onPacket = (packet) => there.send(packet);
    b.onPacket = (packet) => back.send(packet);
  }

  const result = (child) =>
    new Promise((resolve, reject) => {
      let text = '';
      child.stdout.on('data', (it) => (text += it));
      child.on('close', () => {
        const line = text.split('\n').find((it) => it.startsWith('{'));
        if (line === undefined) reject(new Error('a peer ended without a result'));
        else resolve(JSON.parse(line));
      });
    });
  const listening = (child) => new Promise((resolve) => child.stdout.once('data', resolve));

  /** Ours as a sender: pushes bytes for as long as it may. */
  function ourEnd(address) {
    const end = { receive: (packet) => stack.receive(packet), onPacket: () => {} };
    const stack = new Stack({
      addresses: [`${address}/24`],
      sysctls: { 'net.ipv4.tcp_congestion_control': control },
      transmit: (packet) => end.onPacket(packet),
    });
    const data = new Uint8Array(262144).map((_, i) => (i * 7) & 255);
    end.push = (to, port) => {
      let sent = 0;
      const more = (connection) => {
        for (;;) {
          const at = sent & 255;
          const n = connection.write(data.subarray(at, data.length - 256 + at));
          sent += n;
          if (n < data.length - 256) return;
        }
      };
      return stack.connect({ address: to, port }, { connected: more, drained: more });
    };
    end.stack = stack;
    return end;
  }

  if (mode === 'kernel') {
    const runs = Number(values.runs ?? 9);
    const results = await Promise.all(
      Array.from({ length: runs }, async (_, i) => {
        const [a, b] = [kernelEnd('192.0.2.1'), kernelEnd('192.0.2.2')];
        connectEnds(a, b, bad, Number(values.seed) + i);
        const server = b.program('serve', '192.0.2.2', 80, total, total, control);
        await listening(server);
        const both = [result(server), result(a.program('connect', '192.0.2.2', 80, total, total, control))];
        const [x, y] = await Promise.all(both);
        const counters = await Promise.all([a.counters(), b.counters()]);
        if (x.control !== control || y.control !== control)
          throw new Error(`the kernel uses ${x.control} and ${y.control}`);
        return {
          seconds: Math.max(x.seconds, y.seconds),
          intact: x.got === total && y.got === total && x.wrong + y.wrong === 0,
          silence: Math.max(x.silence, y.silence),
          timeouts: counters.reduce((sum, it) => sum + it.TCPTimeouts, 0),
          retransmitted: counters.reduce((sum, it) => sum + it.RetransSegs, 0),
        };
      }),
    );
    tell('the kernel over TUN', results);
  }

  if (mode === 'send')
    for (const loss of (values.loss ?? ['0', '0.002', '0.02']).map(Number)) {
      const rates = { kernel: [], ours: [] };
      for (let run = 0; run < Number(values.runs ?? 5); run++)
        for (const who of ['kernel', 'ours']) {
          const receiver = kernelEnd('192.0.2.2');
          const sender = who === 'kernel' ? kernelEnd('192.0.2.1') : ourEnd('192.0.2.1');
          connectEnds(
            sender,
            receiver,
            { delayUs: 10_000, ...(loss > 0 ? { loss } : {}) },
            Number(values.seed) + run,
          );
          const server = receiver.program('serve', '192.0.2.2', 80, 0, 1, control, values.seconds);
          await listening(server);
          const got = result(server);
          if (who === 'kernel') {
            const from = result(sender.program('connect', '192.0.2.2', 80, 1, 0, control, values.seconds));
            const { control: used } = await from;
            if (used !== control) throw new Error(`the kernel uses ${used}`);
          } else {
            sender.push('192.0.2.2', 80);
            setTimeout(
              () => {
                const used = sender.stack.host.sysctls.read('net.ipv4.tcp_congestion_control');
                if (used !== control) throw new Error(`ours uses ${used}`);
                sender.stack.close();
              },
              Number(values.seconds) * 1000 + 200,
            );
          }
          const { got: bytes, seconds, wrong } = await got;
          if (wrong > 0) throw new Error('wrong bytes arrived');
          rates[who].push(bytes / seconds / 1e6);
        }
      const [k, o] = [median(rates.kernel), median(rates.ours)];
      say(
        `loss ${100 * loss} %, ${control}: the kernel sends ${k.toFixed(2)} MB/s, ours ${o.toFixed(2)} (${((100 * o) / k).toFixed(0)} %); ` +
          `kernel ${rates.kernel.map((it) => it.toFixed(2)).join(' ')}, ours ${rates.ours.map((it) => it.toFixed(2)).join(' ')}`,
      );
    }

  if (mode === 'share') {
    const link = { delayUs: 5_000, bandwidth: 100e6, queueBytes: 250_000 };
    const back = new Map();
    const bottleneck = new Way(link, 1, ({ to, packet }) => to.receive(packet));
    // The queue has to know the packet's length.
    const pass = (to) => (packet) =>
      bottleneck.send(Object.assign({ to, packet }, { length: packet.length }));
    const flows = [];
    for (let i = 0; i < 8; i++) {
      const ours = i % 2 === 0;
      const receiver = kernelEnd('192.0.2.2');
      const sender = ours ? ourEnd('192.0.2.1') : kernelEnd('192.0.2.1');
      const way = new Way({ delayUs: 15_000 }, 10 + i, (packet) => sender.receive(packet));
      back.set(i, way);
      sender.onPacket = pass(receiver);
      receiver.onPacket = (packet) => way.send(packet);
      const server = receiver.program('serve', '192.0.2.2', 80, 0, 1, control, values.seconds);
      await listening(server);
      flows.push({ ours, got: result(server) });
      if (ours) sender.push('192.0.2.2', 80);
      else sender.program('connect', '192.0.2.2', 80, 1, 0, control, Number(values.seconds) + 5);
    }
    const rates = await Promise.all(
      flows.map(async ({ ours, got }) => ({ ours, rate: (await got).got / 1e6 })),
    );
    const sum = (which) => rates.filter((it) => it.ours === which).reduce((all, it) => all + it.rate, 0);
    const [a, b] = [sum(true), sum(false)];
    say(
      `four and four at 100 Mbit/s for ${values.seconds} s, ${control}: ours ${a.toFixed(1)} MB (${((100 * a) / (a + b)).toFixed(0)} %), ` +
        `the kernel's ${b.toFixed(1)} MB; each ${rates.map((it) => `${it.ours ? 'o' : 'k'} ${it.rate.toFixed(1)}`).join(', ')}`,
    );
  }
  process.exit(0);
}
