import { expect, test } from 'vitest';
import { reasons } from '../tcp/reasons.ts';
import { sentence, words } from './words.ts';

test('every code has a sentence in both languages, and there is no sentence without a code', () => {
  expect(Object.keys(words).sort()).toEqual([...reasons].sort());
  for (const reason of reasons) {
    expect(sentence(reason, 'en'), reason).toMatch(/^[a-zA-Z][^{}]{10,}[^.]$/);
    expect(sentence(reason, 'zh'), reason).toMatch(/[\u4e00-\u9fff]/);
    expect(sentence(reason, 'en'), reason).not.toMatch(/[\u4e00-\u9fff]/);
  }
});

test('no two codes share a sentence', () => {
  for (const language of ['en', 'zh'] as const)
    expect(new Set(reasons.map((reason) => sentence(reason, language))).size).toBe(reasons.length);
});
