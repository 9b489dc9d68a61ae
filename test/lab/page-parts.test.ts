/** What the page is made of, without a browser: colours, words, links. */
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { ui } from '../../apps/lab/src/text/ui.ts';
import { readChanges, withoutImpossible, withoutStrangers } from '../../apps/lab/src/world/changes.ts';
import { root } from '../support/needs.ts';

const source = join(root, 'apps', 'lab', 'src');
const css = readFileSync(join(source, 'ui', 'app.css'), 'utf8');

/** A theme's colours by name. */
function coloursOf(start: string): Record<string, string> {
  const from = css.indexOf(start);
  const block = css.slice(from, css.indexOf('}', from));
  return Object.fromEntries(
    [...block.matchAll(/--([\w-]+): (#[\da-f]{6})/g)].map(([, name, value]) => [name!, value!]),
  );
}
/** Relative luminance and contrast as WCAG 2.1 defines them. */
function luminance(colour: string): number {
  const [r, g, b] = [1, 3, 5].map((at) => {
    const c = Number.parseInt(colour.slice(at, at + 2), 16) / 255;
    return c <= 0.03928 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  }) as [number, number, number];
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}
function contrast(one: string, other: string): number {
  const [a, b] = [luminance(one), luminance(other)];
  return (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
}

describe.each([
  ['light', ':root {'],
  ['dark', ':root[data-theme="dark"]'],
])('the colours of the %s theme', (_, start) => {
  const colours = coloursOf(start);
  const of = (name: string): string => colours[name]!;

  test('are readable: text has 4.5 to 1 on every ground it stands on (WCAG 1.4.3)', () => {
    const texts = ['ink', 'muted', 'accent', 'bad', 'good', 'timer', 'call'];
    const flags = ['f-syn', 'f-synack', 'f-ack', 'f-data', 'f-fin', 'f-rst'];
    for (const name of [...texts, ...flags])
      for (const ground of ['card', 'fold', 'bg'])
        expect(contrast(of(name), of(ground)), `${name} on ${ground}`).toBeGreaterThanOrEqual(4.5);
    expect(contrast(of('accent-ink'), of('accent'))).toBeGreaterThanOrEqual(4.5);
    for (const name of ['ink', 'accent'])
      expect(contrast(of(name), of('accent-soft')), `${name} on accent-soft`).toBeGreaterThanOrEqual(4.5);
  });

  test('show bars, lifelines and the edges of fields: 3 to 1 (WCAG 1.4.11)', () => {
    const shapes = Object.keys(colours).filter((name) => name.startsWith('s-'));
    expect(shapes.length).toBeGreaterThan(6);
    for (const name of [...shapes, 'line-strong'])
      expect(contrast(of(name), of('card')), name).toBeGreaterThanOrEqual(3);
  });
});

test('every word of the page is used, and the two languages differ', () => {
  const files = (readdirSync(source, { recursive: true, encoding: 'utf8' }) as string[])
    .filter((name) => /\.(svelte|ts)$/.test(name) && !name.endsWith('ui.ts'))
    .map((name) => readFileSync(join(source, name), 'utf8'))
    .join('\n');
  // What a packet came to is looked up by the event's cause.
  const causes = ['loss', 'dropped', 'queue-full', 'cut'];
  const unused = Object.keys(ui).filter((word) => !causes.includes(word) && !files.includes(`'${word}'`));
  expect(unused).toEqual([]);
  for (const [en, zh] of Object.values(ui)) expect(zh).not.toBe(en);
});

describe('a link', () => {
  test('is read as far as it can be, and tells what it could not', () => {
    const { changes, leftOut } = readChanges(
      's=x&drop=wire/client/2&drop=wire/client&set=client/net.ipv4.tcp_sack/0&loss=7&isn=md6&colour=red&compare&t=5',
    );
    expect(changes.interventions).toEqual([{ link: 'wire', from: 'client', n: 2, action: 'drop' }]);
    expect(changes.sysctls).toEqual({ client: { 'net.ipv4.tcp_sack': '0' } });
    expect(leftOut).toEqual(['drop=wire/client', 'loss=7', 'isn=md6', 'colour=red']);
  });

  test('does nothing to a packet that nobody sends, nor to a byte that it has not, and tells so', () => {
    const packet = { link: 'wire', from: 'client', n: 1 };
    const { changes } = readChanges(
      'drop=wire/client/1&drop=wire/client/99&delay=tunnel/client/1/5&corrupt=wire/client/1/4000/1',
    );
    const found = withoutImpossible(changes, [{ kind: 'sent', packet, bytes: new Uint8Array(60) }]);
    // Of several things done to one packet the last counts in the run; here only the dropping is possible.
    expect(found.changes.interventions).toEqual([{ ...packet, action: 'drop' }]);
    expect(found.leftOut).toEqual([
      'drop=wire/client/99',
      'delay=tunnel/client/1/5',
      'corrupt=wire/client/1/4000/1',
    ]);
  });

  test('sets nothing that its hosts do not have', () => {
    const { changes } = readChanges('set=client/a/1&set=nobody/a/1&set=client/b/x');
    const { changes: kept, leftOut } = withoutStrangers(changes, ['client'], (name) => name === 'a');
    expect(kept.sysctls).toEqual({ client: { a: '1' } });
    expect(leftOut).toEqual(['set=client/b/x', 'set=nobody/a/1']);
  });
});
