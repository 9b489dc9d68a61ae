/** Counts attempts by verdict, with the destinations that occur most, and what stands out. Bounded memory. */
import type { Attempt } from './attempt.ts';
import { type Note, notes, type Verdict, verdicts } from './verdicts.ts';

/** One line of the summary table. */
export interface VerdictCount {
  readonly verdict: Verdict;
  readonly count: number;
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
  private readonly byVerdict = new Map<Verdict, { count: number; destinations: Map<string, number> }>();
  private readonly byNote = new Map<Note, { count: number; example: number }>();

  add(a: Attempt): void {
    this.total++;
    let row = this.byVerdict.get(a.verdict);
    if (row === undefined) {
      row = { count: 0, destinations: new Map() };
      this.byVerdict.set(a.verdict, row);
    }
    row.count++;
    const destination = a.server.includes(':')
      ? `[${a.server}]:${a.serverPort}`
      : `${a.server}:${a.serverPort}`;
    const before = row.destinations.get(destination);
    if (before !== undefined || row.destinations.size < MAX_DESTINATIONS)
      row.destinations.set(destination, (before ?? 0) + 1);
    for (const note of a.notes) {
      const seen = this.byNote.get(note);
      if (seen === undefined) this.byNote.set(note, { count: 1, example: a.number });
      else seen.count++;
    }
  }

  /** Verdicts that occurred, most frequent first, each with up to `top` destinations. */
  verdicts(top = 3): VerdictCount[] {
    return [...this.byVerdict]
      .map(([verdict, { count, destinations }]) => ({
        verdict,
        count,
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

/** The summary as lines of text. */
export function summaryLines(tally: Tally): string[] {
  const rows = tally.verdicts();
  if (rows.length === 0) return ['No TCP connection attempts.'];
  const width = Math.max(...rows.map(({ verdict }) => verdict.length), 'verdict'.length);
  const digits = Math.max(...rows.map(({ count }) => String(count).length), 'count'.length);
  const lines = [`${'verdict'.padEnd(width)}  ${'count'.padStart(digits)}  top destinations`];
  for (const { verdict, count, top } of rows) {
    const places = top.map(({ destination, count: n }) => `${destination} (${n})`).join(', ');
    lines.push(`${verdict.padEnd(width)}  ${String(count).padStart(digits)}  ${places}`);
  }
  const standing = tally.notes();
  if (standing.length > 0) {
    lines.push('', 'What stands out:');
    for (const { note, count, example } of standing)
      lines.push(
        `  ${count} × ${notes[note].title} (${note}; attempt ${example}${count > 1 ? ' is the first' : ''})`,
      );
  }
  return lines;
}

/** What a verdict means, for the head of a listing. */
export const titleOf = (verdict: Verdict): string => verdicts[verdict].title;
