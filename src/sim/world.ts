/**
 * A world: nodes and links under one virtual clock. It is a function of (seed, configuration, interventions): the same
 * three give the same events, byte for byte, so that every run can be replayed, and changed in one place.
 */
import type { TraceEvent } from '../tcp/trace.ts';
import { HalfopenError } from '../wire/errors.ts';
import { type Clock, EventQueue } from './clock.ts';
import { type Action, type Conditions, checkAction } from './conditions.ts';
import type { PacketEvent, PacketName, WorldEvent } from './events.ts';
import { Direction, type Flight, type Rule, type Surroundings } from './link.ts';
import type { Node } from './node.ts';
import { Prng } from './prng.ts';

/** Something done to one packet, named as in the events. */
export type Intervention = PacketName & Action;

/** What a world is made from, beside its nodes and links. */
export interface WorldOptions {
  /** Any integer; decides every random number of the world. */
  readonly seed: number;
  /** Their links and senders have to be there when the world first moves. */
  readonly interventions?: readonly Intervention[];
  /** Something done to packets by what they are; their links and senders have to be there when the world first moves. */
  readonly rules?: readonly Rule[];
  /**
   * How many packets may be sent without the clock moving before the world gives up (two nodes that answer each other
   * over links without delay would never end); 1,000,000 if not given.
   */
  readonly packetsPerInstant?: number;
}

/** A world came to a state it cannot go on from; the message names the seed that repeats it. */
export class WorldError extends HalfopenError {
  constructor(message: string, options?: { cause: unknown }) {
    super('ERR_WORLD', message, options);
    this.name = 'WorldError';
  }
}

interface Place {
  readonly name: string;
  readonly node: Node;
  /** Index 0 is the loopback, the others are the links in the order they were made. */
  readonly exits: Direction[];
}

class Ticking implements Clock {
  now = 0;
}

export class World {
  /** Virtual time in µs; hosts read it. */
  readonly clock: Clock;
  /** The world's own chance; `fork` it by name for anything that needs some. */
  readonly random: Prng;
  readonly seed: number;
  private readonly ticking = new Ticking();
  private readonly places: Place[] = [];
  private readonly queue = new EventQueue<Flight | (() => void)>();
  private readonly watchers: ((event: WorldEvent) => void)[] = [];
  private readonly whenWatchedCallbacks: (() => void)[] = [];
  private readonly interventions: readonly Intervention[];
  private readonly rules: readonly Rule[];
  private readonly packetsPerInstant: number;
  private readonly surroundings: Surroundings;

  private begun = false;

  /** @throws RangeError for an intervention that cannot be done */
  constructor(options: WorldOptions) {
    this.seed = options.seed;
    this.random = new Prng(options.seed);
    this.interventions = options.interventions ?? [];
    this.rules = options.rules ?? [];
    for (const [i, it] of this.interventions.entries())
      explaining('interventions', i, () => checkAction(it.n, it));
    for (const [i, it] of this.rules.entries()) explaining('rules', i, () => checkAction(null, it));
    this.packetsPerInstant = options.packetsPerInstant ?? 1_000_000;
    this.clock = this.ticking;
    const { ticking, queue, watchers } = this;
    this.surroundings = {
      clock: ticking,
      watchers,
      schedule: (at, flight): void => queue.push(at, flight),
      tell: (event): void => this.tell(event),
    };
  }

  /** Puts a node into the world under a name, with a loopback of its own (the link `<name>.lo`). */
  add<T extends Node>(name: string, node: T): T {
    if (this.places.some((place) => place.name === name))
      throw new RangeError(`there is a node '${name}' in this world already`);
    const place: Place = { name, node, exits: [] };
    this.places.push(place);
    place.exits.push(this.direction(`${name}.lo`, place, place, {}));
    return node;
  }

