import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { spawnInNamespace } from '../../src/linux/namespace.ts';
import { full, root, testNeeding } from '../support/needs.ts';

const place = mkdtempSync(join(tmpdir(), 'halfopen-'));
const main = join(root, 'dist/cli/main.js');
beforeAll(() => chmodSync(place, 0o755));
afterAll(() => rmSync(place, { recursive: true }));

const tun = (args: readonly string[], input = '') => {
  const { status, stdout, stderr } = spawnSync(process.execPath, [main, 'tun', ...args], {
    encoding: 'utf8',
    input,
    cwd: place,
    maxBuffer: 1e9,
    env: { ...process.env, LANG: 'C', LC_ALL: 'C' },
    timeout: 120_000,
  });
  return { status, stdout, stderr };
};
/** Runs shell commands beside a server of ours. */
const serve = (script: string, ...options: string[]) => tun(['serve', ...options, '--', 'sh', '-c', script]);

const it = testNeeding('test/exec/tun.test.ts', 'namespaces', 'curl');
const withNc = testNeeding('test/exec/tun.test.ts', 'namespaces', 'nc');

describe('halfopen tun serve', () => {
  it('serves curl on IPv4 and IPv6, says where it is, and ends with the exit status of the command', () => {
    const urls = ['http://192.0.2.2:8080/', 'http://[2001:db8::2]:8080/bytes/5'];
    const { status, stdout, stderr } = serve(`curl -sf ${urls[0]} && curl -sfg '${urls[1]}'; exit 3`);
    expect(stdout).toBe('halfopen: this was served by a TCP in TypeScript\n.....');
    expect(status).toBe(3);
    expect(stderr).toMatch(
      /192.0.2.2, 2001:db8::2 answers on halfopen0: HTTP on port 8080, echo on port 7, ping\n/,
    );
    expect(stderr).toMatch(/enter by: nsenter --target \d+ (--user --preserve-credentials )?--net\n/);
  });

  it('moves data each way whole: the sums of both sides agree', () => {
    const megabytes = full ? 100 : 10;
    const file = join(place, 'data');
    const { stdout } = serve(
      `head -c ${megabytes}000000 /dev/urandom > ${file}
       sha256sum < ${file}; curl -sf -T ${file} http://192.0.2.2:8080/; curl -sf -T - http://192.0.2.2:8080/ < ${file}
       curl -sf http://192.0.2.2:8080/bytes/${megabytes}000000 | sha256sum
       head -c ${megabytes}000000 /dev/zero | tr '\\0' . | sha256sum`,
    );
    const [sum, put, chunked, got, wanted] = stdout.split('\n');
    expect(put).toBe(`${megabytes}000000 ${sum!.slice(0, 64)}`);
    expect(chunked).toBe(put);
    expect(got).toBe(wanted);
  });

  it('a closed port refuses at once, an address that nobody has does not answer', () => {
    const { stdout } = serve(
      'curl -s -m 5 http://192.0.2.2:81/; echo $?; curl -s -m 1 http://192.0.2.9/; echo $?; curl -s -m 5 http://192.0.2.2:8080/no',
    );
    expect(stdout).toBe('7\n28\nthere are / and /bytes/N\n');
  });

  testNeeding(
    'test/exec/tun.test.ts',
    'namespaces',
    'ping',
  )('answers ping on IPv4 and IPv6', () => {
    const { stdout } = serve(
      'ping -c 2 -i 0.2 -s 1000 192.0.2.2; ping -6 -c 2 -i 0.2 2001:db8::2; ping -c 1 -W 1 192.0.2.9',
    );
    expect(stdout.match(/2 packets transmitted, 2 received/g)?.length).toBe(2);
    expect(stdout).toMatch(/1 packets transmitted, 0 received/);
  });

  withNc('echoes to nc; ss shows the connection as the kernel has it', () => {
    const { stdout } = serve(
      '(sleep 1.5; echo hello) | nc -N -w 5 192.0.2.2 7 & sleep 1; ss -Htn state established; wait',
    );
    expect(stdout).toMatch(/192\.0\.2\.1:\d+ +192\.0\.2\.2:7\b[^\n]*\nhello\n$/);
  });

  testNeeding(
    'test/exec/tun.test.ts',
    'namespaces',
    'wrk',
  )('stands a load generator', () => {
    const { stdout } = serve('wrk -t 1 -c 20 -d 2s http://192.0.2.2:8080/');
    expect(Number(/(\d+) requests in/.exec(stdout)?.[1])).toBeGreaterThan(100);
    expect(stdout).not.toMatch(/Socket errors|Non-2xx/);
  });

  it('has 1,000 connections open at once', () => {
    const { stdout } = tun(['serve', '--', process.execPath, join(root, 'test/exec/tun-many.mjs'), '1000']);
    expect(stdout).toBe('1000 open at once, 0 failed\n');
  });

  it('Node’s http talks to it, over a way that loses, delays, reorders and doubles', () => {
    const client = `const http = require('node:http');
      const agent = new http.Agent({ keepAlive: true, maxSockets: 2 });
      let left = 20;
      for (let i = 0; i < 20; i++) http.get({ host: '192.0.2.2', port: 8080, path: '/bytes/3000', agent }, (response) => {
        let length = 0;
        response.on('data', (bytes) => (length += bytes.length)).on('end', () => {
          if (length !== 3000) console.log('only', length);
          if (--left === 0) { console.log('all'); agent.destroy(); }
        });
      });`;
    const bad = ['--loss', '0.03', '--delay', '5', '--reorder', '0.1', '--duplicate', '0.1', '--seed', '7'];
    expect(tun(['serve', ...bad, '--', process.execPath, '-e', client])).toMatchObject({
      status: 0,
      stdout: 'all\n',
    });
    expect(serve('curl -s -m 2 http://192.0.2.2:8080/; echo $?', '--loss', '1').stdout).toBe('28\n');
    const slow = serve(
      "curl -s -o /dev/null -w '%{time_connect}' http://192.0.2.2:8080/",
      '--delay',
      '100',
    ).stdout;
    expect(Number(slow)).toBeGreaterThan(0.195);
  });

  it('draws the packets as they pass, and writes them down', () => {
    const pcap = join(place, 'out.pcapng');
    const { stderr } = serve('curl -s http://192.0.2.2:8080/', '--ladder', '--pcap', pcap);
    expect(stderr).toMatch(/ms +│── SYN \d+ ─+▶│ \n/);
    expect(stderr).toMatch(/│◀─+ SYN, ACK \d+ ack \d+ ──│/);
    expect(stderr).toMatch(/│ ESTABLISHED :\d+\n/);
    const explained = spawnSync(process.execPath, [main, 'explain', pcap], { encoding: 'utf8' });
    expect(explained.stdout).toMatch(/completed +1 .*192.0.2.2:8080/);
  });

  const gone = async (pid: number): Promise<boolean> => {
    for (let i = 0; i < 100 && existsSync(`/proc/${pid}`); i++)
      await new Promise((resolve) => setTimeout(resolve, 50));
    return !existsSync(`/proc/${pid}`);
  };
  /** Starts a server and waits for it. @returns the process, and the one inside */
  const started = async (...options: string[]) => {
    const child = spawn(process.execPath, [main, 'tun', 'serve', ...options], {
      env: { ...process.env, LC_ALL: 'C' },
    });
    let text = '';
    const inside = await new Promise<number>((resolve) => {
      child.stderr.on('data', (bytes) => {
        text += bytes;
        const pid = /--target (\d+)/.exec(text)?.[1];
        if (pid !== undefined) resolve(Number(pid));
      });
    });
    const exit = new Promise<number | null>((resolve) => child.on('exit', resolve));
    return { child, inside, exit };
  };

  it('ends cleanly when interrupted: the capture is whole, nothing is left', async () => {
    const pcap = join(place, 'interrupted.pcapng');
    const { child, inside, exit } = await started('--pcap', pcap);
    child.kill('SIGINT');
    expect(await exit).toBe(0);
    expect(await gone(inside)).toBe(true);
    expect(readFileSync(pcap).length).toBeGreaterThan(27);
  });

  it('leaves nothing when it is killed, at whatever moment', async () => {
    for (let i = 0; i < (full ? 20 : 3); i++) {
      const { child, inside, exit } = await started();
      await new Promise((resolve) => setTimeout(resolve, (i * 37) % 150));
      child.kill('SIGKILL');
      await exit;
      expect(await gone(inside)).toBe(true);
    }
    const early = spawn(process.execPath, [main, 'tun', 'serve']);
    await new Promise((resolve) => setTimeout(resolve, 150));
    early.kill('SIGKILL');
    expect(spawnSync('ip', ['-o', 'link'], { encoding: 'utf8' }).stdout).not.toContain('halfopen0');
  });

  it('works for an ordinary user where the kernel lets one make namespaces', (context) => {
    const user = ['setpriv', '--reuid', '65534', '--regid', '65534', '--clear-groups', '--'];
    const able = spawnSync(user[0]!, [...user.slice(1), 'test', '-r', main]).status === 0;
    const spaces = spawnSync(user[0]!, [...user.slice(1), 'unshare', '--user', '--net', 'true']).status === 0;
    if (!able || !spaces || process.getuid?.() !== 0)
      context.skip('the tree cannot be read by others, or users may make no namespaces');
    const args = [
      ...user.slice(1),
      process.execPath,
      main,
      'tun',
      'serve',
      '--',
      'curl',
      '-sf',
      'http://192.0.2.2:8080/bytes/3',
    ];
    const { stdout, stderr } = spawnSync(user[0]!, args, { encoding: 'utf8', cwd: place });
    expect(`${stdout}${stderr}`).toMatch(/^\.\.\.[\s\S]*--user --preserve-credentials --net/);
  });
});

