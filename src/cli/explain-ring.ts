/** Memory that the two threads of explain share: batches that go round, and words that say whose turn it is. */
import { BATCH_BYTES, RecordBatch } from '../explain/output/record-batch.ts';

/**
 * Attempts end in bursts: with fewer the threads wait for each other by turns (8 took a seventh longer on average), with
 * more it does not get faster.
 */
const PARCELS = 128;
const CONTROL_BYTES = 64;

/** Words of {@link Ring.control}. */
export const SENT = 0; // batches sent so far
export const DONE = 1; // batches that were read and are empty again
export const STATE = 2; // of the reading thread

/** Values of STATE. */
export const STARTING = 0;
export const RUNNING = 1;
export const FAILED = 2;
/** Nobody takes the output any more. */
export const UNWANTED = 3;

/** The ring, as either thread sees it. */
export class Ring {
  readonly control: Int32Array;
  readonly batches: readonly RecordBatch[];

  /** @param memory from {@link ringMemory} */
  constructor(memory: SharedArrayBuffer) {
    this.control = new Int32Array(memory, 0, 3);
    this.batches = Array.from(
      { length: PARCELS },
      (_, n) => new RecordBatch(memory, CONTROL_BYTES + n * BATCH_BYTES),
    );
  }

  /** The batch that is sent as number `n`, from 0. */
  batch(n: number): RecordBatch {
    return this.batches[n % PARCELS]!;
  }

  /** Sets a word and wakes the other thread if it waits for that. */
  set(word: number, value: number): void {
    Atomics.store(this.control, word, value);
    Atomics.notify(this.control, word);
  }

  /** Waits until a word is another than `value`, or so many ms. @returns the word */
  awaitChange(word: number, value: number, ms: number = Number.POSITIVE_INFINITY): number {
    if (Atomics.load(this.control, word) === value) Atomics.wait(this.control, word, value, ms);
    return Atomics.load(this.control, word);
  }
}

export const ringMemory = (): SharedArrayBuffer =>
  new SharedArrayBuffer(CONTROL_BYTES + PARCELS * BATCH_BYTES);

/** Whether all batches are on their way or being read. */
export const isFull = (sent: number, done: number): boolean => sent - done >= PARCELS;
