/** Differences that are known and stay for now. Each has its reason, and where the kernel does it. */
import type { Difference } from './diff.ts';

interface KnownDifference {
  /** What its signature looks like. */
  readonly signature: RegExp;
  readonly why: string;
  /** Where the kernel does it. */
  readonly place: string;
}

const known: readonly KnownDifference[] = [
  {
    signature: /^other: protocol N type N: packet missing after icmp$/,
    why: 'the host answers no echo requests; `halfopen tun` does it beside the host',
    place: 'net/ipv4/icmp.c, icmp_echo; net/ipv6/icmp.c, icmpv6_echo_reply',
  },
];

/** Why a difference is known, or null. */
export function knownReason({ signature }: Difference): string | null {
  const found = known.find((it) => it.signature.test(signature));
  return found === undefined ? null : `${found.why} (${found.place})`;
}
