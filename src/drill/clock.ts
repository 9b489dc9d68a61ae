/** packetdrill's rules of time: when an event is due, and how far off it may be. */
import type { Event } from './ast.ts';
import type { DrillConfig } from './config.ts';

/** An event with its time counted from the script's start, µs. */
export interface TimedEvent {
  readonly event: Event;
  readonly us: number;
  /** The end of a range; otherwise the same as `us`. */
  readonly endUs: number;
  /** What a relative time counts from. */
  readonly offsetUs: number;
}

const isInbound = ({ action }: Event): boolean =>
  action.kind === 'packet' && action.packet.direction === 'in';

/**
 * The time of an event. Relative times count from the moment the event before ended; but from its scheduled time if
 * both are inbound packets, so that a train of them does not drift.
 * @param nowUs the time now, µs since the script's start
 */
export function schedule(event: Event, last: TimedEvent | null, nowUs: number): TimedEvent {
  const { time } = event;
  if (time.kind === 'absolute' || time.kind === 'absolute-range') {
    return { event, us: time.us, endUs: time.endUs, offsetUs: 0 };
  }
  const anchored = last !== null && isInbound(last.event) && isInbound(event);
  const offsetUs = anchored ? last.us : nowUs;
  return { event, us: time.us + offsetUs, endUs: time.endUs + offsetUs, offsetUs };
}

const sec = (us: number): string => (us / 1e6).toFixed(6);
const signed = (us: number): string => `${us < 0 ? '-' : '+'}${sec(Math.abs(us))}`;

/**
 * Whether something happened when it should have.
 * @param lastUs the time of the event before, which the tolerance grows with; null if there is none
 * @returns packetdrill's message, or null
 */
export function timingProblem(
  what: string,
  { event, us, endUs, offsetUs }: TimedEvent,
  actualUs: number,
  lastUs: number | null,
  config: DrillConfig,
): string | null {
  const { kind } = event.time;
  if (kind === 'any') return null;
  const share = lastUs === null ? 0 : Math.trunc((config.tolerancePercent / 100) * (us - lastUs));
  const tolerance = Math.max(config.toleranceUs, share);
  const range = kind === 'absolute-range' || kind === 'relative-range';
  if (actualUs >= us - tolerance && actualUs <= (range ? endUs : us) + tolerance) return null;
  if (kind === 'absolute-range') {
    return `timing error: expected ${what} in time range ${sec(us)}~${sec(endUs)} sec but happened at ${sec(actualUs)} sec`;
  }
  if (kind === 'relative-range') {
    const [from, to, at] = [us, endUs, actualUs].map((it) => signed(it - offsetUs));
    return `timing error: expected ${what} in relative time range ${from}~${to} sec but happened at ${at} sec`;
  }
  return `timing error: expected ${what} at ${sec(us)} sec but happened at ${sec(actualUs)} sec; tolerance ${sec(tolerance)} sec`;
}
