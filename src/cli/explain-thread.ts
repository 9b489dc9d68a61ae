/**
 * A second thread that writes the lines of `--json` while the first reads the capture and follows its attempts: either takes
 * about half of the time. The order of the lines is the same as with one thread.
 */
import { availableParallelism } from 'node:os';
import { Worker } from 'node:worker_threads';
import type { Outlet } from '../explain/explain.ts';
import { explainRecord } from '../explain/explain-record.ts';
import type { Facts, Recorded } from '../explain/judge/evidence.ts';
import { CleanJson } from '../explain/output/clean-json.ts';
import type { LineBuffer } from '../explain/output/line-buffer.ts';
import * as R from '../explain/track/records.ts';
import { DONE, FAILED, isFull, Ring, ringMemory, SENT, STARTING, STATE, UNWANTED } from './explain-ring.ts';
import { WriteError } from './output/errors.ts';
import { endUnread } from './output/print.ts';

/** A thread that has not started after this long, in ms, never will. */
const START_MS = 30_000;

/** Whether there may be a second thread: one processor has no use for it, and what comes live from a pipe is told at once. */
export const mayHaveThread = (file: string): boolean => file !== '-' && availableParallelism() > 1;

/** What is known to the worker (explain-worker.ts) when it starts. */
export interface WorkerTask {
  readonly memory: SharedArrayBuffer;
  /** The capture's name, if lines of several are told apart. */
  readonly capture: string | null;
  readonly host: string;
}

/** Told to the worker before a record that needs it: the name of an encapsulation. */
export interface EncapsulationName {
  readonly number: number;
  readonly name: string;
}

/** The thread has ended with an error of its own. */
class ThreadFailed extends Error {}

class LineThread {
  private readonly ring: Ring;
  private readonly worker: Worker;
  private readonly ended: Promise<void>;
  private readonly named = new Set<number>();
  private sent = 0;

  constructor(capture: string | null, host: string) {
    const memory = ringMemory();
    const workerData: WorkerTask = { memory, capture, host };
    this.ring = new Ring(memory);
    this.worker = new Worker(new URL('../cli/explain-worker.js', import.meta.url), { workerData });
    this.ended = new Promise((resolve, reject) => {
      // What cannot be written is told as a message, what is a mistake of ours as an error.
      this.worker.once('message', (why) => reject(new WriteError(null, why)));
      this.worker.once('error', reject).once('exit', () => resolve());
    });
    // Whoever awaits it hears of it.
    this.ended.catch(() => {});
  }

  /** @throws ThreadFailed */
  add(log: Recorded, slot: number, facts: Facts): void {
    const number = log.store.words[slot * R.WORDS + R.ENCAPSULATION]!;
    // Numbers below 0 are of encapsulations without a name of their own: there may be any number of those.
    if (number > 0 && !this.named.has(number)) this.name(number, facts.encapsulation);
    const batch = this.ring.batch(this.sent);
    batch.add(log, slot, facts);
    if (!batch.hasRoom) this.send();
  }

  private name(number: number, name: string): void {
    this.named.add(number);
    const message: EncapsulationName = { number, name };
    this.worker.postMessage(message);
  }

  /** Sends the batch at hand and waits until the next one is empty. */
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
    if (state === UNWANTED) endUnread();
    if (state === FAILED) throw new ThreadFailed('the thread that writes lines failed');
  }

  /** Sends what is left, and word that it was all. @throws ThreadFailed */
  finish(): void {
    const { ring } = this;
    if (ring.batch(this.sent).count > 0) this.send();
    // An empty one is the last.
    ring.set(SENT, this.sent + 1);
  }

  /** Waits until all is written. @throws what ended the thread early */
  async end(): Promise<void> {
    await this.ended;
    if (Atomics.load(this.ring.control, STATE) === UNWANTED) endUnread();
  }
}

/**
 * Lines of attempts, by whichever thread. The second one starts when an attempt is told before the end of the capture, which is
 * when there are many: to start it takes some 50 ms, and for fewer it made a capture of 50,000 attempts slower.
 */
export class Lines implements Outlet {
  private readonly own: CleanJson;
  private readonly capture: string | null;
  private readonly host: string;
  private thread: LineThread | null = null;
  private isRead = false;

  /** @param out takes the lines of this thread */
  constructor(out: LineBuffer, capture: string | null, host: string) {
    this.own = new CleanJson(out, capture, host);
    this.capture = capture;
    this.host = host;
  }

  /** @throws ThreadFailed; {@link end} says why */
  add(log: Recorded, slot: number, facts: Facts): void {
    if (this.thread === null) {
      if (this.isRead) {
        this.own.write(log, slot, facts.baseSeconds, () => explainRecord(log, slot, facts));
        return;
      }
      this.thread = new LineThread(this.capture, this.host);
    }
    this.thread.add(log, slot, facts);
  }

  /** The capture was read: only what is left will be told. */
  read(): void {
    this.isRead = true;
  }

  /**
   * Waits for the end of what adds records, and until all is written, but for what this thread's buffer still holds.
   * @throws what ended either thread early
   */
  async end<T>(reading: Promise<T>): Promise<T> {
    try {
      const result = await reading;
      this.thread?.finish();
      await this.thread?.end();
      return result;
    } catch (error) {
      if (error instanceof ThreadFailed) await this.thread?.end();
      throw error;
    }
  }
}
