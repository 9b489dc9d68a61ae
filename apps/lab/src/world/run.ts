/** Runs a scenario with a reader's changes, in virtual time to its end, and judges it by the scenario's checks. */
import type { InterfaceOptions } from '../../../../src/host/host.ts';
import type { PacketEvent } from '../../../../src/sim/events.ts';
import { addHost } from '../../../../src/sim/hosts.ts';
import type { Node } from '../../../../src/sim/node.ts';
import { World } from '../../../../src/sim/world.ts';
import type { IsnGenerator } from '../../../../src/tcp/handshake/isn.ts';
import type { State } from '../../../../src/tcp/trace.ts';
import { decodeIp } from '../../../../src/wire/ip.ts';
import { PacketQueue } from '../../../../src/wire/packet-queue.ts';
import { decodeTcp, Flag, protocolTcp } from '../../../../src/wire/tcp.ts';
import { flagList } from '../../../../src/wire/text.ts';
import type { Changes } from './changes.ts';
import { type Places, placesOf } from './places.ts';
import { type CallEvent, type LabEvent, type PortOwner, ProgramRun, type Stage } from './program.ts';
import type { Check, IsnChoice, Scenario, ScenarioHost } from './scenario.ts';

export type { LabEvent };

/** One check of the verdict, and how it came out. */
export interface Judged {
  readonly check: Check;
  readonly holds: boolean;
  /** What was there in place of what should be. */
  readonly found: string;
}

export interface Run {
  readonly events: readonly LabEvent[];
  readonly endUs: number;
  readonly judged: readonly Judged[];
  readonly holds: boolean;
  /** Why the run could not go on; null if it did. */
  readonly problem: string | null;
  /** On which lane an event, or an end of a packet, belongs. */
  readonly places: Places;
}

/** More events than this, and a run is stopped: somebody set a loop going that has no end. */
const mostEvents = 200_000;

/** Runs it. Never throws: what goes wrong is in the result. */
export function runScenario(scenario: Scenario, changes: Changes): Run {
  const events: LabEvent[] = [];
  const programs: ProgramRun[] = [];
  const owners: PortOwner[] = [];
  let endUs = 0;
  let problem: string | null = null;
  try {
    const world = new World({
      seed: changes.seed ?? scenario.seed,
      interventions: [...(scenario.interventions ?? []), ...changes.interventions],
    });
    const stage: Stage = {
      world,
      changes,
      log: (event) => events.push(event),
      count: () => events.length,
      seenIsn: new Map(),
      owners,
    };
    world.watch((event) => {
      events.push(event);
      if (event.kind === 'arrived') noteIsn(event, stage);
    });
    build(world, scenario, changes, stage, programs);
    const until = scenario.untilUs ?? 600_000_000;
    while (events.length < mostEvents && world.step(until));
    if (events.length >= mostEvents) problem = 'too-long';
    endUs = world.clock.now;
  } catch (error) {
    problem = error instanceof Error ? error.message : String(error);
  }
  const judged = scenario.verdict.checks.map((check) => judge(check, events, programs));
  return {
    events,
    endUs,
    judged,
    holds: judged.every(({ holds }) => holds),
    problem,
    places: placesOf(scenario, events, owners),
  };
}

function build(
  world: World,
  scenario: Scenario,
  changes: Changes,
  stage: Stage,
  programs: ProgramRun[],
): void {
  const hosts = new Map<string, ReturnType<typeof addHost>>();
  for (const it of scenario.hosts) {
    if (it.off === true) world.add(it.name, silent());
    else hosts.set(it.name, addHost(world, it.name, hostOptions(it, changes)));
  }
  for (const { name, a, b, ab = {}, ba = ab } of scenario.links) {
    const more = {
      ...(changes.delayUs === undefined ? {} : { delayUs: changes.delayUs }),
      ...(changes.loss === undefined ? {} : { loss: changes.loss }),
    };
    world.link(name, a, b, { ...ab, ...more }, { ...ba, ...more });
  }
  for (const program of scenario.programs) {
    const host = hosts.get(program.host);
    if (host === undefined) throw new RangeError(`program '${program.name}' is on no host of the scenario`);
    const run = new ProgramRun(program, host, stage);
    programs.push(run);
    run.start();
  }
}

