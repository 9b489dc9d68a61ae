/** `halfopen run --on kernel`: what it runs, what it leaves, who may run it. */
import { spawn, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { afterAll, describe, expect } from 'vitest';
import { full, root, testNeeding } from '../support/needs.ts';

const kernelTest = testNeeding('test/kernel/run-on-kernel.test.ts', 'namespaces');
const rootTest = testNeeding('test/kernel/run-on-kernel.test.ts', 'netns');
const main = join(root, 'dist', 'cli', 'main.js');
const folder = mkdtempSync(join(tmpdir(), 'halfopen-kernel-'));
afterAll(() => rmSync(folder, { recursive: true }));

function script(name: string, text: string): string {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
}

interface Line {
  readonly ok: boolean | null;
  readonly cannotRun?: string;
  readonly error: { readonly message: string } | null;
}

function run(...args: string[]): Line[] {
  const result = spawnSync(process.execPath, [main, 'run', '--on', 'kernel', '--json', ...args], {
    encoding: 'utf8',
  });
  expect(result.stderr).toBe('');
  return result.stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);
}

const server = `
0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 bind(3, ..., ...) = 0
+0 listen(3, 1) = 0
+0 < S 0:0(0) win 65535 <mss 1460>
+0 > S. 0:0(0) ack 1 <mss 1460>
+.1 < . 1:1(0) ack 1 win 65535
+0...0.02 accept(3, ..., ...) = 4
+0 %{ assert tcpi_state == TCP_ESTABLISHED, tcpi_state }%
+.1 < P. 1:11(10) ack 1 win 65535
+0 > . 1:1(0) ack 11
+0 read(4, ..., 100) = 10
`;

/** What `ps` knows of the processes that run a script in a namespace. */
const inNamespaces = (): string[] =>
  spawnSync('ps', ['-eo', 'args'], { encoding: 'utf8' })
    .stdout.split('\n')
    .filter((line) => line.includes(folder));

