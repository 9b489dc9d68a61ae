/** Whether two packets are one packet seen twice, perhaps at two places between which a device changed it. */

import type { Decapsulator } from '../decode/decapsulate.ts';
import { findOption, OptionReader } from '../decode/options.ts';
import type { EventPage, EventStore } from './attempt-store.ts';
import * as R from './records.ts';
import type { Segment } from './segment.ts';

const { E_SEQ, E_ACK, E_FLAGS, E_WINDOW, E_LENGTH, E_NEXT, E_ID, E_OPTIONS, FROM_CLIENT, IS_ICMP } = R;

const SYN = 2;

/** No TCP sends the same packet twice so soon: the shortest retransmission timer in use is 200 ms. */
const DUPLICATE_NS = 100e6;
/** Linux waits 64 s before its seventh SYN, and no system in use longer. */
const LONGEST_GAP_NS = 130e9;
const reader = new OptionReader();

/** Value of an event's time stamp; 0 without the option. */
function timestampOf(words: Int32Array, at: number): number {
  reader.read(words, at + E_OPTIONS, words[at + E_FLAGS]! >>> 24);
  return reader.value;
}

/**
 * Whether a SYN or SYN+ACK at hand is an event's, with other options: MSS clamping is the common case. For packets without
 * IP identification (IPv6, and Linux's SYN+ACKs), of which all numbers are known to be equal, time stamps decide.
 */
function sameButOptions(words: Int32Array, at: number, d: Decapsulator, header: number): boolean {
  if ((words[at + E_FLAGS]! & SYN) === 0 || d.ipId !== 0 || (words[at + E_ID]! & 0xffff) !== 0) return false;
  return timestampOf(words, at) === stampOf(d, header);
}

/** Whether the packet at hand carries the time stamp of an event. Checksums alone do not tell: offloading leaves them unfinished. */
function sameStamp(words: Int32Array, at: number, d: Decapsulator, header: number): boolean {
  const stamp = stampOf(d, header);
  return stamp !== 0 && timestampOf(words, at) === stamp;
}

function stampOf({ view, tcpAt, tcpEnd }: Decapsulator, header: number): number {
  const stamp = findOption(view, tcpAt + 20, Math.min(tcpEnd, tcpAt + header), 8);
  return stamp < 0 ? 0 : view.getUint32(stamp + 2);
}

/**
 * Whether the packet at hand has an event's IP identification and was captured elsewhere, by a clock that is far off: no system
 * waits so long before it sends again, and one that does so sooner takes another identification, at least with another time to live.
 */
function isFarCopy(words: Int32Array, at: number, d: Decapsulator, apart: number): boolean {
  if (d.ipId === 0 || (words[at + E_ID]! & 0xffff) !== d.ipId) return false;
  return apart > LONGEST_GAP_NS || ((words[at + E_WINDOW]! >>> 16) & 0xff) !== d.ttl;
}

/** An event: its page and its offset there. */
interface EventAt {
  readonly page: EventPage;
  readonly offset: number;
  readonly time: number;
}

/**
 * Whether two SYNs of one tuple are one, but perhaps for the initial sequence number: where it differs, a firewall that makes up
 * numbers of its own (against predictable ones) was between the two capture points. Equal IP identification and time stamp tell.
 */
function sameSyn(a: EventAt, b: EventAt): boolean {
  const x = a.page.words;
  const y = b.page.words;
  const bits = 0x1ff | FROM_CLIENT | IS_ICMP;
  const id = x[a.offset + E_ID]! & 0xffff;
  return (
    id !== 0 &&
    id === (y[b.offset + E_ID]! & 0xffff) &&
    (x[a.offset + E_FLAGS]! & bits) === (y[b.offset + E_FLAGS]! & bits) &&
    (x[a.offset + E_FLAGS]! & (bits & ~FROM_CLIENT)) === SYN &&
    (x[a.offset + E_WINDOW]! & 0xffff) === (y[b.offset + E_WINDOW]! & 0xffff) &&
    Math.abs(a.time - b.time) < DUPLICATE_NS &&
    timestampOf(x, a.offset) === timestampOf(y, b.offset)
  );
}

/** Whether the packet at hand is another copy of one among events: a mirror port or `any` shows packets twice. */
export function isDuplicate(
  events: EventStore,
  newest: number,
  s: Segment,
  d: Decapsulator,
  fromClient: boolean,
): boolean {
  const wanted = (s.flags & 0x1ff) | (fromClient ? FROM_CLIENT : 0);
  const id = d.ipId | (d.view.getUint16(d.tcpAt + 14 + 2 <= d.tcpEnd - 2 ? d.tcpAt + 16 : d.tcpAt) << 16);
  for (let event = newest; event >= 0; ) {
    const page = events.page(event);
    const at = events.offset(event);
    const { words: w } = page;
    const same =
      (w[at + E_FLAGS]! & (0x1ff | FROM_CLIENT | IS_ICMP)) === wanted &&
      w[at + E_SEQ] === s.seq &&
      w[at + E_ACK] === s.ack &&
      w[at + E_LENGTH] === s.payload;
    const near = same && Math.abs(page.times[events.timeIndex(event)]! - s.time) < DUPLICATE_NS;
    // Equal checksums mean equal packets; with a true IP identification, options may have been rewritten on the way.
    if (near && (w[at + E_ID] === id || (d.ipId !== 0 && (w[at + E_ID]! & 0xffff) === d.ipId))) return true;
    if (near && s.flags & SYN && sameButOptions(w, at, d, s.header)) return true;
    // Merged captures of hosts whose clocks differ: a retransmission would have another time stamp.
    // (Pasted text has neither identification nor checksum: then nothing tells a copy from a retransmission.)
    if (same && !near && id !== 0 && w[at + E_ID] === id && sameStamp(w, at, d, s.header)) return true;
    if (same && !near && isFarCopy(w, at, d, Math.abs(page.times[events.timeIndex(event)]! - s.time)))
      return true;
    event = w[at + E_NEXT]!;
  }
  return false;
}

/** Whether a SYN is one of another attempt's, but for what {@link sameSyn} lets differ. @param newest of the other attempt's events */
export function hasSameSyn(events: EventStore, newest: number, syn: number): boolean {
  const one = eventAt(events, syn);
  for (let event = newest; event >= 0; ) {
    const other = eventAt(events, event);
    if (sameSyn(one, other)) return true;
    event = other.page.words[other.offset + E_NEXT]!;
  }
  return false;
}

function eventAt(events: EventStore, event: number): EventAt {
  const page = events.page(event);
  return { page, offset: events.offset(event), time: page.times[events.timeIndex(event)]! };
}
