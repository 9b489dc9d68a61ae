/** Connections that share a bottleneck: each gets about as much as the others. */
import { expect, test } from 'vitest';
import { MessageFlag, OpenFlag, Socket } from '../../src/host/index.ts';
import { addHost, World } from '../../src/sim/index.ts';
import { parseAddress } from '../../src/wire/address.ts';
import { full } from '../support/needs.ts';

/**
 * Eight senders with staggered starts, 20 ms round trip, a buffer of one bandwidth-delay product.
 * @returns bytes that each receiver got in the `seconds` after the last start
 */
function share(control: string, bandwidth: number, seconds: number): number[] {
  const world = new World({ seed: 8 });
  const sysctls = { 'net.ipv4.tcp_congestion_control': control };
  const near = addHost(world, 'near', { interfaces: [{ addresses: ['192.0.2.1/24'] }], sysctls });
  const far = addHost(world, 'far', { interfaces: [{ addresses: ['192.0.2.2/24'] }], sysctls });
  const queueBytes = (bandwidth / 8) * 0.02;
  world.link('wire', 'near', 'far', { delayUs: 10_000, bandwidth, queueBytes }, { delayUs: 10_000 });
  const listener = far.socket(4, OpenFlag.nonBlock);
  listener.bind(parseAddress('0.0.0.0'), 80);
  listener.listen(16);
  const got = new Map<number, number>();
  const into = new Uint8Array(65_536);
  listener.observer = (): void => {
    const child = listener.accept(OpenFlag.nonBlock);
    if (!(child instanceof Socket)) return;
    const { remotePort } = child.conn;
    child.observer = (): void => {
      for (;;) {
        const n = child.receive(into, MessageFlag.dontWait) as number;
        if (n <= 0) return;
        got.set(remotePort, (got.get(remotePort) ?? 0) + n);
      }
    };
  };
  const data = new Uint8Array(65_536);
  for (let i = 0; i < 8; i++)
    world.at(i * 250_000, () => {
      const socket = near.socket(4, OpenFlag.nonBlock);
      const push = (): void => {
        while ((socket.send(data, MessageFlag.dontWait) as number) > 0);
      };
      socket.observer = push;
      socket.connect(parseAddress('192.0.2.2'), 80);
    });
  world.run(2_000_000);
  const before = new Map(got);
  world.run(2_000_000 + seconds * 1_000_000);
  return [...got].map(([port, bytes]) => bytes - (before.get(port) ?? 0));
}

/** Jain's index: 1 if all are equal, 1/n if one has everything. */
const jain = (shares: readonly number[]): number => {
  const sum = shares.reduce((all, it) => all + it, 0);
  return sum ** 2 / (shares.length * shares.reduce((all, it) => all + it * it, 0));
};

test.each(['cubic', 'reno'])(
  'eight connections with %s share a bottleneck fairly, and fill it',
  (control) => {
    const [bandwidth, seconds] = full ? [100e6, 60] : [20e6, 10];
    const shares = share(control, bandwidth, seconds);
    expect(shares.length).toBe(8);
    const index = jain(shares);
    expect(index, shares.join(' ')).toBeGreaterThanOrEqual(0.9);
    const filled = (shares.reduce((all, it) => all + it, 0) * 8) / seconds / bandwidth;
    expect(filled).toBeGreaterThan(0.9);
  },
);
