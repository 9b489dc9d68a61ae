import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { root, testNeeding } from '../support/needs.ts';

const main = join(root, 'dist', 'cli', 'main.js');
let place: string;
const inPlace = (name: string): string => join(place, name);

const good = `0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0...0.05 connect(3, ..., ...) = 0
+0 > S 0:0(0) <...>
+.05 < S. 0:0(0) ack 1 win 65535 <mss 1000>
+0 > . 1:1(0) ack 1
`;

beforeAll(() => {
  place = mkdtempSync(join(tmpdir(), 'halfopen-'));
  writeFileSync(inPlace('good.pkt'), good);
  writeFileSync(inPlace('bad.pkt'), good.replace('> . 1:1(0) ack 1', '> . 1:1(0) ack 2'));
  writeFileSync(inPlace('broken.pkt'), '0 > S 0:0(0) <mss\n');
  writeFileSync(inPlace('endless.pkt'), `${good}* > P. 1:2(1) ack 1\n`);
  writeFileSync(inPlace('python.pkt'), `${good}+0 %{ import math }%\n`);
  writeFileSync(
    inPlace('python2.pkt'),
    `${good}+0 %{ import math\nassert math.sqrt(4) == tcpi_state + 1.5 }%\n`,
  );
  writeFileSync(inPlace('printing.pkt'), `${good}+0 %{ print('state', tcpi_state) }%\n`);
  writeFileSync(inPlace('command.pkt'), `${good}+0 \`no-such-command\`\n`);
  writeFileSync(inPlace('touching.pkt'), `\`echo hello > ${inPlace('touched')}\`\n${good}`);
});
afterAll(() => rmSync(place, { recursive: true }));

function run(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, 'run', ...args], {
    cwd: place,
    encoding: 'utf8',
    env: { ...process.env, NO_COLOR: '1' },
  });
  return { status, stdout, stderr };
}

const time = /\d+(\.\d+)? s virtual, [\d.]+ ms/;

