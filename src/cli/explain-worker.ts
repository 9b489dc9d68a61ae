/** The second thread of `halfopen explain --json`: takes parcels of records, writes lines. See explain-thread.ts. */
import { parentPort, receiveMessageOnPort, workerData } from 'node:worker_threads';
import { explainRecord } from '../explain/attempt.ts';
import { NAMELESS } from '../explain/encapsulations.ts';
import { LineBuffer } from '../explain/line-buffer.ts';
import type { Parcel } from '../explain/parcel.ts';
import { PlainJson } from '../explain/plain-json.ts';
import * as R from '../explain/records.ts';

import { DONE, FAILED, Ring, RUNNING, SENT, STATE, UNWANTED } from './explain-ring.ts';
import type { EncapsulationName, WorkerTask } from './explain-thread.ts';
import { WriteError } from './output/errors.ts';
import { writeOut } from './output/print.ts';

const { memory, capture } = workerData as WorkerTask;
const ring = new Ring(memory);
const names = new Map<number, string>([[0, '']]);
let unwanted = false;
const out = new LineBuffer((bytes) => {
  if (!unwanted) unwanted = !writeOut(bytes);
});
const lines = new PlainJson(out, capture);

function nameOf(number: number): string {
  if (number < 0) return NAMELESS;
  while (!names.has(number)) {
    const { number: given, name } = receiveMessageOnPort(parentPort!)!.message as EncapsulationName;
    names.set(given, name);
  }
  return names.get(number)!;
}

function write(parcel: Parcel): void {
  const { count, store } = parcel;
  const { baseSeconds } = parcel.facts(0, '');
  for (let slot = 0; slot < count; slot++) {
    lines.write(parcel, slot, baseSeconds, () => {
      const name = nameOf(store.words[slot * R.WORDS + R.ENCAPSULATION]!);
      return explainRecord(parcel, slot, parcel.facts(slot, name));
    });
  }
  parcel.empty();
}

try {
  ring.set(STATE, RUNNING);
  for (let n = 0; !unwanted; n++) {
    ring.awaitChange(SENT, n);
    const parcel = ring.parcel(n);
    if (parcel.count === 0) break;
    write(parcel);
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
