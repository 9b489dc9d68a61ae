/** What shell commands can do to the built-in host. */
import type { Host } from '../host/host.ts';
import { parsePrefix, type RouteAttributes, type RouteEntry } from '../host/network.ts';
import { Socket } from '../host/socket.ts';
import { type CounterName, tcpCounterNames } from '../tcp/counters.ts';
import type { IsnGenerator } from '../tcp/handshake/isn.ts';
import { readable } from '../tcp/socket/socket-calls.ts';
import { LISTEN } from '../tcp/state.ts';
import { type Address, anyIpv4, anyIpv6, formatAddress, parseAddress, sameAddress } from '../wire/address.ts';
import { errnoName } from './errors.ts';
import type { CommandHost, ListedSocket, RouteVerb } from './shell-context.ts';

/** Parameters of kernel modules that scripts set: kept, without an effect. */
const moduleParameters: Readonly<Record<string, string>> = {
  'module.tcp_cubic.hystart': '1',
  'module.tcp_cubic.hystart_detect': '3',
  'module.tcp_cubic.fast_convergence': '1',
  'module.tcp_cubic.tcp_friendliness': '1',
};

/** A settable copy of an ISN generator's fields. */
type Settable = { kind: string; value?: number; key?: readonly number[]; secret?: readonly number[] };

export class HostCommands implements CommandHost {
  private readonly host: Host;
  private readonly device: string;
  private readonly isn: Settable;
  private readonly key: readonly number[];
  private readonly run: (us: number) => void;
  private readonly parameters = new Map(Object.entries(moduleParameters));

  /**
   * @param isn the generator that the host uses, which the sysctl halfopen.isn changes
   * @param run lets time pass, µs
   */
  constructor(host: Host, device: string, isn: IsnGenerator, run: (us: number) => void) {
    this.host = host;
    this.device = device;
    this.isn = isn as Settable;
    this.key = this.isn.key ?? [];
    this.run = run;
  }

  sysctl(name: string): string | undefined {
    if (name === 'halfopen.isn')
      return this.isn.kind === 'constant' ? `constant ${this.isn.value! >>> 0}` : this.isn.kind;
    if (name === 'halfopen.tsval') return String(this.host.tcp.clockMs() >>> 0);
    const parameter = this.parameters.get(name);
    if (parameter !== undefined) return parameter;
    this.host.touch();
    const value = this.host.sysctls.read(name);
    return typeof value === 'number' ? undefined : value;
  }

  setSysctl(name: string, value: string): string | null {
    if (name === 'halfopen.isn') return this.setIsn(value);
    if (name === 'halfopen.tsval') return this.setTimestamp(value);
    if (this.parameters.has(name)) {
      this.parameters.set(name, value);
      return null;
    }
    const result = this.host.sysctls.write(name, value);
    return result < 0 ? errnoName(-result) : null;
  }

  /** `siphash`, `md5` or `constant N`: for scripts that show why it may not be constant. */
  private setIsn(text: string): string | null {
    const constant = /^constant (\d+)$/.exec(text);
    if (constant !== null) Object.assign(this.isn, { kind: 'constant', value: Number(constant[1]) | 0 });
    else if (text === 'siphash') Object.assign(this.isn, { kind: 'siphash', key: this.key });
    else if (text === 'md5') {
      const secret = Array.from({ length: 16 }, (_, i) => Math.imul(this.key[i % 4]!, 0x9e3779b1 + i));
      Object.assign(this.isn, { kind: 'md5', secret });
    } else return 'EINVAL';
    return null;
  }

  /** What the clock of TCP timestamps shows now; connections add an offset to it unless tcp_timestamps is 2. */
  private setTimestamp(text: string): string | null {
    const value = Number(text);
    if (!/^\d+$/.test(text) || value > 0xffffffff) return 'EINVAL';
    const { environment } = this.host.tcp;
    this.host.touch();
    environment.timestampBase = (environment.timestampBase + value - this.host.tcp.clockMs()) | 0;
    return null;
  }

  counters(): Record<string, number> {
    const tcp: ReadonlySet<string> = new Set(tcpCounterNames);
    const entries = Object.entries(this.host.tcp.counters) as [CounterName, number][];
    return Object.fromEntries(
      entries.map(([name, value]) => [`${tcp.has(name) ? 'Tcp' : 'TcpExt'}${name}`, value]),
    );
  }

