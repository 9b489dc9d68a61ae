/**
 * The built-in host as a system under test: in a world of its own whose clock is the script's, with the runner as the
 * only other node, at the far end of the link `tun0`.
 */
import { type CallAddress, Calls } from '../host/calls.ts';
import { dataControl, errorControl, takeQueuedError } from '../host/control.ts';
import type { Result } from '../host/file.ts';
import { Host } from '../host/host.ts';
import { Socket } from '../host/socket.ts';
import { MessageFlag } from '../host/socket-terms.ts';
import type { Conditions } from '../sim/conditions.ts';
import type { WorldEvent } from '../sim/events.ts';
import type { Node } from '../sim/node.ts';
import { World, WorldError } from '../sim/world.ts';
import { Errno } from '../tcp/errno.ts';
import type { IsnGenerator } from '../tcp/handshake/isn.ts';
import { tcpInfo } from '../tcp/socket/info.ts';
import { anyIpv4, parseAddress } from '../wire/address.ts';
import { PacketQueue } from '../wire/packet-queue.ts';
import { DrillError } from './failure.ts';
import { HostCommands } from './host-commands.ts';
import { addRoute, hostOptions } from './host-network.ts';
import { runShell } from './shell.ts';
import type { ShellContext, ShellFile } from './shell-context.ts';
import type {
  Advance,
  ControlMessage,
  DrillNetwork,
  InfoKind,
  OutboundPacket,
  Outcome,
  ReceiveCall,
  SendCall,
  SocketAddress,
  SystemCall,
  SystemUnderTest,
} from './system-under-test.ts';

/** What a built-in host is made from, beside the script's network. */
export interface HostSystemOptions {
  /** Seed of its random numbers; 1 if not given. */
  readonly seed?: number;
  /** What the link does to packets on their way to the host, and from it; nothing if not given. */
  readonly toHost?: Conditions;
  readonly fromHost?: Conditions;
  /** The script's folder, from which commands are run, and a reader of files there. Commands read nothing without. */
  readonly folder?: string;
  readonly readFile?: (path: string) => ShellFile;
  /** Whether to remember what happens, for ladders and captures; yes if not given. */
  readonly record?: boolean;
}

const link = 'tun0';
const hostName = 'host';
const scriptName = 'script';
/** What scripts see as the process number of the runner. */
const runnerPid = '1000';

const failed = (errno: number): Outcome => ({ value: -1, errno });
/** What one run may do: more than any script that ends needs, and little enough for memory. */
const mostSteps = 300_000;
const mostEvents = 100_000;
const enosys = 38;

/** Makes the host for a script's network. */
export function openHost(network: DrillNetwork, options: HostSystemOptions = {}): HostSystem {
  return new HostSystem(network, options);
}

export class HostSystem implements SystemUnderTest {
  readonly host: Host;
  private readonly world: World;
  private readonly calls: Calls;
  private readonly commands: HostCommands;
  private readonly shell: ShellContext;
  private readonly sent: OutboundPacket[] = [];
  private readonly events: WorldEvent[] = [];
  private steps = 0;
  private end: { readonly outcome: Outcome; readonly atUs: number } | null = null;

  constructor(network: DrillNetwork, options: HostSystemOptions) {
    const {
      seed = 1,
      toHost = {},
      fromHost = {},
      folder = '.',
      readFile = (): null => null,
      record = true,
    } = options;
    this.world = new World({ seed });
    const random = this.world.random.fork(hostName);
    const word = (): number => random.uint32() | 0;
    const isn: IsnGenerator = { kind: 'siphash', key: [word(), word(), word(), word()] };
    this.host = new Host(hostOptions(network, link, this.world, () => random.uint32(), isn));
    addRoute(this.host, network, link);
    this.calls = new Calls(this.host);
    this.commands = new HostCommands(this.host, link, isn, (us) => this.runTo(this.now() + us));
    this.world.add(hostName, this.leaving());
    this.world.add(scriptName, this.receiver());
    this.world.link(link, hostName, scriptName, fromHost, toHost);
    if (record) {
      this.host.trace = (event): void => this.world.trace(hostName, event);
      this.world.watch((event) => {
        if (this.events.length >= mostEvents) throw endless(`${mostEvents} events recorded`);
        this.events.push(event);
      });
    }
    this.shell = {
      host: this.commands,
      folder,
      readFile,
      inFile: null,
      files: new Map(),
      variables: new Map([
        ['PPID', runnerPid],
        ['PACKETDRILL_PID', runnerPid],
      ]),
      counters: {},
    };
  }

