/** How long the hosts have been up shows nowhere: neither in what is sent, nor in what is learnt about the path. */
import { expect, test } from 'vitest';
import { MessageFlag, Socket } from '../../src/host/index.ts';
import { addHost, Capture, World } from '../../src/sim/index.ts';
import { parseAddress } from '../../src/wire/address.ts';

const total = 3_000_000;
const patience = { 'net.ipv4.tcp_wmem': '4096 200000 4000000', 'net.ipv4.tcp_rmem': '4096 400000 6000000' };

/** 3 MB over a path of 1 ms with one packet lost amid them. */
function upload(uptimeUs: number): { srttMs: number; stallMs: number; got: number; capture: Uint8Array } {
  const world = new World({ seed: 7, interventions: [{ link: 'wire', from: 'a', n: 500, action: 'drop' }] });
  const a = addHost(world, 'a', {
    interfaces: [{ addresses: ['192.0.2.1/24'] }],
    sysctls: patience,
    uptimeUs,
  });
  const b = addHost(world, 'b', {
    interfaces: [{ addresses: ['192.0.2.2/24'] }],
    sysctls: patience,
    uptimeUs,
  });
  world.link('wire', 'a', 'b', { delayUs: 500 });
  const capture = new Capture(world, 'wire', 'a');
  const listener = b.socket(4);
  listener.bind(parseAddress('0.0.0.0'), 80);
  listener.listen(5);
  let [got, last, stall] = [0, -1, 0];
  listener.observer = (): void => {
    const child = listener.accept(0);
    if (!(child instanceof Socket)) return;
    const into = new Uint8Array(65536);
    child.observer = (): void => {
      for (;;) {
        const n = child.receive(into, MessageFlag.dontWait) as number;
        if (n <= 0) return;
        if (last >= 0) stall = Math.max(stall, world.clock.now - last);
        last = world.clock.now;
        got += n;
      }
    };
  };
  const socket = a.socket(4);
  let [sent, srtt] = [0, 0];
  const push = (): void => {
    srtt = Math.max(srtt, socket.conn.srtt / 8);
    while (sent < total) {
      const n = socket.send(new Uint8Array(Math.min(65536, total - sent)), MessageFlag.dontWait) as number;
      if (n <= 0) return;
      sent += n;
    }
  };
  a.await(socket.connect(parseAddress('192.0.2.2'), 80), () => {
    socket.observer = push;
    push();
  });
  world.run(600_000_000);
  return { srttMs: srtt / 1000, stallMs: stall / 1000, got, capture: capture.toPcapng() };
}

test('a lost packet stalls a transfer for an RTO of the path, however long the host has been up', () => {
  for (const uptimeS of [1, 3600, 60 * 86400]) {
    const { srttMs, stallMs, got } = upload(uptimeS * 1e6);
    expect({ uptimeS, got }).toEqual({ uptimeS, got: total });
    expect(srttMs).toBeLessThan(20);
    expect(stallMs).toBeLessThan(450);
  }
});

test('hosts that have been up for different times send the same bytes', () => {
  const [long, fresh] = [upload(5_000_000_000_000).capture, upload(0).capture];
  expect(Buffer.compare(long, fresh)).toBe(0);
});
