/**
 * The TCP of one host: no clock, no randomness, no I/O. Time comes in with every call, packets come in through
 * `input` and go out through `out`, timers are run by whoever has a clock: `handleTimers(now)` at `nextDeadline()`.
 */
import { type Address, anyIpv4, sameAddress } from '../wire/address.ts';
import { PacketQueue } from '../wire/packet-queue.ts';
import { Segment } from '../wire/segment.ts';
import { Connection, type Route, Timer } from './connection.ts';
import { type Counters, newCounters } from './counters.ts';
import { FastOpen } from './handshake/fast-open.ts';
import { onSynAckTimer } from './handshake/fast-open-passive.ts';
import { chooseIsn, type IsnGenerator, sipHash24 } from './handshake/isn.ts';
import { synOptions } from './handshake/negotiate.ts';
import type { Request } from './handshake/request.ts';
import type { CookieKeys } from './handshake/syn-cookies.ts';
import { icmpInput } from './icmp.ts';
import { input } from './input.ts';
import { ListenerTable } from './listeners.ts';
import type { OptionSet } from './packet.ts';
import type { Reason } from './reasons.ts';
import { sendResetFor } from './reset.ts';
import { onDelayedAckTimer, onKeepaliveTimer, onProbeTimer, onRetransmitTimer } from './send/retransmit.ts';
import type { TxSegment } from './send/send-queue.ts';
import { Options } from './socket/options.ts';
import { CLOSED, stateName, TIME_WAIT } from './state.ts';
import { TimeWait } from './states/time-wait.ts';
import type { TcpSysctls } from './sysctls.ts';
import { TupleTable } from './table.ts';
import { Timers } from './timers.ts';
import type { TraceEvent } from './trace.ts';

/** Anything that stands in the four-tuple table. */
export type Entry = Connection | Request | TimeWait;

/** What a host gives its TCP. */
export interface TcpEnvironment {
  readonly sysctls: TcpSysctls;
  /** The route to a destination, from a given source if one is bound: then the route's `source` is that; null if there is none. */
  route(destination: Address, source: Address | null): Route | null;
  /** How initial sequence numbers are chosen. */
  readonly isn: IsnGenerator;
  /** 32 random bits as an int32, from the host's own generator. */
  random(): number;
  /** Unix time in µs at which the host's clock stood at 0. */
  readonly epochUs: number;
  /** What the millisecond timestamp clock showed at 0 of the host's clock. */
  readonly timestampBase: number;
  /** Whether checksums of incoming packets are verified. */
  readonly verifyChecksums: boolean;
}

/** Room for two addresses. */
const tupleWords = new Int32Array(8);

/** Writes an address's words from `at` on; returns where they end. */
function wordsOf(a: Address, at: number): number {
  if (a.family === 6) {
    tupleWords[at++] = a.w0;
    tupleWords[at++] = a.w1;
    tupleWords[at++] = a.w2;
  }
  tupleWords[at++] = a.w3;
  return at;
}

/** One host's TCP. */
export class Tcp {
  readonly environment: TcpEnvironment;
  readonly sysctls: TcpSysctls;
  readonly counters: Counters = newCounters();
  readonly timers: Timers = new Timers();
  readonly table: TupleTable<Entry>;
  readonly listeners: ListenerTable = new ListenerTable();
  /** IP packets to send, oldest first. */
  readonly out: PacketQueue = new PacketQueue();
  /** µs on the host's clock, as of the present call. */
  now = 0;
  /** How many records are in TIME-WAIT. */
  timeWaits = 0;
  /** The observer, if anybody watches. Events are made only then. */
  trace: ((event: TraceEvent) => void) | null = null;
  /** Told when a connection's tuple is free, or guarded by TIME-WAIT from now on: the socket layer keeps ports by it. */
  onReleased: ((conn: Connection, guarded: boolean) => void) | null = null;
  /** Told when a guard ends. */
  onGuardEnded: ((guard: TimeWait) => void) | null = null;
  readonly cookieKeys: CookieKeys;
  readonly fastOpen: FastOpen = new FastOpen(this);
  private readonly tsKey: readonly number[];
  /** The pair of addresses that was asked for last, and its timestamp offset. */
  private tsLocal: Address = anyIpv4;
  private tsRemote: Address = anyIpv4;
  private tsOffset = 0;
  /** The options of sockets that nobody has tuned yet. */
  private freshOptions: Options = new Options();
  private ids = 0;
  private readonly segment: Segment = new Segment();

