/** Programs of a scenario: each makes its calls on a host one after the other, waiting where the call waits. */

import { type CallAddress, Calls } from '../../../../src/host/calls.ts';
import type { Result } from '../../../../src/host/file.ts';
import type { Host } from '../../../../src/host/host.ts';
import { Socket } from '../../../../src/host/socket.ts';
import { Family } from '../../../../src/host/socket-terms.ts';
import type { WorldEvent } from '../../../../src/sim/events.ts';
import type { World } from '../../../../src/sim/world.ts';
import { errnoName } from '../../../../src/tcp/errno.ts';
import { formatEndpoint, parseAddress, sameAddress } from '../../../../src/wire/address.ts';
import { encodeIp, ipPacket } from '../../../../src/wire/ip.ts';
import { encodeTcp, Flag, protocolTcp } from '../../../../src/wire/tcp.ts';
import type { Changes } from './changes.ts';
import type { Program, Step } from './scenario.ts';

/** A call of a program came to something. */
export interface CallEvent {
  readonly kind: 'call';
  readonly at: number;
  readonly node: string;
  readonly program: string;
  readonly call: string;
  /** The arguments as a reader of C would write them. */
  readonly args: string;
  /** A number, or an errno's name. */
  readonly result: string;
  /** When the call was made, µs. */
  readonly since: number;
}

export type LabEvent = WorldEvent | CallEvent;

/** What programs share: the world, what was changed, the log, and the last ISN each host was shown. */
export interface Stage {
  readonly world: World;
  readonly changes: Changes;
  readonly log: (event: CallEvent) => void;
  /** How many events there are so far. */
  readonly count: () => number;
  readonly seenIsn: Map<string, number>;
  /** Which program's socket got which local port, in the order of time. */
  readonly owners: PortOwner[];
}

/** From this event of the log on, a port of a host belongs to a program. */
export interface PortOwner {
  /** How many events had happened before. */
  readonly index: number;
  readonly host: string;
  readonly port: number;
  /** Null: to nobody any more. */
  readonly program: string | null;
}

const stream = 1;
const level = { socket: 1, tcp: 6 } as const;
const option = { reuse: 2, linger: 13, userTimeout: 18 } as const;
const int = (...values: number[]): Uint8Array => new Uint8Array(Int32Array.from(values).buffer);

const endpoint = (text: string): { address: ReturnType<typeof parseAddress>; port: number } => {
  const colon = text.lastIndexOf(':');
  return { address: parseAddress(text.slice(0, colon)), port: Number(text.slice(colon + 1)) };
};
const callAddress = (text: string): CallAddress => ({ family: Family.inet, ...endpoint(text) });

export class ProgramRun {
  readonly program: Program;
  /** All that it has read. */
  read = '';
  private readonly stage: Stage;
  private readonly host: Host;
  private readonly calls: Calls;
  private fd = -1;
  private listener = -1;

  constructor(program: Program, host: Host, stage: Stage) {
    this.program = program;
    this.host = host;
    this.stage = stage;
    this.calls = new Calls(host);
  }

  start(): void {
    this.stage.world.at(0, () => this.perform(0));
  }

  private get now(): number {
    return this.stage.world.clock.now;
  }

  private perform(index: number): void {
    const step = this.program.steps[index];
    if (step === undefined) return;
    const next = (): void => this.perform(index + 1);
    const { calls } = this;
    if (step.do === 'until') this.stage.world.at(Math.max(step.us, this.now), next);
    else if (step.do === 'sleep') this.stage.world.at(this.now + step.us, next);
    else if (step.do === 'listen') this.listen(step, 1, next);
    else if (step.do === 'connect') this.connect(step, 1, next);
    else if (step.do === 'receive') this.receive(step.bytes, this.now, next);
    else if (step.do === 'accept')
      this.follow('accept', '', calls.accept(this.listener), (result) => {
        if (result >= 0) this.fd = result;
        next();
      });
    else this.simple(step, next);
  }

