/** Runs the world of a seed under the eyes of the judges. */
import { Host, OpenFlag, Socket } from '../../../src/host/index.ts';
import { SocketOption, setSocketOption } from '../../../src/host/socket-options.ts';
import { type Node, Prng, type Rule, World } from '../../../src/sim/index.ts';
import { type Address, parseAddress } from '../../../src/wire/address.ts';
import type { PacketQueue } from '../../../src/wire/packet-queue.ts';
import { decodeSegment, Segment } from '../../../src/wire/segment.ts';
import { idealTime } from './ideal.ts';
import { Finding, look, Watched } from './judges.ts';
import { drawPlan, type Plan, type Program } from './plan.ts';
import { Side } from './program.ts';

const maxUptimeMs = 60 * 86_400_000;
const names = ['client', 'server'] as const;
const addresses = {
  4: ['192.0.2.1', '192.0.2.2'],
  6: ['2001:db8::1', '2001:db8::2'],
} as const;
/** The end may take so many times the ideal time, and this much more, µs. */
export const patience = 3;
const grace = 2_000_000;
const segment = new Segment();
/** When every world is over for good: bad luck included, µs. */
const lastMoment = 6 * 3_600_000_000;

/** What a world came to. */
export interface Verdict {
  readonly seed: number;
  readonly finding: Finding | null;
  /** Virtual time until both programs were done, µs; and what was ideal, all losses and pauses counted. */
  readonly tookUs: number;
  readonly idealUs: number;
  readonly packets: number;
  readonly bytes: number;
}

/** A host that may sleep: then its timers wait, and so does (or is lost) what arrives. */
class Sleeper implements Node {
  readonly host: Host;
  readonly watched: Watched;
  private readonly keeps: boolean;
  private readonly world: World;
  private waiting: { bytes: Uint8Array; fromItself: boolean }[] = [];
  private deferred: (() => void)[] = [];
  private readonly checkSums: boolean;

  constructor(host: Host, watched: Watched, world: World, keeps: boolean, checkSums: boolean) {
    this.host = host;
    this.watched = watched;
    this.world = world;
    this.keeps = keeps;
    this.checkSums = checkSums;
  }

  get out(): PacketQueue {
    return this.host.out;
  }

  nextDeadline(): number {
    return this.watched.asleep ? Infinity : this.host.nextDeadline();
  }

  handleTimers(now: number): void {
    this.host.handleTimers(now);
  }

  interfaceFor(bytes: Uint8Array, view: DataView, offset: number): number {
    const exit = this.host.interfaceFor(bytes, view, offset);
    if (exit === 1) this.watched.sends(this.world.clock.now, look(bytes, view, offset, this.host.out.length));
    return exit;
  }

  input(now: number, bytes: Uint8Array, view: DataView, offset: number, length: number, own = false): void {
    if (this.watched.asleep) {
      if (this.keeps && this.waiting.length < 1000)
        this.waiting.push({ bytes: bytes.slice(offset, offset + length), fromItself: own });
      return;
    }
    this.host.input(now, bytes, view, offset, length, own);
    if (!this.checkSums || decodeSegment(segment, bytes, view, offset, length, true) === 'ok')
      this.watched.receives(now, look(bytes, view, offset, length));
  }

  /** Does something in `us` µs, or when the host wakes after that. */
  later(us: number, action: () => void): void {
    this.world.at(this.world.clock.now + Math.round(us), () => {
      if (this.watched.asleep) this.deferred.push(action);
      else action();
    });
  }

  wake(): void {
    const { now } = this.world.clock;
    this.watched.wakes(now);
    this.host.handleTimers(now);
    for (const { bytes, fromItself } of this.waiting.splice(0))
      this.input(now, bytes, new DataView(bytes.buffer), 0, bytes.length, fromItself);
    for (const action of this.deferred.splice(0)) action();
  }
}

/** Losses of the path: bursts, outages, changed bytes. */
function rulesFor(plan: Plan, world: () => World, watched: readonly Watched[]): Rule[] {
  const rules: Rule[] = [];
  for (const from of [0, 1] as const) {
    const draw = new Prng(plan.seed).fork(`path from ${from}`);
    const { begin, length } = plan.bursts[from];
    const { loss = 0 } = plan.conditions[from];
    let left = 0;
    let until = 0;
    // All loss is drawn here, so that the judges know of it.
    rules.push({
      from: names[from],
      link: 'wire',
      action: 'drop',
      when: () => {
        const { now } = world().clock;
        // A burst that waited for packets would outlast any time-out.
        if (left > 0) left = now < until ? left - 1 : 0;
        else if (draw.unit() < begin) {
          left = 1 + draw.below(2 * length);
          until = now + 20_000 * left;
        }
        const down = plan.outages.some((it) => now >= it.at && now < it.at + it.us);
        const lost = down || left > 0 || draw.unit() < loss;
        if (lost) for (const it of watched) it.lost(now);
        return lost;
      },
    });
    if (plan.corrupt > 0)
      for (const [byte, mask] of [
        [2, 64],
        [9, 3],
        [13, 1],
        [24, 1],
        [28, 128],
        [33, 2],
        [52, 16],
        [700, 1],
      ] as const)
        rules.push({
          from: names[from],
          link: 'wire',
          action: 'corrupt',
          byte: byte + (plan.family === 6 && byte >= 20 ? 20 : 0),
          mask,
          when: (packet) => {
            if (packet.length < byte + 21 || draw.unit() >= plan.corrupt / 8) return false;
            for (const it of watched) it.lost(world().clock.now);
            return true;
          },
        });
  }
  return rules;
}

