import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect } from 'vitest';
import { openTrace, type Trace, TraceError, type TraceEvent } from '../../src/linux/trace-events.ts';
import { root, testNeeding } from '../support/needs.ts';

const inTracefs = (command: string): string =>
  spawnSync(
    'unshare',
    [
      '-m',
      'sh',
      '-c',
      `mount -t tracefs t /sys/kernel/tracing && cd /sys/kernel/tracing/instances && ${command}`,
    ],
    { encoding: 'utf8' },
  ).stdout;
const instances = (pid: number): string[] =>
  inTracefs('ls')
    .split('\n')
    .filter((name) => name.startsWith(`halfopen-${pid}-`));

async function goneWithin(milliseconds: number, pid: number): Promise<boolean> {
  const end = performance.now() + milliseconds;
  while (performance.now() < end) {
    if (instances(pid).length === 0) return true;
    await delay(20);
  }
  return false;
}

/** A program that traces, and what it says. */
async function tracer() {
  const child = spawn(process.execPath, [join(root, 'test/hosts/trace-program.mjs')], {
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  child.stdout.setEncoding('utf8');
  const [said] = (await once(child.stdout, 'data')) as [string];
  expect(said).toBe(`tracing ${child.pid}\n`);
  return child;
}

const machineTest = testNeeding('test/hosts/trace-events.test.ts', 'tracefs');

describe('trace events', () => {
  machineTest(
    'tell the states of a connection in the order of time, and are gone after close()',
    async () => {
      const events: TraceEvent[] = [];
      const server = createServer((socket) => socket.end()).listen(0, '127.0.0.1');
      await once(server, 'listening');
      const { port } = server.address() as { port: number };
      const trace: Trace = await openTrace({
        events: [
          { event: 'sock/inet_sock_set_state', filter: `dport == ${port}` },
          { event: 'sock/no_such_event', optional: true },
        ],
        onEvents: (some) => events.push(...some),
      });
      expect(instances(process.pid)).toHaveLength(1);
      const client = connect(port, '127.0.0.1');
      await once(client.resume(), 'close');
      server.close();
      await delay(50);
      trace.drain();
      await trace.close();
      expect(instances(process.pid)).toEqual([]);
      const steps = events.map((event) => [event.number('oldstate'), event.number('newstate')]);
      expect(steps.slice(0, 2)).toEqual([
        [7, 2],
        [2, 1],
      ]);
      expect(events.map(({ time }) => time)).toEqual(events.map(({ time }) => time).sort((a, b) => a - b));
      expect([...trace.formats.keys()]).toEqual(['inet_sock_set_state']);
    },
  );

  machineTest('refuse an event or a filter that the kernel does not have, and leave nothing', async () => {
    const nothing = { onEvents: () => {} };
    await expect(openTrace({ ...nothing, events: [{ event: 'sock/none' }] })).rejects.toThrow(
      new TraceError('this kernel has no trace event sock/none'),
    );
    const wrong = { event: 'sock/inet_sock_set_state', filter: 'nonsense == 1' };
    await expect(openTrace({ ...nothing, events: [wrong] })).rejects.toThrow(
      "does not take the filter 'nonsense == 1'",
    );
    expect(instances(process.pid)).toEqual([]);
  });

  machineTest('leave nothing within a second when the process is killed', async () => {
    const child = await tracer();
    expect(instances(child.pid!)).toHaveLength(1);
    child.kill('SIGKILL');
    await once(child, 'close');
    expect(await goneWithin(1000, child.pid!)).toBe(true);
  });

  machineTest(
    'end with a word when their helper is killed, and the next start takes away what is left',
    async () => {
      const child = await tracer();
      const helper = Number(spawnSync('pgrep', ['-P', `${child.pid}`], { encoding: 'utf8' }).stdout);
      process.kill(helper, 'SIGKILL');
      const [said] = (await once(child.stdout, 'data')) as [string];
      expect(said).toBe('ended: the helper process of the trace was killed\n');
      await once(child, 'close');
      expect(instances(child.pid!)).toHaveLength(1);
      const next = await tracer();
      expect(instances(child.pid!)).toEqual([]);
      expect(instances(next.pid!)).toHaveLength(1);
      next.kill('SIGTERM');
      expect(await goneWithin(1000, next.pid!)).toBe(true);
    },
  );
});
