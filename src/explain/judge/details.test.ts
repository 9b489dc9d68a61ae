import { describe, expect, test } from 'vitest';
import { synSchedule } from '../../tcp/handshake/syn-timeout.ts';
import type { TcpOption } from '../../wire/options.ts';
import { explainOne, type Fields, film, linuxOptions, type Talk } from '../testing.ts';
import type { Attempt } from './attempt.ts';
import { connectTimeouts } from './details.ts';

const one = (tell: (t: Talk) => void): Attempt => explainOne(film(tell));

/** An attempt whose SYNs are sent at these seconds. */
const syns = (seconds: readonly number[], fields: Fields): Attempt =>
  one((t) => {
    for (const s of seconds) t.c(s * 1000, 'S', fields);
  });

const linux: Fields = { stamps: [1, 0] };
const windows: Fields = {
  ttl: 128,
  options: [
    { kind: 'mss', value: 1460 },
    { kind: 'nop' },
    { kind: 'windowScale', shift: 8 },
    { kind: 'nop' },
    { kind: 'nop' },
    { kind: 'sackPermitted' },
  ],
};

describe('how a client repeats its SYN, and when it gives up', () => {
  test("the table of time-outs is what the stack's own timers do", () => {
    for (const [linear, pattern] of [
      [0, 'doubling'],
      [4, 'linear, then doubling'],
    ] as const) {
      const { sendTimes, giveUp } = synSchedule({ synRetries: 6, synLinearTimeouts: linear });
      const known = connectTimeouts.Linux![pattern]!;
      expect(known).toEqual({ seconds: giveUp / 1e6, syns: sendTimes.length });
      for (let n = 3; n <= sendTimes.length; n++) {
        const attempt = syns(
          sendTimes.slice(0, n).map((us) => us / 1e6),
          linux,
        );
        expect(attempt.backOff!.timeout, `after ${n} SYNs`).toBe(giveUp / 1e6);
      }
    }
    const { giveUp } = synSchedule({ synRetries: 6, synLinearTimeouts: 4 });
    expect(connectTimeouts.Linux!.constant!.seconds).toBe(giveUp / 1e6);
  });

  test('patterns by their gaps', () => {
    const pattern = (...seconds: number[]): unknown => syns(seconds, linux).backOff;
    expect(pattern(0, 1.02, 3.07, 7.1)).toEqual({ pattern: 'doubling', timeout: 127 });
    expect(pattern(0, 1, 2, 3)).toEqual({ pattern: 'constant', timeout: 131 });
    expect(pattern(0, 1, 2, 3, 4, 5, 7, 11)).toEqual({ pattern: 'linear, then doubling', timeout: 131 });
    expect(pattern(0, 5, 10, 15)).toEqual({ pattern: 'constant', timeout: null });
    expect(pattern(0, 1, 9, 10)).toEqual({ pattern: 'other', timeout: null });
    expect(pattern(0)).toBeNull();
  });

  test('one gap does not tell which of the two ways of Linux it is, nor do more SYNs than the default allows', () => {
    expect(syns([0, 1], linux).backOff!.timeout).toBeNull();
    expect(syns([0, 1, 3, 7, 15, 31, 63, 127], linux).backOff).toEqual({
      pattern: 'doubling',
      timeout: null,
    });
  });

  test('Windows gives up after 21 s, whichever way it counts', () => {
    expect(syns([0, 3, 9], windows).backOff).toEqual({ pattern: 'doubling', timeout: 21 });
    expect(syns([0, 1, 3, 7, 15], windows).backOff).toEqual({ pattern: 'doubling', timeout: 21 });
    expect(syns([0, 3, 9], windows).sentence).toMatch(/a Windows client gives up after 21 s by default\.$/);
  });

  test('nothing is said about the time-out if the system is not known', () => {
    const odd = syns([0, 1, 3], { ...windows, ttl: 64 });
    expect(odd.system).toBeNull();
    expect(odd.backOff).toEqual({ pattern: 'doubling', timeout: null });
  });
});

test('a Linux client is known with MPTCP and Fast Open too', () => {
  const order = (more: readonly TcpOption[]): Attempt['system'] =>
    one((t) => t.c(0, 'S', { options: [...linuxOptions([1, 0]), ...more] })).system;
  const request: TcpOption = { kind: 'fastOpen', cookie: new Uint8Array(), experimental: false };
  const mptcp: TcpOption = { kind: 'unknown', type: 30, data: Uint8Array.from([1, 1]) };
  expect([order([]), order([request, { kind: 'nop' }, { kind: 'nop' }]), order([mptcp])]).toEqual([
    'Linux',
    'Linux',
    'Linux',
  ]);
  expect(order([{ kind: 'unknown', type: 76, data: Uint8Array.from([1, 1]) }])).toBeNull();
});

