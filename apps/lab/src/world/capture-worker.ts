/** Explains a capture beside the page: however large or hostile it is, the page stays awake, and closing it ends this. */
import { explain } from '../../../../src/explain/explain.ts';
import type { Attempt } from '../../../../src/explain/judge/attempt.ts';
import { endpoint } from '../../../../src/explain/output/sentences.ts';
import { facts, shownText } from '../../../../src/view/attempt-text.ts';
import { attemptWords } from '../../../../src/view/attempt-words.ts';
import { packetsOf } from './capture-packets.ts';
import { type AttemptRow, type FromWorker, mostAttempts, type ToWorker } from './captures.ts';

const kept = new Map<number, Attempt>();
let source: File | null = null;
/** Told together: a message for each attempt would take longer than explaining it. */
const batch = 500;

const say = (message: FromWorker): void => postMessage(message);
const both = <T>(text: (language: 'en' | 'zh') => T): { en: T; zh: T } => ({
  en: text('en'),
  zh: text('zh'),
});

const rowOf = (a: Attempt): AttemptRow => ({
  number: a.number,
  verdict: a.verdict,
  outcome: a.outcome,
  sentence: both((language) => attemptWords[language].sentence(a)),
  certainty:
    a.certainty === 'certain' ? null : both((language) => attemptWords[language].certainty[a.certainty]),
  client: endpoint(a.client, a.clientPort),
  server: endpoint(a.server, a.serverPort),
});

async function read(file: File): Promise<void> {
  source = file;
  let rows: AttemptRow[] = [];
  let count = 0;
  let problem = '';
  try {
    for await (const attempt of explain(file.stream())) {
      count++;
      if (kept.size < mostAttempts) {
        kept.set(attempt.number, attempt);
        rows.push(rowOf(attempt));
      }
      if (rows.length < batch) continue;
      say({ kind: 'rows', rows, count });
      rows = [];
    }
  } catch (error) {
    problem = error instanceof Error ? error.message : String(error);
  }
  say({ kind: 'rows', rows, count });
  say({ kind: 'done', count, problem });
}

async function open(number: number): Promise<void> {
  const attempt = kept.get(number);
  if (attempt === undefined || source === null) return;
  const [en, zh] = [facts(attempt, 'en'), facts(attempt, 'zh')];
  say({
    kind: 'details',
    details: {
      number,
      shown: both((language) => shownText(attempt, language)),
      facts: en.map(({ label, text }, i) => ({
        label: { en: label, zh: zh[i]!.label },
        text: { en: text, zh: zh[i]!.text },
      })),
      packets: await packetsOf(source.stream(), attempt),
      all: attempt.evidence.packets.length,
    },
  });
}

self.onmessage = ({ data }: MessageEvent<ToWorker>): void => {
  if ('file' in data) void read(data.file);
  else void open(data.open);
};
