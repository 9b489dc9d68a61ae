/** What scripts can run on (`halfopen run --on`), and how a job runs on it. */

import { openStack } from '../drill/foreign/system.ts';
import { runScriptAsync } from '../drill/run.ts';
import { StackProcess } from './exec-stack.ts';
import { eventsOfTrace } from './run-events.ts';
import { type Job, type JobResult, jobResult, prepareJob } from './run-job.ts';
import { runOnKernel, whyNoKernel } from './run-kernel.ts';

/** Runs a job on what is not the built-in host. What is wrong is in the result. */
export type JobRunner = (job: Job) => Promise<JobResult>;

/** How scripts run on what is not the built-in host. */
interface RunnerOptions {
  /** Whether time is the machine's. */
  readonly realTime: boolean;
  /** How long it may take for an answer, s. */
  readonly patience: number;
  /** The congestion control of the kernel's connections. */
  readonly congestion: string;
}

/**
 * What runs jobs on the system named by `--on`; null for the built-in host.
 * @throws Error for a name that is none, with what to write instead
 */
export function runnerOn(on: string, options: RunnerOptions): JobRunner | null {
  if (on === 'built-in') return null;
  if (on === 'kernel') {
    const why = whyNoKernel();
    if (why !== null) throw new Error(`--on kernel: ${why}`);
    return (job) => runOnKernel({ job, congestion: options.congestion });
  }
  const command = /^exec:(.*)$/s.exec(on)?.[1]?.trim();
  if (command === undefined || command === '')
    throw new Error(`--on takes built-in, kernel or exec:COMMAND, not '${on}'`);
  return (job) => runOnProcess(job, command, options);
}

async function runOnProcess(job: Job, command: string, options: RunnerOptions): Promise<JobResult> {
  const started = performance.now();
  const prepared = prepareJob(job);
  if ('failure' in prepared) return prepared;
  const { realTime, patience } = options;
  const result = await runScriptAsync({
    ...prepared,
    open: (network) =>
      openStack(network, new StackProcess(command), { realTime, patienceUs: patience * 1e6 }),
  });
  return jobResult(prepared.text, result, eventsOfTrace(result.packets), performance.now() - started);
}
