/**
 * The other end of the pipe for a stack written in JavaScript: bytes of the runner in, bytes for the runner out. A
 * program that pipes its standard input and output through it can be run with `halfopen run --on exec:`.
 */
import type { OpenSystem, SystemUnderTest } from '../system-under-test.ts';
import { readCall, returnBody } from './calls.ts';
import {
  Ability,
  Frame,
  FrameReader,
  frame,
  never,
  protocolVersion,
  type RawFrame,
  readHello,
  textOf,
  utf8,
  viewOf,
  words32,
  words64,
} from './frames.ts';

/** What is told of the stack. */
export interface ServerOptions {
  /** Its name, for messages. */
  readonly name: string;
  /** Whether it has IPv6, and IPv4 on IPv6 sockets; not if not given. */
  readonly ipv6?: boolean;
}

const kinds = ['TCP_INFO', 'TCP_CC_INFO', 'SO_MEMINFO'] as const;

/** Puts a `SystemUnderTest` behind the protocol, in virtual time. */
export class StackServer {
  /** Whether the runner has said that the run is over. */
  finished = false;
  private readonly open: OpenSystem;
  private readonly options: ServerOptions;
  private readonly reader = new FrameReader();
  private out: Uint8Array[] = [];
  private system: SystemUnderTest | null = null;
  private deadline: bigint = never;
  private pendingId = 0;

  /** @param open makes the stack for the network that the runner asks for */
  constructor(open: OpenSystem, options: ServerOptions) {
    this.open = open;
    this.options = options;
  }

  /**
   * Takes bytes of the runner.
   * @returns what to write back; several frames as a rule
   * @throws DrillError of kind system for bytes that are no frames of the protocol
   */
  receive(bytes: Uint8Array): Uint8Array[] {
    this.reader.push(bytes);
    this.out = [];
    for (let next = this.reader.next(); next !== null && !this.finished; next = this.reader.next()) {
      this.serve(next);
    }
    return this.out;
  }

  private serve({ type, body }: RawFrame): void {
    if (type === Frame.bye) {
      this.system?.close?.();
      this.finished = true;
      return;
    }
    if (type === Frame.hello) this.hello(body);
    else if (this.system !== null) this.request(this.system, type, body);
    this.tellAll();
  }

  private hello(body: Uint8Array): void {
    const { network, realTime } = readHello(body);
    const { name, ipv6 = false } = this.options;
    if (realTime) {
      this.out.push(frame(Frame.cannot, utf8('it runs in virtual time only')));
      return;
    }
    const system = this.open(network);
    this.system = system;
    const abilities =
      (ipv6 ? Ability.ipv6 | Ability.mapped : 0) |
      (system.info === undefined ? 0 : Ability.info) |
      (system.command === undefined ? 0 : Ability.commands);
    const head = new Uint8Array(3);
    viewOf(head).setUint16(0, protocolVersion, true);
    head[2] = abilities;
    this.out.push(frame(Frame.hello, head, utf8(name)));
  }

  private request(system: SystemUnderTest, type: number, body: Uint8Array): void {
    // Whatever it was asked may have set a timer, which is found out when time is granted.
    if (type !== Frame.time) this.deadline = BigInt(system.now());
    if (type === Frame.time) {
      const until = Number(viewOf(body).getBigUint64(0, true));
      this.deadline = system.advance(until) === 'idle' ? never : BigInt(until);
    } else if (type === Frame.packet) {
      system.inject(body);
    } else if (type === Frame.call) {
      const { id, call } = readCall(body);
      const outcome = system.syscall(call);
      if (outcome === 'pending') this.pendingId = id;
      else this.out.push(frame(Frame.call, returnBody(id, system.now(), outcome)));
    } else if (type === Frame.info) {
      const view = viewOf(body);
      const info = system.info?.(view.getInt32(0, true), kinds[view.getInt32(4, true) - 1]!) ?? {};
      const lines = Object.entries(info).map(([name, value]) => `${name}=${Math.round(value)}\n`);
      this.out.push(frame(Frame.info, utf8(lines.join(''))));
    } else if (type === Frame.command) {
      const { status, output } = system.command!(textOf(body));
      this.out.push(frame(Frame.command, words32(status), utf8(output)));
    }
  }

  /** Everything that is to be seen, and that the answer is complete. */
  private tellAll(): void {
    const { system } = this;
    for (let packet = system?.nextPacket(); packet; packet = system?.nextPacket())
      this.out.push(frame(Frame.packet, words64(packet.atUs), packet.bytes));
    const end = system?.ended?.() ?? null;
    if (end !== null) this.out.push(frame(Frame.call, returnBody(this.pendingId, end.atUs, end.outcome)));
    this.out.push(frame(Frame.time, words64(system?.now() ?? 0, this.deadline)));
  }
}
