/** Hosts in a world. */
import { Host, type HostOptions } from '../host/host.ts';
import { worldEpochUs } from './capture.ts';
import type { World } from './world.ts';

/** What a host of a world is made from: its clock and its chance are the world's. */
export type WorldHostOptions = Omit<HostOptions, 'clock' | 'random'>;

const maxUptimeMs = 60 * 86_400_000;

/**
 * Puts a host into a world. Its trace events become events of the world. If `uptimeUs` is not given it has been up for
 * anything from 0 to 60 days, as the seed has it: what only works on a host that has just booted shall not pass.
 * @param name the host's name there; its random numbers depend on it and on the world's seed
 */
export function addHost(world: World, name: string, options: WorldHostOptions): Host {
  const random = world.random.fork(`host ${name}`);
  const host = new Host({
    epochUs: worldEpochUs,
    uptimeUs: world.random.fork(`uptime ${name}`).below(maxUptimeMs) * 1000,
    ...options,
    clock: world.clock,
    random: () => random.uint32(),
  });
  world.whenWatched(() => {
    host.trace = (event): void => world.trace(name, event);
  });
  return world.add(name, host);
}
