/** The library's entries in other runtimes: what they do there is, to the letter, what they do in this Node. */
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join, normalize } from 'node:path';
import { chromium } from 'playwright-core';
import { expect, test } from 'vitest';
import { root, testNeeding } from '../support/needs.ts';

const where = 'test/runtimes/runtimes.test.ts';
const start = join(import.meta.dirname, 'start.mjs');

/** What the program prints. */
function lines(command: string, args: readonly string[] = []): string[] {
  const { stdout, stderr, error } = spawnSync(command, [...args, start], {
    encoding: 'utf8',
    timeout: 60_000,
    env: { ...process.env, NO_COLOR: '1' },
  });
  return [`${error ?? ''}${stderr}`, ...stdout.trimEnd().split('\n')];
}

const here = lines(process.execPath);

test('the program does something, here in Node', () => {
  expect(here[0]).toBe('');
  expect(here).toContain('callbacks');
  expect(here).toContain('connect ECONNREFUSED 192.0.2.2:8');
  expect(here).toContain('streams');
  expect(here).toContain('script: true');
  expect(here.filter((line) => line.includes('192.0.2.1')).length).toBeGreaterThan(10);
});

const nodes = process.env.HALFOPEN_NODES ?? '';
for (const major of [22, 24, 26]) {
  const node = join(nodes, `${major}`, 'node_modules', 'node', 'bin', 'node');
  testNeeding(where, 'node-matrix').skipIf(nodes !== '' && !existsSync(node))(`Node ${major}`, () => {
    expect(lines(node)).toEqual(here);
  });
}

const kit = (name: string, path: string): string => join(root, '.cache', name, 'node_modules', path);

testNeeding(where, 'bun')('Bun', () => {
  expect(lines(kit('bun', '.bin/bun'))).toEqual(here);
});

testNeeding(where, 'deno')('Deno, which is allowed to read and nothing else', () => {
  expect(lines(kit('deno', '.bin/deno'), ['run', '--no-prompt', '--allow-read'])).toEqual(here);
});

testNeeding(where, 'chromium')('a browser', async () => {
  const page = `<!DOCTYPE html><script type="module">
    import { program } from '/test/runtimes/program.mjs';
    const capture = new Uint8Array(await (await fetch('/docs/examples/attempts.pcapng')).arrayBuffer());
    window.lines = program((name) => import('/dist/' + name), capture);
  </script>`;
  const server = createServer((request, response) => {
    const path = normalize(decodeURIComponent(request.url!));
    if (path === '/') return response.setHeader('content-type', 'text/html').end(page);
    const file = join(root, path);
    if (!/^\/(dist|test\/runtimes|docs)\//.test(path) || !existsSync(file))
      return response.writeHead(404).end();
    response.setHeader('content-type', /js$/.test(path) ? 'text/javascript' : 'application/octet-stream');
    return response.end(readFileSync(file));
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const browser = await chromium.launch({ executablePath: '/usr/bin/chromium', args: ['--no-sandbox'] });
  try {
    const tab = await browser.newPage();
    await tab.goto(`http://127.0.0.1:${(server.address() as AddressInfo).port}/`);
    await tab.waitForFunction('window.lines !== undefined');
    expect(['', ...((await tab.evaluate('window.lines')) as string[])]).toEqual(here);
  } finally {
    await browser.close();
    server.closeAllConnections();
    server.close();
  }
});
