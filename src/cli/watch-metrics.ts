/** The metrics of `halfopen watch`: counters of attempts, and the doctor's findings, for Prometheus. */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { examine } from '../doctor/check.ts';
import { checks } from '../doctor/checks.ts';
import { collect, locate, sample } from '../doctor/collect.ts';
import { withConsequences } from '../doctor/consequences.ts';
import { doctorUp, prometheusReport } from '../doctor/prometheus.ts';
import type { Trace } from '../linux/trace-events.ts';
import type { Attempt } from '../watch/attempt.ts';
import { WatchMetrics } from '../watch/metrics.ts';
import type { Tracker } from '../watch/tracker.ts';

/** How often the doctor looks, in ms. */
const doctorEvery = 30_000;

/** Metrics that are being served. */
export interface MetricsServer {
  readonly port: number;
  add(attempt: Attempt): void;
  attach(tracker: Tracker, trace: Trace): void;
  close(): Promise<void>;
}

/**
 * Serves metrics.
 * @param at ADDRESS:PORT
 * @param failed told when the doctor could not look, which its metric shows, too
 * @throws Error if it cannot listen there
 */
export async function serveMetrics(at: string, failed: (error: Error) => void): Promise<MetricsServer> {
  const metrics = new WatchMetrics();
  let source: { tracker: Tracker; trace: Trace } | null = null;
  let findings = '';
  const stop = new AbortController();
  const text = (): string => {
    const { tracker, trace } = source ?? {};
    const now = {
      pending: tracker?.pending ?? 0,
      forgotten: tracker?.forgotten ?? 0,
      lost: trace?.lost ?? 0,
    };
    return metrics.text(now) + findings;
  };
  const server = createServer((request, response) => {
    if (request.method !== 'GET' || request.url?.split('?')[0] !== '/metrics') {
      response.writeHead(404, { 'content-type': 'text/plain' }).end('/metrics\n');
      return;
    }
    response.writeHead(200, { 'content-type': 'text/plain; version=0.0.4; charset=utf-8' }).end(text());
  });
  const split = at.lastIndexOf(':');
  await new Promise<void>((resolve, reject) => {
    server.once('error', reject);
    server.listen(Number(at.slice(split + 1)), at.slice(0, split).replace(/[[\]]/g, ''), resolve);
  });
  void examineOften(stop.signal, failed, (report) => {
    findings = report;
  });
  return {
    port: (server.address() as AddressInfo).port,
    add: (attempt) => metrics.add(attempt),
    attach: (tracker, trace) => {
      source = { tracker, trace };
    },
    close: async () => {
      stop.abort();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

/** Runs the doctor's checks again and again on what grew since the time before; a look that fails does not end the service. */
async function examineOften(
  signal: AbortSignal,
  failed: (error: Error) => void,
  onReport: (text: string) => void,
): Promise<void> {
  const place = locate('/proc', null);
  let before = sample(place);
  let wait = 1000;
  for (;;) {
    try {
      await delay(wait, undefined, { signal, ref: false });
      wait = doctorEvery;
      const { host, after } = await collect(place, before, async () => {}, {
        proc: '/proc',
        attempts: false,
      });
      const all = examine(host, checks);
      const examination = { ...all, found: withConsequences(all.found) };
      onReport(prometheusReport({ host, examination, accepted: [], unused: [], prefix: '' }) + doctorUp(1));
      before = after;
    } catch (error) {
      if (signal.aborted) return;
      failed(error as Error);
      onReport(doctorUp(0));
    }
  }
}
