import { readdirSync, readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { TinyStack } from '../../docs/examples/tiny-stack.ts';
import { callNames } from '../../src/drill/foreign/calls.ts';
import { FrameReader, frame, words64 } from '../../src/drill/foreign/frames.ts';
import {
  formatFailure,
  openHost,
  openStack,
  type RunResult,
  runScript,
  runScriptAsync,
  StackServer,
  type StackTransport,
  type SystemUnderTest,
} from '../../src/drill/index.ts';
import { root } from '../support/needs.ts';

/** A stack on the other side of a pipe that is a function; its bytes arrive in pieces of `size`. */
function pipeTo(receive: (bytes: Uint8Array) => Uint8Array[], size = 1 << 20): StackTransport {
  const pieces: Uint8Array[] = [];
  let clock = 0;
  return {
    now: () => clock,
    send: (bytes) => {
      for (const out of receive(bytes))
        for (let at = 0; at < out.length; at += size) pieces.push(out.slice(at, at + size));
    },
    receive: async (waitUs) => {
      const piece = pieces.shift();
      if (piece === undefined) clock += waitUs;
      return piece ?? new Uint8Array(0);
    },
    close: async () => {},
  };
}

const options = { realTime: false, patienceUs: 1e6 };

const through = (text: string): Promise<RunResult> =>
  runScriptAsync({
    file: 'test.pkt',
    text,
    open: (network) => {
      const server = new StackServer(() => new TinyStack(), { name: 'tiny' });
      return openStack(
        network,
        pipeTo((bytes) => server.receive(bytes)),
        options,
      );
    },
  });

const scripts = readdirSync(join(root, 'scripts'), { recursive: true, encoding: 'utf8' })
  .filter((name) => name.endsWith('.pkt'))
  .map((name) => ({ name: basename(name), text: readFileSync(join(root, 'scripts', name), 'utf8') }));

describe('the protocol of foreign stacks', () => {
  test('our own host behind it does what it does otherwise, packet by packet, in every script', async () => {
    for (const [i, { name, text }] of scripts.entries()) {
      const here = runScript({ file: name, text, open: (network) => openHost(network) });
      let host: SystemUnderTest | null = null;
      const there = await runScriptAsync({
        file: name,
        text,
        open: (network) => {
          const server = new StackServer(
            (asked) => {
              host = openHost(asked);
              return host;
            },
            { name: 'ours', ipv6: true },
          );
          return openStack(
            network,
            pipeTo((bytes) => server.receive(bytes), i % 2 === 0 ? 7 : 1 << 20),
            options,
          );
        },
      });
      expect(host, name).not.toBeNull();
      expect({ ...there, startUs: 0 }, name).toEqual({ ...here, startUs: 0 });
    }
  });

  const first = `0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 bind(3, ..., ...) = 0
+0 listen(3, 1) = 0
+0 < S 0:0(0) win 32792 <mss 1000>
+0 > S. 0:0(0) ack 1 <...>
`;
  /** What a run says if the stack's frames are changed on their way. */
  const spoilt = async (change: (out: Uint8Array[], sent: number) => Uint8Array[]): Promise<string> => {
    let sent = 0;
    const { failure } = await runScriptAsync({
      file: 'test.pkt',
      text: first,
      open: (network) => {
        const server = new StackServer((asked) => openHost(asked), { name: 'ours' });
        return openStack(
          network,
          pipeTo((bytes) => change(server.receive(bytes), sent++)),
          options,
        );
      },
    });
    return failure === null ? 'passed' : `${failure.kind}: ${formatFailure(failure, first).split('\n')[0]}`;
  };
  /** The frame of type `type` in answer to the runner's frame number `at` becomes another. */
  const replacing = (at: number, type: number, other: Uint8Array) =>
    spoilt((out, sent) => out.map((it) => (sent === at && it[4] === type ? other : it)));

  test('what a stack may not answer is one clear error', async () => {
    expect(await spoilt((out) => out)).toBe('passed');
    expect(await spoilt((out, sent) => (sent === 2 ? [] : out))).toBe(
      'system: test.pkt:2: ours did not answer bind() within 1 s (READY ends an answer)',
    );
    const hello = (...bytes: number[]) => frame(1, Uint8Array.from(bytes));
    expect(await replacing(0, 1, hello(9, 0, 0))).toMatch(
      /speaks version 9 of the protocol; this runner speaks 1/,
    );
    expect(await replacing(0, 1, hello(1))).toMatch(/HELLO has 1 bytes; it has 3 or more/);
    expect(await replacing(0, 1, frame(3, words64(0), new Uint8Array(40)))).toMatch(/without the frame/);
    expect(await replacing(1, 4, frame(4, new Uint8Array(3)))).toMatch(
      /test.pkt:1: ours returned from call 0/,
    );
    expect(await replacing(1, 4, frame(4, Uint8Array.from([1, 0, 0, 0, 0])))).toMatch(
      /RETURN of 5 bytes; it has 24/,
    );
    expect(await replacing(1, 4, frame(99))).toMatch(/a frame of type 99 in answer to socket\(\)/);
    expect(await replacing(1, 2, frame(2, words64(77, 0)))).toMatch(
      /says that it is 77 µs; it was 0, and time was/,
    );
    expect(await replacing(1, 2, frame(2))).toMatch(/a READY of ours has 0 bytes; it has 16/);
    expect(await replacing(4, 3, frame(3, words64(9, 9)))).toMatch(/test.pkt:4: ours dates something 9 µs/);
    expect(await replacing(4, 3, frame(3))).toMatch(/a PACKET of ours has 0 bytes/);
    expect(await replacing(4, 3, frame(3, words64(0), Uint8Array.of(1, 2)))).toMatch(/malformed packet/);
    expect(await replacing(2, 4, Uint8Array.from([0, 0, 0, 0, 4]))).toMatch(
      /what is no frame \(a length of 0/,
    );
    const printed = Uint8Array.from('Listening ...\n', (char) => char.charCodeAt(0));
    expect(await replacing(3, 4, printed)).toMatch(/'Listening .*only frames may go to its standard output/);
  });

  test('a stack says by itself what it cannot do, and has no IPv6 unless it says so', async () => {
    const cannot = frame(
      8,
      Uint8Array.from('no listen()', (char) => char.charCodeAt(0)),
    );
    expect(await replacing(3, 4, cannot)).toBe('cannot-run: test.pkt:3: cannot run here: ours: no listen()');
    const server = new StackServer((network) => openHost(network), { name: 'ours' });
    for (const [ipVersion, why] of [
      ['ipv6', 'ours has no IPv6'],
      ['ipv4-mapped-ipv6', 'ours has no IPv4 on IPv6 sockets'],
    ] as const) {
      const { failure } = await runScriptAsync({
        file: 'test.pkt',
        text: first,
        ipVersion,
        open: (network) =>
          openStack(
            network,
            pipeTo((bytes) => server.receive(bytes)),
            options,
          ),
      });
      expect(failure).toMatchObject({ kind: 'cannot-run', message: `cannot run here: ${why}` });
    }
  });

  test('whatever bytes a stack writes, the run ends with one error that is about them', async () => {
    await fc.assert(
      fc.asyncProperty(fc.nat(6), fc.uint8Array({ maxLength: 80 }), fc.nat(3), async (at, bytes, where) => {
        const told = await spoilt((out, sent) =>
          sent === at ? [...out.slice(0, where), bytes, ...out.slice(where)] : out,
        );
        expect(told).toMatch(/^(passed$|system: |cannot-run: |packet: |syscall: )/);
      }),
      { numRuns: 300 },
    );
  });

  test('the page has every call, with its number', () => {
    const page = readFileSync(join(root, 'docs/foreign-stacks.md'), 'utf8');
    const table = page.slice(page.indexOf('| | call | fields |'));
    const rows = [...table.matchAll(/^\| (\d+) \| (\w+) \|/gm)].map(
      ([, number, name]) => `${number} ${name}`,
    );
    expect(rows).toEqual(callNames.map((name, i) => `${i + 1} ${name}`));
  });

  test('frames are found however their bytes are cut', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.integer({ min: 1, max: 8 }), fc.uint8Array({ maxLength: 300 })), {
          maxLength: 20,
        }),
        fc.array(fc.integer({ min: 1, max: 50 }), { minLength: 1, maxLength: 30 }),
        (frames, cuts) => {
          const bytes = frames.flatMap(([type, body]) => [...frame(type, body)]);
          const reader = new FrameReader();
          const found: unknown[] = [];
          for (let at = 0, i = 0; at < bytes.length; i++) {
            const size = cuts[i % cuts.length]!;
            reader.push(Uint8Array.from(bytes.slice(at, at + size)));
            at += size;
            for (let next = reader.next(); next !== null; next = reader.next())
              found.push([next.type, next.body]);
          }
          expect(found).toEqual(frames);
        },
      ),
    );
  });

  test('what a stack lacks of a script is no failure, and what it fails is', async () => {
    const failureOf = async (text: string) => (await through(text)).failure;
    expect(await failureOf(first)).toBeNull();
    expect(await failureOf(first.replace('ack 1', 'ack 2'))).toMatchObject({ kind: 'packet' });
    expect(await failureOf(first.replace('bind(3, ..., ...)', 'shutdown(3, SHUT_WR)'))).toMatchObject({
      kind: 'cannot-run',
    });
  });
});
