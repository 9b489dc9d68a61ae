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
  readonly flows: readonly ScenarioFlow[];
  /** packetdrill's options that a script has, such as addresses. */
  readonly options?: readonly { readonly name: string; readonly value: string | null }[];
  /** Commands before the start, and the folder from which commands are run. */
  readonly setup?: readonly string[];
  readonly folder?: string;
  /** The folder below which shell scripts may be read that commands name. */
  readonly root?: string;
  /** Whether calls may block: then whoever makes them must not be held up by that. */
  readonly blocks?: boolean;
}

/** A connection: by whom it is opened, and from where to where. */
export interface ScenarioFlow {
  readonly opens: 'system' | 'peer';
  /** 0: one of its own, or what the system connects to. */
  readonly peerPort: number;
  /** The system's port; 0 or not given: 8080, or what the system chooses. */
  readonly localPort?: number;
  /**
   * The TS val that a script writes on each packet that it expects of the system, in order, null without: this is how an echo
   * names the packet whose time it repeats.
   */
  readonly stamps?: readonly (number | null)[];
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
  /** Whether it is of a call that blocked. */
  readonly blocked?: boolean;
}

export type Seen = SeenPacket | SeenResult;

/** All that was seen of a system in a scenario. */
export interface Observation {
  /** When each step really was, µs from the start. */
  readonly stepsAtUs: readonly number[];
  readonly seen: readonly Seen[];
  /** Why the scenario could not be played to its end; null if it was. */
  readonly broken: string | null;
  /** The set-up failed, so that nothing was played. */
  readonly unready?: true;
}
