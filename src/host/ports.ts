/**
 * Who has which local port: conflicts of bind() and listen(), and the choice of a port by connect() and bind(0), as
 * Linux does them (net/ipv4/inet_connection_sock.c and inet_hashtables.c, 6.18; measured there).
 */
import { Errno } from '../tcp/errno.ts';
import { type Address, isAny, sameAddress, unmap } from '../wire/address.ts';
import type { HostSysctls } from './sysctl.ts';

/** One use of a port: by a socket, by a connection not accepted yet, or by what is left of one in TIME-WAIT. */
export class PortUse {
  /** 0 while it has none. */
  port = 0;
  /** The local address: 0.0.0.0 or [::] for all of them. */
  address: Address;
  /** Of an IPv6 socket: takes no IPv4. */
  v6Only = false;
  /** SO_REUSEADDR and SO_REUSEPORT. */
  reuseAddress = false;
  reusePort = false;
  listening = false;
  /** Whether bind() asked for it: connect() then leaves the port to it, whatever the addresses. */
  explicit = false;
  /** Whether bind() asked for it on this very socket, which then keeps it until it is closed. */
  locked = false;
  /** The next in the list of the port's users; and the one before, if it is known: see `PortTable.before`. */
  next: PortUse | null = null;
  previous: PortUse | null = null;

  constructor(address: Address) {
    this.address = address;
  }
}

/** Whether two uses claim an address in common (ipv6_rcv_saddr_equal). */
function addressesMeet(a: PortUse, b: PortUse): boolean {
  const [one, other] = [unmap(a.address), unmap(b.address)];
  if (one.family === 6 && isAny(one)) return !(a.v6Only && other.family === 4);
  if (other.family === 6 && isAny(other)) return !(b.v6Only && one.family === 4);
  if (one.family !== other.family) return false;
  return isAny(one) || isAny(other) || sameAddress(one, other);
}

/**
 * Whether `b` keeps `a` from a port (inet_bind_conflict). SO_REUSEADDR helps if both have it and `b` does not listen,
 * SO_REUSEPORT if both have it.
 * @param choosing the port is being chosen, not asked for: then a port in use is left alone, even if it could be shared
 */
function conflict(a: PortUse, b: PortUse, choosing: boolean): boolean {
  if (a === b || !addressesMeet(a, b)) return false;
  if (choosing) return true;
  if (a.reuseAddress && b.reuseAddress && !b.listening) return false;
  return !(a.reusePort && b.reusePort);
}

/** The ports of one host. */
export class PortTable {
  private readonly sysctls: HostSysctls;
  private readonly random: () => number;
  /** The first user of each port, in pages of 256 ports made on first use. */
  private readonly pages: ((PortUse | null)[] | undefined)[] = new Array(256).fill(undefined);
  /** How many uses of each port are explicit: connect() asks for every port that it tries. */
  private readonly explicitUses: Int32Array = new Int32Array(65536);
  /** The same for each page: most have none, and a look at these stays in the cache. */
  private readonly explicitInPage: Int32Array = new Int32Array(256);
  /** How far the search for each group of destinations has moved on (table_perturb). */
  private readonly moved = new Map<number, number>();

  /** @param random 32 random bits (unsigned) at each call */
  constructor(sysctls: HostSysctls, random: () => number) {
    this.sysctls = sysctls;
    this.random = random;
  }

  /** The first of the uses of a port; the others follow by `next`. */
  users(port: number): PortUse | null {
    return this.pages[port >>> 8]?.[port & 255] ?? null;
  }

  /** Gives a port to a use without asking; whether it may is the caller's to know. */
  add(use: PortUse, port: number): void {
    const page = this.pages[port >>> 8] ?? new Array<PortUse | null>(256).fill(null);
    this.pages[port >>> 8] = page;
    const head = page[port & 255]!;
    use.port = port;
    use.next = head;
    page[port & 255] = use;
    if (use.explicit) this.countExplicit(port, 1);
  }

  /** Takes a use's port away; nothing if it has none. */
  remove(use: PortUse): void {
    if (use.port === 0) return;
    const { next, port } = use;
    const page = this.pages[port >>> 8]!;
    if (page[port & 255] === use) page[port & 255] = next;
    else {
      const before = this.before(use);
      before.next = next;
      if (next !== null) next.previous = before;
    }
    use.previous = use.next = null;
    if (use.explicit) this.countExplicit(port, -1);
    use.port = 0;
    use.explicit = use.locked = false;
  }

  private countExplicit(port: number, change: number): void {
    this.explicitUses[port]! += change;
    this.explicitInPage[port >>> 8]! += change;
  }

