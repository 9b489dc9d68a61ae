/** What `halfopen explain` makes of a capture, for the page. */
import type { Attempt } from '../../../../src/explain/attempt.ts';
import { explain } from '../../../../src/explain/explain.ts';
import { attemptLines } from '../../../../src/view/attempt-text.ts';

export type { Attempt };

/** The connection attempts of a capture file. Throws what `explain` throws, after the last attempt. */
export const attemptsIn = (file: Blob): ReturnType<typeof explain> => explain(file.stream());

/** An attempt in full, without its first line. */
export const detailsOf = (attempt: Attempt): string =>
  attemptLines(attempt, { width: 96, colour: false }).slice(1).join('\n');
