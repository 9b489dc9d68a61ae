/** The same socket calls on the host and on the real kernel, in a network namespace: every result has to be the same. */
import { describe, expect } from 'vitest';
import { Prng } from '../../src/sim/index.ts';
import { full, testNeeding } from '../support/needs.ts';
import { runOnHost, runOnKernel, type Step } from './calls.ts';

function compare(sequences: readonly (readonly Step[])[]): string[] {
  const [ours, kernels] = [runOnHost(sequences), runOnKernel(sequences)];
  const differences: string[] = [];
  sequences.forEach((sequence, i) => {
    const at = sequence.findIndex((_, j) => ours[i]![j] !== kernels[i]![j]);
    if (at < 0) return;
    const story = sequence.slice(0, at + 1).map((step, j) => `${JSON.stringify(step)} = ${kernels[i]![j]}`);
    differences.push(`sequence ${i}: here ${ours[i]![at]}\n  ${story.join('\n  ')}`);
  });
  return differences;
}

const [inet, inet6] = [2, 10];
const all = 0x2017;
const socket = (name: string, family = inet): Step => ['socket', name, family];
const server = (port: number, backlog = 5): Step[] => [
  socket('l'),
  ['set', 'l', 1, 2, 1],
  ['bind', 'l', '127.0.0.1', port],
  ['listen', 'l', backlog],
];
const connected = (port: number): Step[] => [
  ...server(port),
  socket('a'),
  ['connect', 'a', '127.0.0.1', port],
  ['accept', 'b', 'l'],
];

