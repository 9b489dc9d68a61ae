/** Where two observations of one scenario differ: packet by packet and field by field, call by call. */
import type { Observation, Scenario, Seen, SeenPacket, SeenResult } from './scenario.ts';

export interface Difference {
  /** What is different: a field's name, `time`, or `packet` for one that only one of them sent. */
  readonly field: string;
  readonly atUs: number;
  /** What the oracle has, and what the other. */
  readonly expected: string;
  readonly actual: string;
  /** The packet or the call it is about. */
  readonly about: string;
  /** Differences of one likely cause have this in common. */
  readonly signature: string;
}

/** Kernel timers run late by up to an eighth, and by some ticks. */
const timerShare = 0.15;
const timerUs = 15_000;
/** A packet that comes later than this after whatever was done comes from a timer. */
export const answerUs = 4_000;
/** The values of TCP_INFO that do not depend on how fast a machine is. */
const exactInfo = new Set(
  'state ca_state retransmits probes backoff options snd_wscale rcv_wscale snd_mss rcv_mss unacked sacked lost retrans pmtu rcv_ssthresh snd_ssthresh snd_cwnd advmss reordering total_retrans bytes_acked bytes_received segs_out segs_in notsent_bytes data_segs_in data_segs_out delivered delivered_ce bytes_sent bytes_retrans dsack_dups snd_wnd rcv_wnd total_rto rcv_space'
    .split(' ')
    .map((name) => `tcpi_${name}`),
);
/** Times in it, µs, and how far apart they may be. */
const timeInfo: Readonly<Record<string, number>> = {
  tcpi_rto: 20_000,
  tcpi_rtt: 15_000,
  tcpi_rttvar: 15_000,
};

const packetsOf = (observation: Observation, flow: number): SeenPacket[] =>
  observation.seen.filter((it): it is SeenPacket => it.kind === 'packet' && it.flow === flow);

const resultsOf = (observation: Observation): Map<number, SeenResult> =>
  new Map(observation.seen.filter((it): it is SeenResult => it.kind === 'result').map((it) => [it.step, it]));

/** The differences, first in time first; only the first of each connection, since the rest follows from it. */
export function differences(scenario: Scenario, oracle: Observation, other: Observation): Difference[] {
  const found: Difference[] = [];
  if ((oracle.broken === null) !== (other.broken === null))
    found.push(
      make(
        'broken',
        0,
        oracle.broken ?? 'played',
        other.broken ?? 'played',
        'the scenario',
        scenario,
        oracle,
      ),
    );
  for (let flow = -1; flow < scenario.flows.length; flow++) {
    const difference = firstOfFlow(scenario, oracle, other, flow);
    if (difference !== null) found.push(difference);
  }
  const [expected, actual] = [resultsOf(oracle), resultsOf(other)];
  for (const [step, result] of expected) {
    const difference = resultDifference(scenario, oracle, result, actual.get(step), skewOf(oracle, other));
    if (difference !== null) found.push(difference);
  }
  for (const [step, result] of actual)
    if (!expected.has(step))
      found.push(
        make('result', result.atUs, 'none', 'a result', aboutStep(scenario, step), scenario, oracle),
      );
  return found.sort((a, b) => a.atUs - b.atUs);
}

function firstOfFlow(
  scenario: Scenario,
  oracle: Observation,
  other: Observation,
  flow: number,
): Difference | null {
  const [expected, actual] = [packetsOf(oracle, flow), packetsOf(other, flow)];
  const skew = skewOf(oracle, other);
  for (let i = 0; i < Math.max(expected.length, actual.length); i++) {
    const [e, a] = [expected[i], actual[i]];
    if (e === undefined || a === undefined) {
      const seen = (e ?? a)!;
      if (nearEnd(scenario, oracle, seen.atUs + skew)) return null;
      return make(
        'packet',
        seen.atUs,
        e?.text ?? 'nothing',
        a?.text ?? 'nothing',
        seen.text,
        scenario,
        oracle,
      );
    }
    const tolerance = Math.max(toleranceAt(scenario, oracle, e.atUs), repeatTolerance(expected, i)) + skew;
    const apart = a.atUs - e.atUs;
    if (Math.abs(apart) > tolerance) {
      // The earlier one may have been sent by the other as well, but later: say which came first.
      const [first, text] = apart < 0 ? [a, 'sent earlier'] : [e, 'sent later'];
      const expectedText = `${ms(e.atUs)} ${e.text}`;
      return make(
        'time',
        first.atUs,
        expectedText,
        `${ms(a.atUs)} ${a.text}`,
        `${e.text} (${text})`,
        scenario,
        oracle,
      );
    }
    for (const field of new Set([...Object.keys(e.fields), ...Object.keys(a.fields)])) {
      if (e.fields[field] === a.fields[field]) continue;
      return make(field, e.atUs, e.text, a.text, e.text, scenario, oracle, e.fields[field], a.fields[field]);
    }
    if (
      (e.tsMs === null) !== (a.tsMs === null) ||
      Math.abs((e.tsMs ?? 0) - (a.tsMs ?? 0)) * 1000 > tolerance + 5000 + cookieClock(expected)
    )
      return make('ts', e.atUs, e.text, a.text, e.text, scenario, oracle);
  }
  return null;
}

