import { expect, test } from 'vitest';
import { Losses } from './losses.ts';

/** A SYN from 10.0.0.5:40000 to 10.0.0.1:80. */
const syn = (time: number) => {
  const bytes = new Uint8Array(40);
  bytes.set([0x45, ...[0, 0, 0, 0, 0, 0, 0, 0], 6]);
  bytes.set([10, 0, 0, 5, 10, 0, 0, 1, 0x9c, 0x40, 0, 80, 0, 0, 0, 7], 12);
  bytes[33] = 2;
  return { time, family: 4, outgoing: false, forUs: true, device: 2, bytes } as const;
};

test('a loss is told once, with its network, and only where the kernel said that it dropped something', () => {
  const told: string[] = [];
  const losses = new Losses(({ from, word }, namespace) => told.push(`${from} ${word} ${namespace}`));
  losses.packet(1, syn(0));
  losses.settle(1e6);
  expect(told).toEqual([]);
  for (const time of [2e6, 3e6]) {
    losses.packet(1, syn(time));
    losses.drop(time + 20, 'NETFILTER_DROP');
    losses.settle(time + 500_000);
  }
  expect(told).toEqual(['10.0.0.5 NETFILTER_DROP 1']);
});
