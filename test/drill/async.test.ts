import { describe, expect, test } from 'vitest';
import { TinyStack } from '../../docs/examples/tiny-stack.ts';
import {
  type Advance,
  type AsyncSystemUnderTest,
  formatFailure,
  type OpenAsyncSystem,
  type OutboundPacket,
  type Outcome,
  runScript,
  runScriptAsync,
  type SystemCall,
  type SystemUnderTest,
} from '../../src/drill/index.ts';

const script = `0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 bind(3, ..., ...) = 0
+0 listen(3, 1) = 0
+0...0.1 accept(3, ..., ...) = 4
+0 < S 0:0(0) win 32792 <mss 1000>
+0 > S. 0:0(0) ack 1 win 65535 <mss 1460>
+.1 < . 1:1(0) ack 1 win 257
+.1 < P. 1:1001(1000) ack 1 win 257
+0 > . 1:1(0) ack 1001
+0 read(4, ..., 2000) = 1000
`;

/** The tiny stack as if it were far away. */
class Remote implements AsyncSystemUnderTest {
  protected readonly stack: SystemUnderTest = new TinyStack();

  now(): number {
    return this.stack.now();
  }
  nextPacket(): OutboundPacket | null {
    return this.stack.nextPacket();
  }
  ended() {
    return this.stack.ended!();
  }
  async advance(untilUs: number): Promise<Advance> {
    return this.stack.advance(untilUs);
  }
  async inject(packet: Uint8Array): Promise<void> {
    await new Promise((resolve) => setImmediate(resolve));
    this.stack.inject(packet);
  }
  async syscall(call: SystemCall): Promise<Outcome | 'pending'> {
    return this.stack.syscall(call);
  }
}

const report = async (open: OpenAsyncSystem, text = script): Promise<string> => {
  const { failure } = await runScriptAsync({ file: 'test.pkt', text, open });
  return failure === null ? 'passed' : formatFailure(failure, text);
};

describe('a stack that answers with promises', () => {
  test('passes what it passes otherwise, and at the same times', async () => {
    const there = await runScriptAsync({ file: 'test.pkt', text: script, open: async () => new Remote() });
    const here = runScript({ file: 'test.pkt', text: script, open: () => new TinyStack() });
    expect(there.failure).toBeNull();
    expect(there).toEqual(here);
  });

  test('may as well answer at once', async () => {
    expect(await report(() => new TinyStack())).toBe('passed');
  });

  test('fails a script as any stack does', async () => {
    expect(await report(() => new Remote(), script.replace('win 65535', 'win 1'))).toMatch(
      /^test.pkt:6: error handling packet: live packet field tcp_window/,
    );
  });

  test('that rejects fails the script at the line it was at, and is closed', async () => {
    let closed = false;
    class Broken extends Remote {
      override inject(): Promise<void> {
        return Promise.reject(new Error('the wire is cut'));
      }
      close(): void {
        closed = true;
      }
    }
    expect(await report(() => new Broken())).toMatch(/^test.pkt:5: internal error: Error: the wire is cut/);
    expect(closed).toBe(true);
  });

  test('that cannot start is told', async () => {
    const open = (): Promise<AsyncSystemUnderTest> => Promise.reject(new Error('no such stack'));
    expect(await report(open)).toMatch(/the system under test cannot be made: no such stack/);
  });

  test('is an error where promises cannot be waited for', () => {
    const open = (() => new Remote()) as unknown as () => SystemUnderTest;
    expect(runScript({ file: 'test.pkt', text: script, open }).failure?.message).toMatch(
      /answers with promises: runScriptAsync can run it/,
    );
  });
});
