/** What several checks share. */
import type { Evidence, Finding, Fix, Severity } from '../check.ts';
import { growthOf, type Host, known, sysctl } from '../host.ts';

/** A setting as evidence. @throws Unread if it could not be read */
export function settingEvidence(host: Host, name: string): Evidence {
  const reading = sysctl(host, name);
  return { where: reading.where, what: known(reading).trim().replace(/\s+/g, ' ') };
}

/** A whole number with separators, the same in every locale. */
export const count = (value: number): string => value.toLocaleString('en-US');

/** `1 socket`, `3 sockets`. */
export const plural = (value: number, noun: string): string =>
  `${count(value)} ${noun}${value === 1 ? '' : 's'}`;

/** How a growing counter is reported. */
interface CounterRule {
  /** As in Counters: TcpExt.ListenOverflows. */
  readonly name: string;
  readonly severity: Severity;
  /** What one unit of it means, to come after its number: "connections were refused". */
  readonly means: string;
  readonly fixes: readonly Fix[] | ((host: Host) => readonly Fix[]);
  /** True if it stays 0 on a healthy host, so that even an old value is worth a line. */
  readonly zeroWhenHealthy?: boolean;
}

/** A rule that finds a counter that grew between the two samples. */
export function growing(rule: CounterRule): (host: Host) => Finding[] {
  return (host) => {
    const { by, total } = growthOf(host, rule.name);
    if (by === 0 && !(rule.zeroWhenHealthy && total > 0)) return [];
    const short = rule.name.slice(rule.name.indexOf('.') + 1);
    const seconds = host.seconds.toFixed(1);
    return [
      {
        severity: by > 0 ? rule.severity : 'info',
        subject: short,
        summary:
          by > 0
            ? `${short} grew by ${count(by)} in ${seconds} s: ${rule.means}`
            : `${short} is ${count(total)} but did not grow: it happened before (${rule.means})`,
        evidence: [
          {
            where: host.after.where,
            what: `${short} ${count(total - by)}, ${seconds} s later ${count(total)}`,
          },
        ],
        fixes: typeof rule.fixes === 'function' ? rule.fixes(host) : rule.fixes,
      },
    ];
  };
}

/** A tally by name, the largest number first. */
export const bySize = (tally: ReadonlyMap<string, number>): [string, number][] =>
  [...tally].sort((a, b) => b[1] - a[1]);
