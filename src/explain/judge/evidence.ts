/** An attempt's record and its packets as values, for judging and telling. */

import { addressText, OptionReader, type OptionSet } from '../decode/options.ts';
import type { Sum } from '../decode/sums.ts';
import { tcpSum } from '../decode/sums.ts';
import type { EventStore, Records } from '../track/attempt-store.ts';
import { type CleanHandshake, isAlone } from '../track/clean-handshake.ts';
import * as R from '../track/records.ts';

const { WORDS, PORTS, ENCAPSULATION, STATE, LAST_FRAME, CLIENT_PACKETS, SERVER_PACKETS, HISTORY } = R;
const { CLIENT_ISN, SERVER_ISN, SYNS, SYNACKS, NEWEST_EVENT, NUMBER, FIRST_FRAME, PREVIOUS_STATE } = R;
const { PREVIOUS_AGE, CLIENT, SERVER, PREVIOUS, DOUBLES, LAST_TIME, CLIENT_BYTES, SERVER_BYTES } = R;
const { FIRST_TIME, IPV6, OTHERS_SERVED, E_FRAME, E_SEQ, E_ACK, E_FLAGS, E_WINDOW, E_LENGTH, E_NEXT } = R;
const { E_ID, E_OPTIONS, FROM_CLIENT, DUPLICATE, MISMATCH, IS_ICMP, OPTIONS_CUT, STALLED } = R;
const {
  SERVER_END,
  TLS,
  STALL_SEQ,
  STALL_SIZE,
  STALL_REST,
  STALL_SERVER,
  ELSEWHERE,
  OTHER,
  OTHER_PORT,
  LEG,
} = R;

/** One packet of an attempt's handshake or end. */
export interface PacketSeen {
  /** Which packet of the capture, from 1. */
  readonly frame: number;
  /** Nanoseconds since the capture's base. */
  readonly time: number;
  readonly fromClient: boolean;
  /** TCP flags as on the wire, 9 bits. */
  readonly flags: number;
  /** Sequence and acknowledgment number, int32. */
  readonly seq: number;
  readonly ack: number;
  readonly window: number;
  /** Payload bytes. */
  readonly length: number;
  readonly ttl: number;
  /** IPv4 identification; 0 for IPv6. */
  readonly ipId: number;
  /** Another copy of a packet captured already. */
  readonly duplicate: boolean;
  /** Its numbers do not belong to this attempt. */
  readonly stray: boolean;
  /** What its checksum is worth; null: not known. */
  readonly sum: Sum | null;
  /** The UDP checksum of the tunnel around it is wrong. */
  readonly badOuter: boolean;
  readonly options: OptionSet;
  /** Its time stamp and the one it echoes; 0 without the option. */
  readonly timestamp: number;
  readonly echo: number;
  /** If it is an ICMP error that quotes the attempt. */
  readonly icmp: {
    readonly type: number;
    readonly code: number;
    readonly sender: string;
    /** The word behind the checksum; of "fragmentation needed" and "packet too big": the MTU, bytes. */
    readonly parameter: number;
  } | null;
}

/** Everything known of an attempt before it is judged. */
export interface Evidence {
  readonly number: number;
  readonly state: number;
  readonly client: string;
  readonly clientPort: number;
  readonly server: string;
  readonly serverPort: number;
  readonly ipv6: boolean;
  readonly encapsulation: number;
  readonly firstFrame: number;
  readonly lastFrame: number;
  /** Nanoseconds since the capture's base. */
  readonly firstTime: number;
  readonly lastTime: number;
  readonly clientPackets: number;
  readonly serverPackets: number;
  readonly clientBytes: number;
  readonly serverBytes: number;
  readonly clientIsn: number;
  readonly serverIsn: number;
  /** Transmissions, and copies of the same transmission. */
  readonly synCount: number;
  readonly synDuplicates: number;
  readonly synAckCount: number;
  readonly synAckDuplicates: number;
  readonly history: string;
  /** The attempt before on the same tuple; null if there was none. */
  readonly previous: { readonly number: number; readonly state: number; readonly ageMs: number } | null;
  readonly packets: readonly PacketSeen[];
  /** Whether they are a handshake of three packets and nothing else. */
  readonly clean: boolean;
  /** Whether it has nothing to do with other attempts. */
  readonly alone: boolean;
  /** By how much the server's initial sequence numbers grow from connection to connection, if by a constant (0: they are the same). */
  readonly isnStep: number | null;
  /** Destinations the client tried within a minute, if it was scanning; otherwise 0. Nobody asks it of a clean handshake. */
  readonly scanned: number;
  /** From how many addresses its destination was flooded when it began, otherwise 0. */
  readonly flooded: number;
  /** Whether others were connected to its destination at about that time, if it was not answered; otherwise false. */
  readonly othersServed: boolean;
  /** Nanoseconds since the base of the last packet of the capture so far. */
  readonly now: number;
  /** Number of another attempt that shows the same SYN elsewhere on its way; 0 for none. */
  readonly leg: number;
  /** Where the answer came from, or what the client had asked, if it was answered from another address than it asked. */
  readonly elsewhere: { readonly address: string; readonly port: number } | null;
  readonly aftermath: Aftermath;
  /** Client's and server's address as four words each. */
  readonly addresses: readonly number[];
}

