/**
 * Finds the same SYN at another place of its way: before and after address translation it has another tuple, but the client's initial
 * sequence number, its time stamps and mostly its IP identification. And answers that come from an address that was not asked.
 * A small table by sequence number: of what is seen twice, the second follows soon.
 */

import type { Decapsulator } from '../decode/decapsulate.ts';
import { findOption, OptionReader } from '../decode/options.ts';
import * as R from './records.ts';
import type { Segment } from './segment.ts';

const {
  WORDS,
  DOUBLES,
  PORTS,
  STATE,
  CLIENT,
  SERVER,
  NUMBER,
  LEG,
  FIRST_TIME,
  ELSEWHERE,
  OTHER_PORT,
  OTHER,
} = R;
const {
  SYN_SEEN,
  SYNACK_SEEN,
  OWN_WORDS,
  E_ID,
  E_FLAGS,
  E_OPTIONS,
  E_WINDOW,
  EVENTS,
  CONFIRMED,
  MID_STREAM,
} = R;

const ENTRIES = 1 << 13;
const ENTRY = 4;
/** What a translator passes on follows within this time; an answer may take as long as a client tries. */
const SOON_NS = 1e9;
const ANSWER_NS = 130e9;

const reader = new OptionReader();

/** Remembers the SYNs of late by their number. */
export class Legs {
  /** Number, slot, the attempt's number, and the slot of the leg before it. */
  private readonly entries = new Int32Array(ENTRIES * ENTRY).fill(-1);

  /** A SYN began the attempt of `slot`, whose events are not there yet. */
  began(words: Int32Array, doubles: Float64Array, slot: number, s: Segment, d: Decapsulator): void {
    const { entries } = this;
    const at = place(s.seq);
    const number = words[slot * WORDS + NUMBER]!;
    let before = -1;
    if (entries[at] === s.seq) {
      const other = entries[at + 1]!;
      const base = other * WORDS;
      const alive = words[base + NUMBER] === entries[at + 2];
      if (alive && s.time - doubles[other * DOUBLES + FIRST_TIME]! < SOON_NS && sameSyn(words, base, s, d)) {
        words[slot * WORDS + LEG] = words[base + NUMBER]!;
        if (words[base + LEG] === 0) words[base + LEG] = number;
        before = other;
      }
    }
    entries[at] = s.seq;
    entries[at + 1] = slot;
    entries[at + 2] = number;
    entries[at + 3] = before;
  }

  /** A SYN+ACK came, the first of the attempt of `slot`: to a SYN of it, or to one that may have been sent to another address. */
  answered(words: Int32Array, doubles: Float64Array, slot: number, s: Segment): void {
    const base = slot * WORDS;
    const isn = (s.ack - 1) | 0;
    const at = place(isn);
    const { entries } = this;
    const wasElsewhere = (words[base + STATE]! & ELSEWHERE) !== 0;
    if (wasElsewhere) forget(words, base);
    if (entries[at] !== isn) return;
    if (wasElsewhere) {
      // The address that was asked has answered after all: the other one's answer was translated on the way.
      for (const other of [entries[at + 1]!, entries[at + 3]!])
        if (other >= 0 && words[other * WORDS + LEG] === words[base + NUMBER]) forget(words, other * WORDS);
      return;
    }
    let other = entries[at + 1]!;
    if (words[other * WORDS + NUMBER] !== entries[at + 2]) return;
    if (other === slot) other = entries[at + 3]!;
    if (other < 0 || other === slot) return;
    if (s.time - doubles[other * DOUBLES + FIRST_TIME]! > ANSWER_NS) return;
    tell(words, base, other * WORDS);
  }
}

/** It was not answered from elsewhere. */
function forget(words: Int32Array, base: number): void {
  if ((words[base + STATE]! & ELSEWHERE) === 0) return;
  words[base + STATE]! &= ~ELSEWHERE;
  words.fill(0, base + OTHER_PORT, base + OTHER + 4);
}

/** Notes in both attempts that the client of one got an answer from the server of the other. */
function tell(words: Int32Array, base: number, asked: number): void {
  const state = words[asked + STATE]!;
  if ((state & (SYN_SEEN | SYNACK_SEEN | CONFIRMED | MID_STREAM)) !== SYN_SEEN) return;
  if (words[base + PORTS]! >>> 16 !== words[asked + PORTS]! >>> 16) return;
  for (let n = 0; n < 4; n++) if (words[base + CLIENT + n] !== words[asked + CLIENT + n]) return;
  let same = words[base + PORTS] === words[asked + PORTS];
  for (let n = 0; n < 4; n++) same &&= words[base + SERVER + n] === words[asked + SERVER + n];
  // The same tuple in another wrapping.
  if (same) return;
  for (const [one, two] of [
    [base, asked],
    [asked, base],
  ] as const) {
    words[one + STATE]! |= ELSEWHERE;
    words[one + LEG] = words[two + NUMBER]!;
    words[one + OTHER_PORT] = words[two + PORTS]! & 0xffff;
    for (let n = 0; n < 4; n++) words[one + OTHER + n] = words[two + SERVER + n]!;
  }
}

function sameAddresses(
  words: Int32Array,
  base: number,
  { view, addressesAt, isIpv6 }: Decapsulator,
): boolean {
  const size = isIpv6 ? 16 : 4;
  return (
    words[base + CLIENT + 3] === view.getInt32(addressesAt + size - 4) &&
    words[base + SERVER + 3] === view.getInt32(addressesAt + 2 * size - 4)
  );
}

const place = (isn: number): number => ((isn ^ (isn >>> 13) ^ (isn >>> 26)) & (ENTRIES - 1)) * ENTRY;

/** Whether the SYN at hand is the first packet of a record, seen elsewhere on its way. */
function sameSyn(words: Int32Array, base: number, s: Segment, d: Decapsulator): boolean {
  const ports = d.view.getInt32(d.tcpAt);
  // The same tuple in another wrapping is another matter: see duplicates.ts.
  if (words[base + PORTS] === ports && sameAddresses(words, base, d)) return false;
  if (words[base + EVENTS] === 0 || (words[base + STATE]! & SYN_SEEN) === 0) return false;
  const event = base + OWN_WORDS;
  const flags = words[event + E_FLAGS]!;
  if ((flags & 0x17) !== 2 || (words[event + E_WINDOW]! & 0xffff) !== d.view.getUint16(d.tcpAt + 14))
    return false;
  const id = words[event + E_ID]! & 0xffff;
  if (id !== 0 && id === d.ipId) return true;
  reader.read(words, event + E_OPTIONS, flags >>> 24);
  const option = findOption(d.view, d.tcpAt + 20, Math.min(d.tcpEnd, d.tcpAt + s.header), 8);
  return option >= 0 && reader.value !== 0 && reader.value === d.view.getUint32(option + 2);
}
