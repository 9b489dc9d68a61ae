/** The kernel as one of the systems that `halfopen compare` compares. */
import type { ChildProcess } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { deserialize, serialize } from 'node:v8';
import type { Observation, Scenario } from '../compare/scenario.ts';
import { spawnInNamespace } from '../linux/namespace.ts';
import type { KernelAnswer, KernelTask } from './compare-kernel-child.ts';

/** Plays scenarios on the kernel, many at a time, in a process in namespaces of its own. */
export class KernelPlayers {
  private readonly child: ChildProcess;
  private readonly congestion: string;
  private readonly open = new Map<number, { resolve(it: Observation): void; reject(error: Error): void }>();
  private input = Buffer.alloc(0);
  private next = 0;

  /** @param atATime how many scenarios at a time */
  constructor(atATime: number, congestion: string) {
    this.congestion = congestion;
    const file = fileURLToPath(new URL('../cli/compare-kernel-child.js', import.meta.url));
    this.child = spawnInNamespace(process.execPath, [file, String(atATime)], {
      stdio: ['pipe', 'pipe', 'inherit'],
    });
    this.child.stdout!.on('data', (chunk: Buffer) => this.take(chunk));
    this.child.on('error', (error) => this.fail(error));
    this.child.on('close', (code, signal) =>
      this.fail(new Error(`the process on the kernel ended (${signal ?? code})`)),
    );
    this.child.stdin!.on('error', () => {}); // It ended: `close` says so.
  }

  play(scenario: Scenario): Promise<Observation> {
    const id = this.next++;
    const body = serialize({ id, scenario, congestion: this.congestion } satisfies KernelTask);
    const length = Buffer.alloc(4);
    length.writeUInt32LE(body.length);
    this.child.stdin!.write(Buffer.concat([length, body]));
    return new Promise((resolve, reject) => this.open.set(id, { resolve, reject }));
  }

  close(): void {
    this.child.stdin!.end();
  }

  private take(chunk: Buffer): void {
    this.input = Buffer.concat([this.input, chunk]);
    while (this.input.length >= 4 && this.input.length >= 4 + this.input.readUInt32LE(0)) {
      const size = this.input.readUInt32LE(0);
      const { id, observation } = deserialize(this.input.subarray(4, 4 + size)) as KernelAnswer;
      this.input = this.input.subarray(4 + size);
      this.open.get(id)?.resolve(observation);
      this.open.delete(id);
    }
  }

  private fail(error: Error): void {
    for (const { reject } of this.open.values()) reject(error);
    this.open.clear();
  }
}
