/** Plays a scenario on a system, step by step, and writes down what the system does. */
import { callAddresses } from '../drill/call-addresses.ts';
import type { CallContext } from '../drill/call-arguments.ts';
import { prepareCall } from '../drill/calls.ts';
import { applyOption, type DrillConfig, defaultConfig } from '../drill/config.ts';
import { DrillError } from '../drill/failure.ts';
import { Flow } from '../drill/flow.ts';
import { encodeInbound, encodeInboundIcmp } from '../drill/packets.ts';
import { type Steps, settled, throughAll, throughAllAsync } from '../drill/steps.ts';
import type { AsyncSystemUnderTest, Outcome, SystemUnderTest } from '../drill/system-under-test.ts';
import { describePacket } from './describe.ts';
import {
  firstTimestamp,
  type Observation,
  type Scenario,
  type ScenarioFlow,
  type Seen,
  type SeenPacket,
  type Step,
} from './scenario.ts';

/** A system that sends more than this is not followed any further. */
const mostPackets = 2000;
const firstPeerPort = 40000;

/** Statuses of a shell by which it says that it has no such command. */
const noCommand = new Set([126, 127]);

export function configFor(scenario: Scenario): DrillConfig {
  const config = { ...defaultConfig(scenario.ipVersion), mtu: scenario.mtu, tsEcrScaled: true };
  for (const { name, value } of scenario.options ?? []) applyOption(config, name, value);
  return config;
}

/** Does what comes before a scenario's start. @returns what is wrong, null if nothing is */
export function* setUp({ setup = [] }: Scenario, system: AsyncSystemUnderTest): Steps<string | null> {
  for (const text of setup) {
    if (system.command === undefined) return 'the stack runs no commands';
    const { status, output } = yield* settled(system.command(text));
    const lines = output.split('\n').filter((line) => line.trim() !== '');
    const lacks =
      lines.find((line) => /cannot|not found|no such|error|not permitted/i.test(line)) ?? lines.at(-1) ?? '';
    // A namespace may not choose every congestion control by sysctl; the route sees to that.
    if (status !== 0 && !lacks.includes('tcp_congestion_control'))
      return `the set-up command ends with status ${status}: ${lacks.trim()}`;
  }
  return null;
}

export class Player {
  readonly scenario: Scenario;
  private readonly system: AsyncSystemUnderTest;
  private readonly config: DrillConfig;
  private readonly startUs: number;
  private readonly flows: Flow[];
  private readonly stepsAtUs: number[] = [];
  private readonly seen: Seen[] = [];
  private readonly fds = new Map<number, number>();
  private next = 0;
  private packets = 0;
  private broken: string | null = null;
  private pendingStep: number | null = null;
  /** Packets of each connection so far. */
  private readonly counts: number[] = [];

  /** @param delayUs how long after now it starts, µs */
  constructor(scenario: Scenario, system: AsyncSystemUnderTest, delayUs = 0) {
    this.scenario = scenario;
    this.system = system;
    this.config = configFor(scenario);
    this.flows = scenario.flows.map((it, i) => this.flow(it, i));
    this.drainAll();
    this.startUs = system.now() + delayUs;
  }

  private flow({ opens, peerPort, localPort = 0 }: ScenarioFlow, index: number): Flow {
    const flow = new Flow(-1, 6);
    flow.remotePort =
      peerPort !== 0 ? peerPort : opens === 'peer' ? firstPeerPort + index : this.config.connectPort;
    flow.localPort = opens === 'peer' ? localPort || this.config.bindPort : 0;
    return flow;
  }

  /** µs since the start. */
  now(): number {
    return this.system.now() - this.startUs;
  }

  /** When the next step is due, on the system's clock; null when all is over. */
  dueUs(): number | null {
    const { steps, afterUs } = this.scenario;
    if (this.broken !== null) return null;
    const last = steps.at(-1)?.atUs ?? 0;
    if (this.next < steps.length) return this.startUs + steps[this.next]!.atUs;
    return this.next === steps.length ? this.startUs + last + afterUs : null;
  }