/** How far apart the same step was in both, at most: a busy machine is late. */
const skewOf = (a: Observation, b: Observation): number =>
  a.stepsAtUs.reduce((most, at, i) => Math.max(most, Math.abs(at - (b.stepsAtUs[i] ?? at))), 0);

/** Whether the time is so near the end that the other may send the same just after it. */
const nearEnd = (scenario: Scenario, oracle: Observation, atUs: number): boolean =>
  atUs > (oracle.stepsAtUs.at(-1) ?? 0) + scenario.afterUs - toleranceAt(scenario, oracle, atUs);

/** How far apart a packet's times may be: it comes from the last thing done, or from a timer that began somewhere before. */
export function toleranceAt(scenario: Scenario, oracle: Observation, atUs: number): number {
  const before = oracle.stepsAtUs.findLast((at) => at <= atUs + answerUs) ?? 0;
  const sent = oracle.seen.findLast((it) => it.kind === 'packet' && it.atUs < atUs - answerUs)?.atUs ?? 0;
  if (scenario.steps.length === 0) return timerUs;
  return Math.max(timerUs, timerShare * (atUs - Math.min(before, sent)));
}

/** The timestamp of a SYN cookie has options in its low six bits: all others are so much further from it, or less, µs. */
const cookieClock = ([first]: readonly SeenPacket[]): number => (first?.fields.flags === 'S.' ? 64_000 : 0);

/**
 * What was sent before and is sent again comes from a timer that may have begun with either of the last two copies, or
 * between: something else may have been sent since.
 */
function repeatTolerance(packets: readonly SeenPacket[], index: number): number {
  const { atUs, fields } = packets[index]!;
  const copies = packets
    .slice(0, index)
    .filter((it) => it.fields.seq === fields.seq && (it.fields.length === 0) === (fields.length === 0));
  const began = (copies.at(-2) ?? copies.at(-1))?.atUs ?? atUs;
  return timerShare * (atUs - began);
}

function resultDifference(
  scenario: Scenario,
  oracle: Observation,
  expected: SeenResult,
  actual: SeenResult | undefined,
  skew: number,
): Difference | null {
  const about = aboutStep(scenario, expected.step);
  if (actual === undefined) return make('result', expected.atUs, 'a result', 'none', about, scenario, oracle);
  const info = scenario.steps[expected.step]!.stimulus.kind === 'look';
  for (const [field, value] of Object.entries(expected.fields)) {
    const got = actual.fields[field];
    if (got === value) continue;
    if (info && field !== 'revents') {
      const within = timeInfo[field];
      if (got === undefined || (within === undefined && !exactInfo.has(field))) continue;
      if (
        within !== undefined &&
        Math.abs(Number(got) - Number(value)) <= Math.max(within, 0.13 * Number(value)) + skew
      )
        continue;
    }
    return make(
      field,
      expected.atUs,
      `${field} ${value}`,
      `${field} ${got}`,
      about,
      scenario,
      oracle,
      value,
      got,
    );
  }
  return endDifference(scenario, oracle, expected, actual, skew);
}

/** What a result is about: the call, the setting, the look. */
function aboutStep(scenario: Scenario, step: number): string {
  const { stimulus } = scenario.steps[step]!;
  switch (stimulus.kind) {
    case 'call':
    case 'command':
      return stimulus.text;
    case 'sysctl':
      return `sysctl ${stimulus.name}=${stimulus.value}`;
    default:
      return `look at ${stimulus.kind === 'look' ? stimulus.fd : ''}`;
  }
}

