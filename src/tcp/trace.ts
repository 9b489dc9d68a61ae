/**
 * What the protocol tells an observer: values with a code from reasons.ts, never sentences, so that the ladder, the
 * lab and a failing test say the same thing in their own words (and languages).
 */
import type { Address } from '../wire/address.ts';
import type { Reason } from './reasons.ts';

/** The states of RFC 9293 section 3.3.2. */
export type State =
  | 'CLOSED'
  | 'LISTEN'
  | 'SYN-SENT'
  | 'SYN-RECEIVED'
  | 'ESTABLISHED'
  | 'FIN-WAIT-1'
  | 'FIN-WAIT-2'
  | 'CLOSE-WAIT'
  | 'CLOSING'
  | 'LAST-ACK'
  | 'TIME-WAIT';

/** One thing that happened inside a host's TCP. */
export interface TraceEvent {
  /** µs on the host's clock. */
  readonly at: number;
  /** `state`: a transition; `drop`: a segment ignored; `timer`: one went off; `note`: anything worth telling. */
  readonly kind: 'state' | 'drop' | 'timer' | 'note';
  readonly reason: Reason;
  /** The connection's endpoints; the remote one is 0.0.0.0:0 or [::]:0 for a listener. */
  readonly local: Address;
  readonly localPort: number;
  readonly remote: Address;
  readonly remotePort: number;
  /** Of a `state` event. */
  readonly from?: State;
  readonly to?: State;
  /** Numbers and words that the reason's sentence needs, such as `{ rtoUs: 1000000 }`. */
  readonly args?: Readonly<Record<string, number | string>>;
}
