import { readdirSync, readFileSync } from 'node:fs';
import { join, sep } from 'node:path';
import { describe, expect, test } from 'vitest';
import { languageOf, languageProblem, machineLanguage } from '../../src/cli/language.ts';
import { languageNamed, type Say, speaker, type Words } from '../../src/messages/message.ts';
import { literalsOf, sentenceLike } from '../support/literals.ts';
import { root } from '../support/needs.ts';

/** Files of commands whose texts are not in the catalogue yet. The list only gets shorter. */
const pending: readonly string[] = [
  'explain-thread.ts',
  'python3.ts',
  'run-job.ts',
  'run-plan.ts',
  'run-pool.ts',
  'run-report.ts',
];

const folder = join(root, 'src', 'messages');
const files = readdirSync(folder).filter(
  (name) => name.endsWith('.ts') && name !== 'message.ts' && !name.endsWith('.test.ts'),
);
const isWords = (value: unknown): value is Words =>
  typeof value === 'object' && value !== null && ('en' in value || 'zh' in value);

/** All texts below a value, with the way there. */
function textsIn(value: unknown, way: string): { way: string; words: Words }[] {
  if (isWords(value)) return [{ way, words: value }];
  if (typeof value === 'string') return [{ way, words: { en: value, zh: '' } }];
  if (typeof value !== 'object' || value === null) return [];
  return Object.entries(value).flatMap(([key, each]) => textsIn(each, `${way}.${key}`));
}

const texts = (
  await Promise.all(files.map(async (name) => textsIn((await import(join(folder, name))) as unknown, name)))
).flat();

const blanks = (text: string): string[] => [...text.matchAll(/\{(\w+)\}/g)].map((found) => found[1]!).sort();
const han = /[\u4e00-\u9fff]/;

/** What is not said in Chinese: words the field has other words for. */
const terms: readonly [RegExp, string][] = [
  [/(?<!端口|编|型|信|符|引|括|问|叹|逗|顿|脚)序号/, '序列号'],
  [/质询/, '挑战 ACK'],
  [/头部|报头/, '首部'],
  [/accept 队列|接受队列/, '全连接队列'],
  [/SYN 队列|半开队列/, '半连接队列'],
  [/往返时延/, '往返时间'],
  [/同时开启/, '同时打开'],
  [/自我连接/, '自连接'],
];

describe('the catalogue of messages', () => {
  test('has every text in both languages, with the same blanks', () => {
    const wrong = texts.flatMap(({ way, words: { en, zh } }) => {
      if (typeof en !== 'string' || en === '') return [`${way}: no English`];
      if (typeof zh !== 'string' || zh === '') return [`${way}: no Chinese`];
      if (han.test(en)) return [`${way}: Chinese in the English text`];
      // What is only blanks and punctuation has no words in either language.
      const words = /[A-Za-z\u4e00-\u9fff]/.test(zh.replace(/\{\w+\}/g, ''));
      if (words && !han.test(zh) && zh !== en) return [`${way}: no Chinese in the Chinese text`];
      if (zh === en && sentenceLike(en)) return [`${way}: the Chinese text is the English one`];
      return blanks(en).join() === blanks(zh).join() ? [] : [`${way}: the blanks differ`];
    });
    expect(texts.length).toBeGreaterThan(5);
    expect(wrong).toEqual([]);
  });

  test('writes Chinese as Chinese books do: full-width punctuation, one term for each thing', () => {
    const wrong = texts.flatMap(({ way, words: { zh } }) => [
      ...(/[\u4e00-\u9fff] ?[,;?!](?![\w.])|[\u4e00-\u9fff][:](?!\d)|[\u4e00-\u9fff]\.(?:\s|$)/.test(zh)
        ? [`${way}: half-width punctuation: ${zh}`]
        : []),
      ...terms.filter(([bad]) => bad.test(zh)).map(([bad, good]) => `${way}: ${bad} should be ${good}`),
    ]);
    expect(wrong).toEqual([]);
  });

  test('is where every text of a command is: none is written in one language in the code', () => {
    const commands = (readdirSync(join(root, 'src', 'cli'), { recursive: true }) as string[])
      .filter((name) => name.endsWith('.ts') && !name.endsWith('.test.ts'))
      .map((name) => name.split(sep).join('/'));
    const found = commands.flatMap((name) =>
      literalsOf(readFileSync(join(root, 'src', 'cli', name), 'utf8'))
        .filter(({ text, internal }) => !internal && (sentenceLike(text) || han.test(text)))
        .map(({ line, text }) => ({ name, at: `${name}:${line}: ${text.slice(0, 60)}` })),
    );
    expect(found.filter(({ name }) => !pending.includes(name)).map(({ at }) => at)).toEqual([]);
    const done = pending.filter((name) => !found.some((each) => each.name === name));
    expect(done, 'take these off the list').toEqual([]);
  });

  test('fills blanks, and leaves braces alone that are none', () => {
    const texts = { hello: { en: 'hello {name} {', zh: '你好 {name} {' } } as const;
    const say: Say<typeof texts> = speaker(texts, 'zh');
    expect(say('hello', { name: '$&' })).toBe('你好 $& {');
  });
});

describe('the literals of a source', () => {
  test('are found beside comments, regular expressions and templates', () => {
    const source = [
      "// 'not this'",
      "const a = /'/.test(b) ? 'one two three' : `four $" + "{x ? 'in it' : ''} five`;",
      "throw new Error('for those who program');",
      "// Not for readers: a program's own words.",
      "run('but these too and');",
    ].join('\n');
    expect(literalsOf(source).map(({ text, internal }) => [text, internal])).toEqual([
      ['one two three', false],
      ['in it', false],
      ['', false],
      ['four … five', false],
      ['for those who program', true],
      ['but these too and', true],
    ]);
  });
});

describe('the language of a command', () => {
  test('is what --lang says, else the locale by the order of POSIX, else English', () => {
    expect(languageOf(['a', '--lang', 'zh'], { LC_ALL: 'en_US.UTF-8' })).toBe('zh');
    expect(languageOf(['--lang=en'], { LANG: 'zh_CN.UTF-8' })).toBe('en');
    expect(languageOf([], { LC_ALL: '', LANG: 'zh_CN.UTF-8' })).toBe('zh');
    expect(languageOf([], { LC_ALL: 'C', LANG: 'zh_CN.UTF-8' })).toBe('en');
    expect(languageOf([], { LC_MESSAGES: 'zh_TW', LANG: 'en_US' })).toBe('zh');
    expect(languageOf([], {})).toBe('en');
    expect(languageOf(['--', '--lang', 'zh'], {})).toBe('en');
    expect(machineLanguage([])).toBe('en');
    expect(machineLanguage(['--lang', 'zh'])).toBe('zh');
  });

  test('that is neither English nor Chinese is a problem told in the language of the locale', () => {
    expect(languageProblem(['--lang', 'fr'], {})).toBe("--lang must be en or zh, not 'fr'");
    expect(languageProblem(['--lang', 'fr'], { LANG: 'zh_CN' })).toContain('只能是');
    expect(languageProblem(['--lang'], {})).toBe('--lang needs a language: en or zh');
    expect(languageProblem(['--lang', 'zh'], {})).toBeNull();
    expect(languageNamed('zhuang')).toBeNull();
  });
});
