/**
 * A scenario: what is done to a system, and when. Nothing in it says what the system should answer; a script's stimuli
 * (inbound packets, calls, commands) make one, and so does the generator.
 */
import type { PacketSpec, SyscallSpec } from '../drill/ast.ts';
import type { IpVersion } from '../drill/system-under-test.ts';

/** What a connection's first timestamp is in a scenario's terms. */
export const firstTimestamp = 1000;

/** Something that is done to the system. Connections are numbered; descriptors are a script's. */
export type Stimulus =
  | { readonly kind: 'call'; readonly call: SyscallSpec; readonly text: string }
  | { readonly kind: 'packet'; readonly packet: PacketSpec; readonly flow: number; readonly text: string }
  | { readonly kind: 'sysctl'; readonly name: string; readonly value: string }
  | { readonly kind: 'command'; readonly text: string }
  /** A look at TCP_INFO and at the poll bits of a descriptor. */
  | { readonly kind: 'look'; readonly fd: number };

export interface Step {
  /** When, µs from the start; steps are in order of time. */
  readonly atUs: number;
  readonly stimulus: Stimulus;
}

export interface Scenario {
  readonly name: string;
  /** What it is about; agreement is counted by class. */
  readonly about: string;
  readonly ipVersion: IpVersion;
  readonly mtu: number;
  readonly steps: readonly Step[];
  /** How long the system is watched after the last step, µs. */
  readonly afterUs: number;
  /** Connections: by whom they are opened, and the peer's port (0: 8080, or what the system connects to). */
  readonly flows: readonly { readonly opens: 'system' | 'peer'; readonly peerPort: number }[];
}

/** A packet that the system sent, in the scenario's terms. */
export interface SeenPacket {
  readonly kind: 'packet';
  readonly atUs: number;
  /** The connection it belongs to; -1 if to none. */
  readonly flow: number;
  /** Its fields by name; times of its timestamps are relative to the connection's first. */
  readonly fields: Readonly<Record<string, string | number>>;
  /** TS val, ms from the connection's first; null without timestamps. */
  readonly tsMs: number | null;
  /** As a script writes it. */
  readonly text: string;
}

/** What a call, a command or a look gave. */
export interface SeenResult {
  readonly kind: 'result';
  readonly atUs: number;
  /** The number of the step. */
  readonly step: number;
  readonly fields: Readonly<Record<string, string | number>>;
}

export type Seen = SeenPacket | SeenResult;

/** All that was seen of a system in a scenario. */
export interface Observation {
  /** When each step really was, µs from the start. */
  readonly stepsAtUs: readonly number[];
  readonly seen: readonly Seen[];
  /** Why the scenario could not be played to its end; null if it was. */
  readonly broken: string | null;
}
