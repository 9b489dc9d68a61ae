import { expect, test } from 'vitest';
import { visible, visibleLines } from './visible.ts';

test('control characters, line ends and directional marks of a name are shown', () => {
  expect(visible('a\u001b]0;x\u0007\nb\r\tc\u007f')).toBe('a\\x1b]0;x\\x07\\nb\\r\\tc\\x7f');
  expect(visible('\u009b31m \u202egnp.\u2028\u2066\u061c')).toBe(
    '\\u009b31m \\u202egnp.\\u2028\\u2066\\u061c',
  );
});

test('a byte of a name that is not UTF-8 is shown as one, half of a pair as its code', () => {
  expect(visible('a\udcff.pcap')).toBe('a\\xff.pcap');
  expect(visible('\ud800')).toBe('\\ud800');
});

test('text of any script, and whole pairs, stay as they are', () => {
  for (const text of ['plain', 'é', '三次握手', '𝒳😀', 'a b'])
    expect([visible(text), visibleLines(text)]).toEqual([text, text]);
});

test('in text of several lines the line feeds and tabs stay', () => {
  expect(visibleLines('a\n\tb\r\n\u001b[2J')).toBe('a\n\tb\\r\n\\x1b[2J');
});
