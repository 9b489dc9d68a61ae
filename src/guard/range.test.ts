import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { testNeeding } from '../../test/needs.ts';
import { isEphemeral } from './range.ts';

const test = testNeeding('src/guard/range.test.ts', 'netns');

test('the ends of the kernel’s range are in it, their neighbours are not', () => {
  const [low, high] = readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'utf8')
    .split('\t')
    .map(Number) as [number, number];
  expect([low - 1, low, high, high + 1].map(isEphemeral)).toEqual([false, true, true, false]);
});
