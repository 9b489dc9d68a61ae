/** `halfopen compare`: one scenario on two systems, and where they differ. */
import { parseArgs } from 'node:util';
import { clashes, type Difference, differences } from '../compare/diff.ts';
import { generate, subjectNames } from '../compare/generate.ts';
import { configFor, playVirtually } from '../compare/player.ts';
import { scriptOf } from '../compare/print.ts';
import type { Observation, Scenario } from '../compare/scenario.ts';
import { networkOf } from '../drill/config.ts';
import { openHost } from '../drill/on-host.ts';
import { KernelPlayers } from './compare-kernel.ts';
import { complain, print } from './output/print.ts';
import { whyNoKernel } from './run-kernel.ts';

const help = `Usage: halfopen compare --random N [OPTION]...

  --random N
  --seed S
  --about LIST
`;

class UsageError extends Error {}

export async function run(args: string[]): Promise<number> {
  const { values } = parseArgs({
    args,
    options: {
      random: { type: 'string' },
      seed: { type: 'string' },
      about: { type: 'string' },
      only: { type: 'string' },
      show: { type: 'string' },
      at: { type: 'string' },
      help: { type: 'boolean' },
    },
  });
  if (values.help) {
    print(help);
    return 0;
  }
  const why = whyNoKernel();
  if (why !== null) {
    complain('compare', why);
    return 2;
  }
  const seed = Number(values.seed ?? 1);
  const about = values.about ?? 'all';
  const numbers = values.only !== undefined ? values.only.split(',').map(Number) : Array.from({ length: Number(values.random ?? 100) }, (_, i) => i);
  const kernel = new KernelPlayers(Number(values.at ?? 100), 'cubic');
  const groups = new Map<string, { count: number; example: string }>();
  const classes = new Map<string, { agree: number; differ: number; dropped: number }>();
  const work = numbers.map(async (number) => {
    const scenario = generate(seed, number, about);
    const oracle = await kernel.play(scenario);
    const onKernel = retimed(scenario, oracle);
    const ours = playVirtually(onKernel, openHost(networkOf(configFor(scenario)), { record: false, seed: number }));
    const found = differences(onKernel, oracle, ours);
    const count = classes.get(scenario.about) ?? { agree: 0, differ: 0, dropped: 0 };
    classes.set(scenario.about, count);
    if (found.length === 0) count.agree++;
    else if (clashes(onKernel, oracle) !== null || clashes(onKernel, ours) !== null) count.dropped++;
    else {
      count.differ++;
      const { signature } = found[0]!;
      const group = groups.get(signature) ?? { count: 0, example: `${number}` };
      group.count++;
      groups.set(signature, group);
    }
    if (values.only !== undefined) {
      print(scriptOf(onKernel, oracle));
      for (const it of found) print(`${JSON.stringify(it)}\n`);
    }
  });
  await Promise.all(work);
  kernel.close();
  for (const [signature, { count, example }] of [...groups].sort((a, b) => b[1].count - a[1].count)) print(`${count} ${example} ${signature}\n`);
  for (const [name, { agree, differ, dropped }] of classes) print(`${name}: ${agree} of ${agree + differ} agree, ${dropped} dropped\n`);
  return 0;
}

/** The scenario with the times at which its steps really were. */
function retimed(scenario: Scenario, { stepsAtUs }: Observation): Scenario {
  return { ...scenario, steps: scenario.steps.map((step, i) => ({ ...step, atUs: stepsAtUs[i] ?? step.atUs })) };
}
