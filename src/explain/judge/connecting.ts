/** How long the program waited in connect(), and why, as far as the packets tell: apart from the round trip. */

import * as R from '../track/records.ts';
import { acknowledgedCopy, type CapturePoint } from './details.ts';
import type { Evidence, PacketSeen } from './evidence.ts';
import type { Handshake } from './handshake.ts';
import type { Outcome } from './verdicts.ts';

/** Times in ns. */
export interface Connecting {
  /** From the client's first SYN to the SYN+ACK that reached it, or a bound for that; null if it never connected or nothing tells. */
  readonly ns: number | null;
  /** It may have been less: the capture was not taken at the client, lacks packets, or its clock is coarse. */
  readonly atMost: boolean;
  /** Of an attempt that never connected: from its first SYN to what ended it, or to its last sign; null if nothing tells. */
  readonly waitNs: number | null;
  /** It may have been more: nothing ended it in the capture. */
  readonly atLeast: boolean;
  /** What the figures are multiples of, by the packets' time stamps. */
  readonly clockNs: number;
}

/** A connect() that takes so long is slow whatever the reason; with packets repeated, a fifth of that. */
const SLOW_NS = 1e9;

/** How long the program waited. */
export function connecting(
  e: Evidence,
  h: Handshake,
  point: CapturePoint | null,
  outcome: Outcome,
): Connecting {
  const first = h.syn;
  const clockNs = clockOf(e.packets);
  const none = { ns: null, atMost: false, waitNs: null, atLeast: false, clockNs };
  if (first === null) return none;
  const { end, atMost } = arrival(h, point);
  if (end !== null && (outcome === 'completed' || h.finalAck !== null)) {
    const ns = end.time - first.time;
    if (ns < 0) return none;
    // A clock that did not move in between only bounds it.
    return ns === 0 ? { ...none, ns: clockNs, atMost: true } : { ...none, ns, atMost };
  }
  if (outcome === 'completed' || outcome === 'unknown') return none;
  const ended = ending(h);
  const last = ended ?? h.syns[h.syns.length - 1]!;
  const waitNs = last.time - first.time;
  if (waitNs < 0 || (ended === null && h.syns.length < 2)) return none;
  return { ...none, waitNs, atLeast: ended === null };
}

/** What ended the wait of a client that never connected. */
function ending({ serverReset, icmp, clientReset, syn }: Handshake): PacketSeen | null {
  const ends = [serverReset, icmp, clientReset].filter(
    (p): p is PacketSeen => p !== null && syn !== null && p.time >= syn.time,
  );
  return ends.length === 0 ? null : ends.reduce((a, b) => (a.time <= b.time ? a : b));
}

/** The packet that told the client, and whether it came later than that. */
function arrival(h: Handshake, point: CapturePoint | null): { end: PacketSeen | null; atMost: boolean } {
  if (h.serverSyn !== null) return { end: h.serverAck ?? h.synAck ?? h.finalAck, atMost: true };
  if (h.synAck === null) return { end: h.impliedAck ?? h.clientSynAck, atMost: h.clientSynAck === null };
  if (h.finalAck === null) return { end: h.synAck, atMost: true };
  const reached = acknowledgedCopy(h, h.finalAck) ?? h.synAck;
  if (isAtClient(point, reached.time - (h.answeredSyn ?? h.syn!).time, h.finalAck.time - reached.time))
    return { end: reached, atMost: false };
  return { end: h.finalAck, atMost: true };
}

/** Whether the SYN+ACK in the capture has as good as reached the client. */
export const isAtClient = (point: CapturePoint | null, serverNs: number, clientNs: number): boolean =>
  point === 'client' || (point === 'same-host-or-link' && clientNs <= serverNs);

/** The coarsest unit of which all times are multiples. */
function clockOf(packets: readonly PacketSeen[]): number {
  for (const unit of [1e9, 1e8, 1e7, 1e6, 1e5, 1e4, 1e3])
    if (packets.length > 1 && packets.every((p) => p.time % unit === 0)) return unit;
  return packets.length > 1 ? 1 : 1000;
}

/** Why it took long. */
export type Delay =
  /** The first SYN (or several) got no answer in this capture. */
  | { readonly kind: 'syn-unanswered'; readonly copies: number }
  /** The server's answers did not reach the client, which asked again. */
  | { readonly kind: 'answer-lost'; readonly copies: number }
  /** The answer itself took so long. */
  | { readonly kind: 'late-answer' }
  | null;

/** Whether the wait is worth a word, and what the packets say of its reason. */
export function delay(h: Handshake, c: Connecting): Delay {
  if (c.ns === null || h.syn === null || h.synAck === null || h.serverSyn !== null) return null;
  const repeated = h.syns.length > 1 || h.synAcks.length > 1;
  if (c.ns < (repeated ? SLOW_NS / 5 : SLOW_NS)) return null;
  const { finalAck } = h;
  const reached = finalAck === null ? h.synAck : (acknowledgedCopy(h, finalAck) ?? h.synAck);
  const asked = h.syns.filter((p) => p.time < reached.time);
  const answers = h.synAcks.filter((p) => p.time < reached.time);
  if (answers.length > 0) return { kind: 'answer-lost', copies: answers.length };
  const answered = h.answeredSyn ?? h.syn;
  const before = asked.filter((p) => p.time < answered.time);
  return before.length > 0 ? { kind: 'syn-unanswered', copies: before.length } : { kind: 'late-answer' };
}

/** Whether it is one of the slow ones that a summary should begin with. */
export const isSlow = (c: Connecting, h: Handshake): boolean => delay(h, c) !== null;

/** Whether the first ACK in the capture is not the one that confirmed the server's SYN: then what is told by it is a bound. */
export function firstAckMissing(e: Evidence, h: Handshake): boolean {
  const { finalAck } = h;
  if (finalAck === null || h.synAck === null || e.state & R.DATA_ON_SYN) return false;
  return (
    ((finalAck.seq - e.clientIsn - 1) | 0) !== 0 || !h.synAcks.some((p) => finalAck.ack === ((p.seq + 1) | 0))
  );
}
