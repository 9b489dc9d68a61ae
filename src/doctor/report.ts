/** An examination as text for people, as JSON, and as the changes between two. */

import { doctorTexts } from '../messages/doctor.ts';
import { checkTexts } from '../messages/doctor-checks.ts';
import { type Language, type Say, speaker } from '../messages/message.ts';
import type { Acceptance } from './accept.ts';
import { type Examination, type Found, type Severity, severities, type Unknown } from './check.ts';
import { connectTimeout } from './checks/path.ts';
import { fixText } from './fix.ts';
import { type Host, Unread } from './host.ts';

/** Everything a report is made of. `found` in the examination is without the accepted findings. */
export interface Report {
  readonly host: Host;
  readonly examination: Examination;
  readonly accepted: readonly Found[];
  /** Lines of the file of accepted findings that accept nothing any more. */
  readonly unused: readonly Acceptance[];
  /** Comes before every command of a fix, to run it where the findings are; empty on this host. */
  readonly prefix: string;
}

/** Marks text for a terminal; with colours off it gives the text back. */
export type Paint = (style: 'red' | 'yellow' | 'cyan' | 'bold' | 'dim', text: string) => string;

const styles: Record<Severity, 'red' | 'yellow' | 'cyan'> = {
  critical: 'red',
  high: 'red',
  warn: 'yellow',
  info: 'cyan',
};

type Voice = Say<typeof doctorTexts>;

/** How many findings of one check are shown to people one by one. */
const mostShown = 3;

/** Seconds until connect() gives up on this host; null if the settings could not be read. */
export function connectTimeoutSeconds(host: Host): number | null {
  try {
    return connectTimeout(host).giveUp / 1e6;
  } catch (error) {
    if (error instanceof Unread) return null;
    throw error;
  }
}

/** The report for people: the worst first, and at the end what is unknown. */
export function humanReport(report: Report, paint: Paint, language: Language = 'en'): string {
  const { host, examination, accepted, unused } = report;
  const say = speaker(doctorTexts, language);
  const lines = [headline(report, paint, say), ''];
  const shown = new Map<string, number>();
  for (const finding of examination.found) {
    const before = shown.get(finding.check.id) ?? 0;
    shown.set(finding.check.id, before + 1);
    if (before < mostShown)
      lines.push(...findingLines(finding, before === 0, report.prefix, paint, language), '');
  }
  for (const [id, count] of shown) {
    if (count > mostShown) {
      lines.push(say('more', { count: count - mostShown, id }), '');
    }
  }
  if (examination.unknown.length > 0) lines.push(...unknownLines(examination.unknown, paint, say), '');
  if (accepted.length > 0) lines.push(say('accepted', { count: accepted.length }));
  for (const { check, subject, line } of unused) {
    lines.push(say('unusedLine', { line, what: `${check}${subject ? ` ${subject}` : ''}` }));
  }
  const serious = examination.found.some(({ severity }) => severity !== 'info');
  if (!serious && host.unseen.length > 0) {
    lines.push(say('notLookedAt'), ...host.unseen.map((sentence) => `  ${sentence}`), '');
  }
  const timeout = connectTimeoutSeconds(host);
  if (timeout !== null && !shown.has('connect-timeout')) {
    lines.push(say('givesUp', { seconds: timeout }));
  }
  while (lines.at(-1) === '') lines.pop();
  return `${lines.join('\n')}\n`;
}

function headline({ host, examination }: Report, paint: Paint, say: Voice): string {
  const counts: string[] = [];
  for (const severity of severities) {
    const count = examination.found.filter((finding) => finding.severity === severity).length;
    if (count > 0) counts.push(paint(styles[severity], `${count} ${say(severity)}`));
  }
  if (counts.length === 0) counts.push(say('nothingFound'));
  if (examination.unknown.length > 0) counts.push(say('unknownCount', { count: examination.unknown.length }));
  const { length } = host.sockets.sockets;
  const what = say('extent', {
    checks: examination.checks.length,
    sockets: length.toLocaleString('en-US'),
    seconds: host.seconds.toFixed(1),
  });
  return `${paint('bold', 'halfopen doctor')}: ${counts.join(', ')} ${paint('dim', `(${what})`)}`;
}

