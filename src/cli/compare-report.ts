/** What `halfopen compare` tells: agreement by class, kinds of differences, and a script for each. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Difference } from '../compare/diff.ts';
import { type Systems, shrink, type Verdict } from '../compare/judge.ts';
import { knownReason } from '../compare/known.ts';
import { scriptOf } from '../compare/print.ts';
import type { Speaker } from './compare-options.ts';
import { type LeftOut, reachesSignals, type Scripts } from './compare-scripts.ts';
import { writeOutput } from './output/file.ts';
import { print } from './output/print.ts';

/** A kind of difference, and the shortest scenario that shows it. */
interface Group {
  count: number;
  example: Verdict;
}

type Counts = Record<Verdict['kind'], number>;

const none = (): Counts => ({ agree: 0, differ: 0, unstable: 0, racing: 0, broken: 0 });

/** The first difference that is not a known one; the first of all if all are known. */
const tellingDifference = ({ differences }: Verdict): Difference =>
  differences.find((it) => knownReason(it) === null) ?? differences[0]!;

export class Tally {
  readonly groups: Map<string, Group> = new Map();
  /** Scripts with a SYN, a RST or a FIN. */
  readonly signals: Counts = none();
  private readonly classes = new Map<string, Counts>();

  add(verdict: Verdict): void {
    const { about } = verdict.scenario;
    const counts = this.classes.get(about) ?? none();
    counts[verdict.kind]++;
    this.classes.set(about, counts);
    if (reachesSignals(verdict.scenario, verdict.observation)) this.signals[verdict.kind]++;
    if (verdict.kind !== 'differ') return;
    const { signature } = tellingDifference(verdict);
    const group = this.groups.get(signature);
    if (group === undefined) this.groups.set(signature, { count: 1, example: verdict });
    else {
      group.count++;
      if (verdict.scenario.steps.length < group.example.scenario.steps.length) group.example = verdict;
    }
  }

  /** By class, and all together at the end. */
  rows(all: string): { name: string; counts: Counts }[] {
    const rows = [...this.classes].map(([name, counts]) => ({ name, counts }));
    return [...rows.sort((a, b) => (a.name < b.name ? -1 : 1)), { name: all, counts: this.sum }];
  }

  get sum(): Counts {
    const sum = none();
    for (const counts of this.classes.values())
      for (const kind of Object.keys(sum) as Verdict['kind'][]) sum[kind] += counts[kind];
    return sum;
  }

  /** Whether anything differs that is not known. */
  get unknown(): boolean {
    return [...this.groups.values()].some(({ example }) => knownReason(tellingDifference(example)) === null);
  }
}

/** The two systems as people read them, the second name made as long as the first. */
export type Names = readonly [string, string];

const shareOf = (agree: number, counted: number): string =>
  counted === 0 ? '-' : ((100 * agree) / counted).toFixed(1);

export function report(tally: Tally, names: Names, say: Speaker): void {
  for (const [signature, { count, example }] of [...tally.groups].sort((a, b) => b[1].count - a[1].count)) {
    const first = tellingDifference(example);
    const lines = [say('group', { count, signature, example: example.scenario.name })];
    const why = knownReason(first);
    if (why !== null) lines.push(say('known', { why }));
    lines.push(
      say('has', { system: names[0], text: first.expected }),
      say('has', { system: names[1], text: first.actual }),
    );
    print(`${lines.join('\n')}\n`);
  }
  for (const { name, counts } of tally.rows(say('all'))) {
    const { agree, differ, unstable, racing } = counts;
    const counted = agree + differ;
    const dropped = unstable + racing === 0 ? '' : say('dropped', { unstable, racing });
    print(`${say('agreement', { name, agree, counted, share: shareOf(agree, counted), dropped })}\n`);
  }
}

/** What became of the scripts given. @param broken scripts that the first system cannot do */
export function reportScripts(
  { scenarios, leftOut, commands }: Scripts,
  broken: readonly LeftOut[],
  tally: Tally,
  names: Names,
  say: Speaker,
): void {
  const reasons = new Map<string, LeftOut[]>();
  for (const it of [...leftOut, ...broken]) {
    const why = it.why.replace(/^\d+: /, '');
    reasons.set(why, [...(reasons.get(why) ?? []), it]);
  }
  for (const [why, list] of [...reasons].sort((a, b) => b[1].length - a[1].length))
    print(`${say('leftOut', { count: list.length, why, example: list[0]!.name })}\n`);
  if (commands.length > 0)
    print(`${say('withoutCommands', { count: commands.length, example: commands[0]! })}\n`);
  const { agree, differ, unstable, racing } = tally.signals;
  const given = scenarios.length + leftOut.length;
  const parsed = scenarios.length + leftOut.filter(({ parses }) => parses).length;
  const played = scenarios.length - broken.length;
  const counted = agree + differ;
  const reach = counted + unstable + racing;
  const share = shareOf(agree, counted);
  print(`${say('scripts', { given, parsed, played, system: names[0], reach, agree, counted, share })}\n`);
}

/** Writes a shrunk script for each kind of difference, the most frequent first. */
export async function writeAll(folder: string, systems: Systems, tally: Tally, names: Names): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const groups = [...tally.groups].sort((a, b) => b[1].count - a[1].count);
  await Promise.all(
    groups.map(async ([signature, { count, example }], i) => {
      const small = await shrink(systems, example, signature);
      const first = small.differences.find((it) => it.signature === signature) ?? small.differences[0];
      const comment = [
        `${count} × ${signature}`,
        `${names[0]}: ${first!.expected}`,
        `${names[1]}: ${first!.actual}`,
        `from ${example.scenario.name}`,
      ];
      const name = `${String(i + 1).padStart(3, '0')}-${signature.replace(/[^A-Za-z0-9]+/g, '-').slice(0, 60)}.pkt`;
      writeOutput(join(folder, name), Buffer.from(scriptOf(small.scenario, small.observation, comment)));
    }),
  );
}
