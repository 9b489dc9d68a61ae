/**
 * What the parts of TCP may use of their host: time, chance, sysctls, timers, counters, the trace, the way out, and the
 * table of tuples. No part knows more of the whole than this.
 */
import { type Address, anyIpv4 } from '../wire/address.ts';
import { PacketQueue } from '../wire/packet-queue.ts';
import type { Segment } from '../wire/segment.ts';
import { type Counters, newCounters } from './counters.ts';
import { FastOpen } from './handshake/fast-open.ts';
import {
  chooseIsn,
  hashTuple,
  type IsnGenerator,
  isnClock,
  sipHash24,
  sipHashHigh,
} from './handshake/isn.ts';
import { PeerMemory } from './handshake/peer-metrics.ts';
import type { CookieKeys } from './handshake/syn-cookies.ts';
import type { Profile } from './profile.ts';
import type { Reason } from './reasons.ts';
import type { Route } from './route.ts';
import { stateName } from './state.ts';
import type { TcpSysctls } from './sysctls.ts';
import { type Tuple, TupleTable } from './table.ts';
import { Timers } from './timers.ts';
import type { TraceEvent } from './trace.ts';

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
  timestampBase: number;
  /** Whether checksums of incoming packets are verified. */
  readonly verifyChecksums: boolean;
  readonly profile: Profile;
}

/** The four parts that name a connection. */
type Endpoints = Pick<Tuple, 'local' | 'localPort' | 'remote' | 'remotePort'>;

/** Whoever has a port for itself. */
interface Claimant {
  /** What the socket layer keeps about the local port. */
  claim: object | null;
  /** The application has closed its descriptor. */
  readonly orphaned: boolean;
}

/** The services of one host. */
export class Services {
  readonly environment: TcpEnvironment;
  readonly sysctls: TcpSysctls;
  readonly counters: Counters = newCounters();
  readonly timers: Timers = new Timers();
  readonly table: TupleTable<Tuple>;
  /** IP packets to send, oldest first. */
  readonly out: PacketQueue = new PacketQueue();
  /** The queue of the way out has no room: what is sent is dropped at once, and TCP is told (local congestion). */
  linkFull = false;
  /** µs on the host's clock, as of the present call. */
  now = 0;
  /** How many records are in TIME-WAIT. */
  timeWaits = 0;
  /** The observer, if anybody watches. Events are made only then. */
  trace: ((event: TraceEvent) => void) | null = null;
  /** Told when a connection's tuple is free, or guarded by TIME-WAIT from now on: the socket layer keeps ports by it. */
  onReleased: ((conn: Claimant, guarded: boolean) => void) | null = null;
  /** Told when a guard ends. */
  onGuardEnded: ((guard: Pick<Claimant, 'claim'>) => void) | null = null;
  /** The two secrets of SYN cookies. */
  readonly cookieKeys: CookieKeys;
  readonly fastOpen: FastOpen = new FastOpen(this);
  readonly peers: PeerMemory = new PeerMemory(this);
  private readonly tsKey: readonly number[];
  /** The tuple whose hash was asked for last, and that hash. */
  private readonly hashed = { local: anyIpv4, localPort: -1, remote: anyIpv4, remotePort: -1 };
  private hashLow = 0;
  private hashHigh = 0;
  private ids = 0;
  /** Challenge ACKs that may still go in this second of the host's clock. */
  private challengesLeft = 0;
  private challengeSecond = -1;

  constructor(environment: TcpEnvironment) {
    this.environment = environment;
    this.sysctls = environment.sysctls;
    const words = (n: number): number[] => Array.from({ length: n }, () => environment.random());
    const key = environment.random();
    this.tsKey = words(4);
    // The second half of the table's key costs no random number, so that worlds of the same seed go on as they did.
    this.table = new TupleTable(key, sipHash24(this.tsKey, Int32Array.of(key), 1));
    this.cookieKeys = [words(4), words(4)];
  }

