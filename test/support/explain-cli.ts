/** For tests of `halfopen explain`: the built command, and places to write to. */
import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { root } from './needs.ts';

export const main: string = join(root, 'dist', 'cli', 'main.js');
/** The capture of the documentation. */
export const sample: string = join(root, 'docs', 'examples', 'attempts.pcapng');

export interface Ended {
  readonly status: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs `halfopen explain` to its end. */
export function explainCommand(args: readonly string[], cwd: string = root, input?: Uint8Array): Ended {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, 'explain', ...args], {
    cwd,
    encoding: 'utf8',
    input,
    maxBuffer: 1 << 26,
    env: { ...process.env, NO_COLOR: '1' },
  });
  return { status, stdout, stderr };
}

/** Does something in a folder that is gone afterwards. */
export async function inFolder<T>(action: (folder: string) => Promise<T> | T): Promise<T> {
  const folder = mkdtempSync(join(tmpdir(), 'halfopen-'));
  try {
    return await action(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
