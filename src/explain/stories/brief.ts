/** What is kept of an attempt to tell of several together. Times are seconds since 1970. */
import type { Attempt } from '../judge/attempt.ts';
import type { Outcome, Verdict } from '../judge/verdicts.ts';

/** An attempt in short. */
export interface Brief {
  readonly number: number;
  readonly verdict: Verdict;
  readonly outcome: Outcome;
  readonly client: string;
  readonly clientPort: number;
  readonly server: string;
  readonly serverPort: number;
  readonly first: number;
  readonly last: number;
  /** When the program knew that it was connected; null: it never was. */
  readonly connected: number | null;
  readonly clientBytes: number;
  readonly serverBytes: number;
  readonly leg: number;
  readonly hasSyn: boolean;
  readonly hasSynAck: boolean;
  readonly resetByClient: boolean;
  readonly confirmed: boolean;
  /** Whether its SYN is signed (TCP MD5 or TCP-AO). */
  readonly signed: boolean;
}

const SIGNATURES = [19, 29];

export function briefOf(a: Attempt): Brief {
  const { evidence: e, handshake: h } = a;
  const first = a.baseSeconds + e.firstTime / 1e9;
  return {
    number: a.number,
    verdict: a.verdict,
    outcome: a.outcome,
    client: a.client,
    clientPort: a.clientPort,
    server: a.server,
    serverPort: a.serverPort,
    first,
    last: a.baseSeconds + e.lastTime / 1e9,
    connected: a.connecting.ns === null ? null : first + a.connecting.ns / 1e9,
    clientBytes: e.clientBytes,
    serverBytes: e.serverBytes,
    leg: e.leg,
    hasSyn: h.syn !== null,
    hasSynAck: h.synAck !== null,
    resetByClient: h.clientReset !== null,
    confirmed: h.finalAck !== null,
    signed: h.syn?.options.kinds.some((kind) => SIGNATURES.includes(kind)) ?? false,
  };
}

/** How an attempt ended, as the end of a sentence about its server. */
export const fates: Readonly<Record<Outcome, string>> = {
  completed: 'connected',
  refused: 'refused',
  unanswered: 'did not answer',
  unconfirmed: 'answered, which was not confirmed',
  reset: 'was reset',
  rejected: 'was rejected by ICMP',
  unknown: 'is not told',
};
