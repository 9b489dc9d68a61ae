/** The figures of a handshake: round-trip time, where the capture was taken, options in force, who the client may be. */

import type { OptionSet } from '../decode/options.ts';
import * as R from '../track/records.ts';
import type { Evidence, PacketSeen } from './evidence.ts';
import type { Handshake } from './handshake.ts';

const { CLIENT_FIN, SERVER_FIN, CLIENT_RST, SERVER_RST, CLIENT_DATA } = R;

/** Round-trip time in two halves, in ns; they meet at the capture point. Null: not to be had from this capture. */
export interface RoundTrip {
  /** From the answered SYN to the SYN+ACK: between the capture point and the server. */
  readonly serverNs: number | null;
  /** From the SYN+ACK to the client's ACK: between the capture point and the client. */
  readonly clientNs: number | null;
  /** Whether several copies of the SYN might have been the answered one. */
  readonly ambiguous: boolean;
}

export function roundTrip(h: Handshake): RoundTrip {
  if (h.serverSyn !== null) return crossedRoundTrip(h, h.serverSyn);
  const { answeredSyn, synAck, finalAck, ambiguous } = h;
  const acknowledged = finalAck === null ? null : acknowledgedCopy(h, finalAck);
  const serverNs = answeredSyn === null || synAck === null ? null : synAck.time - answeredSyn.time;
  const clientNs = finalAck === null || acknowledged === null ? null : finalAck.time - acknowledged.time;
  return { serverNs, clientNs, ambiguous };
}

/**
 * SYNs from both sides: neither answers the other, but each is answered. The client's SYN by the server's SYN+ACK, or by its ACK
 * in a split handshake; the client's SYN+ACK by the server's ACK; the server's SYN by the client's SYN+ACK or ACK.
 */
function crossedRoundTrip(h: Handshake, serverSyn: PacketSeen): RoundTrip {
  const between = (from: PacketSeen | null, to: PacketSeen | null): number | null =>
    from === null || to === null || to.time < from.time ? null : to.time - from.time;
  return {
    serverNs: between(h.answeredSyn, h.synAck ?? h.earlyAck) ?? between(h.clientSynAck, h.serverAck),
    clientNs: between(serverSyn, h.clientSynAck ?? h.finalAck),
    ambiguous: h.ambiguous,
  };
}

/** Which copy of the SYN+ACK the client's ACK answers: by its echo, otherwise the last before it. */
export function acknowledgedCopy(h: Handshake, finalAck: PacketSeen): PacketSeen | null {
  const only = h.synAcks.length === 1 ? h.synAcks[0]! : null;
  // The only one, in front of the ACK in the capture, is what it answers, whatever the clock says.
  if (only !== null && only.frame < finalAck.frame) return only;
  let last: PacketSeen | null = null;
  for (const p of h.synAcks) {
    if (p.time > finalAck.time) break;
    if (finalAck.options.timestamps && p.options.timestamps && p.timestamp === finalAck.echo) return p;
    last = p;
  }
  return last;
}

/** The TTL a packet was sent with: the next of the values in use. */
function initialTtl(ttl: number): number {
  if (ttl <= 32) return 32;
  if (ttl <= 64) return 64;
  return ttl <= 128 ? 128 : 255;
}

/** Where the capture was taken, from how many routers each side's packets have passed. */
export type CapturePoint = 'client' | 'server' | 'between' | 'same-host-or-link';

export function capturePoint(h: Handshake): CapturePoint | null {
  // A capture made of text need not tell how far its packets have come.
  if (h.syn === null || h.synAck === null || h.syn.ttl === 0 || h.synAck.ttl === 0) return null;
  const { serverNs, clientNs } = roundTrip(h);
  return pointOf(h.syn.ttl, h.synAck.ttl, serverNs, clientNs);
}

/** Where a handshake was captured, by the TTL of its SYN and SYN+ACK and the halves of its round trip. */
export function pointOf(
  synTtl: number,
  synAckTtl: number,
  serverNs: number | null,
  clientNs: number | null,
): CapturePoint {
  const client = initialTtl(synTtl) - synTtl;
  const server = initialTtl(synAckTtl) - synAckTtl;
  if (client === 0 && server === 0) return byHalves(serverNs, clientNs);
  if (client === 0) return 'client';
  return server === 0 ? 'server' : 'between';
}

/** A NAT or proxy sends with a TTL of its own: then the halves of the round trip tell. */
function byHalves(serverNs: number | null, clientNs: number | null): CapturePoint {
  if (serverNs === null || clientNs === null || serverNs < 0 || clientNs < 0) return 'same-host-or-link';
  if (serverNs > 1e6 && serverNs > 10 * clientNs) return 'client';
  return clientNs > 1e6 && clientNs > 10 * serverNs ? 'server' : 'same-host-or-link';
}

