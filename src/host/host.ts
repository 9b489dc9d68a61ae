/**
 * A Linux-like host around the protocol: interfaces, routes, sysctls, ports, sockets. It has no clock and no chance of
 * its own: both are handed in. Packets come in through `input` and wait in `out`; whoever drives it calls
 * `handleTimers` at `nextDeadline()`.
 */
import { type IsnGenerator, sipHash24 } from '../tcp/handshake/isn.ts';
import { linux61844 } from '../tcp/profile.ts';
import { TimeWait } from '../tcp/states/time-wait.ts';
import { Tcp } from '../tcp/tcp.ts';
import type { TraceEvent } from '../tcp/trace.ts';
import { type Address, anyIpv4, isLoopback, parseAddress, sameAddress } from '../wire/address.ts';
import { protocolIcmp, protocolIcmpv6 } from '../wire/icmp.ts';
import type { PacketQueue } from '../wire/packet-queue.ts';
import { Descriptors, OpenFlag, type Result, type Wait } from './file.ts';
import { Network, parsePrefix, type RouteAttributes } from './network.ts';
import { PortTable, type PortUse } from './ports.ts';
import { Socket } from './socket.ts';
import type { Stirred } from './socket-host.ts';
import { Sysctls } from './sysctl.ts';

/** One interface of a new host. */
export interface InterfaceOptions {
  /** `eth0`, `eth1`, ... in the order given, if it has no name. */
  readonly name?: string;
  /** Addresses with their prefix lengths, such as `192.0.2.1/24` or `2001:db8::1/64`. */
  readonly addresses: readonly string[];
  /** Bytes, IP header included; 1500 if not given. */
  readonly mtu?: number;
  /** Next hop of the default route of its family. */
  readonly gateway?: string;
  /** Attributes of the routes to the addresses' networks and of the default route. */
  readonly route?: RouteAttributes;
}

/** What a host is made from. */
export interface HostOptions {
  /** Time in integer µs; it must not go back. */
  readonly clock: { readonly now: number };
  /** 32 random bits, 0 to 2^32 - 1, at each call. */
  readonly random: () => number;
  readonly interfaces: readonly InterfaceOptions[];
  /** Values by name, such as `{ 'net.ipv4.tcp_syn_retries': 3 }`. */
  readonly sysctls?: Readonly<Record<string, string | number>>;
  /** How initial sequence numbers are chosen: `siphash` (Linux today, the default), `md5` (before), or in detail. */
  readonly isn?: 'siphash' | 'md5' | IsnGenerator;
  /** Unix time in µs when the clock stands at 0; 0 if not given. */
  readonly epochUs?: number;
  /**
   * How long the host has been up when the clock stands at 0, µs, a multiple of 1,000; 0 if not given. The protocol counts
   * its time from boot, as a kernel does; it shows on the wire nowhere.
   */
  readonly uptimeUs?: number;
  /** What the clock of TCP timestamps (ms) shows when the host's clock stands at 0; random if not given. */
  readonly timestampBase?: number;
  /** Whether checksums of packets that come in are verified; yes if not given. */
  readonly verifyChecksums?: boolean;
}

interface Waiting {
  readonly wait: Wait;
  readonly done: (result: number) => void;
}

export class Host {
  readonly clock: { readonly now: number };
  readonly sysctls: Sysctls = new Sysctls();
  /** @internal */
  readonly network: Network = new Network();
  /** @internal */
  readonly ports: PortTable;
  /** @internal */
  readonly tcp: Tcp;
  /** IP packets to send, oldest first. */
  readonly out: PacketQueue;
  /** @internal */
  readonly descriptors: Descriptors = new Descriptors();
  /** Files by path, for open(). */
  readonly files: Map<string, Uint8Array> = new Map();
  private waits: Waiting[] = [];
  /** Sockets whose observers have something to hear. */
  private readonly stirredSockets: Stirred[] = [];
  private somethingStirred = false;
  private settling = false;
  private readonly uptimeUs: number;
  private readonly groupKey: readonly number[];
  /** The group that was asked for last. */
  private readonly lastGroup = { local: anyIpv4, remote: anyIpv4, port: -1, hash: 0 };

