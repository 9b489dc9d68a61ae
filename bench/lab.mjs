// How fast the lab is in Chromium: loading, playing with some 200 packets, and with more than 10,000. Needs
// `npm run lab -- --build` and Chromium (CHROMIUM names it, /usr/bin/chromium if not given):
//
//     node bench/lab.mjs
//
// Frames are counted with requestAnimationFrame over three seconds of playing at 4x. The self-connect loop gives as many
// packets as wanted: its seed decides how long it takes.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { chromium } from 'playwright-core';
import { serveFolder } from '../build/cli/lab.js';

const executablePath = process.env.CHROMIUM ?? '/usr/bin/chromium';
for (const [file, how] of [
  [join(import.meta.dirname, '..', 'dist-lab', 'index.html'), 'npm run lab -- --build makes it'],
  [executablePath, 'install Chromium, or name it in CHROMIUM'],
])
  if (!existsSync(file)) {
    process.stdout.write(`the lab is not measured: there is no ${file} (${how})\n`);
    process.exit(0);
  }
const server = serveFolder(join(import.meta.dirname, '..', 'dist-lab'));
await new Promise((ready) => server.listen(0, '127.0.0.1', ready));
const address = `http://127.0.0.1:${server.address().port}/`;
const browser = await chromium.launch({
  executablePath,
  args: ['--no-sandbox', '--disable-gpu', '--disable-background-networking', '--no-first-run'],
});
const say = (name, value) => process.stdout.write(`${name.padEnd(44)} ${value}\n`);

/** Loads a view; ms until the diagram is there and drawn, and a session that counts the main thread's CPU time. */
async function open(hash) {
  const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
  const session = await page.context().newCDPSession(page);
  await session.send('Performance.enable', { timeDomain: 'threadTicks' });
  const start = performance.now();
  await page.goto(`${address}#${hash}`);
  await page.locator('.lifeline').first().waitFor({ state: 'attached' });
  await page.evaluate(
    () => new Promise((drawn) => requestAnimationFrame(() => requestAnimationFrame(drawn))),
  );
  return { page, session, ms: performance.now() - start };
}

/** Frames per second while playing, and the longest frame in ms. */
const frames = (page) =>
  page.evaluate(
    () =>
      new Promise((done) => {
        const times = [];
        const tick = (now) => {
          times.push(now);
          if (now - times[0] < 3000) requestAnimationFrame(tick);
          else {
            const gaps = times.slice(1).map((time, i) => time - times[i]);
            done({ fps: (gaps.length * 1000) / (times.at(-1) - times[0]), longest: Math.max(...gaps) });
          }
        };
        requestAnimationFrame(tick);
      }),
  );

/** What a page's main thread has worked so far, ms of CPU time: other programs on the machine do not count. */
async function worked(session) {
  const { metrics } = await session.send('Performance.getMetrics');
  return metrics.find(({ name }) => name === 'TaskDuration').value * 1000;
}

// What the machine gives an empty page at this very time: the measure for what follows.
{
  const page = await browser.newPage({ viewport: { width: 1440, height: 900 } });
  const start = performance.now();
  await page.goto(`${address}nothing`);
  const ms = performance.now() - start;
  const { fps, longest } = await frames(page);
  say('empty page: load, ms', ms.toFixed(0));
  say('empty page: frames/s (longest frame, ms)', `${fps.toFixed(1)} (${longest.toFixed(0)})`);
  await page.close();
}

const count = (page) => page.locator('.lists .tab .muted').first().innerText();
const [loads, work] = [[], []];
for (let i = 0; i < 5; i++) {
  const { page, session, ms } = await open('');
  loads.push(ms);
  work.push(await worked(session));
  await page.close();
}
say(
  'first load, ms (best, median of 5)',
  `${Math.min(...loads).toFixed(0)}, ${loads.sort((a, b) => a - b)[2].toFixed(0)}`,
);

say('first load: main thread, ms of CPU (best)', Math.min(...work).toFixed(0));

for (const [name, hash] of [
  ['about 200 packets', 's=09-self-connect&seed=19'],
  ['more than 10,000', 's=09-self-connect&seed=2&set=host/net.ipv4.ip_local_port_range/32768%2060999'],
]) {
  const { page, session, ms } = await open(`${hash}&t=end`);
  say(`${name}: packets`, await count(page));
  say(`${name}: load and draw, ms`, ms.toFixed(0));
  await page.locator('.speed select').selectOption('4');
  await page.locator('.play').click();
  const start = await worked(session);
  const { fps, longest } = await frames(page);
  const spent = (await worked(session)) - start;
  say(`${name}: frames/s playing (longest frame, ms)`, `${fps.toFixed(1)} (${longest.toFixed(0)})`);
  say(`${name}: main thread a frame, ms of CPU`, (spent / (fps * 3)).toFixed(1));
  const before = performance.now();
  await page.keyboard.press('End');
  await page.locator('[data-verdict="holds"]').waitFor();
  say(`${name}: jump to the end, ms`, (performance.now() - before).toFixed(0));
  await page.close();
}
await browser.close();
server.close();
