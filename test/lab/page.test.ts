import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { brotliCompressSync, constants } from 'node:zlib';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { missing, root, testNeeding } from '../support/needs.ts';
import { english, type Lab, openLab, rows } from './browser.ts';

const test = testNeeding('test/lab/page.test.ts', 'chromium');
const testWithTshark = testNeeding('test/lab/page.test.ts', 'chromium', 'tshark');
const ids = readdirSync(join(root, 'apps', 'lab', 'scenarios')).map((file) => file.replace('.json', ''));

let lab: Lab;
beforeAll(async () => {
  if (missing('chromium') === null) lab = await openLab();
});
afterAll(async () => {
  await lab?.close();
});

const on: Lab['on'] = (hash, act, options) => lab.on(hash, act, options);

/** Goes through a story: gives the first answer where one is asked for, and on. */
async function through(page: Page): Promise<void> {
  const steps = await page.locator('.dots li').count();
  for (let step = 1; step <= steps; step++) {
    await page.locator(`.story[data-step="${step}"]`).waitFor();
    const ask = page.locator('.answers .answer').first();
    if (await ask.isVisible()) await ask.click();
    await page.locator('.then').waitFor();
    if (step < steps) await page.locator('.moves .btn').last().click();
  }
}

// A browser on a busy machine is slow: what is too long here hangs.
describe('the lab', { timeout: 240_000 }, () => {
  test('plays every scenario to its end and shows the verdict that its text promises', async () => {
    await on('', async (page) => {
      for (const id of ids) {
        await page.evaluate(`location.hash = 's=${id}'`);
        await page.locator('[data-verdict="open"]').waitFor();
        expect(await page.locator('nav select').inputValue()).toBe(id);
        await page.locator('.speed select').selectOption('16');
        await through(page);
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
      await page.getByRole('button', { name: 'SVG' }).click();
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
      await page.waitForURL(/t=350000/);
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
      // The time-out comes later on the other side, which is no packet.
      expect(await page.locator('.mark.differs', { hasText: 'ETIMEDOUT' }).count()).toBe(2);
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

  test('shows the first arrow and answers to Play before its script is there, then goes on from there', async () => {
    for (const [hash, title] of [
      ['', 'The three-way handshake'],
      ['lang=zh', '三次握手'],
    ] as const) {
      const page = await lab.browser.newPage({ viewport: { width: 1440, height: 900 } });
      let open = (): void => {};
      const opened = new Promise<void>((done) => (open = done));
      await page.route(/\/assets\/.*\.js$/, async (route) => {
        await opened;
        await route.continue();
      });
      await page.goto(`${lab.address}#${hash}`, { waitUntil: 'commit' });
      await page.locator('#first .arrow .shaft').first().waitFor();
      expect(await page.locator('#first h1').innerText()).toBe(title);
      const uncovered = async (): Promise<number> => {
        const style = await page
          .locator('#first .canvas')
          .first()
          .evaluate((it) => it.style.clipPath);
        return 100 - Number(/ ([\d.]+)%/.exec(style)?.[1] ?? 100);
      };
      // The first step ends by itself; Play goes on.
      const label = (): Promise<string | null> => page.locator('#first .play').getAttribute('aria-label');
      await expect.poll(label).toMatch(/Play|播放/);
      const before = await uncovered();
      await page.locator('#first .play').click();
      await expect.poll(uncovered).toBeGreaterThan(before);
      open();
      await page.locator('#first').waitFor({ state: 'detached' });
      await page.locator('[data-verdict]').waitFor();
      // What Play began goes on.
      await expect
        .poll(() => page.evaluate("document.querySelectorAll('.arrow').length"), { timeout: 60_000 })
        .toBeGreaterThan(1);
      await page.close();
    }
  });

  test('loads at most 150 KB of script, compressed, and no later part is larger', () => {
    const size = (name: string): number =>
      brotliCompressSync(readFileSync(join(root, 'dist-lab', 'assets', name)), {
        params: { [constants.BROTLI_PARAM_QUALITY]: 9 },
      }).length;
    const page = readFileSync(join(root, 'dist-lab', 'index.html'), 'utf8');
    const files = readdirSync(join(root, 'dist-lab', 'assets')).filter((name) => name.endsWith('.js'));
    const entry = files.filter((name) => page.includes(`/${name}"`));
    expect(entry.length).toBeGreaterThan(0);
    expect(entry.reduce((sum, name) => sum + size(name), 0)).toBeLessThan(150 * 1024);
    for (const name of files) expect(size(name), name).toBeLessThan(150 * 1024);
  });

  test('asks no other host for anything, and tells no error', () => {
    expect(lab.problems).toEqual([]);
  });
});
