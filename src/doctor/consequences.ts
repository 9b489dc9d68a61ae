/** One cause is one finding: what follows from it stands with it, and not beside it as a finding of its own. */
import { type Consequence, type Found, severities } from './check.ts';

/** Which checks' findings follow from which, the deepest cause first; `same` if they must be about the same socket. */
const follows: readonly {
  readonly cause: string;
  readonly from: readonly string[];
  readonly same?: boolean;
}[] = [
  { cause: 'descriptors-exhausted', from: ['accept-queue-full', 'listener-stuck'], same: true },
  { cause: 'listener-stopped', from: ['accept-queue-full', 'listener-stuck'], same: true },
  { cause: 'accept-queue-full', from: ['listener-stuck'], same: true },
  { cause: 'accept-queue-full', from: ['listen-overflows'] },
  { cause: 'descriptors-exhausted', from: ['listen-overflows'] },
  { cause: 'listener-stopped', from: ['listen-overflows'] },
  { cause: 'firewall-drops', from: ['lost-syns'] },
  { cause: 'conntrack-drops', from: ['lost-syns'] },
  { cause: 'lost-syns', from: ['unexplained-listen-drops'] },
  { cause: 'neighbour-silent', from: ['syn-sent-stuck'] },
  { cause: 'neighbour-silent', from: ['retransmissions'] },
  { cause: 'syn-sent-stuck', from: ['retransmissions'] },
  { cause: 'pmtu-black-hole', from: ['retransmissions'] },
];

/** The findings without those that follow from another one, which has them as its consequences. */
export function withConsequences(found: readonly Found[]): Found[] {
  const all = found.map((finding) => ({ ...finding }));
  const gone = new Set<Found>();
  for (const { cause, from, same } of follows) {
    for (const finding of all) {
      if (gone.has(finding) || !from.includes(finding.check.id)) continue;
      const root = all.find(
        (other) =>
          other.check.id === cause &&
          !gone.has(other) &&
          (same
            ? isSame(other, finding)
            : finding.check.id !== 'syn-sent-stuck' || finding.subject.startsWith(`${other.subject}:`)) &&
          (finding.check.id !== 'listen-overflows' || finding.severity !== 'info') &&
          (finding.check.id !== 'listen-overflows' || isFull(other)),
      );
      if (root === undefined) continue;
      gone.add(finding);
      const { consequences = [], ...own } = finding;
      const told: Consequence = { check: own.check.id, subject: own.subject, summary: own.summary };
      Object.assign(root, {
        consequences: [...(root.consequences ?? []), told, ...consequences],
        severity: severities[Math.min(rank(root), rank(finding))]!,
        // Where to look goes on to be of use; advice for the consequence does not mend the cause.
        evidence: [
          ...new Map(
            [...root.evidence, ...own.evidence].map((one) => [`${one.where}\n${one.what}`, one]),
          ).values(),
        ],
      });
    }
  }
  return all.filter((finding) => !gone.has(finding)).sort((a, b) => rank(a) - rank(b));
}

const rank = ({ severity }: Found): number => severities.indexOf(severity);

/** Whether a finding says that a listener takes no more connections. */
const isFull = ({ check, consequences = [] }: Found): boolean =>
  check.id === 'accept-queue-full' || consequences.some((one) => one.check === 'accept-queue-full');

/** Whether two findings are about the same socket, or the cause is about a process that holds it. */
const isSame = (cause: Found, finding: Found): boolean =>
  finding.inode !== undefined &&
  (cause.inode === finding.inode || (cause.inodes?.includes(finding.inode) ?? false));
