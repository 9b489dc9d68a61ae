import { expect, test } from 'vitest';
import { reasons } from '../tcp/reasons.ts';
import { rules, ruleText } from './rules.ts';
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

test('the rule behind a code has no English word left in Chinese', () => {
  for (const { rfc, linux } of Object.values(rules))
    for (const text of [rfc, linux]) {
      const left = ruleText(text, 'zh').replace(/net\.[\w.]+|tcp_\w+|\w+\(\)|backlog/g, '');
      expect(left).not.toMatch(/\b[a-z]{3,}\b/);
      expect(ruleText(text, 'en')).toBe(text);
    }
});
