/** What a check is, what it finds, and how all of them are run over what was read from a host. Pure. */
import type { CheckId } from '../messages/doctor-checks.ts';
import { type Host, Unread } from './host.ts';
import type { PortRange } from './ports.ts';

/** How bad a finding is, the worst first. */
export type Severity = 'critical' | 'high' | 'warn' | 'info';

/** All severities, the worst first. */
export const severities: readonly Severity[] = ['critical', 'high', 'warn', 'info'];

/** What to do about a finding. Commands are for a POSIX shell. */
export type Fix =
  /** Set a setting. */
  | { readonly kind: 'sysctl'; readonly name: string; readonly value: string }
  /** Keep these ports from being given to outgoing connections, beside those that are reserved already. */
  | { readonly kind: 'reserve'; readonly ports: readonly PortRange[]; readonly already: readonly PortRange[] }
  /** Run this; it changes something. */
  | { readonly kind: 'command'; readonly command: string }
  /** Run this to learn more; it changes nothing. */
  | { readonly kind: 'look'; readonly command: string }
  /** What no command can do, in one sentence. */
  | { readonly kind: 'advice'; readonly text: string };

/** Something that was read, and where. */
export interface Evidence {
  readonly where: string;
  readonly what: string;
}

/** What a rule of a check found. */
export interface Finding {
  readonly severity: Severity;
  /** What it is about: a socket, a setting, a counter. Together with the check's id it names the finding. */
  readonly subject: string;
  /** One line. */
  readonly summary: string;
  /** The inode of the socket it is about, if it is about one that a process holds. */
  readonly inode?: number;
  /** All sockets that it concerns, where that are several: the listeners of a process. */
  readonly inodes?: readonly number[];
  readonly evidence: readonly Evidence[];
  /** In the order in which one should try them. */
  readonly fixes: readonly Fix[];
}

/** A finding that follows from another one. */
export interface Consequence {
  readonly check: string;
  readonly subject: string;
  readonly summary: string;
}

/** One thing to look for. What it is called, and why it matters, is in src/messages/doctor-checks.ts. */
export interface Check {
  /** Never changes: people put it into scripts and files of accepted findings. */
  readonly id: CheckId;
  /** Whether it looks at sockets: what is missing from them is then unknown to it. */
  readonly readsSockets?: boolean;
  /** Each finds on its own, so that what one cannot read hides nothing of the others. */
  readonly rules: readonly Rule[];
}

/**
 * Looks for one thing. What it cannot know it either throws as Unread, or notes and goes on.
 * @returns the findings, of which those that matter most come first
 */
export type Rule = (host: Host, note: (where: string, why: string) => void) => Finding[];

/** A finding with its check. */
export interface Found extends Finding {
  readonly check: Check;
  /** It was found before, and now nobody can say. */
  readonly unsure?: boolean;
  /** What follows from it and would be a finding of its own otherwise. */
  readonly consequences?: readonly Consequence[];
}

/** Something that a check could not find out. */
export interface Unknown {
  readonly check: Check;
  readonly where: string;
  readonly why: string;
}

/** What an examination brought. */
export interface Examination {
  readonly checks: readonly Check[];
  /** The worst first, then in the order of the checks. */
  readonly found: readonly Found[];
  readonly unknown: readonly Unknown[];
  /** Checks that found out nothing at all: that they found nothing says nothing. */
  readonly blind: readonly Check[];
}

/** Runs checks over a host. */
export function examine(host: Host, checks: readonly Check[]): Examination {
  const found: Found[] = [];
  const unknown: Unknown[] = [];
  const blind: Check[] = [];
  const noSockets = host.sockets.files.length === 0;
  for (const check of checks) {
    const missing = new Map<string, Unknown>();
    const note = (where: string, why: string): void => {
      missing.set(`${where} ${why}`, { check, where, why });
    };
    if (check.readsSockets) for (const gap of host.sockets.gaps) note(gap.where, gap.why);
    let blindRules = 0;
    for (const rule of check.rules) {
      try {
        for (const finding of rule(host, note)) found.push({ ...finding, check });
      } catch (error) {
        if (!(error instanceof Unread)) throw error;
        note(error.where, error.message);
        blindRules++;
      }
    }
    if (blindRules === check.rules.length || (check.readsSockets && noSockets)) blind.push(check);
    unknown.push(...missing.values());
  }
  const rank = (finding: Found): number => severities.indexOf(finding.severity);
  // sort() keeps the order of equals, which is that of the checks.
  found.sort((a, b) => rank(a) - rank(b));
  return { checks, found, unknown, blind };
}

/** How many findings of one check are reported one by one. */
const mostSubjects = 50;

/**
 * Cuts the findings of each check; its last one that stays says how many were cut. Not before the accepted ones are
 * taken out: one that was cut could not be accepted, and one that was accepted would hide those cut after it.
 */
export function shortened(found: readonly Found[]): Found[] {
  const counts = new Map<Check, number>();
  for (const { check } of found) counts.set(check, (counts.get(check) ?? 0) + 1);
  const kept = new Map<Check, number>();
  return found.flatMap((finding) => {
    const number = (kept.get(finding.check) ?? 0) + 1;
    kept.set(finding.check, number);
    const cut = counts.get(finding.check)! - mostSubjects;
    if (number > mostSubjects) return [];
    if (number < mostSubjects || cut <= 0) return [finding];
    return [{ ...finding, summary: `${finding.summary} (and ${cut} more like this)` }];
  });
}
