/**
 * A stack at the other end of a pipe as a system under test. In virtual time the runner grants time and the stack says how
 * far it came and when it next has something to do; in real time the stack tells by itself what happens.
 */
import { DrillError } from '../failure.ts';
import { cannotRun } from '../missing.ts';
import type {
  Advance,
  AsyncSystemUnderTest,
  DrillNetwork,
  InfoKind,
  OutboundPacket,
  Outcome,
  SystemCall,
} from '../system-under-test.ts';
import { callBody, readReturn } from './calls.ts';
import {
  Ability,
  Frame,
  FrameReader,
  frame,
  helloBody,
  never,
  protocolVersion,
  type RawFrame,
  textOf,
  utf8,
  viewOf,
  words32,
  words64,
} from './frames.ts';

/** The way to the stack, as whoever started it provides it. */
export interface StackTransport {
  /** Monotonic time of this machine, µs. */
  now(): number;
  send(bytes: Uint8Array): void;
  /**
   * The next bytes of the stack; none if `waitUs` pass without any.
   * @throws DrillError of kind system (`stackEnded`) if the stack has ended
   */
  receive(waitUs: number): Promise<Uint8Array>;
  /** Ends the stack, by force if it does not end by itself. */
  close(): Promise<void>;
}

/** How a stack ended before its run did. */
export interface StackEnd {
  /** Its exit status; null if a signal ended it. */
  readonly status: number | null;
  readonly signal: string | null;
  /** Why it never started; null if it did. */
  readonly neverStarted: string | null;
  /** What it wrote to standard error last. */
  readonly words: string;
}

/** The error for a stack that has ended, which a transport's `receive` throws. */
export function stackEnded({ status, signal, neverStarted, words }: StackEnd): DrillError {
  const how =
    neverStarted !== null
      ? `cannot be started: ${neverStarted}`
      : signal === null
        ? `ended in mid-run with exit status ${status}`
        : `was ended in mid-run by ${signal}`;
  const notes = words.split('\n').filter((line) => line.trim() !== '');
  return new DrillError('system', `the stack ${how}`, -1, { notes });
}

export interface StackOptions {
  /** Whether time is the machine's; the runner's otherwise. */
  readonly realTime: boolean;
  /** How long the stack may take for an answer, µs; in real time also how long it may be silent where a script waits for ever. */
  readonly patienceUs: number;
}

const kinds: readonly InfoKind[] = ['TCP_INFO', 'TCP_CC_INFO', 'SO_MEMINFO'];
/** How many frames one answer may have: more than any stack that is right would send at one moment. */
const mostFrames = 100_000;

type Known = { readonly atUs: number; readonly outcome: Outcome };

/**
 * Starts to talk to a stack.
 * @throws DrillError of kind system, or cannot-run if the stack cannot do what the network asks for
 */
export async function openStack(
  network: DrillNetwork,
  transport: StackTransport,
  options: StackOptions,
): Promise<AsyncSystemUnderTest> {
  const stack = new ForeignStack(transport, options);
  try {
    return await stack.greet(network);
  } catch (error) {
    await transport.close();
    throw error;
  }
}

class ForeignStack {
  private readonly transport: StackTransport;
  private readonly options: StackOptions;
  private readonly reader = new FrameReader();
  private readonly sent: OutboundPacket[] = [];
  private clockUs = 0;
  /** Real time: what to add to the stack's clock to get this machine's. */
  private offsetUs = Number.POSITIVE_INFINITY;
  private deadlineUs = Number.POSITIVE_INFINITY;
  private calls = 0;
  /** Calls that have not returned, by their numbers. */
  private readonly open = new Map<number, SystemCall['name']>();
  private readonly returns = new Map<number, Known>();
  private abilities = 0;
  private named = 'the stack';
  /** Until when time was granted. */
  private granted = 0;
  /** Whether the stack's answer is complete. */
  private ready = false;
  /** The type of frame that the answer still lacks, and its body once it has come. */
  private wanted: number | null = null;
  private answer: Uint8Array = new Uint8Array(0);

  constructor(transport: StackTransport, options: StackOptions) {
    this.transport = transport;
    this.options = options;
  }