  /** @throws RangeError for an address, a sysctl or an attribute that is none */
  constructor(options: HostOptions) {
    const { random, uptimeUs = 0 } = options;
    if (!(uptimeUs >= 0 && uptimeUs % 1000 === 0))
      throw new RangeError(`uptimeUs must be a multiple of 1000 from 0 on, not ${uptimeUs}`);
    this.clock = options.clock;
    this.uptimeUs = uptimeUs;
    for (const [name, value] of Object.entries(options.sysctls ?? {})) this.sysctls.set(name, value);
    for (const [i, it] of options.interfaces.entries()) this.addInterface(it, i);
    this.ports = new PortTable(this.sysctls.host, random);
    const words = (n: number): number[] => Array.from({ length: n }, () => random() | 0);
    this.groupKey = words(4);
    this.tcp = new Tcp({
      sysctls: this.sysctls.tcp,
      route: (destination, source) => this.network.route(destination, source),
      isn: isnGenerator(options.isn ?? 'siphash', words),
      random: () => random() | 0,
      epochUs: (options.epochUs ?? 0) - uptimeUs,
      timestampBase: ((options.timestampBase ?? random() | 0) - uptimeUs / 1000) | 0,
      verifyChecksums: options.verifyChecksums ?? true,
      profile: linux61844,
    });
    this.out = this.tcp.out;
    this.tcp.onReleased = (conn, guarded): void => {
      const use = conn.claim as PortUse | null;
      if (use === null) return;
      // A socket that asked for its port keeps it until it is closed; a guard takes it over.
      if (!guarded && use.locked && !conn.orphaned) return;
      conn.claim = null;
      if (!guarded) this.ports.remove(use);
    };
    this.tcp.onGuardEnded = (guard): void => {
      if (guard.claim !== null) this.ports.remove(guard.claim as PortUse);
    };
  }

  private addInterface(options: InterfaceOptions, index: number): void {
    const { name = `eth${index}`, addresses, mtu = 1500, gateway, route = {} } = options;
    this.network.addInterface(name, mtu, addresses.map(parsePrefix));
    for (const entry of [...this.network.routes])
      if (entry.device === name) this.network.setRoute({ ...entry, attributes: route });
    if (gateway === undefined) return;
    const next = parseAddress(gateway);
    const destination = parsePrefix(next.family === 4 ? '0.0.0.0/0' : '::/0');
    this.network.setRoute({
      destination: destination.address,
      prefix: 0,
      device: name,
      gateway: next,
      source: null,
      attributes: route,
      metric: 0,
    });
  }

  /** Observes the protocol: transitions, drops, timers, notes. */
  set trace(observer: ((event: TraceEvent) => void) | null) {
    const { uptimeUs } = this;
    this.tcp.trace =
      observer === null || uptimeUs === 0
        ? observer
        : (event): void => observer({ ...event, at: event.at - uptimeUs });
  }

  /** A packet arrives; see `Node` of the simulated network. Packets for other hosts are dropped: nothing is forwarded. */
  input(
    now: number,
    bytes: Uint8Array,
    view: DataView,
    offset: number,
    length: number,
    fromItself = false,
  ): void {
    if (length < 20 || !this.isForUs(bytes, view, offset, length)) return;
    if (!fromItself && isMartian(bytes, view, offset)) return;
    const protocol = bytes[offset]! >>> 4 === 4 ? bytes[offset + 9]! : bytes[offset + 6]!;
    if (protocol === protocolIcmp || protocol === protocolIcmpv6)
      this.tcp.icmp(now + this.uptimeUs, bytes.slice(offset, offset + length));
    else this.tcp.input(now + this.uptimeUs, bytes, view, offset, length);
    if (this.somethingStirred) this.settle(now);
  }

