/**
 * What a script does to a system, without what it expects of it. Whose script it is does not matter: the times, the calls
 * and the inbound packets make a scenario, and what is said about outbound packets only tells which of them timestamps and
 * initial sequence numbers belong to.
 */
import type { Event, IcmpSpec, Script, SyscallSpec, TcpOptionSpec, TcpSpec } from '../drill/ast.ts';
import { schedule, type TimedEvent } from '../drill/clock.ts';
import { optionText, packetLine } from '../drill/packet-text.ts';
import type { IpVersion } from '../drill/system-under-test.ts';
import { firstTimestamp, type Scenario, type ScenarioFlow, type Step, type Stimulus } from './scenario.ts';

interface StimuliOptions {
  readonly name: string;
  readonly about: string;
  readonly ipVersion: IpVersion;
  readonly mtu: number;
  /** The script's text. */
  readonly text: string;
  readonly folder: string;
  readonly root: string;
}

/** A script that makes no scenario, and why; the words for it are the catalogue's. */
export class NoScenario extends Error {
  readonly reason: 'tunnel' | 'udp' | 'noConnection' | 'tooManySteps';
  readonly value: string | number;

  constructor(reason: NoScenario['reason'], value: string | number = '') {
    super(reason);
    this.reason = reason;
    this.value = value;
  }
}

/** How long a system is watched after whatever a script has last, µs. */
const watchedUs = 400_000;
const mostSteps = 5000;

/** Commands about things that only other systems have: without them the rest of a script is as good. */
const foreignCommand =
  /\b(net\.inet6?\.|kern\.|hw\.|sockstat|tcpdrop|kldload|kldunload|kldstat|setkey|ifconfig|pfctl|ipfw|nfsstat|vmstat|nstat_bsd|ndd|route -n)/;

/** A connection as the script goes on. */
interface ScriptFlow {
  /** The script's descriptor of it; -1 before accept(). */
  fd: number;
  state: 'new' | 'listening' | 'connecting' | 'opened' | 'child';
  /** Its number in the scenario; -1 as long as it has no packets. */
  index: number;
  /** The script's initial number of the system's side, and of its first timestamp. */
  localIsn: number;
  firstStamp: number | null;
}

interface FlowInMaking extends ScenarioFlow {
  readonly stamps: (number | null)[];
}

/**
 * @returns the scenario that a script makes, and the commands of it that are left out
 * @throws NoScenario if it needs what scenarios have not
 */
export function scenarioOf(
  script: Script,
  options: StimuliOptions,
): { readonly scenario: Scenario; readonly leftOut: readonly string[] } {
  return new Extraction(script, options).run();
}

class Extraction {
  private readonly script: Script;
  private readonly options: StimuliOptions;
  private readonly flows: FlowInMaking[] = [];
  private readonly sockets: ScriptFlow[] = [];
  private readonly steps: Step[] = [];
  private readonly leftOut: string[] = [];
  private current: ScriptFlow | null = null;
  private nonBlocking = false;
  private mayBlock = false;

  constructor(script: Script, options: StimuliOptions) {
    this.script = script;
    this.options = options;
  }

  run(): { scenario: Scenario; leftOut: readonly string[] } {
    let last: TimedEvent | null = null;
    let endUs = 0;
    for (const event of this.script.events) {
      // A relative time counts from the end of what came before, a blocking call's included.
      const timed: TimedEvent = schedule(event, last, endUs);
      endUs = Math.max(timed.us, this.endOf(event, timed));
      this.event(event, timed.us);
      last = timed;
    }
    if (this.steps.length > mostSteps) throw new NoScenario('tooManySteps', mostSteps);
    const steps = this.inOrder();
    const lastUs = steps.at(-1)?.atUs ?? 0;
    const { name, about, ipVersion, mtu, folder, root } = this.options;
    const init = this.script.init?.text;
    const scenario: Scenario = {
      name,
      about,
      ipVersion,
      mtu,
      steps,
      afterUs: Math.max(0, endUs - lastUs) + watchedUs,
      flows: this.flows,
      options: this.script.options
        .filter(({ name: option }) =>
          /^(mtu|(local|remote|gateway|netmask)_ip|(bind|connect)_port)$/.test(option),
        )
        .map(({ name: option, value }) => ({ name: option, value })),
      setup: init !== undefined && this.keeps(init) ? [init] : [],
      folder,
      root,
      blocks: this.mayBlock || !this.nonBlocking,
    };
    return { scenario, leftOut: this.leftOut };
  }