  private simple(step: Step, next: () => void): void {
    const { calls } = this;
    if (step.do === 'send') {
      const { text, bytes = 1 } = step;
      const data = text === undefined ? new Uint8Array(bytes).fill(0x78) : new TextEncoder().encode(text);
      const shown = text === undefined ? `${data.length}` : JSON.stringify(text);
      this.follow('send', shown, calls.send(this.fd, data), next);
    } else if (step.do === 'shutdown') this.follow('shutdown', 'SHUT_WR', calls.shutdown(this.fd, 1), next);
    else if (step.do === 'close') this.follow('close', '', calls.close(this.fd), next);
    else if (step.do === 'stop') this.follow('close', '', calls.close(this.listener), next);
    else if (step.do === 'reset') {
      calls.setsockopt(this.fd, level.socket, option.linger, int(1, 0));
      this.follow('close', 'SO_LINGER 0', calls.close(this.fd), next);
    } else {
      if (step.do === 'forge') this.forge(step);
      else if (step.do === 'sysctl') this.host.sysctls.set(step.name, step.value);
      next();
    }
  }

  private listen(step: Step & { do: 'listen' }, attempt: number, next: () => void): void {
    const { calls } = this;
    const fd = calls.socket(Family.inet, stream, 0);
    if (step.reuse !== false) calls.setsockopt(fd, level.socket, option.reuse, int(1));
    const bound = calls.bind(fd, callAddress(`0.0.0.0:${step.port}`));
    if (bound < 0) {
      this.report('bind', `:${step.port}`, bound, this.now);
      calls.close(fd);
      this.again(step, attempt, () => this.listen(step, attempt + 1, next));
      return;
    }
    this.report('bind', `:${step.port}`, bound, this.now);
    const backlog = this.stage.changes.backlog ?? step.backlog ?? 128;
    const listening = calls.listen(fd, backlog);
    this.report('listen', `${backlog}`, listening, this.now);
    if (listening < 0) {
      calls.close(fd);
      this.again(step, attempt, () => this.listen(step, attempt + 1, next));
      return;
    }
    this.listener = fd;
    this.own(fd);
    next();
  }

  /** Notes whose socket has the port, or that it is given back. */
  private own(fd: number, program: string | null = this.program.name): number {
    const socket = this.calls.socketOf(fd);
    if (!(socket instanceof Socket)) return 0;
    const { port } = socket.local;
    this.stage.owners.push({ index: this.stage.count(), host: this.program.host, port, program });
    return port;
  }

  private disown(port: number): void {
    this.stage.owners.push({ index: this.stage.count(), host: this.program.host, port, program: null });
  }

  private again(
    { every, tries = 1_000_000 }: { every?: number; tries?: number },
    attempt: number,
    retry: () => void,
  ): void {
    // A program that did not get its socket has nothing more to do.
    if (every !== undefined && attempt < tries) this.stage.world.at(this.now + every, retry);
  }

  private connect(step: Step & { do: 'connect' }, attempt: number, next: () => void): void {
    const { calls } = this;
    const fd = calls.socket(Family.inet, stream, 0);
    if (step.timeoutMs !== undefined)
      calls.setsockopt(fd, level.tcp, option.userTimeout, int(step.timeoutMs));
    if (step.from !== undefined) {
      if (step.reuse !== false) calls.setsockopt(fd, level.socket, option.reuse, int(1));
      const bound = calls.bind(fd, callAddress(step.from));
      if (bound < 0 || step.orElse === 'next') this.report('bind', step.from, bound, this.now);
      if (bound < 0 && step.orElse === 'next') {
        calls.close(fd);
        next();
        return;
      }
    }
    const retry = (): void => this.again(step, attempt, () => this.connect(step, attempt + 1, next));
    const connecting = calls.connect(fd, callAddress(step.to));
    const port = this.own(fd);
    this.follow('connect', step.to, connecting, (result) => {
      if (result < 0) {
        calls.close(fd);
        this.disown(port);
        if (step.orElse === 'next') next();
        else retry();
        return;
      }
      const self = this.stage.changes.self ?? step.self ?? 'keep';
      if (self !== 'keep' && this.isSelf(fd)) {
        if (self === 'reset') calls.setsockopt(fd, level.socket, option.linger, int(1, 0));
        this.report('close', self === 'reset' ? 'SO_LINGER 0' : '', calls.close(fd), this.now);
        // What the RST causes happens at this very moment, and is still of this socket.
        if (self === 'reset') this.stage.world.at(this.now + 1, () => this.disown(port));
        retry();
        return;
      }
      this.fd = fd;
      next();
    });
  }

