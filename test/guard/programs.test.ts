/** Programs in other languages, beside `halfopen guard`: none stays connected to itself, and their port is free afterwards. */
import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, describe, expect, test } from 'vitest';
import { full, type Need, root, testNeeding } from '../support/needs.ts';
import { HostGuard } from './host-guard.ts';
import { inNamespace, ports } from './namespace.ts';

const here = 'test/guard/programs.test.ts';
const port = `${ports.low}`;
const programs = join(root, 'test/guard/programs');
const built = mkdtempSync(join(tmpdir(), 'halfopen-programs-'));
afterAll(() => rmSync(built, { recursive: true }));

let guard: HostGuard | null = null;
afterEach(async () => {
  await guard?.stop();
  guard = null;
});

const java = (): void => {
  execFileSync('javac', ['-d', built, join(programs, 'Dial.java')]);
};
const go = (): void => {
  execFileSync('go', ['build', '-o', join(built, 'dial'), join(programs, 'dial.go')], {
    env: { ...process.env, GOCACHE: join(built, 'cache'), GOFLAGS: '-mod=mod' },
  });
};

interface Program {
  name: string;
  needs: Need[];
  prepare?: () => void;
  command: string[];
  /** A name in the guard's lines; Go closes before anyone can say whose it was. */
  process?: string;
  slow?: boolean;
}

const few = full ? '20' : '3';
const table: Program[] = [
  {
    name: 'Java, blocking',
    needs: ['javac'],
    prepare: java,
    command: ['java', '-cp', built, 'Dial', 'blocking', port, few],
    process: 'java',
  },
  {
    name: 'Java, NIO',
    needs: ['javac'],
    prepare: java,
    command: ['java', '-cp', built, 'Dial', 'nio', port, few],
    process: 'java',
    slow: true,
  },
  {
    name: 'Python, asyncio',
    needs: ['python3'],
    command: ['python3', join(programs, 'dial_asyncio.py'), port, few],
    process: 'python3',
  },
  {
    name: 'Go',
    needs: ['go'],
    prepare: go,
    command: [join(built, 'dial'), port, '2000'],
    slow: true,
  },
  {
    name: 'curl',
    needs: ['curl'],
    command: ['sh', join(programs, 'curl.sh'), port, '2'],
    process: 'curl',
    slow: true,
  },
  {
    name: 'nginx as proxy',
    needs: ['nginx', 'curl'],
    command: ['sh', join(programs, 'nginx.sh'), port, '150'],
    process: 'nginx',
    slow: true,
  },
  {
    name: "haproxy's health check",
    needs: ['haproxy'],
    command: ['sh', join(programs, 'haproxy.sh'), port, '8'],
    process: 'haproxy',
    slow: true,
  },
  {
    name: 'redis as replica',
    needs: ['redis-server'],
    command: ['sh', join(programs, 'redis.sh'), port, '60'],
    process: 'redis-server',
    slow: true,
  },
];

/** Afterwards the service binds, in the way that is hardest: without SO_REUSEADDR. */
const bindToo = `"$@" > "$0.out"; code=$?; sleep 0.2; cat "$0.out"; rm "$0.out"
python3 -c 'import socket; socket.socket().bind(("127.0.0.1", ${port})); print("bound")' || exit 9; exit $code`;

describe('beside halfopen guard', () => {
  for (const { name, needs, prepare, command, process: known, slow } of table) {
    if (slow && !full) continue;
    testNeeding(
      here,
      'netns',
      'tracefs',
      'namespaces',
      'python3',
      ...needs,
    )(name, async () => {
      prepare?.();
      guard = await HostGuard.start();
      const { stdout } = inNamespace(['sh', '-c', bindToo, join(built, 'output'), ...command], {}, 'guard');
      await new Promise((resolve) => setTimeout(resolve, 300));
      const { lines } = guard;
      console.log(`${name}: ${lines.length} destroyed; it said: ${tally(stdout)}`);
      // nginx closes some of its connections with itself before the guard does: their TIME-WAIT may hold the port.
      if (name !== 'nginx as proxy') expect(stdout).toContain('bound');
      expect(stdout).not.toMatch(/stuck|TimeoutError|Read timed out/);
      expect(lines.length).toBeGreaterThan(0);
      const names = new Set(lines.flatMap(({ process: owner }) => owner?.slice(0, 15) ?? []));
      if (known !== undefined) expect([...names]).toContain(known.slice(0, 15));
    });
  }
});

function tally(text: string): string {
  const counts = new Map<string, number>();
  for (const line of text.trim().split('\n')) counts.set(line, (counts.get(line) ?? 0) + 1);
  return [...counts].map(([line, count]) => `${count} × ${line}`).join(', ');
}

describe('without it', () => {
  testNeeding(
    here,
    'netns',
    'javac',
    'python3',
  )('a Java program reads its own bytes, and one with the guard class of the docs never does', () => {
    java();
    const bare = inNamespace(['java', '-cp', built, 'Dial', 'blocking', port, '1']);
    expect(bare.stdout).toContain('own Read timed out');
    const guarded = inNamespace([
      'sh',
      '-c',
      bindToo,
      join(built, 'output'),
      'java',
      '-cp',
      built,
      'Dial',
      'guarded',
      port,
      '300',
    ]);
    expect(guarded.stdout).toContain('stopped');
    expect(guarded.stdout).not.toContain('own');
    expect(guarded.stdout).toContain('bound');
  });

  // Building takes a while; without HALFOPEN_FULL the test is not there, and not one that tests nothing.
  if (full)
    testNeeding(
      here,
      'netns',
      'go',
      'python3',
    )('Go notices by itself, and its ordinary close keeps the port', () => {
      go();
      const { stdout } = inNamespace([
        'sh',
        '-c',
        bindToo,
        join(built, 'output'),
        join(built, 'dial'),
        port,
        '2000',
      ]);
      expect(stdout).not.toContain('connected');
      expect(stdout).not.toContain('bound');
    });
});

test('the guard class of the docs is the one that is tested', async () => {
  const { readFileSync } = await import('node:fs');
  const docs = readFileSync(join(root, 'docs/guard.md'), 'utf8');
  const source = readFileSync(join(programs, 'Dial.java'), 'utf8');
  const block = /```java\n([\s\S]*?)```/.exec(docs)?.[1] ?? 'none';
  const flat = (text: string): string => text.replace(/\s+/g, ' ').trim();
  expect(flat(source)).toContain(flat(block));
});
