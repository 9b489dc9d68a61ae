// npm run lab:screenshots [FOLDER]: a picture of every scenario at its end, in both themes, at 1440 and 390 pixels.
import { mkdirSync, readdirSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { chromium } from 'playwright-core';
import { buildLab } from './lab.mjs';
import { build, install, root } from './setup.mjs';

install();
await build();
buildLab();
const { serveFolder } = await import('../build/cli/lab-server.js');

const folder = resolve(
  process.env.INIT_CWD ?? '.',
  process.argv[2] ?? join(root, '.cache', 'lab-screenshots'),
);
mkdirSync(folder, { recursive: true });
const server = serveFolder(join(root, 'dist-lab'));
await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
const address = `http://127.0.0.1:${server.address().port}/`;
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--no-first-run'],
});
// Which packet each picture has open: the first of whatever the first host sends.
const ids = readdirSync(join(root, 'apps', 'lab', 'scenarios')).map((name) => name.replace('.json', ''));
for (const colorScheme of ['light', 'dark'])
  for (const width of [1440, 390]) {
    const page = await browser.newPage({ viewport: { width, height: 900 }, colorScheme });
    await page.goto(address);
    for (const id of ids) {
      await page.evaluate((hash) => {
        location.hash = hash;
      }, `s=${id}&t=end`);
      await page.locator('[data-verdict="holds"]').waitFor();
      await page.locator('.lists .pick').nth(1).click();
      await page.evaluate(() => scrollTo(0, 0));
      await page.screenshot({ path: join(folder, `${id}-${colorScheme}-${width}.png`), fullPage: true });
    }
    await page.close();
  }
await browser.close();
server.close();
process.stdout.write(`${ids.length * 4} pictures in ${folder}\n`);