  /** What happened since a time (µs on this clock), with times counted from there. */
  eventsFrom(startUs: number): WorldEvent[] {
    return this.events
      .filter(({ at }) => at >= startUs)
      .map((event) => ({ ...event, at: event.at - startUs }));
  }

  now(): number {
    return this.world.clock.now;
  }

  advance(untilUs: number): Advance {
    while (this.sent.length === 0 && this.end === null) {
      if (!this.step(untilUs)) return this.world.run(untilUs);
    }
    return 'activity';
  }

  /** Does the next thing that is due, as long as the run has not gone on for ever. */
  private step(untilUs: number): boolean {
    if (this.steps++ >= mostSteps) throw endless(`${mostSteps} things done`);
    try {
      return this.world.step(untilUs);
    } catch (error) {
      throw error instanceof WorldError && error.cause instanceof DrillError ? error.cause : error;
    }
  }

  private runTo(untilUs: number): void {
    while (this.step(untilUs));
    this.world.run(untilUs);
  }

  nextPacket(): OutboundPacket | null {
    return this.sent.shift() ?? null;
  }

  inject(packet: Uint8Array): void {
    this.world.send(link, scriptName, packet);
    this.runTo(this.now());
  }

  ended(): { readonly outcome: Outcome; readonly atUs: number } | null {
    const { end } = this;
    this.end = null;
    return end;
  }

  syscall(call: SystemCall): Outcome | 'pending' {
    const outcome = this.call(call);
    this.runTo(this.now());
    return outcome;
  }

  info(fd: number, kind: InfoKind): Record<string, number> | null {
    const socket = this.calls.socketOf(fd);
    if (!(socket instanceof Socket)) return null;
    this.host.touch();
    if (kind === 'TCP_INFO') return tcpInfo(socket.conn);
    if (kind === 'SO_MEMINFO')
      return { SK_MEMINFO_RCVBUF: socket.conn.rcvBuf, SK_MEMINFO_SNDBUF: socket.conn.sndBuf };
    return null;
  }

  command(text: string): { status: number; output: string } {
    const result = runShell(text, this.shell);
    this.runTo(this.now());
    return result;
  }

  /** The host as a node whose packets to the network a queue without room (tc ... limit 0) swallows. */
  private leaving(): Node {
    const { host } = this;
    return {
      out: host.out,
      input: (now, bytes, view, offset, length, fromItself): void =>
        host.input(now, bytes, view, offset, length, fromItself),
      handleTimers: (now): void => host.handleTimers(now),
      nextDeadline: (): number => host.nextDeadline(),
      interfaceFor: (bytes, view, offset): number => {
        const exit = host.interfaceFor(bytes, view, offset);
        return exit > 0 && host.tcp.linkFull ? -1 : exit;
      },
    };
  }

  private receiver(): Node {
    return {
      out: new PacketQueue(0),
      input: (now, bytes, _view, offset, length): void => {
        this.sent.push({ bytes: bytes.slice(offset, offset + length), atUs: now });
      },
      handleTimers: (): void => {},
      nextDeadline: (): number => Number.POSITIVE_INFINITY,
    };
  }

  /** Turns what a call came to into an outcome, now or later. */
  private settle(
    result: Result,
    more: (value: number) => Partial<Outcome> = () => ({}),
  ): Outcome | 'pending' {
    const outcomeOf = (value: number): Outcome =>
      value < 0 ? failed(-value) : { value, errno: 0, ...more(value) };
    if (typeof result === 'number') return outcomeOf(result);
    this.host.await(result, (value) => {
      this.end = { outcome: outcomeOf(value), atUs: this.now() };
    });
    return 'pending';
  }

  private call(call: SystemCall): Outcome | 'pending' {
    const { calls } = this;
    switch (call.name) {
      case 'socket':
        return this.settle(calls.socket(call.domain, call.type, call.protocol));
      case 'bind':
        return this.settle(calls.bind(call.fd, addressOf(call.address)));
      case 'connect':
        return this.settle(calls.connect(call.fd, addressOf(call.address)));
      case 'listen':
        return this.settle(calls.listen(call.fd, call.backlog));
      case 'accept':
        return this.settle(calls.accept(call.fd));
      case 'close':
        return this.settle(calls.close(call.fd));
      case 'shutdown':
        return this.settle(calls.shutdown(call.fd, call.how));
      case 'fcntl':
        return this.settle(calls.fcntl(call.fd, call.command, call.argument));
      case 'read':
      case 'readv':
      case 'recv':
      case 'recvfrom':
      case 'recvmsg':
        return this.receive(call);
      case 'write':
      case 'writev':
      case 'send':
      case 'sendto':
      case 'sendmsg':
        return this.send(call);
      default:
        return this.otherCall(call);
    }
  }

