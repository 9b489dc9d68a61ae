/** What several checks share. */
import type { Evidence, Finding, Fix, Severity } from '../check.ts';
import { type Growth, growthIfKnown, growthOf, type Host, known, sysctl } from '../host.ts';

/** A setting as evidence. @throws Unread if it could not be read */
export function settingEvidence(host: Host, name: string): Evidence {
  const reading = sysctl(host, name);
  return { where: reading.where, what: known(reading).trim().replace(/\s+/g, ' ') };
}

/** A whole number with separators, the same in every locale. */
export const count = (value: number): string => value.toLocaleString('en-US');

/** `1 socket`, `3 sockets`. */
export const plural = (value: number, noun: string, many = `${noun}s`): string =>
  `${count(value)} ${value === 1 ? noun : many}`;

/** How often something happened, from its number between the samples: `87/s`, `0.5/s`. */
export function rate(host: Host, times: number): string {
  const each = times / Math.max(host.seconds, 1e-3);
  return `${each >= 10 ? count(Math.round(each)) : each.toFixed(1).replace(/\.0$/, '')}/s`;
}

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
  /** Counters of what it is a share of: below a hundredth of their growth it is only worth a line. */
  readonly shareOf?: readonly string[];
  /** How many a second it takes to be worth more than a line. */
  readonly least?: number;
}

/** A rule that finds a counter that grew between the two samples. */
export function growing(rule: CounterRule): (host: Host) => Finding[] {
  return (host) => {
    const { by, total, where } = growthOf(host, rule.name);
    if (by === 0 && !(rule.zeroWhenHealthy && total > 0)) return [];
    const basis = (rule.shareOf ?? []).reduce((sum, name) => sum + (growthIfKnown(host, name)?.by ?? 0), 0);
    const few = by * 100 < basis || by < (rule.least ?? 0) * host.seconds;
    const short = rule.name.slice(rule.name.indexOf('.') + 1);
    const seconds = host.seconds.toFixed(1);
    return [
      {
        severity: by > 0 && !few ? rule.severity : 'info',
        subject: short,
        summary:
          by > 0
            ? `${short} grew by ${count(by)} in ${seconds} s (${rate(host, by)}): ${rule.means}`
            : `${short} is ${count(total)} but did not grow: it happened before (${rule.means})`,
        evidence: [
          {
            where,
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

/** A command that only looks. */
export const look = (command: string): Fix => ({ kind: 'look', command });
/** What no command can do. */
export const advice = (text: string): Fix => ({ kind: 'advice', text });

/** How much counters grew together; one that is not known counts as 0. */
export const by = (host: Host, ...names: string[]): number =>
  names.reduce((sum, name) => sum + (growthIfKnown(host, name)?.by ?? 0), 0);

/** A counter's growth as evidence. */
export const grown = (host: Host, growth: Growth): Evidence => ({
  where: growth.where,
  what: `${shortName(growth.name)} ${count(growth.total - growth.by)}, ${host.seconds.toFixed(1)} s later ${count(growth.total)}`,
});

/** A counter's name without its file's. */
export const shortName = (name: string): string => name.slice(name.indexOf('.') + 1);
