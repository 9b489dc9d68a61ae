/** What is said about attempts, in English and in Chinese. The verdicts' English is explain's own. */

import type { OptionSet } from '../explain/decode/options.ts';
import type { Attempt } from '../explain/judge/attempt.ts';
import { optionsText } from '../explain/judge/details.ts';
import type { PacketSeen } from '../explain/judge/evidence.ts';
import { type Certainty, type Note, notes } from '../explain/judge/verdicts.ts';
import { icmpText } from '../explain/output/icmp-text.ts';
import { chinese } from './attempt-words-zh.ts';
import type { Language } from './words.ts';

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

const english: AttemptWords = {
  labels: {
    note: 'note',
    offered: 'offered',
    answered: 'answered',
    'in force': 'in force',
    'round trip': 'round trip',
    'captured at': 'captured at',
    numbers: 'numbers',
    repeats: 'repeats',
    client: 'client',
  },
  certainty: { certain: 'certain', likely: 'likely', possible: 'possible' },
  points: {
    client: 'the client, or its link',
    server: 'the server, or its link',
    between: 'a place between client and server',
    'same-host-or-link': 'the host or link that both share',
  },
  patterns: {
    doubling: 'doubling',
    'linear, then doubling': 'linear, then doubling',
    constant: 'constant',
    other: 'other',
  },
  same: 'the same again',
  again: '(captured again)',
  stray: '(not of this attempt)',
  noFlags: 'none',
  sentence: (a) => a.sentence,
  note: (note) => `${notes[note].title} (${note})`,
  options: optionsText,
  icmp: icmpText,
  sender: (address) => `from ${address}`,
  bytes: (count) => `${count} ${count === 1 ? 'byte' : 'bytes'}`,
  shown: (frames, began, encapsulation) => {
    const list = `frame${frames.length === 1 ? '' : 's'} ${frames.join(', ')}`;
    return `${frames.length === 0 ? '' : `Shown by ${list}. `}Began ${began}${encapsulation === '' ? '' : `, in ${encapsulation}`}.`;
  },
  segments: (client, server) => `client sends up to ${client}, server up to ${server} bytes a segment`,
  windows: (client, server) => `windows × ${client} and × ${server}`,
  stamps: 'time stamps',
  roundTrip: (server, client, ambiguous) =>
    `${server} to the server${client === null ? '' : ` + ${client} to the client`}${
      ambiguous ? ' (ambiguous: it cannot be told which SYN was answered)' : ''
    }`,
  isnStep: (step) =>
    step === 0
      ? "the server's initial sequence number is always the same"
      : `the server's initial sequence numbers grow by ${step} per connection`,
  repeats: (pattern) => `its SYN, gaps ${pattern}`,
  system: (name) => `${name}, by its SYN`,
};

export const attemptWords: Readonly<Record<Language, AttemptWords>> = { en: english, zh: chinese };
