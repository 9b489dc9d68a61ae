// Explains a capture: what a filter leaves, how it ends, and a source that never ends.
import { createReadStream } from 'node:fs';
import { type Attempt, type CaptureSummary, explain } from 'halfopen/explain';

const capture = new URL('docs/examples/attempts.pcapng', import.meta.resolve('halfopen/package.json'));
const attempts = explain(createReadStream(capture), { filter: { port: 8080, verdicts: ['refused'] } });
let summary: CaptureSummary;
const told: Attempt[] = [];
for (;;) {
  const next = await attempts.next();
  if (next.done) {
    summary = next.value;
    break;
  }
  told.push(next.value);
}
for (const { outcome, certainty, server } of told) console.log(outcome, certainty, server);
console.log(summary.attempts, 'attempts in', summary.packets, 'packets');

// A timer of one's own: AbortSignal.timeout does not keep a program running that has nothing else to wait for.
const stop = new AbortController();
setTimeout(() => stop.abort(), 20);
const silent = new ReadableStream<Uint8Array>({});
try {
  for await (const attempt of explain(silent, { signal: stop.signal })) console.log(attempt.sentence);
} catch (error) {
  console.log(error instanceof Error ? error.name : error);
}
