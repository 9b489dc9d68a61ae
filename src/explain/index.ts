/** The public face of explain: `halfopen/explain`. What happened to every connection attempt in a capture. */

export { CaptureError } from '../wire/pcap-reader.ts';
export { type Attempt, timeText } from './attempt.ts';
export {
  type BackOff,
  type CapturePoint,
  type InForce,
  optionsText,
  type RoundTrip,
  type System,
} from './details.ts';
export type { Evidence, PacketSeen } from './evidence.ts';
export { type CaptureSummary, Explainer, explain } from './explain.ts';
export { type Filter, filterCodes, filterOf } from './filter.ts';
export type { ByteStream, Chunks } from './gunzip.ts';
export type { Handshake } from './handshake.ts';
export { icmpText } from './icmp-text.ts';
export { attemptJson } from './json.ts';
export type { OptionSet } from './options.ts';
export { type NoteCount, Tally, type VerdictCount } from './summary.ts';
export { attemptLine, flagsText } from './text.ts';
export {
  type Certainty,
  type Meaning,
  type Note,
  notes,
  type Outcome,
  type Verdict,
  verdicts,
} from './verdicts.ts';
