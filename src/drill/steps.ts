/**
 * The runner in steps: generators that stop wherever a system under test answers with a promise. A synchronous system
 * never stops them, so that one runner serves both kinds.
 */
import { type AbortSignalLike, unlessAborted } from '../wire/abort.ts';
import { DrillError } from './failure.ts';
import type { Answer } from './system-under-test.ts';

/** Yields promises, and is continued with what they came to. */
export type Steps<T> = Generator<PromiseLike<unknown>, T, unknown>;

function isPromise<T>(answer: Answer<T>): answer is PromiseLike<T> {
  return typeof (answer as { then?: unknown } | null | undefined)?.then === 'function';
}

/** What a system's answer comes to. */
export function* settled<T>(answer: Answer<T>): Steps<T> {
  return isPromise(answer) ? ((yield answer) as T) : answer;
}

/** Goes through steps that have nothing to wait for. A promise is an error that is told inside them. */
export function throughAll<T>(steps: Steps<T>): T {
  let step = steps.next();
  while (!step.done) {
    step = steps.throw(
      new DrillError('internal', 'the system under test answers with promises: runScriptAsync can run it'),
    );
  }
  return step.value;
}

/**
 * Goes through steps, waiting where they wait. A promise that is rejected is an error inside them, and so is a signal that
 * aborts meanwhile.
 */
export async function throughAllAsync<T>(steps: Steps<T>, signal?: AbortSignalLike): Promise<T> {
  let step = steps.next();
  while (!step.done) {
    let value: unknown;
    try {
      value = await unlessAborted(step.value, signal);
    } catch (error) {
      step = steps.throw(error);
      continue;
    }
    step = steps.next(value);
  }
  return step.value;
}
