import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { describe, expect, test } from 'vitest';
import { Explainer } from '../explain/explain.ts';
import type { Attempt } from '../explain/judge/attempt.ts';
import { notes, type Verdict, verdicts } from '../explain/judge/verdicts.ts';
import { sentence } from '../explain/output/sentences.ts';
import { ladderPackets } from './attempt-ladder.ts';
import { facts, shownText } from './attempt-text.ts';
import { attemptWords } from './attempt-words.ts';

const attempts: Attempt[] = [];
const explainer = new Explainer((a) => attempts.push(a));
explainer.push(readFileSync(fileURLToPath(new URL('../../docs/examples/attempts.pcapng', import.meta.url))));
explainer.end();

/** Every verdict's sentence, made of the packets of each attempt there is. */
const told: Attempt[] = attempts.flatMap((a) =>
  (Object.keys(verdicts) as Verdict[]).map((verdict) => {
    const other = { ...a, verdict, certainty: 'possible' as const };
    return { ...other, sentence: sentence(other) };
  }),
);
/** Two English words in a row. Names of the field stay, and codes in brackets. */
const english = /[a-z]{3,} [a-z]{2,}/;
const bare = (text: string): string =>
  text
    .replace(/（[a-z-]+）/g, '')
    .replace(/(SYN|accept) (cookie|队列)/g, '')
    .replace(/Fast Open( cookie)?/g, '');

describe('the words about attempts', () => {
  test('say in Chinese, without a word of English left, what they say in English', () => {
    const { zh, en } = attemptWords;
    expect(told.length).toBeGreaterThan(200);
    for (const a of told) {
      const text = zh.sentence(a);
      expect(text).toMatch(/[\u4e00-\u9fff].*。$/);
      expect(bare(text)).not.toMatch(english);
      // A verdict that the packets do not give lacks its evidence in both languages.
      expect(text.includes('undefined')).toBe(a.sentence.includes('undefined'));
      expect(en.sentence(a)).toBe(a.sentence);
      // Both name the same hosts, ports and counts.
      const numbers = (words: string): string[] => (words.match(/\d+(\.\d+)*/g) ?? []).sort();
      const missing = numbers(a.sentence).filter((n) => !numbers(text).includes(n));
      expect(missing, `${a.sentence} / ${text}`).toEqual([]);
    }
  });

  test('leave no English in what stands below the sentence', () => {
    for (const a of attempts) {
      const texts = [
        shownText(a, 'zh').replace(/，封装：.*/, ''),
        ...facts(a, 'zh').flatMap(({ label, text }) => [label, text]),
        ...ladderPackets(a, 'zh').flatMap(({ title, details }) => [title, ...details]),
      ];
      for (const text of texts) expect(bare(text)).not.toMatch(/[a-z]{3,} [a-z]{2,} [a-z]{2,}/);
      expect(texts.join('')).not.toContain('none');
    }
  });

  test('have a title for every note, in both languages', () => {
    for (const note of Object.keys(notes) as (keyof typeof notes)[]) {
      expect(attemptWords.zh.note(note)).toMatch(/^.*[\u4e00-\u9fff].*（.*）$/);
      expect(attemptWords.en.note(note)).toContain(notes[note].title);
    }
  });

  test('have every ICMP error in Chinese', () => {
    const packet = attempts[0]!.evidence.packets[0]!;
    const about = (type: number, code: number) => ({
      ...packet,
      icmp: { type, code, sender: '192.0.2.1' } as NonNullable<typeof packet.icmp>,
    });
    for (let type = 0; type < 16; type++)
      for (let code = 0; code < 18; code++)
        for (const ipv6 of [false, true])
          expect(attemptWords.zh.icmp(about(type, code), ipv6)).toMatch(/[\u4e00-\u9fff]/);
  });
});
