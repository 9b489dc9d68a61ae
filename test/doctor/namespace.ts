/** Network namespaces made sick by provoke.py, for the tests of the doctor. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { root } from '../support/needs.ts';

/** The compiled command. */
export const main: string = join(root, 'dist', 'cli', 'main.js');

/** How a program ended. */
export interface Ended {
  readonly code: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs a program to its end. */
export async function execute(
  command: string,
  args: string[],
  options: object = {},
  input = '',
): Promise<Ended> {
  const child: ChildProcess = spawn(command, args, { stdio: ['pipe', 'pipe', 'pipe'], ...options });
  let stdout = '';
  let stderr = '';
  child.stdout!.setEncoding('utf8').on('data', (text: string) => (stdout += text));
  child.stderr!.setEncoding('utf8').on('data', (text: string) => (stderr += text));
  // A program may end without having read its input.
  child.stdin!.on('error', () => {}).end(input);
  const [code] = (await once(child, 'close')) as [number | null];
  return { code, stdout, stderr };
}

/** Runs `halfopen doctor`. */
export const doctor = (...args: string[]): Promise<Ended> =>
  execute(process.execPath, [main, 'doctor', ...args]);

/** The fields of the JSON report that the tests look at. */
export interface JsonReport {
  readonly sockets: number;
  readonly connectTimeoutSeconds: number | null;
  readonly findings: readonly JsonFinding[];
  readonly accepted: readonly JsonFinding[];
  readonly unknown: readonly { check: string; where: string; why: string }[];
}

/** A finding in the JSON report. */
export interface JsonFinding {
  readonly check: string;
  readonly severity: string;
  readonly subject: string;
  readonly summary: string;
  readonly why: string;
  readonly consequences: readonly { check: string; subject: string }[];
  readonly evidence: readonly { where: string; what: string }[];
  readonly fixes: readonly { kind: string; text: string }[];
}

/** A namespace that is sick until `body` ends. `said` is what the scenario printed before it was ready. */
export async function inNamespace<T>(
  scenario: string,
  body: (pid: number, said: string) => Promise<T>,
): Promise<T> {
  const child = spawn('unshare', ['-n', 'python3', join(root, 'test', 'doctor', 'provoke.py'), scenario], {
    stdio: ['pipe', 'pipe', 'pipe'],
  });
  const closed = once(child, 'close');
  let said = '';
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
  child.stdout.setEncoding('utf8');
  try {
    for await (const text of child.stdout as AsyncIterable<string>) {
      said += text;
      const ready = /^ready (\d+)$/m.exec(said);
      if (ready !== null) return await body(Number(ready[1]), said);
    }
    throw new Error(`scenario ${scenario} ended before it was ready: ${errors}`);
  } finally {
    child.stdin.end();
    await closed;
  }
}

/** What the doctor finds in a process's namespace. */
export async function examineProcess(pid: number, ...args: string[]): Promise<JsonReport> {
  const ended = await doctor('--pid', `${pid}`, '--json', '--interval', '0.3', ...args);
  if (ended.stderr !== '') throw new Error(ended.stderr);
  return JSON.parse(ended.stdout) as JsonReport;
}
