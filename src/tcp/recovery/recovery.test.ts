import { describe, expect, test } from 'vitest';
import { Flag } from '../../wire/tcp.ts';
import { CaState } from '../congestion/state.ts';
import { mss, Sender } from '../testing-sender.ts';

/** First bytes of the packets sent. */
const first = (sent: readonly (readonly [number, number])[]): number[] => sent.map(([seq]) => seq);
const bytes = (...packets: number[]): number[] => packets.map((n) => 1 + n * mss);

/** A sender with ten packets out. */
function tenOut(options: ConstructorParameters<typeof Sender>[0] = {}): Sender {
  const sender = new Sender(options);
  sender.write(10);
  expect(first(sender.sent())).toEqual(bytes(0, 1, 2, 3, 4, 5, 6, 7, 8, 9));
  sender.wait(sender.conn.srtt >> 3);
  return sender;
}

describe('what SACK tells (RFC 8985)', () => {
  test('three packets SACKed above a hole send it again at once, and proportional rate reduction says how much more', () => {
    const s = tenOut();
    s.write(10);
    s.ack(1, bytes(1, 5));
    expect(first(s.sent())).toEqual(bytes(0));
    expect([s.conn.caState, s.conn.ssthresh]).toEqual([CaState.recovery, 5]);
    s.ack(1, bytes(1, 10));
    expect(first(s.sent())).toEqual(bytes(10, 11, 12, 13));
  });

  test('one packet SACKed above a hole waits a quarter of the shortest round trip', () => {
    const s = new Sender();
    s.write(3);
    s.sent();
    s.wait(100_000);
    s.ack(1, bytes(2, 3));
    s.wait(24_000);
    expect(s.sent()).toEqual([]);
    s.wait(4_000);
    // Both are lost; the reduction lets one go for the one that was delivered.
    expect(first(s.sent())).toEqual(bytes(0));
    expect(s.conn.lostOut).toBe(2);
  });

  test('a retransmission that is lost again is found by the packets sent after it', () => {
    const s = tenOut();
    s.write(10);
    s.ack(1, bytes(1, 10));
    const again = first(s.sent());
    expect(again[0]).toBe(1);
    s.wait(110_000);
    const last = again.at(-1)!;
    s.ack(1, [1 + mss, last + mss]);
    s.wait(60_000);
    expect(first(s.sent())).toContain(1);
    expect(s.tcp.counters.TCPTimeouts).toBe(0);
  });

  test('a block that ends within an offloaded segment cuts it at a whole packet', () => {
    const s = tenOut();
    s.ack(1, bytes(3, 4));
    expect([s.conn.sackedOut, s.conn.packetsOut]).toEqual([1, 10]);
    s.ack(1, [1 + 3 * mss, 1 + 5 * mss + 400]);
    expect(s.conn.sackedOut).toBe(2);
  });

  test('blocks beyond what was sent, reversed or below what is acknowledged tag nothing', () => {
    const s = tenOut();
    s.ack(1, [1 + 20 * mss, 1 + 21 * mss, 1 + 5 * mss, 1 + 2 * mss]);
    s.ack(2001, bytes(0, 1));
    expect(s.conn.sackedOut).toBe(0);
  });

  test('a peer that takes SACKs back has some time, then everything goes again', () => {
    const s = tenOut();
    s.ack(1, bytes(1, 10));
    s.sent();
    s.ack(1 + mss);
    expect(s.conn.sndUna).toBe((-3000 + 1 + mss) | 0);
    s.wait(60_000);
    expect(s.conn.sackedOut).toBe(0);
    expect(s.tcp.counters.TCPSACKReneging).toBe(1);
    expect(first(s.sent())).toContain(1 + mss);
  });
});

describe('loss probes (RFC 8985 section 7)', () => {
  test('the last packet goes again after two round trips, once, and the time-out comes after that', () => {
    const s = tenOut();
    s.ack(1 + 8 * mss);
    s.wait(2 * 100_000 + 1_900);
    expect(s.sent()).toEqual([]);
    s.wait(200);
    expect(first(s.sent())).toEqual(bytes(9));
    expect(s.conn.caState).toBe(CaState.open);
    s.wait(s.conn.rto - 1000);
    expect(s.sent()).toEqual([]);
    s.wait(1000);
    expect(first(s.sent())).toEqual(bytes(8));
  });

  test('new data goes instead if there is any, whatever the congestion window', () => {
    const s = tenOut();
    s.write(3);
    expect(s.sent()).toEqual([]);
    s.wait(150_000);
    expect(first(s.sent())).toEqual(bytes(10));
  });

  test('if the probe repaired the loss the window comes down', () => {
    const s = tenOut();
    s.wait(150_000);
    expect(first(s.sent())).toEqual(bytes(9));
    s.write(1);
    s.wait(50_000);
    s.ack(1 + 10 * mss);
    expect(s.conn.cwnd).toBe(20);
    s.sent();
    s.wait(100_000);
    s.ack(1 + 11 * mss);
    expect(s.tcp.counters.TCPLossProbeRecovery).toBe(1);
    expect(s.conn.cwnd).toBe(10);
  });
});

