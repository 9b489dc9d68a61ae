/** The network of the built-in host, set up as packetdrill sets up the machine's. */
import type { Host, HostOptions } from '../host/host.ts';
import type { World } from '../sim/world.ts';
import type { IsnGenerator } from '../tcp/handshake/isn.ts';
import { parseAddress } from '../wire/address.ts';
import type { DrillNetwork } from './system-under-test.ts';

/** A bit over eleven days: the host under test has been up for a while, as the one that scripts are written on. */
const uptimeUs = 1_000_000_000_000;

/** What the host under test is made from. */
export function hostOptions(
  network: DrillNetwork,
  device: string,
  world: World,
  random: () => number,
  isn: IsnGenerator,
): HostOptions {
  const address = `${network.localIp}/${network.prefixLength}`;
  return {
    clock: world.clock,
    random,
    interfaces: [{ name: device, addresses: [address], mtu: network.mtu }],
    isn,
    uptimeUs,
  };
}

/** The way to the remote address, as packetdrill sets it up: a route of its own over the gateway. */
export function addRoute(host: Host, { remoteIp, gatewayIp }: DrillNetwork, device: string): void {
  const destination = parseAddress(remoteIp);
  host.network.setRoute({
    destination,
    prefix: destination.family === 4 ? 32 : 128,
    device,
    gateway: parseAddress(gatewayIp),
    source: null,
    attributes: {},
    metric: 0,
  });
}
