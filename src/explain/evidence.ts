/** An attempt's record and its packets as values, for judging and telling. */
import type { EventStore, Records } from './attempt-store.ts';
import { addressText, OptionReader, type OptionSet } from './options.ts';
import { isAlone, type PlainHandshake } from './plain.ts';
import * as R from './records.ts';

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
  readonly options: OptionSet;
  /** Its time stamp and the one it echoes; 0 without the option. */
  readonly timestamp: number;
  readonly echo: number;
  /** If it is an ICMP error that quotes the attempt. */
  readonly icmp: { readonly type: number; readonly code: number; readonly sender: string } | null;
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
  readonly plain: boolean;
  /** Whether it has nothing to do with other attempts. */
  readonly alone: boolean;
  /** By how much the server's initial sequence numbers grow from connection to connection, if by a constant (0: they are the same). */
  readonly isnStep: number | null;
  /** Destinations the client tried within a minute, if it was scanning; otherwise 0. Nobody asks it of a plain handshake. */
  readonly scanned: number;
  /** From how many addresses its destination was flooded when it began, otherwise 0. */
  readonly flooded: number;
  /** Whether others were connected to its destination at about that time, if it was not answered; otherwise false. */
  readonly othersServed: boolean;
  /** Nanoseconds since the base of the last packet of the capture so far. */
  readonly now: number;
}

const reader = new OptionReader();
const letters = ' SHADFR shadfr';

/** Records of attempts and what goes with them. */
export interface Recorded {
  readonly store: Records;
  readonly events: EventStore;
  readonly plain: PlainHandshake;
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
  const base = slot * R.WORDS;
  const at = slot * R.DOUBLES;
  const ports = words[base + R.PORTS]!;
  const previous = words[base + R.PREVIOUS]!;
  const syns = words[base + R.SYNS]!;
  const synAcks = words[base + R.SYNACKS]!;
  const seen = packets(log, words[base + R.NEWEST_EVENT]!);
  return {
    number: words[base + R.NUMBER]!,
    state: words[base + R.STATE]!,
    client: addressText(words, base + R.CLIENT),
    clientPort: ports >>> 16,
    server: addressText(words, base + R.SERVER),
    serverPort: ports & 0xffff,
    ipv6: (words[base + R.STATE]! & R.IPV6) !== 0,
    encapsulation: words[base + R.ENCAPSULATION]!,
    firstFrame: words[base + R.FIRST_FRAME]!,
    lastFrame: words[base + R.LAST_FRAME]!,
    firstTime: doubles[at + R.FIRST_TIME]!,
    lastTime: doubles[at + R.LAST_TIME]!,
    clientPackets: words[base + R.CLIENT_PACKETS]!,
    serverPackets: words[base + R.SERVER_PACKETS]!,
    clientBytes: doubles[at + R.CLIENT_BYTES]!,
    serverBytes: doubles[at + R.SERVER_BYTES]!,
    clientIsn: words[base + R.CLIENT_ISN]!,
    serverIsn: words[base + R.SERVER_ISN]!,
    synCount: syns & 0xffff,
    synDuplicates: syns >>> 16,
    synAckCount: synAcks & 0xffff,
    synAckDuplicates: synAcks >>> 16,
    history: history(words[base + R.HISTORY]!, words[base + R.HISTORY + 1]!),
    previous:
      previous === 0
        ? null
        : { number: previous, state: words[base + R.PREVIOUS_STATE]!, ageMs: words[base + R.PREVIOUS_AGE]! },
    packets: seen,
    plain: log.plain.find(slot),
    alone: isAlone(words, base),
    isnStep: facts.isnStep,
    scanned: facts.scanned,
    flooded: facts.flooded,
    othersServed: (words[base + R.STATE]! & R.OTHERS_SERVED) !== 0,
    now: facts.now,
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

/** The events in the order of the capture. */
function packets(log: Recorded, newest: number): PacketSeen[] {
  const list: PacketSeen[] = [];
  for (let event = newest; event >= 0; ) {
    const page = log.events.page(event);
    const { words } = page;
    const at = log.events.offset(event);
    const flags = words[at + R.E_FLAGS]!;
    const icmp = (flags & R.IS_ICMP) !== 0;
    const ack = words[at + R.E_ACK]!;
    const options = reader.read(
      words,
      at + R.E_OPTIONS,
      icmp ? 0 : flags >>> 24,
      (flags & R.OPTIONS_CUT) !== 0,
    );
    list.push({
      frame: words[at + R.E_FRAME]!,
      time: page.times[log.events.timeIndex(event)]!,
      fromClient: (flags & R.FROM_CLIENT) !== 0,
      flags: icmp ? 0 : flags & 0x1ff,
      seq: words[at + R.E_SEQ]!,
      ack: icmp ? 0 : ack,
      window: words[at + R.E_WINDOW]! & 0xffff,
      length: words[at + R.E_LENGTH]!,
      ttl: words[at + R.E_WINDOW]! >>> 16,
      ipId: words[at + R.E_ID]! & 0xffff,
      duplicate: (flags & R.DUPLICATE) !== 0,
      stray: (flags & R.MISMATCH) !== 0,
      options,
      timestamp: reader.value,
      echo: reader.echo,
      icmp: icmp ? { type: ack >>> 8, code: ack & 255, sender: addressText(words, at + R.E_OPTIONS) } : null,
    });
    event = words[at + R.E_NEXT]!;
  }
  return list.reverse();
}