  async greet(network: DrillNetwork): Promise<AsyncSystemUnderTest> {
    await this.ask('HELLO', frame(Frame.hello, helloBody(network, this.options.realTime)), Frame.hello);
    const hello = this.answer;
    if (hello.length < 3) throw broken(`the stack's HELLO has ${hello.length} bytes; it has 3 or more`);
    const version = viewOf(hello).getUint16(0, true);
    if (version !== protocolVersion)
      throw broken(
        `the stack speaks version ${version} of the protocol; this runner speaks ${protocolVersion}`,
      );
    this.abilities = hello[2]!;
    this.named = textOf(hello.subarray(3)) || 'the stack';
    if (network.ipVersion === 'ipv6' && !this.can(Ability.ipv6)) throw cannotRun(`${this.named} has no IPv6`);
    if (network.ipVersion === 'ipv4-mapped-ipv6' && !this.can(Ability.mapped))
      throw cannotRun(`${this.named} has no IPv4 on IPv6 sockets`);
    return this.system();
  }

  private can = (ability: number): boolean => (this.abilities & ability) !== 0;

  private system(): AsyncSystemUnderTest {
    return {
      now: () => this.now(),
      nextPacket: () => this.sent.shift() ?? null,
      ended: () => this.ended(),
      advance: (untilUs) => (this.options.realTime ? this.wait(untilUs) : this.grant(untilUs)),
      inject: (packet) => this.ask('a packet', frame(Frame.packet, packet)),
      syscall: (call) => this.syscall(call),
      ...(this.can(Ability.info) ? { info: (fd, kind) => this.info(fd, kind) } : {}),
      ...(this.can(Ability.commands) ? { command: (text) => this.command(text) } : {}),
      close: () => this.close(),
    };
  }

  private now(): number {
    if (this.options.realTime) this.clockUs = Math.max(this.clockUs, Math.floor(this.transport.now()));
    return this.clockUs;
  }

  private ended(): Known | null {
    for (const [id, known] of this.returns) {
      this.returns.delete(id);
      return known;
    }
    return null;
  }

  private somethingToSee = (): boolean => this.sent.length > 0 || this.returns.size > 0;

  /** Virtual time. */
  private async grant(untilUs: number): Promise<Advance> {
    if (this.somethingToSee()) return 'activity';
    const before = this.clockUs;
    this.granted = untilUs;
    await this.ask(`time until ${untilUs} µs`, frame(Frame.time, words64(untilUs)));
    if (this.somethingToSee()) return 'activity';
    if (this.clockUs >= untilUs) return this.deadlineUs === Number.POSITIVE_INFINITY ? 'idle' : 'reached';
    if (this.clockUs > before) return 'activity';
    throw broken(
      `${this.named} was granted time from ${before} to ${untilUs} µs, did nothing, and let none pass`,
    );
  }

  /** Real time: until something happens, or the time is there. */
  private async wait(untilUs: number): Promise<Advance> {
    const silentUntil = this.now() + this.options.patienceUs;
    // An hour is no time that a script writes; it waits for ever, and silence is the answer.
    const endless = untilUs - this.now() > 3600e6;
    for (;;) {
      this.takeFrames(null);
      if (this.somethingToSee()) return 'activity';
      const left = Math.min(untilUs, endless ? silentUntil : untilUs) - this.now();
      if (left <= 0) return endless ? 'idle' : 'reached';
      this.reader.push(await this.transport.receive(left));
    }
  }

  private async syscall(call: SystemCall): Promise<Outcome | 'pending'> {
    const id = ++this.calls;
    this.open.set(id, call.name);
    await this.ask(`${call.name}()`, frame(Frame.call, callBody(id, call)));
    const known = this.returns.get(id);
    this.returns.delete(id);
    if (known !== undefined) return known.outcome;
    if (this.open.size > 1) {
      const [first] = this.open.values();
      throw broken(`${this.named} lets ${call.name}() block while ${first}() already does`);
    }
    return 'pending';
  }

  private async info(fd: number, kind: InfoKind): Promise<Record<string, number> | null> {
    const body = words32(fd, kinds.indexOf(kind) + 1);
    await this.ask(kind, frame(Frame.info, body), Frame.info);
    const fields = textOf(this.answer)
      .split('\n')
      .filter((line) => line !== '');
    if (fields.length === 0) return null;
    return Object.fromEntries(
      fields.map((line) => {
        const [, name, value] = /^(\w+)=(-?\d+)$/.exec(line) ?? [];
        if (name === undefined)
          throw broken(`${this.named} answered ${kind} with '${line}'; it is NAME=NUMBER`);
        return [name, Number(value)];
      }),
    );
  }

  private async command(text: string): Promise<{ status: number; output: string }> {
    await this.ask(`the command ${text}`, frame(Frame.command, utf8(text)), Frame.command);
    if (this.answer.length < 4) throw broken(`${this.named} answered a command without its status`);
    return { status: viewOf(this.answer).getInt32(0, true), output: textOf(this.answer.subarray(4)) };
  }

