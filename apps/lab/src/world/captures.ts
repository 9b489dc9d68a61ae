/** What `halfopen explain` makes of a capture, for the page. */

import { explain } from '../../../../src/explain/explain.ts';
import type { Attempt } from '../../../../src/explain/judge/attempt.ts';
import { endpoint } from '../../../../src/explain/output/sentences.ts';
import { ladderPackets } from '../../../../src/view/attempt-ladder.ts';
import { facts, shownText } from '../../../../src/view/attempt-text.ts';
import { attemptWords } from '../../../../src/view/attempt-words.ts';

export { type Attempt, attemptWords, endpoint, facts, ladderPackets, shownText };

/** The connection attempts of a capture file. Throws what `explain` throws, after the last attempt. */
export const attemptsIn = (file: Blob): ReturnType<typeof explain> => explain(file.stream());