  /** Does what is due now, on a system that answers at once. */
  step(): void {
    throughAll(this.steps());
  }

  /** Does what is due now: the next step, or the last look. */
  *steps(): Steps<void> {
    this.drain();
    const step = this.scenario.steps[this.next];
    const index = this.next++;
    if (step === undefined) return;
    this.stepsAtUs.push(Math.round(this.now()));
    try {
      yield* this.perform(step, index);
    } catch (error) {
      if (!(error instanceof DrillError)) throw error;
      this.broken = `step ${index}: ${error.message}`;
    }
    this.drain();
  }

  /** The system cannot go on. */
  breaks(why: string): void {
    this.broken ??= why;
  }

  /** What was seen, once all is over. */
  observation(): Observation {
    this.drain();
    return { stepsAtUs: this.stepsAtUs, seen: this.seen, broken: this.broken };
  }

  private *perform({ stimulus }: Step, index: number): Steps<void> {
    switch (stimulus.kind) {
      case 'packet': {
        const flow = this.flows[stimulus.flow]!;
        const { packet } = stimulus;
        if (packet.kind === 'tcp') {
          if (packet.flags.syn && flow.state === 'new') {
            flow.state = 'synack-sent';
            flow.liveRemoteIsn = Number(packet.seq) | 0;
          }
          flow.firstTimestamp ??= { script: firstTimestamp, live: 0 };
          yield* settled(this.system.inject(encodeInbound(packet, flow, this.config)));
        } else if (packet.kind === 'icmp')
          yield* settled(this.system.inject(encodeInboundIcmp(packet, flow, this.config)));
        break;
      }
      case 'call': {
        const { call, newFds } = prepareCall(stimulus.call, this.context());
        const outcome = yield* settled(this.system.syscall(call));
        if (outcome !== 'pending') this.note(index, newFds, outcome);
        else if (this.pendingStep === null) this.pendingStep = index;
        break;
      }
      case 'sysctl': {
        const { name, value } = stimulus;
        yield* this.command(`sysctl -q -w ${name}="${value}"`, index);
        break;
      }
      case 'command':
        yield* this.command(stimulus.text, index);
        break;
      case 'look':
        yield* this.look(index, stimulus.fd);
        break;
    }
  }

  private *command(text: string, step: number): Steps<void> {
    if (this.system.command === undefined) throw new DrillError('cannot-run', 'the stack runs no commands');
    const { status } = yield* settled(this.system.command(text));
    // What a namespace may choose is no matter of the stack: it gets what is asked for by its route.
    if (noCommand.has(status) || text.includes('tcp_congestion_control')) return;
    this.seen.push({ kind: 'result', atUs: this.now(), step, fields: { status: status === 0 ? 0 : 1 } });
  }

  /** @param endUs when a call that blocked ended, µs from the start; null if it did not block */
  private note(step: number, newFds: readonly number[], outcome: Outcome, endUs: number | null = null): void {
    const given = outcome.fds ?? (outcome.value >= 0 && newFds.length > 0 ? [outcome.value] : []);
    given.forEach((live, i) => {
      const fd = newFds[i];
      if (fd !== undefined) this.fds.set(fd, live);
    });
    const fields: Record<string, string | number> = {
      value: newFds.length > 0 && outcome.value >= 0 ? 'fd' : outcome.value,
      errno: outcome.errno,
    };
    if (outcome.option !== undefined) fields.option = Buffer.from(outcome.option).toString('hex');
    if (outcome.argument !== undefined && outcome.value >= 0) fields.argument = outcome.argument;
    if (outcome.revents !== undefined) fields.revents = outcome.revents.join();
    if (outcome.events !== undefined) fields.events = outcome.events.map(({ events }) => events).join();
    if (outcome.message !== undefined) {
      fields.flags = outcome.message.flags;
      fields.control = outcome.message.control.map(({ level, type }) => `${level}:${type}`).join();
    }
    if (endUs === null) this.seen.push({ kind: 'result', atUs: this.now(), step, fields });
    else this.seen.push({ kind: 'result', atUs: endUs, step, fields, blocked: true });
  }

