/** A sender in ESTABLISHED whose peer is the test: exactly this state, and exactly these answers. */
import { type Address, parseAddress } from '../wire/address.ts';
import { decodeIp, encodeIp, ipPacket } from '../wire/ip.ts';
import type { SackBlock, TcpOption } from '../wire/options.ts';
import { decodeTcp, encodeTcp, Flag, protocolTcp, type TcpSegment } from '../wire/tcp.ts';
import type { Connection } from './connection.ts';
import { open, send } from './socket/socket-calls.ts';
import type { TcpSysctls } from './sysctls.ts';
import type { Tcp } from './tcp.ts';
import { testTcp } from './testing.ts';

/** What a test settles before the handshake. */
export interface SenderOptions {
  readonly sack?: boolean;
  readonly timestamps?: boolean;
  readonly ecn?: boolean;
  readonly congestion?: string;
  /** Our initial sequence number; near the wrap unless told otherwise. */
  readonly isn?: number;
  /** µs of the handshake's round trip. */
  readonly rtt?: number;
  readonly window?: number;
  readonly sysctls?: Partial<TcpSysctls>;
}

const local: Address = parseAddress('192.0.2.1');
const remote: Address = parseAddress('192.0.2.2');
/** Data in a full segment. */
export const mss = 1000;

/** A connection that sends, and its peer's side of the conversation. Numbers are relative: the first byte is 1. */
export class Sender {
  readonly tcp: Tcp;
  readonly conn: Connection;
  private readonly isn: number;
  private readonly window: number;
  private readonly timestamps: boolean;
  now = 1_000_000;

  constructor(options: SenderOptions = {}) {
    const { sack = true, timestamps = false, ecn = false, congestion = 'reno', rtt = 100_000 } = options;
    this.isn = options.isn ?? -3000;
    this.window = options.window ?? 65535;
    this.timestamps = timestamps;
    const sysctls = {
      tcp_congestion_control: congestion,
      tcp_timestamps: timestamps ? 2 : 0,
      tcp_ecn: ecn ? 1 : 0,
      ...options.sysctls,
    };
    this.tcp = testTcp({
      address: '192.0.2.1',
      sysctls,
      environment: { isn: { kind: 'constant', value: this.isn } },
    });
    this.conn = this.tcp.newConnection();
    this.tcp.now = this.now;
    const route = this.tcp.environment.route(remote, null)!;
    open(this.conn, { local, localPort: 40000, remote, remotePort: 80, route });
    this.sent();
    this.now += rtt;
    const offer: TcpOption[] = [{ kind: 'mss', value: mss + (timestamps ? 12 : 0) }];
    if (sack) offer.push({ kind: 'sackPermitted' });
    if (timestamps) offer.push({ kind: 'timestamps', value: 1, echo: this.tcp.timestamp(0) });
    this.answer(1, { flags: Flag.syn | Flag.ack | (ecn ? Flag.ece : 0), seq: 0, options: offer });
    this.sent();
  }

  /** Writes `packets` full segments. */
  write(packets: number): void {
    this.writeBytes(packets * mss);
  }

  writeBytes(n: number): void {
    this.tcp.now = this.now;
    send(this.conn, new Uint8Array(n), 0, 0);
  }

  /** Lets time pass, timer by timer. */
  wait(us: number): void {
    const end = this.now + us;
    for (let next = this.tcp.nextDeadline(); next <= end; next = this.tcp.nextDeadline()) {
      this.now = Math.max(next, this.now);
      this.tcp.handleTimers(this.now);
    }
    this.now = end;
    this.tcp.handleTimers(end);
  }

  /** The peer acknowledges up to `ack`, with SACK blocks [left, right, left, right, ...]. */
  ack(
    ack: number,
    sack: readonly number[] = [],
    more: { readonly echo?: number; readonly flags?: number; readonly window?: number } = {},
  ): void {
    const options: TcpOption[] = [];
    if (this.timestamps) {
      const echo = more.echo ?? this.tcp.timestamp(0);
      options.push({ kind: 'timestamps', value: 1, echo });
    }
    if (sack.length > 0) {
      const blocks: SackBlock[] = [];
      for (let i = 0; i < sack.length; i += 2)
        blocks.push({ left: this.absolute(sack[i]!), right: this.absolute(sack[i + 1]!) });
      options.push({ kind: 'sack', blocks });
    }
    this.answer(ack, { flags: Flag.ack | (more.flags ?? 0), seq: 1, options, window: more.window });
  }

  private absolute(relative: number): number {
    return (this.isn + relative) | 0;
  }

  private answer(
    ack: number,
    s: { flags: number; seq: number; options: readonly TcpOption[]; window?: number | undefined },
  ): void {
    const bytes = encodeTcp(
      {
        sourcePort: 80,
        destinationPort: 40000,
        seq: s.seq,
        ack: this.absolute(ack),
        flags: s.flags,
        window: s.window ?? this.window,
        urgent: 0,
        options: s.options,
        payload: new Uint8Array(0),
      },
      remote,
      local,
    );
    const packet = encodeIp(
      ipPacket({ source: remote, destination: local, protocol: protocolTcp, payload: bytes }),
    );
    this.tcp.input(this.now, packet, new DataView(packet.buffer), 0, packet.length);
  }

  /** What was sent since the last call: [first byte, bytes] of each packet, pure ACKs left out. */
  sent(): readonly (readonly [number, number])[] {
    return this.segments()
      .filter(({ payload, flags }) => payload.length > 0 || (flags & (Flag.fin | Flag.syn)) !== 0)
      .map(({ seq, payload }) => [(seq - this.isn) | 0, payload.length] as const);
  }

  /** The same as segments. */
  segments(): readonly TcpSegment[] {
    const all: TcpSegment[] = [];
    for (let packet = this.tcp.out.take(); packet !== null; packet = this.tcp.out.take())
      all.push(decodeTcp(decodeIp(packet).payload));
    return all;
  }
}