  private isForUs(bytes: Uint8Array, view: DataView, offset: number, length: number): boolean {
    const version = bytes[offset]! >>> 4;
    if (version === 4) return this.network.isLocalWords(4, 0, 0, 0xffff, view.getInt32(offset + 16));
    if (version !== 6 || length < 40) return false;
    const w0 = view.getInt32(offset + 24);
    const w1 = view.getInt32(offset + 28);
    const w2 = view.getInt32(offset + 32);
    return this.network.isLocalWords(6, w0, w1, w2, view.getInt32(offset + 36));
  }

  /** Does what is due at `now` (µs). */
  handleTimers(now: number): void {
    const sinceBoot = now + this.uptimeUs;
    if (this.tcp.nextDeadline() <= sinceBoot) this.tcp.handleTimers(sinceBoot);
    this.settle(now);
  }

  /** When `handleTimers` has to be called next, µs; Infinity if never. */
  nextDeadline(): number {
    if (this.somethingStirred) return this.clock.now;
    let deadline = this.tcp.nextDeadline() - this.uptimeUs;
    for (const { wait } of this.waits) if (wait.deadline < deadline) deadline = wait.deadline;
    return deadline;
  }

  /** By which interface a packet leaves: 0 for the loopback, -1 for none. */
  interfaceFor(bytes: Uint8Array, view: DataView, offset: number): number {
    return this.network.interfaceFor(bytes, view, offset);
  }

  /** Sets the protocol's time to the clock's: every call of an application begins with it. */
  touch(): void {
    this.tcp.now = this.clock.now + this.uptimeUs;
  }

  /** A fresh TCP socket, as socket() makes it, without a descriptor. */
  socket(family: 4 | 6, flags = 0): Socket {
    this.touch();
    const conn = this.tcp.newConnection();
    if (this.sysctls.host.noPmtuDiscovery !== 0) conn.setOption('pmtuDiscover', 0);
    if (family === 6) conn.setOption('v6Only', this.sysctls.host.bindV6Only !== 0);
    return new Socket(this, family, conn, OpenFlag.readWrite | flags);
  }

  /**
   * Calls back with what a call came to: at once if it did not wait, else as soon as its wait ends.
   * @returns a function that calls the waiting off
   */
  await(result: Result, done: (result: number) => void): () => void {
    if (typeof result === 'number') {
      done(result);
      return () => {};
    }
    const waiting = { wait: result, done };
    this.waits.push(waiting);
    return () => {
      this.waits = this.waits.filter((other) => other !== waiting);
    };
  }

  /** @internal Something about a socket may have changed; observers and waits are served before the driver's next step. */
  stirred(socket: Stirred, events: number): void {
    if (socket.observer !== null) {
      if (socket.untold === 0) this.stirredSockets.push(socket);
      socket.untold |= events;
      this.somethingStirred = true;
    } else if (this.waits.length > 0) this.somethingStirred = true;
  }

  /** A pipe changed, a signal came: waits have to be tried again. */
  nudge(): void {
    if (this.waits.length > 0) this.somethingStirred = true;
  }

  private settle(now: number): void {
    if (this.settling) return;
    this.settling = true;
    this.tcp.now = now + this.uptimeUs;
    try {
      do {
        this.somethingStirred = false;
        this.tellObservers();
        this.tryWaits(now);
      } while (this.somethingStirred);
    } catch (error) {
      // Somebody's callback threw: the others are served at the driver's next step.
      this.somethingStirred = true;
      throw error;
    } finally {
      this.settling = false;
    }
  }

  private tellObservers(): void {
    let told = 0;
    try {
      while (told < this.stirredSockets.length) {
        const socket = this.stirredSockets[told++]!;
        const events = socket.untold;
        socket.untold = 0;
        socket.observer?.(events);
      }
    } finally {
      this.stirredSockets.splice(0, told);
    }
  }

