/** From the record of an attempt to values: evidence, verdict, figures, and the sentence. */
import { troubleOf } from './judge/aftermath.ts';
import type { Attempt } from './judge/attempt.ts';
import { connecting } from './judge/connecting.ts';
import { backOff, capturePoint, clientSystem, inForce, roundTrip, zeekState } from './judge/details.ts';
import { type Evidence, type Facts, type Recorded, readEvidence } from './judge/evidence.ts';
import { isProxied } from './judge/handshake.ts';
import { judge } from './judge/judge.ts';
import { sentence } from './output/sentences.ts';

/** Explains the attempt of a record. */
export function explainRecord(log: Recorded, slot: number, facts: Facts): Attempt {
  return explainAttempt(readEvidence(log, slot, facts), facts.encapsulation, facts.baseSeconds);
}

/** Explains one attempt. */
function explainAttempt(evidence: Evidence, encapsulation: string, baseSeconds: number): Attempt {
  const { verdict, outcome, certainty, notes, frames, handshake, hints } = judge(evidence);
  const system = clientSystem(handshake.syn);
  const point = capturePoint(handshake);
  const attempt = {
    number: evidence.number,
    verdict,
    outcome,
    certainty,
    notes,
    sentence: '',
    frames,
    client: evidence.client,
    clientPort: evidence.clientPort,
    server: evidence.server,
    serverPort: evidence.serverPort,
    encapsulation,
    baseSeconds,
    roundTrip: roundTrip(handshake),
    connecting: connecting(evidence, handshake, point, outcome),
    trouble: troubleOf(evidence, handshake),
    capturePoint: point,
    inForce: inForce(evidence, handshake),
    system,
    backOff: handshake.clean || isProxied(handshake) ? null : backOff(handshake.syns, system),
    zeekState: zeekState(evidence, handshake),
    isnsKnown: true,
    hints,
    handshake,
    evidence,
  };
  attempt.sentence = sentence(attempt);
  return attempt;
}
