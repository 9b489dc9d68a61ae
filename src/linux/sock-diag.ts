/**
 * The kernel's own list of TCP sockets, and its way to destroy one: NETLINK_SOCK_DIAG (include/uapi/linux/inet_diag.h). Each
 * socket of this kind speaks for the network namespace in which it was made, whatever namespace its thread enters later.
 */
import { type Address, ipv4, ipv6, sameAddress } from '../wire/address.ts';
import { attribute, Netlink, NLM } from './netlink.ts';
import { addressBytes } from './sockaddr.ts';
import { K, type Sys, SysError } from './sys.ts';
import { TcpState } from './tcp-state.ts';

/** One end of a connection. */
export interface DiagEnd {
  readonly address: Address;
  readonly port: number;
}

/** What names a socket to the kernel. */
interface DiagId {
  readonly local: DiagEnd;
  readonly remote: DiagEnd;
  /** The device that it is bound to, 0 for any. */
  readonly device: number;
  /** The kernel's number of this very socket; null: whichever has these ends. */
  readonly cookie: bigint | null;
}

/** A TCP socket as the kernel tells of it. */
export interface DiagSocket extends DiagId {
  readonly cookie: bigint;
  /** A number of {@link TcpState}. */
  readonly state: number;
  /** 1 retransmission, 2 keepalive, 3 TIME-WAIT, 4 zero window probe; 0 none. */
  readonly timer: number;
  /** Retransmissions, or probes, so far. */
  readonly retransmits: number;
  /** Milliseconds until the timer fires. */
  readonly expiresMs: number;
  /** Bytes not yet read; of a listener the connections that wait for accept(). */
  readonly receiveQueue: number;
  /** Bytes not yet acknowledged; of a listener its backlog. */
  readonly sendQueue: number;
  readonly uid: number;
  /** 0 when no descriptor is open on it any more. */
  readonly inode: number;
}

const SOCK_DIAG_BY_FAMILY = 20;
const SOCK_DESTROY = 21;
const NETLINK_SOCK_DIAG = 4;
const INET_DIAG_REQ_BYTECODE = 1;
const IPPROTO_TCP = 6;
const idLength = 48;
const messageLength = 72;
const noCookie = 0xffff_ffff_ffff_ffffn;

function writeEnd(bytes: Buffer, end: DiagEnd, portAt: number, addressAt: number): void {
  bytes.writeUInt16BE(end.port, portAt);
  bytes.set(addressBytes(end.address), addressAt);
}

/** `struct inet_diag_req_v2`. @param states a bit for each state that is wanted */
function request(family: number, states: number, id?: DiagId): Buffer {
  const bytes = Buffer.alloc(8 + idLength);
  bytes[0] = family;
  bytes[1] = IPPROTO_TCP;
  bytes.writeUInt32LE(states, 4);
  if (id !== undefined) {
    writeEnd(bytes, id.local, 8, 12);
    writeEnd(bytes, id.remote, 10, 28);
    bytes.writeUInt32LE(id.device, 44);
    bytes.writeBigUInt64LE(id.cookie ?? noCookie, 48);
  }
  return bytes;
}

const familyOf = (id: DiagId): number => (id.local.address.family === 4 ? K.AF_INET : K.AF_INET6);

function readAddress(bytes: Buffer, family: number, at: number): Address {
  if (family === K.AF_INET) return ipv4(bytes.readInt32BE(at));
  const words = [0, 4, 8, 12].map((i) => bytes.readInt32BE(at + i)) as [number, number, number, number];
  return ipv6(...words);
}

/** Reads `struct inet_diag_msg`; null if it is shorter than that. */
function parseDiagMessage(bytes: Buffer): DiagSocket | null {
  if (bytes.length < messageLength) return null;
  const family = bytes[0]!;
  return {
    state: bytes[1]!,
    timer: bytes[2]!,
    retransmits: bytes[3]!,
    local: { address: readAddress(bytes, family, 8), port: bytes.readUInt16BE(4) },
    remote: { address: readAddress(bytes, family, 24), port: bytes.readUInt16BE(6) },
    device: bytes.readUInt32LE(40),
    cookie: bytes.readBigUInt64LE(44),
    expiresMs: bytes.readUInt32LE(52),
    receiveQueue: bytes.readUInt32LE(56),
    sendQueue: bytes.readUInt32LE(60),
    uid: bytes.readUInt32LE(64),
    inode: bytes.readUInt32LE(68),
  };
}

