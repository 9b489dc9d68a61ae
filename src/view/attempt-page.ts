/**
 * Attempts as one HTML page that can be mailed: it needs nothing beside itself, asks for nothing and runs nothing (its own
 * Content-Security-Policy forbids both). What comes from the capture is escaped without exception.
 */

import { type Attempt, timeText } from '../explain/judge/attempt.ts';
import { notes, type Verdict, verdicts } from '../explain/judge/verdicts.ts';
import { endpoint } from '../explain/output/sentences.ts';
import type { CaptureSummary } from '../explain/output/summary.ts';
import { Tally, unreadText, type VerdictCount } from '../explain/output/summary.ts';
import { type LadderPacket, ladderPackets } from './attempt-ladder.ts';
import { pageStyle } from './attempt-page-style.ts';
import { facts, shownText } from './attempt-text.ts';

/** A page tells about this many attempts in full, and is not much longer than this many characters. */
export const pageLimits = { attempts: 300, characters: 2_000_000 } as const;

/** Text that may stand anywhere in HTML, attribute values included. */
export function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);
}

/** Collects attempts for a page; memory is bounded. */
export class AttemptPage {
  private readonly tally = new Tally();
  /** The first attempts of each verdict. */
  private readonly kept = new Map<Verdict, Attempt[]>();
  private earliest: Attempt | null = null;

  add(a: Attempt): void {
    this.tally.add(a);
    if (this.earliest === null || a.evidence.firstTime < this.earliest.evidence.firstTime) this.earliest = a;
    const list = this.kept.get(a.verdict);
    if (list === undefined) this.kept.set(a.verdict, [a]);
    else if (list.length < pageLimits.attempts) list.push(a);
  }

  /**
   * The page.
   * @param name of the capture
   * @param problem what ended the capture early, if anything did
   */
  html(name: string, summary: CaptureSummary, problem: string | null): string {
    const { tally } = this;
    const rows = tally.verdicts();
    const { sections, shown, told } = this.sections(rows);
    const unread = unreadText(summary);
    const title = escapeHtml(`${name}: what happened to its connection attempts`);
    const began =
      this.earliest === null
        ? ''
        : ` The first began ${timeText(this.earliest.baseSeconds, this.earliest.evidence.firstTime).replace('T', ' ').replace(/\..*/, ' UTC')}.`;
    return `<!DOCTYPE html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<title>${title}</title>
<style>${pageStyle}</style>
</head>
<body>
<header>
<p class="by">halfopen explain</p>
<h1>${escapeHtml(name)}</h1>
<p>${counted(summary.packets, 'packet')}, ${counted(summary.segments, 'TCP segment')}, ${counted(summary.attempts, 'connection attempt')}${
      tally.total === summary.attempts
        ? ''
        : `, of which this page is about ${thousands(tally.total)} that were asked for`
    }.${began}</p>
${problem === null ? '' : `<p class="problem">The capture could not be read to its end: ${escapeHtml(problem)}</p>\n`}${
  unread === null ? '' : `<p class="problem">This page is not about all packets: halfopen ${unread}.</p>\n`
}</header>
<main>
${summaryTable(rows, told)}${standingOut(tally, shown)}${sections}</main>
<footer>
<p>${leftOut(tally.total, shown.size)}</p>
<p>Frames are numbered as in Wireshark. &#8220;Not in this capture&#8221; does not mean that it was never sent.</p>
</footer>
</body>
</html>
`;
  }

  /** A section for each verdict: what failed first, what went well last. */
  private sections(rows: readonly VerdictCount[]): {
    sections: string;
    shown: ReadonlySet<number>;
    told: ReadonlySet<Verdict>;
  } {
    const share = this.shares(rows);
    const shown = new Set<number>();
    const told = new Set<Verdict>();
    const uneventful = (v: Verdict): number => (v === 'completed' ? 2 : v === 'mid-stream' ? 1 : 0);
    const order = [...rows].sort((a, b) => uneventful(a.verdict) - uneventful(b.verdict));
    let html = '';
    for (const { verdict, count } of order) {
      const list = this.kept.get(verdict)!.slice(0, share.get(verdict));
      let entries = '';
      let n = 0;
      for (const a of list) {
        if (html.length + entries.length > pageLimits.characters) break;
        entries += entry(a);
        shown.add(a.number);
        n++;
      }
      if (n === 0) continue;
      told.add(verdict);
      const part = n === count ? '' : ` <small>the first ${thousands(n)} of ${thousands(count)}</small>`;
      html += `<section id="${verdict}">\n<h2>${verdict}${part}</h2>\n<p>${escapeHtml(verdicts[verdict].title)}</p>\n${entries}</section>\n`;
    }
    return { sections: html, shown, told };
  }

