/** The system under test as the runner uses it: times from the script's start, packets kept in a queue and a trace. */
import { DrillError } from './failure.ts';
import { type Steps, settled } from './steps.ts';
import type {
  Advance,
  AsyncSystemUnderTest,
  OutboundPacket,
  Outcome,
  SystemCall,
} from './system-under-test.ts';

/** A packet of the run, as it went over the wire. */
export interface TracedPacket {
  /** µs since the script's start. */
  readonly atUs: number;
  /** As seen from the system under test. */
  readonly direction: 'in' | 'out';
  readonly bytes: Uint8Array;
}

/** No script means to see more packets: a system that sends them without end must not hold up the runner. */
const mostPackets = 1_000_000;

/** How often a system may say that something happened, at one time, when nothing has. */
const mostFalseAlarms = 1000;

/** How often it may say so in one run at all: each packet, each end of a call and each timer is one. */
const mostActivities = 3_000_000;

/** How long the runner waits for something that has no time of its own: a day. */
export const forEverUs = 86_400_000_000;

export class Machine {
  readonly system: AsyncSystemUnderTest;
  /** The script's start on the system's clock, µs. */
  startUs: number;
  /** Outbound packets that no event has looked at yet; times since the start. */
  readonly queue: OutboundPacket[] = [];
  readonly trace: TracedPacket[] = [];
  private ends = 0;
  private falseAlarms = 0;
  private activities = 0;
  /** Called when the pending call ends, with its time since the start. */
  onEnded: (outcome: Outcome, atUs: number) => void = () => {};

  constructor(system: AsyncSystemUnderTest) {
    this.system = system;
    this.startUs = system.now();
  }

  /** The script starts now. */
  start(): void {
    this.drain();
    this.queue.length = 0;
    this.trace.length = 0;
    this.startUs = this.system.now();
  }

  /** µs since the script's start. */
  now(): number {
    return this.system.now() - this.startUs;
  }

  *inject(bytes: Uint8Array): Steps<void> {
    this.trace.push({ atUs: this.now(), direction: 'in', bytes });
    yield* settled(this.system.inject(bytes));
    this.drain();
  }

  *syscall(call: SystemCall): Steps<Outcome | 'pending'> {
    const outcome = yield* settled(this.system.syscall(call));
    // What needed nobody else (a connection over the loopback, say) has ended already.
    const result = outcome === 'pending' ? (this.system.ended?.()?.outcome ?? outcome) : outcome;
    this.drain();
    return result;
  }

  /** Runs until a time or until something happened; what happened is in the queue or was told to `onEnded`. */
  *step(untilUs: number): Steps<Advance> {
    const [nowUs, seen] = [this.system.now(), this.trace.length + this.ends];
    const why = yield* settled(this.system.advance(untilUs + this.startUs));
    this.drain();
    const nothing = this.system.now() <= nowUs && this.trace.length + this.ends === seen;
    this.falseAlarms = why === 'activity' && nothing ? this.falseAlarms + 1 : 0;
    if (this.falseAlarms >= mostFalseAlarms) {
      throw new DrillError(
        'internal',
        `the system under test said 'activity' ${mostFalseAlarms} times, but sent no packet, ended no call and let no time pass`,
      );
    }
    if (why === 'activity' && this.activities++ >= mostActivities) {
      throw new DrillError(
        'internal',
        `the system under test said 'activity' ${mostActivities} times: is there no end to what it does?`,
      );
    }
    return why;
  }

  /** Runs until a time, whatever happens meanwhile. */
  *runUntil(untilUs: number): Steps<void> {
    this.drain();
    while (this.now() < untilUs && (yield* this.step(untilUs)) === 'activity');
  }

  private drain(): void {
    for (let packet = this.system.nextPacket(); packet !== null; packet = this.system.nextPacket()) {
      if (this.trace.length >= mostPackets) {
        throw new DrillError(
          'packet',
          `the system has sent ${mostPackets} packets: is there no end to them?`,
        );
      }
      const atUs = packet.atUs - this.startUs;
      this.queue.push({ bytes: packet.bytes, atUs });
      this.trace.push({ atUs, direction: 'out', bytes: packet.bytes });
    }
    const end = this.system.ended?.() ?? null;
    if (end === null) return;
    this.ends++;
    this.onEnded(end.outcome, end.atUs - this.startUs);
  }
}
