/** Counters and histograms of attempts in Prometheus' text format. They only grow, from the start to the end. */
import type { Attempt } from './attempt.ts';

/** Upper bounds of the times to connect, in seconds: a SYN sent again costs one, then two more. */
const bounds = [0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 1.5, 3.5, 7.5, 15, 60, 130];
/** Series kept of each metric: what comes beyond them is counted under the labels "other". */
const mostSeries = 1000;

interface Series {
  readonly labels: string;
  count: number;
  sum: number;
  /** How many were at most each bound, not added up. */
  readonly buckets: number[];
}

/** The text of a label's value. */
const quoted = (text: string): string =>
  text.replaceAll('\\', '\\\\').replaceAll('"', '\\"').replaceAll('\n', '\\n');

const labelsText = (labels: Readonly<Record<string, string>>): string =>
  Object.entries(labels)
    .map(([name, value]) => `${name}="${quoted(value)}"`)
    .join(',');

/** Counts attempts. */
export class WatchMetrics {
  readonly #attempts = new Map<string, Series>();
  readonly #times = new Map<string, Series>();

  add(attempt: Attempt): void {
    const { outcome, reason, certainty, duration } = attempt;
    const place = placeOf(attempt);
    this.#series(this.#attempts, { outcome, reason, certainty, ...place }).count++;
    if (outcome !== 'connected' && outcome !== 'itself' && outcome !== 'reset') return;
    const series = this.#series(this.#times, place);
    const seconds = duration / 1e6;
    series.count++;
    series.sum += seconds;
    const at = bounds.findIndex((bound) => seconds <= bound);
    if (at >= 0) series.buckets[at]!++;
  }

  #series(all: Map<string, Series>, labels: Readonly<Record<string, string>>): Series {
    let text = labelsText(labels);
    const known = all.get(text);
    if (known !== undefined) return known;
    if (all.size >= mostSeries) {
      text = labelsText(Object.fromEntries(Object.keys(labels).map((name) => [name, 'other'])));
    }
    const series = all.get(text) ?? { labels: text, count: 0, sum: 0, buckets: bounds.map(() => 0) };
    all.set(text, series);
    return series;
  }

  /** @param now attempts under way and forgotten, and how often events were lost */
  text(now: { readonly pending: number; readonly forgotten: number; readonly lost: number }): string {
    const more = [
      { name: 'halfopen_watch_pending', help: 'Attempts under way.', type: 'gauge', value: now.pending },
      {
        name: 'halfopen_watch_forgotten_total',
        help: 'Attempts that were too many to follow.',
        type: 'counter',
        value: now.forgotten,
      },
      {
        name: 'halfopen_watch_lost_total',
        help: 'Times that events were overwritten before they were read.',
        type: 'counter',
        value: now.lost,
      },
    ];
    const lines = [
      '# HELP halfopen_watch_attempts_total Connection attempts that ended, by what became of them and why.',
      '# TYPE halfopen_watch_attempts_total counter',
      ...[...this.#attempts.values()].map(
        ({ labels, count }) => `halfopen_watch_attempts_total{${labels}} ${count}`,
      ),
      '# HELP halfopen_watch_connect_seconds Time from the first SYN to the end of the handshake.',
      '# TYPE halfopen_watch_connect_seconds histogram',
    ];
    for (const { labels, count, sum, buckets } of this.#times.values()) {
      let total = 0;
      for (const [at, bound] of bounds.entries()) {
        total += buckets[at]!;
        lines.push(`halfopen_watch_connect_seconds_bucket{${labels},le="${bound}"} ${total}`);
      }
      lines.push(`halfopen_watch_connect_seconds_bucket{${labels},le="+Inf"} ${count}`);
      lines.push(`halfopen_watch_connect_seconds_sum{${labels}} ${sum}`);
      lines.push(`halfopen_watch_connect_seconds_count{${labels}} ${count}`);
    }
    for (const { name, help, type, value } of more) {
      lines.push(`# HELP ${name} ${help}`, `# TYPE ${name} ${type}`, `${name} ${value}`);
    }
    return `${lines.join('\n')}\n`;
  }
}

const placeOf = ({ who }: Attempt): { namespace: string; unit: string; pod: string } => ({
  namespace: who?.namespace ? `${who.namespace}` : '',
  unit: who?.unit ?? '',
  pod: who?.pod ?? '',
});
