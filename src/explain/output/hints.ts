/** What hints add to a sentence. */
import type { Hint } from '../judge/hints.ts';

/** The name of the option that signs. */
export const signature = (kind: number): string => (kind === 29 ? 'TCP-AO, option 29' : 'TCP MD5, option 19');

/** @returns the clauses with what comes before them, or nothing */
export const hintsText = (hints: readonly Hint[]): string =>
  hints.map((hint) => `; ${clause(hint)}`).join('');

function clause(hint: Hint): string {
  switch (hint.note) {
    case 'traceroute':
      return `the SYN's time to live is ${hint.ttl}, so this is a probe of a TCP traceroute, which wants to know who answers, and no connection that failed`;
    case 'routing-loop':
      return `the SYN's time to live was ${hint.ttl} here and ran out: no way is so long, so routers send it in a circle`;
    case 'signed':
      if (hint.alone)
        return hint.who === 'client'
          ? `the SYN is signed (${signature(hint.kind)}) and the SYN+ACK is not, so the client drops it without a word`
          : `the SYN+ACK is signed (${signature(hint.kind)}) and the SYN is not, so the client, which has no key, drops it without a word`;
      return `its SYN is signed (${signature(hint.kind)}): a server that has no key for this client, or another key, drops it without a word`;
    case 'wrong-checksum':
      return `the TCP checksum of the ${hint.what} is wrong, and not as a network card that computes it leaves it: ${receiver(hint.what)} drops it without a word (unless somebody has rewritten the addresses of this capture)`;
    case 'wrong-outer-checksum':
      return `the UDP checksum of the tunnel around the ${hint.what} is wrong: the other end of the tunnel drops it without a word`;
  }
}

const receiver = (what: string): string => (what === 'SYN+ACK' ? 'the client' : 'the server');
