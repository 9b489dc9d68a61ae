/** What happens in a world, as values: the ladder, the capture, the lab and failing tests all read these. */
import type { TraceEvent } from '../tcp/trace.ts';
import type { LossCause } from './conditions.ts';

/** A packet's name: the `n`-th (from 1) that `from` sent over `link`. It stays the same in every run of a world. */
export interface PacketName {
  readonly link: string;
  readonly from: string;
  readonly n: number;
}

export interface OfPacket {
  /** µs on the world's clock. */
  readonly at: number;
  readonly packet: PacketName;
  /** The receiver's name. */
  readonly to: string;
  /** The whole IP packet, as it was at this moment. */
  readonly bytes: Uint8Array;
}

/** A packet left its sender. */
export type SentEvent = OfPacket & { readonly kind: 'sent' };
/** A packet reached its receiver; `copy` is 1 for the second of a duplicated one. */
export type ArrivedEvent = OfPacket & { readonly kind: 'arrived'; readonly copy: 0 | 1 };
/** A packet was lost; told right after `sent`. */
export type LostEvent = OfPacket & { readonly kind: 'lost'; readonly cause: LossCause };

export type PacketEvent = SentEvent | ArrivedEvent | LostEvent;

/** A node's TCP tells something: a change of state, a drop, a timer, a note. */
export interface NodeEvent {
  readonly kind: 'tcp';
  readonly at: number;
  readonly node: string;
  readonly event: TraceEvent;
}

export type WorldEvent = PacketEvent | NodeEvent;
