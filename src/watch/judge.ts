/** What became of an attempt and why, from what was seen of it. Pure. */
import type { Certainty, Outcome, Reason } from './attempt.ts';

/** A SYN that was sent, and the drop that may have been its own. */
export interface Syn {
  readonly time: number;
  /** No other SYN was under way on its CPU: a drop then, or none, is its own. */
  alone: boolean;
  word: string | null;
}

/** What is known of an attempt at its end. */
interface Known {
  readonly syns: number;
  readonly sent: readonly Syn[];
  readonly gotReset: boolean;
  readonly damaged: boolean;
  /** The kernel's word for the drop of its SYN, or of the answer to it, where that arrived in a network of this machine. */
  readonly lost: string | null;
  readonly errno: number;
}

export interface Verdict {
  readonly outcome: Outcome;
  readonly reason: Reason;
  readonly certainty: Certainty;
  readonly kernel: string | null;
}

const reasonOfDrop: Readonly<Record<string, Reason>> = {
  NETFILTER_DROP: 'firewall',
  IP_RPFILTER: 'reverse-path',
  NO_SOCKET: 'no-socket',
  TCP_CSUM: 'checksum',
  IP_OUTNOROUTES: 'no-route',
  IP_INNOROUTES: 'no-route',
  NEIGH_FAILED: 'neighbour',
  NEIGH_QUEUEFULL: 'neighbour',
  NEIGH_CREATEFAIL: 'neighbour',
  TCP_LISTEN_OVERFLOW: 'queue-full',
};

/** What a drop with this word means. */
export const reasonOf = (word: string): Reason => reasonOfDrop[word] ?? 'kernel-drop';

/** ETIMEDOUT, ECONNREFUSED, EHOSTUNREACH, ENETUNREACH. */
const errors = { timedOut: 110, refused: 111, hostUnreachable: 113, netUnreachable: 101 } as const;

/**
 * @param around the kernel's word if a reset was sent from this machine because nobody listens; whether the program's own
 *   thread ended it; whether a listener there was full meanwhile
 */
export function judge(
  known: Known,
  around: {
    readonly nobodyListens: string | null;
    readonly byItself: boolean;
    readonly overflowed: () => boolean;
  },
): Verdict {
  const { gotReset, errno, syns } = known;
  if (gotReset || (around.nobodyListens !== null && errno === errors.refused)) {
    if (around.nobodyListens !== null) {
      return { outcome: 'refused', reason: 'no-socket', certainty: 'certain', kernel: around.nobodyListens };
    }
    const rejected = dropOf(known);
    if (rejected?.reason === 'firewall') return { ...rejected, outcome: 'refused' };
    return { outcome: 'refused', reason: 'peer', certainty: 'certain', kernel: null };
  }
  if (errno === errors.refused || errno === errors.hostUnreachable || errno === errors.netUnreachable) {
    const drop = dropOf(known);
    if (drop !== null) return { ...drop, outcome: 'unreachable' };
    const certainty = errno === errors.refused ? 'certain' : 'likely';
    return { outcome: 'unreachable', reason: 'icmp', certainty, kernel: null };
  }
  const waited = whyUnanswered(known, around.overflowed);
  if (errno !== errors.timedOut && (around.byItself || errno === 0)) {
    // Without an error it was close() that ended it, in the program's own time.
    return waited.reason === 'no-answer' && syns === 1
      ? { outcome: 'given-up', reason: 'program', certainty: 'certain', kernel: null }
      : { ...waited, outcome: 'given-up' };
  }
  return { ...waited, outcome: 'timed-out' };
}

function whyUnanswered(known: Known, overflowed: () => boolean): Omit<Verdict, 'outcome'> {
  if (known.damaged) return { reason: 'checksum', certainty: 'certain', kernel: 'TCP_CSUM' };
  const drop = dropOf(known);
  if (drop !== null) return drop;
  if (overflowed()) return { reason: 'queue-full', certainty: 'likely', kernel: null };
  if (known.lost !== null) return { reason: reasonOf(known.lost), certainty: 'likely', kernel: known.lost };
  // That no drop was seen here is no proof that there was none.
  return { reason: 'no-answer', certainty: 'likely', kernel: null };
}

/** The drop that fits the attempt's SYNs. */
function dropOf({ sent }: Known): Omit<Verdict, 'outcome'> | null {
  const alone = sent.filter((syn) => syn.alone);
  const sure = alone.filter(({ word }) => word !== null);
  // One that had the CPU for itself and was not dropped speaks against what others may have been through.
  if (sure.length === 0 && alone.length > 0) return null;
  const words = (sure.length > 0 ? sure : sent).flatMap(({ word }) => word ?? []);
  const [word] = words;
  if (word === undefined) return null;
  const always = sure.length === alone.length && sure.length >= 2 && words.every((other) => other === word);
  return {
    reason: reasonOf(word),
    certainty: always ? 'certain' : 'likely',
    kernel: word,
  };
}
