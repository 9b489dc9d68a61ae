import { describe, expect, test } from 'vitest';
import type { Attempt } from './attempt.ts';
import { WatchMetrics } from './metrics.ts';

const attempt = (more: Partial<Attempt> = {}, unit: string | null = null): Attempt => ({
  ...{ at: 0, duration: 2000, from: 'a:1', to: 'b:2', syns: 1, outcome: 'connected', reason: 'none' },
  ...{ certainty: 'certain', kernel: null, errno: 0 },
  who: { pid: 1, name: 'x', unit, container: null, pod: null, namespace: 5 },
  ...more,
});

const none = { pending: 0, forgotten: 0, lost: 0 };

describe('the metrics of attempts', () => {
  test('count them by what became of them, and sort their times into buckets that add up', () => {
    const metrics = new WatchMetrics();
    for (const duration of [50, 2000, 2_000_000]) metrics.add(attempt({ duration }, 'a.service'));
    metrics.add(attempt({ outcome: 'refused', reason: 'no-socket' }));
    const text = metrics.text({ pending: 3, forgotten: 0, lost: 0 });
    const place = 'namespace="5",unit="a.service",pod=""';
    expect(text).toContain(`{outcome="connected",reason="none",certainty="certain",${place}} 3\n`);
    expect(text).toContain(
      '{outcome="refused",reason="no-socket",certainty="certain",namespace="5",unit="",pod=""} 1\n',
    );
    expect(text).toContain(`_bucket{${place},le="0.0001"} 1\n`);
    expect(text).toContain(`_bucket{${place},le="0.005"} 2\n`);
    expect(text).toContain(`_bucket{${place},le="3.5"} 3\n`);
    expect(text).toContain(`_bucket{${place},le="+Inf"} 3\n`);
    expect(text).toContain(`_count{${place}} 3\n`);
    expect(text).toContain('# TYPE halfopen_watch_pending gauge\nhalfopen_watch_pending 3\n');
  });

  test('keep a bounded number of series, and lose no attempt', () => {
    const metrics = new WatchMetrics();
    for (let unit = 0; unit < 3000; unit++) metrics.add(attempt({}, `unit-${unit}.service`));
    const lines = metrics
      .text(none)
      .split('\n')
      .filter((line) => line.startsWith('halfopen_watch_attempts_total{'));
    expect(lines.length).toBe(1001);
    expect(lines.reduce((sum, line) => sum + Number(line.split(' ').at(-1)), 0)).toBe(3000);
  });

  test('escape what a unit is called', () => {
    const metrics = new WatchMetrics();
    metrics.add(attempt({}, 'a"b\\c\n.service'));
    expect(metrics.text(none)).toContain('unit="a\\"b\\\\c\\n.service"');
  });
});