describe('halfopen run --on kernel', { timeout: 180_000 }, () => {
  kernelTest('runs a script on the kernel in all three address set-ups', () => {
    const lines = run(
      '--timing',
      'loose',
      '--ip',
      'ipv4,ipv6,mapped',
      script('server.pkt', server.replace('mss 1460>\n+0 %', '...>\n+0 %')),
    );
    expect(lines.map(({ ok, error }) => error?.message ?? ok)).toEqual([true, true, true]);
  });

  kernelTest('a connection that a blocking accept waited for can be read', () => {
    const waits = server
      .replace(
        /\+\.1 < \. 1:1.*\n\+0\.\.\.0\.02 (accept.*)\n/,
        '+0...0.1 $1\n+.1 < . 1:1(0) ack 1 win 65535\n',
      )
      .replace('mss 1460>\n+0...', '...>\n+0...');
    const [line] = run('--timing', 'loose', script('waits.pkt', waits));
    expect(line!.error?.message ?? line!.ok).toBe(true);
  });

  kernelTest('a script that takes too long is ended, and its process with it', () => {
    const endless =
      '0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+0 bind(3, ..., ...) = 0\n+0 listen(3, 1) = 0\n+0 accept(3, ..., ...) = 4\n';
    const started = Date.now();
    const [line] = run('--timeout', '2', script('endless.pkt', endless));
    expect(line!.error!.message).toContain('took longer than 2 s');
    expect(Date.now() - started).toBeLessThan(60_000);
  });

  kernelTest('judges what the kernel sends', () => {
    const [line] = run('--timing', 'loose', script('wrong.pkt', server.replace('ack 11', 'ack 12')));
    expect(line!.ok).toBe(false);
    expect(line!.error!.message).toContain('tcp_ack');
  });

  kernelTest('has the congestion control that is asked for, by option or by a sysctl of the script', () => {
    const asks = (name: string, init: string): string =>
      `${init}\n0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+0 fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK) = 0\n+0 connect(3, ..., ...) = -1 EINPROGRESS (now)\n+0 > S 0:0(0) <...>\n+0 getsockopt(3, IPPROTO_TCP, TCP_CONGESTION, "${name}\\0${'\\0'.repeat(15 - name.length)}", [16]) = 0\n`;
    const lines = run(
      '--timing',
      'loose',
      script('cubic.pkt', asks('cubic', '')),
      script('reno.pkt', asks('reno', '`sysctl -q net.ipv4.tcp_congestion_control=reno`')),
    );
    expect(lines.map(({ ok, error }) => error?.message ?? ok)).toEqual([true, true]);
  });

  kernelTest('commands know the number of the runner, as those of packetdrill do', () => {
    const command = '`[ "$PACKETDRILL_PID" = "$PPID" ]`\n0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n';
    expect(run('--timing', 'loose', script('pid.pkt', command)).map(({ ok }) => ok)).toEqual([true]);
  });

  kernelTest("software timestamps are of the script's clock", () => {
    const control = `{cmsg_level=SOL_SOCKET, cmsg_type=SCM_TIMESTAMPING, cmsg_data={scm_sec=0, scm_nsec=250000000}},
      {cmsg_level=SOL_IP, cmsg_type=IP_RECVERR, cmsg_data={ee_errno=ENOMSG, ee_origin=SO_EE_ORIGIN_TIMESTAMPING, ee_type=0,
      ee_code=0, ee_info=SCM_TSTAMP_SCHED, ee_data=0}}`;
    const stamped = `${server}
+0 setsockopt(4, SOL_SOCKET, SO_TIMESTAMPING, [SOF_TIMESTAMPING_TX_SCHED|SOF_TIMESTAMPING_SOFTWARE], 4) = 0
.25 write(4, ..., 100) = 100
+0 > P. 1:101(100) ack 11
+.02 recvmsg(4, {msg_name(...)=..., msg_iov(1)=[{...,0}], msg_flags=MSG_ERRQUEUE|MSG_TRUNC, msg_control=[${control}]}, MSG_ERRQUEUE) = 0
`;
    const options = ['--tolerance_usecs=5000000'];
    const [right] = run(...options, script('stamped.pkt', stamped));
    expect(right!.error?.message ?? right!.ok).toBe(true);
    const [wrong] = run(...options, script('wrong-time.pkt', stamped.replace('scm_sec=0', 'scm_sec=50')));
    expect(wrong!.error!.message).toContain('Bad timestamp 0');
  });

  kernelTest('a script may set what the machine has set already', () => {
    const file = '/sys/module/tcp_cubic/parameters/hystart_detect';
    const now = readFileSync(file, 'utf8').trim();
    const sets = (value: string): string =>
      `\`true\necho ${value} > ${file}\`\n0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n`;
    const lines = run(script('as-it-is.pkt', sets(now)), script('other.pkt', sets(now === '3' ? '2' : '3')));
    expect(lines.map(({ ok, cannotRun }) => [ok, cannotRun ?? null])).toEqual([
      [true, null],
      [null, expect.stringContaining('Read-only file system')],
    ]);
  });

  kernelTest('what this kernel has not, or nobody may do in a namespace, is told apart from failures', () => {
    const lines = run(
      script(
        'sysctl.pkt',
        '`sysctl -q net.ipv4.no_such_thing=1`\n0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n',
      ),
      script(
        'machine.pkt',
        '`echo 1 > /proc/sys/kernel/panic`\n0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n',
      ),
    );
    expect(lines.map(({ ok, cannotRun }) => [ok, cannotRun])).toEqual([
      [
        null,
        'cannot run here: sysctl: cannot stat /proc/sys/net/ipv4/no_such_thing: No such file or directory',
      ],
      [null, expect.stringContaining('Read-only file system')],
    ]);
  });

  rootTest('an ordinary user can run, compare, measure and serve', { timeout: 600_000 }, () => {
    const user = 'halfopentest';
    spawnSync('useradd', ['--create-home', user]);
    const path = script('user.pkt', server);
    spawnSync('chmod', ['-R', 'a+rX', folder]);
    const as = (...args: string[]): string => {
      const command = [process.execPath, main, ...args].map((it) => `'${it}'`).join(' ');
      const { stdout, stderr } = spawnSync('su', [user, '-c', command], { encoding: 'utf8', cwd: '/' });
      return stdout + stderr;
    };
    expect(as('run', '--on', 'kernel', '--timing', 'loose', path)).toContain('1 passed, 0 failed');
    expect(as('compare', path)).toMatch(/1 can be done to kernel/);
    expect(as('compare', '--random', '3')).toMatch(/^all: /m);
    const must = join(root, 'scripts', 'rfc9293', 'must-55-source-quench.pkt');
    expect(as('musts', '--on', 'kernel', must)).toMatch(/1 of 1/);
    expect(as('tun', 'serve', '--', 'id', '-u')).toMatch(/^0$/m);
  });

  kernelTest('nothing is left after kill -9 at a random moment', { timeout: 600_000 }, async () => {
    const kills = full ? 50 : 3;
    const path = script('long.pkt', `\`sleep 0.2\`\n${server}+1 \`sleep ${sleepSeconds}\`\n`);
    for (let i = 0; i < kills; i++) {
      const child = spawn(process.execPath, [main, 'run', '--on', 'kernel', path], { stdio: 'ignore' });
      await sleep(50 + Math.random() * 1500);
      child.kill('SIGKILL');
      for (let tries = 0; tries < 40 && (inNamespaces().length > 0 || sleepers().length > 0); tries++)
        await sleep(50);
      expect([...inNamespaces(), ...sleepers()]).toEqual([]);
    }
    expect(readFileSync('/proc/net/dev', 'utf8')).not.toContain('tun0');
  });
});

/** So many that no other process sleeps as long. */
const sleepSeconds = `30.${process.pid}`;

/** The sleep of the script above, which only a shell inside a namespace starts, and the process that it runs in. */
function sleepers(): string[] {
  return spawnSync('ps', ['-eo', 'args'], { encoding: 'utf8' })
    .stdout.split('\n')
    .filter(
      (line) =>
        line === `sleep ${sleepSeconds}` || (line.includes('run-kernel-child') && line.includes(root)),
    );
}
