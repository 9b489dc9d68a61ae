import { spawnSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { root } from './needs.ts';

let place: string;
beforeAll(() => {
  place = mkdtempSync(join(tmpdir(), 'halfopen-'));
  writeFileSync(
    join(place, 'one.pkt'),
    '0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+0...0.05 connect(3, ..., ...) = 0\n+0 > S 0:0(0) <...>\n' +
      '+.05 < S. 0:0(0) ack 1 win 65535 <mss 1000>\n+0 > . 1:1(0) ack 1\n',
  );
});
afterAll(() => rmSync(place, { recursive: true }));

/** A tool as npm runs it: in the project's root, told where the user stands. */
function tool(name: string, ...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [join(root, 'tools', name), ...args], {
    cwd: root,
    encoding: 'utf8',
    env: { ...process.env, INIT_CWD: place, NO_COLOR: '1' },
  });
}

test('npm start takes files relative to where the user stands, and the options of run with their values', () => {
  const { status, stdout } = tool('start.mjs', '--ip', 'ipv6', 'one.pkt');
  expect(stdout).toMatch(/^ok {3}one.pkt \(ipv6\)/);
  expect(status).toBe(0);
});

test('npm run conformance fails on a folder that holds none of the scripts it knows', () => {
  const { status, stderr } = tool('conformance.mjs', '.');
  expect(stderr).toMatch(/has none of the scripts in test.conformance-passes.txt: is it the right folder/);
  expect(status).toBe(1);
});
