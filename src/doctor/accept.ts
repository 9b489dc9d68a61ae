/** The file of accepted findings: what somebody has looked at and decided to live with. */
import type { Check, Found } from './check.ts';

/** A line of the file. */
export interface Acceptance {
  readonly check: string;
  /** Only this subject; null for every finding of the check. */
  readonly subject: string | null;
  /** Its number in the file, from 1. */
  readonly line: number;
}

/**
 * Reads the file: a line is `CHECK` or `CHECK SUBJECT`, as the report prints them; `#` starts a comment.
 * @throws Error that names the line if there is no such check
 */
export function parseAcceptances(text: string, checks: readonly Check[]): Acceptance[] {
  const acceptances: Acceptance[] = [];
  for (const [index, content] of text.split('\n').entries()) {
    const [check, ...subject] = content
      .replace(/(^|\s)#.*$/, '')
      .trim()
      .split(/\s+/);
    if (!check) continue;
    if (!checks.some(({ id }) => id === check)) {
      throw new Error(`line ${index + 1}: there is no check '${check}'`);
    }
    acceptances.push({ check, subject: subject.join(' ') || null, line: index + 1 });
  }
  return acceptances;
}

/** Findings without the accepted ones, the accepted ones, and the lines of the file that accept nothing any more. */
export function withoutAccepted(
  found: readonly Found[],
  acceptances: readonly Acceptance[],
): { found: Found[]; accepted: Found[]; unused: Acceptance[] } {
  const used = new Set<Acceptance>();
  const isAccepted = (finding: Found): boolean => {
    const matching = acceptances.filter(
      ({ check, subject }) => check === finding.check.id && (subject === null || subject === finding.subject),
    );
    for (const acceptance of matching) used.add(acceptance);
    return matching.length > 0;
  };
  const accepted = new Set(found.filter(isAccepted));
  return {
    found: found.filter((finding) => !accepted.has(finding)),
    accepted: [...accepted],
    unused: acceptances.filter((acceptance) => !used.has(acceptance)),
  };
}