function hostOptions(it: ScenarioHost, changes: Changes): Parameters<typeof addHost>[2] {
  const first: InterfaceOptions = {
    addresses: [it.address],
    ...(it.gateway === undefined ? {} : { gateway: it.gateway }),
    ...(it.route === undefined ? {} : { route: it.route }),
  };
  const more = (it.more ?? []).map((address) => ({ addresses: [address] }));
  const isn = changes.isn ?? it.isn;
  return {
    interfaces: [first, ...more],
    sysctls: { ...it.sysctls, ...changes.sysctls[it.name] },
    ...(isn === undefined ? {} : { isn: generator(isn) }),
    ...(it.timestampBase === undefined ? {} : { timestampBase: it.timestampBase }),
  };
}

const generator = (choice: IsnChoice): 'siphash' | 'md5' | IsnGenerator =>
  typeof choice === 'number' ? { kind: 'constant', value: choice } : choice;

/** A host that is switched off. */
const silent = (): Node => ({
  out: new PacketQueue(),
  input: (): void => {},
  handleTimers: (): void => {},
  nextDeadline: (): number => Number.POSITIVE_INFINITY,
});

/** What an attacker can learn from a connection of its own: the ISN in the SYN+ACK it got. */
function noteIsn({ bytes, to }: PacketEvent, { seenIsn }: Stage): void {
  const flags = bytes[0]! >>> 4 === 4 && bytes[9] === protocolTcp ? bytes[33]! : 0;
  if ((flags & (Flag.syn | Flag.ack)) === (Flag.syn | Flag.ack))
    seenIsn.set(to, new DataView(bytes.buffer, bytes.byteOffset).getInt32(24));
}

function judge(check: Check, events: readonly LabEvent[], programs: readonly ProgramRun[]): Judged {
  const result = (holds: boolean, found: string): Judged => ({ check, holds, found });
  switch (check.kind) {
    case 'call': {
      const last = events.findLast(
        (event): event is CallEvent =>
          event.kind === 'call' && event.program === check.program && event.call === check.call,
      );
      if (last === undefined) return result(false, '—');
      const right =
        last.result === check.is && (check.at === undefined || Math.abs(last.at - check.at) <= 1000);
      return result(right, `${last.result} (${(last.at / 1e6).toFixed(3)} s)`);
    }
    case 'state': {
      const states = statesOf(events, check.host);
      return result(states.at(-1) === check.is, states.at(-1) ?? '—');
    }
    case 'was': {
      const states = statesOf(events, check.host);
      return result(states.includes(check.is), states.join(' → ') || '—');
    }
    case 'sent': {
      const count = events.filter(
        (event) =>
          event.kind === 'sent' &&
          event.packet.from === check.host &&
          (check.flags === undefined || flagsOf(event.bytes) === check.flags),
      ).length;
      return result(count === check.count, `${count}`);
    }
    case 'reason': {
      const told = events.some(
        (event) => event.kind === 'tcp' && event.node === check.host && event.event.reason === check.is,
      );
      return result(told !== (check.never ?? false), told ? check.is : '—');
    }
    case 'agreed': {
      const told = events.find(
        (event) => event.kind === 'tcp' && event.node === check.host && event.event.reason === 'negotiated',
      );
      const args = told?.kind === 'tcp' ? (told.event.args ?? {}) : {};
      const right = Object.entries(check.values).every(([name, value]) => args[name] === value);
      return result(right, told === undefined ? '—' : JSON.stringify(args));
    }
    case 'isn-step': {
      const isns = events.flatMap((event) =>
        event.kind === 'sent' && event.packet.from === check.host && flagsOf(event.bytes) === 'SYN'
          ? [new DataView(event.bytes.buffer, event.bytes.byteOffset).getUint32(24)]
          : [],
      );
      const step = ((isns[check.to - 1] ?? 0) - (isns[check.from - 1] ?? 0)) >>> 0;
      return result((step === check.step) !== (check.not ?? false), `${step}`);
    }
    case 'read': {
      const read = programs.find(({ program }) => program.name === check.program)?.read ?? '';
      return result(read === check.is, JSON.stringify(read));
    }
  }
}

const statesOf = (events: readonly LabEvent[], host: string): State[] =>
  events.flatMap((event) =>
    event.kind === 'tcp' && event.node === host && event.event.kind === 'state' && event.event.to !== 'LISTEN'
      ? [event.event.to!]
      : [],
  );

/** The flags of a TCP packet as `SYN, ACK`; empty for anything else. */
export function flagsOf(bytes: Uint8Array): string {
  try {
    const ip = decodeIp(bytes);
    return ip.protocol === protocolTcp ? flagList(decodeTcp(ip.payload).flags).join(', ') : '';
  } catch {
    return '';
  }
}
