import { expect, test } from 'vitest';
import { accept } from './socket/socket-calls.ts';
import { Pair } from './testing.ts';

test('an ACK with a timestamp ends a cookie handshake on a host that has switched timestamps off', () => {
  const pair = new Pair({ address: '10.0.0.1' }, { address: '10.0.0.2', sysctls: { tcp_syncookies: 2 } });
  const listener = pair.listen(80);
  const client = pair.connect(40_000, 80);
  // Between the SYN+ACK and the ACK: what comes with the ACK is not read (tcp_parse_options, 6.18).
  pair.lose = (from) => {
    if (from === 'b') pair.b.sysctls.tcp_timestamps = 0;
    return false;
  };
  pair.settle();
  expect(client.timestampsOk).toBe(true);
  const server = accept(listener);
  expect(server).not.toBeNull();
  expect([server!.timestampsOk, server!.sackOk, server!.windowScaling]).toEqual([false, false, false]);
});
