/**
 * Captures from interfaces: AF_PACKET with a ring of bounded size that the kernel fills (TPACKET_V3), read without a copy by the
 * kernel and handed on as a capture in pcap's form, so that whatever reads captures reads this too.
 */
import { K, must, type Sys } from './sys.ts';
import { interfaceIndex } from './tun.ts';

const SOL_PACKET = 263;
const PACKET_RX_RING = 5;
const PACKET_STATISTICS = 6;
const PACKET_VERSION = 10;
const TPACKET_V3 = 2;
const ETH_P_ALL = 0x0003;
const SIOCGIFHWADDR = 0x8927;
const ARPHRD_ETHER = 1;
const ARPHRD_LOOPBACK = 772;

const BLOCK_BYTES = 1 << 18;
/** A block that is not full is handed over after this time, ms. */
const RETIRE_MS = 50;
const STATUS_USER = 1;
const VLAN_VALID = 1 << 4;
const VLAN_TPID_VALID = 1 << 6;
const ADDRESS_AT = 48;
const PACKET_OUTGOING = 4;
const LINKTYPE_ETHERNET = 1;
const LINKTYPE_SLL2 = 276;
const SNAP = 262_144;

/** What to capture, and how much may wait to be read. */
interface CaptureOptions {
  /** Name of an interface; null for all of them. */
  readonly interface: string | null;
  /** Bytes of the ring, rounded up to blocks of 256 KB. Default 8 MB. */
  readonly ringBytes?: number;
}

/** An open capture. */
interface InterfaceCapture {
  /** The descriptor: readable (POLLIN) when there is something to read. */
  readonly fd: number;
  /** The header of the capture, in pcap's form with nanoseconds: the first bytes for whoever reads it. */
  readonly header: Uint8Array;
  /** Hands over what has come since, as whole records; the bytes are not the taker's own afterwards. @returns how many packets */
  read(take: (records: Uint8Array) => void): number;
  /** Packets that came, and that the ring had no room for, since the last call. */
  statistics(): { readonly packets: number; readonly drops: number };
  close(): void;
}

/** @throws SysError (EPERM without CAP_NET_RAW, ENODEV if there is no such interface) */
export function openCapture(sys: Sys, options: CaptureOptions): InterfaceCapture {
  const { interface: name, ringBytes = 1 << 23 } = options;
  const index = name === null ? 0 : interfaceIndex(sys, name);
  // With all interfaces, and those without Ethernet's header, the kernel takes link headers off and says whose they were.
  const cooked = name === null || !isEthernet(sys, name);
  const fd = must(
    'socket AF_PACKET',
    sys.call(
      'socket',
      K.AF_PACKET,
      (cooked ? K.SOCK_DGRAM : K.SOCK_RAW) | K.SOCK_CLOEXEC | K.SOCK_NONBLOCK,
      0,
    ),
  );
  try {
    must('PACKET_VERSION', sys.setsockoptInt(fd, SOL_PACKET, PACKET_VERSION, TPACKET_V3));
    const blocks = Math.max(2, Math.ceil(ringBytes / BLOCK_BYTES));
    const request = Buffer.alloc(28);
    request.writeUInt32LE(BLOCK_BYTES, 0);
    request.writeUInt32LE(blocks, 4);
    request.writeUInt32LE(2048, 8);
    request.writeUInt32LE((BLOCK_BYTES / 2048) * blocks, 12);
    request.writeUInt32LE(RETIRE_MS, 16);
    must('PACKET_RX_RING', sys.setsockopt(fd, SOL_PACKET, PACKET_RX_RING, request));
    const ring = sys.mmap(fd, BLOCK_BYTES * blocks);
    const address = Buffer.alloc(20);
    address.writeUInt16LE(K.AF_PACKET, 0);
    address.writeUInt16BE(ETH_P_ALL, 2);
    address.writeInt32LE(index, 4);
    must(`bind to ${name ?? 'all interfaces'}`, sys.call('bind', fd, address, address.length));
    return new Ring(sys, fd, ring, blocks, cooked);
  } catch (error) {
    sys.call('close', fd);
    throw error;
  }
}

/** Whether frames of an interface begin with Ethernet's header. */
function isEthernet(sys: Sys, name: string): boolean {
  const fd = must('socket', sys.call('socket', K.AF_INET, K.SOCK_DGRAM | K.SOCK_CLOEXEC, 0));
  try {
    const request = Buffer.alloc(40);
    request.write(name.slice(0, 15), 'latin1');
    must(`the kind of ${name}`, sys.call('ioctl', fd, SIOCGIFHWADDR, request));
    return [ARPHRD_ETHER, ARPHRD_LOOPBACK].includes(request.readUInt16LE(16));
  } finally {
    sys.call('close', fd);
  }
}

function pcapHeader(linkType: number): Uint8Array {
  const header = Buffer.alloc(24);
  header.writeUInt32LE(0xa1b23c4d, 0);
  header.writeUInt16LE(2, 4);
  header.writeUInt16LE(4, 6);
  header.writeUInt32LE(SNAP, 16);
  header.writeUInt32LE(linkType, 20);
  return header;
}

