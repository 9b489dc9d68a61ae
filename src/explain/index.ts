/** The public face of explain: `halfopen/explain`. What happened to every connection attempt in a capture. */

export type { ByteStream, Chunks } from './decode/gunzip.ts';
export type { NeighbourFinding } from './decode/neighbours.ts';
export type { OptionSet } from './decode/options.ts';
export type { Sum } from './decode/sums.ts';
export { Explainer, type ExplainOptions, explain } from './explain.ts';
export { type Filter, filterCodes, filterOf } from './filter.ts';
export type { Trouble } from './judge/aftermath.ts';
export { type Attempt, timeText } from './judge/attempt.ts';
export type { Connecting } from './judge/connecting.ts';
export {
  type BackOff,
  type CapturePoint,
  type InForce,
  optionsText,
  type RoundTrip,
  type System,
} from './judge/details.ts';
export type { Aftermath, Evidence, PacketSeen } from './judge/evidence.ts';
export type { Handshake } from './judge/handshake.ts';
export type { Hint, Summed } from './judge/hints.ts';
export {
  type Certainty,
  type Meaning,
  type Note,
  notes,
  type Outcome,
  type Verdict,
  verdicts,
} from './judge/verdicts.ts';
export { icmpText } from './output/icmp-text.ts';
export { attemptJson } from './output/json.ts';
export { type CaptureSummary, type NoteCount, Tally, type VerdictCount } from './output/summary.ts';
export { attemptLine, flagsText } from './output/text.ts';
export type { TrackerLimits } from './track/eviction.ts';