  private *look(step: number, fd: number): Steps<void> {
    const live = this.fds.get(fd);
    if (live === undefined) return;
    const fields: Record<string, number | string> = {};
    const info = yield* settled(this.system.info?.(live, 'TCP_INFO') ?? null);
    for (const [name, value] of Object.entries(info ?? {})) fields[name] = value;
    const poll = { name: 'poll', fds: [{ fd: live, events: 0x2017 }], timeoutMs: 0 } as const;
    const polled = yield* settled(this.system.syscall(poll));
    if (polled !== 'pending') fields.revents = polled.revents?.[0] ?? 0;
    this.seen.push({ kind: 'result', atUs: this.now(), step, fields });
  }

  /** Looks at what happened meanwhile. */
  drain(): void {
    for (let packet = this.system.nextPacket(); packet !== null; packet = this.system.nextPacket()) {
      if (++this.packets > mostPackets) {
        this.broken ??= `more than ${mostPackets} packets`;
        return;
      }
      const seen = describePacket(packet.bytes, packet.atUs - this.startUs, this.flows, this.config);
      if (seen !== null) this.seen.push(this.stamped(seen));
    }
    const end = this.system.ended?.() ?? null;
    if (end === null || this.pendingStep === null) return;
    const stimulus = this.scenario.steps[this.pendingStep]!.stimulus;
    const newFds = stimulus.kind === 'call' ? prepareCall(stimulus.call, this.context()).newFds : [];
    this.note(this.pendingStep, newFds, end.outcome, end.atUs - this.startUs);
    this.pendingStep = null;
  }

  /** Learns which of the system's timestamps a script's number stands for. */
  private stamped(seen: SeenPacket): SeenPacket {
    const flow = this.flows[seen.flow];
    if (flow === undefined) return seen;
    const count = this.counts[seen.flow] ?? 0;
    this.counts[seen.flow] = count + 1;
    const stamp = this.scenario.flows[seen.flow]!.stamps?.[count] ?? null;
    if (stamp !== null && seen.tsMs !== null && flow.firstTimestamp !== null)
      flow.timestamps.set(stamp, (seen.tsMs + flow.firstTimestamp.live) | 0);
    return seen;
  }

  private drainAll(): void {
    while (this.system.nextPacket() !== null);
  }

  private context(): CallContext {
    return {
      ...callAddresses(this.config),
      toleranceUs: 0,
      startUs: this.startUs,
      // A descriptor that a call failed to give is a bad one, not an error of the scenario.
      liveFd: (fd) => this.fds.get(fd) ?? 1_000_000 + fd,
    };
  }
}

/** Plays a scenario on a system whose time is virtual. */
export function playVirtually(scenario: Scenario, system: SystemUnderTest): Observation {
  return throughAll(play(scenario, system));
}

/** The same on a system that may answer with promises. */
export function playAsync(scenario: Scenario, system: AsyncSystemUnderTest): Promise<Observation> {
  return throughAllAsync(play(scenario, system));
}

function* play(scenario: Scenario, system: AsyncSystemUnderTest): Steps<Observation> {
  const wrong = yield* setUp(scenario, system);
  if (wrong !== null) {
    yield* settled(system.close?.());
    return { stepsAtUs: [], seen: [], broken: wrong, unready: true };
  }
  const player = new Player(scenario, system);
  try {
    for (let due = player.dueUs(); due !== null; due = player.dueUs()) {
      while (system.now() < due && (yield* settled(system.advance(due))) === 'activity') player.drain();
      yield* player.steps();
    }
  } catch (error) {
    if (!(error instanceof DrillError)) throw error;
    player.breaks(error.message);
  }
  const observation = player.observation();
  yield* settled(system.close?.());
  return observation;
}
