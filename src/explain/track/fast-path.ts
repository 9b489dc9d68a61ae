/**
 * The short way for handshakes that go as they should: SYN, SYN+ACK, ACK, in order, on a tuple with no other attempt.
 * Nearly all are such, and asking what might be wrong with a packet takes longer than noting it. What is entered is the same as
 * tracker.ts and event-log.ts enter, which take all other packets; a test runs captures both ways.
 */

import type { Decapsulator } from '../decode/decapsulate.ts';
import type { AttemptStore } from './attempt-store.ts';
import type { EventLog } from './event-log.ts';
import { offerOf } from './offer.ts';
import * as R from './records.ts';
import type { Segment } from './segment.ts';

const { WORDS, STATE, LAST_FRAME, CLIENT_NEXT, SERVER_NEXT, CLIENT_PACKETS, SERVER_PACKETS, HISTORY } = R;
const { CLIENT_ISN, SERVER_ISN, SYNS, SYNACKS, OFFER, DOUBLES, LAST_TIME, SYN_SEEN, SYNACK_SEEN } = R;
const { CONFIRMED, IPV6, CLIENT_KNOWN, SERVER_KNOWN, USED, CLIENT_ACK, SETTLED, H_SYN, H_SYNACK } = R;
const { H_ACK, H_SERVER } = R;

/** STATE (but for IPV6) after a SYN without data, and after the SYN+ACK. */
const OPENED = USED | SYN_SEEN | CLIENT_KNOWN;
const ANSWERED = OPENED | SYNACK_SEEN | SERVER_KNOWN;
/** HISTORY then, and after the ACK. */
const S = H_SYN;
const SH = S | ((H_SYNACK + H_SERVER) << 4);
const SHA = SH | (H_ACK << 8);

/** Enters orderly packets. */
export class FastPath {
  private readonly store: AttemptStore;
  private readonly log: EventLog;

  constructor(log: EventLog) {
    this.store = log.store;
    this.log = log;
  }

  /** Enters the SYN, without data, that began an attempt on a tuple of its own, in a record with who and when. */
  opens(slot: number, s: Segment, d: Decapsulator): void {
    const { words } = this.store;
    const base = slot * WORDS;
    words[base + LAST_FRAME] = s.frame;
    words[base + CLIENT_PACKETS] = 1;
    words[base + SYNS] = 1;
    words[base + HISTORY] = S;
    words[base + CLIENT_ISN] = s.seq;
    words[base + CLIENT_NEXT] = (s.seq + 1) | 0;
    const end = Math.min(d.tcpEnd, d.tcpAt + s.header);
    words[base + OFFER] = offerOf(d.view, d.tcpAt + 20, end, (s.flags & 0xc0) === 0xc0);
    words[base + STATE]! |= SYN_SEEN | CLIENT_KNOWN;
    this.log.append(slot, s, d, true, 0);
  }

  /** Enters a SYN+ACK from the server if it answers the only SYN there is. @returns whether it does */
  answers(slot: number, s: Segment, d: Decapsulator, state: number): boolean {
    const { words } = this.store;
    const base = slot * WORDS;
    if ((state & ~IPV6) !== OPENED || words[base + HISTORY] !== S || s.payload > 0) return false;
    if (s.ack !== words[base + CLIENT_NEXT]) return false;
    this.arrived(slot, base, s);
    words[base + SERVER_PACKETS]!++;
    words[base + SYNACKS] = 1;
    words[base + HISTORY] = SH;
    words[base + SERVER_ISN] = s.seq;
    words[base + SERVER_NEXT] = (s.seq + 1) | 0;
    words[base + STATE] = state | SYNACK_SEEN | SERVER_KNOWN;
    this.log.append(slot, s, d, false, 0);
    return true;
  }

  /** Enters the client's ACK of that SYN+ACK. @returns whether it is it */
  confirms(slot: number, s: Segment, d: Decapsulator, state: number): boolean {
    const { words } = this.store;
    const base = slot * WORDS;
    if ((state & ~IPV6) !== ANSWERED || words[base + HISTORY] !== SH || s.payload > 0) return false;
    if (s.seq !== words[base + CLIENT_NEXT] || s.ack !== words[base + SERVER_NEXT]) return false;
    this.arrived(slot, base, s);
    words[base + CLIENT_PACKETS]!++;
    words[base + HISTORY] = SHA;
    words[base + STATE] = state | CLIENT_ACK | CONFIRMED | SETTLED;
    this.log.append(slot, s, d, true, 0);
    return true;
  }

  private arrived(slot: number, base: number, s: Segment): void {
    const { words, doubles } = this.store;
    const at = slot * DOUBLES + LAST_TIME;
    if (s.time > doubles[at]!) doubles[at] = s.time;
    words[base + LAST_FRAME] = s.frame;
  }
}
