/** Listening sockets by port, and the choice among them (net/ipv4/inet_hashtables.c compute_score, 6.18). */
import { type Address, isAny } from '../wire/address.ts';
import type { Connection } from './connection.ts';

/** All listeners of a host. */
export class ListenerTable {
  private readonly byPort: Map<number, Connection[]> = new Map();

  add(listener: Connection): void {
    const list = this.byPort.get(listener.localPort);
    if (list === undefined) this.byPort.set(listener.localPort, [listener]);
    else list.push(listener);
  }

  remove(listener: Connection): void {
    const list = this.byPort.get(listener.localPort);
    if (list === undefined) return;
    const rest = list.filter((other) => other !== listener);
    if (rest.length === 0) this.byPort.delete(listener.localPort);
    else this.byPort.set(listener.localPort, rest);
  }

  /** The listeners of a port. */
  at(port: number): readonly Connection[] {
    return this.byPort.get(port) ?? [];
  }

  /**
   * The listener for a segment: a bound address beats the wildcard; among equals (SO_REUSEPORT) the hash decides.
   * @param hash of the segment's four-tuple
   */
  find(
    family: 4 | 6,
    d0: number,
    d1: number,
    d2: number,
    d3: number,
    port: number,
    hash: number,
  ): Connection | null {
    const list = this.byPort.get(port);
    if (list === undefined) return null;
    let best = 0;
    let equals = 0;
    let found: Connection | null = null;
    for (const listener of list) {
      const score = scoreOf(listener, family, d0, d1, d2, d3);
      if (score > best) {
        best = score;
        equals = 1;
        found = listener;
      } else if (score > 0 && score === best) equals++;
    }
    if (equals < 2) return found;
    let which = (hash >>> 0) % equals;
    for (const listener of list)
      if (scoreOf(listener, family, d0, d1, d2, d3) === best && which-- === 0) return listener;
    return null;
  }
}

function scoreOf(
  listener: Connection,
  family: 4 | 6,
  d0: number,
  d1: number,
  d2: number,
  d3: number,
): number {
  const { local } = listener;
  if (isAny(local)) {
    if (local.family === 6) return family === 6 || !listener.options.v6Only ? (family === 6 ? 2 : 1) : 0;
    return family === 4 ? 2 : 0;
  }
  const same: boolean = matches(local, d0, d1, d2, d3);
  return same ? 3 : 0;
}

const matches = (a: Address, w0: number, w1: number, w2: number, w3: number): boolean =>
  a.w3 === w3 && a.w2 === w2 && a.w1 === w1 && a.w0 === w0;
