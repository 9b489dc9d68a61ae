/** One dial of a program that tried several addresses of a name: IPv6 and then IPv4 (RFC 8305), or one address after the other. */
import { waitText } from '../output/numbers.ts';
import { endpoint } from '../output/sentences.ts';
import { type Brief, fates } from './brief.ts';

/** Attempts of one dial, in the order of time. */
export interface Dial {
  readonly name: string;
  readonly attempts: readonly Brief[];
}

/** The next address is tried so soon after the one before was begun or had failed, s. */
const SOON = 2.5;

/** Finds dials of names with several addresses. */
export function dialsOf(attempts: readonly Brief[], names: ReadonlyMap<string, ReadonlySet<string>>): Dial[] {
  const found: Dial[] = [];
  const taken = new Set<number>();
  const byServer = new Map<string, Brief[]>();
  for (const a of attempts) {
    if (!a.hasSyn) continue;
    const list = byServer.get(a.server);
    if (list === undefined) byServer.set(a.server, [a]);
    else list.push(a);
  }
  for (const [name, addresses] of names) {
    if (addresses.size < 2) continue;
    const list = [...addresses].flatMap((address) => byServer.get(address) ?? []);
    list.sort((a, b) => a.first - b.first || a.number - b.number);
    for (let n = 0; n < list.length; n++) {
      if (taken.has(list[n]!.number)) continue;
      const chain = chainFrom(list, n, taken);
      if (chain.length < 2) continue;
      for (const { number } of chain) taken.add(number);
      found.push({ name, attempts: chain });
    }
  }
  return found.sort((a, b) => a.attempts[0]!.first - b.attempts[0]!.first);
}

function chainFrom(list: readonly Brief[], from: number, taken: ReadonlySet<number>): Brief[] {
  const chain = [list[from]!];
  for (let n = from + 1; n < list.length && chain.length < 32; n++) {
    const next = list[n]!;
    const before = chain[chain.length - 1]!;
    if (next.first - before.last > SOON && next.first - before.first > SOON) break;
    if (!taken.has(next.number) && follows(chain, before, next)) chain.push(next);
  }
  return chain;
}

/** Whether an attempt goes on with the dial: another address, before the one before was connected. */
function follows(chain: readonly Brief[], before: Brief, next: Brief): boolean {
  if (next.serverPort !== before.serverPort || chain.some((a) => a.server === next.server)) return false;
  if (isIpv6(next) === isIpv6(before) && next.client !== before.client) return false;
  if (chain.some((a) => a.connected !== null && a.connected < next.first)) return false;
  return next.first - before.first <= SOON || Math.abs(next.first - before.last) <= SOON;
}

const isIpv6 = (a: Brief): boolean => a.server.includes(':');

/** One sentence for a dial. */
export function dialText({ name, attempts }: Dial): string {
  const [first] = attempts;
  const parts = attempts.map((a, n) => {
    const after = n === 0 ? '' : `${waitText((a.first - attempts[n - 1]!.first) * 1e9)} later `;
    return `${after}${endpoint(a.server, a.serverPort)} (#${a.number}), which ${fates[a.outcome]}`;
  });
  const times = attempts.map((a) => a.connected).filter((time) => time !== null);
  const end =
    times.length === 0
      ? 'none of them connected'
      : `the program waited ${waitText((Math.min(...times) - first!.first) * 1e9)} in all`;
  return `One dial of ${name}, of which the capture has the addresses (DNS), tried ${attempts.length} of them: ${parts.join('; ')}; ${end}.`;
}
