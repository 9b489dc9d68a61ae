import { describe, expect, test } from 'vitest';
import { timeText } from '../judge/attempt.ts';
import { epoch, explainOne, film } from '../testing.ts';
import { attemptJson } from './json.ts';

/** The row of a connection with a last packet so many ms after the first. */
const row = (lastMs: number): Record<string, unknown> =>
  JSON.parse(attemptJson(explainOne(film((t) => t.shake() && t.c(lastMs, 'PA', { data: 1 })))));

describe('the row of an attempt', () => {
  test('has what it says of the handshake', () => {
    expect(row(30)).toMatchObject({
      attempt: 1,
      verdict: 'completed',
      outcome: 'completed',
      certainty: 'certain',
      frames: [1, 2, 3],
      time: '2026-01-01T00:00:00.000000000Z',
      duration: 0.03,
      client: '192.0.2.1',
      client_port: 40000,
      server: '192.0.2.2',
      server_port: 80,
      rtt_ms: 20.1,
      rtt_server_ms: 20,
      rtt_client_ms: 0.1,
      offered: { mss: 1460, window_scale: 7, sack: true },
      conn_state: 'S1',
      history: 'ShAD',
    });
  });

  test('is JSON for every duration: of nanoseconds, of months, of more years than there are', () => {
    expect(row(20.100001)).toMatchObject({ duration: 0.020100001 });
    // 60 days less a nanosecond divide, rounded, into 60 days.
    const months = 60 * 86_400_000;
    expect((row(months).duration as number) / 1000).toBeCloseTo(months / 1e6, 6);
    for (const ms of [2 ** 32 * 1000, 1.5e10, 1e13]) expect(row(ms).duration).toBeGreaterThan(1e7);
  });
});

describe('times as text', () => {
  test('have nine digits, before and after the base, and where rounding would make a negative rest', () => {
    expect(timeText(epoch, 1)).toBe('2026-01-01T00:00:00.000000001Z');
    expect(timeText(epoch, -1)).toBe('2025-12-31T23:59:59.999999999Z');
    expect(timeText(epoch, 9_000_000e9 - 1)).toBe('2026-04-15T03:59:59.999999999Z');
    for (const time of [1e20, 1.8e28, -1e20])
      expect(timeText(epoch, time)).toMatch(/T\d\d:\d\d:\d\d\.\d{9}Z$/);
  });
});
