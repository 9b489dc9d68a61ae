/** Entering another process's network namespace: by running this program again inside of it, through nsenter(1). */
import { spawn, spawnSync } from 'node:child_process';

/** Why the namespace cannot be entered, or null if it can. */
export function whyNotEnter(namespace: string): string | null {
  const probe = spawnSync('nsenter', [`--net=${namespace}`, '--', 'true'], {
    encoding: 'utf8',
    timeout: 5000,
  });
  if ((probe.error as NodeJS.ErrnoException | undefined)?.code === 'ENOENT') {
    return 'nsenter is not installed (package util-linux)';
  }
  if (probe.error) return probe.error.message;
  return probe.status === 0 ? null : probe.stderr.trim() || `nsenter failed with status ${probe.status}`;
}

/** Runs a command in the namespace with this process's input and output; resolves to its exit code. */
export function runInside(namespace: string, command: readonly string[]): Promise<number> {
  return new Promise((resolve, reject) => {
    const child = spawn('nsenter', [`--net=${namespace}`, '--', ...command], { stdio: 'inherit' });
    // nsenter becomes the command: a signal for this process is one for it.
    const pass = (signal: NodeJS.Signals): void => {
      child.kill(signal);
    };
    const done = (): void => {
      process.off('SIGINT', pass).off('SIGTERM', pass);
    };
    process.on('SIGINT', pass).on('SIGTERM', pass);
    child.on('error', (error) => {
      done();
      reject(error);
    });
    child.on('close', (code) => {
      done();
      resolve(code ?? 2);
    });
  });
}
