/** A stack of somebody else as a process of its own, spoken to over its standard input and output. */
import { type ChildProcessWithoutNullStreams, spawn } from 'node:child_process';
import { type StackEnd, type StackTransport, stackEnded } from '../drill/foreign/system.ts';

/** How long a process gets to end by itself when its run is over, ms. */
const graceMs = 500;
/** How much of what it wrote to standard error is kept for the message of its end, bytes. */
const keptWords = 2000;

const running = new Set<StackProcess>();

/** Kills what is left, however this process ends; a process that is killed by force closes their input, at least. */
function killAll(): void {
  for (const each of running) each.kill();
}
let watching = false;
function watchOurEnd(): void {
  if (watching) return;
  watching = true;
  process.on('exit', killAll);
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) {
    process.once(signal, () => {
      killAll();
      process.kill(process.pid, signal);
    });
  }
}

/** Starts a command line in a shell. */
export class StackProcess implements StackTransport {
  private readonly child: ChildProcessWithoutNullStreams;
  private chunks: Uint8Array[] = [];
  private words = '';
  private end: Omit<StackEnd, 'words'> | null = null;
  private readonly gone: Promise<void>;
  private wake: (() => void) | null = null;

  constructor(command: string) {
    watchOurEnd();
    // A group of its own, so that what the shell starts can be ended with it.
    this.child = spawn('/bin/sh', ['-c', command], { detached: true, stdio: 'pipe' });
    running.add(this);
    const { stdin, stdout, stderr } = this.child;
    stdout.on('data', (bytes: Uint8Array) => {
      this.chunks.push(bytes);
      this.wake?.();
    });
    stderr.on('data', (bytes: Buffer) => {
      this.words = (this.words + bytes.toString('utf8')).slice(-keptWords);
    });
    stdin.on('error', () => {}); // It has ended: 'close' says how.
    this.gone = new Promise((resolve) => {
      const over = (end: Partial<StackEnd>): void => {
        this.end ??= { status: null, signal: null, neverStarted: null, ...end };
        running.delete(this);
        this.wake?.();
        resolve();
      };
      this.child.on('error', ({ message }) => over({ neverStarted: message }));
      this.child.on('close', (status, signal) => over({ status, signal }));
    });
  }

  now(): number {
    return performance.now() * 1000;
  }

  send(bytes: Uint8Array): void {
    if (this.end === null) this.child.stdin.write(bytes);
  }

  async receive(waitUs: number): Promise<Uint8Array> {
    if (this.chunks.length === 0 && this.end === null) await this.somethingWithin(waitUs);
    const chunk = this.chunks.shift();
    if (chunk !== undefined) return chunk;
    if (this.end === null) return new Uint8Array(0);
    throw stackEnded({ ...this.end, words: this.words });
  }

  private somethingWithin(waitUs: number): Promise<void> {
    return new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        this.wake = null;
        resolve();
      };
      const timer = setTimeout(done, Math.min(Math.ceil(waitUs / 1000), 0x7fffffff));
      this.wake = done;
    });
  }

  async close(): Promise<void> {
    this.child.stdin.end();
    const timer = setTimeout(() => this.kill(), graceMs);
    await this.gone;
    clearTimeout(timer);
    this.kill();
  }

  /** Ends the process and what it started. */
  kill(): void {
    try {
      process.kill(-this.child.pid!, 'SIGKILL');
    } catch {
      // There is nobody left.
    }
  }
}
