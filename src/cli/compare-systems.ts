/** The systems that `halfopen compare` can compare, by name. */
import { readFileSync } from 'node:fs';
import { configFor, playAsync, playVirtually } from '../compare/player.ts';
import type { Observation, Scenario } from '../compare/scenario.ts';
import { networkOf } from '../drill/config.ts';
import { openStack } from '../drill/foreign/system.ts';
import { openHost } from '../drill/on-host.ts';
import { KernelPlayers } from './compare-kernel.ts';
import { type Speaker, UsageError } from './compare-options.ts';
import { StackProcess } from './exec-stack.ts';
import { shellFile } from './script-files.ts';

export interface PlayedSystem {
  /** For people. */
  readonly name: string;
  play(scenario: Scenario): Promise<Observation> | Observation;
  close(): void;
}

interface SystemOptions {
  readonly congestion: string;
  /** Scenarios at a time on the kernel. */
  readonly atATime: number;
}

/** How long a stack behind a pipe may take for an answer, µs. */
const patienceUs = 10_000_000;
/** Stacks behind pipes at a time. */
const stacksAtATime = 4;

/** @throws UsageError for a record that cannot be read */
export function systemNamed(name: string, options: SystemOptions, say: Speaker): PlayedSystem {
  if (name === 'kernel') {
    const players = new KernelPlayers(options.atATime, options.congestion);
    return { name, play: (scenario) => players.play(scenario), close: () => players.close() };
  }
  if (name === 'halfopen') return builtIn(options);
  if (name.startsWith('recorded:')) return recorded(name, say);
  return stackOf(name.slice('exec:'.length));
}

function builtIn({ congestion }: SystemOptions): PlayedSystem {
  const play = (scenario: Scenario): Observation => {
    const { folder = '.', root = null } = scenario;
    const readFile = (path: string) => shellFile(path, root);
    const host = openHost(networkOf(configFor(scenario)), { record: false, folder, readFile });
    if (congestion !== 'cubic') host.command(`sysctl -q net.ipv4.tcp_congestion_control=${congestion}`);
    try {
      return playVirtually(scenario, host);
    } catch (error) {
      // An error of the stack itself is a difference to be told, and no reason to stop.
      const broken = error instanceof Error ? (error.stack ?? error.message) : String(error);
      return { stepsAtUs: [], seen: [], broken };
    }
  };
  return { name: 'halfopen', play, close: () => {} };
}

function stackOf(command: string): PlayedSystem {
  let running = 0;
  const waiting: (() => void)[] = [];
  const play = async (scenario: Scenario): Promise<Observation> => {
    if (running >= stacksAtATime) await new Promise<void>((go) => waiting.push(go));
    running++;
    try {
      const process = new StackProcess(command);
      const options = { realTime: false, patienceUs };
      const stack = await openStack(networkOf(configFor(scenario)), process, options);
      return await playAsync(scenario, stack);
    } catch (error) {
      return { stepsAtUs: [], seen: [], broken: error instanceof Error ? error.message : String(error) };
    } finally {
      running--;
      waiting.shift()?.();
    }
  };
  return { name: command, play, close: () => {} };
}

/** A line of a record: what a system did in a scenario. */
export interface Recorded {
  readonly scenario: string;
  readonly ip: string;
  readonly steps: number;
  readonly observation: Observation;
}

/** What a system did elsewhere, or earlier: another kernel's answers, for one. */
function recorded(name: string, say: Speaker): PlayedSystem {
  const file = name.slice('recorded:'.length);
  const known = new Map<string, Recorded>();
  try {
    for (const line of readFileSync(file, 'utf8')
      .split('\n')
      .filter((it) => it !== '')) {
      const entry = JSON.parse(line) as Recorded;
      if (!Array.isArray(entry.observation?.seen)) throw new Error(line.slice(0, 60));
      known.set(`${entry.scenario} ${entry.ip}`, entry);
    }
  } catch (error) {
    throw new UsageError(say('noRecord', { file, why: (error as Error).message }));
  }
  const play = (scenario: Scenario): Observation => {
    const entry = known.get(`${scenario.name} ${scenario.ipVersion}`);
    if (entry?.steps === scenario.steps.length) return entry.observation;
    return { stepsAtUs: [], seen: [], broken: say('notRecorded') };
  };
  return { name: file, play, close: () => {} };
}
