/** Hosts in a world. */
import { Host, type HostOptions } from '../host/host.ts';
import { worldEpochUs } from './capture.ts';
import type { World } from './world.ts';

/** What a host of a world is made from: its clock and its chance are the world's. */
export type WorldHostOptions = Omit<HostOptions, 'clock' | 'random'>;

/**
 * Puts a host into a world. Its trace events become events of the world.
 * @param name the host's name there; its random numbers depend on it and on the world's seed
 */
export function addHost(world: World, name: string, options: WorldHostOptions): Host {
  const random = world.random.fork(`host ${name}`);
  const host = new Host({
    epochUs: worldEpochUs,
    ...options,
    clock: world.clock,
    random: () => random.uint32(),
  });
  world.whenWatched(() => {
    host.trace = (event): void => world.trace(name, event);
  });
  return world.add(name, host);
}
