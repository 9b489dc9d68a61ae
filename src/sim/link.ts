/** Links: what happens to a packet between two nodes of a world. */
import type { Clock } from './clock.ts';
import {
  type Action,
  type Conditions,
  type LossCause,
  meddling,
  type Passage,
  type Stage,
  stagesFor,
} from './conditions.ts';
import type { PacketEvent, PacketName } from './events.ts';
import type { Node } from './node.ts';
import type { Prng } from './prng.ts';

/** A packet under way: a copy in a buffer that is used again. */
export interface Flight {
  bytes: Uint8Array;
  view: DataView;
  length: number;
  direction: Direction;
  n: number;
  copy: 0 | 1;
}

/** Something done to every packet that a predicate chooses. */
export type Rule = Action & {
  /** The link and the sender; every one if not given. */
  readonly link?: string;
  readonly from?: string;
  /**
   * Whether it is for this packet. For a world that can be replayed it has to be a function of its arguments, or of what it
   * counts itself.
   * @param packet an IP packet; its bytes are only to be read, during the call
   */
  readonly when: (packet: Uint8Array, name: PacketName) => boolean;
};

/** What a direction needs of the world it is in. */
export interface Surroundings {
  readonly clock: Clock;
  /** Has the packet delivered at `at`. */
  schedule(at: number, flight: Flight): void;
  /** Those who look at events; if nobody does, none are made. */
  readonly watchers: readonly unknown[];
  tell(event: PacketEvent): void;
}

/** One direction of a link. */
export class Direction {
  readonly link: string;
  /** The sender's and the receiver's name. */
  readonly from: string;
  readonly to: string;
  private readonly receiver: Node;
  private stages: Stage[];
  private readonly actions: Map<number, Action[]>;
  private readonly world: Surroundings;
  private readonly loop: boolean;
  private readonly rules: readonly Rule[];
  private readonly random: Prng;
  private readonly passage: Passage = {
    n: 0,
    length: 0,
    at: 0,
    inOrder: true,
    copyAfter: -1,
    lost: null,
  };
  private readonly free: Flight[] = [];
  private sent = 0;
  /** The latest arrival so far: what jitter must not overtake. */
  private latest = 0;
  private isCut = false;
  /** Packets of this number and before were under way when the link was cut. */
  private lostUntil = 0;

  constructor(
    world: Surroundings,
    name: { readonly link: string; readonly from: string; readonly to: string },
    receiver: Node,
    conditions: Conditions,
    actions: Map<number, Action[]>,
    rules: readonly Rule[],
    random: Prng,
  ) {
    this.world = world;
    this.link = name.link;
    this.from = name.from;
    this.to = name.to;
    this.loop = name.from === name.to;
    this.receiver = receiver;
    this.actions = actions;
    this.rules = rules;
    this.random = random;
    this.stages = this.stagesOf(conditions);
  }

  private stagesOf(conditions: Conditions): Stage[] {
    const stages = stagesFor(conditions, this.random);
    return this.actions.size > 0 || this.rules.length > 0 ? [...stages, meddling(this.actions)] : stages;
  }

  /** Other conditions for packets sent from now on; those under way arrive as they would have. @throws RangeError */
  change(conditions: Conditions): void {
    this.stages = this.stagesOf(conditions);
  }

  /** From now on, and until it is mended, everything is lost: what is under way too. */
  cut(): void {
    this.isCut = true;
    this.lostUntil = this.sent;
  }

  mend(): void {
    this.isCut = false;
  }