/** A word in so many columns; a Chinese character takes two. */
const padded = (text: string, columns: number): string =>
  text + ' '.repeat(Math.max(0, columns - [...text].reduce((sum, one) => sum + (one > '\u2e7f' ? 2 : 1), 0)));

const severityText = (severity: Severity, say: Voice): string => padded(say(severity).toUpperCase(), 8);

function findingLines(
  finding: Found,
  first: boolean,
  prefix: string,
  paint: Paint,
  language: Language,
): string[] {
  const say = speaker(doctorTexts, language);
  const { severity, summary, check } = finding;
  const row = (label: 'why' | 'so' | 'read' | 'look' | 'fix' | 'id', text: string): string =>
    `  ${paint('dim', padded(say(label), 5))} ${text}`;
  // Summaries, evidence and advice are in English as yet: the title says in Chinese what was found.
  const title = language === 'en' ? '' : `${checkTexts[check.id].title[language]}：`;
  const lines = [`${paint(styles[severity], severityText(severity, say))} ${title}${summary}`];
  if (first) lines.push(row('why', checkTexts[check.id].why[language]));
  for (const consequence of finding.consequences ?? []) lines.push(row('so', consequence.summary));
  for (const { where, what } of finding.evidence)
    lines.push(row('read', `${where}: ${what || say('empty')}`));
  for (const fix of finding.fixes) {
    lines.push(row(fix.kind === 'look' ? 'look' : 'fix', fixText(fix, prefix)));
  }
  lines.push(row('id', `${check.id} ${finding.subject}`));
  return lines;
}

/** Why things are unknown, each reason once, with what it hides and the checks that wanted it. */
function byReason(unknown: readonly Unknown[]): [string, string][] {
  const reasons = new Map<string, { where: Set<string>; ids: Set<string> }>();
  for (const { check, where, why } of unknown) {
    const reason = reasons.get(why) ?? { where: new Set(), ids: new Set() };
    reasons.set(why, reason);
    reason.where.add(where);
    reason.ids.add(check.id);
  }
  return [...reasons].map(([why, { where, ids }]) => [
    `${[...where].join(', ')}: ${why}`,
    [...ids].join(', '),
  ]);
}

const unknownText = (say: Voice): string => padded(say('unknown').toUpperCase(), 8);

function unknownLines(unknown: readonly Unknown[], paint: Paint, say: Voice): string[] {
  return byReason(unknown).flatMap(([reason, ids]) => [
    `${paint('yellow', unknownText(say))} ${reason}`,
    `  ${paint('dim', padded(say('for'), 5))} ${ids}`,
  ]);
}

const findingJson = (finding: Found, prefix: string, language: Language): object => ({
  check: finding.check.id,
  severity: finding.severity,
  subject: finding.subject,
  summary: finding.summary,
  why: checkTexts[finding.check.id].why[language],
  consequences: finding.consequences ?? [],
  evidence: finding.evidence,
  fixes: finding.fixes.map((fix) => ({ kind: fix.kind, text: fixText(fix, prefix) })),
});

const unknownJson = ({ check, where, why }: Unknown): object => ({ check: check.id, where, why });

/** The report as a value for JSON. Its fields are documented in docs/doctor.md. */
export function jsonReport(report: Report, language: Language = 'en'): object {
  const { host, examination, accepted, unused, prefix } = report;
  return {
    checks: examination.checks.map(({ id }) => id),
    sockets: host.sockets.sockets.length,
    seconds: host.seconds,
    connectTimeoutSeconds: connectTimeoutSeconds(host),
    findings: examination.found.map((finding) => findingJson(finding, prefix, language)),
    accepted: accepted.map((finding) => findingJson(finding, prefix, language)),
    unusedAcceptances: unused.map(({ check, subject, line }) => ({ check, subject, line })),
    unknown: examination.unknown.map(unknownJson),
    unseen: host.unseen,
  };
}

