import { spawnSync } from 'node:child_process';
import { createServer, connect as netConnect, type Server } from 'node:net';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { freePort, refusingPort, silentPort, stallingPort } from '../../src/ports/index.ts';
import { full, root, testNeeding } from '../support/needs.ts';
import { dial, tally } from './dial.ts';

const here = 'test/ports/ports.test.ts';
const loopbacks = ['127.0.0.1', '::1'];

const listen = (port: number): Promise<Server> =>
  new Promise((resolve, reject) => {
    const server = createServer();
    server.on('error', reject);
    server.listen(port, '127.0.0.1', () => resolve(server));
  });
const close = (server: Server): Promise<void> => new Promise((resolve) => server.close(() => resolve()));

/** Runs a module in a network namespace of its own with a given ephemeral range. */
const inNamespace = (range: string, code: string, env: Record<string, string> = {}) =>
  spawnSync(
    'unshare',
    [
      '-n',
      'sh',
      '-c',
      `ip link set lo up && echo ${range} > /proc/sys/net/ipv4/ip_local_port_range && exec "$@"`,
      'sh',
      process.execPath,
      '--input-type=module',
      '-e',
      `import { freePort, refusingPort } from ${JSON.stringify(join(root, 'dist/ports/index.js'))};\n${code}`,
    ],
    { encoding: 'utf8', timeout: 60_000, env: { ...process.env, NODE_OPTIONS: '', ...env } },
  );

describe('freePort', () => {
  test('gives a port on which a server can listen, stop, and listen again', async () => {
    const lease = await freePort();
    for (let i = 0; i < 3; i++) await close(await listen(lease.port));
    await lease.release();
  });

  test('gives no port twice while both are held, and none that anything listens on', async () => {
    const leases = await Promise.all(Array.from({ length: 200 }, () => freePort()));
    expect(new Set(leases.map(({ port }) => port)).size).toBe(200);
    await Promise.all(leases.map((lease) => lease.release()));
  });

  test('a client that is too early is refused and not connected to itself', async () => {
    const lease = await freePort();
    for (const host of loopbacks) expect(await dial(lease.port, host)).toBe('ECONNREFUSED');
    await lease.release();
    await lease.release();
  });

  test('does not give a port again at once after it was released', async () => {
    const given = new Set<number>();
    for (let i = 0; i < 300; i++) {
      const lease = await freePort();
      expect(given.has(lease.port)).toBe(false);
      given.add(lease.port);
      await lease.release();
    }
  });

  testNeeding(here, 'netns')(
    'holds a port that connect() would pick, where connect() may pick every port',
    () => {
      const { stdout, stderr } = inNamespace(
        '1024 65535',
        `import { createServer, connect } from 'node:net';
       const lease = await freePort();
       const seen = { held: lease.held };
       for (let i = 0; i < 2; i++) await new Promise((resolve) => {
         const server = createServer().listen(lease.port, '0.0.0.0', () => server.close(resolve));
       });
       seen.early = await new Promise((resolve) => connect(lease.port, '127.0.0.1').on('error', (e) => resolve(e.code)));
       console.log(JSON.stringify(seen));`,
      );
      expect(stderr).toBe('');
      expect(JSON.parse(stdout)).toEqual({ held: true, early: 'ECONNREFUSED' });
    },
  );

  testNeeding(here, 'netns')('a held port is neither picked by connect() nor by bind(0)', () => {
    const { stdout, stderr } = inNamespace(
      // Some six hundred ports that connect() may pick, and fewer than it takes outside.
      '10100 65535',
      `import { createServer } from 'node:net';
       import { writeFileSync } from 'node:fs';
       const held = [];
       for (let i = 0; i < 40; i++) held.push(await freePort());
       // Now the kernel has these forty ports and sixty others to pick from.
       const low = Math.min(...held.map(({ port }) => port));
       writeFileSync('/proc/sys/net/ipv4/ip_local_port_range', low + ' ' + (low + 99));
       let picked = 0;
       let tries = 0;
       for (let i = 0; i < 3000; i++) await new Promise((resolve) => {
         const server = createServer().listen(0, '127.0.0.1', () => {
           tries++;
           if (held.some(({ port }) => port === server.address().port)) picked++;
           server.close(resolve);
         });
       });
       console.log(JSON.stringify({ picked, tries, distinct: new Set(held.map(({ port }) => port)).size }));`,
    );
    expect(stderr).toBe('');
    expect(JSON.parse(stdout)).toEqual({ picked: 0, tries: 3000, distinct: 40 });
  });

  testNeeding(
    here,
    'netns',
    'python3',
  )(
    'a crowd of processes meets no port in use and none that connects to itself, while strangers bind and connect',
    () => {
      const [processes, leases] = full ? [64, 50_000] : [8, 2_000];
      const { stdout, stderr } = spawnSync(
        'unshare',
        [
          '-n',
          'sh',
          '-c',
          'ip link set lo up && exec "$@"',
          'sh',
          process.execPath,
          join(root, 'test/ports/crowd.mjs'),
          `${processes}`,
          `${leases}`,
        ],
        { encoding: 'utf8', timeout: 1_000_000, env: { ...process.env, NODE_OPTIONS: '' } },
      );
      expect(stderr).toBe('');
      expect(JSON.parse(stdout)).toEqual({ leases, wrong: {}, strangersAlive: 2 });
    },
  );
});

