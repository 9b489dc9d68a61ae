import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { synSchedule } from '../../src/tcp/handshake/syn-timeout.ts';
import { shared, testNeeding } from '../support/needs.ts';

const seconds = (times: readonly number[]): number[] => times.map((time) => time / 1e6);
const schedule = (synRetries: number, synLinearTimeouts: number): { sends: number[]; giveUp: number } => {
  const { sendTimes, giveUp } = synSchedule({ synRetries, synLinearTimeouts });
  return { sends: seconds(sendTimes), giveUp: giveUp / 1e6 };
};

/** Times of the first connection's packets in a little-endian pcap (µs; Ethernet, IPv4), in µs from the first. */
function packetTimes(file: string): number[] {
  const bytes = readFileSync(file);
  expect(bytes.readUInt32LE(0)).toBe(0xa1b2c3d4);
  const sourcePort = (at: number): number => bytes.readUInt16BE(at + 16 + 14 + 20);
  const times: number[] = [];
  for (let at = 24; at < bytes.length; at += 16 + bytes.readUInt32LE(at + 8)) {
    if (sourcePort(at) !== sourcePort(24)) continue;
    times.push(bytes.readUInt32LE(at) * 1e6 + bytes.readUInt32LE(at + 4));
  }
  return times.map((time) => time - times[0]!);
}

describe('the schedule of an unanswered SYN', () => {
  test("doubles from the first time-out without linear ones, as before Linux 6.5 and in RFC 6298's 5.5", () => {
    expect(schedule(6, 0)).toEqual({ sends: [0, 1, 3, 7, 15, 31, 63], giveUp: 127 });
  });

  test('stays at one second for five copies with the four linear time-outs that are the default since 6.5', () => {
    expect(schedule(6, 4)).toEqual({ sends: [0, 1, 2, 3, 4, 5, 7, 11, 19, 35, 67], giveUp: 131 });
  });

  test('gives up at the times measured with TCP_SYNCNT 1, 2 and 3', () => {
    expect([1, 2, 3].map((count) => schedule(count, 0).giveUp)).toEqual([3, 7, 15]);
    expect([1, 2, 3].map((count) => schedule(count, 4).giveUp)).toEqual([3, 7, 19]);
  });

  test('waits at most the longest time-out between two copies', () => {
    expect(schedule(8, 0)).toEqual({ sends: [0, 1, 3, 7, 15, 31, 63, 127, 247], giveUp: 367 });
    const { sendTimes, giveUp } = synSchedule({ synRetries: 4, synLinearTimeouts: 0, rtoMax: 2e6 });
    expect(seconds(sendTimes)).toEqual([0, 1, 3, 5, 7]);
    expect(giveUp).toBe(9e6);
  });

  test('never sends more copies than the two counts allow, and always gives up after the last', () => {
    const count = fc.integer({ min: 0, max: 127 });
    fc.assert(
      fc.property(count, count, (synRetries, synLinearTimeouts) => {
        const { sendTimes, giveUp } = synSchedule({ synRetries, synLinearTimeouts });
        expect(sendTimes.length - 1).toBeLessThanOrEqual(synRetries + synLinearTimeouts);
        for (let i = 1; i < sendTimes.length; i++) expect(sendTimes[i]).toBeGreaterThan(sendTimes[i - 1]!);
        expect(giveUp).toBeGreaterThan(sendTimes.at(-1)!);
        if (synLinearTimeouts === 0) expect(sendTimes.length - 1).toBe(synRetries);
      }),
    );
  });

  test('refuses what Linux refuses', () => {
    expect(() => synSchedule({ synRetries: 128, synLinearTimeouts: 0 })).toThrow(/synRetries .* 0 to 127/);
    expect(() => synSchedule({ synRetries: 6, synLinearTimeouts: 1.5 })).toThrow(/synLinearTimeouts/);
    expect(() => synSchedule({ synRetries: 6, synLinearTimeouts: 0, rtoMax: 1 })).toThrow(/initialRto/);
  });

  testNeeding('test/tcp/syn-timeout.test.ts', 'kernel')(
    'is the one that a 6.18 kernel was recorded with, whose timers ran up to 5 % late',
    () => {
      for (const [file, synLinearTimeouts] of [
        ['syn_linear4.pcap', 4],
        ['syn_linear0.pcap', 0],
      ] as const) {
        const measured = packetTimes(join(shared, 'kernel-6.18', file));
        const { sendTimes } = synSchedule({ synRetries: 6, synLinearTimeouts });
        expect(measured).toHaveLength(sendTimes.length);
        measured.forEach((time, index) => {
          expect(time).toBeGreaterThanOrEqual(sendTimes[index]!);
          expect(time).toBeLessThanOrEqual(sendTimes[index]! * 1.05);
        });
      }
    },
  );
});
