import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, relative, sep } from 'node:path';
import { describe, expect, test } from 'vitest';
import { connected, importCircles } from '../support/import-circles.ts';
import { root } from '../support/needs.ts';

/** Which folders of src/ a folder may import from, beside itself. The arrows of ARCHITECTURE.md. */
const arrows: Record<string, readonly string[]> = {
  messages: [],
  live: [],
  wire: [],
  tcp: ['wire'],
  host: ['wire', 'tcp'],
  sim: ['wire', 'tcp', 'host'],
  drill: ['messages', 'wire', 'tcp', 'host', 'sim'],
  embed: ['wire', 'tcp', 'host', 'sim'],
  explain: ['messages', 'wire'],
  view: ['messages', 'wire', 'tcp', 'host', 'sim', 'explain'],
  doctor: ['messages', 'tcp', 'linux', 'wire'],
  watch: ['linux', 'wire'],
  guard: ['messages', 'tcp'],
  linux: ['messages', 'wire', 'sim', 'embed', 'drill'],
  ports: ['messages', 'doctor', 'sim'],
  compare: ['messages', 'wire', 'drill', 'sim'],
  warden: ['messages', 'linux', 'wire', 'doctor'],
};

/** The rooms of src/explain: bytes go through them from left to right. */
const rooms: Record<string, readonly string[]> = {
  decode: [],
  track: ['decode'],
  judge: ['decode', 'track'],
  output: ['decode', 'track', 'judge'],
  stories: ['decode', 'track', 'judge', 'output'],
};

/** Folders that must give the same output for the same input: no clock, no randomness, no I/O. */
const deterministic = ['wire', 'tcp', 'host', 'sim', 'drill', 'view'];