describe('refusingPort', () => {
  test('refuses on every address, and no server can take it', async () => {
    const lease = await refusingPort();
    const seen: string[] = [];
    for (let i = 0; i < 200; i++) seen.push(await dial(lease.port, loopbacks[i % 2]));
    expect(tally(seen)).toEqual({ ECONNREFUSED: 200 });
    await lease.release();
  });

  testNeeding(here, 'netns')('refuses where the kernel has few ports to pick from, every time', () => {
    const { stdout, stderr } = inNamespace(
      '10081 65535',
      `import { connect } from 'node:net';
       import { writeFileSync } from 'node:fs';
       const lease = await refusingPort();
       // Without the bound socket one connect in ten would meet itself now.
       writeFileSync('/proc/sys/net/ipv4/ip_local_port_range', lease.port + ' ' + (lease.port + 19));
       const seen = {};
       for (let i = 0; i < 2000; i++) await new Promise((resolve) => {
         const socket = connect(lease.port, '127.0.0.1');
         const end = (what) => { seen[what] = (seen[what] ?? 0) + 1; socket.resetAndDestroy(); resolve(); };
         socket.on('connect', () => end('connect')).on('error', (error) => end(error.code));
       });
       console.log(JSON.stringify(seen));`,
    );
    expect(stderr).toBe('');
    expect(JSON.parse(stdout)).toEqual({ ECONNREFUSED: 2000 });
  });
});

describe('silentPort', () => {
  test('answers no connect, a thousand at once, and refuses when it is released', async () => {
    const rounds = full ? 10 : 1;
    const silent = await silentPort();
    for (let round = 0; round < rounds; round++) {
      const seen = await Promise.all(
        Array.from({ length: 1000 }, (_, i) => dial(silent.port, loopbacks[i % 2], 2000)),
      );
      expect(tally(seen)).toEqual({ timeout: 1000 });
    }
    await silent.release();
    expect(await dial(silent.port)).toBe('ECONNREFUSED');
  });
});

describe('stallingPort', () => {
  test('connects, takes what is written, and answers neither data nor the end', async () => {
    const stalling = await stallingPort();
    const seen: string[] = [];
    const socket = netConnect({ port: stalling.port, host: 'localhost', allowHalfOpen: true });
    socket.on('data', () => seen.push('data')).on('end', () => seen.push('end'));
    socket.on('error', (error: NodeJS.ErrnoException) => seen.push(error.code ?? ''));
    await new Promise<void>((resolve) => socket.end('GET / HTTP/1.1\r\n\r\n', () => resolve()));
    await new Promise((resolve) => setTimeout(resolve, 200));
    expect(stalling.connections).toBe(1);
    expect(seen).toEqual([]);
    const closed = new Promise((resolve) => socket.on('close', resolve));
    await stalling.release();
    await closed;
    expect(seen).toEqual(['ECONNRESET']);
    expect(await dial(stalling.port)).toBe('ECONNREFUSED');
  });
});

test('a program ends with ports that it never released', () => {
  const code = `import { freePort, refusingPort, silentPort, stallingPort } from ${JSON.stringify(join(root, 'dist/ports/index.js'))};
    import { connect } from 'node:net';
    for (const make of [freePort, refusingPort, silentPort, stallingPort]) await make();
    const socket = connect((await stallingPort()).port);
    await new Promise((resolve) => socket.on("connect", resolve));
    socket.unref();
    console.log('done');`;
  const { stdout, stderr, status } = spawnSync(process.execPath, ['--input-type=module', '-e', code], {
    encoding: 'utf8',
    timeout: 20_000,
  });
  expect({ stdout, stderr, status }).toEqual({ stdout: 'done\n', stderr: '', status: 0 });
});
