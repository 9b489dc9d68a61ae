import { spawnSync } from 'node:child_process';
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect } from 'vitest';
import { full, root, testNeeding } from '../support/needs.ts';
import { guard, inNamespace, observe, ports, type Run } from './namespace.ts';

const here = 'test/guard/guard.test.ts';
const test = testNeeding(here, 'netns');

/** Until an unguarded program has met itself; the chance that it does not in so many tries is below 1e-20. */
const patience = 1000;
/** Enough for a guarded program to meet itself with a chance of all but 1e-7. */
const enough = 300;

const clients = [
  'net.connect',
  'new Socket().connect',
  'happy eyeballs',
  'tls',
  'http',
  'https',
  'http agent',
  'http2',
  'fetch',
  'fetch https',
  'undici',
];
const ownClients = ['halfopen connect', 'halfopen HttpAgent', 'halfopen HttpsAgent', 'halfopen undici'];

function meets(run: Omit<Run, 'tries' | 'guarded'>): void {
  const seen = observe({ ...run, tries: patience, guarded: false });
  expect(seen).toMatchObject({ unexpected: expect.any(Number), stopped: 0 });
  expect(seen.unexpected, `${run.client} did not meet itself`).toBeGreaterThan(0);
}

function neverMeets(run: Omit<Run, 'tries' | 'guarded'>, mode = 'handle'): void {
  const seen = observe({ ...run, tries: enough, guarded: true });
  expect(seen).toMatchObject({ tries: enough, refused: enough, unexpected: 0, mode, bound: true });
  expect(seen.stopped).toBeGreaterThan(0);
}

describe('a program whose service is down', () => {
  for (const client of clients) {
    test(`takes itself for the service with ${client}, and never when guarded`, () => {
      meets({ client });
      neverMeets({ client });
      if (full && client !== 'happy eyeballs') neverMeets({ client, host: '::1' });
    });
  }

  for (const client of ownClients)
    test(`never takes itself for the service with ${client}`, () => neverMeets({ client }));

  test('is guarded in a worker thread when the guard came by --import', () => {
    meets({ client: 'net.connect', env: { IN_WORKER: '1' } });
    neverMeets({ client: 'net.connect', env: { IN_WORKER: '1' } });
  });
});

const tries = full ? 200_000 : 4000;
/** After the program: TIME-WAITs, and segments sent with data, in the namespace. */
const aftermath =
  "grep -o 'tw [0-9]*' /proc/net/sockstat; " +
  'awk \'/^TcpExt:/ && !n { n = split($0, name); next } /^TcpExt:/ { for (i = 1; i <= n; i++) if (name[i] == "TCPOrigDataSent") print "data", $i }\' /proc/net/netstat';

for (const host of ['127.0.0.1', '::1']) {
  test(`${tries} guarded tries at ${host} are refused as any other, leak nothing and leave the port free`, () => {
    const seen = observe({ client: 'net.connect', host, tries, guarded: true, afterwards: aftermath });
    expect(seen).toMatchObject({ tries, refused: tries, unexpected: 0, bound: true });
    expect(seen.stopped).toBeGreaterThan(tries / 50);
    expect(seen.rest.trim().split('\n')).toEqual(['tw 0', 'data 0']);
    // One and the same error for all: Node's own for a port where nobody listens.
    const ordinary = observe({ client: 'net.connect', host, port: 7, tries: 1, guarded: false });
    const text = JSON.stringify(ordinary.errors).replaceAll(/\b7\b/g, String(ports.low));
    expect(seen.errors).toEqual(JSON.parse(text));
    console.log(`${host}: ${tries} tries, ${seen.stopped} self-connects stopped, ${seen.unexpected} seen`);
  });
}

test('unguarded, an ordinary close keeps the service from its port', () => {
  const seen = observe({ client: 'net.connect', tries: patience, guarded: false });
  expect(seen.bound).toBe('EADDRINUSE');
});