/** When a call that blocked ended, if it did not end at the same time in both. */
function endDifference(
  scenario: Scenario,
  oracle: Observation,
  expected: SeenResult,
  actual: SeenResult,
  skew: number,
): Difference | null {
  // How long everything else takes is a matter of the machine.
  if (expected.blocked !== true && actual.blocked !== true) return null;
  const began = oracle.stepsAtUs[expected.step] ?? 0;
  if (Math.max(expected.atUs, actual.atUs) - began < answerUs) return null;
  const apart = Math.abs(expected.atUs - actual.atUs);
  if (apart <= toleranceAt(scenario, oracle, expected.atUs) + skew) return null;
  const about = aboutStep(scenario, expected.step);
  return make(
    'end',
    expected.atUs,
    `ended at ${ms(expected.atUs)}`,
    `ended at ${ms(actual.atUs)}`,
    about,
    scenario,
    oracle,
  );
}

const ms = (us: number): string => `${(us / 1000).toFixed(1)} ms`;

function make(
  field: string,
  atUs: number,
  expected: string,
  actual: string,
  about: string,
  scenario: Scenario,
  oracle: Observation,
  value?: string | number,
  got?: string | number,
): Difference {
  const kind = /^[A-Z.-]+ /.exec(about)?.[0].trim() ?? about.replace(/[0-9]+/g, 'N').slice(0, 60);
  const named =
    /^(tcpi_(state|ca_state|options)|revents|errno|value|flags|df|tos|ttl|id|label|options|status)$/;
  const missing = actual === 'nothing' ? ' missing' : ' too many';
  const values =
    field === 'packet' ? missing : value !== undefined && named.test(field) ? ` ${value} not ${got}` : '';
  const before = field.startsWith('tcpi_') ? '' : ` after ${lastStimulus(scenario, oracle, atUs)}`;
  return { field, atUs, expected, actual, about, signature: `${kind}: ${field}${values}${before}` };
}

/** What was done last before a time, in a word. */
function lastStimulus(scenario: Scenario, oracle: Observation, atUs: number): string {
  const index = oracle.stepsAtUs.findLastIndex((at) => at <= atUs + answerUs);
  const stimulus = scenario.steps[index]?.stimulus;
  if (stimulus === undefined) return 'nothing';
  const timer = atUs - oracle.stepsAtUs[index]! > answerUs ? 'a timer, and ' : '';
  if (stimulus.kind === 'packet') {
    const { packet } = stimulus;
    if (packet.kind !== 'tcp') return `${timer}icmp`;
    const letters = (['fin', 'syn', 'rst', 'psh', 'ack', 'urg'] as const).filter(
      (name) => packet.flags[name],
    );
    return `${timer}${letters.join('+') || 'no flags'}${packet.length > 0 ? ' with data' : ''}`;
  }
  return `${timer}${stimulus.kind === 'call' ? stimulus.call.name : stimulus.kind}`;
}

/**
 * Whether a timer of the system went off so close to something that was done that on another machine, or in another run,
 * it would have come on the other side of it.
 */
export function clashes(scenario: Scenario, observation: Observation): number | null {
  const timers = observation.seen.filter(
    (it: Seen) => it.kind === 'packet' && isTimers(observation, it.atUs),
  );
  for (const { atUs } of timers) {
    const near = toleranceAt(scenario, observation, atUs);
    const index = observation.stepsAtUs.findIndex((at) => Math.abs(at - atUs) < near);
    if (index >= 0) return index;
  }
  return null;
}

/** The first of the steps that were done together at a time, or last before it; -1 if there is none. */
export function clusterAt(scenario: Scenario, { stepsAtUs }: Observation, atUs: number): number {
  let index = stepsAtUs.findLastIndex((at) => at <= atUs + answerUs);
  while (index > 0 && stepsAtUs[index]! - stepsAtUs[index - 1]! < timerUs) index--;
  return index < scenario.steps.length ? index : -1;
}

const isTimers = (observation: Observation, atUs: number): boolean => {
  const before = observation.stepsAtUs.findLast((at) => at <= atUs) ?? 0;
  return atUs - before > answerUs;
};
