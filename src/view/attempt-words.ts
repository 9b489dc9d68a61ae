/** What is said about attempts, in English and in Chinese. The verdicts' English is explain's own. */

import { optionsText } from '../explain/judge/details.ts';
import { notes } from '../explain/judge/verdicts.ts';
import { icmpText } from '../explain/output/icmp-text.ts';
import type { AttemptWords } from './attempt-texts.ts';
import { chinese } from './attempt-words-zh.ts';
import type { Language } from './words.ts';

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
  table: {
    verdict: 'verdict',
    count: 'count',
    first: 'first',
    top: 'top destinations',
    none: 'No TCP connection attempts.',
    standing: 'What stands out:',
  },
  standing: (note, example) => `${notes[note].title} (${note}; first #${example})`,
  frame: 'frame',
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
