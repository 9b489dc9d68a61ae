import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { chmodSync, cpSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { type Differences, writeCopies } from '../../src/doctor/testing.ts';
import { root, testNeeding } from '../support/needs.ts';
import {
  doctor,
  type Ended,
  examineProcess,
  execute,
  inNamespace,
  type JsonReport,
  main,
} from './namespace.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'halfopen-doctor-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Runs the doctor over copies of /proc of a host that differs from a healthy one. */
function over(name: string, differences: Differences, ...args: string[]): Promise<Ended> {
  const copies = join(folder, name);
  writeCopies(copies, differences);
  return doctor('--proc', copies, '--interval', '0.05', ...args);
}

describe('halfopen doctor', () => {
  test('exits with 0 if nothing of severity high or worse was found, and with 1 otherwise', async () => {
    expect(await over('healthy', {})).toMatchObject({ code: 0, stderr: '' });
    expect(await over('warn', { settings: { 'net.ipv4.tcp_sack': '0' } })).toMatchObject({ code: 0 });
    expect(await over('high', { settings: { 'net.ipv4.tcp_syncookies': '0' } })).toMatchObject({ code: 1 });
    const self = { local: '127.0.0.1:80', remote: '127.0.0.1:80', state: '01' };
    expect(await over('critical', { sockets: [self] })).toMatchObject({ code: 1 });
    expect(await over('critical', {}, '--json')).toMatchObject({ code: 0 });
    expect(
      await over('high', { settings: { 'net.ipv4.tcp_syncookies': '0' } }, '--ignore', 'syn-queue-drops'),
    ).toMatchObject({ code: 0 });
  });

  test('does not count accepted findings', async () => {
    const file = join(folder, 'accepted.txt');
    writeFileSync(file, 'syn-queue-drops net.ipv4.tcp_syncookies # on purpose\n');
    const ended = await over('accepted', { settings: { 'net.ipv4.tcp_syncookies': '0' } }, '--accept', file);
    expect(ended).toMatchObject({ code: 0, stdout: expect.stringContaining('1 accepted') });
  });

  test.each([
    [['--nonsense'], /there is no option '--nonsense'/],
    [['more'], /unexpected argument 'more'/],
    [['--only', 'nonsense'], /--only: there is no check 'nonsense'/],
    [['--ignore', 'connect-timeout', '--only', 'connect-timeout'], /leave no check/],
    [['--json', '--fix'], /--json, --fix exclude each other/],
    [['--watch', '--prometheus'], /--watch does not go with --prometheus/],
    [['--interval', '0'], /--interval takes seconds .* not '0'/],
    [['--pid', 'x'], /--pid takes a process number, not 'x'/],
    [['--pid', '99999999'], /there is no process 99999999 in \/proc/],
    [['--proc', '/nowhere'], /there is no folder \/nowhere/],
    [['--accept', '/nowhere'], /--accept \/nowhere: .*no such file/],
  ])('says in one line what is wrong with %j and exits with 2', async (args, message) => {
    const { code, stdout, stderr } = await doctor(...args);
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' });
    expect(stderr).toMatch(message);
    expect(stderr).toMatch(/^halfopen doctor: [^\n]+\n$/);
  });

  test('speaks Chinese when asked, in its help, errors and reports', async () => {
    expect((await doctor('--help', '--lang', 'zh')).stdout).toContain('用法：halfopen doctor');
    expect((await doctor('--nonsense', '--lang', 'zh')).stderr).toContain('没有选项');
    const sick = { settings: { 'net.ipv4.tcp_syncookies': '0' } };
    const { stdout } = await over('chinese', sick, '--lang', 'zh');
    expect(stdout).toMatch(/^halfopen doctor: 1 严重 /);
    expect(stdout).toMatch(/^严重 {5}半连接队列满时 SYN 被丢弃：/m);
    expect(stdout).toMatch(/^ {2}原因 {2}没有 SYN cookie/m);
  });

  test('says which line of the accepted findings is wrong', async () => {
    const file = join(folder, 'wrong.txt');
    writeFileSync(file, '# fine\nconnect-timeouts\n');
    const { code, stderr } = await doctor('--accept', file);
    expect(code).toBe(2);
    expect(stderr).toBe(`halfopen doctor: --accept ${file}: line 2: there is no check 'connect-timeouts'\n`);
  });

  test('exits with 2 if nothing can be read', async () => {
    mkdirSync(join(folder, 'empty'));
    const { code, stderr } = await doctor('--proc', join(folder, 'empty'), '--interval', '0.05');
    expect(code).toBe(2);
    expect(stderr).toBe(`halfopen doctor: nothing could be read from ${folder}/empty/net\n`);
  });

  test('ends without a word when nobody reads on', async () => {
    const copies = join(folder, 'unread');
    writeCopies(copies, {});
    // The change that is printed next, after the reader has gone, is what tells the watcher.
    const broken = join(folder, 'unread-broken');
    writeCopies(broken, { settings: { 'net.ipv4.tcp_syncookies': '0' } });
    const script = `
      "$0" "$1" doctor --proc "$2" --watch --json --interval 0.05 | { head -n 1 >&2; exec <&-; cp -r "$3/." "$2"; }
      echo "\${PIPESTATUS[0]}"`;
    const { stdout, stderr } = await execute('bash', ['-c', script, process.execPath, main, copies, broken], {
      timeout: 30_000,
    });
    expect(stdout).toBe('141\n');
    expect(stderr.split('\n')).toEqual([expect.stringMatching(/^\{"at":/), '']);
  });

  test('exits with 2 if nothing of what the checks need can be read, and says what', async () => {
    const copies = join(folder, 'settings-only');
    mkdirSync(join(copies, 'sys/net/ipv4'), { recursive: true });
    writeFileSync(join(copies, 'sys/net/ipv4/ip_local_port_range'), '32768 60999');
    const only = (id: string): Promise<Ended> => doctor('--proc', copies, '--interval', '0.05', '--only', id);
    for (const id of ['self-connected-socket', 'listener-in-ephemeral-range', 'listen-overflows'])
      expect(await only(id), id).toMatchObject({ code: 2, stdout: expect.stringContaining('UNKNOWN') });
    // One of the two could be judged, if its file were there: the other was.
    writeFileSync(join(copies, 'sys/net/ipv4/tcp_syncookies'), '1');
    expect(await only('syn-queue-drops')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('UNKNOWN'),
    });
  });

  test('reports at most 50 findings of a check one by one, none of them accepted', async () => {
    const sockets = Array.from({ length: 60 }, (_, index) => ({
      local: `127.0.0.1:${40000 + 2 * index}`,
      state: '0A',
    }));
    const file = join(folder, 'fifty.txt');
    const accepted = (numbers: number): void =>
      writeFileSync(
        file,
        sockets
          .slice(0, numbers)
          .map(({ local }) => `listener-in-ephemeral-range ${local}\n`)
          .join(''),
      );
    const report = async (): Promise<JsonReport> =>
      JSON.parse((await over('sixty', { sockets }, '--accept', file, '--json')).stdout) as JsonReport;
    accepted(0);
    expect((await report()).findings).toHaveLength(50);
    expect((await report()).findings[49]!.summary).toMatch(/\(and 10 more like this\)$/);
    accepted(55);
    const { findings, accepted: kept } = await report();
    expect([findings.length, kept.length]).toEqual([5, 55]);
  });

  test('has no colour in a pipe', async () => {
    expect((await over('plain', { settings: { 'net.ipv4.tcp_sack': '0' } })).stdout).not.toContain('\u001b');
  });

  test('watches until it is interrupted, and prints what changes', async () => {
    const copies = join(folder, 'watched');
    writeCopies(copies, {});
    const child = spawn(process.execPath, [
      main,
      'doctor',
      '--proc',
      copies,
      '--watch',
      '--json',
      '--interval',
      '0.1',
    ]);
    const lines = createInterface({ input: child.stdout })[Symbol.asyncIterator]();
    interface Line {
      readonly at: string;
      readonly findings?: readonly Named[];
      readonly appeared?: readonly Named[];
      readonly gone?: readonly Named[];
      readonly lost?: readonly { readonly check: string }[];
      readonly regained?: readonly { readonly check: string }[];
    }
    type Named = { readonly severity: string; readonly subject: string };
    // What is found, by what the lines have told so far. Files that are being written add changes of their own.
    const known = new Set<string>();
    let lost = 0;
    const read = async (): Promise<Line> => {
      const line = JSON.parse((await lines.next()).value as string) as Line;
      const text = ({ severity, subject }: Named): string => `${severity} ${subject}`;
      for (const finding of line.appeared ?? []) known.add(text(finding));
      for (const finding of line.gone ?? []) known.delete(text(finding));
      lost += (line.lost?.length ?? 0) - (line.regained?.length ?? 0);
      return line;
    };
    const until = async (...findings: string[]): Promise<void> => {
      do await read();
      while ([...known].join() !== findings.join() || lost > 0);
    };
    try {
      expect(await read()).toMatchObject({
        at: expect.stringMatching(/^\d{4}-.*Z$/),
        findings: [],
        checks: expect.any(Array),
      });
      writeCopies(copies, { settings: { 'net.ipv4.tcp_syncookies': '0' } });
      await until('high net.ipv4.tcp_syncookies');
      // What cannot be read any more is not gone, but unknown.
      rmSync(join(copies, 'sys/net/ipv4/tcp_syncookies'));
      do await read();
      while (lost === 0);
      expect([...known]).toEqual(['high net.ipv4.tcp_syncookies']);
      writeCopies(copies, { counters: { ListenOverflows: 7 } });
      // Old overflows are worth a line only.
      await until('info ListenOverflows');
    } finally {
      child.kill('SIGINT');
    }
    expect(await once(child, 'close')).toEqual([0, null]);
  });
});

describe('halfopen doctor in another namespace', () => {
  const here = 'test/doctor/cli.test.ts';

  testNeeding(
    here,
    'netns',
    'python3',
  )('without the right to enter it reports sockets and counters, and the settings as unknown', async () => {
    // Where a user without rights can read it.
    const open = mkdtempSync(join(tmpdir(), 'halfopen-nobody-'));
    chmodSync(open, 0o755);
    cpSync(join(root, 'dist'), join(open, 'dist'), { recursive: true });
    cpSync(join(root, 'package.json'), join(open, 'package.json'));
    try {
      await inNamespace('self-connected', async (pid) => {
        const args = [
          join(open, 'dist', 'cli', 'main.js'),
          'doctor',
          '--pid',
          `${pid}`,
          '--json',
          '--interval',
          '0.1',
        ];
        const ended = await execute(process.execPath, args, { uid: 65534, gid: 65534, cwd: '/' });
        expect(ended, ended.stdout.slice(0, 3000)).toMatchObject({ code: 1, stderr: '' });
        const report = JSON.parse(ended.stdout) as JsonReport;
        expect(report.findings.map(({ severity, subject }) => `${severity} ${subject}`)).toEqual([
          'critical 127.0.0.1:50000',
          'critical [::1]:50002',
          'warn 127.0.0.1:50004',
        ]);
        expect(report.connectTimeoutSeconds).toBeNull();
        const unknown = new Set(report.unknown.map(({ check }) => check));
        expect(unknown).toContain('listener-in-ephemeral-range');
        expect(unknown).toContain('connect-timeout');
        expect(unknown).not.toContain('listen-overflows');
        expect(report.unknown[0]!.why).toMatch(
          /only inside of it, and it cannot be entered: nsenter: .*[Nn]ot permitted|[Dd]enied/,
        );
      });
    } finally {
      rmSync(open, { recursive: true });
    }
  });

  testNeeding(
    here,
    'netns',
    'python3',
  )('reads the host through its proc file system mounted elsewhere, as a container does', async () => {
    const mounted = join(folder, 'host-proc');
    mkdirSync(mounted);
    // The "host" is a namespace of processes and network of its own, the "container" a further network inside of it.
    const listener =
      "import socket, time; s = socket.create_server(('127.0.0.1', 50000)); print(flush=True); time.sleep(60)";
    const script = `
        mount -t proc proc "$HOST_PROC" && ip link set lo up && sysctl -qw net.ipv4.tcp_syn_retries=3 || exit
        python3 -c "${listener}" > "$READY" &
        until [ -s "$READY" ]; do sleep 0.05; done
        unshare -n "$NODE" "$MAIN" doctor --proc "$HOST_PROC" --json --interval 0.1`;
    const ready = join(folder, 'ready');
    const env = { ...process.env, HOST_PROC: mounted, READY: ready, NODE: process.execPath, MAIN: main };
    const host = ['--net', '--pid', '--fork', '--mount', '--kill-child', 'sh', '-c', script];
    const { stdout, stderr } = await execute('unshare', host, { env });
    expect(stderr).toBe('');
    const report = JSON.parse(stdout) as JsonReport;
    expect(report.unknown).toEqual([]);
    expect(report.connectTimeoutSeconds).toBe(19);
    expect(report.findings.map(({ check, subject }) => `${check} ${subject}`)).toEqual([
      'listener-in-ephemeral-range 127.0.0.1:50000',
    ]);
    const read = report.findings[0]!.evidence.map(({ where }) => where);
    expect(read[0]).toBe(`${mounted}/1/net/tcp`);
  });

  testNeeding(
    here,
    'netns',
    'python3',
  )('is interrupted there once, by a terminal that interrupts all of its processes', async () => {
    await inNamespace('healthy', async (pid) => {
      const args = [main, 'doctor', '--pid', `${pid}`, '--watch', '--interval', '0.1'];
      const child = spawn(process.execPath, args, { detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
      const closed = once(child, 'close');
      let stderr = '';
      child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr += text));
      await once(child.stdout, 'data');
      process.kill(-child.pid!, 'SIGINT');
      child.stdout.resume();
      expect([...(await closed), stderr]).toEqual([0, null, '']);
    });
  });

  testNeeding(
    here,
    'netns',
    'python3',
  )('puts the way in before every command of a fix', async () => {
    await inNamespace('listeners', async (pid) => {
      const { findings } = await examineProcess(pid, '--only', 'listener-in-ephemeral-range');
      const command = `nsenter -t ${pid} -n sysctl -w net.ipv4.ip_local_reserved_ports="50000"`;
      expect(findings[0]!.fixes[0]).toEqual({ kind: 'reserve', text: command });
    });
  });
});
