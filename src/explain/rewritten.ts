/** Whether two packets are one packet seen at two places, between which a device changed it. */
import type { EventPage } from './attempt-store.ts';
import type { Decapsulator } from './decapsulate.ts';
import { findOption, OptionReader } from './options.ts';
import * as R from './records.ts';

const { E_FLAGS, E_WINDOW, E_ID, E_OPTIONS, FROM_CLIENT, IS_ICMP } = R;

const SYN = 2;
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
export function sameButOptions(words: Int32Array, at: number, d: Decapsulator, header: number): boolean {
  if ((words[at + E_FLAGS]! & SYN) === 0 || d.ipId !== 0 || (words[at + E_ID]! & 0xffff) !== 0) return false;
  return timestampOf(words, at) === stampOf(d, header);
}

/** Whether the packet at hand carries the time stamp of an event. Checksums alone do not tell: offloading leaves them unfinished. */
export function sameStamp(words: Int32Array, at: number, d: Decapsulator, header: number): boolean {
  const stamp = stampOf(d, header);
  return stamp !== 0 && timestampOf(words, at) === stamp;
}

function stampOf({ view, tcpAt, tcpEnd }: Decapsulator, header: number): number {
  const stamp = findOption(view, tcpAt + 20, Math.min(tcpEnd, tcpAt + header), 8);
  return stamp < 0 ? 0 : view.getUint32(stamp + 2);
}

/** An event: its page and its offset there. */
export interface EventAt {
  readonly page: EventPage;
  readonly offset: number;
  readonly time: number;
}

/**
 * Whether two SYNs of one tuple are one, but perhaps for the initial sequence number: where it differs, a firewall that makes up
 * numbers of its own (against predictable ones) was between the two capture points. Equal IP identification and time stamp tell.
 */
export function sameSyn(a: EventAt, b: EventAt, withinNs: number): boolean {
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
    Math.abs(a.time - b.time) < withinNs &&
    timestampOf(x, a.offset) === timestampOf(y, b.offset)
  );
}
