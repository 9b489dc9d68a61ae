/**
 * halfopen/ports: ports for tests. Each is a lease: it lasts until release() or the end of the process, and
 * `await using` releases it at the end of the block.
 */
export { freePort, type Lease, refusingPort } from './lease.ts';
export { silentPort } from './silent.ts';
export { type StallingPort, stallingPort } from './stalling.ts';
