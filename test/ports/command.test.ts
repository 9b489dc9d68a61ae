import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { root } from '../support/needs.ts';

const port = (...args: string[]) =>
  spawnSync(process.execPath, [join(root, 'dist/cli/main.js'), 'port', ...args], {
    encoding: 'utf8',
    timeout: 30_000,
  });

const dial = `require('node:net').connect({ port: +process.env.P, host: '127.0.0.1', timeout: 300 })
  .on('connect', () => { console.log('connected'); process.exit(0); })
  .on('error', (error) => { console.log(error.code); process.exit(3); })
  .on('timeout', () => { console.log('silence'); process.exit(4); });`;

test.each([
  ['free', 'ECONNREFUSED', 3],
  ['refusing', 'ECONNREFUSED', 3],
  ['silent', 'silence', 4],
  ['stalling', 'connected', 0],
])('halfopen port runs a command with a %s port and hands its exit code on', (kind, seen, code) => {
  const { stdout, stderr, status } = port(`P=${kind}`, '--', process.execPath, '-e', dial);
  expect({ stdout, stderr, status }).toEqual({ stdout: `${seen}\n`, stderr: '', status: code });
});

test('halfopen port puts numbers into arguments and the environment, several at once', () => {
  const { stdout } = port('A=free', 'B=refusing', '--', 'sh', '-c', 'echo {A} $A {B} $B');
  const [a1, a2, b1, b2] = stdout.trim().split(' ');
  expect([a1, b1]).toEqual([a2, b2]);
  expect(Number(a1)).toBeGreaterThan(10_000);
  expect(a1).not.toBe(b1);
});

test('halfopen port says what is wrong, and ends with 128 and the number of the signal', () => {
  expect(port('A=loud', '--', 'true')).toMatchObject({ status: 2, stdout: '' });
  expect(port('A=free').stderr).toContain('no command');
  expect(port('--', 'no-such-program-here').status).toBe(127);
  expect(port('--', 'sh', '-c', 'kill -KILL $$').status).toBe(137);
  expect(port('--lang', 'zh').stderr).toContain('没有命令');
});
