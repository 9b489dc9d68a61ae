/** A browser on the lab's build, for the tests and the screenshots: serves dist-lab and notes what goes wrong. */
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import { serveFolder } from '../../src/cli/lab.ts';
import { root } from '../needs.ts';

export interface Lab {
  readonly browser: Browser;
  readonly address: string;
  /** Console errors, exceptions, and requests to other hosts, of all pages so far. */
  readonly problems: string[];
  page(hash: string, options?: Parameters<Browser['newPage']>[0]): Promise<Page>;
  close(): Promise<void>;
}

export async function openLab(): Promise<Lab> {
  const server = serveFolder(join(root, 'dist-lab'));
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const address = `http://127.0.0.1:${(server.address() as AddressInfo).port}/`;
  const browser = await chromium.launch({
    executablePath: '/usr/bin/chromium',
    args: [
      '--no-sandbox',
      '--disable-gpu',
      '--disable-background-networking',
      '--disable-component-update',
      '--disable-sync',
      '--no-first-run',
    ],
  });
  const problems: string[] = [];
  return {
    browser,
    address,
    problems,
    async page(hash, options = {}): Promise<Page> {
      const page = await browser.newPage({ viewport: { width: 1440, height: 900 }, ...options });
      page.on('console', (message) => {
        if (message.type() === 'error' || message.type() === 'warning') problems.push(message.text());
      });
      page.on('pageerror', (error) => problems.push(error.message));
      page.on('request', (request) => {
        if (!request.url().startsWith(address) && !/^(data|blob):/.test(request.url()))
          problems.push(`request to ${request.url()}`);
      });
      await page.goto(`${address}#${hash}`);
      await page.locator('#diagram').waitFor();
      return page;
    },
    async close(): Promise<void> {
      await browser.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