/** What is worth looking at by name. Each gets a port of its own. */
const stories: readonly ((port: number) => Step[])[] = [
  (p) => [
    ...connected(p),
    ['connect', 'a', '127.0.0.1', p],
    ['connect', 'a', '127.0.0.1', p],
    ['peer', 'a'],
    ['poll', 'a', all],
  ],
  (p) => [
    socket('a'),
    ['connect', 'a', '127.0.0.1', p],
    ['poll', 'a', all],
    ['connect', 'a', '127.0.0.1', p],
    ['poll', 'a', all],
    ['connect', 'a', '127.0.0.1', p],
  ],
  (p) => [
    socket('a'),
    ['connect', 'a', '127.0.0.1', p],
    ['get', 'a', 1, 4],
    ['get', 'a', 1, 4],
    ['poll', 'a', all],
    ['send', 'a', 1, 0],
    ['recv', 'a', 1, 0],
  ],
  (p) => [
    socket('a'),
    ['connect', 'a', '127.0.0.1', p],
    ['recv', 'a', 1, 0],
    ['recv', 'a', 1, 0],
    ['get', 'a', 1, 4],
  ],
  (p) => [
    socket('a'),
    ['connect', 'a', '127.0.0.1', p],
    ['send', 'a', 1, 0],
    ['send', 'a', 1, 0],
    ['get', 'a', 1, 4],
  ],
  () => [
    socket('a'),
    ['poll', 'a', all],
    ['send', 'a', 1, 0],
    ['recv', 'a', 1, 0],
    ['shutdown', 'a', 1],
    ['peer', 'a'],
    ['port', 'a'],
    ['queued', 'a'],
    ['listen', 'a', 1],
    ['poll', 'a', all],
    ['recv', 'a', 1, 0],
    ['send', 'a', 1, 0],
    ['queued', 'a'],
  ],
  (p) => [
    ...connected(p),
    ['send', 'a', 100, 0],
    ['queued', 'b'],
    ['poll', 'b', all],
    ['recv', 'b', 50, 2],
    ['recv', 'b', 30, 0],
    ['recv', 'b', 100, 0],
    ['recv', 'b', 1, 0],
  ],
  (p) => [
    ...connected(p),
    ['send', 'a', 10, 0],
    ['close', 'a'],
    ['poll', 'b', all],
    ['recv', 'b', 100, 0],
    ['recv', 'b', 1, 0],
    ['send', 'b', 5, 0],
    ['poll', 'b', all],
    ['send', 'b', 5, 0],
    ['recv', 'b', 1, 0],
    ['send', 'b', 5, 0],
  ],
  (p) => [...connected(p), ['send', 'b', 10, 0], ['close', 'a'], ['close', 'b']],
  (p) => [
    ...connected(p),
    ['send', 'b', 10, 0],
    ['close', 'a'],
    ['poll', 'b', all],
    ['recv', 'b', 1, 0],
    ['recv', 'b', 1, 0],
    ['send', 'b', 1, 0],
    ['get', 'b', 1, 4],
  ],
  (p) => [
    ...connected(p),
    ['linger', 'a', 0],
    ['close', 'a'],
    ['poll', 'b', all],
    ['get', 'b', 1, 4],
    ['get', 'b', 1, 4],
    ['send', 'b', 1, 0],
    ['recv', 'b', 1, 0],
  ],
  (p) => [
    ...connected(p),
    ['linger', 'a', 0],
    ['close', 'a'],
    ['send', 'b', 1, 0],
    ['send', 'b', 1, 0],
    ['peer', 'b'],
    ['port', 'b'],
  ],
  (p) => [
    ...connected(p),
    ['shutdown', 'a', 1],
    ['poll', 'a', all],
    ['poll', 'b', all],
    ['send', 'a', 1, 0],
    ['recv', 'b', 1, 0],
    ['send', 'b', 3, 0],
    ['recv', 'a', 9, 0],
    ['shutdown', 'b', 1],
    ['recv', 'a', 9, 0],
    ['poll', 'a', all],
    ['poll', 'b', all],
    ['shutdown', 'a', 1],
    ['peer', 'a'],
  ],
  (p) => [
    ...connected(p),
    ['shutdown', 'a', 0],
    ['poll', 'a', all],
    ['recv', 'a', 1, 0],
    ['send', 'b', 1, 0],
    ['poll', 'a', all],
    ['recv', 'a', 1, 0],
    ['shutdown', 'a', 2],
    ['shutdown', 'a', 9],
  ],
  (p) => [
    ...server(p),
    ['connect', 'l', '127.0.0.1', p],
    ['accept', 'x', 'l'],
    ['shutdown', 'l', 0],
    ['accept', 'x', 'l'],
    ['poll', 'l', all],
    ['listen', 'l', 3],
    ['poll', 'l', all],
  ],
  (p) => [
    ...server(p),
    ['listen', 'l', 100],
    ['bind', 'l', '127.0.0.1', p],
    ['shutdown', 'l', 1],
    ['get', 'l', 1, 30],
  ],
  (p) => [
    ...connected(p),
    ['listen', 'a', 1],
    ['bind', 'a', '127.0.0.1', 0],
    ['close', 'l'],
    ['send', 'a', 1, 0],
    ['recv', 'b', 9, 0],
    ['accept', 'x', 'a'],
  ],
  (p) => [
    ...server(p),
    socket('a'),
    ['connect', 'a', '127.0.0.1', p],
    ['close', 'l'],
    ['poll', 'a', all],
    ['recv', 'a', 1, 0],
    ['recv', 'a', 1, 0],
  ],
  (p) => [
    socket('a'),
    ['bind', 'a', '127.0.0.1', p],
    socket('b'),
    ['bind', 'b', '127.0.0.1', p],
    ['bind', 'b', '0.0.0.0', p],
    ['bind', 'b', '127.0.0.2', p],
    ['bind', 'b', '127.0.0.2', p],
    ['bind', 'a', '203.0.113.9', p],
  ],
  (p) => [
    ...server(p),
    socket('x'),
    ['set', 'x', 1, 2, 1],
    ['bind', 'x', '127.0.0.1', p],
    socket('y', inet6),
    ['bind', 'y', '::', p],
    ['set', 'y', 41, 26, 1],
    ['bind', 'y', '::', p],
    ['set', 'y', 41, 26, 0],
  ],
  (p) => [
    socket('l', inet6),
    ['bind', 'l', '::', p],
    ['listen', 'l', 5],
    socket('a'),
    ['connect', 'a', '127.0.0.1', p],
    ['accept', 'b', 'l'],
    socket('c', inet6),
    ['connect', 'c', '::ffff:127.0.0.1', p],
    ['accept', 'd', 'l'],
    socket('e', inet6),
    ['connect', 'e', '::1', p],
    ['accept', 'f', 'l'],
    ['send', 'e', 7, 0],
    ['recv', 'f', 9, 0],
  ],
  (p) => [
    ...connected(p),
    ['close', 'b'],
    ['close', 'a'],
    ['close', 'l'],
    ...server(p).slice(0, 1),
    ['bind', 'l', '127.0.0.1', p],
    ['close', 'l'],
    ...server(p),
  ],
  (p) => [
    ...connected(p),
    ['close', 'a'],
    ['close', 'b'],
    ['close', 'l'],
    socket('x'),
    ['bind', 'x', '127.0.0.1', p],
    ['listen', 'x', 1],
  ],
  (p) => [
    socket('a'),
    ['bind', 'a', '127.0.0.1', p],
    ['connect', 'a', '127.0.0.1', p],
    ['connect', 'a', '127.0.0.1', p],
    ['peer', 'a'],
    ['send', 'a', 5, 0],
    ['recv', 'a', 9, 0],
    ['shutdown', 'a', 1],
    ['recv', 'a', 9, 0],
    ['poll', 'a', all],
    ['close', 'a'],
    ...server(p),
  ],
  (p) => [
    socket('a'),
    ['connect', 'a', '224.0.0.1', p],
    ['connect', 'a', '255.255.255.255', p],
    ['connect', 'a', '0.0.0.0', p],
    ['get', 'a', 1, 4],
  ],
  (p) => [
    socket('a'),
    ['set', 'a', 1, 8, 1000],
    ['get', 'a', 1, 8],
    ['set', 'a', 1, 8, 0],
    ['get', 'a', 1, 8],
    ['set', 'a', 1, 7, 1],
    ['get', 'a', 1, 7],
    ['set', 'a', 1, 7, 100000],
    ['get', 'a', 1, 7],
    ['get', 'a', 1, 3],
    ['get', 'a', 1, 38],
    ['get', 'a', 1, 39],
    ['set', 'a', 1, 18, 0],
    ['get', 'a', 1, 18],
    ['get', 'a', 1, 19],
    ['set', 'a', 1, 999, 1],
    ['get', 'a', 1, 999],
    ['set', 'a', 1, 2, 5],
    ['get', 'a', 1, 2],
    ['connect', 'a', '127.0.0.1', p],
  ],
  (p) => [
    socket('a'),
    ['set', 'a', 6, 2, 87],
    ['set', 'a', 6, 2, 88],
    ['get', 'a', 6, 2],
    ['set', 'a', 6, 7, 0],
    ['set', 'a', 6, 7, 128],
    ['set', 'a', 6, 7, 3],
    ['get', 'a', 6, 7],
    ['get', 'a', 6, 1],
    ['set', 'a', 6, 1, 9],
    ['get', 'a', 6, 1],
    ['get', 'a', 6, 4],
    ['set', 'a', 6, 4, 0],
    ['set', 'a', 6, 4, 32768],
    ['set', 'a', 6, 5, 9],
    ['get', 'a', 6, 5],
    ['get', 'a', 6, 8],
    ['set', 'a', 6, 8, -1],
    ['get', 'a', 6, 8],
    ['set', 'a', 6, 8, 500],
    ['get', 'a', 6, 8],
    ['set', 'a', 6, 9, 5],
    ['get', 'a', 6, 9],
    ['set', 'a', 6, 18, -1],
    ['set', 'a', 6, 18, 5000],
    ['get', 'a', 6, 18],
    ['get', 'a', 6, 999],
    ['get', 'a', 6, 12],
    ['set', 'a', 0, 2, 0],
    ['set', 'a', 0, 2, 5],
    ['get', 'a', 0, 2],
    ['set', 'a', 0, 1, 0xff],
    ['get', 'a', 0, 1],
    ['get', 'a', 0, 10],
    ['set', 'a', 0, 10, 9],
    ['get', 'a', 0, 14],
    ['set', 'a', 41, 26, 1],
    ['connect', 'a', '127.0.0.1', p],
  ],
  (p) => [
    ...connected(p),
    ['get', 'a', 0, 14],
    ['get', 'a', 6, 2],
    ['set', 'a', 1, 2, 1],
    ['recv', 'a', 1, 1],
    ['recv', 'a', 1, 0x2000],
    ['send', 'a', 0, 0],
    ['recv', 'b', 1, 0],
    ['recv', 'b', 0, 0],
  ],
  (p) => [
    ...server(p, 0),
    socket('a'),
    ['connect', 'a', '127.0.0.1', p],
    socket('b'),
    ['connect', 'b', '127.0.0.1', p],
    ['connect', 'a', '127.0.0.1', p],
    ['connect', 'b', '127.0.0.1', p],
    ['poll', 'l', all],
    ['accept', 'x', 'l'],
    ['accept', 'y', 'l'],
  ],
];

