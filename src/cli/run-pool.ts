/** Runs what is planned, in this thread or in several others; results come in the plan's order. */
import { Worker } from 'node:worker_threads';
import { failedResult, type Job, type JobResult, runJob } from './run-job.ts';
import type { Planned } from './run-plan.ts';

const newWorker = (): Worker => new Worker(new URL('./run-worker.js', import.meta.url));

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
  if (atATime === 1 || jobs.length <= 1) {
    for (const it of plan) done('job' in it ? runJob(it.job) : it.result);
    return;
  }
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
      results.set(index, 'job' in it ? await runOne(it.job) : it.result);
      for (let ready = results.get(told); ready !== undefined; ready = results.get(++told)) {
        results.delete(told);
        done(ready);
      }
    }
  };
  await Promise.all(Array.from({ length: atATime }, lane));
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
      let current: Numbered | null = first;
      const died = (why: string): void => {
        const lost = current;
        if (lost === null) return;
        current = null;
        const message = `internal error: the thread that ran this script ended: ${why}`;
        try {
          take(lost.index, failedResult(lost.job.file, lost.job.ip ?? 'ipv4', 'internal', message));
        } catch (error) {
          reject(error);
        }
        const next = queue.next();
        if (next.done) resolve();
        else open(next.value);
      };
      thread.on('message', ({ index, result }: { index: number; result: JobResult }) => {
        try {
          take(index, result);
        } catch (error) {
          reject(error);
        }
        const next = queue.next();
        current = next.done ? null : next.value;
        if (current !== null) thread.postMessage(current);
        else void thread.terminate().then(() => resolve());
      });
      thread.on('error', (error) => died(error.message));
      thread.on('exit', (code) => died(`exit code ${code}`));
      thread.postMessage(first);
    };
    const first = queue.next();
    if (first.done) resolve();
    else open(first.value);
  });
}