describe('halfopen tun connect', () => {
  withNc('is nc for our stack: standard input out, what comes to standard output', () => {
    const script = 'nc -l 9000 > got; cat got >&2';
    const { status, stderr } = tun(['connect', '192.0.2.1', '9000', '--', 'sh', '-c', script], 'hello\n');
    expect(status).toBe(0);
    expect(readFileSync(join(place, 'got'), 'utf8')).toBe('hello\n');
    expect(stderr).toMatch(/192.0.2.2, 2001:db8::2 is on halfopen0/);
    const six = tun([
      'connect',
      '2001:db8::1',
      '9000',
      '--',
      'sh',
      '-c',
      'echo from there | nc -6 -N -l 9000',
    ]);
    expect(six).toMatchObject({ status: 0, stdout: 'from there\n' });
  });

  it('talks to Node’s http server', () => {
    const server = `require('node:http').createServer((request, response) => {
      response.end(request.method + ' ' + request.url);
    }).listen(9000, '192.0.2.1')`;
    const request = 'GET /there HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n';
    const { status, stdout } = tun(
      ['connect', '192.0.2.1', '9000', '--', process.execPath, '-e', server],
      request,
    );
    expect(stdout).toMatch(/^HTTP\/1.1 200 OK\r\n[\s\S]*GET \/there$/);
    expect(status).toBe(0);
  });

  it('a closed port, and one that a firewall swallows, are told', () => {
    const closed = tun(['connect', '192.0.2.1', '9']);
    expect(closed).toMatchObject({
      status: 1,
      stderr: expect.stringContaining('no connection to 192.0.2.1:9: ECONNREFUSED'),
    });
    const filtered = tun([
      'connect',
      '192.0.2.77',
      '9',
      '--sysctl',
      'net.ipv4.tcp_syn_retries=1',
      '--sysctl',
      'net.ipv4.tcp_syn_linear_timeouts=0',
    ]);
    expect(filtered.status).toBe(1);
    expect(filtered.stderr).toMatch(/no connection to 192.0.2.77:9: (ETIMEDOUT|EHOSTUNREACH|ENETUNREACH)/);
  });
});

