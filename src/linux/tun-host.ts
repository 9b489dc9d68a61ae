/** A host of ours on a TUN device of this machine: real programs reach it through the kernel. */
import type { StackOptions } from '../embed/options.ts';
import { Stack } from '../embed/stack.ts';
import type { Conditions } from '../sim/conditions.ts';
import { type Address, parseAddress } from '../wire/address.ts';
import { DecodeError } from '../wire/errors.ts';
import { echoReply } from './echo-reply.ts';
import { K, type Sys, sys } from './sys.ts';
import { Links, openTun } from './tun.ts';
import { Path } from './tun-path.ts';

/** A packet that passes the device. */
export interface TunPacket {
  /** µs since the host was made. */
  readonly atUs: number;
  /** `in`: from the kernel to the stack. */
  readonly direction: 'in' | 'out';
  readonly bytes: Uint8Array;
}

/** What the way between the kernel and the stack does to packets, in both directions. */
export type TunConditions = Pick<
  Conditions,
  'delayUs' | 'jitterUs' | 'loss' | 'duplicate' | 'reorder' | 'reorderUs'
>;

export interface TunHostOptions {
  /** Name of the device, at most 15 bytes. It is made, or, if it exists and is a TUN device that nobody holds, taken. */
  readonly device: string;
  /** The stack's addresses with their prefix lengths. */
  readonly addresses: readonly string[];
  /**
   * Addresses with prefix lengths for the kernel's side; they are given to the device, which is brought up. Not given:
   * the device is left as it is.
   */
  readonly kernelAddresses?: readonly string[];
  /** Next hop of the stack's default route: the first of the kernel's addresses, if there is one. */
  readonly gateway?: string;
  /** Bytes; 1500 if not given. */
  readonly mtu?: number;
  readonly conditions?: TunConditions;
  /** Seed of what the conditions draw; 1 if not given. */
  readonly seed?: number;
  readonly sysctls?: StackOptions['sysctls'];
  /** Sees every packet as the device does: before conditions on its way in, after them on its way out. */
  readonly watch?: (packet: TunPacket) => void;
}

/** How many packets are read before timers and others get their turn. */
const atOnce = 256;
const ENOBUFS = 105;
const EIO = 5;

const withoutPrefix = (text: string): string => text.slice(0, text.indexOf('/'));

/**
 * The host. Everything on `stack` works as on any `Stack`.
 * @throws SysError from the constructor (EPERM without CAP_NET_ADMIN, EBUSY for a device that somebody holds), SysUnavailable
 */
export class TunHost {
  readonly stack: Stack;
  /** The device's name. */
  readonly device: string;
  private readonly sys: Sys;
  private readonly fd: number;
  private readonly own: readonly Address[];
  private readonly unwatch: () => void;
  private readonly toStack: Path;
  private readonly toKernel: Path;
  private readonly watcher: TunHostOptions['watch'];
  private readonly startUs = performance.now() * 1000;
  private readonly buffer: Uint8Array = new Uint8Array(65_536);
  private closed = false;

  constructor(options: TunHostOptions) {
    const {
      device,
      addresses,
      kernelAddresses,
      mtu = 1500,
      conditions = {},
      seed = 1,
      sysctls,
      watch,
    } = options;
    this.sys = sys();
    this.watcher = watch;
    this.own = addresses.map((text) => parseAddress(withoutPrefix(text)));
    const now = (): number => performance.now() * 1000;
    this.toStack = new Path(conditions, 2 * seed, now, (packet) => this.arrive(packet));
    this.toKernel = new Path(conditions, 2 * seed + 1, now, (packet) => this.leave(packet));
    const gateway =
      options.gateway ?? (kernelAddresses?.[0] === undefined ? undefined : withoutPrefix(kernelAddresses[0]));
    this.stack = new Stack({
      addresses,
      mtu,
      ...(gateway === undefined ? {} : { gateway }),
      ...(sysctls === undefined ? {} : { sysctls }),
      transmit: (packet) => this.toKernel.send(packet),
    });
    const tun = openTun(this.sys, device);
    this.fd = tun.fd;
    this.device = tun.name;
    try {
      if (kernelAddresses !== undefined) this.setUp(tun.index, kernelAddresses, mtu);
      this.unwatch = this.sys.watch(this.fd, () => this.read());
    } catch (error) {
      this.sys.call('close', this.fd);
      throw error;
    }
  }

  private setUp(index: number, addresses: readonly string[], mtu: number): void {
    const links = new Links(this.sys);
    try {
      links.up(index, mtu);
      for (const text of addresses) {
        const [ip, prefix] = text.split('/') as [string, string];
        links.address(index, ip, Number(prefix));
      }
    } finally {
      links.close();
    }
  }

  /** Stops: the device goes away unless it is a lasting one, and connections are not told. */
  close(): void {
    if (this.closed) return;
    this.closed = true;
    this.unwatch();
    this.toStack.close();
    this.toKernel.close();
    this.stack.close();
    this.sys.call('close', this.fd);
  }

  private see(direction: TunPacket['direction'], bytes: Uint8Array): void {
    this.watcher?.({ atUs: Math.round(performance.now() * 1000 - this.startUs), direction, bytes });
  }

  private read(): void {
    for (let i = 0; i < atOnce && !this.closed; i++) {
      const length = this.sys.call('read', this.fd, this.buffer, this.buffer.length);
      if (length <= 0) return;
      const packet = this.buffer.slice(0, length);
      this.see('in', packet);
      this.toStack.send(packet);
    }
  }

  private arrive(packet: Uint8Array): void {
    let answer: Uint8Array | null;
    try {
      answer = echoReply(packet, this.own);
    } catch (error) {
      if (!(error instanceof DecodeError)) throw error;
      return; // The kernel sends none; somebody wrote it to the device by hand.
    }
    if (answer === null) this.stack.receive(packet);
    else this.toKernel.send(answer);
  }

  private leave(packet: Uint8Array): void {
    if (this.closed) return;
    this.see('out', packet);
    const result = this.sys.call('write', this.fd, packet, packet.length);
    // A device that is down, or full, loses packets as any link does; TCP is there to repeat them.
    if (result < 0 && ![K.EAGAIN, ENOBUFS, EIO].includes(-result) && result !== -22)
      throw new Error(`the packet cannot be written to ${this.device}: errno ${-result}`);
  }
}
