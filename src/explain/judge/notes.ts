/** What else is worth knowing of an attempt: each rule looks for one thing. */

import type { OptionSet } from '../decode/options.ts';
import * as R from '../track/records.ts';
import { troubleOf } from './aftermath.ts';
import { connecting, firstAckMissing, isSlow } from './connecting.ts';
import { capturePoint } from './details.ts';
import type { Evidence, PacketSeen } from './evidence.ts';
import { type Handshake, isProxied } from './handshake.ts';
import type { Note, Verdict } from './verdicts.ts';

const { SYN_SEEN, CONFIRMED, CLIENT_RST, SERVER_RST, TWO_ENCAPSULATIONS, PREDICTABLE, EVENTS_LEFT_OUT } = R;
const { ISN_REWRITTEN, REORDERED, REWRAPPED, LEFT_OUT } = R;

const FIN = 1;
const SYN = 2;
const RST = 4;
const ACK = 16;
const ECN = 0xc0;

/** An option that a SYN may not carry: blocks are sent once established only (RFC 2018 section 3). */
const SACK_BLOCKS = 5;

/** Another incarnation's last packet this recently makes the tuple shared. */
const SHARED_MS = 30_000;
/** An RST this soon after the handshake was no use of the connection. */
const SOON_NS = 1e9;

/** The notes that apply, in a fixed order. */
export function noteworthy(e: Evidence, h: Handshake, verdict: Verdict): Note[] {
  const list: Note[] = [];
  const { syn, synAck } = h;
  const add = (note: Note, applies: boolean): void => {
    if (applies) list.push(note);
  };
  add('syn-missing', syn === null && synAck !== null);
  add('synack-missing', h.impliedAck !== null);
  const proxied = isProxied(h);
  add('syn-proxy', proxied);
  add('syn-retransmitted', e.synCount > 1 && h.serverSyn === null && !proxied);
  add('synack-retransmitted', e.synAckCount > 1 && h.synAcks.length > 1 && !proxied);
  add(
    'captured-twice',
    e.packets.some((p) => p.duplicate),
  );
  add('rtt-ambiguous', h.ambiguous);
  if (h.syns.length > 1) {
    add(
      'options-dropped',
      h.syns.some((p) => dropped(syn!.options, p.options)),
    );
    add('ecn-fallback', (syn!.flags & ECN) === ECN && h.syns.some((p) => (p.flags & ECN) === 0));
    add('syn-unanswered-first', h.answeredByEcho && h.answeredSyn !== syn);
  }
  add(
    'options-changed',
    e.packets.some((p) => p.duplicate && rewritten(e.packets, p)),
  );
  if (syn !== null && synAck !== null) add('options-unasked', unasked(syn.options, synAck.options));
  add('options-malformed', h.syns.some(malformed) || h.synAcks.some(malformed));
  add('data-on-syn', h.syns.some((p) => p.length > 0) && !verdict.startsWith('fast-open'));
  if (!verdict.startsWith('fast-open'))
    add(
      'fast-open-requested',
      h.syns.some((p) => p.options.fastOpen === ''),
    );
  add('fast-open-granted', (synAck?.options.fastOpen ?? '') !== '');
  add('isn-predictable', e.isnStep !== null && (e.state & PREDICTABLE) !== 0);
  const rewrittenIsn = (e.state & ISN_REWRITTEN) !== 0;
  add('isn-rewritten', rewrittenIsn);
  add('isn-conflict', !proxied && h.synAcks.some((p) => p.seq !== h.synAcks[0]!.seq));
  add(
    'wrong-ack',
    e.packets.some((p) => p.stray && (p.flags & (SYN | ACK | RST)) === (SYN | ACK)),
  );
  add(
    'stray-reset',
    e.packets.some((p) => p.stray && (p.flags & RST) !== 0 && !p.fromClient),
  );
  add('odd-flags', e.packets.some(oddFlags));
  add('icmp-error', verdict !== 'rejected-by-icmp' && e.packets.some((p) => p.icmp !== null));
  add('others-served', verdict === 'unanswered' && e.othersServed);
  add('reset-at-once', e.clientBytes === 0 && e.serverBytes === 0 && resetAtOnce(h));
  const shared = e.previous !== null && e.previous.ageMs >= 0 && e.previous.ageMs < SHARED_MS;
  add(
    'tuple-shared',
    shared &&
      !rewrittenIsn &&
      (e.previous!.state & SYN_SEEN) !== 0 &&
      (e.previous!.state & (CONFIRMED | CLIENT_RST | SERVER_RST)) === 0,
  );
  add('two-encapsulations', (e.state & TWO_ENCAPSULATIONS) !== 0);
  add('another-encapsulation', (e.state & REWRAPPED) !== 0);
  add(
    'reordered',
    (e.state & REORDERED) !== 0 || (syn !== null && synAck !== null && synAck.frame < syn.frame),
  );
  add('capture-ends', h.cutShort && (verdict === 'unanswered' || verdict === 'unconfirmed'));
  add('packets-left-out', (e.state & EVENTS_LEFT_OUT) !== 0);
  list.push(...laterNotes(e, h, verdict));
  return list;
}

