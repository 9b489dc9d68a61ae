/** The world that most stories need: a client and a server on one link. */
import type { Host } from '../host/host.ts';
import type { Conditions } from './conditions.ts';
import type { WorldEvent } from './events.ts';
import { addHost, type WorldHostOptions } from './hosts.ts';
import { type Intervention, World } from './world.ts';

export interface PairOptions {
  /** 1 if not given. */
  readonly seed?: number;
  /** 192.0.2.1/24 and 2001:db8::1/64 unless told otherwise. */
  readonly client?: Partial<WorldHostOptions>;
  /** 192.0.2.2/24 and 2001:db8::2/64 unless told otherwise. */
  readonly server?: Partial<WorldHostOptions>;
  /** Conditions of the link, which is named `wire`, in both directions. */
  readonly conditions?: Conditions;
  readonly interventions?: readonly Intervention[];
}

export interface Pair {
  readonly world: World;
  readonly client: Host;
  readonly server: Host;
  /** Everything that happened so far. */
  readonly events: WorldEvent[];
}

/** Two hosts, `client` and `server`, joined by `wire`, with all events kept. */
export function pair(options: PairOptions = {}): Pair {
  const world = new World({ seed: options.seed ?? 1, interventions: options.interventions ?? [] });
  const events: WorldEvent[] = [];
  world.watch((event) => events.push(event));
  const eth = (n: number): WorldHostOptions => ({
    interfaces: [{ addresses: [`192.0.2.${n}/24`, `2001:db8::${n}/64`] }],
  });
  const client = addHost(world, 'client', { ...eth(1), ...options.client });
  const server = addHost(world, 'server', { ...eth(2), ...options.server });
  world.link('wire', 'client', 'server', options.conditions ?? {});
  return { world, client, server, events };
}