/** Whether its two ends are the same: it is connected to itself. */
export const isWithItself = ({ local, remote }: DiagId): boolean =>
  local.port === remote.port && sameAddress(local.address, remote.address);

/**
 * A filter that the kernel applies: both ports from `low` to `high`. Each comparison is two operations of four bytes;
 * where it fails the kernel jumps past the end, which means no.
 */
function bothPortsWithin(low: number, high: number): Buffer {
  const [sourceAtLeast, sourceAtMost, destinationAtLeast, destinationAtMost] = [2, 3, 4, 5];
  const comparisons = [
    [sourceAtLeast, low],
    [sourceAtMost, high],
    [destinationAtLeast, low],
    [destinationAtMost, high],
  ] as const;
  const bytes = Buffer.alloc(8 * comparisons.length);
  comparisons.forEach(([code, port], i) => {
    bytes[8 * i] = code;
    bytes[8 * i + 1] = 8;
    bytes.writeUInt16LE(bytes.length - 8 * i + 4, 8 * i + 2);
    bytes.writeUInt16LE(port, 8 * i + 6);
  });
  return attribute(INET_DIAG_REQ_BYTECODE, bytes);
}

/** Which sockets are listed. */
interface DiagQuery {
  /** Numbers of {@link TcpState}. */
  readonly states: readonly number[];
  /** Only those whose two ports are both from `low` to `high`. */
  readonly bothPorts?: { readonly low: number; readonly high: number };
}

/** Asks the kernel about the TCP sockets of one network namespace. */
export class SockDiag {
  private readonly netlink: Netlink;

  /** Of the network namespace that the calling thread is in. @throws SysError */
  constructor(sys: Sys) {
    this.netlink = new Netlink(sys, NETLINK_SOCK_DIAG);
  }

  /** The sockets of both families. @throws SysError with the kernel's error */
  list({ states, bothPorts }: DiagQuery): DiagSocket[] {
    const mask = states.reduce((bits, state) => bits | (1 << state), 0);
    const filter = bothPorts === undefined ? [] : [bothPortsWithin(bothPorts.low, bothPorts.high)];
    return [K.AF_INET, K.AF_INET6].flatMap((family) =>
      this.netlink
        .request(
          'list sockets',
          SOCK_DIAG_BY_FAMILY,
          NLM.dump,
          Buffer.concat([request(family, mask), ...filter]),
        )
        .flatMap(({ body }) => parseDiagMessage(body) ?? []),
    );
  }

  /**
   * The socket with these ends. Where no connection has them, that is a listener on the local end, if there is one:
   * look at the state.
   * @returns null if there is none @throws SysError with the kernel's error
   */
  find(local: DiagEnd, remote: DiagEnd): DiagSocket | null {
    const id: DiagId = { local, remote, device: 0, cookie: null };
    try {
      const [answer] = this.netlink.request(
        'find a socket',
        SOCK_DIAG_BY_FAMILY,
        NLM.ack,
        request(familyOf(id), 0xffff_ffff, id),
      );
      return answer === undefined ? null : parseDiagMessage(answer.body);
    } catch (error) {
      if (error instanceof SysError && error.code === 'ENOENT') return null;
      throw error;
    }
  }

  /**
   * Destroys a connection: its program gets ECONNABORTED, and the port is free at once. TIME-WAIT ends, too. The cookie makes
   * sure that it is this very socket and not a later one with the same ends.
   * @returns false if it was gone already
   * @throws SysError EPERM without CAP_NET_ADMIN in the namespace, EOPNOTSUPP where the kernel has no SOCK_DESTROY
   */
  destroy(socket: DiagSocket): boolean {
    try {
      this.netlink.request(
        'destroy a socket',
        SOCK_DESTROY,
        NLM.ack,
        request(familyOf(socket), 0xffff_ffff, socket),
      );
      return true;
    } catch (error) {
      if (error instanceof SysError && (error.code === 'ENOENT' || error.code === 'ESTALE')) return false;
      throw error;
    }
  }

  close(): void {
    this.netlink.close();
  }
}
