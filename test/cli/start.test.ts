import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { root } from '../support/needs.ts';

function output(...args: string[]): { code: number | null; out: string; err: string } {
  const main = join(root, 'dist', 'cli', 'main.js');
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, 'start', ...args], {
    encoding: 'utf8',
  });
  return { code: status, out: stdout, err: stderr };
}

test('start draws the handshake: three packets, both states, options offered and in force, and what to try next', () => {
  const { code, out } = output();
  expect(code).toBe(0);
  expect(out).toMatch(/SYN-SENT │── SYN ─+▶│ SYN-RECEIVED/);
  expect(out).toMatch(/ESTABLISHED │◀─+ SYN, ACK ──│/);
  expect(out).toMatch(/│── ACK ─+▶│ ESTABLISHED/);
  expect(out).toContain('offers MSS 1460, SACK,');
  expect(out).toContain('in force:');
  expect(out.match(/\(ISN \+ 1\)/g)).toHaveLength(3);
  expect(out.split('Try next:\n')[1]!.trim().split('\n').length).toBe(3);
  for (const line of out.split('\n')) expect(line.length).toBeLessThanOrEqual(100);
});

test('start is the same every time, in either language', () => {
  expect(output().out).toBe(output().out);
  expect(output('--lang', 'zh').out).toContain('三次握手');
});

test('start --json gives one object a line', () => {
  const { out } = output('--json');
  const rows = out
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as { kind: string; text?: string });
  expect(rows.filter(({ kind }) => kind === 'sent').map(({ text }) => /\[.*\]/.exec(text!)![0])).toEqual([
    '[SYN]',
    '[SYN, ACK]',
    '[ACK]',
  ]);
});

test('start says what was wrong with its arguments', () => {
  expect(output('--nonsense')).toMatchObject({
    code: 2,
    out: '',
    err: "halfopen start: there is no option '--nonsense'; --help says what there is\n",
  });
  expect(output('--lang', 'zh', '--nonsense').err).toContain('没有选项');
});