  private isAskedFor(port: number): boolean {
    return this.explicitInPage[port >>> 8]! > 0 && this.explicitUses[port]! > 0;
  }

  /**
   * The user before one that is not the first. Nothing is written to a port's first user when another comes before it:
   * among many idle connections that would fetch a cold record for every short one. So `previous` may be missing or
   * old; it is right if it points back here, else it is set for all users on the way from the first, and as many again
   behind: the next such walk is twice as long, so that together they take few steps a user.
   */
  private before(use: PortUse): PortUse {
    if (use.previous?.next === use) return use.previous;
    let before = this.users(use.port)!;
    let steps = 1;
    for (; before.next !== use; steps++) {
      before.next!.previous = before;
      before = before.next!;
    }
    for (let it = use; steps > 0 && it.next !== null; steps--) {
      it.next.previous = it;
      it = it.next;
    }
    return before;
  }

  /**
   * bind() to a port, or to one chosen by the host if `port` is 0.
   * @param range IP_LOCAL_PORT_RANGE of the socket, if set
   * @returns 0 or -EADDRINUSE
   */
  bind(use: PortUse, port: number, range: readonly [number, number] | null = null): number {
    const chosen = port === 0 ? this.chooseForBind(use, range) : port;
    if (chosen < 0) return chosen;
    if (port !== 0 && this.conflicts(use, port, false)) return -Errno.EADDRINUSE;
    use.explicit = true;
    this.add(use, chosen);
    return 0;
  }

  /** Whether a use that has a port may not listen on it. */
  listenConflicts(use: PortUse): boolean {
    return this.conflicts(use, use.port, false);
  }

  /**
   * A port for connect(), which only needs one that makes the four-tuple unique. It starts where the last search for
   * this destination ended plus a little chance, and tries ports of the parity of the range's low end first.
   * @param group a keyed hash of source, destination and destination port
   * @param taken whether the four-tuple with this port is in use
   * @returns the port or -EADDRNOTAVAIL
   */
  chooseForConnect(
    group: number,
    taken: (port: number) => boolean,
    range: readonly [number, number] | null = null,
  ): number {
    const [low, high] = range ?? this.sysctls.localPortRange;
    const { reservedPorts } = this.sysctls;
    const step = range === null ? 2 : 1;
    let remaining = high + 1 - low;
    if (step === 2 && remaining > 1) remaining &= ~1;
    const index = group & 0xffff;
    const before = this.moved.get(index) ?? this.random();
    let offset = (before + (group >>> 16)) % remaining;
    if (step === 2) offset &= ~1;
    for (let pass = 0; pass < (step === 2 && remaining > 1 ? 2 : 1); pass++, offset++) {
      for (let i = 0, port = low + offset; i < remaining; i += step, port += step) {
        if (port > high) port -= remaining;
        if (reservedPorts.has(port) || this.isAskedFor(port) || taken(port)) continue;
        const further = Math.max(i, (this.random() & 7) * step) + step;
        this.moved.set(index, (before + further) >>> 0);
        return port;
      }
    }
    return -Errno.EADDRNOTAVAIL;
  }

  /** bind(0) tries the other parity first, so as to leave connect() its own. */
  private chooseForBind(use: PortUse, range: readonly [number, number] | null): number {
    const [low, high] = range ?? this.sysctls.localPortRange;
    const { ipAutobindReuse } = this.sysctls;
    // With SO_REUSEADDR the lower half of the range is searched before the upper one.
    const half = low + (((high + 1 - low) >> 2) << 1);
    const parts =
      use.reuseAddress && high + 1 - low >= 4
        ? [[low, half] as const, [half, high + 1] as const]
        : [[low, high + 1] as const];
    for (const relaxed of ipAutobindReuse ? [false, true] : [false])
      for (const [from, to] of parts) {
        const port = this.search(use, from, to, !relaxed);
        if (port !== 0) return port;
      }
    return -Errno.EADDRINUSE;
  }

  private search(use: PortUse, low: number, high: number, choosing: boolean): number {
    let remaining = high - low;
    if (remaining > 1) remaining &= ~1;
    const start = (this.random() % remaining) | 1;
    for (const offset of remaining > 1 ? [start, start - 1] : [0]) {
      for (let i = 0, port = low + offset; i < remaining; i += 2, port += 2) {
        if (port >= high) port -= remaining;
        if (this.sysctls.reservedPorts.has(port) || this.conflicts(use, port, choosing)) continue;
        return port;
      }
    }
    return 0;
  }

  private conflicts(use: PortUse, port: number, choosing: boolean): boolean {
    for (let other = this.users(port); other !== null; other = other.next)
      if (conflict(use, other, choosing)) return true;
    return false;
  }
}