  private async close(): Promise<void> {
    try {
      this.transport.send(frame(Frame.bye));
    } catch {
      // It has ended already; whoever waited for it was told.
    }
    await this.transport.close();
  }

  /**
   * Sends a frame and takes in what the stack answers, up to its READY.
   * @param what it is, for messages
   * @param wanted the type of a frame that must be among the answers; its body is left in `answer`
   */
  private async ask(what: string, bytes: Uint8Array, wanted?: number): Promise<void> {
    this.wanted = wanted ?? null;
    this.ready = false;
    const since = this.transport.now();
    this.transport.send(bytes);
    for (let frames = 0; !this.ready; ) {
      frames += this.takeFrames(what);
      if (frames > mostFrames)
        throw broken(`${this.named} answers ${what} with more than ${mostFrames} frames`);
      if (this.ready) break;
      const left = since + this.options.patienceUs - this.transport.now();
      if (left <= 0)
        throw broken(
          `${this.named} did not answer ${what} within ${this.options.patienceUs / 1e6} s (READY ends an answer)`,
        );
      this.reader.push(await this.transport.receive(left));
    }
    if (this.wanted !== null)
      throw broken(`${this.named} answered ${what} without the frame that it asks for`);
  }

  /** Takes in the frames that are there. @param asked null if nothing was asked: a READY is out of place */
  private takeFrames(asked: string | null): number {
    let count = 0;
    while (!this.ready || asked === null) {
      const next = this.reader.next();
      if (next === null) break;
      count++;
      this.take(next, asked);
    }
    return count;
  }

  private take({ type, body }: RawFrame, asked: string | null): void {
    if (type === Frame.packet) this.takePacket(body);
    else if (type === Frame.call) this.takeReturn(body);
    else if (type === Frame.time && asked !== null) this.takeReady(body);
    else if (type === Frame.cannot) throw cannotRun(`${this.named}: ${textOf(body)}`);
    else if (type === this.wanted) {
      this.answer = body;
      this.wanted = null;
    } else {
      const after = asked === null ? 'unasked' : `in answer to ${asked}`;
      throw broken(`${this.named} sent a frame of type ${type} ${after}, which has no place there`);
    }
  }

  private takeReady(body: Uint8Array): void {
    if (body.length !== 16) throw broken(`a READY of ${this.named} has ${body.length} bytes; it has 16`);
    const view = viewOf(body);
    const now = Number(view.getBigUint64(0, true));
    const deadline = view.getBigUint64(8, true);
    this.ready = true;
    if (this.options.realTime) {
      // The offset that makes the least of the way through the pipe is the nearest to the truth.
      this.offsetUs = Math.min(this.offsetUs, Math.floor(this.transport.now()) - now);
      return;
    }
    const limit = Math.max(this.granted, this.clockUs);
    if (now < this.clockUs || now > limit)
      throw broken(
        `${this.named} says that it is ${now} µs; it was ${this.clockUs}, and time was granted until ${limit}`,
      );
    this.clockUs = now;
    this.deadlineUs = deadline === never ? Number.POSITIVE_INFINITY : Number(deadline);
  }

  private takePacket(body: Uint8Array): void {
    if (body.length < 9)
      throw broken(`a PACKET of ${this.named} has ${body.length} bytes; its time alone has 8`);
    this.sent.push({ bytes: body.slice(8), atUs: this.timeOf(Number(viewOf(body).getBigUint64(0, true))) });
  }

  private takeReturn(body: Uint8Array): void {
    const id = body.length < 4 ? 0 : viewOf(body).getUint32(0, true);
    const name = this.open.get(id);
    if (name === undefined) throw broken(`${this.named} returned from call ${id}, which is not under way`);
    this.open.delete(id);
    const { atUs, outcome } = readReturn(body, name);
    this.returns.set(id, { atUs: this.timeOf(atUs), outcome });
  }

  /** A time of the stack on the runner's clock. */
  private timeOf(us: number): number {
    if (this.options.realTime) return Math.min(us + this.offsetUs, this.now());
    if (us >= this.clockUs && us <= Math.max(this.granted, this.clockUs)) return us;
    throw broken(
      `${this.named} dates something ${us} µs; it was ${this.clockUs}, and time was granted until ${this.granted}`,
    );
  }
}

const broken = (message: string): DrillError => new DrillError('system', message);
