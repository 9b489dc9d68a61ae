/** A host's interfaces, addresses and routes, and which of them a packet concerns. */
import type { Route } from '../tcp/route.ts';
import { type Address, formatAddress, parseAddress, sameAddress, unmap } from '../wire/address.ts';

/** An address with the length of its network's prefix, bits. */
export interface InterfaceAddress {
  readonly address: Address;
  readonly prefix: number;
}

/** One interface. Index 0 of a host's list is always `lo`. */
export interface Interface {
  readonly name: string;
  /** Bytes, IP header included. */
  mtu: number;
  up: boolean;
  readonly addresses: InterfaceAddress[];
}

/** The attributes of a route that TCP reads; 0 or false is "not set". */
export interface RouteAttributes {
  mtu?: number;
  mtuLocked?: boolean;
  advmss?: number;
  initcwnd?: number;
  initrwnd?: number;
  /** µs */
  rtoMin?: number;
  quickack?: boolean;
  ecn?: boolean;
}

/** One route, as `ip route` has it. */
export interface RouteEntry {
  readonly destination: Address;
  readonly prefix: number;
  /** The interface's name. */
  readonly device: string;
  readonly gateway: Address | null;
  /** `src`; the interface's first address of the family if null. */
  readonly source: Address | null;
  readonly attributes: Readonly<RouteAttributes>;
  readonly metric: number;
}

/** A route with what follows from it, ready for TCP. */
interface Resolved extends RouteEntry {
  readonly index: number;
  readonly route: Route;
}

const words = (a: Address): [number, number, number, number] => [a.w0, a.w1, a.w2, a.w3];

/** Whether the first `prefix` bits (of the family's width) of two addresses of one family agree. */
function inPrefix(address: Address, network: Address, prefix: number): boolean {
  if (address.family !== network.family) return false;
  if (address.family === 4) return prefix === 0 || (address.w3 ^ network.w3) >>> (32 - prefix) === 0;
  const [a, b] = [words(address), words(network)];
  for (let i = 0; i < 4; i++) {
    const bits = Math.min(32, prefix - 32 * i);
    if (bits <= 0) return true;
    if ((a[i]! ^ b[i]!) >>> (32 - bits) !== 0) return false;
  }
  return true;
}

/** `10.0.0.1/24` as address and prefix; without a prefix the whole address. */
export function parsePrefix(text: string): InterfaceAddress {
  const [address, bits] = text.split('/');
  const parsed = parseAddress(address!);
  const most = parsed.family === 4 ? 32 : 128;
  const prefix = bits === undefined ? most : Number(bits);
  if (!/^\d*$/.test(bits ?? '') || !(prefix <= most))
    throw new RangeError(`'${text}' has no valid prefix length`);
  return { address: parsed, prefix };
}

/** What a host knows about the network around it. */
export class Network {
  readonly interfaces: Interface[] = [];
  private readonly entries: RouteEntry[] = [];
  /** Longest prefix first, then lowest metric; made from `entries` when asked for after a change. */
  private resolved: Resolved[] | null = null;
  private readonly local = new Map<number, InterfaceAddress[]>();
  private readonly loopbackRoutes = new Map<string, Route>();

  constructor() {
    this.addInterface('lo', 65_536, [parsePrefix('127.0.0.1/8'), parsePrefix('::1/128')]);
  }

  /** Adds an interface with the routes to its addresses' networks; returns its index. */
  addInterface(name: string, mtu: number, addresses: readonly InterfaceAddress[]): number {
    if (this.interfaces.some((it) => it.name === name))
      throw new RangeError(`there is an interface '${name}' already`);
    this.interfaces.push({ name, mtu, up: true, addresses: [] });
    for (const address of addresses) this.addAddress(name, address);
    this.changed();
    return this.interfaces.length - 1;
  }

  /** Gives an interface one more address, and a route to its network. */
  addAddress(name: string, { address, prefix }: InterfaceAddress): void {
    const it = this.interface(name);
    it.addresses.push({ address, prefix });
    const list = this.local.get(address.w3) ?? [];
    this.local.set(address.w3, [...list, { address, prefix }]);
    if (name === 'lo') return;
    this.entries.push({
      destination: address,
      prefix,
      device: name,
      gateway: null,
      source: address,
      attributes: {},
      metric: 0,
    });
    this.changed();
  }

  /** The interface of a name. */
  interface(name: string): Interface {
    const it = this.interfaces.find((candidate) => candidate.name === name);
    if (it === undefined) throw new RangeError(`there is no interface '${name}'`);
    return it;
  }

  /** All routes but those to local addresses, in the order they were added. */
  get routes(): readonly RouteEntry[] {
    return this.entries;
  }

  /** Adds a route, or puts it in the place of the one with the same destination, device and metric. */
  setRoute(entry: RouteEntry): void {
    this.interface(entry.device);
    this.removeRoute(entry);
    this.entries.push(entry);
    this.changed();
  }

