/** What a socket uses of its host. */
import type { Address } from '../wire/address.ts';
import type { Network } from './network.ts';
import type { PortTable } from './ports.ts';
import type { Sysctls } from './sysctl.ts';

/** Whoever is told of readiness. */
export interface Stirred {
  /** Called after the host has dealt with a packet, a timer or a call that may have changed readiness. */
  observer: ((events: number) => void) | null;
  /** @internal Poll bits that the observer was not told yet. */
  untold: number;
}

/** A host as its sockets see it. */
export interface SocketHost {
  /** The host's clock, µs. */
  readonly clock: { readonly now: number };
  /** @internal */
  readonly network: Network;
  /** @internal */
  readonly ports: PortTable;
  readonly sysctls: Sysctls;
  /** @internal Sets the protocol's time to the clock's: every call of an application begins with it. */
  touch(): void;
  /** @internal Something about a socket may have changed. @param events poll bits */
  stirred(socket: Stirred, events: number): void;
  /** @internal A local port for connect(), or -EADDRNOTAVAIL. */
  choosePort(
    local: Address,
    remote: Address,
    remotePort: number,
    range: readonly [number, number] | null,
  ): number;
  /**
   * @internal
   * Whether a connection may take a four-tuple.
   * @param asked the port was bound, not chosen
   */
  tupleFree(local: Address, port: number, remote: Address, remotePort: number, asked: boolean): boolean;
}
