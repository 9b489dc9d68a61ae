/** Runs programs in a network namespace of their own, in which self-connects are frequent. */
import { type SpawnSyncReturns, spawnSync } from 'node:child_process';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { root } from '../support/needs.ts';

/** What the built guard is imported by. */
export const guard: string = pathToFileURL(join(root, 'dist', 'guard', 'index.js')).href;

/** With twenty ports, a plain connect() to the first of them meets itself about once in ten tries. */
export const ports = { low: 50_000, high: 50_019 };

/**
 * `halfopen guard` ends self-connects of the whole machine, those of other tests too: it runs alone. `flock` in front of a
 * command that meets itself on purpose (shared), or of the guard (exclusive).
 */
export const turn = (kind: 'shared' | 'exclusive'): string[] => [
  'flock',
  `--${kind}`,
  '--no-fork',
  join(tmpdir(), 'halfopen-self-connects.lock'),
];

/**
 * Runs a command in a fresh namespace with loopback up and the ephemeral range set.
 * @param beside whether `halfopen guard` is to act on it
 */
export function inNamespace(
  command: readonly string[],
  env: Record<string, string> = {},
  beside: 'guard' | 'nothing' = 'nothing',
): SpawnSyncReturns<string> {
  const set = `ip link set lo up && echo ${ports.low} ${ports.high} > /proc/sys/net/ipv4/ip_local_port_range`;
  const inside = ['unshare', '-n', 'sh', '-c', `${set} && exec "$@"`, 'sh', ...command];
  const [first, ...rest] = beside === 'guard' ? inside : [...turn('shared'), ...inside];
  return spawnSync(first!, rest, {
    encoding: 'utf8',
    env: { ...process.env, NODE_OPTIONS: '', ...env },
    maxBuffer: 1 << 26,
    timeout: 600_000,
  });
}

/** What test/guard/program.mjs prints. */
export interface Seen {
  tries: number;
  refused: number;
  unexpected: number;
  first?: string;
  errors: Record<string, unknown>[];
  stopped: number;
  mode?: string;
  bound: true | string;
}

export interface Run {
  client: string;
  host?: string;
  port?: number;
  tries: number;
  guarded: boolean;
  node?: string;
  env?: Record<string, string>;
  /** Options for node. */
  options?: string[];
  /** What to run after the program in the same namespace; its output follows the program's line. */
  afterwards?: string;
}

/** Runs the program in a namespace and reads what it saw. */
export function observe(run: Run): Seen & { stderr: string; rest: string } {
  const { client, host = '127.0.0.1', port = ports.low, tries, guarded, node = process.execPath } = run;
  const program = join(root, 'test', 'guard', 'program.mjs');
  const options = [...(run.options ?? []), ...(guarded ? ['--import', guard] : [])];
  const command = [node, ...options, program, client, host, `${port}`, `${tries}`];
  const script = run.afterwards === undefined ? 'exec "$@"' : `"$@" && ${run.afterwards}`;
  const result = inNamespace(['sh', '-c', script, 'sh', ...command], run.env);
  const [line, ...rest] = result.stdout.split('\n');
  if (result.status !== 0 || !line)
    throw new Error(`${client} failed (${result.status ?? result.signal}): ${result.stderr}`);
  return { ...(JSON.parse(line) as Seen), stderr: result.stderr, rest: rest.join('\n') };
}
