/** Finds the parts of the handshake among an attempt's packets: by their numbers, not by their flags or order alone. */

import * as R from '../track/records.ts';
import type { Evidence, PacketSeen } from './evidence.ts';

const { SYN_SEEN, SERVER_SYN, SERVER_DATA, ICMP_SEEN } = R;

const FIN = 1;
const SYN = 2;
const RST = 4;
const ACK = 16;

/** The packets of a handshake. Null: not in the capture. */
export interface Handshake {
  /** Whether it is three packets, each once and in order, and nothing else. */
  readonly clean: boolean;
  /** Copies of the client's SYN, without copies of the same transmission, in the order of time. */
  readonly syns: readonly PacketSeen[];
  readonly syn: PacketSeen | null;
  /** The copy that the SYN+ACK answers, as far as can be told. */
  readonly answeredSyn: PacketSeen | null;
  /** Whether the SYN+ACK's echoed time stamp says which copy it answers. */
  readonly answeredByEcho: boolean;
  /** Whether several copies might have been the answered one. */
  readonly ambiguous: boolean;
  readonly synAcks: readonly PacketSeen[];
  readonly synAck: PacketSeen | null;
  /** The client's first acknowledgment of the server's SYN. */
  readonly finalAck: PacketSeen | null;
  /** A SYN without ACK from the server, and the client's SYN+ACK. */
  readonly serverSyn: PacketSeen | null;
  readonly clientSynAck: PacketSeen | null;
  /** An ACK of the client's SYN without a SYN: the server's first of a split handshake. */
  readonly earlyAck: PacketSeen | null;
  /** The server's ACK of the client's SYN after both sent SYNs. */
  readonly serverAck: PacketSeen | null;
  /** A SYN with Fast Open's option or data. */
  readonly tfoSyn: PacketSeen | null;
  readonly serverData: boolean;
  readonly clientReset: PacketSeen | null;
  readonly serverReset: PacketSeen | null;
  /** An ICMP error that rejects the SYN. */
  readonly icmp: PacketSeen | null;
  /** A server's ACK that acknowledges something other than the SYN. */
  readonly challenge: PacketSeen | null;
  /** The client's first ACK after its SYN if the server's packets acknowledge it too, but its SYN+ACK is not in the capture. */
  readonly impliedAck: PacketSeen | null;
  /** Whether all packets come from one side although the other must have sent some. */
  readonly oneSided: boolean;
  /** Whether the capture ends so soon that the answer may just not be in it. */
  readonly cutShort: boolean;
}

/** An answer later than this after the last SYN is not to be expected. */
const ANSWER_NS = 1e9;

/** Sorts out an attempt's packets. */
export function handshakeOf(e: Evidence): Handshake {
  return e.clean ? cleanHandshake(e) : anyHandshake(e);
}

/** The quick way for what nearly all attempts are. */
function cleanHandshake(e: Evidence): Handshake {
  const [syn, synAck, ack] = e.packets as [PacketSeen, PacketSeen, PacketSeen];
  return {
    clean: true,
    syns: [syn],
    syn,
    answeredSyn: syn,
    answeredByEcho: false,
    ambiguous: false,
    synAcks: [synAck],
    synAck,
    finalAck: ack,
    serverSyn: null,
    clientSynAck: null,
    earlyAck: null,
    serverAck: null,
    tfoSyn: null,
    serverData: (e.state & SERVER_DATA) !== 0,
    clientReset: null,
    serverReset: null,
    icmp: null,
    challenge: null,
    impliedAck: null,
    oneSided: false,
    cutShort: false,
  };
}

