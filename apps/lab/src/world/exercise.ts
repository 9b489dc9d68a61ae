/** Exercises: a goal that the stack checks. Files of apps/lab/exercises are data, as scenarios are. */
import { type Changes, changesText, noChanges, parseChanges } from './changes.ts';
import { runScenario } from './run.ts';
import type { Check, Scenario, Text } from './scenario.ts';

export interface Exercise {
  /** The file's name without its ending. */
  readonly id: string;
  /** The scenario that it changes. */
  readonly scenario: string;
  readonly title: Text;
  readonly goal: Text;
  /** From the gentle to the plain. */
  readonly hints: readonly Text[];
  /** Changes that are there at the start, in the form of a link's. */
  readonly start?: string;
  /** Changes that solve it, in the same form. There may be others. */
  readonly solution: string;
  /** All must hold. */
  readonly checks: readonly Check[];
}

/** The changes an exercise begins with. */
export const startOf = ({ start }: Exercise): Changes =>
  start === undefined ? noChanges : parseChanges(start);

/** Whether a scenario with these changes does what the exercise asks for: it is run, and judged by its checks. */
export function solves(exercise: Exercise, scenario: Scenario, changes: Changes): boolean {
  const { checks } = exercise;
  const { holds, problem } = runScenario({ ...scenario, verdict: { ...scenario.verdict, checks } }, changes);
  return holds && problem === null;
}

/** What to share: the changes that solve it, as a part of a link. */
export const resultText = (exercise: Exercise, changes: Changes): string =>
  `s=${exercise.scenario}&x=${exercise.id}&${changesText(changes)}`;
