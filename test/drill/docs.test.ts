import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { TinyStack } from '../../docs/examples/tiny-stack.ts';
import { optionNames } from '../../src/drill/config.ts';
import { formatFailure, runScript } from '../../src/drill/index.ts';
import { openHost } from '../../src/drill/on-host.ts';
import { root } from '../support/needs.ts';

const page = readFileSync(join(root, 'docs', 'packetdrill.md'), 'utf8');
const blocks = (language: string): string[] =>
  [...page.matchAll(new RegExp(`\`\`\`${language}\\n([\\s\\S]*?)\`\`\``, 'g'))].map((match) => match[1]!);

describe('docs/packetdrill.md', () => {
  test.each(blocks('pkt').map((text) => [text.split('\n', 1)[0]!, text]))(
    'its script "%s" passes',
    (_, text) => {
      const { failure } = runScript({ file: 'docs.pkt', text, open: (network) => openHost(network) });
      expect(failure === null ? '' : formatFailure(failure, text)).toBe('');
    },
  );

  test('its program runs a script on the small stack', async () => {
    const [program] = blocks('ts');
    const body = program!.replace(/^import .*\n/gm, '');
    const printed: string[] = [];
    const console = { log: (line: string) => printed.push(line) };
    new Function('runScript', 'formatFailure', 'TinyStack', 'console', body)(
      runScript,
      formatFailure,
      TinyStack,
      console,
    );
    expect(printed).toEqual(['passed']);
  });

  test('its message is what that mistake gives', () => {
    const [message] = blocks('text').filter((text) => text.startsWith('FAIL'));
    const text = `// one\n\n    0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
   +0 setsockopt(3, SOL_SOCKET, SO_REUSEADDR, [1], 4) = 0
   +0 bind(3, ..., ...) = 0
   +0 listen(3, 1) = 0
   +0 < S 0:0(0) win 32792 <mss 1000>
   +0 > S. 0:0(0) ack 1 win 5840 <mss 1460>
`;
    const { failure } = runScript({ file: 'first.pkt', text, open: (network) => openHost(network) });
    expect(`${formatFailure(failure!, text)}\n`).toBe(message!.slice(message!.indexOf('\n') + 1));
  });

  test('it names every option', () => {
    for (const name of optionNames().filter((it) => it !== 'verbose' && it !== 'dry_run'))
      expect(page, name).toContain(`--${name}`);
  });
});