function anyHandshake(e: Evidence): Handshake {
  const own = e.packets.filter((p) => p.icmp === null && !p.stray);
  const fresh = own.filter((p) => !p.duplicate);
  const syns = byTime(fresh.filter((p) => p.fromClient && (p.flags & (SYN | ACK | RST)) === SYN));
  const synAcks = byTime(fresh.filter((p) => !p.fromClient && (p.flags & (SYN | ACK | RST)) === (SYN | ACK)));
  const serverSyn = first(fresh, (p) => !p.fromClient && (p.flags & (SYN | ACK | RST)) === SYN);
  const clientSynAck = first(fresh, (p) => p.fromClient && (p.flags & (SYN | ACK | RST)) === (SYN | ACK));
  const syn = syns[0] ?? null;
  const synAck = synAcks[0] ?? null;
  const clientReset = first(fresh, (p) => p.fromClient && (p.flags & RST) !== 0);
  const serverReset = first(fresh, (p) => !p.fromClient && (p.flags & RST) !== 0);
  const answer = answeredCopy(syns, synAck, serverReset);
  const serverBegan = synAck !== null || serverSyn !== null || (e.state & SERVER_SYN) !== 0;
  const finalAck = serverBegan ? confirmation(e, fresh, syn, synAcks, clientReset) : null;
  const implied = synAck === null && serverSyn === null ? impliedAck(e, fresh) : null;
  const plainAck = (p: PacketSeen): boolean => !p.fromClient && (p.flags & (SYN | RST | FIN | ACK)) === ACK;
  const acksSyn = (p: PacketSeen): boolean => plainAck(p) && p.ack === ((e.clientIsn + 1) | 0);
  return {
    clean: false,
    syns,
    syn,
    answeredSyn: answer.answeredSyn,
    answeredByEcho: answer.answeredByEcho,
    ambiguous: answer.ambiguous,
    synAcks,
    synAck,
    finalAck,
    serverSyn,
    clientSynAck,
    earlyAck:
      synAck === null
        ? first(fresh, (p) => acksSyn(p) && (serverSyn === null || p.time < serverSyn.time))
        : null,
    serverAck: serverSyn === null ? null : first(fresh, (p) => acksSyn(p) && p.time > serverSyn.time),
    tfoSyn: syns.find((p) => p.options.fastOpen !== null || p.length > 0) ?? null,
    serverData: (e.state & SERVER_DATA) !== 0,
    clientReset: clientReset ?? strayReset(e, true),
    serverReset,
    icmp:
      e.state & ICMP_SEEN
        ? first(e.packets, (p) => p.icmp !== null && p.seq === e.clientIsn && rejects(p, e.ipv6))
        : null,
    challenge: implied === null ? challengeAck(e, synAck) : null,
    impliedAck: implied,
    oneSided: isOneSided(e, syn, synAck),
    cutShort: isCutShort(e, syns),
  };
}

/** Whether all that is there of an attempt is an RST that refuses a SYN (RFC 9293 section 3.10.7.1). */
export function refusesUnseen(e: Evidence): boolean {
  const [only] = e.packets;
  if (only === undefined || e.clientPackets > 0) return false;
  return (only.flags & (SYN | RST | ACK)) === (RST | ACK) && only.seq === 0;
}

/**
 * Whether the SYN came again after it had been answered and that confirmed, which no client does, and was answered with another
 * number: a SYN proxy answers for the server (with a cookie), and opens the connection to it when it knows that the client is there.
 */
export function isProxied({ syns, synAcks, synAck, finalAck }: Handshake): boolean {
  if (finalAck === null || synAck === null) return false;
  const again = syns.find((p) => p.time > finalAck.time);
  return again !== undefined && synAcks.some((p) => p.time > again.time && p.seq !== synAck.seq);
}

/**
 * The RST of a side that knows of no connection, if it answers the first packet there is of an attempt: it has the number that the
 * packet acknowledges, or, if it acknowledges none, 0 (RFC 9293 section 3.10.7.1).
 */
export function disowned(e: Evidence): PacketSeen | null {
  const [first, second] = e.packets;
  if (first === undefined || second === undefined || second.icmp !== null) return null;
  if (first.flags & (SYN | RST) || second.fromClient === first.fromClient || !(second.flags & RST))
    return null;
  const acknowledges = (first.flags & ACK) !== 0;
  return second.seq === (acknowledges ? first.ack : 0) && !(second.flags & ACK) === acknowledges
    ? second
    : null;
}

/** The client's RST that answers a challenge ACK carries the old connection's number. */
function strayReset(e: Evidence, fromClient: boolean): PacketSeen | null {
  return first(
    e.packets,
    (p) => p.stray && p.fromClient === fromClient && (p.flags & RST) !== 0 && (p.flags & ACK) === 0,
  );
}

function first(list: readonly PacketSeen[], test: (p: PacketSeen) => boolean): PacketSeen | null {
  return list.find(test) ?? null;
}

const byTime = (list: PacketSeen[]): PacketSeen[] =>
  list.length < 2 ? list : list.sort((a, b) => a.time - b.time || a.frame - b.frame);

/**
 * Which copy of the SYN a SYN+ACK answers: TSecr names it (RFC 7323 section 3.2); otherwise the last one before it. What was
 * sent before an RST was answered by that.
 */
function answeredCopy(
  syns: readonly PacketSeen[],
  synAck: PacketSeen | null,
  serverReset: PacketSeen | null,
): Pick<Handshake, 'answeredSyn' | 'answeredByEcho' | 'ambiguous'> {
  const only = syns[0] ?? null;
  if (synAck === null || syns.length < 2)
    return { answeredSyn: only, answeredByEcho: false, ambiguous: false };
  const named = synAck.options.timestamps
    ? syns.filter((p) => p.options.timestamps && p.timestamp === synAck.echo)
    : [];
  if (named.length === 1) return { answeredSyn: named[0]!, answeredByEcho: true, ambiguous: false };
  const sent = syns.filter((p) => p.time <= synAck.time);
  const again = serverReset === null ? [] : sent.filter((p) => p.time > serverReset.time);
  const before = again.length > 0 ? again : sent;
  const answeredSyn = before[before.length - 1] ?? only;
  return { answeredSyn, answeredByEcho: false, ambiguous: before.length > 1 };
}

