import { spawnSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { type Browser, chromium } from 'playwright-core';
import { afterAll, beforeAll, expect } from 'vitest';
import { full, missing, root, testNeeding } from '../support/needs.ts';

const test = testNeeding('test/lab/offline.test.ts', 'chromium', 'full');
const page = join(root, 'dist-lab-offline', 'halfopen-lab.html');

let browser: Browser;
beforeAll(async () => {
  if (!full || missing('chromium') !== null) return;
  const built = spawnSync(
    process.execPath,
    ['-e', "import { buildOffline } from './tools/lab.mjs'; buildOffline();"],
    { cwd: root, encoding: 'utf8' },
  );
  if (built.status !== 0) throw new Error(`the offline page does not build: ${built.stderr}`);
  browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: ['--no-sandbox', '--disable-gpu'],
  });
}, 240_000);
afterAll(async () => {
  await browser?.close();
});

test('one file opens from the disk: it plays, shows scripts, explains captures, and asks for nothing', {
  timeout: 240_000,
}, async () => {
  const problems: string[] = [];
  const tab = await browser.newPage({ viewport: { width: 1440, height: 900 } });
  tab.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') problems.push(message.text());
  });
  tab.on('pageerror', (error) => problems.push(error.message));
  const address = pathToFileURL(page).href;
  tab.on('request', (request) => {
    if (!request.url().startsWith(address) && !/^(data|blob):/.test(request.url()))
      problems.push(`request to ${request.url()}`);
  });

  await tab.goto(`${address}#s=09-self-connect&t=end&lang=en`);
  await tab.locator('#diagram .arrow').nth(2).waitFor();
  // At the end it plays from the beginning: arrows go and come again.
  await tab.locator('.transport .play').click();
  await tab.locator('.transport[data-playing="true"]').waitFor();
  await tab.locator('.transport[data-playing="false"]').waitFor();
  expect(await tab.locator('#diagram .arrow').count()).toBeGreaterThan(2);
  for (const name of ['packet', 'state', 'break', 'practice', 'isn', 'kernel', 'script']) {
    await tab.locator(`#tab-${name}`).click();
    await tab.locator(`#tab-${name}[aria-selected="true"]`).waitFor();
  }
  await tab.locator('.cm-content', { hasText: 'socket(' }).waitFor();

  const capture = readFileSync(join(root, 'docs', 'examples', 'attempts.pcapng'));
  const data = await tab.evaluateHandle(
    `(() => {
      const data = new DataTransfer();
      data.items.add(new File([Uint8Array.from(atob('${capture.toString('base64')}'), (c) => c.charCodeAt(0))], 'attempts.pcapng'));
      return data;
    })()`,
  );
  await tab.dispatchEvent('#diagram', 'drop', { dataTransfer: data });
  await tab.locator('[data-explained] .attempt', { hasText: 'self-connect' }).first().waitFor();
  expect(tab.workers().length).toBe(1);
  expect(problems).toEqual([]);
});
