/** Two TCPs joined by a wire without delay, for tests beside the code. Not part of what is published. */
import { type Address, parseAddress } from '../wire/address.ts';
import { decodeIp } from '../wire/ip.ts';
import { decodeTcp, type TcpSegment } from '../wire/tcp.ts';
import type { Connection } from './connection.ts';
import { linux61844 } from './profile.ts';
import type { Route } from './route.ts';
import type { TcpEnvironment } from './services.ts';
import { accept, listen, open } from './socket/socket-calls.ts';
import { defaultTcpSysctls, type TcpSysctls } from './sysctls.ts';
import { Tcp } from './tcp.ts';
import type { TraceEvent } from './trace.ts';

/** What a test may set of a TCP. */
export interface TestOptions {
  readonly address: string;
  readonly sysctls?: Partial<TcpSysctls>;
  readonly route?: Partial<Route>;
  readonly environment?: Partial<TcpEnvironment>;
}

/** A TCP with a repeatable stream of random numbers. */
export function testTcp(options: TestOptions): Tcp {
  let state = 12345;
  const route: Route = {
    source: parseAddress(options.address),
    mtu: 1500,
    advmss: 0,
    initcwnd: 0,
    initrwnd: 0,
    mtuLocked: false,
    loopback: false,
    ...options.route,
  };
  return new Tcp({
    sysctls: { ...defaultTcpSysctls(), tcp_timestamps: 2, ...options.sysctls },
    route: () => route,
    isn: { kind: 'constant', value: 1000 },
    random: () => {
      state = (Math.imul(state, 1103515245) + 12345) | 0;
      return state ^ (state >>> 13);
    },
    epochUs: 0,
    timestampBase: 0,
    verifyChecksums: true,
    profile: linux61844,
    ...options.environment,
  });
}

/** A pair of hosts, a and b, and what went over the wire between them. */
export class Pair {
  readonly a: Tcp;
  readonly b: Tcp;
  readonly log: { readonly from: 'a' | 'b'; readonly at: number; readonly segment: TcpSegment }[] = [];
  readonly trace: { readonly host: 'a' | 'b'; readonly event: TraceEvent }[] = [];
  now = 0;
  /** Returns true for a packet that shall be lost. */
  lose: (from: 'a' | 'b', segment: TcpSegment) => boolean = () => false;

  constructor(a: TestOptions, b: TestOptions) {
    this.a = testTcp(a);
    this.b = testTcp(b);
    this.a.trace = (event) => this.trace.push({ host: 'a', event });
    this.b.trace = (event) => this.trace.push({ host: 'b', event });
  }

  /** Delivers everything that is under way until both are silent. */
  settle(): void {
    for (let packets = 0; packets < 100_000; packets++) {
      if (!this.step(this.a, this.b, 'a') && !this.step(this.b, this.a, 'b')) return;
    }
    throw new Error('the two never fall silent');
  }

  private step(from: Tcp, to: Tcp, name: 'a' | 'b'): boolean {
    const packet = from.out.take();
    if (packet === null) return false;
    const segment = decodeTcp(decodeIp(packet).payload);
    this.log.push({ from: name, at: this.now, segment });
    if (!this.lose(name, segment)) to.input(this.now, packet, new DataView(packet.buffer), 0, packet.length);
    return true;
  }

  /** Lets time pass, timer by timer. */
  advance(us: number): void {
    const end = this.now + us;
    this.settle();
    for (;;) {
      const next = Math.min(this.a.nextDeadline(), this.b.nextDeadline());
      if (next > end) break;
      this.now = Math.max(next, this.now);
      this.a.handleTimers(this.now);
      this.b.handleTimers(this.now);
      this.settle();
    }
    this.now = end;
    this.a.handleTimers(end);
    this.b.handleTimers(end);
  }

  /** A listener on b. */
  listen(port: number, backlog = 10): Connection {
    const listener = this.b.newConnection();
    listener.local = this.b.environment.route(addressOf(this.b), null)!.source;
    listener.localPort = port;
    listener.family = listener.local.family;
    listen(listener, backlog);
    return listener;
  }

  /** An active open from a to b; not settled yet. */
  connect(localPort: number, remotePort: number): Connection {
    const conn = this.a.newConnection();
    this.a.now = this.now;
    open(conn, {
      local: addressOf(this.a),
      localPort,
      remote: addressOf(this.b),
      remotePort,
      route: this.a.environment.route(addressOf(this.b), null)!,
    });
    return conn;
  }

  /** Both ends of an established connection. */
  establish(port = 80): { client: Connection; server: Connection } {
    const listener = this.listen(port);
    const client = this.connect(40000, port);
    this.settle();
    return { client, server: accept(listener)! };
  }
}

const addressOf = (tcp: Tcp): Address => tcp.environment.route(parseAddress('0.0.0.0'), null)!.source;
