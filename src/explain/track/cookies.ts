/**
 * Finds servers whose SYN+ACKs are SYN cookies. Linux puts the options for which a cookie has no room into the low six bits of
 * the SYN+ACK's time stamp: the client's window scale (15: none), SACK, ECN (net/ipv4/syncookies.c, cookie_init_timestamp,
 * 6.18). What is sent is that plus an offset. Without offsets (tcp_timestamps=2, and before 4.10) the bits stand there as they
 * are; with an offset per pair of addresses they differ from the options by the same in every SYN+ACK of the pair. Where
 * ports are part of the offset too (6.18.44 by measurement), only SYN+ACKs of one attempt can be compared: see judge.ts.
 */
import type { Decapsulator } from '../decode/decapsulate.ts';
import { findOption } from '../decode/options.ts';
import * as R from './records.ts';

const { WORDS, ENCAPSULATION, STATE, NUMBER, OFFER, SYN_SEEN, COOKIE } = R;

/** So many SYN+ACKs in a row that fit have to be there, beside the first if its offset is not known: by chance once in 64^4. */
const RUN = 4;
const ENTRIES = 1 << 14;
/** Words of an entry: who, offset, length of the run, last stamp and its time in ms, then slot and number of the run's first RUN + 1. */
const FIRST = 5;
/** One more than it needs, so that an entry is as long as a line of the processor's cache. */
const ENTRY_WORDS = 16;
/** Ticks a millisecond of the clocks that time stamps come from: 1,000, 250 or 100 a second on Linux. */
const RATES = [1, 0.25, 0.1];
/** A stamp this near (ticks) to what a running clock shows proves nothing: connections every 8 s have equal low bits. */
const NEAR = 2;

/** Watches the time stamps of SYN+ACKs. Bounded: of hosts that fall together, the last counts. */
export class Cookies {
  private readonly entries = new Int32Array(ENTRIES * ENTRY_WORDS);

  /** A server's first valid SYN+ACK of an attempt came. Marks the attempts whose SYN+ACKs are cookies. */
  answered(
    words: Int32Array,
    slot: number,
    client: Int32Array,
    server: Int32Array,
    d: Decapsulator,
    header: number,
  ): void {
    const base = slot * WORDS;
    if ((words[base + STATE]! & SYN_SEEN) === 0) return;
    const end = Math.min(d.tcpEnd, d.tcpAt + header);
    const stamp = findOption(d.view, d.tcpAt + 20, end, 8);
    if (stamp < 0) return;
    const offer = words[base + OFFER]!;
    const scaled = (offer & 31) < 15 && findOption(d.view, d.tcpAt + 20, end, 3) >= 0;
    const options = (scaled ? offer & 15 : 15) | ((offer & 0x20) >> 1) | ((offer & 0x40) >> 1);
    const value = d.view.getInt32(stamp + 2);
    const who = hash(server, words[base + ENCAPSULATION]! | 1);
    // ECN is in the cookie only if the server wants it, which a SYN+ACK with ECE says.
    const agreed = d.view.getUint16(d.tcpAt + 12) & 0x40 ? options : options & 31;
    const offset = (value - agreed) & 63;
    const ms = (d.seconds * 1000 + Math.floor(d.nanoseconds / 1e6)) | 0;
    this.observe(words, slot, who, 0, offset === 0, value, ms, 0);
    this.observe(words, slot, hash(client, who), offset, true, value, ms, 1);
  }

  /** @param free how many of a run count for nothing, since they only say what the offset is */
  private observe(
    words: Int32Array,
    slot: number,
    who: number,
    offset: number,
    fits: boolean,
    value: number,
    ms: number,
    free: number,
  ): void {
    const { entries } = this;
    const at = ((who ^ (who >>> 14)) & (ENTRIES - 1)) * ENTRY_WORDS;
    if (entries[at] !== who || !fits || entries[at + 1] !== offset) {
      entries[at] = who;
      entries[at + 1] = offset;
      entries[at + 2] = 0;
      if (!fits) return;
    } else if (entries[at + 2]! > 0 && isRunning((value - entries[at + 3]!) | 0, (ms - entries[at + 4]!) | 0))
      return;
    const run = ++entries[at + 2]!;
    entries[at + 3] = value;
    entries[at + 4] = ms;
    const number = words[slot * WORDS + NUMBER]!;
    if (run > RUN + free) words[slot * WORDS + STATE]! |= COOKIE;
    else {
      entries[at + FIRST + 2 * run - 2] = slot;
      entries[at + FIRST + 2 * run - 1] = number;
    }
    if (run !== RUN + free) return;
    for (let n = 1; n <= run; n++) {
      const first = entries[at + FIRST + 2 * n - 2]! * WORDS;
      if (words[first + NUMBER] === entries[at + FIRST + 2 * n - 1]) words[first + STATE]! |= COOKIE;
    }
  }
}

/** Whether a clock that runs, or stands still, explains the difference of two stamps. */
function isRunning(ticks: number, ms: number): boolean {
  if (ticks >> 6 === 0) return true;
  return RATES.some((rate) => Math.abs(ticks - ms * rate) <= NEAR);
}

function hash(address: Int32Array, seed: number): number {
  let h = seed;
  for (let n = 0; n < 4; n++) h = Math.imul(h ^ address[n]!, 0x85ebca6b) ^ (h >>> 15);
  return h | 1;
}