/** What both sides agreed on. */
export interface InForce {
  /** What each side may send in one segment: what the other announced, 536 (IPv6: 1220) if it said nothing (RFC 9293 3.7.1). */
  readonly clientMss: number;
  readonly serverMss: number;
  /** Shifts by which each side's window counts; 0 without window scaling. */
  readonly clientScale: number;
  readonly serverScale: number;
  readonly sack: boolean;
  readonly timestamps: boolean;
  readonly ecn: boolean;
}

/** RFC 7323 section 2.3: a shift of more than 14 counts as 14. */
const MAX_SCALE = 14;

/** Shared by all attempts whose options are the same. */
const agreements = new Map<
  number,
  { readonly offer: OptionSet; readonly answer: OptionSet; readonly force: InForce }
>();

export function inForce(e: Evidence, h: Handshake): InForce | null {
  const { answeredSyn, synAck } = h;
  if (answeredSyn === null || synAck === null) return null;
  const offer = answeredSyn.options;
  const answer = synAck.options;
  if (offer.cut || answer.cut) return null;
  const ecn = hasEcn(answeredSyn.flags, synAck.flags);
  // Ids are below 4,096.
  const key = (offer.id << 14) | (answer.id << 2) | (ecn ? 2 : 0) | (e.ipv6 ? 1 : 0);
  const known = agreements.get(key);
  if (known !== undefined && known.offer === offer && known.answer === answer) return known.force;
  const force = agreement(offer, answer, e.ipv6 ? 1220 : 536, ecn);
  if (agreements.size > 16_384) agreements.clear();
  agreements.set(key, { offer, answer, force });
  return force;
}

const AE = 0x100;
const CWR = 0x80;
const ECE = 0x40;

/**
 * Whether both sides agreed on ECN: the SYN asks with ECE and CWR, the SYN+ACK answers with ECE (RFC 3168 section 6.1.1); if the SYN asks
 * for accurate ECN too (AE), also with AE or CWR alone or CWR and one of the others (RFC 9768 section 3.1).
 */
function hasEcn(syn: number, synAck: number): boolean {
  if ((syn & (CWR | ECE)) !== (CWR | ECE)) return false;
  const answer = synAck & (AE | CWR | ECE);
  if (answer === ECE) return true;
  return (syn & AE) !== 0 && answer !== 0 && (answer & (AE | ECE)) !== (AE | ECE);
}

function agreement(offer: OptionSet, answer: OptionSet, fallback: number, ecn: boolean): InForce {
  const scaled = offer.windowScale !== null && answer.windowScale !== null;
  return {
    clientMss: answer.mss ?? fallback,
    serverMss: offer.mss ?? fallback,
    clientScale: scaled ? Math.min(MAX_SCALE, offer.windowScale!) : 0,
    serverScale: scaled ? Math.min(MAX_SCALE, answer.windowScale!) : 0,
    sack: offer.sack && answer.sack,
    timestamps: offer.timestamps && answer.timestamps,
    ecn,
  };
}

/** The client's system, told by its SYN; only what option order, TTL and window together leave no doubt about. */
export type System = 'Linux' | 'Windows' | 'macOS or iOS' | 'FreeBSD';

export function clientSystem(syn: PacketSeen | null): System | null {
  if (syn === null || syn.options.malformed || syn.options.cut || syn.length > 0) return null;
  const { mss } = syn.options;
  const ttl = initialTtl(syn.ttl);
  // A path of more than 30 routers is unlikely: the guess of the initial TTL would be wrong.
  if (mss === null || ttl - syn.ttl > 30) return null;
  const order = orderText(syn.options);
  if (ttl === 64 && LINUX.test(order))
    return syn.window % mss === 0 || [64240, 65535, 65495].includes(syn.window) ? 'Linux' : null;
  if (ttl === 128 && (order === '2,1,3,1,1,4' || order === '2,1,1,4'))
    return [8192, 64240, 65535].includes(syn.window) ? 'Windows' : null;
  if (ttl === 64 && order.startsWith('2,1,3,1,1,8,4,0') && syn.window === 65535) return 'macOS or iOS';
  if (ttl === 64 && order === '2,1,3,4,8' && syn.window === 65535) return 'FreeBSD';
  return null;
}

/** MPTCP and Fast Open come last. */
const LINUX = /^2,4,8,1,3(,30|,34|,254|,1)*$/;

const orders = new WeakMap<OptionSet, string>();

/** The kinds as text; sets of options are shared, so this is done once for each. */
function orderText(options: OptionSet): string {
  let order = orders.get(options);
  if (order === undefined) {
    order = options.kinds.join();
    orders.set(options, order);
  }
  return order;
}

