/**
 * Runs what is planned in other threads, so that a script that does not end can be ended; results come in the plan's order.
 */
import { Worker } from 'node:worker_threads';
import { failedResult, type Job, type JobResult } from './run-job.ts';
import type { Planned } from './run-plan.ts';

const newWorker = (): Worker =>
  new Worker(new URL('../cli/run-worker.js', import.meta.url), { argv: process.argv.slice(2) });

/**
 * @param done hears of the results in the plan's order
 * @param start makes a thread that answers `{ index, job }` with `{ index, result }`
 */
export async function runPlan(
  plan: readonly Planned[],
  atATime: number,
  done: (result: JobResult) => void,
  start: () => Worker = newWorker,
): Promise<void> {
  const jobs = plan.flatMap((it, index) => ('job' in it ? [{ index, job: it.job }] : []));
  const results = new Map(plan.flatMap((it, index) => ('job' in it ? [] : [[index, it.result]])));
  let told = 0;
  const tell = (): void => {
    for (let ready = results.get(told); ready !== undefined; ready = results.get(++told)) {
      results.delete(told);
      done(ready);
    }
  };
  tell();
  const take = (index: number, result: JobResult): void => {
    results.set(index, result);
    tell();
  };
  const queue = jobs.values();
  await Promise.all(Array.from({ length: Math.min(atATime, jobs.length) }, () => feed(queue, take, start)));
}

/**
 * Runs what is planned on something that takes its time, several jobs at once in this thread; results come in the plan's
 * order.
 */
export async function runPlanOn(
  plan: readonly Planned[],
  atATime: number,
  runOne: (job: Job) => Promise<JobResult>,
  done: (result: JobResult) => void,
): Promise<void> {
  const results = new Map<number, JobResult>();
  const queue = plan.entries();
  let told = 0;
  const lane = async (): Promise<void> => {
    for (const [index, it] of queue) {
      results.set(index, 'job' in it ? await inTime(it.job, runOne) : it.result);
      for (let ready = results.get(told); ready !== undefined; ready = results.get(++told)) {
        results.delete(told);
        done(ready);
      }
    }
  };
  await Promise.all(Array.from({ length: atATime }, lane));
}

const tooLate = (job: Job): JobResult =>
  failedResult(
    job.file,
    job.ip ?? 'ipv4',
    'timing',
    `it took longer than ${job.timeoutMs / 1000} s and was ended (--timeout N allows more)`,
  );

/** What a job comes to, or that it took too long. */
function inTime(job: Job, runOne: (job: Job) => Promise<JobResult>): Promise<JobResult> {
  return new Promise((resolve, reject) => {
    const timer = setTimeout(() => resolve(tooLate(job)), job.timeoutMs);
    runOne(job)
      .then(resolve, reject)
      .finally(() => clearTimeout(timer));
  });
}

type Numbered = { readonly index: number; readonly job: Job };

/** Keeps one thread busy until the queue is empty; a thread that dies fails its job, and another takes its place. */
function feed(
  queue: Iterator<Numbered>,
  take: (index: number, result: JobResult) => void,
  start: () => Worker,
): Promise<void> {
  return new Promise((resolve, reject) => {
    const open = (first: Numbered): void => {
      const thread = start();
      let current: Numbered | null = null;
      let timer: NodeJS.Timeout | undefined;
      const give = (next: Numbered): void => {
        current = next;
        timer = setTimeout(() => {
          lose(tooLate(next.job));
          void thread.terminate();
        }, next.job.timeoutMs);
        thread.postMessage(next);
      };
      const died = (why: string): void => {
        if (current === null) return;
        const { file, ip } = current.job;
        const message = `internal error: the thread that ran this script ended: ${why}`;
        lose(failedResult(file, ip ?? 'ipv4', 'internal', message));
      };
      /** The thread is of no more use: its job comes to this, and another thread goes on. */
      const lose = (result: JobResult): void => {
        const lost = current;
        if (lost === null) return;
        current = null;
        clearTimeout(timer);
        try {
          take(lost.index, result);
        } catch (error) {
          reject(error);
        }
        const next = queue.next();
        if (next.done) resolve();
        else open(next.value);
      };
      thread.on('message', ({ index, result }: { index: number; result: JobResult }) => {
        if (current === null) return;
        clearTimeout(timer);
        try {
          take(index, result);
        } catch (error) {
          reject(error);
        }
        const next = queue.next();
        current = null;
        if (!next.done) give(next.value);
        else void thread.terminate().then(() => resolve());
      });
      thread.on('error', (error) => died(error.message));
      thread.on('exit', (code) => died(`exit code ${code}`));
      give(first);
    };
    const first = queue.next();
    if (first.done) resolve();
    else open(first.value);
  });
}
