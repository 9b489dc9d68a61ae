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

/** Pixels that are drawn beyond the end of the first step: something to play until the page itself is there. */
const beyondPx = 500;

/** The picture, and how it is played. */
interface FirstView {
  readonly y: number;
  readonly stop: number;
  readonly end: number;
  readonly height: number;
  /** The diagram for wide and for narrow pages. */
  readonly diagrams: string;
}

function open(id: string, language: 'en' | 'zh'): void {
  location.hash = `#s=${id}&lang=${language}`;
  lab.language = language;
  lab.open(id);
  hold();
  lab.tell(0);
}

/** The picture of a scenario. */
export function firstView(id: string, language: 'en' | 'zh'): FirstView {
  open(id, language);
  const { y } = lab;
  const stop = lab.stepYs[0]!;
  const end = Math.min(lab.endY, stop + beyondPx);
  lab.y = end;
  const diagrams = (['wide', 'narrow'] as const).map((name) => {
    const props = {
      drawing: lab.drawing,
      timeline: lab.timeline,
      lanes: lab.lanes,
      label: lab.t('diagram'),
      unlaid: widths[name],
      drawn: Math.max(0, stop + beyondPx - 400),
    };
    return scaled(bare(render(Diagram, { props }).body).replace('class="diagram', `class="${name} diagram`));
  });
  return {
    y,
    stop,
    end,
    height: lab.timeline.height,
    diagrams: diagrams.join(''),
  };
}

/** The page around them, of the first scenario, without a diagram. */
export function firstPage(id: string, language: 'en' | 'zh'): string {
  open(id, language);
  const page = bare(render(App).body);
  const from = page.indexOf('<div class="diagram');
  const end = /<\/svg>\s*<\/div>\s*<\/div>/g;
  end.lastIndex = page.indexOf('class="canvas', from);
  const found = end.exec(page);
  if (from < 0 || found === null) throw new Error('the page has no diagram where it is looked for');
  const [before, after] = [page.slice(0, from), page.slice(found.index + found[0].length)];
  return `<div id="first" data-pause="${lab.t('pause')}" data-play="${lab.t('play')}">${before}<div class="picture"></div>${after}</div>`;
}

/** As wide as the page gives it; numbers to a tenth of a pixel. */
const scaled = (diagram: string): string =>
  diagram
    .replaceAll(
      /(<svg class="(?:heads|canvas)[^"]*") width="(\d+)" height="([\d.]+)"/g,
      '$1 viewBox="0 0 $2 $3" width="100%"',
    )
    .replaceAll(/(\d+\.\d)\d+/g, '$1')
    // Nobody chooses a packet yet.
    .replaceAll(
      /<(line|path) class="hit[^>]*>(<\/\1>)?|<rect class="reach[^>]*>(<\/rect>)?|<title>.*?<\/title>/g,
      '',
    )
    .replaceAll(/ (role|tabindex|aria-label|data-packet)="[^"]*"/g, '');
