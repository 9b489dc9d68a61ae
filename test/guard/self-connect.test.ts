import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { root, testNeeding } from '../support/needs.ts';
import { inNamespace, ports } from './namespace.ts';

const here = 'test/guard/self-connect.test.ts';
const test = testNeeding(here);
const main = join(root, 'dist', 'cli', 'main.js');
const command = [process.execPath, main, 'self-connect'];

function halfopen(...args: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, [main, 'self-connect', ...args], { encoding: 'utf8' });
}

describe('halfopen self-connect on a host of its own', () => {
  test('meets itself, keeps the service out, and does neither with the guard', () => {
    const { status, stdout } = halfopen('--virtual', '--json');
    expect(status).toBe(0);
    expect(JSON.parse(stdout)).toEqual({
      where: 'virtual',
      range: [32_768, 60_999],
      unguarded: {
        port: 50_000,
        tries: expect.any(Number),
        seconds: 0,
        local: '127.0.0.1:50000',
        remote: '127.0.0.1:50000',
        wrote: 'Is the service there?',
        read: 'Is the service there?',
        listenMeanwhile: 'EADDRINUSE',
        listenAfterClose: 'EADDRINUSE',
      },
      guarded: { port: 50_002, tries: expect.any(Number), seconds: 0, stopped: 1, answer: 'Yes, I am here.' },
    });
  });

  test('tells it with the packets, the same each time, in plain text and in lines of a terminal', () => {
    const { status, stdout } = halfopen('--virtual');
    expect(status).toBe(0);
    expect(halfopen('--virtual').stdout).toBe(stdout);
    expect(stdout).toMatch(/SYN\] Seq=\d+\n.*SYN, ACK\] Seq=\d+ Ack=\d+\n.*ACK\]/);
    for (const line of stdout.split('\n')) expect(line.length).toBeLessThanOrEqual(115);
    expect(stdout).not.toContain('\x1b');
  });
});

describe('halfopen self-connect says what is wrong', () => {
  for (const [args, text] of [
    [['--port', '80', '--virtual'], 'port 80 is not one that a connect() is given'],
    [['--port', '50001', '--virtual'], 'connect() tries the even ports first'],
    [['--port', 'x'], "--port takes a number from 1 to 65535, not 'x'"],
    [['--here', '--virtual'], '--here and --virtual exclude each other'],
    [['--bogus'], "there is no option '--bogus'; --help says what there is"],
    [['50000'], "unexpected argument '50000'"],
  ] as const)
    test(`with ${args.join(' ')}`, () => {
      const { status, stdout, stderr } = halfopen(...args);
      expect([status, stdout]).toEqual([2, '']);
      expect(stderr).toContain(text);
      expect(stderr.trim().split('\n')).toHaveLength(1);
    });
});

describe('halfopen self-connect on the real kernel', () => {
  const test = testNeeding(here, 'netns');

  test('sees the same, and leaves the service its port', () => {
    const { status, stdout, stderr } = inNamespace([...command, '--here', '--json']);
    expect(status, stderr).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({
      where: 'here',
      range: [ports.low, ports.high],
      unguarded: {
        local: '127.0.0.1:50000',
        remote: '127.0.0.1:50000',
        read: 'Is the service there?',
        listenMeanwhile: 'EADDRINUSE',
        listenAfterClose: 'EADDRINUSE',
      },
      guarded: { port: 50_002, stopped: 1, answer: 'Yes, I am here.' },
    });
  });

  test('says so if the port is reserved, or somebody listens there', () => {
    const reserve = 'echo 50000 > /proc/sys/net/ipv4/ip_local_reserved_ports; exec "$@"';
    const reserved = inNamespace(['sh', '-c', reserve, 'sh', ...command, '--here']);
    expect([reserved.status, reserved.stderr]).toEqual([
      2,
      expect.stringContaining('port 50000 is reserved (net.ipv4.ip_local_reserved_ports)'),
    ]);
    const serve = `require('net').createServer().listen(50000, '127.0.0.1', () => console.log())`;
    const busy = `node -e "${serve}" > /tmp/$$ & until [ -s /tmp/$$ ]; do sleep 0.05; done; rm /tmp/$$; "$@"; code=$?; kill $!; exit $code`;
    const taken = inNamespace(['sh', '-c', busy, 'sh', ...command, '--here']);
    expect([taken.status, taken.stderr]).toEqual([
      2,
      'halfopen self-connect: somebody listens on 127.0.0.1:50000; choose another --port\n',
    ]);
  });

  // With the whole range this takes some thousand tries, a few seconds.
  test('makes a namespace for itself', () => {
    const { status, stdout, stderr } = halfopen('--json');
    expect(status, stderr).toBe(0);
    expect(JSON.parse(stdout)).toMatchObject({ where: 'namespace', range: [32_768, 60_999] });
  });
});
