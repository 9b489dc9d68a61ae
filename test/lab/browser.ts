/** A browser on the lab's build, for the tests and the screenshots: serves dist-lab and notes what goes wrong. */
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { type Browser, chromium, type Page } from 'playwright-core';
import { serveFolder } from '../../src/cli/lab-server.ts';
import { root } from '../support/needs.ts';

export interface Lab {
  readonly browser: Browser;
  readonly address: string;
  /** Console errors, exceptions, and requests to other hosts, of all pages so far. */
  readonly problems: string[];
  page(hash: string, options?: Parameters<Browser['newPage']>[0]): Promise<Page>;
  /** Opens a view, does something with it, and closes it. */
  on<T>(
    hash: string,
    act: (page: Page) => Promise<T>,
    options?: Parameters<Browser['newPage']>[0],
  ): Promise<T>;
  close(): Promise<void>;
}

/** The packet list's rows. */
export const rows = (page: Page): Promise<string[]> =>
  page.locator('.lists tbody tr:has(td)').allInnerTexts();

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
  const lab: Lab = {
    browser,
    address,
    problems,
    async page(hash, options = {}): Promise<Page> {
      const page = await browser.newPage({ viewport: { width: 1440, height: 900 }, ...options });
      page.on('console', (message) => {
        // The page has an icon; for answers that are no page the browser asks for one by itself.
        if (message.location().url.endsWith('/favicon.ico')) return;
        if (message.type() === 'error' || message.type() === 'warning') problems.push(message.text());
      });
      page.on('pageerror', (error) => problems.push(error.message));
      page.on('request', (request) => {
        if (!request.url().startsWith(address) && !/^(data|blob):/.test(request.url()))
          problems.push(`request to ${request.url()}`);
      });
      await page.goto(`${address}#${hash}`);
      // What is seen before the script is no page yet.
      await page.locator('#first').waitFor({ state: 'detached' });
      await page.locator('#diagram').waitFor();
      return page;
    },
    async on(hash, act, options) {
      const page = await lab.page(hash, options);
      try {
        return await act(page);
      } finally {
        await page.close();
      }
    },
    async close(): Promise<void> {
      await browser.close();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  return lab;
}

/** English sentences on the page: three Latin words in a row, outside of code and names of the field. */
export const english = `(() => {
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node !== null; node = walker.nextNode()) {
    const parent = node.parentElement;
    if (parent.closest('script, style, .mono, .arrow, .lists td:not(.text), [lang=en], .mark.call') !== null) continue;
    // Data that was sent is quoted.
    if (/[a-z]{3,} [a-z]{2,} [a-z]{2,}/.test(node.data.replace(/“.*?”/g, ''))) found.push(node.data.trim());
  }
  for (const item of document.querySelectorAll('[aria-label], [title], [placeholder]'))
    for (const name of ['aria-label', 'title', 'placeholder'])
      if (/[a-z]{3,} [a-z]{2,} [a-z]{2,}/.test(item.getAttribute(name) ?? '')) found.push(item.getAttribute(name));
  return found;
})()`;

/** What axe-core finds, of any severity. */
export const audit = `axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice'] }).then(({ violations }) =>
  violations
    .map(({ id, nodes }) => id + ': ' + nodes.slice(0, 4).map((node) => node.html.slice(0, 160) + ' ' + node.failureSummary).join(' | ')))`;
