/** The public face of the simulated network. */

export { type Reason, reasons } from '../tcp/reasons.ts';
export type { TraceEvent } from '../tcp/trace.ts';
export { Capture, type CapturedPacket, worldEpochUs } from './capture.ts';
export { type Clock, EventQueue } from './clock.ts';
export type { Action, Conditions, LossCause } from './conditions.ts';
export type {
  ArrivedEvent,
  LostEvent,
  NodeEvent,
  OfPacket,
  PacketEvent,
  PacketName,
  SentEvent,
  WorldEvent,
} from './events.ts';
export { addHost, type WorldHostOptions } from './hosts.ts';
export type { Rule } from './link.ts';
export type { Node } from './node.ts';
export { type Pair, type PairOptions, pair } from './pair.ts';
export { Prng } from './prng.ts';
export { type RealClock, Realtime } from './realtime.ts';
export { type Intervention, World, WorldError, type WorldOptions } from './world.ts';
