import { describe, expect, test } from 'vitest';
import { mss, Sender } from '../testing-sender.ts';
import { Cubic } from './cubic.ts';
import type { Flow } from './interface.ts';
import { reno } from './reno.ts';
import { CaState } from './state.ts';

interface Model extends Flow {
  services: { now: number };
  sndUna: number;
  sndNxt: number;
  lastSendAt: number;
  pacingRate: number;
}

const flow = (cwnd: number, ssthresh: number): Model => ({
  services: { now: 10_000_000 },
  sndUna: 0,
  sndNxt: 0,
  cwnd,
  ssthresh,
  cwndClamp: 0x7fffffff,
  cwndCount: 0,
  recovery: { priorCwnd: cwnd },
  isCwndLimited: true,
  maxPacketsOut: cwnd,
  pacingRate: 1e9,
  synRtt: 0,
  lastSendAt: 10_000_000,
});

/** Round trips of `rtt` µs, in each of which the whole window is acknowledged, every second packet. */
function roundTrips(
  control: { acked(f: Flow, n: number): void; measured(f: Flow, rtt: number): void },
  f: Model,
  n: number,
  rtt: number,
): void {
  for (let i = 0; i < n; i++) {
    const acks = Math.ceil(f.cwnd / 2);
    f.sndNxt += f.cwnd;
    for (let k = 0; k < acks; k++) {
      f.services.now += rtt / acks;
      f.sndUna += 2;
      control.measured(f, rtt);
      control.acked(f, 2);
    }
  }
}

describe('Reno (RFC 5681)', () => {
  test('doubles the window in slow start, adds one a round trip beyond, halves it after loss', () => {
    const f = flow(10, 40);
    roundTrips(reno, f, 2, 100_000);
    expect(f.cwnd).toBe(40);
    roundTrips(reno, f, 10, 100_000);
    expect(f.cwnd).toBe(50);
    expect(reno.threshold(f)).toBe(25);
    f.cwnd = 3;
    expect(reno.threshold(f)).toBe(2);
  });

  test('a window that is not used does not grow', () => {
    const f = { ...flow(40, 20), isCwndLimited: false };
    reno.acked(f, 40);
    expect(f.cwnd).toBe(40);
  });
});

describe('CUBIC (RFC 9438)', () => {
  /** After a loss at a window of 1000 packets over a long path, where the curve counts and not Reno. */
  function afterLoss(): { f: Model; control: Cubic } {
    const f = flow(1000, 0x7fffffff);
    const control = new Cubic(f);
    f.ssthresh = control.threshold(f);
    f.cwnd = f.ssthresh;
    return { f, control };
  }

  test('keeps 0.7 of the window after loss', () => {
    expect(afterLoss().f.ssthresh).toBe(Math.floor((1000 * 717) / 1024));
  });

  test('is back at the old window after K seconds, slowly there, and faster again beyond', () => {
    const { f, control } = afterLoss();
    // K = cbrt(W_max (1 - β) / C): (300 / 0.4) ^ (1/3) = 9.1 s.
    const k = Math.cbrt((1000 - f.cwnd) / 0.4);
    const at = (seconds: number): number => {
      roundTrips(control, f, Math.round(seconds / 0.1), 100_000);
      return f.cwnd;
    };
    const half = at(k / 2);
    expect(half).toBeGreaterThan(940);
    expect(half).toBeLessThan(980);
    const there = at(k / 2);
    expect(Math.abs(there - 1000)).toBeLessThan(12);
    const beyond = at(k);
    expect(beyond).toBeGreaterThan(1250);
  });

  test('two losses in a row leave room to others: the second maximum is remembered lower', () => {
    const { f, control } = afterLoss();
    f.ssthresh = control.threshold(f);
    f.cwnd = f.ssthresh;
    roundTrips(control, f, 200, 100_000);
    // The plateau is at 0.85 of 700, not at 700.
    const { f: other, control: fresh } = afterLoss();
    other.cwnd = f.ssthresh;
    expect(f.ssthresh).toBe(Math.floor((700 * 717) / 1024));
    expect(fresh.threshold(other)).toBeLessThan(f.ssthresh);
  });

  test('over a short path it grows as Reno would', () => {
    const f = flow(20, 10);
    const control = new Cubic(f);
    f.ssthresh = control.threshold(f);
    f.cwnd = f.ssthresh;
    const r = flow(f.cwnd, f.ssthresh);
    roundTrips(control, f, 100, 5_000);
    roundTrips(reno, r, 100, 5_000);
    // With β = 0.7 the slope that is fair to Reno is 3 (1 - β) / (1 + β) = 0.53 packets a round trip.
    const slope = (f.cwnd - 14) / (r.cwnd - 14);
    expect(slope).toBeGreaterThan(0.45);
    expect(slope).toBeLessThan(0.65);
  });

  test('HyStart leaves slow start when round trips grow', () => {
    const f = flow(32, 0x7fffffff);
    const control = new Cubic(f);
    roundTrips(control, f, 1, 100_000);
    expect(f.ssthresh).toBe(0x7fffffff);
    roundTrips(control, f, 2, 140_000);
    expect(f.ssthresh).toBeLessThan(0x7fffffff);
  });

  test('a time-out forgets the curve', () => {
    const { f, control } = afterLoss();
    control.stateChanged(f, CaState.loss);
    f.cwnd = 500;
    expect(control.threshold(f)).toBe(Math.floor((500 * 717) / 1024));
    expect(control.undone({ ...f, recovery: { priorCwnd: 900 } })).toBe(900);
  });
});

test('TCP_CONGESTION chooses: half of the window remains with Reno, 0.7 of it with CUBIC', () => {
  for (const [congestion, expected] of [
    ['reno', 5],
    ['cubic', 7],
  ] as const) {
    const s = new Sender({ congestion });
    s.write(10);
    s.wait(100_000);
    s.ack(1, [1 + mss, 1 + 4 * mss]);
    expect(s.conn.ssthresh).toBe(expected);
  }
  const s = new Sender({ congestion: 'cubic' });
  s.conn.setOption('congestion', 'reno');
  s.write(10);
  s.wait(100_000);
  s.ack(1, [1 + mss, 1 + 4 * mss]);
  expect(s.conn.ssthresh).toBe(5);
});