  /** How many attempts of each verdict: rare ones all, and an equal share of what is left for the frequent ones. */
  private shares(rows: readonly VerdictCount[]): ReadonlyMap<Verdict, number> {
    const share = new Map<Verdict, number>();
    let left: number = pageLimits.attempts;
    const rarest = [...rows].reverse();
    rarest.forEach(({ verdict, count }, n) => {
      const part = Math.min(count, Math.floor(left / (rarest.length - n)));
      share.set(verdict, part);
      left -= part;
    });
    return share;
  }
}

const thousands = (n: number): string => String(n).replace(/\B(?=(\d{3})+$)/g, ',');
const counted = (n: number, thing: string): string => `${thousands(n)} ${thing}${n === 1 ? '' : 's'}`;

function leftOut(total: number, shown: number): string {
  const limit = `A page holds at most ${pageLimits.attempts} attempts and about ${pageLimits.characters / 1e6} MB`;
  if (shown === total) return `Nothing was left out. ${limit}.`;
  return `${thousands(total - shown)} attempts were left out: ${limit.toLowerCase().replace('mb', 'MB')}, and takes the first of each verdict. The table above counts all of them; <code>halfopen explain --all</code> or <code>--parquet</code> tells about every one.`;
}

function summaryTable(rows: readonly VerdictCount[], told: ReadonlySet<Verdict>): string {
  if (rows.length === 0) return '<p>No TCP connection attempts.</p>\n';
  const most = Math.max(...rows.map(({ count }) => count));
  const lines = rows.map(({ verdict, count, top }) => {
    const name = told.has(verdict) ? `<a href="#${verdict}">${verdict}</a>` : verdict;
    const places = top.map((t) => `${escapeHtml(t.destination)} (${thousands(t.count)})`).join(', ');
    const percent = Math.max(1, Math.round((count / most) * 100));
    return `<tr class="${tone(verdict)}"><th scope="row">${name}</th><td class="n">${thousands(count)}</td><td class="bar"><span style="width:${percent}%"></span></td><td>${places}</td></tr>`;
  });
  return `<div class="wide"><table>
<thead><tr><th scope="col">verdict</th><th scope="col" class="n">count</th><th scope="col" class="bar"></th><th scope="col">top destinations</th></tr></thead>
<tbody>
${lines.join('\n')}
</tbody>
</table></div>
`;
}

function standingOut(tally: Tally, shown: ReadonlySet<number>): string {
  const standing = tally.notes();
  if (standing.length === 0) return '';
  const lines = standing.map(({ note, count, example }) => {
    const first = shown.has(example) ? `<a href="#a${example}">#${example}</a>` : `#${example}`;
    return `<li><b>${thousands(count)} ×</b> ${escapeHtml(notes[note].title)} <small>(${note}; first ${first})</small></li>`;
  });
  return `<h2>What stands out</h2>\n<ul class="standing">\n${lines.join('\n')}\n</ul>\n`;
}

/** Which colour a verdict has. */
function tone(verdict: Verdict): 'good' | 'bad' | 'odd' | 'plain' {
  if (verdict === 'completed' || verdict === 'fast-open-accepted') return 'good';
  if (verdict === 'mid-stream' || verdict === 'one-sided') return 'plain';
  return /^(refused|un|reset|rejected|self|accept|flood)/.test(verdict) ? 'bad' : 'odd';
}

/** One attempt, folded up. */
function entry(a: Attempt): string {
  const rows = facts(a)
    .map(({ label, text }) => `<dt>${label}</dt><dd>${escapeHtml(text)}</dd>`)
    .join('');
  return `<details id="a${a.number}" class="${tone(a.verdict)}">
<summary><b>#${a.number}</b> ${escapeHtml(a.sentence)}${a.certainty === 'certain' ? '' : ` <em>${a.certainty}</em>`}</summary>
<p>${escapeHtml(shownText(a))}</p>
<div class="ends"><span>${escapeHtml(endpoint(a.client, a.clientPort))}</span><span>${escapeHtml(endpoint(a.server, a.serverPort))}</span></div>
<ol class="ladder">
${ladderPackets(a).map(rung).join('\n')}
</ol>
<dl>${rows}</dl>
</details>
`;
}

function rung(p: LadderPacket): string {
  const delta = p.delta === '' ? '' : `<span class="dt">${escapeHtml(p.delta)}</span>`;
  return `<li class="${p.fromClient ? 'out' : 'in'} ${p.kind}"><span class="fr">${p.frame}</span>${delta}<div><span class="ar"><b>${escapeHtml(p.title)}</b><i></i></span><small>${escapeHtml(p.details.join(' · '))}</small></div></li>`;
}
