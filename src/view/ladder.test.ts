import { stripVTControlCharacters } from 'node:util';
import { describe, expect, test } from 'vitest';
import type { WorldEvent } from '../sim/events.ts';
import type { Reason } from '../tcp/reasons.ts';
import type { State } from '../tcp/trace.ts';
import { parseAddress } from '../wire/address.ts';
import { encodeIp, ipPacket } from '../wire/ip.ts';
import type { TcpOption } from '../wire/options.ts';
import { encodeTcp, Flag, protocolTcp } from '../wire/tcp.ts';
import { type LadderOptions, ladder } from './ladder.ts';
import { columns, wrap } from './text-width.ts';

const address = { client: parseAddress('192.0.2.1'), server: parseAddress('192.0.2.2') };
type Name = keyof typeof address;

/** Builds a story, event by event. */
class Story {
  readonly events: WorldEvent[] = [];
  private readonly sent = new Map<string, { bytes: Uint8Array; from: Name; to: Name; n: number }>();
  private readonly counts = { client: 0, server: 0 };

  send(
    at: number,
    id: string,
    from: Name,
    flags: number,
    seq: number,
    ack = 0,
    options: TcpOption[] = [],
    to?: Name,
  ): this {
    const target: Name = to ?? (from === 'client' ? 'server' : 'client');
    const [source, destination] = [address[from], address[target]];
    const payload = encodeTcp(
      {
        sourcePort: from === 'client' ? 50000 : 80,
        destinationPort: target === 'client' ? 50000 : 80,
        seq,
        ack,
        flags,
        window: 1000,
        urgent: 0,
        options,
        payload: new Uint8Array(0),
      },
      source,
      destination,
    );
    const bytes = encodeIp(ipPacket({ source, destination, protocol: protocolTcp, payload }));
    const n = ++this.counts[from];
    this.sent.set(id, { bytes, from, to: target, n });
    this.events.push({ kind: 'sent', at, packet: { link: 'wire', from, n }, to: target, bytes });
    return this;
  }

  arrive(at: number, id: string, copy: 0 | 1 = 0): this {
    const { bytes, from, to, n } = this.sent.get(id)!;
    this.events.push({ kind: 'arrived', at, packet: { link: 'wire', from, n }, to, bytes, copy });
    return this;
  }

  lose(at: number, id: string): this {
    const { bytes, from, to, n } = this.sent.get(id)!;
    this.events.push({ kind: 'lost', at, packet: { link: 'wire', from, n }, to, bytes, cause: 'loss' });
    return this;
  }

  state(at: number, node: Name, to: State, reason: Reason = 'active-open'): this {
    const ends = { local: address.client, localPort: 1, remote: address.server, remotePort: 2 };
    this.events.push({
      kind: 'tcp',
      at,
      node,
      event: { at, kind: 'state', reason, ...ends, from: 'CLOSED', to },
    });
    return this;
  }

  timer(at: number, node: Name, reason: Reason): this {
    const ends = { local: address.client, localPort: 1, remote: address.server, remotePort: 2 };
    this.events.push({
      kind: 'tcp',
      at,
      node,
      event: { at, kind: 'timer', reason, ...ends, args: { rtoUs: 1_000_000 } },
    });
    return this;
  }
}

const options: LadderOptions = {
  left: 'client',
  right: 'server',
  leftTitle: ['client', '192.0.2.1:50000'],
  rightTitle: ['server', '192.0.2.2:80'],
  leftState: 'CLOSED',
  rightState: 'LISTEN',
};
const scale = (shift: number): TcpOption => ({ kind: 'windowScale', shift });
const draw = (story: Story, extra: Partial<LadderOptions> = {}): string =>
  `\n${ladder(story.events, { ...options, ...extra }).join('\n')}\n`;

const handshake = (): Story =>
  new Story()
    .state(0, 'client', 'SYN-SENT')
    .send(0, 'syn', 'client', Flag.syn, 100, 0, [
      { kind: 'mss', value: 1460 },
      { kind: 'sackPermitted' },
      scale(7),
    ])
    .arrive(150, 'syn')
    .state(150, 'server', 'SYN-RECEIVED', 'syn-received')
    .send(150, 'synack', 'server', Flag.syn | Flag.ack, 300, 101, [{ kind: 'mss', value: 1400 }, scale(2)])
    .arrive(300, 'synack')
    .state(300, 'client', 'ESTABLISHED', 'syn-ack-received')
    .send(300, 'ack', 'client', Flag.ack, 101, 301)
    .arrive(450, 'ack')
    .state(450, 'server', 'ESTABLISHED', 'handshake-ack');

