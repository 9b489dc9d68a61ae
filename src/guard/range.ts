/**
 * Which ports a socket of this host can be given without asking for one. Only a connect to such a port can meet itself,
 * and most services listen elsewhere: knowing the range spares them the question which port their socket has, which is
 * nearly all that the guard costs.
 */
import { readFileSync } from 'node:fs';

const file = '/proc/sys/net/ipv4/ip_local_port_range';
/** How long, in ms, what was read is trusted: an administrator can change the range of a running host. */
const trusted = 100;

let low = 0;
let high = 65_535;
let readAt = Number.NEGATIVE_INFINITY;

function readRange(now: number): void {
  readAt = now;
  try {
    [low, high] = readFileSync(file, 'latin1').split(/\s+/).map(Number) as [number, number];
  } catch {
    // Another system, or /proc is out of reach: every port is one of them, now and later.
    [low, high] = [0, 65_535];
    readAt = Number.POSITIVE_INFINITY;
  }
}

/** Whether the system may give this port to a socket that asked for none. True if that cannot be known. */
export function isEphemeral(port: number): boolean {
  const now = performance.now();
  if (now - readAt > trusted) readRange(now);
  // Not the other way round: what could not be understood is NaN, and no comparison with that holds.
  return !(port < low || port > high);
}
