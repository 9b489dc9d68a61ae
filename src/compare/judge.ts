/** Asks two systems about one scenario, as often as it takes to be sure, and makes what differs small. */
import { answerUs, clashes, clusterAt, type Difference, differences, toleranceAt } from './diff.ts';
import type { Observation, Scenario } from './scenario.ts';

/** The systems that are compared: the oracle's answers decide. */
export interface Systems {
  oracle(scenario: Scenario): Promise<Observation>;
  other(scenario: Scenario): Promise<Observation> | Observation;
}

export interface Verdict {
  /** `unstable`: the oracle does not agree with itself. `racing`: a timer is too near. `broken`: it cannot be played. */
  readonly kind: 'agree' | 'differ' | 'unstable' | 'racing' | 'broken';
  /** The scenario as it was played, with the times at which its steps really were. */
  readonly scenario: Scenario;
  readonly observation: Observation;
  readonly differences: readonly Difference[];
  /** The oracle could play it, but not the other system. */
  readonly unready?: 'other';
}

/** How often a scenario is moved away from a timer. */
const moves = 2;
/** By how much, µs: no multiple of any usual timer. */
const moveUs = 37_000;
/** How often the oracle is asked about a scenario that differs. */
const sureAfter = 3;
const rounds = 5;

/** @param runs how often the oracle is asked in any case */
export async function judge(systems: Systems, scenario: Scenario, runs: number): Promise<Verdict> {
  let planned = scenario;
  for (let move = 0; ; move++) {
    const observation = await systems.oracle(planned);
    const played = retimed(planned, observation);
    const verdict = (kind: Verdict['kind'], found: readonly Difference[] = []): Verdict => ({
      kind,
      scenario: played,
      observation,
      differences: found,
    });
    if (observation.broken !== null) return verdict('broken');
    const other = await systems.other(played);
    if (other.unready === true) return { ...verdict('broken'), observation: other, unready: 'other' };
    const found = differences(played, observation, other);
    const near = found.length === 0 ? null : await raceIn(systems, played, observation, other, found[0]!);
    if (near !== null) {
      if (move === moves) return verdict('racing', found);
      planned = moved(planned, near, toleranceAt(played, observation, observation.stepsAtUs[near] ?? 0));
      continue;
    }
    const times = found.length > 0 ? Math.max(runs, sureAfter) : runs;
    for (let run = 1; run < times; run++) {
      const again = await systems.oracle(planned);
      // No two runs have quite the same times: each is compared with what the other system does at its own.
      const replayed = retimed(planned, again);
      const apart = differences(replayed, again, await systems.other(replayed));
      const varies =
        apart.length > 0 !== found.length > 0 || sharesOne(found, differences(replayed, again, observation));
      if (varies) return verdict('unstable', [...found, ...apart]);
    }
    return verdict(found.length > 0 ? 'differ' : 'agree', found);
  }
}

/** Whether the oracle's answers differ from one another in what they differ from the other system's in: chance, not a rule. */
function sharesOne(found: readonly Difference[], ownDifferences: readonly Difference[]): boolean {
  const kind = ({ signature, field }: Difference): string => `${signature.split(':')[0]}: ${field}`;
  const own = new Set(ownDifferences.map(kind));
  return found.length > 0 && own.has(kind(found[0]!));
}

/** A scenario with the times at which its steps really were. */
const retimed = (scenario: Scenario, { stepsAtUs }: Observation): Scenario => ({
  ...scenario,
  steps: scenario.steps.map((step, i) => ({ ...step, atUs: stepsAtUs[i] ?? step.atUs })),
});

/** A scenario whose steps from one on come later, by more than a timer may be late. */
const moved = (scenario: Scenario, from: number, lateUs: number): Scenario => ({
  ...scenario,
  steps: scenario.steps.map((step, i) =>
    i < from ? step : { ...step, atUs: step.atUs + Math.max(moveUs, Math.ceil(1.5 * lateUs)) },
  ),
});

/** The step that comes too near to a timer of either system, if that is why they may differ; null if none does. */
async function raceIn(
  systems: Systems,
  scenario: Scenario,
  oracle: Observation,
  other: Observation,
  first: Difference,
): Promise<number | null> {
  const seen = clashes(scenario, oracle) ?? clashes(scenario, other);
  if (seen !== null) return seen;
  // A packet at the very moment of a step looks like the answer to it. Without the step it comes all the same if it is a timer's.
  const step = clusterAt(scenario, oracle, first.atUs);
  if (step < 0) return null;
  const steps = scenario.steps.slice(0, step);
  const atUs = scenario.steps[step]!.atUs;
  const near = toleranceAt(scenario, oracle, atUs);
  const lastUs = steps.at(-1)?.atUs ?? 0;
  const without = await systems.other({ ...scenario, steps, afterUs: Math.ceil(atUs + near - lastUs) });
  const timer = without.seen.some(
    (it) => it.kind === 'packet' && it.atUs > lastUs + answerUs && Math.abs(it.atUs - atUs) < near,
  );
  return timer ? step : null;
}

/** Leaves out steps as long as there is a difference of a kind; that of the first one if none is named. */
export async function shrink(
  systems: Systems,
  verdict: Verdict,
  signature: string | undefined = verdict.differences[0]?.signature,
): Promise<Verdict> {
  let best = verdict;
  const attempt = async (steps: Scenario['steps']): Promise<Verdict | null> => {
    const last = best.observation.seen.at(-1)?.atUs ?? 0;
    const afterUs = Math.max(
      300_000,
      Math.min(best.scenario.afterUs, last - (steps.at(-1)?.atUs ?? 0) + 300_000),
    );
    const scenario = { ...best.scenario, steps, afterUs };
    const observation = await systems.oracle(scenario);
    if (observation.broken !== null) return null;
    const played = retimed(scenario, observation);
    const found = differences(played, observation, await systems.other(played));
    return found.some((it) => it.signature === signature)
      ? { kind: 'differ', scenario: played, observation, differences: found }
      : null;
  };
  for (let round = 0; round < rounds; round++) {
    const { steps } = best.scenario;
    const tried = await Promise.all(steps.map((_, i) => attempt(steps.filter((__, k) => k !== i))));
    const useless = new Set(tried.flatMap((it, i) => (it === null ? [] : [i])));
    if (useless.size === 0) break;
    const all = await attempt(steps.filter((_, i) => !useless.has(i)));
    const next = all ?? tried.find((it) => it !== null) ?? null;
    if (next === null) break;
    best = next;
  }
  return best;
}
