/** The form of what is said about attempts, in any language. */

import type { OptionSet } from '../explain/decode/options.ts';
import type { Attempt } from '../explain/judge/attempt.ts';
import type { PacketSeen } from '../explain/judge/evidence.ts';
import type { Certainty, Note } from '../explain/judge/verdicts.ts';

/** Labels of the facts about an attempt. */
export type FactLabel =
  | 'note'
  | 'offered'
  | 'answered'
  | 'in force'
  | 'round trip'
  | 'captured at'
  | 'numbers'
  | 'repeats'
  | 'client';

/** The words of one language. Durations and addresses come as text. */
export interface AttemptWords {
  readonly labels: Readonly<Record<FactLabel, string>>;
  readonly certainty: Readonly<Record<Certainty, string>>;
  readonly points: Readonly<Record<NonNullable<Attempt['capturePoint']>, string>>;
  readonly patterns: Readonly<Record<NonNullable<Attempt['backOff']>['pattern'], string>>;
  /** Of the summary. */
  readonly table: Readonly<Record<'verdict' | 'count' | 'first' | 'top' | 'none' | 'standing', string>>;
  standing(note: Note, example: number): string;
  readonly frame: string;
  readonly same: string;
  readonly again: string;
  readonly stray: string;
  readonly noFlags: string;
  /** What became of it, in one sentence. */
  sentence(a: Attempt): string;
  note(note: Note): string;
  options(options: OptionSet): string;
  icmp(p: PacketSeen, ipv6: boolean): string;
  sender(address: string): string;
  bytes(count: number): string;
  /** Which frames show it, and when it began. */
  shown(frames: readonly number[], began: string, encapsulation: string): string;
  segments(client: number, server: number): string;
  windows(client: number, server: number): string;
  stamps: string;
  roundTrip(server: string, client: string | null, ambiguous: boolean): string;
  isnStep(step: number): string;
  repeats(pattern: string): string;
  system(name: string): string;
}
