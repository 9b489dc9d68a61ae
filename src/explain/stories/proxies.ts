/** What only several attempts together show: the two legs of a proxy, answers that nobody asked for, signatures on one side. */
import { waitText } from '../output/numbers.ts';
import { endpoint } from '../output/sentences.ts';
import { type Brief, fates } from './brief.ts';

/** A client's connection to a proxy, and the proxy's own for it. */
export interface ProxyLegs {
  readonly front: Brief;
  readonly back: Brief;
}

/** A proxy that fails at once is told by time alone, s. */
const AT_ONCE = 2;
/** What a proxy adds to a request or an answer, bytes. */
const ADDED = 400;

const alike = (a: number, b: number): boolean => Math.abs(a - b) <= Math.max(ADDED, 0.15 * Math.max(a, b));

/** Finds pairs that leave one reading: each with no other candidate. */
export function proxiesOf(attempts: readonly Brief[]): ProxyLegs[] {
  const byServer = new Map<string, Brief[]>();
  for (const a of attempts) {
    if (a.outcome !== 'completed' || a.leg !== 0) continue;
    const list = byServer.get(a.server);
    if (list === undefined) byServer.set(a.server, [a]);
    else list.push(a);
  }
  for (const list of byServer.values()) list.sort((a, b) => a.first - b.first);
  const fronts = new Map<Brief, Brief[]>();
  const pairs: ProxyLegs[] = [];
  for (const back of attempts) {
    if (back.leg !== 0 || !back.hasSyn) continue;
    const candidates = (byServer.get(back.client) ?? [])
      .slice(0, MOST_COMPARED)
      .filter((a) => isFront(a, back));
    if (candidates.length !== 1) continue;
    const front = candidates[0]!;
    const list = fronts.get(front);
    if (list === undefined) fronts.set(front, [back]);
    else list.push(back);
    pairs.push({ front, back });
  }
  return pairs.filter(({ front }) => fronts.get(front)!.length === 1);
}

/** So many connections of one server are compared with each of its own, at most. */
const MOST_COMPARED = 200;

function isFront(front: Brief, back: Brief): boolean {
  if (front === back || front.client === back.server || back.server === back.client) return false;
  if (front.connected === null || back.first < front.first || back.first > front.last + 0.001) return false;
  if (back.outcome !== 'completed')
    return back.first - front.first < AT_ONCE && front.clientBytes > 0 && back.last <= front.last + 1;
  return (
    front.clientBytes > 0 &&
    back.last <= front.last + 1 &&
    alike(front.clientBytes, back.clientBytes) &&
    alike(front.serverBytes, back.serverBytes)
  );
}

/** One sentence for them. */
export function proxyText({ front, back }: ProxyLegs): string {
  const way = `${endpoint(front.client, front.clientPort)} to ${endpoint(front.server, front.serverPort)} (#${front.number})`;
  const on = `${endpoint(back.client, back.clientPort)} to ${endpoint(back.server, back.serverPort)} (#${back.number})`;
  const gap = waitText(Math.max(0, back.first - front.first) * 1e9);
  const why =
    back.outcome === 'completed'
      ? 'it lies within the first one, and carries about the same bytes'
      : `its server ${fates[back.outcome]}, so what the client got can only come from the proxy`;
  return `A proxy's two legs, by all that the packets show: ${way}, and ${gap} later ${on}: ${why}.`;
}

/** Somebody who got answers to SYNs that are not in the capture. */
export interface Unasked {
  readonly victim: string;
  readonly servers: number;
  readonly resets: number;
  readonly first: Brief;
}

const MANY_SERVERS = 3;

/** Finds who got SYN+ACKs from several servers without a SYN of its own, and confirmed none. */
export function unaskedOf(attempts: readonly Brief[]): Unasked[] {
  const by = new Map<string, Brief[]>();
  const asks = new Set<string>();
  for (const a of attempts) {
    if (a.hasSyn || a.confirmed) asks.add(a.client);
    if (a.hasSyn || !a.hasSynAck || a.confirmed) continue;
    const list = by.get(a.client);
    if (list === undefined) by.set(a.client, [a]);
    else list.push(a);
  }
  return [...by]
    .map(([victim, list]) => ({
      victim,
      servers: new Set(list.map((a) => a.server)).size,
      resets: list.filter((a) => a.resetByClient).length,
      first: list[0]!,
    }))
    .filter((it) => it.servers >= MANY_SERVERS && (it.resets > 0 || !asks.has(it.victim)));
}

export function unaskedText({ victim, servers, resets, first }: Unasked): string {
  const reading =
    resets > 0
      ? `it reset ${resets} of them, so it knows of none: somebody sends SYNs in its name, and it is no scanner`
      : 'either somebody sends SYNs in its name, or its own packets are not in this capture';
  return `${servers} servers sent SYN+ACKs to ${victim}, of which no SYN is in this capture (first #${first.number}): ${reading}.`;
}

/** Two hosts that dial each other, of which one signs. */
export interface OneSigns {
  readonly signed: Brief;
  readonly plain: Brief;
}

/** Finds pairs of hosts that dial each other's same port in vain, one with a signature and one without. */
export function oneSignsOf(attempts: readonly Brief[]): OneSigns[] {
  const found: OneSigns[] = [];
  const plain = new Map<string, Brief>();
  const silent = attempts.filter((a) => a.verdict === 'unanswered');
  for (const a of silent) if (!a.signed) plain.set(`${a.client} ${a.server} ${a.serverPort}`, a);
  const told = new Set<string>();
  for (const a of silent) {
    if (!a.signed) continue;
    const key = `${a.server} ${a.client} ${a.serverPort}`;
    const other = plain.get(key);
    if (other === undefined || told.has(key)) continue;
    told.add(key);
    found.push({ signed: a, plain: other });
  }
  return found;
}

export const oneSignsText = ({ signed, plain }: OneSigns): string =>
  `${signed.client} signs its SYNs to port ${signed.serverPort} of ${signed.server} (#${signed.number}), which does not sign its own to ${signed.client} (#${plain.number}), and neither answers: the key is set on one side only.`;