const setInt = (socket: Socket, option: number, value: number): void => {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setInt32(0, value, true);
  setSocketOption(socket, 1, option, bytes);
};

function prepare(socket: Socket, program: Program): void {
  if (program.sndBuf > 0) setInt(socket, SocketOption.sendBuffer, program.sndBuf);
  if (program.rcvBuf > 0) setInt(socket, SocketOption.receiveBuffer, program.rcvBuf);
  if (program.noDelay) socket.conn.setOption('nodelay', true);
}

/** A world of two hosts, and what is known of it. */
class Trial {
  readonly plan: Plan;
  readonly world: World;
  private readonly sleepers: Sleeper[] = [];
  private readonly watched: Watched[];
  private readonly sides: (Side | null)[] = [null, null];
  private doneAt = -1;
  readonly ideal: number;

  constructor(plan: Plan) {
    this.plan = plan;
    this.ideal = idealTime(plan);
    const floor = (plan.conditions[0].delayUs ?? 0) + (plan.conditions[1].delayUs ?? 0);
    this.watched = names.map((name, i) => new Watched(name, floor, () => this.owes(i)));
    this.world = new World({ seed: plan.seed, rules: rulesFor(plan, () => this.world, this.watched) });
    for (const i of [0, 1] as const) this.addHost(i);
    const [ab, ba] = plan.conditions.map(({ loss: _, ...rest }) => rest);
    this.world.link('wire', 'client', 'server', ab, ba);
    for (const { host, at, us } of plan.sleeps) {
      this.world.at(at, () => this.watched[host]!.fallsAsleep());
      this.world.at(at + us, () => this.sleepers[host]!.wake());
    }
    this.begin();
  }

  private addHost(i: 0 | 1): void {
    const { world, plan } = this;
    const name = names[i];
    const random = world.random.fork(`host ${name}`);
    const host = new Host({
      clock: world.clock,
      random: () => random.uint32(),
      uptimeUs: world.random.fork(`uptime ${name}`).below(maxUptimeMs) * 1000,
      interfaces: [
        { addresses: [`${addresses[plan.family][i]}/${plan.family === 4 ? 24 : 64}`], mtu: plan.mtu[i] },
      ],
      sysctls: plan.sysctls[i],
    });
    const keeps = plan.seed % 2 === 0;
    const sleeper = new Sleeper(host, this.watched[i]!, world, keeps, plan.corrupt > 0);
    this.sleepers.push(world.add(name, sleeper));
  }

  private owes(i: number): boolean {
    const side = this.sides[i];
    const watched = this.watched[i]!;
    if (side === undefined || side === null || watched.conn === null) return false;
    return watched.conn.sendQueue.tail !== null;
  }

  private begin(): void {
    const { plan, sleepers } = this;
    const [client, server] = [sleepers[0]!.host, sleepers[1]!.host];
    const family = plan.family;
    const [, to] = addresses[family].map(parseAddress) as [Address, Address];
    const listener = server.socket(family, OpenFlag.nonBlock);
    prepare(listener, plan.programs[1]);
    listener.bind(parseAddress(family === 4 ? '0.0.0.0' : '::'), 80);
    listener.listen(5);
    listener.observer = (): void => {
      const child = listener.accept(OpenFlag.nonBlock);
      if (!(child instanceof Socket)) return;
      // A copy of the SYN that comes when all is over makes another connection, which nobody wants.
      if (this.sides[1] !== null) {
        child.release();
        return;
      }
      this.start(1, child);
    };
    const socket = client.socket(family, OpenFlag.nonBlock);
    prepare(socket, plan.programs[0]);
    this.watched[0]!.conn = socket.conn;
    this.start(0, socket, to);
  }

  private start(i: 0 | 1, socket: Socket, to: Address | null = null): void {
    const sleeper = this.sleepers[i]!;
    const side = new Side(
      socket,
      this.plan.programs[i],
      (us, action) => sleeper.later(us, action),
      () => this.progress(),
    );
    this.sides[i] = side;
    this.watched[i]!.conn = socket.conn;
    if (to === null) side.step();
    else socket.connect(to, 80);
  }

