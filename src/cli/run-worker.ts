/** A thread of `halfopen run --jobs`: takes jobs, gives results. */
import { parentPort } from 'node:worker_threads';
import { type Job, runJob } from './run-job.ts';

parentPort?.on('message', ({ index, job }: { index: number; job: Job }) => {
  parentPort?.postMessage({ index, result: runJob(job) });
});
