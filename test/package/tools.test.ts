import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { root } from '../support/needs.ts';

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

test('what npm start suggests to try next runs where the user stands, in folders with blanks too', () => {
  const clone = join(place, 'a clone');
  mkdirSync(clone);
  for (const name of ['dist', 'scripts', 'package.json'])
    cpSync(join(root, name), join(clone, name), { recursive: true });
  symlinkSync(join(root, 'node_modules'), join(clone, 'node_modules'));
  const suggested = (cwd: string): string => {
    const options = { cwd, encoding: 'utf8', env: { ...process.env, NO_COLOR: '1' } } as const;
    const { stdout } = spawnSync(process.execPath, [join(clone, 'dist', 'cli', 'main.js'), 'start'], options);
    return / {2}(\S.* run --ladder .*?) {3}/.exec(stdout)![1]!;
  };
  expect(suggested(clone)).toBe('npx halfopen run --ladder scripts/*.pkt');
  expect(suggested(join(clone, 'scripts'))).toBe('npx halfopen run --ladder ./*.pkt');
  const line = suggested(place);
  expect(line).toBe('node "a clone/dist/cli/main.js" run --ladder "a clone/scripts"/*.pkt');
  const { stdout, status } = spawnSync(line, { cwd: place, encoding: 'utf8', shell: true, maxBuffer: 1e8 });
  expect(stdout).toMatch(/\n\d+ passed, 0 failed\n$/);
  expect(status).toBe(0);
});

test('npm run conformance fails on a folder that holds none of the scripts it knows', () => {
  const { status, stderr } = tool('conformance.mjs', '.');
  expect(stderr).toMatch(
    /has none of the scripts in test.drill.conformance-passes.txt: is it the right folder/,
  );
  expect(status).toBe(1);
});
