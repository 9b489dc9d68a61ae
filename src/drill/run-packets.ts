/** The packet events of a run: injecting inbound packets, and waiting for and judging outbound ones. */
import { parseAddress, sameAddress } from '../wire/address.ts';
import { DecodeError } from '../wire/errors.ts';
import { Flag } from '../wire/tcp.ts';
import type { PacketSpec, TcpOptionSpec, TcpSpec } from './ast.ts';
import { type TimedEvent, timingProblem } from './clock.ts';
import type { DrillConfig } from './config.ts';
import { DrillError, type FailureKind } from './failure.ts';
import { Flow } from './flow.ts';
import { forEverUs, type Machine } from './machine.ts';
import { ipChecksumOk, type Mismatch, matchFragment, matchTcp } from './match.ts';
import { packetLine } from './packet-text.ts';
import {
  decodeOutbound,
  encodeInbound,
  encodeInboundIcmp,
  isFrom,
  type LivePacket,
  toScriptTerms,
} from './packets.ts';
import type { Steps } from './steps.ts';

/** The first port that the peers of passive opens use; each further one takes the next. */
const firstPeerPort = 40000;
/** How long after its time an outbound packet is waited for. */
const graceUs = 2_000_000;
const tcp = 6;
/** States of connections that came from a listener. */
const passive: ReadonlySet<Flow['state']> = new Set(['syn-received', 'synack-sent', 'synack-acked']);

export class PacketEvents {
  /** The socket under test. */
  current: Flow | null = null;
  /** All sockets and children so far, newest last. */
  readonly flows: Flow[] = [];
  private nextPeerPort = firstPeerPort;
  private readonly machine: Machine;
  private readonly config: DrillConfig;

  constructor(machine: Machine, config: DrillConfig) {
    this.machine = machine;
    this.config = config;
  }

  /** A new socket becomes the one under test. */
  add(fd: number, protocol: number): Flow {
    const flow = new Flow(fd, protocol);
    this.flows.push(flow);
    this.current = flow;
    return flow;
  }

  /** @throws DrillError if the packet cannot be injected */
  *inbound(packet: PacketSpec, at: number): Steps<void> {
    this.refuseUnsupported(packet, at);
    const flow = this.flowFor(packet);
    if (packet.kind === 'icmp') {
      yield* this.machine.inject(encodeInboundIcmp(packet, flow, this.config));
      return;
    }
    if (packet.kind !== 'tcp') return;
    const { syn, ack } = packet.flags;
    if (flow.state === 'synack-sent' && ack) flow.state = 'synack-acked';
    else if (flow.state === 'syn-sent' && syn && ack) {
      flow.state = 'syn-acked';
      flow.liveRemoteIsn = Number(packet.seq) | 0;
    }
    yield* this.machine.inject(encodeInbound(packet, flow, this.config));
  }

  /**
   * Waits for an outbound packet and compares it.
   * @throws DrillError of kind packet or timing
   */
  *outbound(packet: PacketSpec, timed: TimedEvent, lastUs: number | null): Steps<void> {
    this.refuseUnsupported(packet, timed.event.at);
    const flow = this.flowFor(packet);
    if (packet.kind !== 'tcp') throw new DrillError('packet', 'outbound ICMP packets are not supported yet');
    if (flow.state === 'syn-received' && packet.flags.syn && packet.flags.ack) {
      flow.scriptLocalIsn = packet.seq === '*' ? 0 : packet.seq | 0;
    }
    const live = yield* this.collect(packet, flow, timed, lastUs ?? 0);
    this.verify(packet, live, flow, timed, lastUs);
  }

  private refuseUnsupported(packet: PacketSpec, at: number): void {
    const outer = packet.encapsulation[0];
    if (outer !== undefined) {
      throw new DrillError(
        'packet',
        `packets in ${outer.kind} are understood, but this runner cannot send or see them yet`,
        at,
      );
    }
    if (packet.kind === 'udp') {
      throw new DrillError(
        'packet',
        'udp packets are understood, but this runner cannot send or see them yet',
        at,
      );
    }
  }