/** Runs a short program in a namespace; returns its standard output and error. */
function program(
  text: string,
  options: string[] = [],
  { node = process.execPath, type = 'module', env = {}, setup = ':' } = {},
): { out: string; err: string } {
  const command = [node, ...options, `--input-type=${type}`, '-e', text];
  const result = inNamespace(['sh', '-c', `${setup}; exec "$@"`, 'sh', ...command], env);
  return { out: result.stdout.trim(), err: result.stderr };
}

describe('the guard', () => {
  test('leaves the port free at once: the service can bind in the handler of the very error', () => {
    const { out, err } = program(`
      import net from 'node:net';
      import { selfConnects } from '${guard}';
      const dial = () => net.connect(${ports.low}, '127.0.0.1').on('error', () => {
        if (selfConnects() === 0) return dial();
        net.createServer().listen(${ports.low}, '127.0.0.1', () => { console.log('bound'); process.exit(); });
      });
      dial();`);
    expect(out, err).toBe('bound');
  });

  describe('leaves the port free at once when a socket that met itself is closed before it knows', () => {
    // With one port every connect is with itself, and has been when connect() returns: the event only comes later.
    const oneChance = (options: string, then: string): string =>
      program(`
        import fs from 'node:fs';
        import net from 'node:net';
        import { selfConnects } from '${guard}';
        fs.writeFileSync('/proc/sys/net/ipv4/ip_local_port_range', '50000 50000');
        const controller = new AbortController();
        const both = [{ address: '::1', family: 6 }, { address: '127.0.0.1', family: 4 }];
        const seen = [];
        const socket = net.connect({ port: 50000, host: '127.0.0.1', ${options} });
        socket.once('connectionAttempt', () => process.nextTick(() => { ${then} }));
        socket.on('connect', () => seen.push('connect')).on('error', () => {}).on('close', () => setImmediate(() => {
          const say = (result) => { console.log(...seen, result, selfConnects()); process.exit(); };
          net.createServer().on('error', (error) => say(error.code)).listen(50000, '::', () => say('bound'));
        }));`).out;

    test('by destroy()', () => expect(oneChance('', 'socket.destroy()')).toBe('bound 1'));

    test('by an AbortSignal', () =>
      expect(oneChance('signal: controller.signal', 'controller.abort()')).toBe('bound 1'));

    test('by happy eyeballs, when the loop was busy for longer than an attempt may take', () => {
      const options =
        "host: 'both.test', autoSelectFamily: true, autoSelectFamilyAttemptTimeout: 20, lookup: (host, options, answer) => setImmediate(answer, null, both)";
      const busy = 'const end = performance.now() + 60; while (performance.now() < end);';
      expect(oneChance(options, busy)).toBe('bound 2');
    });
  });

  test('publishes each stop on its diagnostics channel', () => {
    const { out, err } = program(`
      import net from 'node:net';
      import { subscribe } from 'node:diagnostics_channel';
      import { selfConnectChannel, selfConnects } from '${guard}';
      subscribe(selfConnectChannel, (message) => { console.log(JSON.stringify([selfConnects(), message])); process.exit(); });
      const dial = () => net.connect(${ports.low}, '::1').on('error', dial);
      dial();`);
    expect(JSON.parse(out), err).toEqual([
      1,
      { address: '::1', port: ports.low, family: 'IPv6', threadId: 0 },
    ]);
  });

  test('stops a self-connect by any of the names of an address, and by those of this host', () => {
    const { out, err } = program(
      `
      import fs from 'node:fs';
      import net from 'node:net';
      import { selfConnects } from '${guard}';
      fs.writeFileSync('/proc/sys/net/ipv4/ip_local_port_range', '50000 50000');
      for (const host of ['0.0.0.0', '::', '::ffff:127.0.0.1', 'localhost', '192.0.2.1', '2001:db8::1']) {
        const before = selfConnects();
        const { code } = await new Promise((end) => net.connect(50000, host, () => end({ code: 'connected' })).on('error', end));
        console.log(host, code, selfConnects() > before);
      }`,
      ['--no-network-family-autoselection'],
      { setup: 'ip addr add 192.0.2.1/32 dev lo; ip addr add 2001:db8::1/128 dev lo nodad' },
    );
    expect(
      out.split('\n').filter((line) => !/ ECONNREFUSED true$/.test(line)),
      out + err,
    ).toEqual([]);
    expect(out.split('\n')).toHaveLength(6);
  });

  test('sees that the range of ports has been changed since it was loaded', () => {
    const { out, err } = program(`
      import fs from 'node:fs';
      import net from 'node:net';
      import { selfConnects } from '${guard}';
      const refusal = () => new Promise((resolve) => net.connect(45000, '127.0.0.1').on('error', resolve));
      await refusal();
      fs.writeFileSync('/proc/sys/net/ipv4/ip_local_port_range', '45000 45000');
      console.log((await refusal()).code, selfConnects());`);
    expect(out, err).toBe('ECONNREFUSED 1');
  });

  test('leaves a local port that was asked for alone', () => {
    const { out, err } = program(`
      import net from 'node:net';
      import { selfConnects } from '${guard}';
      for (const port of [45000, ${ports.low}]) {
        const options = { host: '127.0.0.1', port, localAddress: '127.0.0.1', localPort: port };
        const socket = net.connect(options, () => {
          console.log(socket.localPort === socket.remotePort, selfConnects());
          socket.destroy();
        });
      }`);
    expect(out, err).toBe('true 0\ntrue 0');
  });

  describe('in a worker thread', () => {
    const dial = `
      const dial = () => net.connect(${ports.low}, '127.0.0.1', () => end('met itself')).on('error', refused);
      let tries = 0;
      const refused = () => (++tries < 500 ? dial() : end('never'));
      const end = (word) => { fs.writeSync(1, word); process.exit(); };
      dial();`;
    const module = `import fs from 'node:fs'; import net from 'node:net'; ${dial}`;
    const fromUrl = `
      import { Worker } from 'node:worker_threads';
      new Worker(new URL(${JSON.stringify(`data:text/javascript,${encodeURIComponent(module)}`)}));`;
    const script = `const fs = require('node:fs'); const net = require('node:net'); ${dial}`;
    const evaluated = (text: string): string =>
      `new (require('node:worker_threads').Worker)(${JSON.stringify(text)}, { eval: true });`;

    test('it is there by --import, on the command line or in NODE_OPTIONS', () => {
      expect(program(fromUrl, ['--import', guard]).out).toBe('never');
      expect(program(fromUrl, [], { env: { NODE_OPTIONS: `--import=${guard}` } }).out).toBe('never');
    });

    test('it is not there by an import in the main file, nor in a script worker made with eval', () => {
      expect(program(`import '${guard}'; ${fromUrl}`).out).toBe('met itself');
      expect(program(evaluated(script), ['--import', guard], { type: 'commonjs' }).out).toBe('met itself');
    });

    test('a script worker made with eval can load it by itself', () => {
      const loading = `import('${guard}').then(() => { ${script} });`;
      expect(program(evaluated(loading), [], { type: 'commonjs' }).out).toBe('never');
    });
  });

  test('is one guard and one counter, however often it is imported', () => {
    const { out, err } = program(`
      import fs from 'node:fs';
      import net from 'node:net';
      import * as one from '${guard}';
      const probe = new net.Socket().on('error', () => {});
      const handles = () => { probe.connect(1, '127.0.0.1'); return Object.getPrototypeOf(probe._handle); };
      const guarded = handles().connect;
      const two = await import('${guard}?again');
      // As in the modules of a test runner, each with a world of its own beside the same handles.
      for (const key of Object.getOwnPropertySymbols(globalThis)) if (key.description.startsWith('halfopen')) delete globalThis[key];
      await import('${guard}?elsewhere');
      console.log(handles().connect === guarded);
      fs.writeFileSync('/proc/sys/net/ipv4/ip_local_port_range', '50000 50000');
      await new Promise((end) => net.connect(50000, '127.0.0.1').on('error', end));
      console.log(one.selfConnects(), two.selfConnects());
      // Its three attempts, though it was the first copy that stopped them.
      await new Promise((end) => two.connect(50000, '127.0.0.1').on('error', end));
      console.log(one.selfConnects());
      process.exit();`);
    expect(out, err).toBe('true\n1 1\n4');
  });
});

