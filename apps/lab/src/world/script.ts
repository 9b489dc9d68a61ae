/** Runs a packetdrill script on the built-in host, in the page. */

import type { Failure } from '../../../../src/drill/failure.ts';
import { openHost } from '../../../../src/drill/on-host.ts';
import { runScript } from '../../../../src/drill/run.ts';
import type { WorldEvent } from '../../../../src/sim/events.ts';

export interface ScriptRun {
  readonly failure: Failure | null;
  readonly events: readonly WorldEvent[];
  readonly virtualUs: number;
}

/** @param file the script's name, for messages */
export function runInPage(file: string, text: string): ScriptRun {
  const systems: ReturnType<typeof openHost>[] = [];
  const result = runScript({
    file,
    text,
    open: (network) => {
      const system = openHost(network);
      systems.push(system);
      return system;
    },
  });
  const events = systems.flatMap((system) => system.eventsFrom(result.startUs));
  return { failure: result.failure, events, virtualUs: result.virtualUs };
}

const files = import.meta.glob<string>('../../../../scripts/*.pkt', { query: '?raw', import: 'default' });

/** The text of one of the project's scripts, or null if there is none of that name. */
export async function scriptText(name: string): Promise<string | null> {
  return (await files[`../../../../scripts/${name}`]?.()) ?? null;
}

/** The names of all scripts of a topic. */
export const scriptsOf = (topic: number): string[] =>
  Object.keys(files)
    .map((path) => path.slice(path.lastIndexOf('/') + 1))
    .filter((name) => Number.parseInt(name, 10) === topic)
    .sort();