  private tryWaits(now: number): void {
    for (const waiting of [...this.waits]) {
      if (!this.waits.includes(waiting)) continue;
      const result = waiting.wait.attempt(now);
      if (result === null) continue;
      this.waits = this.waits.filter((other) => other !== waiting);
      waiting.done(result);
    }
  }

  /** @internal A local port for connect(), or -EADDRNOTAVAIL. */
  choosePort(
    local: Address,
    remote: Address,
    remotePort: number,
    range: readonly [number, number] | null,
  ): number {
    return this.ports.chooseForConnect(
      this.destinationGroup(local, remote, remotePort),
      (port) => !this.tupleFree(local, port, remote, remotePort, false),
      range,
    );
  }

  /** A keyed hash of where a connection goes: each such group searches for ports from a place of its own. */
  private destinationGroup(local: Address, remote: Address, remotePort: number): number {
    const last = this.lastGroup;
    // Whoever tries again and again asks for the same group.
    if (last.port === remotePort && sameAddress(last.remote, remote) && sameAddress(last.local, local))
      return last.hash;
    let n = 0;
    for (const a of [local, remote]) {
      if (a.family === 6) {
        groupWords[n++] = a.w0;
        groupWords[n++] = a.w1;
        groupWords[n++] = a.w2;
      }
      groupWords[n++] = a.w3;
    }
    groupWords[n++] = remotePort;
    last.local = local;
    last.remote = remote;
    last.port = remotePort;
    last.hash = sipHash24(this.groupKey, groupWords, n) >>> 0;
    return last.hash;
  }

  /**
   * @internal
   * Whether a connection may take a four-tuple: nobody has it, or somebody in TIME-WAIT who may be taken over
   * (net/ipv4/tcp_ipv4.c tcp_twsk_unique, 6.18).
   * @param asked the port was bound, not chosen: then timestamps are enough to tell the two connections apart
   */
  tupleFree(local: Address, port: number, remote: Address, remotePort: number, asked: boolean): boolean {
    const entry = this.tcp.table.find(local, port, remote, remotePort);
    if (entry === null) return true;
    if (!(entry instanceof TimeWait) || entry.tsRecentAt < 0) return false;
    if (asked) return true;
    const { tcp_tw_reuse: reuse, tcp_tw_reuse_delay: delayMs } = this.sysctls.tcp;
    if (entry.finWait2 || reuse === 0) return false;
    if (reuse === 2 && !isLoopback(local) && !isLoopback(remote)) return false;
    return this.clock.now + this.uptimeUs - entry.enteredAt > delayMs * 1000;
  }
}

/** Whether a packet has a loopback address, which none from outside may have (RFC 1122 3.2.1.3, RFC 4291 2.5.3). */
function isMartian(bytes: Uint8Array, view: DataView, offset: number): boolean {
  if (bytes[offset]! >>> 4 === 4) return bytes[offset + 12] === 127 || bytes[offset + 16] === 127;
  return isLoopback6(view, offset + 8) || isLoopback6(view, offset + 24);
}

function isLoopback6(view: DataView, at: number): boolean {
  return (
    view.getInt32(at + 12) === 1 && (view.getInt32(at) | view.getInt32(at + 4) | view.getInt32(at + 8)) === 0
  );
}

/** Room for the words of two addresses and a port. */
const groupWords = new Int32Array(9);

function isnGenerator(
  choice: 'siphash' | 'md5' | IsnGenerator,
  words: (n: number) => number[],
): IsnGenerator {
  if (choice === 'md5') return { kind: 'md5', secret: words(16) };
  if (choice !== 'siphash') return choice;
  const [a, b, c, d] = words(4);
  return { kind: 'siphash', key: [a!, b!, c!, d!] };
}
