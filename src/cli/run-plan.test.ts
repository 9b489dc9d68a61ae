import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';
import { expect, test, vi } from 'vitest';
import type { JobResult } from './run-job.ts';
import { type Planned, planRuns } from './run-plan.ts';
import { runPlan } from './run-pool.ts';

const common = {
  defines: [],
  options: [],
  python: false,
  seed: 1,
  untrusted: false,
  timeoutMs: 60_000,
};

vi.mock('node:fs', async (original) => {
  const fs = await original<typeof import('node:fs')>();
  const readdirSync = (path: string, options: { withFileTypes: true }): unknown => {
    if (path.endsWith('closed')) throw Object.assign(new Error('no'), { code: 'EACCES' });
    return fs.readdirSync(path, options);
  };
  return { ...fs, readdirSync };
});

test('a folder that may not be read is one failure, and the scripts beside it are found', () => {
  const place = mkdtempSync(join(tmpdir(), 'halfopen-'));
  mkdirSync(join(place, 'closed'));
  writeFileSync(join(place, 'a.pkt'), '');
  writeFileSync(join(place, 'z.pkt'), '');
  const told = planRuns([place], null, common).map((it) =>
    'job' in it ? it.job.file : `${it.result.file}: ${it.result.failure?.message}`,
  );
  rmSync(place, { recursive: true });
  expect(told).toEqual([
    join(place, 'a.pkt'),
    `${join(place, 'closed')}: the folder cannot be read: permission denied`,
    join(place, 'z.pkt'),
  ]);
});

test('a thread that dies fails its own script, and the others run', async () => {
  const code = `const { parentPort } = require('node:worker_threads');
    parentPort.on('message', ({ index, job }) => {
      if (job.file === 'throws') throw new Error('out of luck');
      if (job.file === 'exits') process.exit(3);
      parentPort.postMessage({ index, result: { file: job.file, failure: null } });
    });`;
  const names = ['a', 'throws', 'b', 'exits', 'c', 'throws', 'exits'];
  const plan = names.map((file): Planned => ({ job: { file, ip: 'ipv4', root: '/', ...common } }));
  const results: JobResult[] = [];
  await runPlan(
    plan,
    2,
    (result) => results.push(result),
    () => new Worker(code, { eval: true }),
  );
  const told = results.map(({ file, failure }) =>
    failure === null ? file : `${file}: ${failure.kind}: ${failure.message}`,
  );
  const dead = 'internal: internal error: the thread that ran this script ended:';
  const [throws, exits] = [`throws: ${dead} out of luck`, `exits: ${dead} exit code 3`];
  expect(told).toEqual(['a', throws, 'b', exits, 'c', throws, exits]);
});

test('a thread that does not come to an end is ended at the time-out, and the others run', async () => {
  const code = `const { parentPort } = require('node:worker_threads');
    parentPort.on('message', ({ index, job }) => {
      if (job.file === 'endless') for (;;);
      parentPort.postMessage({ index, result: { file: job.file, failure: null } });
    });`;
  const plan = ['a', 'endless', 'b'].map(
    (file): Planned => ({
      job: { file, ip: 'ipv4', root: '/', ...common, timeoutMs: file === 'endless' ? 200 : 60_000 },
    }),
  );
  const told: string[] = [];
  const tell = ({ file, failure }: JobResult): void => void told.push(`${file}: ${failure?.message ?? 'ok'}`);
  await runPlan(plan, 1, tell, () => new Worker(code, { eval: true }));
  expect(told).toEqual([
    'a: ok',
    'endless: it took longer than 0.2 s and was ended (--timeout N allows more)',
    'b: ok',
  ]);
});
