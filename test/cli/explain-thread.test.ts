/** `halfopen explain --json` of a capture so large that a second thread writes the lines. */
import { spawnSync } from 'node:child_process';
import { closeSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { generate } from '../../bench/explain-generate.mjs';
import { mayHaveThread } from '../../src/cli/explain-thread.ts';
import { main } from '../support/explain-cli.ts';

const place = mkdtempSync(join(tmpdir(), 'halfopen-'));
const large = join(place, 'large.pcap');
const out = join(place, 'out.ndjson');

beforeAll(() => generate('connections', large, 90_000));
afterAll(() => rmSync(place, { recursive: true }));

/** Runs explain --json with standard output to a file. */
function toFile(path: string, file: string, input?: Uint8Array): { status: number | null; stderr: string } {
  const target = openSync(path, 'w');
  try {
    const { status, stderr } = spawnSync(process.execPath, [main, 'explain', '--json', file], {
      input,
      stdio: ['pipe', target, 'pipe'],
      encoding: 'utf8',
    });
    return { status, stderr };
  } finally {
    closeSync(target);
  }
}

test('lines are the same as those that one thread writes of the same bytes from a pipe', () => {
  expect(mayHaveThread('-')).toBe(false);
  expect(toFile(out, '-', readFileSync(large))).toEqual({ status: 0, stderr: '' });
  const alone = readFileSync(out);
  expect(toFile(out, large)).toEqual({ status: 0, stderr: '' });
  expect(readFileSync(out).equals(alone)).toBe(true);
  expect(alone.toString().split('\n')).toHaveLength(90_001);
});

test('a capture that is cut off has its lines, one message and exit code 1', () => {
  const cut = join(place, 'cut.pcap');
  writeFileSync(cut, readFileSync(large).subarray(0, -5));
  const { status, stderr } = toFile(out, cut);
  expect(status).toBe(1);
  expect(stderr).toMatch(/^halfopen explain: .*cut\.pcap: the capture is cut off: .*\n$/);
  expect(readFileSync(out, 'utf8').split('\n')).toHaveLength(90_001);
});

test('an output that is full is one message and exit code 1', () => {
  expect(toFile('/dev/full', large)).toEqual({
    status: 1,
    stderr: 'halfopen explain: cannot write standard output: the disk is full\n',
  });
});

test('an output that nobody reads any more ends the command in silence', () => {
  const { stdout, stderr, status } = spawnSync(
    'sh',
    ['-c', `"${process.execPath}" "${main}" explain --json "${large}" | head -n 1`],
    { encoding: 'utf8' },
  );
  expect(stdout).toMatch(/^\{"attempt":\d+,.*\}\n$/);
  expect({ stderr, status }).toEqual({ stderr: '', status: 0 });
});