  /**
   * Links two nodes.
   * @param name the link's name; packets are named by it
   * @param ab conditions from `a` to `b`
   * @param ba conditions from `b` to `a`; the same as `ab` if not given
   * @throws RangeError for an unknown node, or conditions out of their range
   */
  link(name: string, a: string, b: string, ab: Conditions = {}, ba: Conditions = ab): void {
    const [first, second] = [this.place(a), this.place(b)];
    first.exits.push(this.direction(name, first, second, ab));
    second.exits.push(this.direction(name, second, first, ba));
  }

  /**
   * Changes the conditions of a link while the world runs, for packets sent from now on. Chance is drawn for each packet by its
   * name, so that packets before and after are not touched; a queue for the bandwidth begins anew, empty.
   * @param from the sender whose direction it is
   * @throws RangeError if there is no such direction, or for conditions out of their range
   */
  change(link: string, from: string, conditions: Conditions): void {
    this.exit(from, link).change(conditions);
  }

  /** Cuts a link in both directions: what is under way and what is sent until {@link mend} is lost. @throws RangeError */
  cut(link: string): void {
    for (const direction of this.directions(link)) direction.cut();
  }

  /** Mends a link that was cut; on others it does nothing. @throws RangeError */
  mend(link: string): void {
    for (const direction of this.directions(link)) direction.mend();
  }

  /** Calls back for every event from now on. Events cost time: without a watcher none are made. */
  watch(watcher: (event: WorldEvent) => void): void {
    this.watchers.push(watcher);
    for (const callback of this.whenWatchedCallbacks.splice(0)) callback();
  }

  /** Calls back as soon as anybody watches: for nodes, which then begin to tell. */
  whenWatched(callback: () => void): void {
    if (this.watchers.length > 0) callback();
    else this.whenWatchedCallbacks.push(callback);
  }

  /** Takes what a node's TCP tells, for the world's watchers. */
  trace(node: string, event: TraceEvent): void {
    this.tell({ kind: 'tcp', at: this.ticking.now, node, event });
  }

  /**
   * Does something at a time (µs; one in the past is now). Whatever happens at equal times happens in the order of calls.
   * @throws RangeError for a time that is no integer
   */
  at(time: number, action: () => void): void {
    if (!Number.isInteger(time)) throw new RangeError(`a time is an integer in µs, not ${time}`);
    this.queue.push(Math.max(time, this.ticking.now), action);
  }

  /** Sends a packet over a link as if `from` had: for attackers, and for tests. */
  send(link: string, from: string, packet: Uint8Array): void {
    const exit = this.exit(from, link);
    exit.send(packet, new DataView(packet.buffer, packet.byteOffset, packet.length), 0, packet.length);
    this.flush();
  }

  /**
   * Lets time pass until nothing is left to happen or `until` (µs; what is due at that very time included) is reached.
   * The clock then stands at `until`, or at the last event if `until` is not given.
   * @throws WorldError
   * @throws RangeError for an `until` that is neither an integer nor Infinity; at first, for an intervention on a link or
   *   from a sender that is not there
   */
  run(until: number = Number.POSITIVE_INFINITY): 'idle' | 'reached' {
    if (until !== Number.POSITIVE_INFINITY && !Number.isInteger(until))
      throw new RangeError(`a time is an integer in µs, not ${until}`);
    while (this.step(until));
    if (until !== Number.POSITIVE_INFINITY && until > this.ticking.now) this.ticking.now = until;
    return this.nextTime() === Number.POSITIVE_INFINITY ? 'idle' : 'reached';
  }

  /** Does the next thing if it is due at `until` or earlier; false if there is none. */
  step(until: number = Number.POSITIVE_INFINITY): boolean {
    if (!this.begun) this.begin();
    try {
      this.flush();
      const time = this.nextTime();
      if (time > until || time === Number.POSITIVE_INFINITY) return false;
      // A deadline that has passed already is served now: the clock never goes back.
      if (time > this.ticking.now) this.ticking.now = time;
      if (this.queue.nextTime <= this.ticking.now) this.happen(this.queue.pop());
      else for (const { node } of this.places) if (node.nextDeadline() <= time) this.serve(node, time);
      this.flush();
      return true;
    } catch (error) {
      if (error instanceof WorldError) throw error;
      const why = error instanceof Error ? error.message : String(error);
      throw new WorldError(`${why} (${this.whereabouts()})`, { cause: error });
    }
  }