/** A random walk over four sockets and two ports; most calls are wrong in some way. */
function randomWalk(random: Prng, port: number): Step[] {
  const name = (): string => 'abcd'[random.below(4)]!;
  const address = (): [string, number] => [
    ['127.0.0.1', '0.0.0.0', '127.0.0.2'][random.below(3)]!,
    port + random.below(2),
  ];
  const step = (): Step => {
    switch (random.below(14)) {
      case 0:
        return ['bind', name(), ...address()];
      case 1:
        return ['listen', name(), 1 + random.below(4)];
      case 2:
      case 3:
        return ['connect', name(), '127.0.0.1', port + random.below(2)];
      case 4:
        return ['accept', name(), name()];
      case 5:
        return ['send', name(), 1 + random.below(2000), 0];
      case 6:
      case 7:
        return ['recv', name(), 1 + random.below(3000), random.below(5) === 0 ? 2 : 0];
      case 8:
        return ['shutdown', name(), random.below(3)];
      case 9:
        return ['close', name()];
      case 10:
        return ['poll', name(), all];
      case 11:
        return ['set', name(), 1, [2, 15][random.below(2)]!, random.below(2)];
      case 12:
        return ['get', name(), 1, 4];
      default:
        return random.below(3) === 0
          ? ['linger', name(), 0]
          : random.below(2) === 0
            ? ['peer', name()]
            : ['queued', name()];
    }
  };
  const start: Step[] = ['a', 'b', 'c', 'd'].map((it) => socket(it));
  return [...start, ...Array.from({ length: 40 }, step)];
}

describe('the host and the kernel give the same results', () => {
  const where = 'test/kernel/calls.test.ts';
  testNeeding(
    where,
    'netns',
    'python3',
  )('for calls that matter, right and wrong', () => {
    // Below the ephemeral ports, so that no choice of a port gets in the way.
    expect(compare(stories.map((story, i) => story(10_000 + 2 * i))).join('\n')).toBe('');
  });

  testNeeding(
    where,
    'netns',
    'python3',
  )('for random walks', () => {
    const random = new Prng(2026);
    const walks = Array.from({ length: full ? 400 : 40 }, (_, i) => randomWalk(random, 12_000 + 2 * i));
    expect(compare(walks).slice(0, 5).join('\n')).toBe('');
  });
});
