import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { buildLwip, buildTiny } from '../../tools/stacks.mjs';
import { root, testNeeding } from '../support/needs.ts';

const place = mkdtempSync(join(tmpdir(), 'halfopen-'));
afterAll(() => rmSync(place, { recursive: true }));

const server = `0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 bind(3, ..., ...) = 0
+0 listen(3, 1) = 0
+0...0.1 accept(3, ..., ...) = 4
+0 < S 0:0(0) win 32792 <mss 1000>
+0~+.07 > S. 0:0(0) ack 1 win * <...>
`;
const scripts = {
  server: `${server}+.1 < . 1:1(0) ack 1 win 257\n`,
  open: `${server.replace('+0...0.1 accept(3, ..., ...) = 4\n', '')}+.1 < . 1:1(0) ack 1 win 257\n+0 accept(3, ..., ...) = 4\n`,
  data: `${server}+.1 < . 1:1(0) ack 1 win 257
+.1 < P. 1:1001(1000) ack 1 win 257
+0~+.3 > . 1:1(0) ack 1001
+0 read(4, ..., 2000) = 1000
`,
  client: `0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0...0.1 connect(3, ..., ...) = 0
+0 > S 0:0(0) <...>
+.1 < S. 0:0(0) ack 1 win 32792 <mss 1000>
+0 > . 1:1(0) ack 1
+0 close(3) = 0
* > F. 1:1(0) ack 1
`,
  refused: `0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK) = 0
+0 connect(3, ..., ...) = -1 EINPROGRESS (in progress)
+0 > S 0:0(0) <...>
+0 < R. 0:0(0) ack 1 win 0
+0 getsockopt(3, SOL_SOCKET, SO_ERROR, [ECONNREFUSED], [4]) = 0
`,
  sysctl: `\`sysctl -q net.ipv4.tcp_sack=0\`\n${server}`,
};
for (const [name, text] of Object.entries(scripts)) writeFileSync(join(place, `${name}.pkt`), text);

const run = (on: string, names: readonly (keyof typeof scripts)[], ...more: string[]) => {
  const files = names.map((name) => join(place, `${name}.pkt`));
  const args = [join(root, 'dist/cli/main.js'), 'run', '--on', on, ...more, ...files];
  const { stdout, stderr, status } = spawnSync(process.execPath, args, { encoding: 'utf8' });
  return {
    status,
    text: (stdout + stderr).replaceAll(`${place}/`, '').replace(/ {2}[\d.]+ s virtual, .*/g, ''),
  };
};

const testLwip = testNeeding('test/exec/exec.test.ts', 'lwip');

describe('halfopen run --on exec:', () => {
  testLwip('runs scripts on Debian’s lwIP; what it has not is no failure', () => {
    expect(run(buildLwip()!, ['server', 'open', 'data', 'client', 'refused', 'sysctl'])).toEqual({
      status: 0,
      text: [
        'ok   server.pkt (ipv4)',
        'ok   open.pkt (ipv4)',
        'ok   data.pkt (ipv4)',
        'ok   client.pkt (ipv4)',
        'ok   refused.pkt (ipv4)',
        'skip sysctl.pkt (ipv4)  cannot run here: the stack runs no commands (sysctl and the like)',
        '5 passed, 0 failed, 1 cannot run here',
        '',
      ].join('\n'),
    });
  });

  testLwip('the example in C has at most 150 lines', () => {
    const text = readFileSync(join(root, 'docs/examples/lwip-stack.c'), 'utf8');
    expect(text.split('\n').length - 1).toBeLessThanOrEqual(150);
  });

  test('runs scripts on the tiny stack as a program, several at once, with a capture and a ladder', () => {
    const on = buildTiny();
    const pcap = join(place, 'out.pcapng');
    const { status, text } = run(on, ['server', 'data', 'client'], '--jobs', '3', '--pcap', pcap, '--ladder');
    expect(status).toBe(0);
    expect(text).toMatch(
      /ok {3}server.pkt[\s\S]*ok {3}data.pkt[\s\S]*skip client.pkt .*the stack has no connect\(\)/,
    );
    expect(text).toMatch(/◀─+ SYN ─/);
    expect(readFileSync(pcap).length).toBeGreaterThan(400);
    const json = run(on, ['client'], '--json');
    expect(json.status).toBe(2);
    expect(JSON.parse(json.text)).toMatchObject({
      ok: null,
      error: null,
      cannotRun: 'cannot run here: the stack has no connect()',
    });
    expect(run(on, ['client'], '--tap').text).toMatch(/^ok 1 - client.pkt \(ipv4\) # SKIP cannot run here/m);
  });

  test('runs scripts on a stack in real time, which was written from the docs page alone', () => {
    const on = `exec:exec node '${join(root, 'test/exec/real-time-stack.mjs')}'`;
    const more = ['--time', 'real', '--tolerance_usecs', '500000'];
    expect(run(on, ['server', 'open'], ...more)).toMatchObject({
      status: 0,
      text: expect.stringMatching(/ok {3}server.*\nok {3}open.*\n2 passed, 0 failed/),
    });
    expect(run(on, ['data'], ...more, '--patience', '1').text).toMatch(
      /data.pkt:9: .*Timed out waiting for packet/,
    );
  });

  test('a stack that crashes, hangs, ends or prints is one clear error, and nothing of it is left', () => {
    const tiny = buildTiny().replace('exec:exec ', '');
    const told = (command: string, ...more: string[]): string => {
      const { status, text } = run(`exec:${command}`, ['server'], ...more);
      expect(status).toBe(1);
      return text;
    };
    expect(told('echo oops >&2; exit 3')).toMatch(
      /server.pkt: the stack ended in mid-run with exit status 3\n {2}oops/,
    );
    expect(told('kill -SEGV $$')).toMatch(/the stack was ended in mid-run by SIGSEGV/);
    expect(told('./there-is-none')).toMatch(/exit status 127\n.*there-is-none: not found/);
    expect(told('echo Listening; cat >/dev/null')).toMatch(/wrote what is no frame .*'Listening\./);
    expect(told(`head -c 150 | ${tiny}`)).toMatch(/server.pkt:\d: the stack ended in mid-run|did not answer/);
    const mark = `sleep 98.${process.pid}`;
    const began = performance.now();
    expect(told(mark, '--patience', '1')).toMatch(/the stack did not answer HELLO within 1 s/);
    expect(performance.now() - began).toBeLessThan(15_000);
    expect(spawnSync('pgrep', ['-f', mark]).status).toBe(1);
  });

  test('wrong usage is told', () => {
    expect(run('lwip', ['server'])).toEqual({
      status: 2,
      text: "halfopen run: --on takes built-in, kernel or exec:COMMAND, not 'lwip'\n",
    });
    expect(run('exec:', ['server']).status).toBe(2);
    expect(run('exec:true', ['server'], '--time', 'slow').text).toMatch(
      /--time takes virtual or real, not 'slow'/,
    );
    expect(run('built-in', ['server'], '--time', 'real').text).toMatch(/are for --on exec:COMMAND/);
  });
});
