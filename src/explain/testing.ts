/** Makes captures for tests of explain: a handshake in a few lines, in any wrapping, in any order. */

import { type Address, parseAddress } from '../wire/address.ts';
import { CaptureError } from '../wire/captured-packet.ts';
import { encodeIcmp, protocolIcmp, protocolIcmpv6 } from '../wire/icmp.ts';
import { encodeIp, ipPacket } from '../wire/ip.ts';
import type { TcpOption } from '../wire/options.ts';
import { concatenate as join, LINKTYPE_RAW, pcapngHeader, pcapngPacket } from '../wire/pcap.ts';
import { encodeTcp, protocolTcp } from '../wire/tcp.ts';
import { Explainer } from './explain.ts';
import type { Attempt } from './judge/attempt.ts';
import type { CaptureSummary } from './output/summary.ts';

/** Seconds since 1970 of a capture's time 0: 2026-01-01T00:00:00Z. */
export const epoch = 1_767_225_600;

/** What surrounds an IP packet. */
export type Wrap = (ip: Uint8Array) => Uint8Array;

export const concatenate = (...parts: readonly Uint8Array[]): Uint8Array => join(parts);

/** A capture in the making: packets in the order in which they are in the file. */
export class Film {
  readonly packets: { ms: number; bytes: Uint8Array; wireLength: number }[] = [];
  readonly linkType: number;

  constructor(linkType: number = LINKTYPE_RAW) {
    this.linkType = linkType;
  }

  /** Adds a packet (from the link layer on) that was captured `ms` after the beginning. Returns its frame number. */
  add(ms: number, bytes: Uint8Array, wireLength: number = bytes.length): number {
    return this.packets.push({ ms, bytes, wireLength });
  }

  /** Captures a packet again, `ms` later and with some of its bytes changed. */
  again(frame: number, ms: number, change: (bytes: Uint8Array) => void = () => {}): number {
    const { ms: before, bytes, wireLength } = this.packets[frame - 1]!;
    const copy = bytes.slice();
    change(copy);
    return this.add(before + ms, copy, wireLength);
  }

  toPcapng(): Uint8Array {
    const parts = this.packets.map(({ ms, bytes, wireLength }) =>
      pcapngPacket(BigInt(epoch) * 1_000_000_000n + BigInt(Math.round(ms * 1e6)), bytes, {
        originalLength: wireLength,
      }),
    );
    return concatenate(pcapngHeader([{ linkType: this.linkType }]), ...parts);
  }
}

/** What may differ from an ordinary packet of the talk. */
export interface Fields {
  seq?: number;
  ack?: number;
  window?: number;
  /** Bytes of payload. */
  data?: number;
  options?: readonly TcpOption[];
  /** Value and echo of the time stamps; without it, packets after the SYNs have none. */
  stamps?: readonly [number, number];
  ttl?: number;
  id?: number;
  wrap?: Wrap;
}

export interface TalkOptions {
  client?: string;
  server?: string;
  clientPort?: number;
  serverPort?: number;
  clientIsn?: number;
  serverIsn?: number;
  wrap?: Wrap;
}

const letters: Readonly<Record<string, number>> = { F: 1, S: 2, R: 4, P: 8, A: 16, U: 32, E: 64, C: 128 };

/** What Linux offers: MSS, SACK, time stamps, window scale. Without `stamps` there is no time-stamp option. */
export function linuxOptions(stamps: readonly [number, number] | null, mss = 1460, shift = 7): TcpOption[] {
  const first: TcpOption[] = [{ kind: 'mss', value: mss }, { kind: 'sackPermitted' }];
  if (stamps === null) first.push({ kind: 'nop' }, { kind: 'nop' });
  else first.push({ kind: 'timestamps', value: stamps[0], echo: stamps[1] });
  return [...first, { kind: 'nop' }, { kind: 'windowScale', shift }];
}

let identification = 1;

/** Client and server of one tuple. Sequence numbers follow by themselves unless a packet says otherwise. */
export class Talk {
  readonly film: Film;
  readonly client: Address;
  readonly server: Address;
  readonly ports: readonly [number, number];
  readonly isns: readonly [number, number];
  private readonly next: [number, number];
  private readonly wrap: Wrap;

  constructor(film: Film, options: TalkOptions = {}) {
    this.film = film;
    this.client = parseAddress(options.client ?? '192.0.2.1');
    this.server = parseAddress(options.server ?? '192.0.2.2');
    this.ports = [options.clientPort ?? 40000, options.serverPort ?? 80];
    this.isns = [options.clientIsn ?? 1000, options.serverIsn ?? 5_000_000];
    this.next = [...this.isns];
    this.wrap = options.wrap ?? ((ip) => ip);
  }

  /** The client sends a packet with flags such as `SA`. Returns its frame number. */
  c(ms: number, flags: string, fields: Fields = {}): number {
    return this.send(ms, 0, flags, fields);
  }