  /** Whether a socket is connected to itself: what every client can find out with two calls. */
  private isSelf(fd: number): boolean {
    const socket = this.calls.socketOf(fd);
    if (!(socket instanceof Socket)) return false;
    const { local, remote } = socket;
    return remote !== null && local.port === remote.port && sameAddress(local.address, remote.address);
  }

  private receive(wanted: number, since: number, next: () => void, before = '', got = 0): void {
    const bytes = wanted - got;
    const buffer = new Uint8Array(bytes);
    const result = this.calls.receive(this.fd, buffer);
    this.host.await(result, (n) => {
      const text = n > 0 ? new TextDecoder().decode(buffer.subarray(0, n)) : '';
      this.read += text;
      const all = before + text;
      if (n > 0 && n < bytes) {
        this.receive(wanted, since, next, all, got + n);
        return;
      }
      const shown = all === '' || all.length > 16 ? `${wanted}` : JSON.stringify(all);
      this.report('recv', shown, n > 0 ? got + n : n, since);
      next();
    });
  }

  private forge(step: Step & { do: 'forge' }): void {
    const [source, target] = [endpoint(step.from), endpoint(step.to)];
    const guess = this.stage.seenIsn.get(this.program.host) ?? 0;
    const ack = step.ack === 'guess+1' ? (guess + 1) | 0 : (step.ack ?? 0) | 0;
    const payload = encodeTcp(
      {
        sourcePort: source.port,
        destinationPort: target.port,
        seq: step.seq | 0,
        ack,
        flags: step.flags.reduce((sum, name) => sum | Flag[name], 0),
        window: 64240,
        urgent: 0,
        options: [],
        payload: new TextEncoder().encode(step.text ?? ''),
      },
      source.address,
      target.address,
    );
    const packet = encodeIp(
      ipPacket({ source: source.address, destination: target.address, protocol: protocolTcp, payload }),
    );
    this.report(
      'forge',
      `${step.flags.join('+').toUpperCase()} ${formatEndpoint(source.address, source.port)}`,
      0,
      this.now,
    );
    this.stage.world.send(step.link, this.program.host, packet);
  }

  private follow(call: string, args: string, result: Result, next: (result: number) => void): void {
    const since = this.now;
    this.host.await(result, (value) => {
      this.report(call, args, value, since);
      next(value);
    });
  }

  private report(call: string, args: string, result: Result, since: number): void {
    const value = typeof result === 'number' ? result : 0;
    const { host: node, name: program } = this.program;
    const shown = value < 0 ? errnoName(-value) : `${value}`;
    this.stage.log({ kind: 'call', at: this.now, node, program, call, args, result: shown, since });
  }
}

/** Which kinds of code lines the calls up to a moment have just run. */
export function codeAt(calls: readonly CallEvent[], now: number): readonly string[] {
  const index = calls.findLastIndex(
    ({ at, call }) => at <= now + 0.5 && (call === 'connect' || call === 'close'),
  );
  const last = calls[index];
  if (last === undefined) return ['connect'];
  if (last.call === 'close') return ['self', 'close'];
  if (last.result !== '0') return ['connect', 'refused'];
  const next = calls.slice(index + 1).find(({ program }) => program === last.program);
  return next?.call === 'close' ? ['connect', 'self'] : ['connect', 'connected'];
}
