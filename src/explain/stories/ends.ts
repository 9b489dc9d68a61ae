/**
 * The same attempt in captures of both ends: what was lost, delayed or rewritten between them. Attempts are one if the client's initial
 * sequence number is (and the server's, where both have it); the clocks are aligned by the handshake itself.
 */

import type { Attempt } from '../judge/attempt.ts';
import type { PacketSeen } from '../judge/evidence.ts';
import { durationText } from '../output/numbers.ts';
import { endpoint } from '../output/sentences.ts';

/** A capture that was read, by name. */
export interface End {
  readonly name: string;
  readonly attempts: readonly Attempt[];
}

/** One attempt at both ends. */
interface BothEnds {
  readonly client: { readonly name: string; readonly attempt: Attempt };
  readonly server: { readonly name: string; readonly attempt: Attempt };
  /** Packets of the handshake that one end has and the other lacks. */
  readonly synsLost: number;
  readonly synAcksLost: number;
  readonly ackLost: boolean;
  /** An RST that arrived at one end and that the other end never sent. */
  readonly foreignReset: 'client' | 'server' | null;
  /** By how much the server's clock is ahead of the client's, and how long a packet takes each way on average, ns; null if it cannot be told. */
  readonly clockNs: number | null;
  readonly wayNs: number | null;
  /** What was changed on the way. */
  readonly rewritten: readonly ('addresses' | 'mss' | 'options' | 'window')[];
}

/** Finds the attempts that are in two captures. */
export function bothEnds(one: End, other: End): BothEnds[] {
  const byIsn = new Map<number, Attempt[]>();
  for (const a of joined(other.attempts)) {
    if (a.handshake.syn === null && a.handshake.synAck === null) continue;
    const list = byIsn.get(a.evidence.clientIsn);
    if (list === undefined) byIsn.set(a.evidence.clientIsn, [a]);
    else list.push(a);
  }
  const found: BothEnds[] = [];
  const taken = new Set<Attempt>();
  for (const a of joined(one.attempts)) {
    if (a.handshake.syn === null && a.handshake.synAck === null) continue;
    const b = (byIsn.get(a.evidence.clientIsn) ?? []).find((it) => !taken.has(it) && isSame(a, it));
    if (b === undefined) continue;
    taken.add(b);
    const swap = isNearerClient(b, a);
    found.push(
      compare(
        swap ? { name: other.name, attempt: b } : { name: one.name, attempt: a },
        swap ? { name: one.name, attempt: a } : { name: other.name, attempt: b },
      ),
    );
  }
  return found;
}

/** Where the answer came from another address than was asked, both attempts of that capture are one here. */
function joined(attempts: readonly Attempt[]): Attempt[] {
  const byNumber = new Map(attempts.map((a) => [a.number, a]));
  const list: Attempt[] = [];
  for (const a of attempts) {
    const other = a.evidence.elsewhere === null ? undefined : byNumber.get(a.evidence.leg);
    if (other === undefined) list.push(a);
    else if (a.handshake.synAck === null) {
      const { synAcks, synAck, clientReset, finalAck } = other.handshake;
      list.push({ ...a, handshake: { ...a.handshake, synAcks, synAck, clientReset, finalAck } });
    } else if (other.handshake.synAck !== null) list.push(a);
  }
  return list;
}

function isSame(a: Attempt, b: Attempt): boolean {
  if (
    a.handshake.synAck !== null &&
    b.handshake.synAck !== null &&
    a.evidence.serverIsn !== b.evidence.serverIsn
  )
    return a.handshake.synAcks.some((p) => b.handshake.synAcks.some((q) => p.seq === q.seq));
  // Equal numbers of 32 bits and a port that is the same on one side at least: no chance.
  return a.clientPort === b.clientPort || a.serverPort === b.serverPort;
}

/** Whether `a` was captured nearer to the client than `b`. */
function isNearerClient(a: Attempt, b: Attempt): boolean {
  const [x, y] = [a.handshake.syn, b.handshake.syn];
  if (x !== null && y !== null && x.ttl !== y.ttl) return x.ttl > y.ttl;
  const [p, q] = [a.handshake.synAck, b.handshake.synAck];
  if (p !== null && q !== null && p.ttl !== q.ttl) return p.ttl < q.ttl;
  const [near, far] = [a.roundTrip.clientNs, b.roundTrip.clientNs];
  if (near !== null && far !== null) return near < far;
  // The end that sends a packet has it whether it arrives or not.
  return (
    a.handshake.syns.length > b.handshake.syns.length ||
    a.handshake.synAcks.length < b.handshake.synAcks.length
  );
}

/** Whether two packets are one transmission: by identification or time stamp, without them by order. */
function isCopy(p: PacketSeen, q: PacketSeen): boolean | null {
  if (p.seq !== q.seq) return false;
  if (p.options.timestamps && q.options.timestamps) return p.timestamp === q.timestamp;
  if (p.ipId !== 0 && q.ipId !== 0) return p.ipId === q.ipId;
  return null;
}

/** How many of the packets sent have no copy among those that arrived. */
function lost(sent: readonly PacketSeen[], arrived: readonly PacketSeen[]): number {
  let count = 0;
  let unknown = 0;
  for (const p of sent) {
    const verdicts = arrived.map((q) => isCopy(p, q));
    if (verdicts.includes(true)) continue;
    if (verdicts.includes(null)) unknown++;
    else count++;
  }
  return count + Math.max(0, unknown - Math.max(0, arrived.length - (sent.length - count - unknown)));
}

