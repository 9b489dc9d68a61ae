/**
 * Made at build: what a reader sees before the page's script is there. The page itself, rendered without a browser at the
 * beginning of a scenario, with the whole diagram of the very run in it, for wide and for narrow pages.
 */
import './browserless.ts';
import { render } from 'svelte/server';
import { lab } from '../src/lab.svelte.ts';
import App from '../src/ui/App.svelte';
import Diagram from '../src/ui/Diagram.svelte';

/** Values that follow from the scenario. Outside of a browser each is computed at every look: they are held here. */
const derived = ['run', 'shown', 'events', 'timeline', 'drawing', 'stepYs'] as const;

function hold(): void {
  const target = lab as unknown as Record<string, unknown>;
  for (const name of derived) delete target[name];
  for (const name of derived)
    Object.defineProperty(lab, name, { value: target[name], configurable: true, writable: true });
}

/** Without the marks by which a page that was rendered is taken up again: this one is not. */
const bare = (html: string): string => html.replaceAll(/<!--.*?-->/gs, '').replaceAll(/>\s+</g, '> <');

/** Widths of the diagram at 1440 and at 390 pixels. */
const widths = { wide: 670, narrow: 372 } as const;

/** Pixels of the diagram that are drawn: what a first look shows, and some more to play. */
const mostPx = 1400;

/** The page of a scenario in a language. */
export function firstView(id: string, language: 'en' | 'zh'): string {
  lab.language = language;
  location.hash = `#s=${id}&lang=${language}`;
  lab.open(id);
  lab.language = language;
  hold();
  const page = bare(render(App).body);
  const start = lab.y;
  const stop = lab.stepYs[0]!;
  lab.y = lab.endY;
  const diagrams = (['wide', 'narrow'] as const).map((name) => {
    const props = {
      drawing: lab.drawing,
      timeline: lab.timeline,
      lanes: lab.lanes,
      label: lab.t('diagram'),
      unlaid: widths[name],
      drawn: mostPx,
    };
    return bare(render(Diagram, { props }).body).replace('class="diagram', `class="${name} diagram`);
  });
  const [before, after] = around(page);
  const play = `data-y="${start}" data-stop="${stop}" data-end="${Math.min(lab.endY, mostPx)}" data-height="${lab.timeline.height}"`;
  return `<div id="first" data-pause="${lab.t('pause')}" data-play="${lab.t('play')}" ${play}>${before}${diagrams.map(scaled).join('')}${after}</div>`;
}

/** What stands before and after the diagram. */
function around(page: string): [string, string] {
  const from = page.indexOf('<div class="diagram');
  const end = /<\/svg>\s*<\/div>\s*<\/div>/g;
  end.lastIndex = page.indexOf('class="canvas', from);
  const found = end.exec(page);
  if (from < 0 || found === null) throw new Error('the page has no diagram where it is looked for');
  return [page.slice(0, from), page.slice(found.index + found[0].length)];
}

/** As wide as the page gives it. */
const scaled = (diagram: string): string =>
  diagram.replaceAll(
    /(<svg class="(?:heads|canvas)[^"]*") width="(\d+)" height="([\d.]+)"/g,
    '$1 viewBox="0 0 $2 $3" width="100%"',
  );
