/** What is told of several files and several attempts together. */
import type { TextCapture } from '../explain/decode/text-capture.ts';
import type { Attempt } from '../explain/judge/attempt.ts';
import type { CaptureSummary } from '../explain/output/summary.ts';
import { type Brief, briefOf } from '../explain/stories/brief.ts';
import { dialsOf } from '../explain/stories/dials.ts';
import { bothEnds, type End, endsText } from '../explain/stories/ends.ts';
import { legsOf } from '../explain/stories/legs.ts';
import { oneSignsOf, proxiesOf, unaskedOf } from '../explain/stories/proxies.ts';
import { type StoryWords, storyWords } from '../view/story-words.ts';
import { visible } from '../wire/visible.ts';
import type { Options } from './explain-args.ts';
import { type Frames, type Source, type Together, together } from './explain-files.ts';
import { print } from './output/print.ts';

/** Attempts that are kept to find those of the other end, at most. */
const MOST_KEPT = 50_000;
/** Legs that are kept, and stories that are told, at most. */
const MOST_LEGS = 20_000;
const MOST_TOLD = 20;

/** The captures that the files are. */
export async function sourcesOf(options: Options): Promise<{ how: Together; sources: Source[] }> {
  const { files } = options;
  if (options.interface !== null) return { how: 'each', sources: [{ name: options.interface, files: [] }] };
  const found =
    options.together === null
      ? await together(files)
      : options.together === 'ring'
        ? { how: options.together, files: (await together(files)).files }
        : { how: options.together, files };
  if (found.how === 'ring')
    return {
      how: 'ring',
      sources: [
        {
          name: options.say('ringName', { file: found.files[0]!, count: found.files.length }),
          files: found.files,
        },
      ],
    };
  return { how: found.how, sources: files.map((file) => ({ name: file, files: [file] })) };
}

/** Says how several files were taken; null if there is nothing to say. */
export function headingOf(how: Together, options: Options): string | null {
  const { files } = options;
  if (files.length < 2) return null;
  if (how === 'ring') return options.say('asRing', { count: files.length });
  if (how === 'ends') return options.say('asEnds', { count: files.length });
  return null;
}

/** The files that an attempt's frames are in. */
export function inFiles(a: Attempt, ring: Frames): string {
  const byFile = new Map<string, number[]>();
  for (const frame of a.frames) {
    const place = ring.place(frame);
    const list = byFile.get(place.file);
    if (list === undefined) byFile.set(place.file, [place.frame]);
    else list.push(place.frame);
  }
  return [...byFile]
    .map(([file, list]) => `${visible(file)}: frame${list.length === 1 ? '' : 's'} ${list.join(', ')}`)
    .join('; ');
}

/** Attempts that are told of together. Bounded. */
export class Stories {
  /** For the other end. */
  readonly kept: Attempt[] = [];
  private readonly legs: Attempt[] = [];
  private readonly briefs: Brief[] = [];
  private readonly keeps: boolean;
  private readonly say: Options['say'];
  private readonly words: StoryWords;

  constructor(keeps: boolean, say: Options['say'], language: Options['language']) {
    this.keeps = keeps;
    this.say = say;
    this.words = storyWords[language];
  }

  add(a: Attempt): void {
    if (this.keeps && this.kept.length < MOST_KEPT) this.kept.push(a);
    if (this.briefs.length < MOST_LEGS) this.briefs.push(briefOf(a));
    if (a.evidence.leg !== 0 && this.legs.length < MOST_LEGS) this.legs.push(a);
  }

  /** A sentence for each connect() with several legs, and for whatever else several attempts show together. */
  texts(names: CaptureSummary['names']): string[] {
    const { words } = this;
    const attempts = this.briefs.sort((a, b) => a.number - b.number);
    const told = <T>(all: readonly T[], text: (one: T) => string): string[] => {
      const texts = all.slice(0, MOST_TOLD).map(text);
      if (all.length > MOST_TOLD) texts.push(this.say('moreLegs', { count: all.length - MOST_TOLD }));
      return texts;
    };
    return [
      ...told(legsOf(this.legs), words.legs),
      ...told(dialsOf(attempts, names), words.dial),
      ...told(proxiesOf(attempts), words.proxy),
      ...told(unaskedOf(attempts), words.unasked),
      ...told(oneSignsOf(attempts), words.oneSigns),
    ];
  }
}

/** Compares the captures, two and two. */
export function tellEnds(ends: readonly End[], say: Options['say']): void {
  print(`\n${say('bothEnds')}\n`);
  let told = 0;
  for (let n = 0; n < ends.length; n++)
    for (let m = n + 1; m < ends.length; m++)
      for (const story of bothEnds(ends[n]!, ends[m]!)) {
        told++;
        if (told <= MOST_TOLD * 10) print(`  ${visible(endsText(story))}\n`);
      }
  if (told === 0) print(`  ${say('noPair')}\n`);
  if (told > MOST_TOLD * 10) print(`  ${say('more', { count: told - MOST_TOLD * 10 })}\n`);
}

/**
 * An attempt of a text, with the names that stand there in place of addresses, without numbers that were made up, and not
 * certain where lines were left out or whose ICMP error it was is a guess.
 */
export function named(a: Attempt, { names, numbersKnown, skipped, guessed }: TextCapture): Attempt {
  const doubtful = skipped > 0 || (guessed > 0 && a.handshake.icmp !== null);
  const certainty = doubtful && a.certainty === 'certain' ? 'likely' : a.certainty;
  const known = { ...a, certainty, isnsKnown: numbersKnown };
  if (names.size === 0) return known;
  const name = (address: string): string => names.get(address) ?? address;
  const sentence = a.sentence.replace(/\b240\.\d+\.\d+\.\d+\b/g, name);
  return { ...known, client: name(a.client), server: name(a.server), sentence };
}