  /** The socket that a script's packet belongs to; an inbound one for a listener makes a child. */
  private flowFor(packet: PacketSpec): Flow {
    if (packet.kind === 'tcp') this.turnTo(packet);
    const { current } = this;
    if (packet.kind === 'tcp') {
      if (packet.direction === 'in' && (current === null || current.state === 'listening'))
        return this.child(packet);
      const { syn, ack } = packet.flags;
      if (packet.direction === 'out' && syn && !ack && current?.state === 'connecting') {
        current.state = 'syn-sent';
        current.scriptLocalIsn = packet.seq === '*' ? 0 : packet.seq | 0;
        return current;
      }
    }
    if (current !== null && (current.protocol === tcp || packet.kind === 'icmp')) return current;
    throw new DrillError('packet', 'no matching socket for script packet');
  }

  /**
   * Several peers of one listener: a packet with ports turns to the connection that has them, and a SYN from a port, or
   * with a number, that the present child's peer has not, makes another child while a listener is there.
   */
  private turnTo(packet: TcpSpec): void {
    const { current } = this;
    const inbound = packet.direction === 'in';
    const { source, destination } = packet.ports;
    if (current === null || source === 0 || destination === 0) return;
    // Whatever comes to a listener that is the present socket makes a child of it, as in packetdrill.
    if (inbound && current.state === 'listening') return;
    const [remote, local] = inbound ? [source, destination] : [destination, source];
    const known = this.flows.findLast((flow) => flow.remotePort === remote && flow.localPort === local);
    const opens = inbound && packet.flags.syn && !packet.flags.ack;
    const isNew =
      known === undefined || (passive.has(known.state) && known.liveRemoteIsn !== (Number(packet.seq) | 0));
    if (opens && isNew && passive.has(current.state)) {
      const listener = this.flows.findLast(({ state }) => state === 'listening');
      this.current = listener ?? current;
    } else if (known !== undefined) this.current = known;
  }

  private child(packet: TcpSpec): Flow {
    const flow = this.add(-1, tcp);
    flow.state = 'syn-received';
    flow.liveRemoteIsn = Number(packet.seq) | 0;
    flow.remotePort = packet.ports.source || this.nextPeerPort++;
    flow.localPort = packet.ports.destination || this.config.bindPort;
    return flow;
  }

  /** The next packet of the socket under test, or several joined to the expected length. */
  private *collect(spec: TcpSpec, flow: Flow, timed: TimedEvent, lastUs: number): Steps<LivePacket> {
    const deadline =
      timed.event.time.kind === 'any'
        ? Number.POSITIVE_INFINITY
        : this.machine.now() + Math.trunc((Math.max(timed.us, timed.endUs) - lastUs) / 1e6) * 1e6 + graceUs;
    const parts: LivePacket[] = [];
    let length = 0;
    do {
      const live = yield* this.sniff(spec, flow, deadline, timed);
      const previous = parts.at(-1);
      if (previous !== undefined) {
        const mismatch = matchFragment(previous.shown, live.shown, spec.length - length);
        if (mismatch !== null) throw this.mismatch('packet', mismatch, spec, live, timed);
      }
      parts.push(live);
      length += live.shown.length;
    } while (length < spec.length && !this.config.strictSegments);
    const whole = join(parts, length);
    if (length === spec.length) return whole;
    const message = `live packet payload: expected ${spec.length} bytes vs actual ${length} bytes`;
    throw this.mismatch('packet', { message, field: 'length' }, spec, whole, timed);
  }

  private *sniff(spec: TcpSpec, flow: Flow, deadline: number, timed: TimedEvent): Steps<LivePacket> {
    const limit = Math.min(deadline, this.machine.now() + forEverUs);
    for (;;) {
      for (
        let packet = this.machine.queue.shift();
        packet !== undefined;
        packet = this.machine.queue.shift()
      ) {
        const live = this.recognise(packet.bytes, packet.atUs, spec, flow);
        if (live !== null) return live;
      }
      const why = yield* this.machine.step(limit);
      if (why === 'activity') continue;
      const endless = deadline === Number.POSITIVE_INFINITY;
      const reason =
        why === 'idle' && endless
          ? 'no such packet will ever come: no timer runs and no packet is under way'
          : endless
            ? 'no such packet came within a day'
            : 'Timed out waiting for packet';
      throw new DrillError('packet', reason, -1, { expected: packetLine(spec, timed.us, null) });
    }
  }