describe('where the internals are not as the guard knows them', () => {
  // What the guard would write to is read-only: one of the ways in which a later Node could differ.
  const freeze = `
    import net from 'node:net';
    const probe = new net.Socket();
    probe.connect({ host: '127.0.0.1', port: 1 });
    Object.freeze(Object.getPrototypeOf(probe._handle));
    probe.destroy();`;
  const frozen = ['--import', `data:text/javascript,${encodeURIComponent(freeze)}`];

  for (const client of [
    'net.connect',
    'http',
    'fetch',
    'happy eyeballs',
    'halfopen connect',
    'halfopen HttpsAgent',
  ])
    test(`it says so once and keeps ${client} out of the trap by the documented channel`, () => {
      const seen = observe({ client, tries: enough, guarded: true, options: frozen });
      expect(seen).toMatchObject({ refused: enough, unexpected: 0, mode: 'channel', bound: true });
      expect(seen.stopped).toBeGreaterThan(0);
      expect(seen.stderr.match(/HALFOPEN_GUARD_FALLBACK/g)).toHaveLength(1);
    });
});

const folder = process.env.HALFOPEN_NODES ?? '';
const versions = folder && existsSync(folder) ? readdirSync(folder).filter((name) => /^\d+$/.test(name)) : [];
const matrix = testNeeding(here, 'netns', 'node-matrix');

