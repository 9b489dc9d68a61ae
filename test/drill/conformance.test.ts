import { readdirSync, readFileSync, realpathSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'vitest';
import { restrictedTo, runJob } from '../../src/cli/run-job.ts';
import { headline } from '../../src/drill/report.ts';
import { root, testNeeding } from '../support/needs.ts';

const suiteTest = testNeeding('test/drill/conformance.test.ts', 'packetdrill-suite');
const suite = process.env.PACKETDRILL_SUITE ?? '';
// The suite's folders share scripts beside theirs (tcp/common is a link to ../common).
const place = suite === '' ? '' : realpathSync(join(suite, '..'));

/** What fails among scripts of the suite, each run in the first address set-up that it is made for. */
const failing = (names: readonly string[]): string[] =>
  names.flatMap((name) => {
    const file = join(suite, name);
    const ip = restrictedTo(file, place)?.[0] ?? 'ipv4';
    const { failure } = runJob({
      file,
      ip,
      defines: [],
      options: [],
      python: false,
      seed: 1,
      root: place,
      untrusted: false,
      timeoutMs: 60_000,
    });
    return failure === null ? [] : [headline(failure)];
  });

suiteTest('the scripts of the outside suite that passed once still pass', () => {
  const names = readFileSync(join(root, 'test', 'drill', 'conformance-passes.txt'), 'utf8')
    .trim()
    .split('\n');
  expect(failing(names)).toEqual([]);
  expect(names.length).toBeGreaterThanOrEqual(135);
});

suiteTest.each(['blocking', 'close', 'mss', 'validate', 'ioctl'])(
  'every script of the outside suite in %s passes',
  (folder) => {
    const names = readdirSync(join(suite, folder), { recursive: true, encoding: 'utf8' })
      .filter((name) => name.endsWith('.pkt'))
      .map((name) => join(folder, name));
    expect(names.length).toBeGreaterThan(0);
    expect(failing(names)).toEqual([]);
  },
);