describe('without SACK (RFC 5681, RFC 6582)', () => {
  test('each of the first duplicate ACKs lets a new packet out, the third sends the hole again', () => {
    const s = tenOut({ sack: false });
    s.write(10);
    // The first ACK behind the handshake is a window update, no duplicate.
    s.ack(1);
    expect(s.sent()).toEqual([]);
    s.ack(1);
    expect(first(s.sent())).toEqual(bytes(10));
    // Within a millisecond of the last packet it would wait for more to send at once.
    s.wait(2_000);
    s.ack(1);
    expect(first(s.sent())).toEqual(bytes(11));
    s.ack(1);
    expect(first(s.sent())[0]).toBe(1);
    expect(s.conn.caState).toBe(CaState.recovery);
  });

  test('an ACK for a part says that the next packet is lost, too', () => {
    const s = tenOut({ sack: false });
    for (let i = 0; i < 6; i++) s.ack(1);
    s.sent();
    s.wait(100_000);
    s.ack(1 + 3 * mss);
    expect(first(s.sent())[0]).toBe(1 + 3 * mss);
  });
});

describe('time-outs (RFC 6298, RFC 5682)', () => {
  test('the time-out doubles, and an answer that gives a sample ends that', () => {
    const s = new Sender({ sack: false });
    s.write(1);
    s.sent();
    const { rto } = s.conn;
    expect(rto).toBe(300_000);
    s.wait(rto);
    expect(first(s.sent())).toEqual([1]);
    s.wait(2 * rto - 1);
    expect(s.sent()).toEqual([]);
    s.wait(1);
    expect(first(s.sent())).toEqual([1]);
    expect(s.conn.rto).toBe(4 * rto);
    s.ack(1 + mss);
    s.write(1);
    s.wait(100_000);
    s.ack(1 + 2 * mss);
    expect(s.conn.rto).toBeLessThan(2 * rto);
  });

  test('if what was sent only once arrives after a time-out, it was none: the window is what it was', () => {
    const s = tenOut({ sysctls: { tcp_early_retrans: 0 } });
    s.write(4);
    s.wait(250_000);
    expect(first(s.sent())).toEqual([1]);
    expect([s.conn.caState, s.conn.cwnd]).toEqual([CaState.loss, 1]);
    // Step 2.b: new data instead of more copies.
    s.ack(1 + mss);
    expect(first(s.sent())).toEqual(bytes(10, 11));
    s.ack(1 + 2 * mss);
    expect(s.conn.caState).toBe(CaState.open);
    expect(s.conn.cwnd).toBeGreaterThanOrEqual(10);
    expect(s.tcp.counters.TCPSpuriousRTOs).toBe(1);
  });

  test('if it was one, the rest goes again in slow start', () => {
    const s = tenOut({ sysctls: { tcp_early_retrans: 0 } });
    s.wait(250_000);
    expect(first(s.sent())).toEqual([1]);
    s.wait(100_000);
    s.ack(1 + mss);
    expect(first(s.sent())).toEqual(bytes(1, 2));
    expect(s.conn.ssthresh).toBe(5);
  });
});

describe('mistakes are undone', () => {
  test('a D-SACK for the copy gives the window back', () => {
    const s = tenOut();
    s.write(10);
    s.ack(1, bytes(1, 4));
    expect(first(s.sent())[0]).toBe(1);
    s.wait(30_000);
    s.ack(1 + 10 * mss, bytes(0, 1));
    expect(s.conn.caState).toBe(CaState.open);
    expect(s.conn.cwnd).toBeGreaterThanOrEqual(10);
    expect(s.tcp.counters.TCPDSACKUndo + s.tcp.counters.TCPFullUndo).toBe(1);
  });

  test('an echo from before the copy says that the original arrived', () => {
    const s = tenOut({ timestamps: true });
    const echo = s.tcp.timestamp(0);
    s.wait(5_000);
    s.ack(1, bytes(1, 4), { echo });
    expect(first(s.sent())[0]).toBe(1);
    s.wait(2_000);
    s.ack(1 + 10 * mss, [], { echo });
    expect(s.conn.caState).toBe(CaState.open);
    expect(s.conn.ssthresh).toBeGreaterThan(10);
  });

  test('packets that overtake each other make the wait before a retransmission longer', () => {
    const s = tenOut();
    s.ack(1, bytes(6, 7));
    s.ack(1, bytes(2, 3, 6, 7));
    expect(s.conn.recovery.reorderingSeen).toBe(1);
    expect(s.conn.reordering).toBe(5);
    s.ack(1, bytes(2, 10));
    expect(s.sent()).toEqual([]);
    s.wait(30_000);
    expect(first(s.sent())).toEqual(bytes(0));
  });
});

test('a congestion mark brings the window down once, and the next new data says CWR (RFC 3168)', () => {
  const s = tenOut({ ecn: true });
  s.write(20);
  s.ack(1 + mss, [], { flags: Flag.ece });
  expect([s.conn.caState, s.conn.ssthresh]).toEqual([CaState.cwr, 5]);
  for (let n = 2; n <= 8; n++) s.ack(1 + n * mss, [], { flags: Flag.ece });
  const marked = s.segments().filter(({ flags }) => (flags & Flag.cwr) !== 0);
  expect(marked.length).toBe(1);
  expect(s.conn.ssthresh).toBe(5);
});

test('small packets are joined when they go again', () => {
  const s = new Sender({ sack: false });
  s.conn.setOption('nodelay', true);
  s.tcp.now = s.now;
  for (let i = 0; i < 4; i++) s.writeBytes(200);
  expect(s.sent().map(([, n]) => n)).toEqual([200, 200, 200, 200]);
  s.wait(300_000);
  expect(s.sent()).toEqual([[1, 800]]);
  s.ack(801);
  expect([s.conn.packetsOut, s.conn.retransOut, s.conn.lostOut]).toEqual([0, 0, 0]);
});
