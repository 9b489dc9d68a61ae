// How soon the lab shows something on a slow line and a slow machine: 1.6 Mbit/s, 150 ms there and back, a CPU four times
// slower. Needs `npm run lab -- --build` and Chromium (CHROMIUM names it, /usr/bin/chromium if not given):
//
//     node bench/lab-slow.mjs [HASH ...]
//
// For each view: ms from the start of loading until an arrow is in sight, until Play does what it says (it is pressed as
// soon as it is there), until the page's own script has taken over; and the CPU time of the main thread until then.
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { serveFolder } from '../dist/cli/lab.js';

const server = serveFolder(join(import.meta.dirname, '..', 'dist-lab'));
await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
const address = `http://127.0.0.1:${server.address().port}/`;
const browser = await chromium.launch({
  executablePath: process.env.CHROMIUM ?? '/usr/bin/chromium',
  args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--no-first-run'],
});
const views = process.argv.slice(2);
/** Notes when what is looked for is there, frame by frame. */
const watch = `(() => {
  const seen = (window.seen = {});
  const now = () => Math.round(performance.now());
  const look = () => {
    const shaft = [...document.querySelectorAll('.arrow .shaft')].find((it) => it.getBoundingClientRect().height > 1);
    if (shaft !== undefined && seen.arrow === undefined) seen.arrow = now();
    const play = document.querySelector('.play');
    if (play !== null && seen.pressed === undefined && play.getBoundingClientRect().height > 0) {
      seen.pressed = now();
      seen.label = play.getAttribute('aria-label');
      play.click();
    }
    if (seen.pressed !== undefined && seen.answered === undefined && play?.getAttribute('aria-label') !== seen.label) seen.answered = now();
    if (document.querySelector('[data-verdict]') !== null && document.getElementById('first') === null && seen.own === undefined) seen.own = now();
    requestAnimationFrame(look);
  };
  requestAnimationFrame(look);
})()`;
for (const [width, height] of [
  [1440, 900],
  [390, 844],
])
  for (const view of views.length > 0 ? views : ['', 'lang=zh', 's=07-nobody-answers']) {
    const context = await browser.newContext({ viewport: { width, height }, bypassCSP: true });
    const page = await context.newPage();
    await page.addInitScript(watch);
    const session = await context.newCDPSession(page);
    await session.send('Network.enable');
    await session.send('Network.emulateNetworkConditions', {
      offline: false,
      latency: 150,
      downloadThroughput: 200_000,
      uploadThroughput: 93_750,
    });
    await session.send('Emulation.setCPUThrottlingRate', { rate: 4 });
    await session.send('Performance.enable', { timeDomain: 'threadTicks' });
    await page.goto(`${address}${view === '' ? '' : `#${view}`}`, { waitUntil: 'commit' });
    await page.waitForFunction(() => window.seen?.own !== undefined, null, { timeout: 60_000 });
    const { metrics } = await session.send('Performance.getMetrics');
    const work = metrics.find(({ name }) => name === 'TaskDuration').value * 1000;
    const { arrow, pressed, answered, own } = await page.evaluate(() => window.seen);
    process.stdout.write(
      `${width}×${height} #${view}: first arrow ${arrow} ms, Play there ${pressed}, answers ${answered}, own script ${own}; main thread ${work.toFixed(0)} ms of CPU\n`,
    );
    await context.close();
  }
await browser.close();
server.close();