describe('the round trip', () => {
  const halves = (attempt: Attempt): (number | null)[] => [
    attempt.roundTrip.serverNs === null ? null : attempt.roundTrip.serverNs / 1e6,
    attempt.roundTrip.clientNs === null ? null : attempt.roundTrip.clientNs / 1e6,
  ];

  test('has two halves that meet at the capture point', () => {
    expect(halves(one((t) => t.shake(0, 20, 3)))).toEqual([20, 3]);
  });

  test('is counted from the SYN that was answered, by its echoed time stamp', () => {
    const attempt = one((t) => {
      t.c(0, 'S', { stamps: [1, 0] });
      t.c(1000, 'S', { stamps: [1001, 0] });
      t.s(1200, 'SA', { stamps: [9, 1] });
      t.c(1201, 'A', { stamps: [1202, 9] });
    });
    expect([...halves(attempt), attempt.roundTrip.ambiguous]).toEqual([1200, 1, false]);
  });

  test('is counted from the last SYN, with a word of doubt, if nothing tells which was answered', () => {
    const attempt = one((t) => {
      t.c(0, 'S');
      t.c(1000, 'S');
      t.s(1200, 'SA');
      t.c(1201, 'A');
    });
    expect([...halves(attempt), attempt.roundTrip.ambiguous]).toEqual([200, 1, true]);
  });

  test('is counted from the SYN+ACK that the ACK echoes', () => {
    const attempt = one((t) => {
      t.c(0, 'S', { stamps: [1, 0] });
      t.s(20, 'SA', { stamps: [9, 1] });
      t.s(1020, 'SA', { stamps: [1009, 1] });
      t.c(1022, 'A', { stamps: [1023, 1009] });
    });
    expect(halves(attempt)).toEqual([20, 2]);
  });

  test('of a simultaneous open has both halves: each SYN to what answers it', () => {
    const attempt = one((t) => {
      t.c(0, 'S');
      t.s(10, 'S');
      t.c(10.5, 'SA');
      t.s(30, 'SA');
    });
    expect(attempt.verdict).toBe('simultaneous-open');
    expect(halves(attempt)).toEqual([30, 0.5]);
  });

  test('of a split handshake too, in its four packets and in its five', () => {
    const five = one((t) => {
      t.c(0, 'S');
      t.s(20, 'A', { seq: 0, ack: 1001 });
      t.s(21, 'S');
      t.c(21.5, 'SA');
      t.s(41, 'A');
    });
    expect(halves(five)).toEqual([20, 0.5]);
    const four = one((t) => {
      t.c(0, 'S');
      t.s(20, 'S');
      t.c(20.5, 'SA');
      t.s(40.5, 'A');
    });
    expect(halves(four)).toEqual([20, 0.5]);
  });

  test('is not made up where a packet is missing', () => {
    expect(halves(one((t) => t.s(0, 'SA') && t.c(1, 'A', { seq: 1001 })))).toEqual([null, 1]);
    expect(halves(one((t) => t.c(0, 'S') && t.s(20, 'SA')))).toEqual([20, null]);
  });
});

describe('where the capture was taken', () => {
  const point = (client: number, server: number, far = 20, near = 0.05): unknown =>
    one((t) => {
      t.c(0, 'S', { ttl: client });
      t.s(far, 'SA', { ttl: server });
      t.c(far + near, 'A', { ttl: client });
    }).capturePoint;

  test('is told by the routers that each side has passed', () => {
    expect(point(64, 52)).toBe('client');
    expect(point(117, 64)).toBe('server');
    expect(point(61, 250)).toBe('between');
    expect(point(64, 64, 0.2)).toBe('same-host-or-link');
  });

  test('is told by the halves of the round trip if a proxy or NAT sets TTLs anew', () => {
    expect(point(64, 64, 20, 0.05)).toBe('client');
    expect(point(64, 64, 0.05, 20)).toBe('server');
  });
});

describe('options in force', () => {
  test('are those of both sides', () => {
    const attempt = one((t) => {
      t.c(0, 'S', { stamps: [1, 0] });
      t.s(20, 'SA', {
        options: [
          { kind: 'mss', value: 1400 },
          { kind: 'windowScale', shift: 15 },
        ],
      });
      t.c(21, 'A');
    });
    expect(attempt.inForce).toEqual({
      clientMss: 1400,
      serverMss: 1460,
      clientScale: 7,
      serverScale: 14,
      sack: false,
      timestamps: false,
      ecn: false,
    });
  });

  test('a window scale that only one side names is not in force, and without MSS it is 536', () => {
    const attempt = one((t) => {
      t.c(0, 'S');
      t.s(20, 'SA', { options: [] });
      t.c(21, 'A');
    });
    expect(attempt.inForce).toMatchObject({ clientMss: 536, clientScale: 0, serverScale: 0, sack: false });
  });
});

test('where the clock was set back between SYN+ACK and ACK, that half of the round trip is negative, and no sentence tells it', () => {
  const attempt = one((t) => {
    t.c(0, 'S');
    t.s(2, 'SA');
    t.c(0.5, 'A');
  });
  expect(attempt.roundTrip).toEqual({ serverNs: 2e6, clientNs: -1.5e6, ambiguous: false });
  expect(attempt.sentence).toMatch(/ connected to 192\.0\.2\.2:80 in 2 ms\.$/);
});