  constructor(environment: TcpEnvironment) {
    this.environment = environment;
    this.sysctls = environment.sysctls;
    const words = (n: number): number[] => Array.from({ length: n }, () => environment.random());
    this.table = new TupleTable(environment.random());
    this.tsKey = words(4);
    this.cookieKeys = [words(4), words(4)];
  }

  /** A fresh connection in CLOSED, as socket() makes it. */
  newConnection(): Connection {
    const { tcp_congestion_control: congestion, tcp_rmem, tcp_wmem } = this.sysctls;
    this.freshOptions = this.freshOptions.with('congestion', congestion);
    const conn = new Connection(this, this.nextId(), this.freshOptions);
    conn.rcvBuf = tcp_rmem[1];
    conn.sndBuf = tcp_wmem[1];
    return conn;
  }

  /** A number that names one attempt in traces. */
  nextId(): number {
    return ++this.ids;
  }

  /** 32 random bits as an int32. */
  random(): number {
    return this.environment.random();
  }

  /**
   * Takes an IP packet that arrived.
   * @param view a view over `bytes`; `offset` is where the packet starts, `length` how long it is in bytes
   */
  input(now: number, bytes: Uint8Array, view: DataView, offset: number, length: number): void {
    this.now = now;
    input(this, this.segment, bytes, view, offset, length);
  }

  /** Takes an IP packet that carries ICMP or ICMPv6. */
  icmp(now: number, packet: Uint8Array): void {
    this.now = now;
    icmpInput(this, packet);
  }

  /** When `handleTimers` has to be called next, µs; Infinity if never. */
  nextDeadline(): number {
    return this.timers.nextDeadline();
  }

  /** Runs the timers that are due at `now`, each at its own time. */
  handleTimers(now: number): void {
    this.now = now;
    this.timers.run(now);
  }

  onConnectionTimer(conn: Connection, kind: number): void {
    if (kind === Timer.retransmit) {
      if (conn.earlyRequest === null) onRetransmitTimer(conn);
      else onSynAckTimer(conn, conn.earlyRequest);
    } else if (kind === Timer.delayedAck) onDelayedAckTimer(conn);
    else if (kind === Timer.keepalive) onKeepaliveTimer(conn);
    else onProbeTimer(conn);
  }

  /** The millisecond clock behind TSval, without an offset. */
  clockMs(): number {
    return (Math.floor(this.now / 1000) + this.environment.timestampBase) | 0;
  }

  /** TSval now, int32. */
  timestamp(offset: number): number {
    return (this.clockMs() + offset) | 0;
  }

  /** The timestamp offset of a pair of addresses: keyed, so that uptime stays private (tcp_timestamps=1). */
  chooseTsOffset(t: { readonly local: Address; readonly remote: Address }): number {
    if (this.sysctls.tcp_timestamps !== 1) return 0;
    const { local, remote } = t;
    // A client and a server that talk often ask for the same pair again and again.
    if (!sameAddress(remote, this.tsRemote) || !sameAddress(local, this.tsLocal)) {
      this.tsOffset = sipHash24(this.tsKey, tupleWords, wordsOf(remote, wordsOf(local, 0)));
      this.tsLocal = local;
      this.tsRemote = remote;
    }
    return this.tsOffset;
  }

  /** An initial sequence number for a connection from `local` to `remote`. */
  chooseIsn(t: {
    readonly local: Address;
    readonly localPort: number;
    readonly remote: Address;
    readonly remotePort: number;
  }): number {
    const { isn, epochUs } = this.environment;
    return chooseIsn(isn, t, epochUs + this.now);
  }

