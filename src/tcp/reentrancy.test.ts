/** Records that all TCPs of a process share must not be noticed, even by an observer that drives another TCP meanwhile. */
import { expect, test } from 'vitest';
import { accept, close, receive, send } from './socket/socket-calls.ts';
import { Pair } from './testing.ts';

/** A life with everything that writes packets: lost SYN, SYN+ACK and data, a cookie, resets, the end of both sides. */
function life(pair: Pair): void {
  const lost = new Set([0, 2, 8, 9, 14]);
  let n = 0;
  pair.lose = () => lost.has(n++);
  const listener = pair.listen(80, 0);
  const client = pair.connect(40_000, 80);
  pair.advance(4_000_000);
  const others = [40_001, 40_002, 40_003].map((port) => pair.connect(port, 80));
  pair.connect(40_004, 81);
  pair.advance(8_000_000);
  const server = accept(listener)!;
  send(client, new Uint8Array(9000).fill(7), 0, 0);
  pair.advance(3_000_000);
  receive(server, new Uint8Array(9000), false);
  for (const it of [client, server, ...others, listener]) {
    close(it);
    pair.advance(1_000_000);
  }
  pair.advance(90_000_000);
}

const sysctls = { tcp_syncookies: 1 };
const fresh = (): Pair => new Pair({ address: '10.0.0.1', sysctls }, { address: '10.0.0.2', sysctls });

test('what an observer does with another TCP of the process changes nothing', () => {
  const quiet = fresh();
  life(quiet);
  const meddled = fresh();
  let rounds = 0;
  for (const tcp of [meddled.a, meddled.b]) {
    const note = tcp.trace!;
    tcp.trace = (event) => {
      note(event);
      rounds++;
      const other = new Pair(
        { address: '2001:db8::1', sysctls: { tcp_timestamps: rounds % 3 } },
        { address: '2001:db8::2', sysctls: { tcp_sack: rounds % 2, tcp_window_scaling: 0 } },
      );
      const { client, server } = other.establish();
      send(client, new Uint8Array(100), 0, 0);
      other.settle();
      close(server);
      close(client);
      other.connect(40_001, 99);
      other.settle();
    };
  }
  life(meddled);
  expect(rounds).toBeGreaterThan(20);
  expect(meddled.log).toEqual(quiet.log);
  expect(meddled.trace).toEqual(quiet.trace);
  const reasons = new Set(quiet.trace.map(({ event }) => event.reason));
  for (const reason of ['syn-cookie-sent', 'synack-retransmit'] as const) expect(reasons).toContain(reason);
});