class Ring implements InterfaceCapture {
  readonly fd: number;
  readonly header: Uint8Array;
  private readonly sys: Sys;
  private readonly bytes: Uint8Array;
  private readonly view: DataView;
  private readonly unmap: () => void;
  private readonly blocks: number;
  private readonly cooked: boolean;
  private next = 0;
  private isOpen = true;
  private out = Buffer.alloc(BLOCK_BYTES * 2);
  private used = 0;

  constructor(
    sys: Sys,
    fd: number,
    ring: { readonly bytes: Uint8Array; unmap(): void },
    blocks: number,
    cooked: boolean,
  ) {
    this.sys = sys;
    this.fd = fd;
    this.bytes = ring.bytes;
    this.view = new DataView(ring.bytes.buffer, ring.bytes.byteOffset, ring.bytes.byteLength);
    this.unmap = () => ring.unmap();
    this.blocks = blocks;
    this.cooked = cooked;
    this.header = pcapHeader(cooked ? LINKTYPE_SLL2 : LINKTYPE_ETHERNET);
  }

  read(take: (records: Uint8Array) => void): number {
    let count = 0;
    // At most one round: a busy link must not keep the caller here for ever.
    for (let n = 0; n < this.blocks && this.isOpen; n++) {
      const block = this.next * BLOCK_BYTES;
      if ((this.view.getUint32(block + 8, true) & STATUS_USER) === 0) break;
      count += this.block(block);
      // Back to the kernel.
      this.view.setUint32(block + 8, 0, true);
      this.next = (this.next + 1) % this.blocks;
      if (this.used > 0) take(this.out.subarray(0, this.used));
      this.used = 0;
    }
    return count;
  }

  private block(block: number): number {
    const { view } = this;
    const packets = view.getUint32(block + 12, true);
    let at = block + view.getUint32(block + 16, true);
    for (let n = 0; n < packets; n++) {
      this.packet(at);
      at += view.getUint32(at, true);
    }
    return packets;
  }

  /** Puts a packet into the capture: its record, for cooked ones SLL2's header, for tagged ones the tag that the kernel took off. */
  private packet(at: number): void {
    const { view, cooked } = this;
    // A loopback interface shows each packet twice, going out and coming in.
    const loopback = view.getUint16(at + ADDRESS_AT + 8, true) === ARPHRD_LOOPBACK;
    if (loopback && view.getUint8(at + ADDRESS_AT + 10) === PACKET_OUTGOING) return;
    const captured = view.getUint32(at + 12, true);
    const status = view.getUint32(at + 20, true);
    const start = at + view.getUint16(at + (cooked ? 26 : 24), true);
    const tagged = !cooked && (status & VLAN_VALID) !== 0 && captured >= 14;
    const extra = cooked ? 20 : tagged ? 4 : 0;
    this.reserve(16 + extra + captured);
    const { out } = this;
    out.writeUInt32LE(view.getUint32(at + 4, true), this.used);
    out.writeUInt32LE(view.getUint32(at + 8, true), this.used + 4);
    out.writeUInt32LE(captured + extra, this.used + 8);
    out.writeUInt32LE(view.getUint32(at + 16, true) + extra, this.used + 12);
    this.used += 16;
    if (cooked) this.cookedHeader(at + ADDRESS_AT);
    if (!tagged) {
      this.copy(start, captured);
      return;
    }
    this.copy(start, 12);
    out.writeUInt16BE(status & VLAN_TPID_VALID ? view.getUint16(at + 36, true) : 0x8100, this.used);
    out.writeUInt16BE(view.getUint32(at + 32, true) & 0xffff, this.used + 2);
    this.used += 4;
    this.copy(start + 12, captured - 12);
  }

  /** LINKTYPE_LINUX_SLL2 of a `struct sockaddr_ll`. */
  private cookedHeader(at: number): void {
    const { view, out, used } = this;
    out.writeUInt16BE(view.getUint16(at + 2, false), used);
    out.writeUInt16BE(0, used + 2);
    out.writeUInt32BE(view.getUint32(at + 4, true), used + 4);
    out.writeUInt16BE(view.getUint16(at + 8, true), used + 8);
    out[used + 10] = view.getUint8(at + 10);
    out[used + 11] = view.getUint8(at + 11);
    for (let n = 0; n < 8; n++) out[used + 12 + n] = view.getUint8(at + 12 + n);
    this.used = used + 20;
  }

  private copy(from: number, size: number): void {
    this.out.set(this.bytes.subarray(from, from + size), this.used);
    this.used += size;
  }

  private reserve(size: number): void {
    if (this.used + size <= this.out.length) return;
    const larger = Buffer.alloc(Math.max(this.out.length * 2, this.used + size));
    larger.set(this.out.subarray(0, this.used));
    this.out = larger;
  }

  statistics(): { packets: number; drops: number } {
    const value = this.sys.getsockopt(this.fd, SOL_PACKET, PACKET_STATISTICS, 12);
    if (typeof value === 'number') return { packets: 0, drops: 0 };
    const counts = new DataView(value.buffer, value.byteOffset, value.byteLength);
    return { packets: counts.getUint32(0, true), drops: counts.getUint32(4, true) };
  }

  close(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    this.unmap();
    this.sys.call('close', this.fd);
  }
}
