/** What the page and its worker say to each other about a capture. */
import type { CapturedBytes } from './foreign.ts';
import type { Text } from './scenario.ts';

/** One attempt as the list has it. */
export interface AttemptRow {
  readonly number: number;
  readonly verdict: string;
  readonly outcome: string;
  readonly sentence: Text;
  /** How sure it is; null for certain. */
  readonly certainty: Text | null;
  readonly client: string;
  readonly server: string;
}

/** All that is told of one. */
export interface AttemptDetails {
  readonly number: number;
  readonly shown: Text;
  readonly facts: readonly { readonly label: Text; readonly text: Text }[];
  readonly packets: readonly CapturedBytes[];
  /** Of how many it has. */
  readonly all: number;
}

export type ToWorker = { readonly file: File } | { readonly open: number };
export type FromWorker =
  | { readonly kind: 'rows'; readonly rows: readonly AttemptRow[]; readonly count: number }
  | { readonly kind: 'done'; readonly count: number; readonly problem: string }
  | { readonly kind: 'details'; readonly details: AttemptDetails };

/** Attempts that are kept to be looked at; the rest is counted. */
export const mostAttempts = 20_000;
