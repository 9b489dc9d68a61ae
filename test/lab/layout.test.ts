/** Where things stand on the page, measured in a browser: nothing covers anything, and what counts is in sight. */
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Page } from 'playwright-core';
import { afterAll, beforeAll, describe, expect } from 'vitest';
import { missing, root, testNeeding } from '../support/needs.ts';
import { type Lab, openLab } from './browser.ts';

const test = testNeeding('test/lab/layout.test.ts', 'chromium');
const ids = readdirSync(join(root, 'apps', 'lab', 'scenarios')).map((file) => file.replace('.json', ''));
const sizes = [
  { width: 1440, height: 900 },
  { width: 390, height: 844 },
];

let lab: Lab;
beforeAll(async () => {
  if (missing('chromium') === null) lab = await openLab();
});
afterAll(async () => {
  await lab?.close();
});

/**
 * Texts of the diagram that touch another text or an arrow that is not their own. Texts are turned with their arrows, so
 * their corners are compared, not the upright boxes around them.
 */
const overlaps = `(() => {
  const svg = document.querySelector('.canvas');
  const corners = (item) => {
    const { x, y, width, height } = item.getBBox();
    const m = item.getCTM();
    // A line of text is measured with room above and below its letters.
    const [top, low] = [y + height * 0.2, y + height * 0.85];
    return [[x, top], [x + width, top], [x + width, low], [x, low]].map(([a, b]) => ({ x: m.a * a + m.c * b + m.e, y: m.b * a + m.d * b + m.f }));
  };
  const cross = (o, a, b) => (a.x - o.x) * (b.y - o.y) - (a.y - o.y) * (b.x - o.x);
  const meet = (a, b, c, d) => cross(a, b, c) * cross(a, b, d) < 0 && cross(c, d, a) * cross(c, d, b) < 0;
  const inside = (p, q) => { const s = q.map((c, i) => cross(c, q[(i + 1) % 4], p)); return s.every((v) => v > 0) || s.every((v) => v < 0); };
  const sides = (q) => q.map((c, i) => [c, q[(i + 1) % 4]]);
  const quads = (a, b) => a.some((p) => inside(p, b)) || b.some((p) => inside(p, a)) || sides(a).some(([p, r]) => sides(b).some(([s, t]) => meet(p, r, s, t)));
  const texts = [...svg.querySelectorAll('text')].filter((t) => t.textContent.trim() !== '').map((t) => ({ text: t.firstChild.data ?? t.textContent, own: t.closest('.arrow'), quad: corners(t) }));
  const lines = [...svg.querySelectorAll('.arrow .shaft')].map((shaft) => {
    const m = shaft.getCTM();
    const at = (x, y) => ({ x: m.a * x + m.c * y + m.e, y: m.b * x + m.d * y + m.f });
    if (shaft.tagName === 'line') return { own: shaft.closest('.arrow'), points: [at(+shaft.getAttribute('x1'), +shaft.getAttribute('y1')), at(+shaft.getAttribute('x2'), +shaft.getAttribute('y2'))] };
    const length = shaft.getTotalLength();
    return { own: shaft.closest('.arrow'), points: Array.from({ length: 13 }, (_, i) => shaft.getPointAtLength((length * i) / 12)).map(({ x, y }) => at(x, y)) };
  });
  const found = [];
  texts.forEach((one, i) => {
    for (const other of texts.slice(i + 1)) if (quads(one.quad, other.quad)) found.push(one.text + ' | ' + other.text);
    for (const line of lines) for (let k = 1; k < line.points.length; k++)
      if (sides(one.quad).some(([p, r]) => meet(p, r, line.points[k - 1], line.points[k])) || inside(line.points[k], one.quad)) { found.push(one.text + ' | arrow ' + line.own.getAttribute('aria-label').slice(0, 60)); break; }
    const box = svg.getBoundingClientRect();
    const left = Math.min(...one.quad.map(({ x }) => x)), right = Math.max(...one.quad.map(({ x }) => x));
    if (left < -0.5 || right > box.width + 0.5) found.push(one.text + ' | cut off');
  });
  return found;
})()`;

/** Whether Play, and all arrows drawn so far, are wholly on the screen. */
const inSight = `(() => {
  const within = (box) => box.top >= 0 && box.left >= 0 && box.bottom <= innerHeight && box.right <= innerWidth;
  const view = document.querySelector('.diagram .scroll').getBoundingClientRect();
  const shafts = [...document.querySelectorAll('.arrow .shaft')].map((it) => it.getBoundingClientRect());
  return {
    play: within(document.querySelector('.play').getBoundingClientRect()),
    view: within(view),
    arrows: shafts.length,
    hidden: shafts.filter((box) => box.top < view.top - 1 || box.bottom > view.bottom + 1).length,
    wide: document.documentElement.scrollWidth - innerWidth,
  };
})()`;

/** All four with the full counts; else one size in each language. */
const views = sizes
  .flatMap((viewport) => (['en', 'zh'] as const).map((language) => ({ viewport, language })))
  .filter((_, i) => process.env.HALFOPEN_FULL !== undefined || i === 0 || i === 3);

describe.each(views)(
  'at $viewport.width by $viewport.height in $language',
  { timeout: 240_000 },
  ({ viewport, language }) => {
    test('no text lies on another or on an arrow, in any scenario at its end', async () => {
      const wrong: string[] = [];
      const look = async (page: Page): Promise<void> => {
        for (const id of ids) {
          await page.evaluate(`location.hash = 's=${id}&t=end&lang=${language}'`);
          await page.locator('[data-verdict="holds"]').waitFor();
          // What is far out of sight is not drawn: the whole diagram has to be measured.
          await page.evaluate("document.querySelector('.scroll').style.maxHeight = 'none'");
          await page.evaluate(
            'new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))',
          );
          wrong.push(...((await page.evaluate(overlaps)) as string[]).map((it) => `${id}: ${it}`));
          expect(await page.locator('.arrow text').count(), id).toBeGreaterThan(0);
        }
      };
      await lab.on('', look, { viewport });
      expect(wrong).toEqual([]);
    });

    test('on arrival Play and the packets of the first step are wholly in sight, in every scenario', async () => {
      const look = async (page: Page): Promise<void> => {
        for (const id of ids) {
          await page.evaluate(`location.hash = 's=${id}&lang=${language}'`);
          await page.waitForFunction(`document.querySelector('nav select').value === '${id}'`);
          await page.locator('.then').waitFor();
          const seen = await page.evaluate(inSight);
          expect(seen, id).toMatchObject({ play: true, view: true, hidden: 0, wide: 0 });
          expect((seen as { arrows: number }).arrows, id).toBeGreaterThan(0);
        }
      };
      await lab.on(`s=${ids.at(-1)}`, look, { viewport });
    });
  },
);
