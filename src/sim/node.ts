/** What a world needs of the things it connects: hosts, and anything else that takes and gives IP packets. */
import type { PacketQueue } from '../wire/packet-queue.ts';

/** A thing with links. Everything it does, it does inside `input` and `handleTimers`, and inside its user's calls. */
export interface Node {
  /** Packets it wants to send, oldest first. The world takes them after every call. */
  readonly out: PacketQueue;
  /**
   * A packet arrives.
   * @param now µs on the world's clock
   * @param bytes a buffer that holds the packet until the call returns, no longer; `view` is a view over all of it
   * @param offset where the IP header starts; `length` is the packet's length in bytes
   * @param fromItself it came over the node's own loopback
   */
  input(
    now: number,
    bytes: Uint8Array,
    view: DataView,
    offset: number,
    length: number,
    fromItself?: boolean,
  ): void;
  /** Does what is due at `now` (µs) or earlier. */
  handleTimers(now: number): void;
  /** When it wants `handleTimers` next, µs; Infinity if never. */
  nextDeadline(): number;
  /**
   * By which interface the packet at `offset` leaves: 0 is the loopback, 1 the node's first link, 2 its second, ...; -1
   * throws it away. Nodes without it send everything by their first link.
   */
  interfaceFor?(bytes: Uint8Array, view: DataView, offset: number): number;
}