/** Seconds between the copies of a SYN. */
export function synGaps(syns: readonly PacketSeen[]): number[] {
  const gaps: number[] = [];
  for (let n = 1; n < syns.length; n++) gaps.push((syns[n]!.time - syns[n - 1]!.time) / 1e9);
  return gaps;
}

/** How a client repeats its SYN, and when it gives up. */
export interface BackOff {
  readonly pattern: 'doubling' | 'linear, then doubling' | 'constant' | 'other';
  /** Seconds from the first SYN until connect() fails, if the client's system implies it. */
  readonly timeout: number | null;
}

/**
 * Seconds until connect() fails with the default settings, and how many SYNs are sent until then; more SYNs mean other
 * settings. Linux: 6 retries, since 6.5 four more a second apart first (net/ipv4/tcp_timer.c, 6.18; a test compares
 * this table with the stack's own timers). Windows: 3 s and 6 s, or from Windows 8 on 1, 2, 4 and 8 s; 21 s either way.
 */
export const connectTimeouts: Readonly<
  Record<
    string,
    Readonly<Partial<Record<BackOff['pattern'], { readonly seconds: number; readonly syns: number }>>>
  >
> = {
  Linux: {
    doubling: { seconds: 127, syns: 7 },
    constant: { seconds: 131, syns: 6 },
    'linear, then doubling': { seconds: 131, syns: 11 },
  },
  Windows: { doubling: { seconds: 21, syns: 5 } },
};

/** Reads the gaps between SYNs. */
export function backOff(syns: readonly PacketSeen[], system: System | null): BackOff | null {
  const gaps = synGaps(syns);
  if (gaps.length === 0) return null;
  const pattern = patternOf(gaps);
  const known = system === null ? undefined : connectTimeouts[system]?.[pattern];
  // Linux's two ways differ from the third SYN on, and both begin with a second.
  const fits = system !== 'Linux' || (gaps.length > 1 && near(gaps[0]!, 1));
  return {
    pattern,
    timeout: known !== undefined && fits && syns.length <= known.syns ? known.seconds : null,
  };
}

const near = (gap: number, wanted: number): boolean => Math.abs(gap - wanted) < Math.max(0.15, wanted * 0.15);

function patternOf(gaps: readonly number[]): BackOff['pattern'] {
  const doubling = (list: readonly number[]): boolean =>
    list.every((gap, n) => n === 0 || near(gap, 2 * list[n - 1]!));
  if (doubling(gaps)) return 'doubling';
  const other = gaps.findIndex((gap) => !near(gap, gaps[0]!));
  if (other < 0) return 'constant';
  const linear = other >= 2 && near(gaps[0]!, 1) && doubling(gaps.slice(other - 1));
  return linear ? 'linear, then doubling' : 'other';
}

/** Zeek's conn_state for the attempt (docs.zeek.org, base/protocols/conn/main.zeek). */
export function zeekState(e: Evidence, h: Handshake): string {
  const { state } = e;
  const established =
    h.finalAck !== null || h.clientSynAck !== null || (h.synAck !== null && (state & CLIENT_DATA) !== 0);
  if (h.syn === null) {
    if (h.synAck === null) return 'OTH';
    if (h.finalAck !== null) return 'OTH';
    if (state & SERVER_RST) return 'RSTRH';
    return state & SERVER_FIN ? 'SHR' : 'OTH';
  }
  if (h.synAck === null && h.clientSynAck === null) {
    if (state & SERVER_RST) return 'REJ';
    if (state & CLIENT_RST) return 'RSTOS0';
    return state & CLIENT_FIN ? 'SH' : 'S0';
  }
  if (state & CLIENT_RST) return 'RSTO';
  if (state & SERVER_RST) return 'RSTR';
  if (!established) return 'S1';
  const both = CLIENT_FIN | SERVER_FIN;
  if ((state & both) === both) return 'SF';
  if (state & CLIENT_FIN) return 'S2';
  return state & SERVER_FIN ? 'S3' : 'S1';
}

/** The options of a SYN as short text: `MSS 1460, WS 7, SACK, TS`. */
export function optionsText(o: OptionSet): string {
  const parts: string[] = [];
  if (o.mss !== null) parts.push(`MSS ${o.mss}`);
  if (o.windowScale !== null) parts.push(`WS ${o.windowScale}`);
  if (o.sack) parts.push('SACK');
  if (o.timestamps) parts.push('TS');
  if (o.fastOpen !== null) parts.push(o.fastOpen === '' ? 'TFO request' : 'TFO cookie');
  if (o.mptcp) parts.push('MPTCP');
  if (o.cut) parts.push('the rest not captured');
  return parts.length === 0 ? 'none' : parts.join(', ');
}