  /** When the next thing happens, µs; Infinity if nothing is left. */
  nextTime(): number {
    let time = this.queue.nextTime;
    for (let i = 0; i < this.places.length; i++) {
      const deadline = this.places[i]!.node.nextDeadline();
      if (deadline < time) time = deadline;
    }
    return time;
  }

  /** Sends what the nodes have to send, until none has anything. `run` and `step` do so by themselves. */
  flush(): void {
    let left = this.packetsPerInstant;
    for (let busy = true; busy; ) {
      busy = false;
      // By index: an iterator would cost more than the rest of an idle turn.
      for (let i = 0; i < this.places.length; i++) {
        const place = this.places[i]!;
        const { out } = place.node;
        while (out.shift()) {
          busy = true;
          if (left-- === 0)
            throw new WorldError(
              `${this.packetsPerInstant} packets were sent without time passing: do two nodes answer each other ` +
                `over links without delay? (${this.whereabouts()})`,
            );
          this.emit(place);
        }
      }
    }
  }

  private emit({ node, exits }: Place): void {
    const { out } = node;
    const exit = node.interfaceFor === undefined ? 1 : node.interfaceFor(out.bytes, out.view, out.offset);
    exits[exit]?.send(out.bytes, out.view, out.offset, out.length);
  }

  private happen(what: Flight | (() => void)): void {
    if (typeof what === 'function') what();
    else what.direction.land(what);
  }

  private serve(node: Node, time: number): void {
    node.handleTimers(time);
    if (node.nextDeadline() <= time)
      throw new WorldError(`a node still wants its timers served at ${time} µs (${this.whereabouts()})`);
  }

  private tell(event: WorldEvent | PacketEvent): void {
    for (const watcher of this.watchers) watcher(event);
  }

  private place(name: string): Place {
    const place = this.places.find((candidate) => candidate.name === name);
    if (place === undefined) throw new RangeError(`there is no node '${name}' in this world`);
    return place;
  }

  private exit(from: string, link: string): Direction {
    const exit = this.place(from).exits.find((direction) => direction.link === link);
    if (exit === undefined) throw new RangeError(`'${from}' is not at a link '${link}'`);
    return exit;
  }

  private directions(link: string): Direction[] {
    const found = this.places.flatMap(({ exits }) => exits.filter((direction) => direction.link === link));
    if (found.length === 0) throw new RangeError(`there is no link '${link}' in this world`);
    return found;
  }

  private begin(): void {
    for (const [i, { link, from }] of this.interventions.entries())
      explaining('interventions', i, () => this.exit(from, link));
    for (const [i, { link, from }] of this.rules.entries())
      explaining('rules', i, () => {
        if (link !== undefined && from !== undefined) this.exit(from, link);
        else if (link !== undefined) this.directions(link);
        else if (from !== undefined) this.place(from);
      });
    this.begun = true;
  }

  private direction(link: string, from: Place, to: Place, conditions: Conditions): Direction {
    const actions = new Map<number, Action[]>();
    for (const it of this.interventions) {
      if (it.link !== link || it.from !== from.name) continue;
      actions.set(it.n, [...(actions.get(it.n) ?? []), it]);
    }
    const name = { link, from: from.name, to: to.name };
    const random = this.random.fork(`${link}/${from.name}`);
    const rules = this.rules.filter(
      (rule) => (rule.link ?? link) === link && (rule.from ?? from.name) === from.name,
    );
    return new Direction(this.surroundings, name, to.node, conditions, actions, rules, random);
  }

  private whereabouts(): string {
    return `at ${this.ticking.now} µs in the world with seed ${this.seed}`;
  }
}

/** Says which intervention it is that cannot be done. */
function explaining(list: 'interventions' | 'rules', index: number, check: () => void): void {
  try {
    check();
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new RangeError(`${list}[${index}]: ${error.message}`);
  }
}
