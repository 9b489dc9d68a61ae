/** Starts `halfopen guard`, and programs beside it in a namespace where self-connects are frequent. */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { root } from '../support/needs.ts';
import { inNamespace, turn } from './namespace.ts';

/** A line of `halfopen guard --json`. */
export interface Line {
  deed: string;
  address: string;
  port: number;
  state: string;
  livedUs: number | null;
  process: string | null;
  networkNamespace: number;
  ownNamespace: boolean;
}

/** A guard that is on watch. */
export class HostGuard {
  private readonly child: ChildProcess;
  private text = '';
  /** What it said of itself. */
  notes = '';

  private constructor(args: readonly string[]) {
    const [first, ...rest] = [
      ...turn('exclusive'),
      process.execPath,
      join(root, 'dist/cli/main.js'),
      'guard',
    ];
    this.child = spawn(first!, [...rest, '--json', ...args]);
    this.child.stdout!.setEncoding('utf8').on('data', (data: string) => {
      this.text += data;
    });
    this.child.stderr!.setEncoding('utf8').on('data', (data: string) => {
      this.notes += data;
    });
  }

  /** Starts one and waits until it is on watch. */
  static async start(...args: string[]): Promise<HostGuard> {
    const guard = new HostGuard(args);
    while (!guard.notes.includes('on watch')) {
      if (guard.child.exitCode !== null) throw new Error(`halfopen guard ended: ${guard.notes}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    return guard;
  }

  /** Its lines so far that are about sockets of other namespaces than this test's own. */
  get lines(): Line[] {
    const complete = this.text.split('\n').slice(0, -1);
    return complete.map((line) => JSON.parse(line) as Line).filter(({ ownNamespace }) => !ownNamespace);
  }

  /** Interrupts it. @returns its exit code */
  async stop(): Promise<number | null> {
    if (this.child.exitCode !== null) return this.child.exitCode;
    this.child.kill('SIGINT');
    const [code] = (await once(this.child, 'exit')) as [number | null];
    return code;
  }
}

/** What self-connector.py prints. */
export interface Ends {
  ends: Record<string, number>;
  binds: Record<string, number>;
  ownBytes: number;
}

/** Connects a Python program to itself `count` times in a namespace of its own. */
export function selfConnect(count: number): Ends {
  const script = join(root, 'test/guard/self-connector.py');
  const { stdout, stderr, status } = inNamespace(['python3', script, '50000', `${count}`], {}, 'guard');
  if (status !== 0) throw new Error(`self-connector.py: ${stderr}`);
  return JSON.parse(stdout) as Ends;
}

/** How many of `count` ordinary connections went wrong in a namespace of its own. */
export function bystanders(count: number): ChildProcess {
  const script = 'ip link set lo up && exec python3 "$@"';
  return spawn('unshare', [
    '-n',
    'sh',
    '-c',
    script,
    'sh',
    join(root, 'test/guard/bystanders.py'),
    `${count}`,
  ]);
}

export const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

/** Whether a command line is refused, and how. */
export const guardCommand = (
  ...args: string[]
): ReturnType<typeof spawnSync> & { stdout: string; stderr: string } =>
  spawnSync(process.execPath, [join(root, 'dist/cli/main.js'), 'guard', ...args], { encoding: 'utf8' });