  private endOf({ action }: Event, timed: TimedEvent): number {
    if (action.kind === 'syscall' && action.call.endUs !== null) return action.call.endUs + timed.offsetUs;
    return timed.us;
  }

  /** Steps in order of time: an outbound packet that a script expects early may stand before what comes first. */
  private inOrder(): Step[] {
    let before = 0;
    return this.steps.map((step) => {
      before = Math.max(before, step.atUs);
      return { ...step, atUs: before };
    });
  }

  private add(atUs: number, stimulus: Stimulus): void {
    this.steps.push({ atUs, stimulus });
  }

  private keeps(command: string): boolean {
    if (!foreignCommand.test(command)) return true;
    this.leftOut.push(command.trim());
    return false;
  }

  private event({ action, at }: Event, us: number): void {
    switch (action.kind) {
      case 'packet':
        this.packet(action.packet, us, at);
        break;
      case 'syscall':
        this.call(action.call, us);
        break;
      case 'command': {
        if (!this.keeps(action.text)) break;
        const sysctl = /^\s*sysctl(?: -q| -w)*\s+((?:net)\.[a-z0-9_.]+)=(\w+)\s*$/.exec(action.text);
        if (sysctl !== null) this.add(us, { kind: 'sysctl', name: sysctl[1]!, value: sysctl[2]! });
        else this.add(us, { kind: 'command', text: action.text });
        break;
      }
      case 'code':
        if (this.current !== null && this.current.fd >= 0)
          this.add(us, { kind: 'look', fd: this.current.fd });
        break;
    }
  }

  private call(call: SyscallSpec, us: number): void {
    const { text } = this.options;
    if (call.endUs !== null) this.mayBlock = true;
    if (call.name === 'fcntl' && /O_NONBLOCK/.test(text.slice(call.at, call.at + 200)))
      this.nonBlocking = true;
    this.add(us, { kind: 'call', call, text: callText(text, call.at) });
    this.noteCall(call);
  }

  private noteCall(call: SyscallSpec): void {
    const result = call.result.kind === 'integer' ? call.result.value : 0;
    const first = call.args[0];
    const fd = first?.kind === 'integer' ? first.value : -1;
    const socket = this.sockets.findLast((it) => it.fd === fd);
    if (call.name === 'socket') {
      this.current = { fd: result, state: 'new', index: -1, localIsn: 0, firstStamp: null };
      this.sockets.push(this.current);
    } else if (call.name === 'listen' && result === 0 && socket !== undefined) socket.state = 'listening';
    else if (call.name === 'accept' && result >= 0) {
      const child = this.sockets.findLast((it) => it.state === 'child' && it.fd < 0);
      if (child !== undefined) child.fd = result;
    } else if (/^(connect|sendto|sendmsg)$/.test(call.name) && socket !== undefined)
      this.connects(call, socket);
  }

  private connects(call: SyscallSpec, socket: ScriptFlow): void {
    const address = call.args[call.name === 'connect' ? 1 : 4];
    if (call.name === 'sendto' && address?.kind !== 'ellipsis' && address?.kind !== 'sockaddr') return;
    if (address?.kind === 'word' && address.name === 'AF_UNSPEC') socket.state = 'new';
    else if (socket.state === 'new') {
      socket.state = 'connecting';
      socket.localIsn = 0;
      socket.firstStamp = null;
      socket.index = this.flows.length;
      this.flows.push({
        opens: 'system',
        peerPort: address?.kind === 'sockaddr' ? address.port : 0,
        stamps: [],
      });
    }
  }

  private packet(
    packet: Extract<Event['action'], { kind: 'packet' }>['packet'],
    us: number,
    at: number,
  ): void {
    if (packet.encapsulation.length > 0) throw new NoScenario('tunnel', packet.encapsulation[0]!.kind);
    if (packet.kind === 'udp') throw new NoScenario('udp');
    if (packet.kind === 'icmp') {
      if (packet.direction === 'in') this.icmp(packet, us, at);
      return;
    }
    const flow = this.flowFor(packet);
    if (packet.direction === 'out') this.outbound(packet, flow);
    else this.inbound(packet, flow, us);
  }

  private icmp(packet: IcmpSpec, us: number, at: number): void {
    const flow = this.current?.index ?? -1;
    if (flow < 0) throw new NoScenario('noConnection');
    const line = this.options.text.slice(at).split('\n')[0]!;
    const text = line.slice(line.indexOf('<') + 1).trim();
    this.add(us, { kind: 'packet', packet, flow, text });
  }