  /** The server sends a packet. */
  s(ms: number, flags: string, fields: Fields = {}): number {
    return this.send(ms, 1, flags, fields);
  }

  /** SYN, SYN+ACK, ACK: half the round trip between client and capture is `near` ms, to the server `far` ms. */
  shake(ms = 0, far = 20, near = 0.1): this {
    this.c(ms, 'S');
    this.s(ms + far, 'SA');
    this.c(ms + far + near, 'A');
    return this;
  }

  /** FINs from both sides, 1 ms apart. */
  close(ms: number): this {
    this.c(ms, 'FA');
    this.s(ms + 1, 'FA');
    this.c(ms + 2, 'A');
    return this;
  }

  /** An ICMP error about the client's packet `frame` (its IP header and `quote` bytes); from the server unless told. */
  icmp(ms: number, type: number, code: number, frame: number, from?: string, quote = 64): number {
    const source = from === undefined ? this.server : parseAddress(from);
    const { bytes } = this.film.packets[frame - 1]!;
    const headers = source.family === 4 ? 20 : 40;
    const message = { type, code, parameter: 0, body: bytes.subarray(0, headers + quote) };
    const payload = encodeIcmp(message, source, this.client);
    const protocol = source.family === 4 ? protocolIcmp : protocolIcmpv6;
    const ip = encodeIp(ipPacket({ source, destination: this.client, protocol, payload, ttl: 60 }));
    return this.film.add(ms, this.wrap(ip));
  }

  /** The IP packet alone. */
  packet(side: 0 | 1, flags: string, fields: Fields = {}): Uint8Array {
    let bits = 0;
    for (const letter of flags) bits |= letters[letter]!;
    const seq = fields.seq ?? (bits & 2 ? this.isns[side] : this.next[side]);
    const other = side ^ 1;
    const answersSyn = (bits & 18) === 18;
    const ack = fields.ack ?? (bits & 16 ? (answersSyn ? this.isns[other]! + 1 : this.next[other]!) : 0);
    const payload = new Uint8Array(fields.data ?? 0).fill(0x61);
    const stamps = fields.stamps ?? null;
    const stamped: TcpOption[] =
      stamps === null
        ? []
        : [{ kind: 'nop' }, { kind: 'nop' }, { kind: 'timestamps', value: stamps[0], echo: stamps[1] }];
    const options = fields.options ?? (bits & 2 ? linuxOptions(stamps) : stamped);
    if ((bits & 4) === 0) {
      const end = (seq + payload.length + ((bits >> 1) & 1) + (bits & 1)) | 0;
      if (((end - this.next[side]) | 0) > 0) this.next[side] = end;
    }
    const [source, destination] = side === 0 ? [this.client, this.server] : [this.server, this.client];
    const segment = encodeTcp(
      {
        sourcePort: this.ports[side],
        destinationPort: this.ports[other]!,
        seq,
        ack,
        flags: bits,
        window: fields.window ?? 64240,
        urgent: 0,
        options,
        payload,
      },
      source,
      destination,
    );
    const id = fields.id ?? (identification++ & 0x7fff) + 1;
    const ttl = fields.ttl ?? 64;
    return encodeIp(ipPacket({ source, destination, protocol: protocolTcp, payload: segment, id, ttl }));
  }

  private send(ms: number, side: 0 | 1, flags: string, fields: Fields): number {
    return this.film.add(ms, (fields.wrap ?? this.wrap)(this.packet(side, flags, fields)));
  }
}

/** A capture of one talk. */
export function film(tell: (talk: Talk) => void, options: TalkOptions = {}): Film {
  const made = new Film();
  tell(new Talk(made, options));
  return made;
}

export interface Explained {
  attempts: Attempt[];
  problem: CaptureError | null;
  summary: CaptureSummary;
}

/** Explains a capture, handed over in pieces of `chunk` bytes. Attempts in the order they began. */
export function explainAll(capture: Uint8Array | Film, chunk: number = 1 << 22): Explained {
  const bytes = capture instanceof Film ? capture.toPcapng() : capture;
  const attempts: Attempt[] = [];
  const explainer = new Explainer((attempt) => attempts.push(attempt));
  let problem: CaptureError | null = null;
  try {
    for (let at = 0; at < bytes.length; at += chunk) explainer.push(bytes.subarray(at, at + chunk));
  } catch (error) {
    if (!(error instanceof CaptureError)) throw error;
    problem = error;
  }
  try {
    explainer.end(problem);
  } catch (error) {
    if (!(error instanceof CaptureError)) throw error;
    problem = error;
  }
  attempts.sort((a, b) => a.number - b.number);
  return { attempts, problem, summary: explainer.summary() };
}

/** The only attempt of a capture. */
export function explainOne(capture: Film): Attempt {
  const { attempts } = explainAll(capture);
  if (attempts.length !== 1)
    throw new Error(`${attempts.length} attempts: ${attempts.map((a) => a.sentence).join(' ')}`);
  return attempts[0]!;
}
