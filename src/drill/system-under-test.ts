/**
 * The boundary between the script runner and the stack it tests. The runner knows nothing else of a stack: put these
 * methods in front of your own and every packetdrill script runs on it (docs/packetdrill.md has an example of about a
 * hundred lines).
 *
 * Everything is synchronous; `AsyncSystemUnderTest` is the same for a stack behind a process or a promise. Times are integer microseconds of the system's own clock, which may be virtual (it only
 * moves inside `advance`) or real. Numbers of options, flags and errors are Linux'. Addresses are text ("192.0.2.1",
 * "2001:db8::1", "::ffff:192.0.2.1"). The runner translates the script's file descriptors into the ones the system
 * returned before it calls.
 */

/** An IPv4 or IPv6 socket address; `AF_UNSPEC` (which dissolves a connection) has neither address nor port. */
export interface SocketAddress {
  /** AF_UNSPEC 0, AF_INET 2 or AF_INET6 10. */
  readonly family: number;
  readonly ip: string;
  readonly port: number;
}

/** One control message of sendmsg or recvmsg. */
export interface ControlMessage {
  readonly level: number;
  readonly type: number;
  readonly data: Uint8Array;
}

/** What one entry of epoll carries: 64 bits that belong to the caller (a descriptor, as a rule). */
export interface EpollEvent {
  readonly events: number;
  readonly data: number;
}

/** The calls that take data in; packetdrill never looks at the bytes, so only lengths are asked for. */
export interface ReceiveCall {
  readonly name: 'read' | 'readv' | 'recv' | 'recvfrom' | 'recvmsg';
  readonly fd: number;
  /** Size of each buffer in bytes; one entry but for readv and recvmsg. */
  readonly lengths: readonly number[];
  /** MSG_ flags; 0 for read and readv. */
  readonly flags: number;
  /** The script passes NULL for the buffer: EFAULT (14) if the call comes to touching it. */
  readonly nullBuffer: boolean;
}

/** The calls that send; all data is zeros, so that only lengths are given. */
export interface SendCall {
  readonly name: 'write' | 'writev' | 'send' | 'sendto' | 'sendmsg';
  readonly fd: number;
  /** Size of each buffer in bytes; one entry but for writev and sendmsg. */
  readonly lengths: readonly number[];
  /** MSG_ flags; 0 for write and writev. */
  readonly flags: number;
  /** Where to, for sendto and sendmsg; null if the script gives none. */
  readonly address: SocketAddress | null;
  readonly control: readonly ControlMessage[];
  /** The script passes NULL for the buffer: EFAULT (14) if the call comes to touching it. */
  readonly nullBuffer: boolean;
}

/** A system call as a script makes it, with its arguments decoded. A system answers ENOSYS (38) to a call or an option that it
 * lacks: the script then "cannot run here", which is no failure. */
export type SystemCall =
  | { readonly name: 'socket'; readonly domain: number; readonly type: number; readonly protocol: number }
  | { readonly name: 'bind'; readonly fd: number; readonly address: SocketAddress }
  | { readonly name: 'connect'; readonly fd: number; readonly address: SocketAddress }
  | { readonly name: 'listen'; readonly fd: number; readonly backlog: number }
  | { readonly name: 'accept'; readonly fd: number }
  | ReceiveCall
  | SendCall
  | { readonly name: 'close'; readonly fd: number }
  | { readonly name: 'shutdown'; readonly fd: number; readonly how: number }
  | { readonly name: 'fcntl'; readonly fd: number; readonly command: number; readonly argument: number }
  | { readonly name: 'ioctl'; readonly fd: number; readonly request: number; readonly argument: number }
  | {
      readonly name: 'getsockopt';
      readonly fd: number;
      readonly level: number;
      readonly option: number;
      /** Room for the value, in bytes. */
      readonly length: number;
    }
  | {
      readonly name: 'setsockopt';
      readonly fd: number;
      readonly level: number;
      readonly option: number;
      /** The value as the C program lays it out (little-endian); see `optionInt`. */
      readonly value: Uint8Array;
    }
  | {
      readonly name: 'poll';
      readonly fds: readonly { readonly fd: number; readonly events: number }[];
      /** Milliseconds; negative waits for ever. */
      readonly timeoutMs: number;
    }
  | { readonly name: 'epoll_create'; readonly size: number }
  | {
      readonly name: 'epoll_ctl';
      readonly epfd: number;
      readonly operation: number;
      readonly fd: number;
      readonly event: EpollEvent;
    }
  | {
      readonly name: 'epoll_wait';
      readonly epfd: number;
      readonly maxEvents: number;
      /** Milliseconds; negative waits for ever. */
      readonly timeoutMs: number;
    }
  | { readonly name: 'open'; readonly path: string; readonly flags: number }
  | {
      readonly name: 'sendfile';
      readonly out: number;
      readonly in: number;
      readonly offset: number;
      readonly count: number;
    }
  | { readonly name: 'pipe' }
  | {
      readonly name: 'splice';
      readonly in: number;
      readonly out: number;
      readonly length: number;
      readonly flags: number;
    };