/** What changed from one examination to the next. */
export interface Changes {
  /** Findings that are new or whose severity changed. */
  readonly appeared: readonly Found[];
  readonly gone: readonly Found[];
  /** Findings that stayed and whose numbers changed: of counters, how much they grew this time. */
  readonly moved: readonly Found[];
  /** What cannot be known any more, and what can be known again. */
  readonly lost: readonly Unknown[];
  readonly regained: readonly Unknown[];
}

/**
 * An examination with the findings of the one before that it could neither find again nor rule out, because something
 * that their check had been able to read could not be read: they are not gone.
 */
export function carriedOver(before: Examination, now: Examination): Examination {
  const wereUnknown = new Set(before.unknown.map(unknownName));
  const unsure = new Set(now.unknown.map(({ check }) => check));
  const lost = new Set(
    now.unknown.filter((one) => !wereUnknown.has(unknownName(one))).map(({ check }) => check),
  );
  const current = new Set(now.found.map(findingName));
  const kept = before.found
    .filter((finding) => (finding.unsure ? unsure : lost).has(finding.check))
    .filter((finding) => !current.has(findingName(finding)))
    .map((finding) => ({ ...finding, unsure: true }));
  const rank = ({ severity }: Found): number => severities.indexOf(severity);
  return { ...now, found: [...now.found, ...kept].sort((a, b) => rank(a) - rank(b)) };
}

const findingName = ({ check, subject }: Found): string => `${check.id} ${subject}`;
const unknownName = ({ check, where, why }: Unknown): string => `${check.id} ${where} ${why}`;

/** Compares two examinations. */
export function changes(before: Examination, now: Examination): Changes {
  const name = (finding: Found): string => `${findingName(finding)} ${finding.severity}`;
  const wereUnknown = new Set(before.unknown.map(unknownName));
  const areUnknown = new Set(now.unknown.map(unknownName));
  const old = new Map(before.found.map((finding) => [name(finding), finding]));
  const current = new Set(now.found.map(name));
  return {
    appeared: now.found.filter((finding) => !old.has(name(finding))),
    gone: before.found.filter((finding) => !current.has(name(finding))),
    moved: now.found.filter((finding) => {
      const previous = old.get(name(finding));
      return previous !== undefined && previous.summary !== finding.summary;
    }),
    lost: now.unknown.filter((unknown) => !wereUnknown.has(unknownName(unknown))),
    regained: before.unknown.filter((unknown) => !areUnknown.has(unknownName(unknown))),
  };
}

/** Changes for people, a line each: `+` new, `-` gone, `~` moved, `?` unknown. Empty if nothing changed. */
export function changeLines(difference: Changes, paint: Paint, language: Language = 'en'): string[] {
  const { appeared, gone, moved, lost, regained } = difference;
  const say = speaker(doctorTexts, language);
  const line = (sign: string, finding: Found): string =>
    `${sign} ${paint(styles[finding.severity], severityText(finding.severity, say))} ${finding.summary}`;
  return [
    ...appeared.map((finding) => line('+', finding)),
    ...moved.map((finding) => line('~', finding)),
    ...gone.map((finding) => line('-', finding)),
    ...byReason(lost).map(
      ([reason, ids]) => `? ${paint('yellow', unknownText(say))} ${say('lost', { reason, ids })}`,
    ),
    ...byReason(regained).map(([reason, ids]) => `? ${say('known', { reason, ids })}`),
  ];
}

/** Changes as a value for JSON. */
export function changesJson(difference: Changes, prefix: string, language: Language = 'en'): object {
  const { appeared, gone, moved, lost, regained } = difference;
  return {
    appeared: appeared.map((finding) => findingJson(finding, prefix, language)),
    moved: moved.map((finding) => findingJson(finding, prefix, language)),
    gone: gone.map(({ check, subject, severity }) => ({ check: check.id, subject, severity })),
    lost: lost.map(unknownJson),
    regained: regained.map(unknownJson),
  };
}
