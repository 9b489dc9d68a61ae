import { expect, test } from 'vitest';
import { type Advance, type AsyncSystemUnderTest, openHost, runScript, runScriptAsync } from './index.ts';

const text = '0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+1 close(3) = 0\n';

test('a signal that has aborted ends a run with its reason, and the system is closed', () => {
  const reason = new Error('enough');
  let closed = 0;
  const open = (
    network: Parameters<typeof openHost>[0],
  ): AsyncSystemUnderTest & ReturnType<typeof openHost> =>
    Object.assign(openHost(network), { close: () => void closed++ });
  expect(runScript({ file: 'a.pkt', text, open }).failure).toBeNull();
  expect(closed).toBe(1);
  expect(() => runScript({ file: 'a.pkt', text, open, signal: AbortSignal.abort(reason) })).toThrow(reason);
  expect(closed).toBe(2);
});

test('a signal ends the wait for a system that does not answer, and for its close too', async () => {
  const reason = new Error('enough');
  const controller = new AbortController();
  let asked = false;
  const open = (): AsyncSystemUnderTest => ({
    now: () => 0,
    advance: () => {
      asked = true;
      return new Promise<Advance>(() => {});
    },
    nextPacket: () => null,
    inject: () => {},
    syscall: () => ({ value: 3, errno: 0 }),
    close: () => new Promise<void>(() => {}),
  });
  const ending = expect(
    runScriptAsync({ file: 'a.pkt', text, open, signal: controller.signal }),
  ).rejects.toBe(reason);
  while (!asked) await Promise.resolve();
  controller.abort(reason);
  await ending;
});