  /** Something was read or written: is it right, and is everything done? */
  private progress(): void {
    for (const [i, side] of this.sides.entries()) {
      if (side === null) continue;
      const peer = this.plan.programs[1 - i]!;
      const wrong =
        side.error !== 0
          ? `met errno ${-side.error}`
          : side.wrong > 0
            ? `read ${side.wrong} wrong bytes`
            : side.read > peer.total || (side.ended && side.read < peer.total)
              ? `read ${side.read} bytes of ${peer.total}`
              : null;
      if (wrong !== null)
        throw new Finding('data', `the ${names[i]} ${wrong} (at ${this.world.clock.now} µs)`);
    }
    if (this.doneAt < 0 && this.sides.every((side) => side?.closed === true))
      this.doneAt = this.world.clock.now;
  }

  /** How long the programs may take, µs. */
  private get allowed(): number {
    const losses = Math.max(...this.watched.map((it) => it.lossCost));
    // A clock that jumps makes a round trip of the jump, and the next time-out may be as long as one can be.
    const jumps = this.plan.sleeps.reduce((sum, { us }) => sum + Math.min(120_000_000, 5 * us), 0);
    return patience * this.ideal + losses + jumps + grace;
  }

  run(): void {
    const { world, watched } = this;
    const [a, b] = watched as [Watched, Watched];
    while (world.step(lastMoment)) {
      const { now } = world.clock;
      if (this.doneAt < 0 && now > this.allowed)
        throw new Finding(
          'end',
          `the programs are not done after ${Math.round(now / 1000)} ms; ${Math.round(this.ideal / 1000)} ms are ideal, ` +
            `and losses explain no more than ${Math.round((this.allowed - grace - patience * this.ideal) / 1000)} ms`,
        );
      // Not earlier: only now is all on the wire that the step gave rise to.
      a.check(now);
      b.check(now);
      const next = world.nextTime();
      if (next > a.due) a.check(Math.min(next, Math.ceil(a.due)));
      if (next > b.due) b.check(Math.min(next, Math.ceil(b.due)));
    }
    if (this.doneAt < 0) throw new Finding('end', 'nothing is left to happen, and the programs are not done');
    this.judgeRemains();
  }

  /** After the end nothing may be left: no connection, no request, no timer. */
  private judgeRemains(): void {
    const left = this.sleepers.flatMap(({ host }, i) => {
      const services = host.tcp;
      const found: string[] = [];
      // The listener is in the table of listeners, not here.
      if (services.table.size > 0) found.push(`${services.table.size} tuples of the ${names[i]}`);
      if (services.timers.size > 0) found.push(`${services.timers.size} timers of the ${names[i]}`);
      if (services.timeWaits > 0) found.push(`${services.timeWaits} in TIME-WAIT at the ${names[i]}`);
      return found;
    });
    if (left.length > 0) throw new Finding('remains', `${left.join(', ')} are left at the end`);
    const most = this.mostPackets();
    const { packets } = this;
    if (packets > most) throw new Finding('storm', `${packets} packets were sent where ${most} do`);
  }

  private mostPackets(): number {
    // Where a black hole is suspected, segments become as small as tcp_mtu_probe_floor, and stay so for minutes.
    const probing = this.plan.sysctls.some((it) => 'net.ipv4.tcp_mtu_probing' in it);
    const segment = probing ? 48 : Math.min(...this.plan.mtu) - 100;
    const data = this.plan.programs.reduce((sum, it, i) => {
      const { rcvBuf } = this.plan.programs[1 - i]!;
      // The smallest buffer is 2,304 bytes, of which a window is half.
      return sum + it.total / (rcvBuf > 0 ? Math.min(segment, Math.max(rcvBuf / 8, 300)) : segment);
    }, 0);
    const writes = this.sides.reduce((sum, it) => sum + (it?.writes ?? 0), 0);
    const reads = this.plan.programs.reduce((sum, it, i) => {
      const peer = this.plan.programs[1 - i]!;
      return it.readPauseUs > 0 ? sum + peer.total / it.read : sum;
    }, 0);
    return Math.ceil(5 * (data + writes + reads) + 200);
  }

  get packets(): number {
    return this.watched.reduce((sum, it) => sum + it.packets, 0);
  }

  get tookUs(): number {
    return this.doneAt < 0 ? this.world.clock.now : this.doneAt;
  }

  get idealUs(): number {
    return this.allowed;
  }
}

/** Runs one world. */
export function runWorld(seed: number): Verdict {
  const plan = drawPlan(seed);
  const trial = new Trial(plan);
  let finding: Finding | null = null;
  try {
    trial.run();
  } catch (error) {
    const cause = error instanceof Error && error.cause !== undefined ? error.cause : error;
    if (cause instanceof Finding) finding = cause;
    else
      finding = new Finding('crash', cause instanceof Error ? (cause.stack ?? cause.message) : String(cause));
  }
  const { tookUs, idealUs, packets } = trial;
  const bytes = plan.programs[0].total + plan.programs[1].total;
  return { seed, finding, tookUs, idealUs, packets, bytes };
}
