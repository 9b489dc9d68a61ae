import type { Address } from '../wire/address.ts';

/** What one hop towards a destination looks like to TCP: a route with its attributes. */
export interface Route {
  /** The local address that connections over this route get. */
  readonly source: Address;
  /** Bytes, IP header included. */
  readonly mtu: number;
  /** `advmss` of the route, 0 if not set. */
  readonly advmss: number;
  /** Segments; 0 if not set. */
  readonly initcwnd: number;
  readonly initrwnd: number;
  /** `mtu lock`: path MTU discovery must not change it. */
  readonly mtuLocked: boolean;
  readonly loopback: boolean;
  /** `features ecn`. */
  readonly ecn?: boolean;
  /** `rto_min` in µs, 0 if not set. */
  readonly rtoMin?: number;
  /** `quickack`. */
  readonly quickack?: boolean;
}