/** What is remarkable after the handshake. */
export interface Aftermath {
  /** Data that were sent again and never acknowledged. */
  readonly stall: {
    readonly byServer: boolean;
    /** Its first byte, counted from the side's first. */
    readonly offset: number;
    /** The least payload it was sent with, bytes. */
    readonly size: number;
    /** How many times it was sent again, apart. */
    readonly again: number;
    /** The largest piece beyond it that did arrive, bytes; 0 if none is known. */
    readonly arrived: number;
  } | null;
  /** Milliseconds from the first packet to the server's FIN or RST, if it sent no data before. */
  readonly unservedMs: number | null;
  /** If the client's first data are a ClientHello: its bytes, what the server's first data are (TLS content type) and an alert's reason. */
  readonly tls: { readonly hello: number; readonly answer: number; readonly reason: number } | null;
}

const nothingAfter: Aftermath = { stall: null, unservedMs: null, tls: null };

function aftermathOf(words: Int32Array, base: number, state: number): Aftermath {
  const end = words[base + SERVER_END]!;
  const tls = words[base + TLS]!;
  if (state & ELSEWHERE || ((state & STALLED) === 0 && end === 0 && tls === 0)) return nothingAfter;
  const size = words[base + STALL_SIZE]!;
  const byServer = (size & STALL_SERVER) !== 0;
  return {
    stall:
      (state & STALLED) === 0
        ? null
        : {
            byServer,
            offset:
              (words[base + STALL_SEQ]! - words[base + (byServer ? SERVER_ISN : CLIENT_ISN)]! - 1) >>> 0,
            size: size & 0xffff,
            again: (size >>> 16) & 0xff,
            arrived: words[base + STALL_REST]! & 0xffff,
          },
    unservedMs: end === 0 ? null : end - 1,
    tls: tls === 0 ? null : { hello: tls & 0xffff, answer: (tls >>> 16) & 0xff, reason: tls >>> 24 },
  };
}

const reader = new OptionReader();
const letters = ' SHADFR shadfr';

/** Records of attempts and what goes with them. */
export interface Recorded {
  readonly store: Records;
  readonly events: EventStore;
  readonly clean: CleanHandshake;
}

/** What is known of an attempt beside its record, when it is told. */
export interface Facts {
  /** As in {@link Evidence}. */
  readonly isnStep: number | null;
  readonly scanned: number;
  readonly flooded: number;
  readonly now: number;
  /** The capture's base in seconds since 1970. */
  readonly baseSeconds: number;
  /** What its packets were wrapped in, as text. */
  readonly encapsulation: string;
}

/** Reads an attempt out of its record. */
export function readEvidence(log: Recorded, slot: number, facts: Facts): Evidence {
  const { words, doubles } = log.store;
  const base = slot * WORDS;
  const at = slot * DOUBLES;
  const ports = words[base + PORTS]!;
  const previous = words[base + PREVIOUS]!;
  const syns = words[base + SYNS]!;
  const synAcks = words[base + SYNACKS]!;
  const addresses = Array.from(words.subarray(base + CLIENT, base + CLIENT + 8));
  const ipv6 = (words[base + STATE]! & IPV6) !== 0;
  const seen = packets(log, words[base + NEWEST_EVENT]!, { addresses, ipv6, ports });
  return {
    number: words[base + NUMBER]!,
    state: words[base + STATE]!,
    client: addressText(words, base + CLIENT),
    clientPort: ports >>> 16,
    server: addressText(words, base + SERVER),
    serverPort: ports & 0xffff,
    ipv6,
    encapsulation: words[base + ENCAPSULATION]!,
    firstFrame: words[base + FIRST_FRAME]!,
    lastFrame: words[base + LAST_FRAME]!,
    firstTime: doubles[at + FIRST_TIME]!,
    lastTime: doubles[at + LAST_TIME]!,
    clientPackets: words[base + CLIENT_PACKETS]!,
    serverPackets: words[base + SERVER_PACKETS]!,
    clientBytes: doubles[at + CLIENT_BYTES]!,
    serverBytes: doubles[at + SERVER_BYTES]!,
    clientIsn: words[base + CLIENT_ISN]!,
    serverIsn: words[base + SERVER_ISN]!,
    synCount: syns & 0xffff,
    synDuplicates: syns >>> 16,
    synAckCount: synAcks & 0xffff,
    synAckDuplicates: synAcks >>> 16,
    history: history(words[base + HISTORY]!, words[base + HISTORY + 1]!),
    previous:
      previous === 0
        ? null
        : { number: previous, state: words[base + PREVIOUS_STATE]!, ageMs: words[base + PREVIOUS_AGE]! },
    packets: seen,
    clean: log.clean.find(slot),
    alone: isAlone(words, base),
    isnStep: facts.isnStep,
    scanned: facts.scanned,
    flooded: facts.flooded,
    othersServed: (words[base + STATE]! & OTHERS_SERVED) !== 0,
    now: facts.now,
    addresses,
    leg: words[base + LEG]!,
    elsewhere:
      words[base + STATE]! & ELSEWHERE
        ? { address: addressText(words, base + OTHER), port: words[base + OTHER_PORT]! }
        : null,
    aftermath: aftermathOf(words, base, words[base + STATE]!),
  };
}

