import { writeFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { type Attempt, explain } from '../src/explain/index.ts';
import { sample } from './explain-cli.ts';
import { sampleCapture } from './explain-sample.ts';
import { attemptsOf } from './explain-truth.ts';

if (process.env.HALFOPEN_SAMPLE) writeFileSync(sample, sampleCapture());

describe('the capture of the documentation', () => {
  test('is what the built-in stack makes of that night', async () => {
    const now: Attempt[] = [];
    for await (const attempt of explain([sampleCapture()])) now.push(attempt);
    const verdicts = (list: readonly Attempt[]): string[] => list.map((a) => `${a.verdict} ${a.server}`);
    expect(verdicts(attemptsOf(sample))).toEqual(verdicts(now));
  });
});
