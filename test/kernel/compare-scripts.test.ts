/** `halfopen compare PATH...`, on the machine's kernel and on other systems. */
import { spawnSync } from 'node:child_process';
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { buildTiny } from '../../tools/stacks.mjs';
import { full, root, shared, testNeeding } from '../support/needs.ts';

const kernelTest = testNeeding('test/kernel/compare-scripts.test.ts', 'namespaces');
const place = mkdtempSync(join(tmpdir(), 'halfopen-'));
afterAll(() => rmSync(place, { recursive: true }));

const halfopen = (...args: string[]) =>
  spawnSync(process.execPath, [join(root, 'dist', 'cli', 'main.js'), ...args], {
    cwd: root,
    encoding: 'utf8',
    maxBuffer: 1e9,
  });

interface Line {
  readonly scenario: string;
  readonly verdict: string;
  readonly differences: readonly { readonly field: string; readonly signature: string }[];
}
const compared = (...args: string[]): Line[] => {
  const { stdout, stderr } = halfopen('compare', '--json', ...args);
  expect(stderr).toBe('');
  return stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Line);
};

const likeness = join(root, 'scripts', 'likeness');
/** What packetdrill never looks at is compared: the time echoed, and DF. */
const unseen = ['deferred-ack-leaves-no-time.pkt', 'no-df-without-path-mtu-discovery.pkt'].map((name) =>
  join(likeness, name),
);

describe('halfopen compare of scripts with the kernel', { timeout: 240_000 }, () => {
  kernelTest('agrees on the scripts about likeness, the fields included that no script can ask for', () => {
    const lines = compared(...(full ? [likeness] : unseen));
    const differ = lines.filter(({ verdict }) => verdict === 'differ' || verdict === 'broken');
    expect(differ.map(({ scenario, differences }) => [scenario, differences[0]?.signature])).toEqual([]);
    const agree = lines.filter(({ verdict }) => verdict === 'agree').map(({ scenario }) => scenario);
    for (const path of unseen) expect(agree).toContain(path);
    console.log(`compare: ${agree.length} of ${lines.length} scripts about likeness agree with this kernel`);
  });

  kernelTest('finds a difference in each of those fields where there is one', () => {
    const [echo, df] = unseen.map((path) => readFileSync(path, 'utf8'));
    const other = (name: string, text: string): Line => {
      // The same name in two folders: what is compared is one system's answers to each.
      const record = join(place, `${name}.record`);
      const file = join(place, `${name}.pkt`);
      writeFileSync(file, text);
      const changed = readFileSync(file, 'utf8')
        .replaceAll('ip_no_pmtu_disc=1', 'ip_no_pmtu_disc=0')
        .replace('TS val 700 ecr 0', 'TS val 701 ecr 0');
      expect(halfopen('compare', '--between', 'halfopen,halfopen', '--record', record, file).status).toBe(0);
      writeFileSync(file, changed);
      return compared('--between', `recorded:${record},kernel`, file)[0]!;
    };
    expect(other('df', df!)).toMatchObject({ verdict: 'differ', differences: [{ field: 'df' }] });
    expect(other('echo', echo!)).toMatchObject({ verdict: 'differ', differences: [{ field: 'options' }] });
  });

  testNeeding(
    'test/kernel/compare-scripts.test.ts',
    'namespaces',
    'kernel',
  )('every case about likeness passes on the built-in host and on the kernel, in one run', () => {
    const cases = join(shared, 'cases', 'likeness');
    for (const on of ['built-in', 'kernel']) {
      const args = [
        'run',
        '--on',
        on,
        '--jobs',
        '2',
        ...(on === 'kernel' ? ['--timing', 'loose'] : []),
        cases,
      ];
      const { stdout } = halfopen(...args);
      console.log(`cases about likeness on ${on}: ${stdout.trim().split('\n').at(-1)}`);
      expect(stdout.split('\n').filter((line) => line.startsWith('FAIL'))).toEqual([]);
      expect(stdout).toMatch(/ passed, 0 failed/);
    }
  });
});

describe('halfopen compare of any two systems', () => {
  const syn = join(root, 'scripts', '01-three-way-handshake-server.pkt');

  test('the built-in stack agrees with itself, by itself and by a record', () => {
    expect(compared('--between', 'halfopen,halfopen', syn)).toMatchObject([{ verdict: 'agree' }]);
    const record = join(place, 'record');
    const args = ['--between', 'halfopen,halfopen', '--record', record, syn];
    expect(halfopen('compare', ...args).status).toBe(0);
    expect(compared('--between', `recorded:${record},halfopen`, syn)).toMatchObject([{ verdict: 'agree' }]);
    const other = join(root, 'scripts', '03-sack.pkt');
    expect(compared('--between', `recorded:${record},halfopen`, other)).toMatchObject([
      { verdict: 'broken' },
    ]);
  });

  test('a stack behind a pipe is compared with the built-in one, and differs', () => {
    const result = halfopen('compare', '--between', `halfopen,${buildTiny()}`, syn);
    expect(result.stdout).toMatch(/0 of 1 agree/);
    expect(result.stdout).toMatch(/halfopen: .*\n {2}.*node/s);
    expect(result.status).toBe(1);
  });

  test('what cannot be compared is told with its reason, and listed before anything is compared', () => {
    writeFileSync(join(place, 'udp.pkt'), '0 socket(..., SOCK_DGRAM, IPPROTO_UDP) = 3\n+0 < udp (100)\n');
    writeFileSync(join(place, 'wrong.pkt'), '0 socket(..., SOCK_STREAM, 0) = 3\n+0 nonsense\n');
    writeFileSync(
      join(place, 'bsd.pkt'),
      '0 `sysctl -w net.inet.tcp.rfc1323=1`\n+0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+0 close(3) = 0\n',
    );
    for (const name of ['df.pkt', 'echo.pkt']) rmSync(join(place, name), { force: true });
    const list = join(place, 'list');
    const result = halfopen('compare', '--between', 'halfopen,halfopen', '--list', list, place);
    expect(result.status).toBe(0);
    expect(result.stdout).toContain('it has UDP packets');
    expect(result.stdout).toContain('1 commands were left out');
    expect(result.stdout).toContain('3 scripts, 2 parse and 1 can be done to halfopen');
    expect(readFileSync(list, 'utf8').trim().split('\n')).toEqual([
      expect.stringMatching(/bsd\.pkt\tipv4\tcompared-without-signals$/),
      expect.stringMatching(/udp\.pkt\tipv4\tit has UDP packets$/),
      expect.stringMatching(/wrong\.pkt\tipv4\t3: parse error/),
    ]);
  });

  test('wrong usage is told', () => {
    for (const args of [
      ['--between', 'kernel', syn],
      ['--between', 'halfopen,linux', syn],
      ['--between', 'recorded:/nowhere,halfopen', syn],
      ['--random', '3', syn],
      ['--ip', 'ipv5', syn],
      [join(place, 'nothing-here.pkt')],
      [],
    ]) {
      const { status, stdout, stderr } = halfopen('compare', ...args);
      expect([args, status, stdout]).toEqual([args, 2, '']);
      expect(stderr).toMatch(/^halfopen compare: /);
    }
    expect(existsSync('/nowhere')).toBe(false);
  });
});