/** Before it is confirmed, a server may send what the window of the SYN allows, which is never scaled (RFC 7323 section 2.2). */
const MOST_UNCONFIRMED = 65_535;

/** The client's first packet that acknowledges the server's SYN, and no more than the server can have sent. */
function confirmation(
  e: Evidence,
  list: readonly PacketSeen[],
  syn: PacketSeen | null,
  synAcks: readonly PacketSeen[],
  reset: PacketSeen | null,
): PacketSeen | null {
  const synAck = synAcks[0] ?? null;
  // A capture with only some of a connection's packets, such as those with SYN or FIN, says nothing of what the server has sent.
  const wentOn = list.some((p) => !p.fromClient && (p.flags & (SYN | RST)) === 0);
  let best: PacketSeen | null = null;
  for (const p of list) {
    if (!p.fromClient || (p.flags & (SYN | RST)) !== 0 || (p.flags & ACK) === 0) continue;
    // A server that was asked twice may have answered with two numbers.
    const named = synAcks.some((q) => p.ack === ((q.seq + 1) | 0));
    const beyond = named ? 0 : ((p.ack - e.serverIsn) | 0) - 1;
    if (beyond < 0 || (beyond > MOST_UNCONFIRMED && !wentOn && (p.flags & FIN) === 0)) continue;
    // A clock may be set back in between. Whatever the order of the capture, a packet with both numbers belongs to this SYN.
    const exact = named && ((p.seq - e.clientIsn) | 0) === 1;
    if (syn !== null && p.time < syn.time && p.frame < syn.frame && !exact) continue;
    if (best === null || p.time < best.time) best = p;
  }
  if (best === null || reset === null || reset.time > best.time) return best;
  // What a client sends after its RST confirms nothing, unless the RST was for something that came before the SYN+ACK.
  return synAck !== null && reset.time < synAck.time ? best : null;
}

/** Types that end an attempt: not "fragmentation needed", redirects or source quench (RFC 1122 section 4.2.3.9). */
function rejects(p: PacketSeen, ipv6: boolean): boolean {
  if (p.icmp === null) return false;
  const { type, code } = p.icmp;
  if (ipv6) return type === 1 || type === 3 || type === 4;
  return (type === 3 && code !== 4) || type === 11 || type === 12;
}

/** RFC 5961 section 4.2: a SYN on a connection that lives is answered with an ACK of that connection. */
function challengeAck(e: Evidence, synAck: PacketSeen | null): PacketSeen | null {
  if ((e.state & SYN_SEEN) === 0) return null;
  const one = e.packets.find(
    (p) =>
      p.icmp === null &&
      !p.fromClient &&
      (p.flags & (SYN | RST | FIN | ACK)) === ACK &&
      p.length === 0 &&
      p.ack !== ((e.clientIsn + 1) | 0) &&
      (synAck === null || p.time < synAck.time),
  );
  return one ?? null;
}

function isOneSided(e: Evidence, syn: PacketSeen | null, synAck: PacketSeen | null): boolean {
  if (syn !== null && e.serverPackets === 0) {
    // The client's acknowledgments prove that it got something.
    return e.packets.some(
      (p) => p.fromClient && !p.stray && (p.flags & (SYN | RST | ACK)) === ACK && p.ack !== 0,
    );
  }
  return syn === null && synAck !== null && e.clientPackets === 0;
}

/** Both sides acknowledge each other: there was a SYN+ACK. */
function impliedAck(e: Evidence, fresh: readonly PacketSeen[]): PacketSeen | null {
  const plain = (p: PacketSeen): boolean => (p.flags & (SYN | RST | ACK)) === ACK;
  const serverAcks = fresh.some(
    (p) => !p.fromClient && plain(p) && ((p.ack - e.clientIsn) | 0) >= 1 && p.ack !== 0,
  );
  if (!serverAcks || (e.state & SYN_SEEN) === 0) return null;
  return first(fresh, (p) => p.fromClient && plain(p) && p.ack !== 0 && ((p.seq - e.clientIsn) | 0) >= 1);
}

function isCutShort(e: Evidence, syns: readonly PacketSeen[]): boolean {
  const last = syns[syns.length - 1];
  if (last === undefined) return false;
  return Math.abs(e.now - last.time) < ANSWER_NS;
}
