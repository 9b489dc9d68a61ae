/** Plays a scenario on a system, step by step, and writes down what the system does. */
import { callAddresses } from '../drill/call-addresses.ts';
import type { CallContext } from '../drill/call-arguments.ts';
import { prepareCall } from '../drill/calls.ts';
import { type DrillConfig, defaultConfig } from '../drill/config.ts';
import { DrillError } from '../drill/failure.ts';
import { Flow } from '../drill/flow.ts';
import { encodeInbound, encodeInboundIcmp } from '../drill/packets.ts';
import type { Outcome, SystemUnderTest } from '../drill/system-under-test.ts';
import { describePacket } from './describe.ts';
import { firstTimestamp, type Observation, type Scenario, type Seen, type Step } from './scenario.ts';

/** A system that sends more than this is not followed any further. */
const mostPackets = 2000;
const firstPeerPort = 40000;

export function configFor(scenario: Scenario): DrillConfig {
  return { ...defaultConfig(scenario.ipVersion), mtu: scenario.mtu, tsEcrScaled: true };
}

export class Player {
  readonly scenario: Scenario;
  private readonly system: SystemUnderTest;
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

  /** @param delayUs how long after now it starts, µs */
  constructor(scenario: Scenario, system: SystemUnderTest, delayUs = 0) {
    this.scenario = scenario;
    this.system = system;
    this.config = configFor(scenario);
    this.flows = scenario.flows.map(({ opens, peerPort }, i) => this.flow(opens, peerPort, i));
    this.drainAll();
    this.startUs = system.now() + delayUs;
  }

  private flow(opens: 'system' | 'peer', peerPort: number, index: number): Flow {
    const flow = new Flow(-1, 6);
    flow.remotePort =
      peerPort !== 0 ? peerPort : opens === 'peer' ? firstPeerPort + index : this.config.connectPort;
    flow.localPort = opens === 'peer' ? this.config.bindPort : 0;
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

  /** Does what is due now: the next step, or the last look. */
  step(): void {
    this.drain();
    const step = this.scenario.steps[this.next];
    const index = this.next++;
    if (step === undefined) return;
    this.stepsAtUs.push(Math.round(this.now()));
    try {
      this.perform(step, index);
    } catch (error) {
      if (!(error instanceof DrillError)) throw error;
      this.broken = `step ${index}: ${error.message}`;
    }
    this.drain();
  }

  /** What was seen, once all is over. */
  observation(): Observation {
    this.drain();
    return { stepsAtUs: this.stepsAtUs, seen: this.seen, broken: this.broken };
  }

  private perform({ stimulus }: Step, index: number): void {
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
          this.system.inject(encodeInbound(packet, flow, this.config));
        } else if (packet.kind === 'icmp') this.system.inject(encodeInboundIcmp(packet, flow, this.config));
        break;
      }
      case 'call': {
        const { call, newFds } = prepareCall(stimulus.call, this.context());
        const outcome = this.system.syscall(call);
        if (outcome === 'pending') this.pendingStep = index;
        else this.note(index, newFds, outcome);
        break;
      }
      case 'sysctl': {
        const { name, value } = stimulus;
        const { status } = this.system.command!(`sysctl -q -w ${name}="${value}"`);
        this.seen.push({
          kind: 'result',
          atUs: this.now(),
          step: index,
          fields: { status: status === 0 ? 0 : 1 },
        });
        break;
      }
      case 'command':
        this.system.command!(stimulus.text);
        break;
      case 'look':
        this.look(index, stimulus.fd);
        break;
    }
  }

  private note(step: number, newFds: readonly number[], outcome: Outcome): void {
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
    this.seen.push({ kind: 'result', atUs: this.now(), step, fields });
  }

  private look(step: number, fd: number): void {
    const live = this.fds.get(fd);
    if (live === undefined) return;
    const fields: Record<string, number | string> = {};
    for (const [name, value] of Object.entries(this.system.info?.(live, 'TCP_INFO') ?? {}))
      fields[name] = value;
    const polled = this.system.syscall({ name: 'poll', fds: [{ fd: live, events: 0x2017 }], timeoutMs: 0 });
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
      if (seen !== null) this.seen.push(seen);
    }
    const end = this.system.ended?.() ?? null;
    if (end === null || this.pendingStep === null) return;
    const stimulus = this.scenario.steps[this.pendingStep]!.stimulus;
    const newFds = stimulus.kind === 'call' ? prepareCall(stimulus.call, this.context()).newFds : [];
    this.note(this.pendingStep, newFds, end.outcome);
    this.pendingStep = null;
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
  const player = new Player(scenario, system);
  for (let due = player.dueUs(); due !== null; due = player.dueUs()) {
    while (system.now() < due && system.advance(due) === 'activity') player.drain();
    player.step();
  }
  const observation = player.observation();
  system.close?.();
  return observation;
}
