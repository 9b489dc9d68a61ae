/** Counts attempts by verdict, with the destinations that occur most, and what stands out. Bounded memory. */

import type { NeighbourFinding } from '../decode/neighbours.ts';
import type { Attempt } from '../judge/attempt.ts';
import type { Note, Verdict } from '../judge/verdicts.ts';

/** What became of a capture as a whole. */
export interface CaptureSummary {
  /** Packets, and TCP segments among them. */
  readonly packets: number;
  readonly segments: number;
  readonly attempts: number;
  /** TCP segments whose header is damaged. */
  readonly malformed: number;
  /** ICMP errors about connections that are not in the capture. */
  readonly orphanIcmp: number;
  /** Addresses that were asked for without an answer, or that two machines answer for. */
  readonly neighbours: readonly NeighbourFinding[];
  /** Addresses of names, by the DNS answers in the capture. */
  readonly names: ReadonlyMap<string, ReadonlySet<string>>;
  /** Packets that may carry TCP in a form that cannot be read: compressed by the link (Van Jacobson), or by IPComp. */
  readonly leftOut: number;
  /** Link types (LINKTYPE_ numbers) that cannot be read, and how many packets have each. */
  readonly unread: ReadonlyMap<number, number>;
}

/** `1 packet`, `2 packets`. */
export const counted = (n: number, thing: string): string => `${n} ${thing}${n === 1 ? '' : 's'}`;

/** What is said of packets whose link type cannot be read; null if there are none. */
export function unreadText({ unread, leftOut }: CaptureSummary): string | null {
  const parts = [...unread].map(([linkType, n]) => `${counted(n, 'packet')} of link type ${linkType}`);
  if (leftOut > 0)
    parts.push(`${counted(leftOut, 'compressed packet')} (Van Jacobson or IPComp), so no figure is certain`);
  if (parts.length === 0) return null;
  return `cannot read ${parts.join(', ')}`;
}

/** One line of the summary table. */
export interface VerdictCount {
  readonly verdict: Verdict;
  readonly count: number;
  /** The first attempt that has it, by number. */
  readonly example: number;
  /** The destinations that occur most, with their counts. */
  readonly top: readonly { readonly destination: string; readonly count: number }[];
}

/** A note and how many attempts carry it. */
export interface NoteCount {
  readonly note: Note;
  readonly count: number;
  /** The first attempt that carries it. */
  readonly example: number;
}

/** More destinations per verdict than this are not counted one by one; those that came first are. */
const MAX_DESTINATIONS = 50_000;

/** Adds up attempts. */
export class Tally {
  /** How many attempts were added. */
  total = 0;
  private readonly byVerdict = new Map<
    Verdict,
    { count: number; example: number; destinations: Map<string, number> }
  >();
  private readonly byNote = new Map<Note, { count: number; example: number }>();

  add(a: Attempt): void {
    this.total++;
    let row = this.byVerdict.get(a.verdict);
    if (row === undefined) {
      row = { count: 0, example: a.number, destinations: new Map() };
      this.byVerdict.set(a.verdict, row);
    }
    row.count++;
    // Attempts come as they end, not in the order in which they began.
    if (a.number < row.example) row.example = a.number;
    const destination = a.server.includes(':')
      ? `[${a.server}]:${a.serverPort}`
      : `${a.server}:${a.serverPort}`;
    const before = row.destinations.get(destination);
    if (before !== undefined || row.destinations.size < MAX_DESTINATIONS)
      row.destinations.set(destination, (before ?? 0) + 1);
    for (const note of a.notes) {
      const seen = this.byNote.get(note);
      if (seen === undefined) this.byNote.set(note, { count: 1, example: a.number });
      else {
        seen.count++;
        if (a.number < seen.example) seen.example = a.number;
      }
    }
  }

  /** Verdicts that occurred, most frequent first, each with up to `top` destinations. */
  verdicts(top = 3): VerdictCount[] {
    return [...this.byVerdict]
      .map(([verdict, { count, example, destinations }]) => ({
        verdict,
        count,
        example,
        top: [...destinations]
          .sort((a, b) => b[1] - a[1])
          .slice(0, top)
          .map(([destination, n]) => ({ destination, count: n })),
      }))
      .sort((a, b) => b.count - a.count);
  }

  /** Notes that occurred, most frequent first. */
  notes(): NoteCount[] {
    return [...this.byNote].map(([note, seen]) => ({ note, ...seen })).sort((a, b) => b.count - a.count);
  }
}

/** What is said of neighbours, a sentence each. */
export function neighbourText(n: NeighbourFinding): string {
  if (n.kind === 'two-answers')
    return `${n.answers.length} machines answer for ${n.address} by ${n.protocol}: ${n.answers.join(' and ')}; which one gets a packet is chance (two hosts with one address, or a proxy).`;
  const shown = `frame${n.frames.length === 1 ? '' : 's'} ${n.frames.join(', ')}`;
  return `${n.asker} asked ${n.count} times within ${Math.round(n.seconds * 10) / 10} s for the link address of ${n.address} (${n.protocol}) and got no answer in this capture, so no SYN could be sent to it: connect() fails with "No route to host" (EHOSTUNREACH). Nobody there has that address, or the answer does not come back. Shown by ${shown}.`;
}
