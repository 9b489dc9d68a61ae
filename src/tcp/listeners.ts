/** Listening sockets by port, and the choice among them (net/ipv4/inet_hashtables.c compute_score, 6.18). */
import { type Address, isAny } from '../wire/address.ts';
import type { Segment } from '../wire/segment.ts';
import type { Tuple, TupleTable } from './table.ts';

/** What the choice goes by. */
interface Listening {
  readonly local: Address;
  readonly localPort: number;
  readonly options: { readonly v6Only: boolean };
}

/** All listeners of a host. */
export class ListenerTable<L extends Listening> {
  private readonly byPort: Map<number, L[]> = new Map();

  add(listener: L): void {
    const list = this.byPort.get(listener.localPort);
    if (list === undefined) this.byPort.set(listener.localPort, [listener]);
    else list.push(listener);
  }

  remove(listener: L): void {
    const list = this.byPort.get(listener.localPort);
    if (list === undefined) return;
    const rest = list.filter((other) => other !== listener);
    if (rest.length === 0) this.byPort.delete(listener.localPort);
    else this.byPort.set(listener.localPort, rest);
  }

  /** The listeners of a port. */
  at(port: number): readonly L[] {
    return this.byPort.get(port) ?? [];
  }

  /**
   * The listener for a segment: a bound address beats the wildcard; among equals (SO_REUSEPORT) the hash of the
   * four-tuple decides.
   */
  find(seg: Segment, table: TupleTable<Tuple>): L | null {
    const list = this.byPort.get(seg.destinationPort);
    if (list === undefined) return null;
    let best = 0;
    let equals = 0;
    let found: L | null = null;
    for (const listener of list) {
      const score = scoreOf(listener, seg);
      if (score > best) {
        best = score;
        equals = 1;
        found = listener;
      } else if (score > 0 && score === best) equals++;
    }
    if (equals < 2) return found;
    let which = (table.hashOfSegment(seg) >>> 0) % equals;
    for (const listener of list) if (scoreOf(listener, seg) === best && which-- === 0) return listener;
    return null;
  }
}

function scoreOf(listener: Listening, seg: Segment): number {
  const { local } = listener;
  const { family } = seg;
  if (isAny(local)) {
    if (local.family === 6) return family === 6 || !listener.options.v6Only ? (family === 6 ? 2 : 1) : 0;
    return family === 4 ? 2 : 0;
  }
  const same =
    local.w3 === seg.dst3 && local.w2 === seg.dst2 && local.w1 === seg.dst1 && local.w0 === seg.dst0;
  return same ? 3 : 0;
}
