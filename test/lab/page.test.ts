import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { createRequire } from 'node:module';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { gzipSync } from 'node:zlib';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { missing, root, testNeeding } from '../needs.ts';
import { type Lab, openLab } from './browser.ts';

const test = testNeeding('test/lab/page.test.ts', 'chromium');
const testWithTshark = testNeeding('test/lab/page.test.ts', 'chromium', 'tshark');
const ids = readdirSync(join(root, 'apps', 'lab', 'scenarios')).map((file) => file.replace('.json', ''));
const axe = createRequire(import.meta.url).resolve('axe-core/axe.min.js');

let lab: Lab;
beforeAll(async () => {
  if (missing('chromium') === null) lab = await openLab();
});
afterAll(async () => {
  await lab?.close();
});

/** Opens a view, does something with it, and closes it. */
async function on<T>(
  hash: string,
  act: (page: Page) => Promise<T>,
  options?: Parameters<Lab['page']>[1],
): Promise<T> {
  const page = await lab.page(hash, options);
  try {
    return await act(page);
  } finally {
    await page.close();
  }
}
const rows = (page: Page): Promise<string[]> => page.locator('.lists tbody tr:has(td)').allInnerTexts();

// A browser on a busy machine is slow: what is too long here hangs.
describe('the lab', { timeout: 240_000 }, () => {
  test('plays every scenario to its end and shows the verdict that its text promises', async () => {
    await on('', async (page) => {
      for (const id of ids) {
        await page.evaluate(`location.hash = 's=${id}'`);
        await page.locator('[data-verdict="open"]').waitFor();
        expect(await page.locator('nav select').inputValue()).toBe(id);
        await page.locator('.speed select').selectOption('16');
        await page.locator('.play').click();
        await page.locator('[data-verdict="holds"]').waitFor();
      }
    });
  });

  test('sends the SYN again after one second if its answer is dropped', async () => {
    await on('s=03-what-is-exchanged&t=end&p=wire/server/1', async (page) => {
      await page.locator('.panels').getByRole('button', { name: 'Drop' }).click();
      const list = await rows(page);
      expect(list[1]).toContain('dropped on purpose');
      expect(list.find((row) => /1\.000000.*Retransmission.*\[SYN\]/s.test(row))).toBeDefined();
      expect(await page.evaluate('location.hash')).toBeDefined();
    });
  });

  test('underlines a script error at its place, and runs on change', async () => {
    await on('s=01-three-way-handshake', async (page) => {
      await page.getByRole('tab', { name: 'Script' }).click();
      await page.locator('[data-script="passed"]').waitFor();
      await page.locator('.cm-content').click();
      await page.keyboard.press('Control+End');
      await page.keyboard.type('\n+0 bogus(3) = 0');
      await page.locator('[data-script="failed"]').waitFor();
      const lines = await page.locator('.cm-line').count();
      await page.locator('.cm-lintRange-error').first().waitFor();
      expect(await page.locator('.cm-lintRange-error').first().innerText()).toContain('bogus');
      expect(await page.locator('[data-script]').innerText()).toContain(`line ${lines}`);
    });
  });

  test('shows the packets of a script in the diagram', async () => {
    await on('s=08-simultaneous-open', async (page) => {
      await page.getByRole('tab', { name: 'Script' }).click();
      await page.locator('[data-script="passed"]').waitFor();
      await page.getByRole('button', { name: 'Show its packets' }).click();
      expect((await rows(page)).length).toBeGreaterThan(3);
    });
  });

  test('leaves no English behind when switched to Chinese', async () => {
    await on('', async (page) => {
      await page.getByRole('button', { name: '中文' }).click();
      for (const id of ids) {
        await page.evaluate(`location.hash = 's=${id}&t=end&compare=1'`);
        await page.locator('[data-verdict="holds"]').waitFor();
        await page.locator('.bar').first().dispatchEvent('click');
        for (const name of ['报文', '状态', '动手破坏', '事件']) {
          await page.getByRole('tab', { name }).first().click();
          expect(await page.evaluate(english), id).toEqual([]);
        }
      }
    });
  });

  testWithTshark('hands out a capture that tshark opens', async () => {
    await on('s=02-sequence-numbers&t=end', async (page) => {
      const waiting = page.waitForEvent('download');
      await page.getByRole('button', { name: 'pcapng' }).click();
      const folder = mkdtempSync(join(tmpdir(), 'halfopen-'));
      const file = join(folder, 'lab.pcapng');
      await (await waiting).saveAs(file);
      const fields = ['-T', 'fields', '-e', 'frame.number', '-e', 'tcp.flags.str', '-e', 'frame.comment'];
      const { stdout, status } = spawnSync('tshark', ['-r', file, ...fields], { encoding: 'utf8' });
      rmSync(folder, { recursive: true });
      expect(status).toBe(0);
      expect(stdout.trim().split('\n').length).toBe((await rows(page)).length);
      expect(stdout).toContain('lost on the way (dropped)');
    });
  });

  test('saves the whole diagram as a picture that stands alone', async () => {
    await on('s=07-nobody-answers&t=1000000', async (page) => {
      const waiting = page.waitForEvent('download');
      await page.getByRole('button', { name: 'Picture' }).click();
      const svg = readFileSync(await (await waiting).path(), 'utf8');
      expect(svg).not.toMatch(/var\(--/);
      const count = `new DOMParser().parseFromString(${JSON.stringify(svg)}, 'image/svg+xml').querySelectorAll('.arrow, parsererror').length`;
      expect(await page.evaluate(count)).toBe(7);
      expect(await page.locator('output.time').innerText()).toBe('1.000000 s');
    });
  });

  test('restores a view from its link: scenario, changes, time and packet', async () => {
    const hash =
      's=02-sequence-numbers&delay=wire/client/1/300000&set=client/net.ipv4.tcp_sack/0&isn=7000&t=350000&p=wire/client/1';
    const look = async (page: Page): Promise<unknown[]> => [
      await page.locator('h1').innerText(),
      await page.locator('output.time').innerText(),
      await rows(page),
      await page.locator('.panels h3').first().innerText(),
    ];
    await on(hash, async (page) => {
      const seen = await look(page);
      expect(seen.slice(0, 2)).toEqual(['What takes a sequence number', '0.350000 s']);
      expect(JSON.stringify(seen)).toContain('Seq=7000 ');
      await page.waitForFunction("location.hash.includes('t=350000')");
      const again = await page.evaluate('location.hash');
      await on(String(again).slice(1), async (other) => expect(await look(other)).toEqual(seen));
    });
  });

  test('says where an initial sequence number really comes from', async () => {
    const why = (hash: string): Promise<string> =>
      on(hash, (page) => page.locator('.panels dl.about').innerText());
    expect(await why('s=05a-forged-connection&t=end&p=lan/server/1')).toContain('held at this value here');
    expect(await why('s=05a-forged-connection&t=end&isn=siphash&p=lan/server/1')).toContain('SipHash');
    expect(await why('s=05a-forged-connection&t=end&p=lan/attacker/4')).toContain('attacker chose');
  });

  test('compares two runs and marks what differs', async () => {
    await on('s=07-nobody-answers&compare=1&t=end', async (page) => {
      expect(await page.locator('.canvas').count()).toBe(2);
      expect(await page.locator('.banner').innerText()).toMatch(/1\d packets differ|[1-9] packets differ/);
      expect(await page.locator('.arrow.differs').count()).toBeGreaterThan(2);
    });
  });

  test('explains a capture that is dropped on it', async () => {
    await on('s=07-nobody-answers&t=end', async (page) => {
      const waiting = page.waitForEvent('download');
      await page.getByRole('button', { name: 'pcapng' }).click();
      await page.locator('input[type=file]').setInputFiles(await (await waiting).path());
      await page.locator('[data-explained="1"]').waitFor();
      await page.locator('.attempt').click();
      expect(await page.locator('.explain pre').innerText()).toContain('SYN');
    });
  });

  test('is played with the keyboard alone', async () => {
    await on('s=01-three-way-handshake', async (page) => {
      await page.keyboard.press('ArrowRight');
      await page.keyboard.press('ArrowRight');
      expect((await rows(page)).length).toBeGreaterThan(0);
      await page.keyboard.press('End');
      await page.locator('[data-verdict="holds"]').waitFor();
      await page.locator('.arrow').nth(1).focus();
      await page.keyboard.press('Enter');
      expect(await page.locator('.panels h3').first().innerText()).toContain('Packet 2');
    });
  });

  test('has no serious finding of axe-core, in both themes and at both widths', async () => {
    const views: [string, number, 'light' | 'dark'][] = [
      ['s=02-sequence-numbers&t=end&p=wire/client/2', 1440, 'light'],
      ['s=05a-forged-connection&t=end&p=lan/attacker/1', 1440, 'dark'],
      ['s=09-self-connect&t=end&lang=zh', 390, 'dark'],
    ];
    for (const [hash, width, colorScheme] of views)
      await on(
        hash,
        async (page) => {
          await page.addScriptTag({ path: axe }).catch(() => page.evaluate(readFileSync(axe, 'utf8')));
          for (const tab of [0, 1, 2]) {
            await page.locator('.panels [role=tab]').nth(tab).click();
            expect(await page.evaluate(audit)).toEqual([]);
          }
        },
        { viewport: { width, height: 900 }, colorScheme, bypassCSP: true },
      );
  });

  test('loads in less than 200 KB, and asks no other host for anything', async () => {
    await on('', async (page) => {
      const names = (await page.evaluate(
        "performance.getEntriesByType('resource').map((entry) => new URL(entry.name).pathname)",
      )) as string[];
      const files = ['index.html', ...names.filter((name) => /\.(js|css)$/.test(name))];
      const sizes = files.map((name) => gzipSync(readFileSync(join(root, 'dist-lab', name))).length);
      expect(files.length).toBeGreaterThan(2);
      expect(sizes.reduce((sum, size) => sum + size, 0)).toBeLessThan(200 * 1024);
    });
    expect(lab.problems).toEqual([]);
  });
});

/** English sentences on the page: three Latin words in a row, outside of code and names of the field. */
const english = `(() => {
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

/** What axe-core finds that is serious or critical. */
const audit = `axe.run(document, { runOnly: ['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'best-practice'] }).then(({ violations }) =>
  violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => id + ': ' + nodes.slice(0, 4).map((node) => node.html.slice(0, 160) + ' ' + node.failureSummary).join(' | ')))`;
