/** `halfopen run --on kernel`: each script in a process in namespaces of its own. */

import { fileURLToPath } from 'node:url';
import { deserialize, serialize } from 'node:v8';
import { namespaceMeans, spawnInNamespace } from '../linux/namespace.ts';
import { SysUnavailable, sys } from '../linux/sys.ts';
import { failedResult, type Job, type JobResult } from './run-job.ts';

/** What the process of a script is told. */
export interface KernelJob {
  readonly job: Job;
  /** The congestion control of its connections. */
  readonly congestion: string;
}

/** Why no script can run on the kernel here, and what to do; null if they can. */
export function whyNoKernel(): string | null {
  try {
    sys();
  } catch (error) {
    if (error instanceof SysUnavailable) return error.message;
    throw error;
  }
  const means = namespaceMeans();
  return means.how === null ? means.why : null;
}

/** Runs one script. The promise is never rejected. */
export function runOnKernel(kernelJob: KernelJob): Promise<JobResult> {
  const { job } = kernelJob;
  return new Promise((resolve) => {
    const fail = (why: string): void =>
      resolve(failedResult(job.file, job.ip ?? 'ipv4', 'internal', `internal error: ${why}`));
    const file = fileURLToPath(new URL('../cli/run-kernel-child.js', import.meta.url));
    const child = spawnInNamespace(process.execPath, [file], { stdio: ['pipe', 'pipe', 'pipe'] });
    const timer = setTimeout(() => child.kill('SIGKILL'), job.timeoutMs);
    const [output, complaints]: [Buffer[], Buffer[]] = [[], []];
    child.stdout!.on('data', (chunk: Buffer) => output.push(chunk));
    child.stderr!.on('data', (chunk: Buffer) => complaints.push(chunk));
    child.stdin!.on('error', () => {}); // It ended before it read: `close` says more.
    child.on('error', (error) => fail(error.message));
    child.on('close', (code, signal) => {
      clearTimeout(timer);
      try {
        if (code === 0) return resolve(deserialize(Buffer.concat(output)) as JobResult);
      } catch {
        // What it wrote is no result; what it complained of says why.
      }
      const said = Buffer.concat(complaints).toString().trim().slice(0, 2000);
      // Not for readers: an internal error.
      fail(`the process of this script ended (${signal ?? `exit code ${code}`}): ${said}`);
    });
    child.stdin!.end(serialize(kernelJob));
  });
}