  /** The TTL or hop limit of a packet: what was asked for, else (-1) the host's. */
  ttlOf(asked: number, family: 4 | 6): number {
    if (asked >= 0) return asked;
    return family === 4 ? this.sysctls.ip_default_ttl : 64;
  }

  /** A number that names one attempt in traces. */
  nextId(): number {
    return ++this.ids;
  }

  /** 32 random bits as an int32. */
  random(): number {
    return this.environment.random();
  }

  /** Whether one more challenge ACK may go this second: about tcp_challenge_ack_limit of the whole host, by chance (RFC 5961 section 7). */
  mayChallenge(): boolean {
    const limit = this.sysctls.tcp_challenge_ack_limit;
    if (limit === 0x7fffffff) return true;
    const second = Math.floor(this.now / 1e6);
    if (second !== this.challengeSecond) {
      this.challengeSecond = second;
      // Between half and one and a half times the limit, so that nobody can count on it (tcp_send_challenge_ack).
      const half = Math.ceil(limit / 2);
      this.challengesLeft = half + (limit > 0 ? (this.random() >>> 0) % limit : 0);
    }
    return this.challengesLeft > 0 && this.challengesLeft-- > 0;
  }

  /** The millisecond clock behind TSval, without an offset. */
  clockMs(): number {
    return (Math.floor(this.now / 1000) + this.environment.timestampBase) | 0;
  }

  /** The same at another moment, µs. */
  clockMsAt(at: number): number {
    return (Math.floor(at / 1000) + this.environment.timestampBase) | 0;
  }

  /** TSval now, int32. */
  timestamp(offset: number): number {
    return (this.clockMs() + offset) | 0;
  }

  /** The timestamp offset of a connection: keyed, so that uptime stays private (tcp_timestamps=1). */
  chooseTsOffset(t: Endpoints): number {
    if (this.sysctls.tcp_timestamps !== 1) return 0;
    if (!this.environment.profile.tsOffsetUsesPorts)
      return hashTuple(this.tsKey, { local: t.local, localPort: 0, remote: t.remote, remotePort: 0 });
    this.hash(t);
    return this.hashHigh;
  }

  /** An initial sequence number for a connection from `local` to `remote`. */
  chooseIsn(t: Endpoints): number {
    const { isn, epochUs } = this.environment;
    if (isn.kind !== 'siphash') return chooseIsn(isn, t, epochUs + this.now);
    this.hash(t);
    return (this.hashLow + isnClock(epochUs + this.now)) | 0;
  }

  /** Both come from one hash, and are asked for one after the other. */
  private hash({ local, localPort, remote, remotePort }: Endpoints): void {
    const { hashed } = this;
    const same =
      hashed.localPort === localPort &&
      hashed.remotePort === remotePort &&
      hashed.local === local &&
      hashed.remote === remote;
    if (same) return;
    hashed.local = local;
    hashed.localPort = localPort;
    hashed.remote = remote;
    hashed.remotePort = remotePort;
    const { isn } = this.environment;
    this.hashLow = hashTuple(isn.kind === 'siphash' ? isn.key : this.tsKey, hashed);
    this.hashHigh = sipHashHigh();
  }

  /** Tells the observer of a transition. */
  stateChanged(t: Endpoints, from: number, to: number, reason: Reason): void {
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

  /** Tells the observer that a segment for a connection, a request or a guard was not acted on. */
  drop(t: Endpoints, reason: Reason): void {
    this.note(t, 'drop', reason);
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

  /** Tells the observer of anything else. */
  note(t: Endpoints, kind: 'timer' | 'note' | 'drop', reason: Reason, args?: TraceEvent['args']): void {
    if (this.trace === null) return;
    const { local, localPort, remote, remotePort } = t;
    const event = { at: this.now, kind, reason, local, localPort, remote, remotePort };
    this.trace(args === undefined ? event : { ...event, args });
  }
}