  /** The options of a SYN or SYN+ACK that a connection (not a request) sends. */
  synOptionsOf(conn: Connection, _segment: TxSegment): OptionSet {
    return synOptions(conn, this.sysctls);
  }

  /**
   * Lets an active open take over a tuple in TIME-WAIT (tcp_tw_reuse; the socket layer has checked that it may).
   * @returns the ISN that keeps old duplicates out, or null if the tuple is free
   */
  reuseTimeWait(conn: Connection): number | null {
    const guard = this.table.find(conn.local, conn.localPort, conn.remote, conn.remotePort);
    if (!(guard instanceof TimeWait)) return null;
    this.counters.TCPTimeWaitReuse++;
    conn.tsRecent = guard.tsRecent;
    conn.tsRecentAt = guard.tsRecentAt;
    this.endTimeWait(guard, 'time-wait-reused');
    return (guard.sndNxt + 65537) | 0 || 1;
  }

  /** Ends a TIME-WAIT record. */
  endTimeWait(guard: TimeWait, reason: Reason): void {
    guard.timer = this.timers.cancel(guard.timer);
    this.table.remove(guard);
    this.timeWaits--;
    if (!guard.finWait2) this.counters.TW++;
    this.stateChanged(guard, guard.finWait2 ? 5 : TIME_WAIT, CLOSED, reason);
    this.onGuardEnded?.(guard);
  }

  /** An orphan's FIN-WAIT-2 became TIME-WAIT. */
  timeWaitEntered(guard: TimeWait): void {
    this.stateChanged(guard, 5, TIME_WAIT, 'fin-received');
  }

  /** A connection gave up its tuple. */
  released(conn: Connection, guarded = false): void {
    this.onReleased?.(conn, guarded);
  }

  /** Answers a segment with RST, unless it is one (RFC 9293 3.10.7.1). */
  sendReset(seg: Segment): void {
    sendResetFor(this, seg);
  }

  /** Copies the IP and TCP headers of a segment, for TCP_SAVED_SYN. */
  headersOf(seg: Segment): Uint8Array {
    return seg.bytes.slice(seg.packetOffset, seg.payloadOffset);
  }

  /** Tells the observer of a transition. */
  stateChanged(t: Entry, from: number, to: number, reason: Reason): void {
    if (this.trace === null) return;
    const { local, localPort, remote, remotePort } = t;
    this.trace({
      at: this.now,
      kind: 'state',
      reason,
      local,
      localPort,
      remote,
      remotePort,
      from: stateName(from),
      to: stateName(to),
    });
  }

  /** Tells the observer that a segment for a connection was not acted on. */
  drop(conn: Connection, reason: Reason): void {
    this.noteTuple(conn, 'drop', reason);
  }

  /** The same for a request. */
  dropTuple(t: Entry, reason: Reason): void {
    this.noteTuple(t, 'drop', reason);
  }

  /** The same for a segment that belongs to nobody. */
  dropSegment(seg: Segment, reason: Reason): void {
    if (this.trace === null) return;
    this.trace({
      at: this.now,
      kind: 'drop',
      reason,
      local: seg.destination(),
      localPort: seg.destinationPort,
      remote: seg.source(),
      remotePort: seg.sourcePort,
    });
  }

  /** Tells the observer of anything else about a connection. */
  note(conn: Connection, kind: 'timer' | 'note', reason: Reason, args?: TraceEvent['args']): void {
    this.noteTuple(conn, kind, reason, args);
  }

  noteTuple(t: Entry, kind: 'timer' | 'note' | 'drop', reason: Reason, args?: TraceEvent['args']): void {
    if (this.trace === null) return;
    const { local, localPort, remote, remotePort } = t;
    const event = { at: this.now, kind, reason, local, localPort, remote, remotePort };
    this.trace(args === undefined ? event : { ...event, args });
  }
}