  sockets(): ListedSocket[] {
    const listed: ListedSocket[] = [];
    const row = (
      state: number,
      local: Address,
      localPort: number,
      remote: Address,
      remotePort: number,
    ): ListedSocket => ({
      state,
      family: local.family,
      localIp: formatAddress(local),
      localPort,
      remoteIp: formatAddress(remote),
      remotePort,
      receiveQueue: 0,
      sendQueue: 0,
    });
    for (const [, file] of this.host.descriptors.all()) {
      if (!(file instanceof Socket) || file.conn.state !== LISTEN) continue;
      const { conn } = file;
      const any = conn.local.family === 4 ? anyIpv4 : anyIpv6;
      const queues = { receiveQueue: conn.listener!.accepted.length, sendQueue: conn.listener!.backlog };
      listed.push({ ...row(LISTEN, conn.local, conn.localPort, any, 0), ...queues });
    }
    for (const entry of this.host.tcp.table.values()) {
      const { state, local, localPort, remote, remotePort } = entry;
      const receiveQueue = 'receiveQueue' in entry ? readable(entry) : 0;
      listed.push({ ...row(state, local, localPort, remote, remotePort), receiveQueue });
    }
    return listed;
  }

  flushMetrics(): void {
    this.host.tcp.fastOpen.flush();
    this.host.tcp.peers.flush();
  }

  route(
    verb: RouteVerb,
    destination: string,
    attributes: ReadonlyMap<string, string>,
    locked: ReadonlySet<string>,
  ): string | null {
    const { network } = this.host;
    try {
      const via = attributes.get('via');
      const six = via?.includes(':') ?? destination.includes(':');
      const { address, prefix } = parsePrefix(
        destination === 'default' ? (six ? '::/0' : '0.0.0.0/0') : destination,
      );
      const device = attributes.get('dev') ?? this.device;
      const metric = Number(attributes.get('metric') ?? 0);
      const same = (it: RouteEntry): boolean =>
        it.prefix === prefix &&
        it.device === device &&
        it.metric === metric &&
        sameAddress(it.destination, address);
      const there = network.routes.some(same);
      if (verb === 'add' && there) return 'RTNETLINK answers: File exists';
      if (verb === 'change' && !there) return 'RTNETLINK answers: No such file or directory';
      const source = attributes.get('src');
      network.setRoute({
        destination: address,
        prefix,
        device,
        gateway: via === undefined ? null : parseAddress(via),
        source: source === undefined ? null : parseAddress(source),
        attributes: routeAttributes(attributes, locked),
        metric,
      });
      return null;
    } catch (error) {
      return `ip route: ${error instanceof Error ? error.message : error}`;
    }
  }

  link(device: string, attributes: ReadonlyMap<string, string>): string | null {
    try {
      const it = this.host.network.interface(device);
      for (const [name, value] of attributes) {
        if (name === 'mtu' && /^\d+$/.test(value)) it.mtu = Number(value);
        else if (name === 'up' || name === 'down') it.up = name === 'up';
        else return `ip link set: '${name} ${value}' is not understood by the built-in host`;
      }
      this.host.network.changed();
      return null;
    } catch (error) {
      return error instanceof Error ? error.message : String(error);
    }
  }

  /** The stack sends segment by segment whatever is set: the runner joins them where a script expects one. */
  offload(device: string, feature: string): string | null {
    if (device !== this.device) return `ethtool: there is no device '${device}'`;
    return /^(tso|gso|gro|lro|rx|tx|sg|tx-.*|rx-.*|generic-.*|tcp-.*)$/.test(feature)
      ? null
      : `ethtool: '${feature}' is not understood by the built-in host`;
  }

  /** Kinds of queues make no difference here, but one without room drops everything. */
  qdisc(device: string, kind: string | null, options: readonly string[]): string | null {
    if (device !== this.device) return `tc: there is no device '${device}'`;
    if (kind !== null && !/^(pfifo|bfifo|pfifo_fast|fq|fq_codel|noqueue)$/.test(kind)) {
      return `tc: a queue of kind '${kind}' is not understood by the built-in host`;
    }
    const limit = options[options.indexOf('limit') + 1];
    this.host.tcp.linkFull = kind === 'pfifo' && options.includes('limit') && Number(limit) === 0;
    return null;
  }

  sleep(us: number): void {
    this.run(us);
  }
}

/** The attributes that TCP reads; others are taken and make no difference. */
function routeAttributes(given: ReadonlyMap<string, string>, locked: ReadonlySet<string>): RouteAttributes {
  const attributes: RouteAttributes = {};
  for (const name of ['mtu', 'advmss', 'initcwnd', 'initrwnd'] as const) {
    const value = given.get(name);
    if (value === undefined) continue;
    if (!/^\d+$/.test(value)) throw new RangeError(`${name} takes a number, not '${value}'`);
    attributes[name] = Number(value);
  }
  if (locked.has('mtu')) attributes.mtuLocked = true;
  const rtoMin = /^(\d+)(ms|s)?$/.exec(given.get('rto_min') ?? '');
  if (rtoMin !== null) attributes.rtoMin = Number(rtoMin[1]) * (rtoMin[2] === 's' ? 1_000_000 : 1000);
  if (given.get('quickack') === '1') attributes.quickack = true;
  if (given.get('features') === 'ecn') attributes.ecn = true;
  return attributes;
}
