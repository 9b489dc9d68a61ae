import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { gunzipSync } from 'node:zlib';
import { describe, expect, test } from 'vitest';
import { Explainer } from '../../src/explain/explain.ts';
import { attemptJson } from '../../src/explain/output/json.ts';
import { type Fields, Film, Talk } from '../../src/explain/testing.ts';
import { defaultLimits, type TrackerLimits } from '../../src/explain/track/eviction.ts';
import { Prng } from '../../src/sim/prng.ts';
import { CaptureError } from '../../src/wire/captured-packet.ts';
import { full, shared, testNeeding } from '../support/needs.ts';
import { zoo } from './zoo.ts';

/** What of the tracker is of interest here. */
interface ShortWay {
  tracker: { short(d: unknown): boolean };
}

/** The lines of a capture, and how many of its packets took the short way, if they may. */
function lines(
  capture: Uint8Array,
  mayBeShort: boolean,
  limits: TrackerLimits,
): { lines: string[]; short: number } {
  const bytes = capture[0] === 0x1f && capture[1] === 0x8b ? gunzipSync(capture) : capture;
  const list: string[] = [];
  const explainer = new Explainer((a) => list.push(attemptJson(a)), limits);
  const { tracker } = explainer as unknown as ShortWay;
  const way = tracker.short.bind(tracker);
  let short = 0;
  tracker.short = (d): boolean => {
    const taken = mayBeShort ? way(d) : false;
    if (taken) short++;
    return taken;
  };
  let problem: CaptureError | null = null;
  for (const step of [() => explainer.push(bytes), () => explainer.end(problem)]) {
    try {
      step();
    } catch (error) {
      if (!(error instanceof CaptureError)) throw error;
      problem = error;
    }
  }
  return { lines: list, short };
}

/** @returns how many packets took the short way */
function compare(capture: Uint8Array, name: string): number {
  // With tight limits attempts make room soon: when they do must not depend on the way either.
  const tight = { relaxed: 2, attempts: 4 };
  expect(lines(capture, true, tight).lines, name).toEqual(lines(capture, false, tight).lines);
  const quick = lines(capture, true, defaultLimits);
  const long = lines(capture, false, defaultLimits);
  expect(quick.lines, name).toEqual(long.lines);
  return quick.short;
}

const kinds = ['S', 'S', 'SA', 'SA', 'A', 'A', 'A', 'PA', 'FA', 'F', 'R', 'RA', 'SF', 'SEC', 'SAE', 'SR', ''];
const steps = [0, 0, 0, 1, 1, 1, 2, 101, 102, -1, 0x20000000, 0x7fffffff];

/** Packets of three tuples with flags and numbers that nearly fit, at times that sometimes go back. */
function scramble(seed: number): Uint8Array {
  const random = new Prng(seed);
  const below = (n: number): number => random.uint32() % n;
  const one = <T>(list: readonly T[]): T => list[below(list.length)]!;
  const film = new Film();
  const talks = [
    new Talk(film, { clientPort: 40_000 }),
    new Talk(film, { clientPort: 40_001, client: '2001:db8::1', server: '2001:db8::2' }),
    new Talk(film, { clientPort: 80, client: '192.0.2.2' }),
  ];
  let ms = 0;
  // Half of them begin with a handshake that is whole.
  if (below(2) === 0) for (const talk of talks) talk.shake(ms);
  for (let n = 4 + below(16); n > 0; n--) {
    const talk = one(talks);
    const [client, server] = talk.isns;
    const fromClient = below(2) === 0;
    ms += one([0, 0.1, 1, 50, 300, 3000, -0.2]);
    const fields: Fields = {
      seq: ((fromClient ? client : server) + one(steps)) >>> 0,
      ack: ((fromClient ? server : client) + one(steps)) >>> 0,
      data: one([0, 0, 100]),
    };
    if (fromClient) talk.c(ms, one(kinds), fields);
    else talk.s(ms, one(kinds), fields);
  }
  return film.toPcapng();
}

const needing = testNeeding('test/explain/fast-path.test.ts', 'captures');

describe('packets that take the short way through the tracker', () => {
  test('are told of as if they had taken the long one: every wrapping, format and oddity', () => {
    let short = 0;
    for (const [n, capture] of zoo().entries()) short += compare(capture, `capture ${n}`);
    expect(short).toBeGreaterThan(100);
  });

  test('are told of as if they had taken the long one: flags and numbers by chance', () => {
    let short = 0;
    for (let seed = 1; seed <= (full ? 1500 : 100); seed++) short += compare(scramble(seed), `seed ${seed}`);
    expect(short).toBeGreaterThan(full ? 5000 : 300);
  });

  needing('are told of as if they had taken the long one: every reference capture', () => {
    const folder = join(shared, 'captures');
    let short = 0;
    for (const name of readdirSync(folder)) {
      if (!/\.(pcap|cap|pcapng)/.test(name)) continue;
      short += compare(readFileSync(join(folder, name)), name);
    }
    expect(short).toBeGreaterThan(1000);
  });
});