  /** The packet in the script's terms if it is one of the socket under test. */
  private recognise(bytes: Uint8Array, atUs: number, spec: TcpSpec, flow: Flow): LivePacket | null {
    const decoded = readOutbound(bytes);
    if (decoded === null) return null;
    const { ip, segment } = decoded;
    const known = isFrom(ip, segment, flow, this.config);
    if (!known) {
      const connects =
        flow.state === 'syn-sent' &&
        (segment.flags & (Flag.syn | Flag.ack)) === Flag.syn &&
        segment.destinationPort === this.config.connectPort &&
        sameAddress(ip.destination, parseAddress(this.config.remoteIp));
      if (!connects) return null;
      flow.localPort = segment.sourcePort;
      flow.remotePort = segment.destinationPort;
      flow.liveLocalIsn = segment.seq;
    }
    if (flow.state === 'syn-received' && spec.flags.syn && spec.flags.ack) {
      flow.state = 'synack-sent';
      flow.liveLocalIsn = segment.seq;
    }
    return { bytes, atUs, ip, segment, shown: toScriptTerms(segment, flow) };
  }

  private verify(
    spec: TcpSpec,
    live: LivePacket,
    flow: Flow,
    timed: TimedEvent,
    lastUs: number | null,
  ): void {
    const { config } = this;
    if (!ipChecksumOk(live.bytes)) {
      throw this.mismatch('packet', { message: 'bad outbound IP checksum', field: 'ip' }, spec, live, timed);
    }
    const actual = withScriptTimestamp(spec, live, flow);
    const mismatch = matchTcp(spec, actual, {
      wireFamily: config.ipVersion === 'ipv6' ? 6 : 4,
      flow,
      tsTickUs: config.tsTickUs,
      tsToleranceUs: Math.max(config.toleranceUs, Math.trunc((config.tolerancePercent / 100) * timed.us)),
    });
    if (mismatch !== null) throw this.mismatch('packet', mismatch, spec, actual, timed);
    const late = timingProblem('outbound packet', timed, live.atUs, lastUs, config);
    if (late !== null) throw this.mismatch('timing', { message: late, field: 'time' }, spec, actual, timed);
  }

  private mismatch(
    kind: FailureKind,
    { message, field }: Mismatch,
    spec: TcpSpec,
    live: LivePacket,
    timed: TimedEvent,
  ): DrillError {
    const shown = { ...live.shown, flags: { ...live.shown.flags, ace: spec.flags.ace } };
    return new DrillError(kind, message, -1, {
      expected: packetLine(spec, timed.us, field),
      actual: packetLine(shown, live.atUs, field),
    });
  }
}

/** Reads an outbound packet. @throws DrillError of kind packet if it is none */
function readOutbound(bytes: Uint8Array): ReturnType<typeof decodeOutbound> {
  try {
    return decodeOutbound(bytes);
  } catch (error) {
    if (!(error instanceof DecodeError)) throw error;
    throw new DrillError('packet', `the system sent a malformed packet: ${error.message}`);
  }
}

/** Several segments as the one they would have been: the last one's header, the first one's sequence number. */
function join(parts: readonly LivePacket[], length: number): LivePacket {
  const [first, last] = [parts[0]!, parts.at(-1)!];
  if (parts.length === 1) return first;
  const payload = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    payload.set(part.segment.payload, at);
    at += part.segment.payload.length;
  }
  const shown = {
    ...last.shown,
    seq: first.shown.seq,
    length,
    flags: { ...last.shown.flags, cwr: first.shown.flags.cwr },
  };
  return { ...last, segment: { ...last.segment, payload }, shown };
}

/** Learns how the script's timestamps translate, and shows the live one in the script's terms. */
function withScriptTimestamp(spec: TcpSpec, live: LivePacket, flow: Flow): LivePacket {
  const isTs = (option: TcpOptionSpec): boolean => option.kind === 'TS';
  const wanted = spec.options === '*' ? undefined : spec.options.find(isTs);
  const options = live.shown.options as readonly TcpOptionSpec[];
  const actual = options.find(isTs);
  if (wanted?.kind !== 'TS' || actual?.kind !== 'TS' || wanted.val === '*') return live;
  const value = Number(actual.val);
  flow.timestamps.set(wanted.val, value);
  flow.firstTimestamp ??= { script: wanted.val, live: value };
  const val = (flow.firstTimestamp.script + value - flow.firstTimestamp.live) >>> 0;
  const shown = {
    ...live.shown,
    options: options.map((option) => (option === actual ? { ...actual, val } : option)),
  };
  return { ...live, shown };
}
