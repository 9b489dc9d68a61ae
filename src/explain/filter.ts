/** Narrows what is told. The capture is still read and judged as a whole: an attempt is not judged alone. */
import { formatAddress, parseAddress } from '../wire/address.ts';
import type { Attempt } from './judge/attempt.ts';
import { type Note, notes } from './judge/verdicts.ts';

/** What to tell about; all that is given has to hold. */
export interface Filter {
  /** Address of either side. */
  readonly host?: string;
  /** Port of either side. */
  readonly port?: number;
  /** Seconds since 1970: when the attempt began. */
  readonly since?: number;
  readonly until?: number;
  /** Verdicts, outcomes or notes; any of them. */
  readonly verdicts?: readonly string[];
}

const outcomes = ['completed', 'refused', 'unanswered', 'unconfirmed', 'reset', 'rejected', 'unknown'];

/** The codes that a filter may name. */
export const filterCodes: readonly string[] = [...new Set([...Object.keys(notes), ...outcomes])];

/**
 * Makes a test out of a filter.
 * @throws Error if the host is no address or a code does not exist; the message says which
 */
export function filterOf(filter: Filter): (a: Attempt) => boolean {
  const host = filter.host === undefined ? null : formatAddress(parseAddress(filter.host));
  const { port, since, until, verdicts: wanted } = filter;
  for (const code of wanted ?? []) {
    if (!filterCodes.includes(code))
      throw new Error(`there is no verdict '${code}'; there are: ${filterCodes.join(', ')}`);
  }
  return (a) => {
    if (host !== null && a.client !== host && a.server !== host) return false;
    if (port !== undefined && a.clientPort !== port && a.serverPort !== port) return false;
    const began = a.baseSeconds + a.evidence.firstTime / 1e9;
    if (since !== undefined && began < since) return false;
    if (until !== undefined && began > until) return false;
    return (
      wanted === undefined ||
      wanted.some((code) => code === a.verdict || code === a.outcome || a.notes.includes(code as Note))
    );
  };
}