  /** Sends a packet; it may arrive before the call returns. The bytes are only read during the call. */
  send(bytes: Uint8Array, view: DataView, offset: number, length: number): void {
    const n = ++this.sent;
    const { world } = this;
    const record = world.watchers.length > 0 ? bytes.slice(offset, offset + length) : null;
    if (record !== null)
      world.tell({ kind: 'sent', at: world.clock.now, packet: this.name(n), to: this.to, bytes: record });
    if (this.isCut) {
      if (record !== null) this.tellLoss(n, record, 'cut');
      return;
    }
    if (this.rules.length > 0) this.judge(n, bytes.subarray(offset, offset + length));
    if (this.stages.length === 0 && !this.loop) {
      if (record !== null) this.tellArrival(n, 0, record);
      this.receiver.input(world.clock.now, bytes, view, offset, length);
      return;
    }
    const passage = this.pass(n, length);
    if (passage.lost !== null) {
      if (record !== null) this.tellLoss(n, record, passage.lost);
      return;
    }
    const { at, copyAfter } = passage;
    this.fly(at, n, 0, bytes, offset, length);
    if (copyAfter >= 0) this.fly(at + copyAfter, n, 1, bytes, offset, length);
    if (this.rules.length > 0) this.actions.delete(n);
  }

  /** Finds which rules are for a packet. */
  private judge(n: number, packet: Uint8Array): void {
    const name = this.name(n);
    const found = this.rules.filter((rule) => rule.when(packet, name));
    if (found.length > 0) this.actions.set(n, [...(this.actions.get(n) ?? []), ...found]);
  }

  /** The end of a flight. */
  land(flight: Flight): void {
    const { bytes, view, length, n, copy } = flight;
    if (n <= this.lostUntil) {
      if (this.world.watchers.length > 0) this.tellLoss(n, bytes.slice(0, length), 'cut');
      this.free.push(flight);
      return;
    }
    if (this.world.watchers.length > 0) this.tellArrival(n, copy, bytes.slice(0, length));
    this.receiver.input(this.world.clock.now, bytes, view, 0, length, this.loop);
    this.free.push(flight);
  }

  private pass(n: number, length: number): Passage {
    const { passage } = this;
    passage.n = n;
    passage.length = length;
    passage.at = this.world.clock.now;
    passage.inOrder = true;
    passage.copyAfter = -1;
    passage.lost = null;
    for (const stage of this.stages) {
      stage(passage);
      if (passage.lost !== null) return passage;
    }
    if (passage.inOrder) {
      if (passage.at < this.latest) passage.at = this.latest;
      this.latest = passage.at;
    }
    return passage;
  }

  private fly(at: number, n: number, copy: 0 | 1, bytes: Uint8Array, offset: number, length: number): void {
    const flight = this.buffer(length);
    for (let i = 0; i < length; i++) flight.bytes[i] = bytes[offset + i]!;
    for (const action of this.actions.get(n) ?? [])
      if (action.action === 'corrupt') {
        if (action.byte >= length)
          throw new RangeError(
            `byte ${action.byte} of packet ${n} from '${this.from}' on '${this.link}' cannot be corrupted: ` +
              `it has ${length} bytes`,
          );
        flight.bytes[action.byte]! ^= action.mask;
      }
    flight.length = length;
    flight.n = n;
    flight.copy = copy;
    this.world.schedule(at, flight);
  }

  private buffer(length: number): Flight {
    const { free } = this;
    const last = free.pop();
    if (last !== undefined && last.bytes.length >= length) return last;
    const bytes = new Uint8Array(Math.max(length, 2048));
    return { bytes, view: new DataView(bytes.buffer), length, direction: this, n: 0, copy: 0 };
  }

  private tellLoss(n: number, bytes: Uint8Array, cause: LossCause): void {
    const { world } = this;
    world.tell({ kind: 'lost', at: world.clock.now, packet: this.name(n), to: this.to, bytes, cause });
  }

  private tellArrival(n: number, copy: 0 | 1, bytes: Uint8Array): void {
    const { world } = this;
    world.tell({ kind: 'arrived', at: world.clock.now, packet: this.name(n), to: this.to, bytes, copy });
  }

  private name(n: number): PacketName {
    return { link: this.link, from: this.from, n };
  }
}