const histories = new Map<number, string>();

function history(low: number, high: number): string {
  // The same few histories come again and again.
  if (high === 0) {
    const known = histories.get(low);
    if (known !== undefined) return known;
  }
  let text = '';
  for (let n = 0; n < 16; n++) {
    const letter = ((n < 8 ? low : high) >>> ((n & 7) << 2)) & 15;
    if (letter === 0) break;
    text += letters[letter];
  }
  if (high === 0 && histories.size < 4096) histories.set(low, text);
  return text;
}

interface Tuple {
  readonly addresses: readonly number[];
  readonly ipv6: boolean;
  readonly ports: number;
}

const URG = 32;

/** What an event's checksum is worth; null where what it covers is not kept, or the capture has none. */
function sumOf(words: Int32Array, at: number, { addresses, ipv6, ports }: Tuple): Sum | null {
  const flags = words[at + E_FLAGS]!;
  const checksum = words[at + E_ID]! >>> 16;
  if (checksum === 0 || words[at + E_LENGTH] !== 0 || flags & (OPTIONS_CUT | URG)) return null;
  const header = {
    ports,
    seq: words[at + E_SEQ]!,
    ack: words[at + E_ACK]!,
    length: 20 + (flags >>> 24),
    flags: flags & 0x1ff,
    window: words[at + E_WINDOW]! & 0xffff,
    checksum,
  };
  // The sum is the same in both directions.
  return tcpSum(addresses, ipv6, header, words, at + E_OPTIONS);
}

/** The events in the order of the capture. */
function packets(log: Recorded, newest: number, whose: Tuple): PacketSeen[] {
  const list: PacketSeen[] = [];
  for (let event = newest; event >= 0; ) {
    const page = log.events.page(event);
    const { words } = page;
    const at = log.events.offset(event);
    const flags = words[at + E_FLAGS]!;
    const icmp = (flags & IS_ICMP) !== 0;
    const ack = words[at + E_ACK]!;
    const options = reader.read(words, at + E_OPTIONS, icmp ? 0 : flags >>> 24, (flags & OPTIONS_CUT) !== 0);
    list.push({
      frame: words[at + E_FRAME]!,
      time: page.times[log.events.timeIndex(event)]!,
      fromClient: (flags & FROM_CLIENT) !== 0,
      flags: icmp ? 0 : flags & 0x1ff,
      seq: words[at + E_SEQ]!,
      ack: icmp ? 0 : ack,
      window: words[at + E_WINDOW]! & 0xffff,
      length: icmp ? 0 : words[at + E_LENGTH]!,
      ttl: words[at + E_WINDOW]! >>> 16,
      ipId: words[at + E_ID]! & 0xffff,
      duplicate: (flags & DUPLICATE) !== 0,
      stray: (flags & MISMATCH) !== 0,
      sum: icmp ? null : sumOf(words, at, whose),
      badOuter: (flags & R.BAD_OUTER) !== 0,
      options,
      timestamp: reader.value,
      echo: reader.echo,
      icmp: icmp
        ? {
            type: ack >>> 8,
            code: ack & 255,
            sender: addressText(words, at + E_OPTIONS),
            parameter: words[at + E_LENGTH]!,
          }
        : null,
    });
    event = words[at + E_NEXT]!;
  }
  return list.reverse();
}
