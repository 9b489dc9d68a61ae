/** Where connect() leads: the addresses and the route of an active open (net/ipv4/tcp_ipv4.c tcp_v4_connect, 6.18). */

import { Errno } from '../tcp/errno.ts';
import type { Route } from '../tcp/route.ts';
import { type Address, ipv4, ipv6, isAny, isMapped, isMulticast, unmap } from '../wire/address.ts';
import type { Network } from './network.ts';

/** What is settled before a port is chosen. */
interface ConnectTarget {
  readonly local: Address;
  readonly remote: Address;
  readonly route: Route;
}

const loopback4 = ipv4(0x7f000001);
const loopback6 = ipv6(0, 0, 0, 1);

/**
 * @param bound the address that bind() set, or the wildcard
 * @param v6Only the socket takes no mapped IPv4 addresses
 * @returns the target, or -ENETUNREACH, -EINVAL
 */
export function connectTarget(
  network: Network,
  bound: Address,
  v6Only: boolean,
  address: Address,
): ConnectTarget | number {
  if (v6Only && isMapped(address)) return -Errno.ENETUNREACH;
  let remote = unmap(address);
  const source = isAny(bound) ? null : bound;
  if (isAny(remote)) {
    // Connecting to "any" means this host itself.
    remote = source ?? (remote.family === 4 ? loopback4 : loopback6);
  }
  if (isMulticast(remote)) return -Errno.ENETUNREACH;
  if (source !== null && source.family !== remote.family)
    return remote.family === 4 ? -Errno.ENETUNREACH : -Errno.EINVAL;
  const route = network.route(remote, source);
  if (route === null) return -Errno.ENETUNREACH;
  return { local: source ?? route.source, remote, route };
}
