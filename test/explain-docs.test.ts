import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'vitest';
import { sampleCapture } from './explain-sample.ts';
import { root } from './needs.ts';

const sample = join(root, 'docs', 'examples', 'attempts.pcapng');
if (process.env.HALFOPEN_SAMPLE) writeFileSync(sample, sampleCapture());
test('x', () => {});
