/** One connection attempt, explained: what the library hands out. */

import type { Trouble } from './aftermath.ts';
import type { Connecting } from './connecting.ts';
import type { BackOff, CapturePoint, InForce, RoundTrip, System } from './details.ts';
import type { Evidence, PacketSeen } from './evidence.ts';
import type { Handshake } from './handshake.ts';
import type { Hint } from './hints.ts';
import type { Certainty, Note, Outcome, Verdict } from './verdicts.ts';

/** A connection attempt and what became of it. */
export interface Attempt {
  /** Which attempt of the capture, from 1, in the order of their first packets. */
  readonly number: number;
  readonly verdict: Verdict;
  readonly outcome: Outcome;
  readonly certainty: Certainty;
  readonly notes: readonly Note[];
  /** One plain sentence. */
  readonly sentence: string;
  /** The frames that show the verdict. */
  readonly frames: readonly number[];
  /** Addresses as text. Without a SYN or SYN+ACK, who is the client is a guess by port. */
  readonly client: string;
  readonly clientPort: number;
  readonly server: string;
  readonly serverPort: number;
  /** What the packets were wrapped in, from the outside in; empty for nothing. */
  readonly encapsulation: string;
  /** The capture's base in seconds since 1970; the times of `evidence` and its packets are ns since it. */
  readonly baseSeconds: number;
  readonly roundTrip: RoundTrip;
  /** How long connect() took, or was tried. */
  readonly connecting: Connecting;
  /** What went wrong after the handshake. */
  readonly trouble: Trouble | null;
  readonly capturePoint: CapturePoint | null;
  readonly inForce: InForce | null;
  readonly system: System | null;
  readonly backOff: BackOff | null;
  /** Zeek's conn_state; its history is in `evidence`. */
  readonly zeekState: string;
  /** Whether initial sequence numbers are those of the connection: a text of tshark may only have relative ones. */
  readonly isnsKnown: boolean;
  /** What single packets show beside the verdict. */
  readonly hints: readonly Hint[];
  readonly handshake: Handshake;
  readonly evidence: Evidence;
}

/** Seconds since 1970 as ISO 8601 text in UTC with nanoseconds. `time`: ns since the base. */
export function timeText(baseSeconds: number, time: number): string {
  let nanoseconds = time % 1e9;
  if (nanoseconds < 0) nanoseconds += 1e9;
  const seconds = (time - nanoseconds) / 1e9;
  return `${secondText(baseSeconds + seconds)}.${String(nanoseconds).padStart(9, '0')}Z`;
}

const SECONDS = 256;
const knownSeconds = new Float64Array(SECONDS).fill(Number.NaN);
const knownTexts: string[] = new Array(SECONDS).fill('');

/** Seconds since 1970 as text. Many attempts begin within a second, and those of some seconds are told together: texts are kept. */
export function secondText(seconds: number): string {
  const place = seconds & (SECONDS - 1);
  if (seconds !== knownSeconds[place]) {
    knownSeconds[place] = seconds;
    // Date's range ends in the year 275760; a damaged capture can claim more.
    const date = new Date(Math.max(-8.64e12, Math.min(8.64e12, seconds)) * 1000);
    knownTexts[place] = date.toISOString().slice(0, -5);
  }
  return knownTexts[place]!;
}

export type { PacketSeen };