const sources = (readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' }) as string[])
  .filter((name) => name.endsWith('.ts'))
  .map((name) => ({ name: name.split(sep).join('/'), text: readFileSync(join(root, 'src', name), 'utf8') }));
/** What is built; `testing*.ts` is what tests beside the code share. */
const shipped = sources.filter(({ name }) => !/(\.test|(^|\/)testing[\w-]*)\.ts$/.test(name));
const folderOf = (name: string): string => (name.includes('/') ? name.slice(0, name.indexOf('/')) : '');

describe('style', () => {
  test('imports between folders go one way', () => {
    const wrong: string[] = [];
    for (const { name, text } of shipped) {
      const folder = folderOf(name);
      const allowed = arrows[folder];
      if (allowed === undefined) continue;
      for (const match of text.matchAll(/(?:from|import\()\s*'(\.[^']*)'/g)) {
        const target = relative(join(root, 'src'), join(root, 'src', dirname(name), match[1]!));
        const to = folderOf(target.split(sep).join('/'));
        if (to !== folder && !allowed.includes(to)) wrong.push(`${name} imports ${target}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  test('no files import each other in a circle, types included', () => {
    const graph = { a: ['b'], b: ['c'], c: ['a', 'd'], d: ['e'], e: [] };
    expect(connected(new Map(Object.entries(graph))).filter((part) => part.length > 1)).toEqual([
      ['a', 'b', 'c'],
    ]);
    expect(importCircles(join(root, 'src'))).toEqual([]);
    expect(importCircles(join(root, 'apps', 'lab', 'src'))).toEqual([]);
  });

  test('nothing in src/ imports from outside, and nothing that is built from what only tests use', () => {
    const upward = sources.flatMap(({ name, text }) =>
      [...text.matchAll(/(?:from|import\()\s*'(\.[^']*)'/g)]
        .map((match) => join(dirname(name), match[1]!).split(sep).join('/'))
        .filter((target) => target.startsWith('..') && target !== '../package.json')
        .map((target) => `${name} imports ${target}`),
    );
    const testing = shipped
      .filter(({ text }) => /from '[^']*\/testing[\w-]*\.ts'/.test(text))
      .map(({ name }) => `${name} imports what only tests use`);
    expect([...upward, ...testing]).toEqual([]);
  });

  test('the rooms of explain know only the rooms before them', () => {
    const roomOf = (name: string): string => /^explain\/(\w+)\//.exec(name)?.[1] ?? '';
    const wrong: string[] = [];
    for (const { name, text } of shipped) {
      const room = roomOf(name);
      if (room === '') continue;
      for (const [, path] of text.matchAll(/(?:from|import\()\s*'(\.[^']*)'/g)) {
        const target = relative(join(root, 'src'), join(root, 'src', dirname(name), path!))
          .split(sep)
          .join('/');
        const to = roomOf(target);
        const outside = target.startsWith('explain/') && to !== room && !rooms[room]?.includes(to);
        if (outside) wrong.push(`${name} imports ${target}`);
      }
    }
    expect(wrong).toEqual([]);
  });

  test('imports name their file with its ending', () => {
    const wrong = shipped.flatMap(({ name, text }) =>
      [...text.matchAll(/from '(\.[^']*)'/g)]
        .filter((match) => !/\.(ts|js|json)$/.test(match[1]!))
        .map((match) => `${name}: ${match[1]}`),
    );
    expect(wrong).toEqual([]);
  });

  test('what a file exports somebody else uses', () => {
    const lists = ['src', 'apps', 'test', 'bench', 'tools', 'docs'].flatMap((folder) =>
      (readdirSync(join(root, folder), { recursive: true, encoding: 'utf8' }) as string[])
        .filter((name) => /\.(m?[jt]s|svelte)$/.test(name) && !/(^|[\\/])(node_modules|dist)[\\/]/.test(name))
        .map((name) => ({ name: `${folder}/${name}`, text: readFileSync(join(root, folder, name), 'utf8') })),
    );
    const files = lists.map(({ name, text }) => ({ name, text, words: new Set(text.match(/\w+/g)) }));
    const wrong = files
      .filter(
        ({ name }) =>
          /^(src|apps)[\\/].*(?<!\.test)(?<!testing[\w-]*)\.ts$/.test(name) &&
          !/[\\/](index|streams)\.ts$/.test(name),
      )
      .flatMap(({ name, text }) =>
        [
          ...text.matchAll(
            /^export (?:abstract |async )?(?:const|function\*?|class|interface|type|let) (\w+)/gm,
          ),
        ]
          .filter((match) => !files.some((other) => other.name !== name && other.words.has(match[1]!)))
          .map((match) => `${name}: ${match[1]}`),
      );
    expect(wrong).toEqual([]);
  });

  test('the protocol and what runs it have no clock, no randomness and no I/O of their own', () => {
    const banned =
      /\b(Date\.now|new Date\(|Math\.random|performance\.now|setTimeout\(|setInterval\(|process\.|console\.|from 'node:)/;
    const wrong: string[] = [];
    for (const { name, text } of shipped) {
      if (!deterministic.includes(folderOf(name))) continue;
      text.split('\n').forEach((line, index) => {
        const code = line.replace(/\/\/.*$|^\s*\*.*$|^\s*\/\*.*$/, '');
        if (banned.test(code)) wrong.push(`${name}:${index + 1}: ${line.trim()}`);
      });
    }
    expect(wrong).toEqual([]);
  });

  test('no file is too long to read in a sitting (400 lines)', () => {
    const wrong = shipped
      .map(({ name, text }) => ({ name, lines: text.split('\n').length - 1 }))
      .filter(({ lines }) => lines > 400)
      .map(({ name, lines }) => `${name}: ${lines} lines`);
    expect(wrong).toEqual([]);
  });

  test('every error thrown has a message', () => {
    const wrong = shipped.flatMap(({ name, text }) =>
      [...text.matchAll(/throw new \w*Error\(\s*\)/g)].map((match) => `${name}: ${match[0]}`),
    );
    expect(wrong).toEqual([]);
  });
});
