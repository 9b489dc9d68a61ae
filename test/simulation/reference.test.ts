/** Reference traces, reproduced by configuration alone: the numbers are facts of the captures they come from. */
import { describe, expect, test } from 'vitest';
import { Calls, Family, OpenFlag } from '../../src/host/index.ts';
import { Capture, type Pair, pair, type WorldHostOptions } from '../../src/sim/index.ts';
import { synSchedule } from '../../src/tcp/handshake/syn-timeout.ts';
import { parseAddress } from '../../src/wire/address.ts';
import { decodeIp } from '../../src/wire/ip.ts';
import { decodeTcp } from '../../src/wire/tcp.ts';
import { packetText } from '../../src/wire/text.ts';

describe('the classic handshake of a kernel that offered 29200 bytes and a scale of 7', () => {
  // An older kernel's window and scale come out of 6.18 with initrwnd 20 and a smaller tcp_rmem; tcp_timestamps=2
  // leaves the timestamp clock without an offset per connection.
  const host = (address: string, isn: number, timestampBase: number): Partial<WorldHostOptions> => ({
    interfaces: [{ addresses: [address], route: { initrwnd: 20 } }],
    sysctls: { 'net.ipv4.tcp_rmem': '4096 131072 6291456', 'net.ipv4.tcp_timestamps': 2 },
    isn: { kind: 'constant', value: isn },
    timestampBase,
  });

  test('comes out with its very numbers', () => {
    const { world, client, server, events } = pair({
      client: host('10.211.55.5/24', 2182928323, 785148763),
      server: host('10.211.55.10/24', 3307464518, 784782708),
    });
    const listener = server.socket(4, OpenFlag.nonBlock);
    listener.bind(parseAddress('0.0.0.0'), 8080);
    listener.listen(5);
    const socket = client.socket(4, OpenFlag.nonBlock);
    socket.bind(parseAddress('0.0.0.0'), 45436);
    socket.connect(parseAddress('10.211.55.10'), 8080);
    world.run(1000);
    const sent = events.flatMap((event) => (event.kind === 'sent' ? [event.bytes] : []));
    expect(sent.map((bytes) => packetText(bytes, 'tshark', { windowShift: 7 }))).toEqual([
      '10.211.55.5:45436 → 10.211.55.10:8080 [SYN] Seq=2182928323 Win=29200 Len=0 MSS=1460 SACK_PERM=1 TSval=785148763 TSecr=0 WS=128',
      '10.211.55.10:8080 → 10.211.55.5:45436 [SYN, ACK] Seq=3307464518 Ack=2182928324 Win=28960 Len=0 MSS=1460 SACK_PERM=1 TSval=784782708 TSecr=785148763 WS=128',
      '10.211.55.5:45436 → 10.211.55.10:8080 [ACK] Seq=2182928324 Ack=3307464519 Win=29312 Len=0 TSval=785148763 TSecr=784782708',
    ]);
  });
});

describe('a SYN that nobody answers', () => {
  interface Run {
    times: number[];
    result: number | null;
    endedAt: number;
    wallMs: number;
    it: Pair;
  }

  function connect(sysctls: Record<string, number>): Run {
    const it = pair({ client: { sysctls } });
    const { world, client, events } = it;
    const calls = new Calls(client);
    const fd = calls.socket(Family.inet, 1, 0);
    let result: number | null = null;
    let endedAt = -1;
    const before = performance.now();
    // 192.0.2.77 is on the link, and nobody has it.
    client.await(
      calls.connect(fd, { family: Family.inet, address: parseAddress('192.0.2.77'), port: 8080 }),
      (value) => {
        result = value;
        endedAt = world.clock.now;
      },
    );
    world.run();
    const wallMs = performance.now() - before;
    const times = events.flatMap((event) => (event.kind === 'sent' ? [event.at] : []));
    return { times, result, endedAt, wallMs, it };
  }

  const seconds = (list: number[]): number[] => list.map((s) => s * 1_000_000);

  test.each([
    [0, [0, 1, 3, 7, 15, 31, 63], 127],
    [4, [0, 1, 2, 3, 4, 5, 7, 11, 19, 35, 67], 131],
  ])(
    'is sent at the nominal times with tcp_syn_linear_timeouts=%i, to the microsecond',
    (linear, sent, end) => {
      const { times, result, endedAt, wallMs } = connect({ 'net.ipv4.tcp_syn_linear_timeouts': linear });
      expect(times).toEqual(seconds(sent));
      expect(result).toBe(-110);
      expect(endedAt).toBe(end * 1_000_000);
      // The bar is 50 ms on a quiet machine; this one may be busy.
      expect(wallMs).toBeLessThan(500);
    },
  );

  test('has the same sequence number and options in all its copies, and a newer timestamp in each', () => {
    const { events } = connect({}).it;
    const copies = events.flatMap((event) =>
      event.kind === 'sent' ? [decodeTcp(decodeIp(event.bytes).payload)] : [],
    );
    const stamp = (copy: (typeof copies)[0]): number => {
      const option = copy.options.find(({ kind }) => kind === 'timestamps');
      return option?.kind === 'timestamps' ? option.value : 0;
    };
    for (const copy of copies) {
      expect(copy.seq).toBe(copies[0]!.seq);
      expect(copy.options.map(({ kind }) => kind)).toEqual(copies[0]!.options.map(({ kind }) => kind));
    }
    expect(copies.map((copy) => (stamp(copy) - stamp(copies[0]!)) | 0)).toEqual([
      0, 1000, 2000, 3000, 4000, 5000, 7000, 11000, 19000, 35000, 67000,
    ]);
  });

  test('follows the one rule for every pair of settings', () => {
    for (const synRetries of [1, 2, 6, 9])
      for (const synLinearTimeouts of [0, 1, 4, 7]) {
        const { times, endedAt } = connect({
          'net.ipv4.tcp_syn_retries': synRetries,
          'net.ipv4.tcp_syn_linear_timeouts': synLinearTimeouts,
        });
        const rule = synSchedule({ synRetries, synLinearTimeouts });
        expect({ times, endedAt }).toEqual({ times: rule.sendTimes, endedAt: rule.giveUp });
      }
  });
});

test('a capture of a world is the same file for the same seed', () => {
  const file = (seed: number): Uint8Array => {
    const { world, client, server } = pair({ seed, conditions: { delayUs: 1000, jitterUs: 500, loss: 0.1 } });
    const capture = new Capture(world, 'wire', 'server');
    const listener = server.socket(4, OpenFlag.nonBlock);
    listener.bind(parseAddress('0.0.0.0'), 80);
    listener.listen(5);
    const socket = client.socket(4, OpenFlag.nonBlock);
    socket.connect(parseAddress('192.0.2.2'), 80);
    world.run(5_000_000);
    socket.send(new Uint8Array(20_000), 0);
    world.run(30_000_000);
    return capture.toPcapng();
  };
  expect(file(3)).toEqual(file(3));
  expect(file(4)).not.toEqual(file(3));
});