function compare(client: BothEnds['client'], server: BothEnds['server']): BothEnds {
  const a = client.attempt.handshake;
  const b = server.attempt.handshake;
  const ackLost = a.finalAck !== null && a.synAck !== null && b.finalAck === null;
  return {
    client,
    server,
    synsLost: lost(a.syns, b.syns),
    synAcksLost: lost(b.synAcks, a.synAcks),
    ackLost,
    foreignReset:
      a.serverReset !== null && b.serverReset === null
        ? 'client'
        : b.clientReset !== null && a.clientReset === null
          ? 'server'
          : null,
    ...clocks(client.attempt, server.attempt),
    rewritten: rewritten(client.attempt, server.attempt),
  };
}

/** Packets that both have, out and back: half the difference is the clock, half the sum the way. */
function clocks(a: Attempt, b: Attempt): { clockNs: number | null; wayNs: number | null } {
  const none = { clockNs: null, wayNs: null };
  const pair = (one: readonly PacketSeen[], two: readonly PacketSeen[]): [PacketSeen, PacketSeen] | null => {
    for (const p of one)
      for (const q of two) if (isCopy(p, q) === true || (one.length === 1 && two.length === 1)) return [p, q];
    return null;
  };
  const out = pair(a.handshake.syns, b.handshake.syns);
  const back = pair(a.handshake.synAcks, b.handshake.synAcks);
  if (out === null || back === null) return none;
  const base = (b.baseSeconds - a.baseSeconds) * 1e9;
  const there = out[1].time - out[0].time + base;
  const here = back[1].time - back[0].time + base;
  const wayNs = (there - here) / 2;
  return wayNs < 0 ? none : { clockNs: (there + here) / 2, wayNs };
}

function rewritten(a: Attempt, b: Attempt): BothEnds['rewritten'] {
  const list: BothEnds['rewritten'][number][] = [];
  if (
    a.client !== b.client ||
    a.server !== b.server ||
    a.clientPort !== b.clientPort ||
    a.serverPort !== b.serverPort
  )
    list.push('addresses');
  for (const [p, q] of [
    [a.handshake.syn, b.handshake.syn],
    [a.handshake.synAck, b.handshake.synAck],
  ] as const) {
    if (p === null || q === null || p.options.cut || q.options.cut) continue;
    if (p.options.mss !== q.options.mss && !list.includes('mss')) list.push('mss');
    if (p.options.kinds.join() !== q.options.kinds.join() && !list.includes('options')) list.push('options');
    if (p.window !== q.window && !list.includes('window')) list.push('window');
  }
  return list;
}

const times = (n: number, thing: string): string => (n === 1 ? `one ${thing}` : `${n} ${thing}s`);

/** What was seen at both ends, in a few sentences. */
export function endsText(s: BothEnds): string {
  const a = s.client.attempt;
  const b = s.server.attempt;
  const parts: string[] = [];
  if (s.synsLost > 0)
    parts.push(
      `${times(s.synsLost, 'SYN')} of ${a.handshake.syns.length} that left the client did not get to the server's end`,
    );
  if (s.synAcksLost > 0)
    parts.push(
      `${times(s.synAcksLost, 'SYN+ACK')} of ${b.handshake.synAcks.length} that the server sent did not get to the client's end`,
    );
  if (s.ackLost) parts.push("the client's ACK did not get to the server's end");
  if (s.foreignReset === 'client')
    parts.push(
      'the RST that the client got in the name of the server did not come from the server: somebody between them sent it',
    );
  if (s.foreignReset === 'server')
    parts.push(
      'the RST that the server got in the name of the client did not come from the client: somebody between them sent it',
    );
  for (const what of s.rewritten) parts.push(rewrittenText(what, a, b));
  if (parts.length === 0) parts.push('all packets of the handshake are at both ends, as they were sent');
  const clock =
    s.wayNs === null || s.clockNs === null
      ? ''
      : `; the way takes ${durationText(s.wayNs)} on average, and the clock of the server's end is ${durationText(Math.abs(s.clockNs))} ${s.clockNs < 0 ? 'behind' : 'ahead'}`;
  return `#${a.number} of ${s.client.name} (${endpoint(a.client, a.clientPort)} to ${endpoint(a.server, a.serverPort)}) is #${b.number} of ${s.server.name}: ${parts.join('; ')}${clock}.`;
}

function rewrittenText(what: BothEnds['rewritten'][number], a: Attempt, b: Attempt): string {
  if (what === 'addresses')
    return `addresses are translated on the way: at the server's end it is ${endpoint(b.client, b.clientPort)} to ${endpoint(b.server, b.serverPort)}`;
  if (what === 'mss') {
    const [p, q] =
      a.handshake.syn?.options.mss !== b.handshake.syn?.options.mss
        ? [a.handshake.syn, b.handshake.syn]
        : [b.handshake.synAck, a.handshake.synAck];
    return `the MSS is rewritten on the way, from ${p?.options.mss ?? 'none'} to ${q?.options.mss ?? 'none'}`;
  }
  return what === 'options' ? 'TCP options are changed on the way' : 'the window is changed on the way';
}
