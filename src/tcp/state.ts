/** The states as numbers, with Linux' values (include/net/tcp_states.h, 6.18): tcpi_state and /proc/net/tcp show them. */
import type { State } from './trace.ts';

export const ESTABLISHED = 1;
export const SYN_SENT = 2;
export const SYN_RECEIVED = 3;
export const FIN_WAIT_1 = 4;
export const FIN_WAIT_2 = 5;
export const TIME_WAIT = 6;
export const CLOSED = 7;
export const CLOSE_WAIT = 8;
export const LAST_ACK = 9;
export const LISTEN = 10;
export const CLOSING = 11;

const names: readonly State[] = [
  'CLOSED',
  'ESTABLISHED',
  'SYN-SENT',
  'SYN-RECEIVED',
  'FIN-WAIT-1',
  'FIN-WAIT-2',
  'TIME-WAIT',
  'CLOSED',
  'CLOSE-WAIT',
  'LAST-ACK',
  'LISTEN',
  'CLOSING',
];

/** RFC 9293's name of a state number. */
export const stateName = (state: number): State => names[state]!;