describe('on other versions of Node', () => {
  for (const version of versions.length > 0 ? versions : ['22, 24 and 26']) {
    const node = join(folder, version, 'node_modules', 'node', 'bin', 'node');
    for (const client of [...clients, ...ownClients])
      matrix(`Node ${version}: guarded, ${client} never takes itself for the service`, () => {
        if (!client.startsWith('halfopen')) meets({ client, node });
        neverMeets({ client, node });
      });

    matrix(`Node ${version}: worker threads, and 20 thousand tries at ::1`, () => {
      neverMeets({ client: 'net.connect', node, env: { IN_WORKER: '1' } });
      const count = full ? 20_000 : 2000;
      const seen = observe({ client: 'net.connect', node, host: '::1', tries: count, guarded: true });
      expect(seen).toMatchObject({ refused: count, unexpected: 0, bound: true });
      expect(seen.stopped).toBeGreaterThan(count / 50);
    });

    matrix(`Node ${version}: the tests of connect, the agents and the undici connector pass`, () => {
      const vitest = join(root, 'node_modules', 'vitest', 'vitest.mjs');
      const { status, stdout } = spawnSync(node, [vitest, 'run', 'test/guard/dial', 'test/guard/clients'], {
        cwd: root,
        encoding: 'utf8',
      });
      expect(status, stdout).toBe(0);
    });

    matrix(
      `Node ${version}: a port that a BoundSocket was bound to is left alone, where there is one`,
      () => {
        const text = `
        import net from 'node:net';
        import { selfConnects } from '${guard}';
        if (!net.BoundSocket) { console.log('true 0'); process.exit(); }
        const bound = new net.BoundSocket({ host: '127.0.0.1', port: ${ports.low} });
        const socket = new net.Socket({ handle: bound });
        socket.connect({ host: '127.0.0.1', port: ${ports.low} }, () => {
          console.log(socket.localPort === socket.remotePort, selfConnects());
          process.exit();
        });`;
        const { out, err } = program(text, [], { node });
        expect(out, err).toBe('true 0');
      },
    );
  }
});
