import { readFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { missing, root, testNeeding } from '../support/needs.ts';
import { audit, english, type Lab, openLab, rows } from './browser.ts';

const test = testNeeding('test/lab/page-use.test.ts', 'chromium');
const axe = readFileSync(createRequire(import.meta.url).resolve('axe-core/axe.min.js'), 'utf8');

let lab: Lab;
beforeAll(async () => {
  if (missing('chromium') === null) lab = await openLab();
});
afterAll(async () => {
  await lab?.close();
});
const on: Lab['on'] = (hash, act, options) => lab.on(hash, act, options);

/** Drops a file, or a text if there is no name, on the page. */
async function drop(page: Page, content: Buffer, name: string | null): Promise<void> {
  const data = await page.evaluateHandle(
    `(() => {
      const data = new DataTransfer();
      const bytes = Uint8Array.from(atob('${content.toString('base64')}'), (c) => c.charCodeAt(0));
      if (${JSON.stringify(name)} === null) data.setData('text/plain', 'a text');
      else data.items.add(new File([bytes], ${JSON.stringify(name)}));
      return data;
    })()`,
  );
  await page.dispatchEvent('#diagram', 'dragover', { dataTransfer: data });
  await page.dispatchEvent('#diagram', 'drop', { dataTransfer: data });
}

// A browser on a busy machine is slow: what is too long here hangs.
describe('the lab', { timeout: 240_000 }, () => {
  test('explains a capture that is dropped on it, in both languages', async () => {
    const capture = readFileSync(join(root, 'docs', 'examples', 'attempts.pcapng'));
    await on('s=07-nobody-answers&t=end', async (page) => {
      await drop(page, capture, 'attempts.pcapng');
      await page.locator('[data-explained]').waitFor();
      expect(page.workers().length).toBe(1);
      const verdicts = await page.locator('.attempt .verdict').allInnerTexts();
      expect(verdicts).toContain('self-connect');
      const self = page.locator('.attempt', { hasText: 'self-connect' });
      await self.click();
      // Its packets are in the diagram, with every bit of their headers.
      await page.locator('.banner', { hasText: 'self-connect' }).waitFor();
      expect(await page.locator('.arrow').count()).toBeGreaterThan(2);
      await page.locator('.arrow').first().click();
      expect(await page.locator('.panels h3').first().innerText()).toContain('SYN');
      expect(await page.locator('.panels .cell').count()).toBeGreaterThan(15);
      expect(await page.locator('.explain .details').innerText()).toMatch(/Shown by frames? \d+/);
      await page.locator('.explain .details .btn').click();
      expect(await page.locator('.pair h2').allInnerTexts()).toContain('Self-connect');
      await page.locator('.explain .details .btn').click();
      await page.getByRole('button', { name: '中文' }).click();
      expect(await page.locator('.attempt', { hasText: '自连接' }).innerText()).toContain('连上了自己');
      for (const attempt of await page.locator('.attempt').all()) {
        await attempt.click();
        expect(await page.evaluate(english)).toEqual([]);
      }
      // What is looked for is found by verdict and by address.
      await page.locator('.filter select').selectOption('self-connect');
      expect(await page.locator('.attempt').count()).toBe(1);
      await page.locator('.filter input').fill('203.0.113.77');
      expect(await page.locator('.attempt').count()).toBe(0);
      // A text that is dropped is no capture, and takes nothing away.
      await drop(page, Buffer.alloc(0), null);
      expect(await page.locator('.explain').count()).toBe(1);
      await drop(page, Buffer.from('no capture at all'), 'notes.txt');
      await page.locator('.explain .bad').waitFor();
      await page.getByRole('button', { name: '关闭', exact: true }).click();
      expect(await page.locator('.explain').count()).toBe(0);
    });
  });

  test('explains a capture that is chosen, the same one again as well', async () => {
    await on('s=07-nobody-answers&t=end', async (page) => {
      const waiting = page.waitForEvent('download');
      await page.getByRole('button', { name: 'pcapng' }).click();
      const path = await (await waiting).path();
      for (let i = 0; i < 2; i++) {
        await page.locator('input[type=file]').setInputFiles(path);
        await page.locator('[data-explained="1"]').waitFor();
        await page.locator('.banner').waitFor();
        expect(await page.locator('.arrow').count()).toBeGreaterThan(2);
        await page.locator('.explain header .btn').click();
      }
    });
  });

  test('keeps what was written into a script while other tabs are looked at', async () => {
    await on('s=01-three-way-handshake', async (page) => {
      const open = async (): Promise<void> => {
        await page.getByRole('tab', { name: 'Script' }).click();
        await page.locator('[data-script]').waitFor();
      };
      await open();
      await page.locator('.cm-content').click();
      await page.keyboard.press('Control+End');
      await page.keyboard.type('\n// mine');
      await page.getByRole('tab', { name: 'Packet', exact: true }).click();
      await open();
      expect(await page.locator('.cm-content').innerText()).toContain('// mine');
      // A reload keeps it as well.
      await page.reload();
      await open();
      expect(await page.locator('.cm-content').innerText()).toContain('// mine');
      await page.getByRole('button', { name: 'original' }).click();
      await expect.poll(() => page.locator('.cm-content').innerText()).not.toContain('// mine');
    });
  });

  test('says what of a link it could not understand, and shows the rest', async () => {
    const broken =
      's=02-sequence-numbers&drop=wire&drop=wire/client/99&script=%E0%A4%A&set=client/net.ipv4.nonsense/1&set=server/net.ipv4.tcp_sack/0&t=soon&p=wire/x/1';
    await on(broken, async (page) => {
      const notice = await page.locator('.notice').innerText();
      for (const part of [
        'drop=wire',
        'drop=wire/client/99',
        'script=',
        'nonsense/1',
        't=soon',
        'p=wire/x/1',
      ])
        expect(notice).toContain(part);
      expect(notice).not.toContain('tcp_sack');
      await page.getByRole('tab', { name: 'Break it' }).click();
      expect(await page.locator('.panels ul').innerText()).toContain('tcp_sack = 0');
      await page.locator('.notice button').click();
      expect(await page.locator('.notice').count()).toBe(0);
    });
    await on('s=no-such-scenario', async (page) => {
      expect(await page.locator('.notice').innerText()).toContain('s=no-such-scenario');
      expect(await page.locator('h1').innerText()).toBe('The three-way handshake');
    });
    await on('s=no-such-scenario&embed=1', async (page) => {
      expect(await page.locator('.notice').innerText()).toContain('s=no-such-scenario');
    });
  });

  test('goes back to the scenario before with the browser', async () => {
    await on('s=01-three-way-handshake', async (page) => {
      await page.locator('nav select').selectOption('07-nobody-answers');
      await page.waitForURL(/07-nobody/);
      await page.goBack();
      await page.getByRole('heading', { name: 'The three-way handshake' }).waitFor();
      await page.goForward();
      await page.getByRole('heading', { name: 'A SYN that nobody answers' }).waitFor();
    });
  });

  test('says that it could not copy, and offers the text, where there is no clipboard', async () => {
    await on('s=01-three-way-handshake&lang=zh', async (page) => {
      await page.evaluate("Object.defineProperty(navigator, 'clipboard', { value: undefined })");
      await page.getByRole('button', { name: '嵌入' }).click();
      const frame = await page.locator('.refused input').inputValue();
      expect(frame).toContain('&amp;lang=zh&amp;embed=1"');
      await page.setContent(frame);
      const inner = page.frameLocator('iframe');
      await inner.locator('.play').click();
      expect(await inner.locator('.bar b').innerText()).toBe('三次握手');
      expect(await inner.locator('nav, .panels').count()).toBe(0);
    });
  });

  test('refuses numbers that mean nothing, and takes the others', async () => {
    await on('s=02-sequence-numbers&t=end', async (page) => {
      await page.getByRole('tab', { name: 'Break it' }).click();
      await page.locator('#loss').fill('150');
      await page.locator('#loss').press('Tab');
      expect(await page.locator('.panels .bad').innerText()).toContain('0–100');
      await page.locator('#loss').fill('100');
      await page.locator('#loss').press('Tab');
      expect(await page.locator('.panels .bad').count()).toBe(0);
      // The FIN comes to nothing as well.
      expect((await rows(page)).every((row) => row.includes('lost on the way'))).toBe(true);
    });
  });

  test('leads through tabs with arrow keys', async () => {
    await on('s=01-three-way-handshake', async (page) => {
      await page.getByRole('tab', { name: 'Packet', exact: true }).focus();
      await page.keyboard.press('ArrowRight');
      await page.keyboard.press('ArrowRight');
      await page.locator('#loss').waitFor();
      await page.keyboard.press('Home');
      expect(await page.locator('.panels [aria-selected=true]').innerText()).toBe('Packet');
    });
  });

  test('plays from moment to moment for readers who want no motion', async () => {
    const places = async (reducedMotion: 'reduce' | 'no-preference'): Promise<number> =>
      on(
        's=01-three-way-handshake',
        async (page) => {
          await page.locator('.speed select').selectOption('2');
          await page.evaluate(`(() => {
            window.seen = new Set();
            const look = () => { seen.add(document.querySelector('.scrub').value); requestAnimationFrame(look); };
            look();
          })()`);
          await page.keyboard.press('Home');
          await page.locator('.play').click();
          await page.locator('[data-verdict="holds"]').waitFor();
          return page.evaluate('seen.size');
        },
        { reducedMotion },
      );
    expect(await places('reduce')).toBeLessThan(12);
    expect(await places('no-preference')).toBeGreaterThan(12);
  });

  test('shows on a telephone what was chosen, and is nowhere wider than it', async () => {
    await on(
      's=07-nobody-answers&t=end',
      async (page) => {
        await page.locator('.arrow').first().click();
        const place = (): Promise<number> =>
          page.evaluate("document.querySelector('.panels').getBoundingClientRect().top / innerHeight");
        await expect.poll(place).toBeLessThan(0.7);
        for (const hash of ['s=07-nobody-answers&t=end&compare=1', 's=05a-forged-connection&t=end']) {
          await page.evaluate(`location.hash = '${hash}'`);
          await page.locator('[data-verdict="holds"]').waitFor();
          expect(await page.evaluate('document.documentElement.scrollWidth')).toBeLessThanOrEqual(390);
          // Nor is a time cut off at the left: they end where they should, and begin on the page.
          const left = `Math.min(...[...document.querySelectorAll('.canvas .clock')].map((it) => it.getBBox().x))`;
          expect(await page.evaluate(left)).toBeGreaterThanOrEqual(0);
        }
      },
      { viewport: { width: 390, height: 844 } },
    );
  });

  test('has no finding of axe-core of any severity, in both themes and at both widths', async () => {
    const views: [string, number, 'light' | 'dark', string[]][] = [
      [
        's=02-sequence-numbers&t=end&p=wire/client/2',
        1440,
        'light',
        ['Packet', 'State', 'Break it', 'Script'],
      ],
      ['s=05a-forged-connection&t=end&p=lan/attacker/1&compare=1', 1440, 'dark', ['Packet', 'Script']],
      ['s=09-self-connect&t=end&lang=zh', 390, 'dark', ['报文', '状态', '脚本']],
      ['s=12-detection&t=end&compare=1', 390, 'light', ['Break it']],
    ];
    for (const [hash, width, colorScheme, tabs] of views)
      await on(
        hash,
        async (page) => {
          await page.evaluate(axe);
          await page.locator('.bar').last().dispatchEvent('click');
          for (const name of tabs) {
            await page.locator('.panels').getByRole('tab', { name, exact: true }).click();
            if (name === 'Script' || name === '脚本') await page.locator('[data-script]').waitFor();
            expect(await page.evaluate(audit), `${hash} ${name}`).toEqual([]);
          }
        },
        { viewport: { width, height: 900 }, colorScheme, bypassCSP: true },
      );
    const capture = readFileSync(join(root, 'docs', 'examples', 'attempts.pcapng'));
    await on(
      's=01-three-way-handshake',
      async (page) => {
        await drop(page, capture, 'attempts.pcapng');
        await page.locator('[data-explained]').waitFor();
        await page.locator('.attempt').first().click();
        await page.evaluate(axe);
        expect(await page.evaluate(audit)).toEqual([]);
      },
      { bypassCSP: true },
    );
  });

  test('has told no error on the console, and asked no other host', () => {
    expect(lab.problems).toEqual([]);
  });
});