/** How a system call ended. */
export interface Outcome {
  /** What the call returned; -1 when it failed. */
  readonly value: number;
  /** The error's number on Linux; 0 when it did not fail. */
  readonly errno: number;
  /** getsockopt: the value's bytes. */
  readonly option?: Uint8Array;
  /** ioctl: the integer written back. sendfile: the offset afterwards. */
  readonly argument?: number;
  /** poll: one entry for every descriptor asked about. */
  readonly revents?: readonly number[];
  /** epoll_wait: the events, as many as `value` says. */
  readonly events?: readonly EpollEvent[];
  /** recvmsg: flags and control messages received. */
  readonly message?: { readonly flags: number; readonly control: readonly ControlMessage[] };
  /** pipe: the reading and the writing end. */
  readonly fds?: readonly [number, number];
}

/** A packet the system sent. */
export interface OutboundPacket {
  /** The whole IP packet. It must not change afterwards. */
  readonly bytes: Uint8Array;
  /** When it left, µs. */
  readonly atUs: number;
}

/**
 * Why `advance` came back: the time was reached; there is something to look at (an outbound packet, or the pending
 * call ended); or nothing is left that could ever happen (no timer runs, no packet is under way).
 */
export type Advance = 'reached' | 'activity' | 'idle';

/** What a snippet of a script can look at: the struct's fields by their names in Linux' headers. */
export type InfoKind = 'TCP_INFO' | 'TCP_CC_INFO' | 'SO_MEMINFO';

/** A stack that scripts can be run on. The methods with a question mark may be left out. */
export interface SystemUnderTest {
  /** The time, µs. It never goes back. */
  now(): number;
  /**
   * Lets the system run until `untilUs` (what is due at that very time included), but comes back at the first thing to
   * look at; at once if there already is one. On 'reached' and 'idle' the clock stands at `untilUs`.
   */
  advance(untilUs: number): Advance;
  /** The oldest packet sent that was not asked for yet, or null. */
  nextPacket(): OutboundPacket | null;
  /** Hands the system an IP packet from the network, now. */
  inject(packet: Uint8Array): void;
  /**
   * Makes a call. 'pending' if it blocks: then `ended` tells its end later. There is never more than one pending call,
   * and other calls may be made meanwhile.
   */
  syscall(call: SystemCall): Outcome | 'pending';
  /** The pending call's end and when it came (µs), once; null while it still blocks. Only needed if calls can block. */
  ended?(): { readonly outcome: Outcome; readonly atUs: number } | null;
  /** A snapshot of a socket, or null if the system has none of this kind. */
  info?(fd: number, kind: InfoKind): Readonly<Record<string, number>> | null;
  /** Runs a shell command of the script (sysctl, ip route, ...); `output` is what it printed. */
  command?(text: string): { readonly status: number; readonly output: string };
  /** The script is over: stop and free everything. */
  close?(): void;
}

/** An answer that may come later. */
export type Answer<T> = T | PromiseLike<T>;

/**
 * The same boundary for a stack that takes its time: behind a process, a socket, a promise. Whatever makes it do
 * something may answer with a promise, and no second thing is asked of it before. `now`, `nextPacket` and `ended` tell
 * what was known with the last answer. A rejection is an error of the run.
 */
export interface AsyncSystemUnderTest extends Pick<SystemUnderTest, 'now' | 'nextPacket' | 'ended'> {
  advance(untilUs: number): Answer<Advance>;
  inject(packet: Uint8Array): Answer<void>;
  syscall(call: SystemCall): Answer<Outcome | 'pending'>;
  info?(fd: number, kind: InfoKind): Answer<Readonly<Record<string, number>> | null>;
  command?(text: string): Answer<{ readonly status: number; readonly output: string }>;
  close?(): Answer<void>;
}

/** Which of packetdrill's three address set-ups a run uses. */
export type IpVersion = 'ipv4' | 'ipv4-mapped-ipv6' | 'ipv6';

/** The network a script runs in. The system under test has `localIp`; the runner plays `remoteIp`. */
export interface DrillNetwork {
  readonly ipVersion: IpVersion;
  readonly localIp: string;
  readonly remoteIp: string;
  readonly gatewayIp: string;
  /** Length of the local network's prefix, bits. */
  readonly prefixLength: number;
  /** The local interface's MTU, bytes. */
  readonly mtu: number;
}

/** Makes a fresh system for one run of one script. */
export type OpenSystem = (network: DrillNetwork) => SystemUnderTest;

/** The same for a system that may answer with promises, or takes its time to start. */
export type OpenAsyncSystem = (network: DrillNetwork) => Answer<AsyncSystemUnderTest>;

/** A four-byte option value as setsockopt takes it. */
export function optionInt(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setInt32(0, value, true);
  return bytes;
}

/** The number in an option value of one to four bytes, as getsockopt gives it. */
export function readOptionInt(bytes: Uint8Array): number {
  if (bytes.length >= 4) return new DataView(bytes.buffer, bytes.byteOffset).getInt32(0, true);
  let value = 0;
  for (let i = bytes.length - 1; i >= 0; i--) value = (value << 8) | bytes[i]!;
  return value;
}
