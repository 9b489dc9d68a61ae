/** Short texts about attempts and their packets. */
import type { Attempt } from '../judge/attempt.ts';

const flagNames = ['FIN', 'SYN', 'RST', 'PSH', 'ACK', 'URG', 'ECE', 'CWR', 'AE'];

/** TCP flags in the order people say them: `SYN, ACK`. */
export function flagsText(flags: number): string {
  const order = [1, 0, 2, 3, 4, 5, 6, 7, 8];
  return (
    order
      .filter((bit) => flags & (1 << bit))
      .map((bit) => flagNames[bit])
      .join(', ') || 'none'
  );
}

/** An attempt in one line. */
export function attemptLine(a: Attempt): string {
  const frames =
    a.frames.length === 0 ? '' : ` [frame${a.frames.length > 1 ? 's' : ''} ${a.frames.join(', ')}]`;
  return `#${a.number} ${a.verdict}: ${a.sentence}${frames}${a.certainty === 'certain' ? '' : ` (${a.certainty})`}`;
}