/** SYN together with FIN or RST; or none of SYN, RST and ACK, of which every segment has one (RFC 9293 section 3.10.7.4). */
function oddFlags(p: PacketSeen): boolean {
  if (p.icmp !== null) return false;
  if (p.flags & SYN) return (p.flags & (FIN | RST)) !== 0;
  return (p.flags & (RST | ACK)) === 0;
}

/** Whether an RST followed the handshake soon. */
function resetAtOnce({ finalAck, clientReset, serverReset }: Handshake): boolean {
  return [clientReset, serverReset].some(
    (p) => finalAck !== null && p !== null && p.time >= finalAck.time && p.time - finalAck.time < SOON_NS,
  );
}

/** How long it took, the other legs, and what came after the handshake. */
function laterNotes(e: Evidence, h: Handshake, verdict: Verdict): Note[] {
  const list: Note[] = [];
  const point = capturePoint(h);
  if (isSlow(connecting(e, h, point, h.finalAck === null ? 'unknown' : 'completed'), h))
    list.push('slow-connect');
  if (firstAckMissing(e, h)) list.push('ack-missing');
  if (e.leg !== 0 && verdict !== 'answered-elsewhere') list.push('other-leg');
  const trouble = troubleOf(e, h);
  if (trouble !== null) list.push(trouble.note);
  if (e.state & LEFT_OUT) list.push('not-all-readable');
  return list;
}

/** The notes that a clean handshake can have, all about options and numbers, and about what came of it. */
export function optionNotes(e: Evidence, h: Handshake): Note[] {
  const offer = h.syn!.options;
  const answer = h.synAck!.options;
  const list: Note[] = [];
  if (offer !== answer && unasked(offer, answer)) list.push('options-unasked');
  if (malformed(h.syn!) || malformed(h.synAck!)) list.push('options-malformed');
  if (answer.fastOpen !== null && answer.fastOpen !== '') list.push('fast-open-granted');
  if (e.isnStep !== null) list.push('isn-predictable');
  list.push(...laterNotes(e, h, 'completed'));
  return list;
}

/** Whether a later SYN offers less than the first. */
function dropped(before: OptionSet, after: OptionSet): boolean {
  if (after.cut) return false;
  return (
    (before.windowScale !== null && after.windowScale === null) ||
    (before.sack && !after.sack) ||
    (before.timestamps && !after.timestamps) ||
    (before.mss !== null && after.mss === null) ||
    (before.fastOpen !== null && after.fastOpen === null) ||
    (before.mptcp && !after.mptcp)
  );
}

/** Whether a copy of a packet differs from the packet in MSS, window scale or SACK. */
function rewritten(packets: readonly PacketSeen[], copy: PacketSeen): boolean {
  const original = packets.find(
    (p) =>
      !p.duplicate &&
      p.flags === copy.flags &&
      p.seq === copy.seq &&
      p.fromClient === copy.fromClient &&
      p.ipId === copy.ipId,
  );
  if (original === undefined || (copy.flags & SYN) === 0) return false;
  const a = original.options;
  const b = copy.options;
  return (
    a.mss !== b.mss || a.windowScale !== b.windowScale || a.sack !== b.sack || a.timestamps !== b.timestamps
  );
}

/** Window scale, time stamps and SACK may only be answered if they were offered (RFC 7323, RFC 2018). */
function unasked(offer: OptionSet, answer: OptionSet): boolean {
  if (offer.cut) return false;
  return (
    (answer.windowScale !== null && offer.windowScale === null) ||
    (answer.timestamps && !offer.timestamps) ||
    (answer.sack && !offer.sack)
  );
}

function malformed(p: PacketSeen): boolean {
  return p.options.malformed || p.options.kinds.includes(SACK_BLOCKS);
}