describe('a ladder', () => {
  test('of a handshake shows states and times on both sides, options, and numbers as distances from the ISNs', () => {
    expect(draw(handshake())).toMatchInlineSnapshot(`
      "
      time ms        client                                    server
            192.0.2.1:50000                                    192.0.2.2:80
                    CLOSED │                                    │ LISTEN
        0.000     SYN-SENT │── SYN ────────────────────────────▶│ SYN-RECEIVED   0.150
                           │     seq 100  win 1000              │
                           │     offers MSS 1460, SACK,         │
                           │     window scale 7 (×128)          │
        0.300  ESTABLISHED │◀─────────────────────── SYN, ACK ──│                0.150
                           │     seq 300  ack 101 (ISN + 1)     │
                           │     win 1000                       │
                           │     offers MSS 1400,               │
                           │     window scale 2 (×4)            │
        0.300              │── ACK ────────────────────────────▶│ ESTABLISHED    0.450
                           │     seq 101 (ISN + 1)              │
                           │     ack 301 (ISN + 1)              │
                           │     win 128000 (1000 × 128)        │
      "
    `);
  });

  test('draws in two what other packets cross, and ties the halves by a number', () => {
    const story = new Story()
      .state(0, 'client', 'SYN-SENT')
      .send(0, 'a', 'client', Flag.syn, 100)
      .state(0, 'server', 'SYN-SENT')
      .send(0, 'b', 'server', Flag.syn, 300)
      .arrive(50, 'a')
      .state(50, 'server', 'SYN-RECEIVED', 'simultaneous-syn')
      .arrive(50, 'b')
      .state(50, 'client', 'SYN-RECEIVED', 'simultaneous-syn');
    expect(draw(story)).toMatchInlineSnapshot(`
      "
      time ms        client                                    server
            192.0.2.1:50000                                    192.0.2.2:80
                    CLOSED │                                    │ LISTEN
                           │             (1)───────────── SYN ──│ SYN-SENT       0.000
                           │     seq 300  win 1000              │
        0.000     SYN-SENT │── SYN ────────────────────────────▶│ SYN-RECEIVED   0.050
                           │     seq 100  win 1000              │
        0.050 SYN-RECEIVED │◀── SYN ────────────(1)             │
      "
    `);
  });

  test('shows lost packets, copies, and what a timer does', () => {
    const story = new Story()
      .state(0, 'client', 'SYN-SENT')
      .send(0, 'a', 'client', Flag.syn, 100)
      .lose(0, 'a')
      .timer(1_000_000, 'client', 'syn-retransmit')
      .send(1_000_000, 'b', 'client', Flag.syn, 100)
      .arrive(1_000_100, 'b')
      .arrive(1_000_200, 'b', 1);
    expect(draw(story)).toMatchInlineSnapshot(`
      "
      time ms         client                                  server
             192.0.2.1:50000                                  192.0.2.2:80
                     CLOSED │                                  │ LISTEN
         0.000     SYN-SENT │── SYN ──────────────✗            │
                            │     lost on the way  seq 100     │
                            │     win 1000                     │
      1000.000              │ · no answer: the SYN is sent     │
                            │   again (rto 1 s)                │
      1000.000              │── SYN ──────────────────────────▶│              1000.100
                            │     seq 100  win 1000            │
                            │            ─────── SYN (copy) ──▶│              1000.200
      "
    `);
  });

  test('of a host with itself has one bar', () => {
    const story = new Story()
      .state(0, 'client', 'SYN-SENT')
      .send(0, 'a', 'client', Flag.syn, 100, 0, [], 'client')
      .arrive(0, 'a')
      .state(0, 'client', 'SYN-RECEIVED', 'simultaneous-syn');
    expect(draw(story, { left: 'client', right: 'client' })).toMatchInlineSnapshot(`
      "
      time ms        client
            192.0.2.1:50000
                    CLOSED │
        0.000     SYN-SENT │── SYN ─────────────────────────────────────────────────╮
                           │     seq 100  win 1000
        0.000 SYN-RECEIVED │◀───────────────────────────────────────────────────────╯
      "
    `);
  });

  test('in Chinese keeps its columns', () => {
    const story = handshake()
      .timer(500, 'server', 'delayed-ack')
      .state(900, 'client', 'CLOSED', 'rst-received');
    expect(draw(story, { language: 'zh' })).toMatchInlineSnapshot(`
      "
      时间 ms        client                                    server
            192.0.2.1:50000                                    192.0.2.2:80
                    CLOSED │                                    │ LISTEN
        0.000     SYN-SENT │── SYN ────────────────────────────▶│ SYN-RECEIVED   0.150
                           │     seq 100  win 1000              │
                           │     提供 MSS 1460, SACK,           │
                           │     window scale 7 (×128)          │
        0.300  ESTABLISHED │◀─────────────────────── SYN, ACK ──│                0.150
                           │     seq 300  ack 101 (ISN + 1)     │
                           │     win 1000                       │
                           │     提供 MSS 1400,                 │
                           │     window scale 2 (×4)            │
        0.300              │── ACK ────────────────────────────▶│ ESTABLISHED    0.450
                           │     seq 101 (ISN + 1)              │
                           │     ack 301 (ISN + 1)              │
                           │     win 128000 (1000 × 128)        │
                           │   · 没有可捎带的数据：发出延迟的   │                0.500
                           │     ACK (rto 1 s)                  │
        0.900       CLOSED │ · 收到 RST：连接被重置             │
      "
    `);
  });

  test.each([72, 80, 120, 200])(
    'at %i columns is never wider, and never narrower than its bars need',
    (width) => {
      for (const story of [handshake(), handshake().timer(1_000_000, 'client', 'data-timeout')])
        for (const language of ['en', 'zh'] as const)
          for (const line of ladder(story.events, { ...options, width, language }))
            expect(columns(line), line).toBeLessThanOrEqual(width);
    },
  );

  test('has escape sequences only if colour is asked for, and the same text then', () => {
    const plain = draw(handshake());
    const coloured = draw(handshake(), { colour: true });
    expect(stripVTControlCharacters(coloured).replace(/ +$/gm, '')).toBe(plain);
    expect(plain).not.toContain('\u001b');
    expect(coloured).toContain('\u001b[32m');
  });
});

test('text wraps at spaces, and between Chinese characters', () => {
  expect(wrap('one two  three', 7)).toEqual(['one two', 'three']);
  expect(wrap('握手完成abc', 6)).toEqual(['握手完', '成abc']);
  expect(wrap('', 5)).toEqual([]);
});