describe('halfopen run', () => {
  test('a line a script, then the counts; exit 0 if all pass', () => {
    const { status, stdout, stderr } = run('good.pkt', 'printing.pkt');
    expect(stdout.replaceAll(new RegExp(time, 'g'), 'TIME')).toBe(
      'ok   good.pkt (ipv4)  TIME\nok   printing.pkt (ipv4)  TIME\n2 passed, 0 failed\n',
    );
    expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
  });

  test('every kind of failure is one clear message, and the other scripts still run', () => {
    const names = [
      'bad.pkt',
      'broken.pkt',
      'missing.pkt',
      'endless.pkt',
      'python.pkt',
      'command.pkt',
      'good.pkt',
    ];
    const { status, stdout } = run(...names);
    expect(status).toBe(1);
    expect(stdout).toMatch(/bad.pkt:5: error handling packet: live packet field tcp_ack_seq: expected: 2/);
    expect(stdout).toMatch(/broken.pkt:2: parse error at 'end of file'|broken.pkt:1: parse error/);
    expect(stdout).toMatch(/missing.pkt: the script cannot be read: there is no such file/);
    expect(stdout).toMatch(/endless.pkt:6: error handling packet: no such packet will ever come/);
    expect(stdout).toMatch(/python.pkt:6: Python code not understood: 'import' is more Python/);
    expect(stdout).toMatch(/command.pkt:6: error executing `no-such-command` command: non-zero status 127/);
    expect(stdout).toMatch(/1 passed, 6 failed\n$/);
  });

  test('--json: one object a line with the fields that are promised', () => {
    const { stdout, status } = run('--json', 'good.pkt', 'bad.pkt', 'missing.pkt');
    const rows = stdout
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    expect(rows[0]).toEqual({
      script: 'good.pkt',
      ip: 'ipv4',
      ok: true,
      virtualSeconds: 0.05,
      wallMs: expect.any(Number),
      error: null,
    });
    expect(rows[1].error).toEqual({
      kind: 'packet',
      file: 'bad.pkt',
      line: 5,
      column: 1,
      message: expect.stringMatching(/tcp_ack_seq/),
      expected: '0.050000 . 1:1(0) ack 2',
      actual: expect.stringMatching(/^0.050000 \. 1:1\(0\) ack 1 win/),
    });
    expect(rows[2].error).toMatchObject({ kind: 'parse', line: 0, expected: null });
    expect(status).toBe(1);
  });

  test('--tap', () => {
    const { stdout } = run('--tap', 'good.pkt', 'bad.pkt');
    expect(stdout).toMatch(
      /^TAP version 13\n1\.\.2\nok 1 - good.pkt \(ipv4\)\nnot ok 2 - bad.pkt \(ipv4\)\n# bad.pkt:5: /,
    );
  });

  test('--ip runs each script in each address set-up', () => {
    const { stdout } = run('--ip', 'ipv4,ipv6,mapped', 'good.pkt');
    expect([...stdout.matchAll(/\((\w+)\)/g)].map((match) => match[1])).toEqual(['ipv4', 'ipv6', 'mapped']);
  });

  test('--ip: a version has one run, whatever it is called, and what does not fit is told as skipped', () => {
    const { stdout } = run('--ip', 'mapped,ipv4-mapped-ipv6', 'good.pkt');
    expect(stdout).toMatch(/^ok.*\n1 passed, 0 failed\n$/);
    expect(run('--ip', 'ipv4,ipv6', '--ip_version=ipv6', 'good.pkt').stdout).toMatch(/1 passed, 0 failed\n$/);
    writeFileSync(inPlace('six.pkt'), `--ip_version=ipv6\n${good}`);
    expect(run('--ip', 'ipv4', 'six.pkt', 'good.pkt')).toMatchObject({
      status: 0,
      stdout: expect.stringMatching(
        /^skip six.pkt \(ipv4\) {2}made for ipv6 only\n[\s\S]*1 passed, 0 failed, 1 skipped\n$/,
      ),
    });
    expect(run('--tap', '--ip', 'ipv4', 'six.pkt', 'good.pkt').stdout).toContain(
      '1..2\nok 1 - six.pkt (ipv4) # SKIP made for ipv6 only\nok 2 - good.pkt (ipv4)\n',
    );
    const [row] = run('--json', '--ip', 'ipv4', 'six.pkt', 'good.pkt').stdout.split('\n');
    expect(JSON.parse(row!)).toMatchObject({ script: 'six.pkt', ok: null, skipped: 'made for ipv6 only' });
  });

  test('a path that leads nowhere, or a folder without scripts, fails for itself: the others run', () => {
    mkdirSync(inPlace('empty'));
    const { status, stdout, stderr } = run('good.pkt/foo', 'empty', 'good.pkt');
    expect({ status, stderr }).toEqual({ status: 1, stderr: '' });
    expect(stdout).toMatch(/good.pkt\/foo: the script cannot be read: a part of the path is no folder/);
    expect(stdout).toMatch(/empty: there is no \*\.pkt in this folder/);
    expect(stdout).toMatch(/1 passed, 2 failed\n$/);
  });

  test('a command that every JavaScript object has is none of ours', () => {
    const { status, stderr } = spawnSync(process.execPath, [main, 'toString'], { encoding: 'utf8' });
    expect({ status, line: stderr.split('\n')[0] }).toEqual({
      status: 2,
      line: "halfopen: there is no command 'toString'",
    });
  });

  test('--dry_run reads only', () => {
    expect(run('--dry_run', 'bad.pkt').status).toBe(0);
    expect(run('--dry_run', 'broken.pkt').status).toBe(1);
  });

  test('--ladder draws the run, and a run that fails alone is drawn anyway', () => {
    for (const args of [['--ladder', 'good.pkt'], ['bad.pkt']]) {
      const { stdout } = run(...args);
      expect(stdout).toMatch(/host under test/);
      expect(stdout).toMatch(/SYN, ACK/);
      expect(stdout).toMatch(/ESTABLISHED/);
    }
  });

  test('--verbose shows packets and what was printed; -D and options of packetdrill reach the script', () => {
    const { stdout } = run('-v', 'printing.pkt');
    expect(stdout).toMatch(/outbound +0\.000000 .*SYN/);
    expect(stdout).toMatch(/state 1/);
    writeFileSync(inPlace('defined.pkt'), good.replace('= 3', '= FD'));
    expect(run('-D', 'FD=3', 'defined.pkt').status).toBe(0);
    expect(run('--strict_segments', '--tolerance_usecs=1', 'good.pkt').status).toBe(0);
  });

  test.runIf(process.platform !== 'win32')('a script may come through a pipe, in several set-ups too', () => {
    const command = 'cat good.pkt | "$0" "$1" run --ip ipv4,ipv6 /dev/stdin';
    const { stdout, status } = spawnSync('sh', ['-c', command, process.execPath, main], {
      cwd: place,
      encoding: 'utf8',
    });
    expect(stdout.replaceAll(new RegExp(time, 'g'), 'TIME')).toBe(
      'ok   /dev/stdin (ipv4)  TIME\nok   /dev/stdin (ipv6)  TIME\n2 passed, 0 failed\n',
    );
    expect(status).toBe(0);
  });

  test('what is no script is refused without harm: a device without end, a huge file, signs for the terminal', () => {
    writeFileSync(inPlace('huge.pkt'), '+0 > . 1:1(0) ack 1\n'.repeat(300_000));
    writeFileSync(inPlace('signs.pkt'), `0 > ${'S '.repeat(1000)}\x1b[2J\x9b1A\n`);
    const paths = process.platform === 'win32' ? ['huge.pkt'] : ['huge.pkt', '/dev/zero'];
    const { stdout, status } = run(...paths, 'good.pkt');
    for (const path of paths)
      expect(stdout).toContain(
        `${path}: the script cannot be read: it is longer than 4 MiB: is it a script?`,
      );
    expect(stdout).toMatch(/ok {3}good.pkt/);
    expect(status).toBe(1);
    const signs = run('signs.pkt').stdout;
    expect(signs.replaceAll(/[\t\n]/g, '')).not.toMatch(/\p{Cc}/u);
    for (const line of signs.split('\n')) expect(line.length).toBeLessThan(300);
  });

  test('--pcap writes what tcpdump would have seen', () => {
    expect(run('--pcap', 'out.pcapng', 'good.pkt').status).toBe(0);
    const bytes = readFileSync(inPlace('out.pcapng'));
    expect(bytes.readUInt32LE(0)).toBe(0x0a0d0d0a);
    expect(run('--pcap', 'no/such/out.pcapng', 'good.pkt')).toMatchObject({
      status: 1,
      stdout: '',
      stderr: expect.stringMatching(/cannot write/),
    });
  });

  test('--jobs gives the same lines in the same order', () => {
    const names = ['good.pkt', 'bad.pkt', 'printing.pkt', 'broken.pkt'];
    const strip = (text: string): string => text.replaceAll(new RegExp(time, 'g'), 'TIME');
    expect(strip(run('--jobs', '2', ...names).stdout)).toBe(strip(run(...names).stdout));
  });

  test('a script cannot touch the real machine', () => {
    expect(run('touching.pkt').status).toBe(0);
    expect(() => readFileSync(inPlace('touched'))).toThrow();
  });

  test('wrong usage: exit 2 and a line that helps', () => {
    const cases: [string[], RegExp][] = [
      [[], /give at least one script/],
      [['--frob', 'good.pkt'], /--frob/],
      [['--ip', 'ipv5', 'good.pkt'], /--ip takes ipv4, ipv6 and mapped/],
      [['--ip', 'constructor', 'good.pkt'], /--ip takes ipv4, ipv6 and mapped, not 'constructor'/],
      [['--jobs', 'x', 'good.pkt'], /--jobs takes a number/],
      [['--json', '--tap', 'good.pkt'], /exclude each other/],
      [['-D', 'x', 'good.pkt'], /-D takes NAME=VALUE/],
      [['--tolerance_usecs=x', 'good.pkt'], /bad --tolerance_usecs: x/],
    ];
    for (const [args, wanted] of cases) {
      const { status, stderr } = run(...args);
      expect(status, args.join(' ')).toBe(2);
      expect(stderr).toMatch(wanted);
      expect(stderr.trim().split('\n')).toHaveLength(1);
    }
    expect(run('--help')).toMatchObject({ status: 0, stdout: expect.stringMatching(/Examples:/) });
  });

  testNeeding('test/cli/run.test.ts', 'python3')('--python hands the code to python3', () => {
    const { stdout, status } = run('--python', 'python.pkt', 'printing.pkt', 'python2.pkt', '-v');
    expect(stdout).toMatch(/ok {3}python.pkt/);
    expect(stdout).toMatch(/state 1/);
    expect(stdout).toMatch(/python2.pkt:6: error in Python code: AssertionError/);
    expect(status).toBe(1);
  });
});