  /** Removes the route with the same destination, device and metric; whether there was one. */
  removeRoute(entry: Pick<RouteEntry, 'destination' | 'prefix' | 'device' | 'metric'>): boolean {
    const index = this.entries.findIndex(
      (it) =>
        it.prefix === entry.prefix &&
        it.device === entry.device &&
        it.metric === entry.metric &&
        inPrefix(it.destination, entry.destination, entry.prefix),
    );
    if (index >= 0) this.entries.splice(index, 1);
    this.changed();
    return index >= 0;
  }

  /** Call it after changing an interface's `mtu` or `up`. */
  changed(): void {
    this.resolved = null;
    this.loopbackRoutes.clear();
  }

  /** Whether an address is one of this host's own; all of 127.0.0.0/8 is. */
  isLocal(address: Address): boolean {
    return this.isLocalWords(address.family, address.w0, address.w1, address.w2, address.w3);
  }

  /** The same for an address given as words. */
  isLocalWords(family: 4 | 6, w0: number, w1: number, w2: number, w3: number): boolean {
    if (family === 4 && w3 >>> 24 === 127) return true;
    const list = this.local.get(w3);
    if (list === undefined) return false;
    for (let i = 0; i < list.length; i++) {
      const a = list[i]!.address;
      if (a.family === family && a.w2 === w2 && a.w1 === w1 && a.w0 === w0) return true;
    }
    return false;
  }

  /**
   * The route to a destination, or null if there is none.
   * @param source the local address if it is settled already
   */
  route(destination: Address, source: Address | null = null): Route | null {
    const to = unmap(destination);
    if (this.isLocal(to)) return this.loopback(source ?? to);
    const found = this.lookUp(to);
    if (found === null) return null;
    if (source === null || sameAddress(found.route.source, source)) return found.route;
    return { ...found.route, source };
  }

  /** The index of the interface towards an address, -1 if there is no way. */
  interfaceTowards(destination: Address): number {
    if (this.isLocal(destination)) return 0;
    return this.lookUp(destination)?.index ?? -1;
  }

  /** The same for the destination of the IP packet at `offset`. */
  interfaceFor(bytes: Uint8Array, view: DataView, offset: number): number {
    if (bytes[offset]! >>> 4 === 4) {
      const w3 = view.getInt32(offset + 16);
      if (this.isLocalWords(4, 0, 0, 0xffff, w3)) return 0;
      const table = this.table();
      for (let i = 0; i < table.length; i++) {
        const { destination, prefix, index } = table[i]!;
        if (destination.family === 4 && (prefix === 0 || (destination.w3 ^ w3) >>> (32 - prefix) === 0))
          return index;
      }
      return -1;
    }
    const w0 = view.getInt32(offset + 24);
    const w1 = view.getInt32(offset + 28);
    const w2 = view.getInt32(offset + 32);
    return this.interfaceTowards({ family: 6, w0, w1, w2, w3: view.getInt32(offset + 36) });
  }

  private lookUp(destination: Address): Resolved | null {
    for (const it of this.table()) if (inPrefix(destination, it.destination, it.prefix)) return it;
    return null;
  }

  private table(): Resolved[] {
    if (this.resolved === null) {
      this.resolved = this.entries.flatMap((entry) => this.resolve(entry) ?? []);
      this.resolved.sort((a, b) => b.prefix - a.prefix || a.metric - b.metric);
    }
    return this.resolved;
  }

  private resolve(entry: RouteEntry): Resolved | null {
    const index = this.interfaces.findIndex(({ name }) => name === entry.device);
    const device = this.interfaces[index]!;
    const { family } = entry.destination;
    const source = entry.source ?? device.addresses.find(({ address }) => address.family === family)?.address;
    if (!device.up || source === undefined) return null;
    return { ...entry, index, route: makeRoute(source, device.mtu, index === 0, entry.attributes) };
  }

  private loopback(source: Address): Route {
    const key = formatAddress(source);
    const known = this.loopbackRoutes.get(key);
    if (known !== undefined) return known;
    const route = makeRoute(source, this.interfaces[0]!.mtu, true, {});
    this.loopbackRoutes.set(key, route);
    return route;
  }
}

const makeRoute = (
  source: Address,
  mtu: number,
  loopback: boolean,
  attributes: Readonly<RouteAttributes>,
): Route => ({
  source,
  // An IPv4 packet has no more than 65,535 bytes, whatever the interface takes.
  mtu: Math.min(attributes.mtu || mtu, mtu, source.family === 4 ? 65_535 : mtu),
  mtuLocked: attributes.mtuLocked ?? false,
  advmss: attributes.advmss ?? 0,
  initcwnd: attributes.initcwnd ?? 0,
  initrwnd: attributes.initrwnd ?? 0,
  rtoMin: attributes.rtoMin ?? 0,
  quickack: attributes.quickack ?? false,
  ecn: attributes.ecn ?? false,
  loopback,
});
