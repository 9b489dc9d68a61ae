import { afterEach, expect, test, vi } from 'vitest';
import { run } from './start.ts';

async function output(...args: string[]): Promise<{ code: number; out: string; err: string }> {
  let [out, err] = ['', ''];
  vi.spyOn(process.stdout, 'write').mockImplementation((text) => {
    out += String(text);
    return true;
  });
  vi.spyOn(process.stderr, 'write').mockImplementation((text) => {
    err += String(text);
    return true;
  });
  const code = await run(args);
  vi.restoreAllMocks();
  return { code, out, err };
}

afterEach(() => {
  vi.restoreAllMocks();
});

test('start draws the handshake: three packets, both states, options offered and in force, and what to try next', async () => {
  const { code, out } = await output();
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

test('start is the same every time, in either language', async () => {
  expect((await output()).out).toBe((await output()).out);
  expect((await output('--lang', 'zh')).out).toContain('三次握手');
});

test('start --json gives one object a line', async () => {
  const { out } = await output('--json');
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

test('start says what was wrong with its arguments', async () => {
  expect(await output('--nonsense')).toMatchObject({
    code: 2,
    out: '',
    err: "halfopen start: there is no option '--nonsense'; --help says what there is\n",
  });
  expect((await output('--lang', 'zh', '--nonsense')).err).toContain('没有选项');
});
