import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import fc from 'fast-check';
import { expect, test } from 'vitest';
import { formatFailure, runScript } from '../../src/drill/index.ts';
import { openHost } from '../../src/drill/on-host.ts';
import { full, root } from '../support/needs.ts';

const folder = join(root, 'scripts');
const scripts = readdirSync(folder)
  .filter((name) => name.endsWith('.pkt'))
  .map((name) => readFileSync(join(folder, name), 'utf8'));
/** What scripts are made of, and some things they are not. */
const pieces = [
  ...new Set(scripts.flatMap((text) => text.match(/[A-Za-z_]\w*|\d+|[^\sA-Za-z0-9]/g) ?? [])),
  ...['0x', '9999999999', '-1', '*', '...', '%{', '}%', '`', '"', '/*', '::', '1:2(3)', '~', '\0', 'é', '\n'],
];

interface Edit {
  readonly at: number;
  readonly remove: number;
  readonly insert: readonly string[];
}
const edit: fc.Arbitrary<Edit> = fc.record({
  at: fc.double({ min: 0, max: 1, noNaN: true }),
  remove: fc.integer({ min: 0, max: 12 }),
  insert: fc.array(fc.constantFrom(...pieces), { maxLength: 3 }),
});

function damage(text: string, edits: readonly Edit[]): string {
  for (const { at, remove, insert } of edits) {
    const start = Math.floor(at * text.length);
    text = text.slice(0, start) + insert.join(' ') + text.slice(start + remove);
  }
  return text;
}

test('a damaged script passes or fails with a clear message: no crash, no hang, nothing internal', () => {
  fc.assert(
    fc.property(
      fc.constantFrom(...scripts),
      fc.array(edit, { minLength: 1, maxLength: 4 }),
      (script, edits) => {
        const text = damage(script, edits);
        const started = performance.now();
        const { failure } = runScript({ file: 'damaged.pkt', text, open: (network) => openHost(network) });
        expect(performance.now() - started).toBeLessThan(5000);
        if (failure === null) return;
        expect(failure.kind, formatFailure(failure, text)).not.toBe('internal');
        expect(failure.message).not.toBe('');
        expect(formatFailure(failure, text)).toMatch(/^damaged\.pkt/);
      },
    ),
    { numRuns: full ? 20_000 : 400 },
  );
});
