/** Differences that are known and stay for now. Each has its reason, and where the kernel does it. */
import type { Difference } from './diff.ts';

interface KnownDifference {
  /** What its signature looks like. */
  readonly signature: RegExp;
  readonly why: string;
  /** Where the kernel does it. */
  readonly place: string;
}

const known: readonly KnownDifference[] = [];

/** Why a difference is known, or null. */
export function knownReason({ signature }: Difference): string | null {
  const found = known.find((it) => it.signature.test(signature));
  return found === undefined ? null : `${found.why} (${found.place})`;
}
