/**
 * The packets that tell of connection attempts, and no others: SYNs, RSTs and ICMP errors that arrive in a network
 * namespace, by an AF_PACKET socket with a filter in the kernel. Root (CAP_NET_RAW) and koffi.
 */
import { closeSync, openSync } from 'node:fs';
import { K, must, type Sys } from './sys.ts';

/** A packet, from its IP header on. */
export interface TappedPacket {
  /** µs of CLOCK_REALTIME. */
  readonly time: number;
  readonly family: 4 | 6;
  /** Whether this host sent it. */
  readonly outgoing: boolean;
  /** Whether it is for this host's link address; one that only passes by (bridges, promiscuous interfaces) is not. */
  readonly forUs: boolean;
  /** The number of its interface. */
  readonly device: number;
  /** Its first 256 bytes at most. */
  readonly bytes: Uint8Array;
}

/** An open tap. */
export interface SynTap {
  /** Hands on what has arrived, at most `most` packets. @returns how many */
  read(onPacket: (packet: TappedPacket) => void, most?: number): number;
  close(): void;
}

const etherIPv4 = 0x0800;
const etherIPv6 = 0x86dd;
const room = 256;
const soAttachFilter = 26;
/** Packet types of `struct sockaddr_ll`. */
const hostType = 0;
const outgoingType = 4;

const load = { byte: 0x30, half: 0x28, byteX: 0x50, headerX: 0xb1 } as const;
const jump = { equal: 0x15, set: 0x45 } as const;
const give = 0x06;
/** Where the kernel's filter finds what is not in the packet (linux/filter.h). */
const ancillary = { protocol: 0xffff_f000, packetType: 0xffff_f004 } as const;

type Step = readonly [code: number, ifTrue: number, ifFalse: number, k: number];

/** @param sent whether the host's own packets are wanted as well */
function filter(sent: boolean): Step[] {
  const icmp4: Step[] = [
    [load.headerX, 0, 0, 0],
    [load.byteX, 0, 0, 0],
    [jump.equal, 2, 0, 3],
    [jump.equal, 1, 0, 11],
    [jump.equal, 0, 1, 12],
    [give, 0, 0, room],
    [give, 0, 0, 0],
  ];
  const tcp4: Step[] = [
    [load.half, 0, 0, 6],
    [jump.set, 3, 0, 0x1fff], // a later fragment has no TCP header
    [load.headerX, 0, 0, 0],
    [load.byteX, 0, 0, 13],
    [jump.set, 1, 0, 0x06],
    [give, 0, 0, 0],
    [give, 0, 0, room],
  ];
  const ipv4: Step[] = [
    [load.byte, 0, 0, 9],
    [jump.equal, 0, icmp4.length, 1],
    ...icmp4,
    [jump.equal, 0, tcp4.length, 6],
    ...tcp4,
    [give, 0, 0, 0],
  ];
  const ipv6: Step[] = [
    [load.byte, 0, 0, 6],
    [jump.equal, 0, 3, 58],
    [load.byte, 0, 0, 40],
    [jump.set, 4, 0, 0x80], // not an error
    [give, 0, 0, room],
    [jump.equal, 0, 2, 6],
    [load.byte, 0, 0, 53],
    [jump.set, 1, 0, 0x06],
    [give, 0, 0, 0],
    [give, 0, 0, room],
  ];
  return [
    ...(sent
      ? []
      : ([
          [load.half, 0, 0, ancillary.packetType],
          [jump.equal, 0, 1, outgoingType],
          [give, 0, 0, 0],
        ] as const)),
    [load.half, 0, 0, ancillary.protocol],
    [jump.equal, 0, ipv4.length, etherIPv4],
    ...ipv4,
    [jump.equal, 0, ipv6.length, etherIPv6],
    ...ipv6,
    [give, 0, 0, 0],
  ];
}

/**
 * Opens a tap in a network namespace.
 * @param namespace its file (/proc/PID/ns/net), or null for the own one
 * @throws SysError if this user may not; an error of the file system if the namespace is gone
 */
