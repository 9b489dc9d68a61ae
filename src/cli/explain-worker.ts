/** The second thread of `halfopen explain --json`: takes batches of records, writes lines. See explain-thread.ts. */
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { NAMELESS } from '../explain/decode/encapsulations.ts';
import { explainRecord } from '../explain/explain-record.ts';
import { CleanJson } from '../explain/output/clean-json.ts';
import { LineBuffer } from '../explain/output/line-buffer.ts';
import type { RecordBatch } from '../explain/output/record-batch.ts';
import * as R from '../explain/track/records.ts';

import { DONE, FAILED, Ring, RUNNING, SENT, STATE, UNWANTED } from './explain-ring.ts';
import type { EncapsulationName, WorkerTask } from './explain-thread.ts';
import { WriteError } from './output/errors.ts';
import { writeOut } from './output/print.ts';

const { memory, capture, host } = workerData as WorkerTask;
const ring = new Ring(memory);
const names = new Map<number, string>([[0, '']]);
let unwanted = false;
const out = new LineBuffer((bytes) => {
  if (!unwanted) unwanted = !writeOut(bytes);
});
const lines = new CleanJson(out, capture, host);

function nameOf(number: number): string {
  if (number < 0) return NAMELESS;
  while (!names.has(number)) {
    const { number: given, name } = receiveMessageOnPort(parentPort!)!.message as EncapsulationName;
    names.set(given, name);
  }
  return names.get(number)!;
}

function write(batch: RecordBatch): void {
  const { count, store } = batch;
  const { baseSeconds } = batch.facts(0, '');
  for (let slot = 0; slot < count; slot++) {
    lines.write(batch, slot, baseSeconds, () => {
      const name = nameOf(store.words[slot * R.WORDS + R.ENCAPSULATION]!);
      return explainRecord(batch, slot, batch.facts(slot, name));
    });
  }
  batch.empty();
}

try {
  ring.set(STATE, RUNNING);
  for (let n = 0; !unwanted; n++) {
    ring.awaitChange(SENT, n);
    const batch = ring.batch(n);
    if (batch.count === 0) break;
    write(batch);
    ring.set(DONE, n + 1);
  }
  out.flush();
} catch (error) {
  ring.control[STATE] = FAILED;
  if (!(error instanceof WriteError)) throw error;
  const { code, message } = error.cause as NodeJS.ErrnoException;
  parentPort!.postMessage({ code, message });
} finally {
  if (unwanted) ring.control[STATE] = UNWANTED;
  // Whoever waits for room has to see that there will be none.
  ring.set(DONE, 0x7fffffff);
}
