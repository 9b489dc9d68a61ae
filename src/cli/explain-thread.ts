/**
 * A second thread that writes the lines of `--json` while the first reads the capture and follows its attempts: either takes
 * about half of the time. The order of the lines is the same as with one thread.
 */
import { statSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { Facts, Recorded } from '../explain/evidence.ts';
import type { Outlet } from '../explain/explain.ts';
import * as R from '../explain/records.ts';
import { WriteError } from './explain-output.ts';
import { DONE, FAILED, isFull, Ring, ringMemory, SENT, STARTING, STATE, UNWANTED } from './explain-ring.ts';

/** For smaller files a thread does not pay: it takes some 50 ms to start. */
const LEAST_BYTES = 16e6;
/** A thread that has not started after this long, in ms, never will. */
const START_MS = 30_000;

/** Whether a second thread makes sense for a capture. */
export function paysThread(file: string): boolean {
  if (file === '-' || availableParallelism() < 2) return false;
  const there = statSync(file, { throwIfNoEntry: false });
  return there?.isFile() === true && there.size >= LEAST_BYTES;
}

/** What is known to the worker (explain-worker.ts) when it starts. */
export interface WorkerTask {
  readonly memory: SharedArrayBuffer;
  /** The capture's name, if lines of several are told apart. */
  readonly capture: string | null;
}

/** Told to the worker before a record that needs it: the name of an encapsulation. */
export interface EncapsulationName {
  readonly number: number;
  readonly name: string;
}

/** The thread has ended with an error of its own. */
class ThreadFailed extends Error {}

/** The thread, as an outlet of the attempts' records. */
export class LineThread implements Outlet {
  private readonly ring: Ring;
  private readonly worker: Worker;
  private readonly ended: Promise<void>;
  private readonly named = new Set<number>();
  private sent = 0;

  constructor(capture: string | null) {
    const memory = ringMemory();
    const workerData: WorkerTask = { memory, capture };
    this.ring = new Ring(memory);
    this.worker = new Worker(new URL('./explain-worker.js', import.meta.url), { workerData });
    this.ended = new Promise((resolve, reject) => {
      // What cannot be written is told as a message, what is a mistake of ours as an error.
      this.worker.once('message', (why: string) => reject(new WriteError('standard output', new Error(why))));
      this.worker.once('error', reject).once('exit', () => resolve());
    });
    // Whoever awaits end() hears of it.
    this.ended.catch(() => {});
  }

  /** @throws ThreadFailed; {@link end} says why */
  add(log: Recorded, slot: number, facts: Facts): void {
    const number = log.store.words[slot * R.WORDS + R.ENCAPSULATION]!;
    if (number !== 0 && !this.named.has(number)) this.name(number, facts.encapsulation);
    const parcel = this.ring.parcel(this.sent);
    parcel.add(log, slot, facts);
    if (!parcel.hasRoom) this.send();
  }

  private name(number: number, name: string): void {
    this.named.add(number);
    const message: EncapsulationName = { number, name };
    this.worker.postMessage(message);
  }

  /** Sends the parcel at hand and waits until the next one is empty. */
  private send(): void {
    const { ring } = this;
    this.sent++;
    ring.set(SENT, this.sent);
    let done = Atomics.load(ring.control, DONE);
    while (isFull(this.sent, done)) {
      const starting = Atomics.load(ring.control, STATE) === STARTING;
      const now = ring.awaitChange(DONE, done, starting ? START_MS : undefined);
      if (now === done && starting && Atomics.load(ring.control, STATE) === STARTING)
        throw new Error('the thread that writes lines does not start');
      done = now;
    }
    const state = Atomics.load(ring.control, STATE);
    if (state === UNWANTED) process.exit(0);
    if (state === FAILED) throw new ThreadFailed('the thread that writes lines failed');
  }

  /**
   * Waits for the end of what adds records, and until all is written.
   * @throws what ended either thread early
   */
  async end<T>(reading: Promise<T>): Promise<T> {
    const { ring } = this;
    let result: T;
    try {
      result = await reading;
      if (ring.parcel(this.sent).count > 0) this.send();
    } catch (error) {
      if (error instanceof ThreadFailed) await this.ended;
      throw error;
    }
    // An empty one is the last.
    ring.set(SENT, this.sent + 1);
    await this.ended;
    if (Atomics.load(ring.control, STATE) === UNWANTED) process.exit(0);
    return result;
  }
}
