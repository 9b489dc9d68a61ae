/** TUN devices, and the addresses and routes of a network namespace. */
import { type Address, parseAddress } from '../wire/address.ts';
import { attribute, Netlink, NLM } from './netlink.ts';
import { addressBytes } from './sockaddr.ts';
import { K, must, type Sys, SysError } from './sys.ts';

const TUNSETIFF = 0x400454ca;
const SIOCGIFINDEX = 0x8933;
const IFF_TUN = 1;
const IFF_NO_PI = 0x1000;
const RTM_NEWLINK = 16;
const RTM_NEWADDR = 20;
const RTM_NEWROUTE = 24;
const RTM_GETROUTE = 26;
const RTN_LOCAL = 2;
const IFF_UP = 1;
const IFA_F_NODAD = 2;
const mostNameBytes = 15;
/** How long an address may take to be in use, ms. */
const addressMs = 10_000;
/** Never notified: whoever waits on it sleeps. */
const nobody = new Int32Array(new SharedArrayBuffer(4));

const u32 = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeUInt32LE(value);
  return bytes;
};

/** An open TUN device: reading gives the packets that the kernel sends, writing hands it one. */
export interface Tun {
  readonly fd: number;
  readonly name: string;
  readonly index: number;
}

/**
 * Opens a TUN device in the calling thread's network namespace, non-blocking; it is gone when the descriptor is closed.
 * @throws SysError (EPERM without CAP_NET_ADMIN there)
 */
export function openTun(sys: Sys, name: string): Tun {
  const fd = must(
    'open /dev/net/tun',
    sys.call('open', '/dev/net/tun', K.O_RDWR | K.O_NONBLOCK | K.O_CLOEXEC, 0),
  );
  try {
    const request = interfaceRequest(name);
    request.writeUInt16LE(IFF_TUN | IFF_NO_PI, 16);
    must(`make the TUN device ${name}`, sys.call('ioctl', fd, TUNSETIFF, request));
    return { fd, name, index: interfaceIndex(sys, name) };
  } catch (error) {
    sys.call('close', fd);
    throw error;
  }
}

/** A `struct ifreq` with a name. */
function interfaceRequest(name: string): Buffer {
  const request = Buffer.alloc(40);
  request.write(name.slice(0, mostNameBytes), 'latin1');
  return request;
}

/** The number of an interface. @throws SysError (ENODEV) if there is none */
export function interfaceIndex(sys: Sys, name: string): number {
  const fd = must('socket', sys.call('socket', K.AF_INET, K.SOCK_DGRAM | K.SOCK_CLOEXEC, 0));
  try {
    const request = interfaceRequest(name);
    must(`find the interface ${name}`, sys.call('ioctl', fd, SIOCGIFINDEX, request));
    return request.readInt32LE(16);
  } finally {
    sys.call('close', fd);
  }
}

const familyOf = (address: Address): number => (address.family === 4 ? K.AF_INET : K.AF_INET6);

/** Links, addresses and routes of the calling thread's network namespace. */
export class Links {
  private readonly netlink: Netlink;

  constructor(sys: Sys) {
    this.netlink = new Netlink(sys, 0);
  }

  /** Brings a link up. @param mtu bytes; left alone if not given */
  up(index: number, mtu?: number): void {
    const header = Buffer.alloc(16);
    header.writeInt32LE(index, 4);
    header.writeUInt32LE(IFF_UP, 8);
    header.writeUInt32LE(IFF_UP, 12);
    const more = mtu === undefined ? [] : [attribute(4, u32(mtu))];
    this.netlink.request('bring a link up', RTM_NEWLINK, NLM.ack, Buffer.concat([header, ...more]));
  }

  /** Gives a link an address ("192.0.2.1"), without duplicate detection; returns when packets to it are taken. */
  address(index: number, ip: string, prefixLength: number): void {
    const address = parseAddress(ip);
    const header = Buffer.alloc(8);
    header.writeUInt8(familyOf(address), 0);
    header.writeUInt8(prefixLength, 1);
    header.writeUInt8(IFA_F_NODAD, 2);
    header.writeInt32LE(index, 4);
    const bytes = addressBytes(address);
    const body = Buffer.concat([header, attribute(2, bytes), attribute(1, bytes)]);
    const flags = NLM.ack | NLM.create | NLM.exclusive;
    this.netlink.request(`add the address ${ip}`, RTM_NEWADDR, flags, body);
    this.untilLocal(ip, address);
  }

  /**
   * The route that makes an IPv6 address one of this host is set by a worker of the kernel a little later, even without
   * duplicate detection (net/ipv6/addrconf.c, addrconf_dad_work): on a busy machine the first packets would be lost.
   */
  private untilLocal(ip: string, address: Address): void {
    const header = Buffer.alloc(12);
    header.writeUInt8(familyOf(address), 0);
    header.writeUInt8(address.family === 4 ? 32 : 128, 1);
    const body = Buffer.concat([header, attribute(1, addressBytes(address))]);
    const until = Date.now() + addressMs;
    for (;;) {
      if (this.routeType(ip, body) === RTN_LOCAL) return;
      if (Date.now() > until) throw new SysError(`wait for the address ${ip} to be in use`, K.ETIMEDOUT);
      Atomics.wait(nobody, 0, 0, 1);
    }
  }

  /** @returns null if there is no route */
  private routeType(ip: string, body: Buffer): number | null {
    try {
      const answers = this.netlink.request(`look up the route to ${ip}`, RTM_GETROUTE, NLM.ack, body);
      return answers[0]?.body[7] ?? null;
    } catch (error) {
      if (error instanceof SysError) return null;
      throw error;
    }
  }

  /**
   * Adds a route over a link.
   * @param gateway null for a route that needs none
   * @param congestion the congestion control of connections over it (`congctl`); null for the default
   */
  route(
    index: number,
    to: string,
    prefixLength: number,
    gateway: string | null,
    congestion: string | null,
  ): void {
    const destination = parseAddress(to);
    const header = Buffer.alloc(12);
    header.writeUInt8(familyOf(destination), 0);
    header.writeUInt8(prefixLength, 1);
    header.writeUInt8(254, 4); // the main table
    header.writeUInt8(4, 5); // RTPROT_STATIC
    header.writeUInt8(gateway === null ? 253 : 0, 6); // link or universe
    header.writeUInt8(1, 7); // unicast
    const parts = [header, attribute(1, addressBytes(destination)), attribute(4, u32(index))];
    if (gateway !== null) parts.push(attribute(5, addressBytes(parseAddress(gateway))));
    if (congestion !== null) parts.push(attribute(8, attribute(16, Buffer.from(`${congestion}\0`))));
    const flags = NLM.ack | NLM.create | NLM.replace;
    this.netlink.request(`add a route to ${to}`, RTM_NEWROUTE, flags, Buffer.concat(parts));
  }

  close(): void {
    this.netlink.close();
  }
}
