import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import net, { type AddressInfo, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { connect } from '../../src/guard/index.ts';
import { testNeeding } from '../support/needs.ts';
import { guard, inNamespace } from './namespace.ts';

const test = testNeeding('test/guard/dial.test.ts');

async function served(listen: net.ListenOptions, use: (port: number) => Promise<void>): Promise<void> {
  const server = net.createServer((peer) => peer.end('served'));
  server.listen(listen);
  await once(server, 'listening');
  try {
    await use((server.address() as AddressInfo).port);
  } finally {
    server.close();
  }
}

async function read(socket: Socket): Promise<string> {
  let text = '';
  for await (const chunk of socket) text += chunk;
  return text;
}

describe('connect', () => {
  test('takes what net.connect takes: options, a port, a port and a host, a path', async () => {
    await served({ port: 0, host: '127.0.0.1' }, async (port) => {
      let heard = 0;
      const listener = (): void => void heard++;
      expect(await read(connect({ port, host: '127.0.0.1' }, listener))).toBe('served');
      expect(await read(connect(port, '127.0.0.1', listener))).toBe('served');
      expect(await read(connect(port, listener))).toBe('served');
      expect(heard).toBe(3);
    });
    const folder = mkdtempSync(join(tmpdir(), 'halfopen-'));
    const path = join(folder, 'socket');
    await served({ path }, async () => {
      expect(await read(connect(path))).toBe('served');
      expect(await read(connect({ path }))).toBe('served');
    });
    rmSync(folder, { recursive: true });
  });

  test('reports a wrong port as net.connect does', () => {
    expect(() => connect({ port: 70_000 })).toThrow(RangeError);
  });

  test('does what net.connect does with a signal that is aborted already, or is aborted while it connects', async () => {
    await served({ port: 0, host: '127.0.0.1' }, async (port) => {
      const events = async (dial: typeof net.connect, when: 'before' | 'after'): Promise<string[]> => {
        const controller = new AbortController();
        if (when === 'before') controller.abort();
        const socket = dial({ port, host: '127.0.0.1', signal: controller.signal } as net.NetConnectOpts);
        const seen: string[] = [];
        for (const name of ['connect', 'error', 'close'])
          socket.on(name, (value: unknown) => seen.push(value instanceof Error ? value.name : name));
        if (when === 'after') controller.abort();
        await new Promise((resolve) => setTimeout(resolve, 200));
        socket.destroy();
        // Node itself brings a socket back to life that was aborted before: what comes then is no matter here.
        return seen.slice(0, 2);
      };
      for (const when of ['before', 'after'] as const) {
        const [ours, nodes] = await Promise.all([events(connect, when), events(net.connect, when)]);
        expect(ours, when).toEqual(nodes);
        expect(ours).toEqual(['AbortError', 'close']);
      }
    });
  });

  test('refuses what is no target as net.connect does', () => {
    const code = (dial: typeof net.connect, target: unknown): unknown => {
      try {
        dial(target as number);
      } catch (error) {
        return (error as NodeJS.ErrnoException).code;
      }
      return 'none';
    };
    for (const target of [undefined, null, {}, [], -1, Number.NaN, { port: 'http' }])
      expect(code(connect as typeof net.connect, target), String(target)).toMatch(
        /^ERR_(SOCKET_BAD_PORT|MISSING_ARGS|INVALID_ARG_TYPE)$/,
      );
  });

  test('keeps the time-out of its options', async () => {
    await served({ port: 0, host: '127.0.0.1' }, async (port) => {
      expect(
        connect({ port, host: '127.0.0.1', timeout: 1234 })
          .on('error', () => {})
          .destroy().timeout,
      ).toBe(1234);
    });
  });
});

/** Runs a program that can call `dial(options)`, in a namespace whose ephemeral range is `low high`. */
function tried(low: number, high: number, text: string): unknown {
  const prelude = `
    import net from 'node:net';
    import { connect, selfConnects } from '${guard}';
    const dial = (options, between = () => {}) => new Promise((resolve) => {
      let attempts = 0;
      const socket = connect(options, () => resolve({ attempts, local: socket.localAddress + ' ' + socket.localPort }));
      socket.on('connectionAttempt', () => between(++attempts));
      socket.on('error', (error) => resolve({ attempts, code: error.code, stopped: selfConnects() }));
    });
    const bound = (port, host) => new Promise((resolve) => { const server = net.createServer().listen(port, host, () => resolve(server)); });
    const say = (value) => { console.log(JSON.stringify(value)); process.exit(); };`;
  const range = `echo ${low} ${high} > /proc/sys/net/ipv4/ip_local_port_range; exec "$@"`;
  const node = [process.execPath, '--input-type=module', '-e', prelude + text];
  const { stdout, stderr } = inNamespace(['sh', '-c', range, 'sh', ...node]);
  if (stdout === '') throw new Error(stderr);
  return JSON.parse(stdout);
}

describe('connect has the rules of Go’s dialer', () => {
  const test = testNeeding('test/guard/dial.test.ts', 'netns');

  // With a range of one port, every connect to that port is with itself.
  for (const host of ['127.0.0.1', '::1'])
    test(`three self-connects at ${host} in a row, two of them unseen, end in one refusal`, () => {
      expect(tried(50_000, 50_000, `say(await dial({ port: 50000, host: '${host}' }));`)).toEqual({
        attempts: 3,
        code: 'ECONNREFUSED',
        stopped: 3,
      });
    });

  test('with both families, each of the three rounds tries both', () => {
    const lookup = `lookup: (host, options, answer) => setImmediate(answer, null, [{ address: '::1', family: 6 }, { address: '127.0.0.1', family: 4 }])`;
    expect(
      tried(
        50_000,
        50_000,
        `say(await dial({ port: 50000, host: 'both.test', autoSelectFamily: true, autoSelectFamilyAttemptTimeout: 10_000, ${lookup} }));`,
      ),
    ).toEqual({ attempts: 6, code: 'ECONNREFUSED', stopped: 6 });
  });

  test('a service that has come up in between is reached, and nobody learns of the self-connect', () => {
    // The handler runs before the second attempt connects; the first has left the port free.
    const text = `say(await dial({ port: 50000, host: '127.0.0.1' }, (attempt) => {
      if (attempt !== 2) return;
      net.createServer().listen(50000);
      require('node:fs').writeFileSync('/proc/sys/net/ipv4/ip_local_port_range', '50002 50002');
    }));`;
    const withRequire = `import { createRequire } from 'node:module'; const require = createRequire('/');`;
    expect(tried(50_000, 50_000, withRequire + text)).toEqual({ attempts: 2, local: '127.0.0.1 50002' });
  });

  test('a connection that stands is closed when it is destroyed, whatever its first family met', () => {
    // [::1] meets itself; before 127.0.0.1 is tried the service comes up, and there are other ports.
    const text = `
      import { writeFileSync } from 'node:fs';
      const addresses = [{ address: '::1', family: 6 }, { address: '127.0.0.1', family: 4 }];
      const lookup = (host, options, answer) => setImmediate(answer, null, addresses);
      const socket = connect({ port: 50000, host: 'both.test', autoSelectFamily: true, autoSelectFamilyAttemptTimeout: 10_000, lookup });
      let attempts = 0;
      socket.on('connectionAttempt', () => {
        if (++attempts !== 2) return;
        net.createServer().listen(50000);
        writeFileSync('/proc/sys/net/ipv4/ip_local_port_range', '50002 50019');
      });
      socket.on('connect', () => socket.destroy(Object.assign(new Error(), { code: 'ECONNREFUSED', syscall: 'connect' })));
      socket.on('error', () => {});
      socket.on('close', () => say({ attempts, stopped: selfConnects() }));`;
    expect(tried(50_000, 50_000, text)).toEqual({ attempts: 2, stopped: 1 });
  });

  test('a socket that is destroyed while its second family is tried stays destroyed', () => {
    const text = `
      const addresses = [{ address: '::1', family: 6 }, { address: '127.0.0.1', family: 4 }];
      const lookup = (host, options, answer) => setImmediate(answer, null, addresses);
      const socket = connect({ port: 50000, host: 'both.test', autoSelectFamily: true, autoSelectFamilyAttemptTimeout: 10_000, lookup });
      let attempts = 0;
      socket.on('connectionAttempt', () => { if (++attempts === 2) process.nextTick(() => socket.destroy()); });
      socket.on('close', () => setTimeout(() => say({ attempts, stopped: selfConnects() }), 100));`;
    // The second was connected too, to itself, when it was destroyed.
    expect(tried(50_000, 50_000, text)).toEqual({ attempts: 2, stopped: 2 });
  });

  test('want of a local port that passes is not seen', () => {
    const text = `
      await bound(50002, '127.0.0.1');
      const holder = await bound(50000, '127.0.0.1');
      say(await dial({ port: 50002, host: '127.0.0.1' }, (attempt) => { if (attempt === 2) holder.close(); }));`;
    expect(tried(50_000, 50_000, text)).toEqual({ attempts: 2, local: '127.0.0.1 50000' });
  });

  test('want of a local port that stays is reported after three attempts', () => {
    const text = `
      await bound(50000, '127.0.0.1');
      say(await dial({ port: 50002, host: '127.0.0.1' }));`;
    expect(tried(50_000, 50_000, text)).toEqual({ attempts: 3, code: 'EADDRNOTAVAIL', stopped: 0 });
  });

  test('a local address that this host does not have is reported at once', () => {
    expect(
      tried(
        50_000,
        50_000,
        `say(await dial({ port: 50000, host: '127.0.0.1', localAddress: '192.0.2.1' }));`,
      ),
    ).toMatchObject({ code: 'EADDRNOTAVAIL', stopped: 0 });
  });

  test('with a local port that was asked for, nothing is repeated and a self-connect is allowed', () => {
    expect(
      tried(
        50_000,
        50_019,
        `say(await dial({ port: 45000, host: '127.0.0.1', localAddress: '127.0.0.1', localPort: 45000 }));`,
      ),
    ).toEqual({ attempts: 1, local: '127.0.0.1 45000' });
  });
});

describe('prevention', () => {
  const test = testNeeding('test/guard/dial.test.ts', 'netns');
  const loop = (options: string): string => `
    let warnings = 0;
    process.on('warning', (warning) => { if (warning.code === 'HALFOPEN_GUARD_PREVENT') warnings++; });
    for (let i = 0; i < 400; i++) await dial({ port: 50000, prevent: true, ${options} });
    const stopped = selfConnects();
    await bound(50000, '127.0.0.1');
    const { local } = await dial({ port: 50000, prevent: true, ${options} });
    say({ stopped, warnings, source: local.split(' ')[0] });`;

  test('from another loopback address, no connect meets itself, and the change of address is said once', () => {
    expect(tried(50_000, 50_019, loop(`host: '127.0.0.1'`))).toEqual({
      stopped: 0,
      warnings: 1,
      source: '127.0.0.2',
    });
    expect(tried(50_000, 50_019, loop(`host: 'localhost', family: 4`))).toMatchObject({
      source: '127.0.0.2',
    });
  });

  test('where it does not apply, connections come from where they came from, and are guarded', () => {
    expect(tried(50_000, 50_019, loop(`host: '127.0.0.1', localAddress: '127.0.0.1'`))).toEqual({
      stopped: expect.any(Number),
      warnings: 0,
      source: '127.0.0.1',
    });
  });
});