  /** The connection of a TCP packet, by packetdrill's rules; one that comes to a listener begins another. */
  private flowFor(packet: TcpSpec): ScriptFlow {
    const inbound = packet.direction === 'in';
    const { source, destination } = packet.ports;
    const [remote, local] = inbound ? [source, destination] : [destination, source];
    let { current } = this;
    if (remote !== 0 && local !== 0 && current?.state !== 'listening') {
      const known = this.sockets.findLast(
        ({ index }) =>
          index >= 0 && this.flows[index]!.peerPort === remote && this.flows[index]!.localPort === local,
      );
      if (known !== undefined) current = known;
      else if (inbound && packet.flags.syn && current?.state === 'child')
        current = this.sockets.findLast(({ state }) => state === 'listening') ?? current;
    }
    if (inbound && (current === null || current.state === 'listening')) current = this.child(packet);
    // Without a socket that has packets (UDP alone, say) these cannot be told apart.
    if (current === null || current.index < 0) current = this.child(packet);
    this.current = current;
    return current;
  }

  private child({ ports }: TcpSpec): ScriptFlow {
    const flow: ScriptFlow = {
      fd: -1,
      state: 'child',
      index: this.flows.length,
      localIsn: 0,
      firstStamp: null,
    };
    this.flows.push({ opens: 'peer', peerPort: ports.source, localPort: ports.destination, stamps: [] });
    this.sockets.push(flow);
    return flow;
  }

  private outbound(packet: TcpSpec, flow: ScriptFlow): void {
    const { syn } = packet.flags;
    if (syn && packet.seq !== '*' && flow.localIsn === 0) flow.localIsn = packet.seq;
    const options = packet.options === '*' ? [] : packet.options;
    const stamp = options.find(({ kind }) => kind === 'TS');
    const val = stamp?.kind === 'TS' && stamp.val !== '*' ? stamp.val : null;
    if (val !== null) flow.firstStamp ??= val;
    this.flows[flow.index]!.stamps.push(val === null ? null : shifted(val, flow.firstStamp));
  }

  private inbound(packet: TcpSpec, flow: ScriptFlow, us: number): void {
    const { syn, ack } = packet.flags;
    const options = (packet.options === '*' ? [] : packet.options).map(
      (option): TcpOptionSpec =>
        option.kind === 'TS' && ack && option.ecr !== '*'
          ? { ...option, ecr: shifted(option.ecr, flow.firstStamp) }
          : option,
    );
    const moved: TcpSpec = {
      ...packet,
      ack: syn && ack && packet.ack !== '*' ? (packet.ack - flow.localIsn) >>> 0 : packet.ack,
      options,
    };
    this.add(us, { kind: 'packet', packet: moved, flow: flow.index, text: packetText(moved) });
  }
}

/** A script's timestamp, counted from `firstTimestamp` instead of the first one there is. */
const shifted = (val: number, first: number | null): number =>
  first === null ? val : (val - first + firstTimestamp) >>> 0;

/** A call as it stands in the script, without its result. */
function callText(text: string, at: number): string {
  const rest = text.slice(at);
  let depth = 0;
  for (let i = 0; i < rest.length; i++) {
    if (rest[i] === '(') depth++;
    else if (rest[i] === ')' && --depth === 0) return rest.slice(0, i + 1).replace(/\s*\n\s*/g, ' ');
  }
  return rest.split('\n')[0]!;
}

/** An inbound packet as a script writes it, with what it says of the IP header. */
function packetText(packet: TcpSpec): string {
  const { check, tos, ttl } = packet.ip;
  const ecn = ['[noecn] ', '[ect1] ', '[ect0] ', '[ce] '][tos & 3]!;
  const ip = check === 'none' ? '' : check === 'tos' ? `[tos 0x${tos.toString(16)}] ` : ecn;
  const flags = { ...packet.flags };
  const line = packetLine({ ...packet, flags, options: [] }, 0, null).text;
  const options = packet.options === '*' ? [] : packet.options;
  const list = options.length > 0 ? ` <${options.map(optionText).join()}>` : '';
  const [letters, ...rest] = line.split(' ');
  const dotted = letters!.includes('.') ? `${letters!.replace('.', '')}.` : letters!;
  return `${ttl === 0 ? ip : ip.trim() === '' ? `[ttl ${ttl}] ` : ip}${dotted} ${rest.join(' ')}${list}`;
}