describe('halfopen/linux', () => {
  withNc('a full accept queue lets nobody else in; closing takes the device away', async () => {
    const child = spawnInNamespace(process.execPath, [join(root, 'test/exec/tun-queue.mjs')], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let text = '';
    child.stdout!.on('data', (bytes) => {
      text += bytes;
    });
    await new Promise((resolve) => child.on('exit', resolve));
    expect(text).toBe('{"results":[0,0,1,1],"links":2}\n1\n');
  });
});

test('wrong usage of halfopen tun is told', () => {
  const said = (...args: string[]): string => {
    const { status, stderr } = tun(args);
    expect(status, args.join(' ')).toBe(2);
    return stderr;
  };
  expect(said()).toMatch(/say serve, or connect ADDRESS PORT/);
  expect(said('connect', 'example.org', '80')).toMatch(/'example.org' is no address/);
  expect(said('connect', '192.0.2.1', '0')).toMatch(/PORT takes a number from 1 to 65535, not '0'/);
  expect(said('serve', '--loss', '2')).toMatch(/--loss takes a number from 0 to 1, not '2'/);
  expect(said('serve', '--address', '192.0.2.2')).toMatch(/with a prefix length/);
  expect(said('serve', '--dev', 'a/b')).toMatch(/a device's name/);
  expect(said('serve', '--sysctl', 'x')).toMatch(/NAME=VALUE/);
  expect(said('serve', '--what')).toMatch(/no option/);
  writeFileSync(join(place, 'x'), '');
  expect(tun(['--help']).stdout).toMatch(/^Usage: halfopen tun serve/);
});
