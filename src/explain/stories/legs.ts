/** One connect() that the capture shows at several places of its way: before and after address translation, or answered from elsewhere. */

import type { Attempt } from '../judge/attempt.ts';
import { endpoint } from '../output/sentences.ts';

/** The legs of one connect(), in the order of time. */
export interface Legs {
  readonly legs: readonly Attempt[];
}

/** Groups attempts that name each other as legs. */
export function legsOf(attempts: Iterable<Attempt>): Legs[] {
  const byNumber = new Map<number, Attempt>();
  const leader = new Map<number, number>();
  const find = (n: number): number => {
    let at = n;
    while (leader.get(at) !== undefined && leader.get(at) !== at) at = leader.get(at)!;
    return at;
  };
  for (const a of attempts) {
    if (a.evidence.leg === 0) continue;
    byNumber.set(a.number, a);
    const one = find(a.number);
    const two = find(a.evidence.leg);
    leader.set(Math.max(one, two), Math.min(one, two));
  }
  const groups = new Map<number, Attempt[]>();
  for (const a of byNumber.values()) {
    const root = find(a.number);
    const list = groups.get(root);
    if (list === undefined) groups.set(root, [a]);
    else list.push(a);
  }
  return [...groups.values()]
    .filter((list) => list.length > 1)
    .map((list) => ({
      legs: list.sort((a, b) => a.evidence.firstTime - b.evidence.firstTime || a.number - b.number),
    }));
}

/** One sentence for them. */
export function legsText({ legs }: Legs): string {
  const [first] = legs;
  if (first === undefined) return '';
  const way = legs
    .map((a) => `${endpoint(a.client, a.clientPort)} to ${endpoint(a.server, a.serverPort)} (#${a.number})`)
    .join(', then ');
  const client = legs.every((a) => a.client === first.client && a.clientPort === first.clientPort);
  const server = legs.every((a) => a.server === first.server && a.serverPort === first.serverPort);
  const what = client
    ? "the server's address is translated"
    : server
      ? "the client's address is translated"
      : 'addresses are translated';
  const fate = legs.some((a) => a.verdict === 'answered-elsewhere')
    ? 'the answer does not come back the way the SYN went, and the client does not know it'
    : legs.every((a) => a.outcome === 'completed')
      ? 'it connected'
      : `it ended as ${legs[legs.length - 1]!.verdict}`;
  return `One connect() at ${legs.length} places of its way: ${way}; ${what} in between; ${fate}.`;
}