  private otherCall(call: SystemCall): Outcome | 'pending' {
    const { calls } = this;
    switch (call.name) {
      case 'getsockopt': {
        const option = calls.getsockopt(call.fd, call.level, call.option, call.length);
        return typeof option === 'number' ? failed(-option) : { value: 0, errno: 0, option };
      }
      case 'setsockopt':
        return this.settle(calls.setsockopt(call.fd, call.level, call.option, call.value));
      case 'ioctl': {
        const written = { value: call.argument };
        return this.settle(calls.ioctl(call.fd, call.request, call.argument, written), () => ({
          argument: written.value,
        }));
      }
      case 'poll': {
        const revents: number[] = [];
        return this.settle(calls.poll(call.fds, call.timeoutMs, revents), () => ({ revents }));
      }
      case 'epoll_create':
        return this.settle(calls.epollCreate());
      case 'epoll_ctl':
        return this.settle(calls.epollControl(call.epfd, call.operation, call.fd, call.event));
      case 'epoll_wait': {
        const events: { events: number; data: number }[] = [];
        return this.settle(calls.epollWait(call.epfd, call.maxEvents, call.timeoutMs, events), () => ({
          events,
        }));
      }
      case 'pipe':
        return { value: 0, errno: 0, fds: calls.pipe() };
      case 'open':
        this.shareFile(call.path);
        return this.settle(calls.open(call.path, call.flags));
      case 'sendfile':
        return this.settle(calls.sendfile(call.out, call.in, call.offset, call.count), (sent) => ({
          argument: call.offset + sent,
        }));
      case 'splice':
        return this.settle(calls.splice(call.in, call.out, call.length));
      default:
        return failed(enosys);
    }
  }

  /** A file that a command made can be opened. */
  private shareFile(path: string): void {
    const text = this.shell.files.get(path);
    if (text !== undefined)
      this.host.files.set(
        path,
        Uint8Array.from(text, (char) => char.charCodeAt(0)),
      );
  }

  private receive({ name, fd, lengths, flags, nullBuffer }: ReceiveCall): Outcome | 'pending' {
    const into = new Uint8Array(lengths.reduce((sum, length) => sum + length, 0));
    if ((flags & MessageFlag.errorQueue) !== 0) return this.receiveError(name, fd, into.length);
    const message = (): Partial<Outcome> =>
      name === 'recvmsg' ? { message: { flags: 0, control: this.dataControl(fd) } } : {};
    if (nullBuffer && into.length > 0) {
      // The buffer is touched only if there is something to put into it.
      const peeked = this.calls.receive(
        fd,
        new Uint8Array(1),
        flags | MessageFlag.peek | MessageFlag.dontWait,
      );
      if (typeof peeked === 'number' && peeked > 0) return failed(Errno.EFAULT);
    }
    return this.settle(this.calls.receive(fd, into, flags), message);
  }

  private dataControl(fd: number): ControlMessage[] {
    const socket = this.calls.socketOf(fd);
    return socket instanceof Socket ? dataControl(socket) : [];
  }

  /** Reads the error queue, as recvmsg() with MSG_ERRQUEUE does (ip_recv_error). */
  private receiveError(name: ReceiveCall['name'], fd: number, room: number): Outcome {
    const socket = this.calls.socketOf(fd);
    if (typeof socket === 'number') return failed(-socket);
    const error = takeQueuedError(socket.conn);
    if (error === null) return failed(Errno.EAGAIN);
    const flags = MessageFlag.errorQueue | (error.length > room ? MessageFlag.trunc : 0);
    const value = Math.min(error.length, room);
    if (name !== 'recvmsg') return { value, errno: 0 };
    return { value, errno: 0, message: { flags, control: errorControl(error, socket.family) } };
  }

  private send({ fd, lengths, flags, address, nullBuffer }: SendCall): Outcome | 'pending' {
    const data = new Uint8Array(lengths.reduce((sum, length) => sum + length, 0));
    if (nullBuffer && data.length > 0) {
      const dry = this.calls.send(fd, new Uint8Array(0), flags);
      return typeof dry === 'number' && dry < 0 ? failed(-dry) : failed(Errno.EFAULT);
    }
    const to = address === null ? null : addressOf(address);
    return this.settle(this.calls.send(fd, data, flags, to));
  }
}

const endless = (what: string): DrillError =>
  new DrillError('packet', `the limit of ${what} in one run is reached: is there no end to the script?`);

function addressOf({ family, ip, port }: SocketAddress): CallAddress {
  return { family, address: family === 0 ? anyIpv4 : parseAddress(ip), port };
}