export function openSynTap(
  sys: Sys,
  namespace: string | null,
  options: { readonly sent?: boolean } = {},
): SynTap {
  const fd = inNamespace(sys, namespace, () =>
    must(
      'socket(AF_PACKET)',
      sys.call('socket', K.AF_PACKET, K.SOCK_DGRAM | K.SOCK_NONBLOCK | K.SOCK_CLOEXEC, 0),
    ),
  );
  try {
    const steps = filter(options.sent ?? false);
    const program = Buffer.alloc(8 * steps.length);
    for (const [index, [code, ifTrue, ifFalse, k]] of steps.entries()) {
      program.writeUInt16LE(code, 8 * index);
      program.writeUInt8(ifTrue, 8 * index + 2);
      program.writeUInt8(ifFalse, 8 * index + 3);
      program.writeUInt32LE(k, 8 * index + 4);
    }
    const description = Buffer.alloc(16);
    description.writeUInt16LE(steps.length, 0);
    description.writeBigUInt64LE(sys.address(program), 8);
    must('SO_ATTACH_FILTER', sys.setsockopt(fd, K.SOL_SOCKET, soAttachFilter, description));
    must('SO_TIMESTAMPNS', sys.setsockoptInt(fd, K.SOL_SOCKET, K.SO_TIMESTAMPNS, 1));
    sys.setsockoptInt(fd, K.SOL_SOCKET, K.SO_RCVBUFFORCE, 4 << 20);
    // Only now does it receive: nothing can have come past the filter. All protocols, all interfaces.
    const everything = Buffer.alloc(20);
    everything.writeUInt16LE(K.AF_PACKET, 0);
    everything.writeUInt16BE(3, 2);
    must('bind(AF_PACKET)', sys.call('bind', fd, everything, everything.length));
  } catch (error) {
    sys.call('close', fd);
    throw error;
  }
  return new Tap(sys, fd);
}

/** Runs something in another network namespace: the calling thread goes there and comes back. */
function inNamespace<T>(sys: Sys, namespace: string | null, work: () => T): T {
  if (namespace === null) return work();
  const own = openSync('/proc/thread-self/ns/net', 'r');
  try {
    const theirs = openSync(namespace, 'r');
    try {
      must('setns', sys.call('setns', theirs, K.CLONE_NEWNET));
      try {
        return work();
      } finally {
        must('setns', sys.call('setns', own, K.CLONE_NEWNET));
      }
    } finally {
      closeSync(theirs);
    }
  } finally {
    closeSync(own);
  }
}

class Tap implements SynTap {
  readonly #sys: Sys;
  readonly #fd: number;
  readonly #address = Buffer.alloc(20);
  readonly #bytes = Buffer.alloc(room);

  constructor(sys: Sys, fd: number) {
    this.#sys = sys;
    this.#fd = fd;
  }

  read(onPacket: (packet: TappedPacket) => void, most = 1000): number {
    for (let count = 0; count < most; count++) {
      const { value, control } = this.#sys.recvmsg(this.#fd, [this.#bytes], 0, this.#address, 64);
      if (value < 0) {
        // An interface that went down is told as an error once; the socket goes on.
        if (value === -K.EAGAIN || value === -100) return count;
        must('recvmsg(AF_PACKET)', value);
      }
      const stamp = control[0]?.data;
      const view = stamp && Buffer.from(stamp.buffer, stamp.byteOffset, stamp.byteLength);
      const time = view ? Number(view.readBigInt64LE(0)) * 1e6 + Number(view.readBigInt64LE(8)) / 1000 : 0;
      onPacket({
        time,
        family: this.#address.readUInt16BE(2) === etherIPv6 ? 6 : 4,
        outgoing: this.#address[10] === outgoingType,
        forUs: this.#address[10] === hostType,
        device: this.#address.readInt32LE(4),
        bytes: Uint8Array.from(this.#bytes.subarray(0, value)),
      });
    }
    return most;
  }

  close(): void {
    this.#sys.call('close', this.#fd);
  }
}
