/**
 * Linux system calls from Node. This is the only file that knows koffi, which is an optional dependency and loaded on
 * first use; everything else in src/linux goes through `sys()`.
 *
 * Every call returns what the kernel returns: a value, or an error number negated (-11 is EAGAIN). `must` turns the
 * latter into a `SysError`. Buffers are handed over as they are, without a copy, and need only live as long as the call.
 */
import { createRequire } from 'node:module';
import { endianness } from 'node:os';
import type Koffi from 'koffi';
import { errnoName, errnoText } from '../drill/errors.ts';

/** Numbers of Linux that are the same on x86-64, arm64 and riscv64. */
export const K = {
  CLONE_NEWNS: 0x20000,
  CLONE_NEWUSER: 0x10000000,
  CLONE_NEWNET: 0x40000000,
  MS_RDONLY: 1,
  MS_NOSUID: 2,
  MS_NODEV: 4,
  MS_NOEXEC: 8,
  MS_REMOUNT: 0x20,
  MS_BIND: 0x1000,
  MS_REC: 0x4000,
  MS_PRIVATE: 0x40000,
  AF_INET: 2,
  AF_INET6: 10,
  AF_NETLINK: 16,
  AF_PACKET: 17,
  SOCK_STREAM: 1,
  SOCK_DGRAM: 2,
  SOCK_RAW: 3,
  SOCK_NONBLOCK: 0x800,
  SOCK_CLOEXEC: 0x80000,
  SOL_SOCKET: 1,
  SO_RCVBUF: 8,
  SO_LINGER: 13,
  SO_RCVBUFFORCE: 33,
  SO_TIMESTAMPNS: 35,
  O_RDONLY: 0,
  O_RDWR: 2,
  O_NONBLOCK: 0x800,
  O_CLOEXEC: 0x80000,
  F_GETFL: 3,
  F_SETFL: 4,
  MSG_DONTWAIT: 0x40,
  POLLIN: 1,
  POLLOUT: 4,
  PR_SET_PDEATHSIG: 1,
  SCHED_FIFO: 1,
  SCHED_RESET_ON_FORK: 0x40000000,
  EAGAIN: 11,
  ETIMEDOUT: 110,
  EINPROGRESS: 115,
  EINTR: 4,
} as const;

/** A system call that failed. */
export class SysError extends Error {
  readonly call: string;
  /** The error's number on Linux, positive. */
  readonly errno: number;
  /** Its name, such as EPERM. */
  readonly code: string;

  constructor(call: string, errno: number) {
    const code = errnoName(errno);
    super(`${call}: ${code} (${errnoText(errno)})`);
    this.call = call;
    this.errno = errno;
    this.code = code;
  }
}

/** System calls cannot be made here at all: another system, or koffi is not installed. Its message says what to do. */
export class SysUnavailable extends Error {}

/** @returns the value of a call that must not fail @throws SysError naming the call */
export function must(call: string, result: number): number {
  if (result < 0) throw new SysError(call, -result);
  return result;
}

type Native = (...args: unknown[]) => number | bigint;
type Bytes = Uint8Array | null;

const prototypes = {
  socket: 'int socket(int domain, int type, int protocol)',
  bind: 'int bind(int fd, const void *address, uint32_t length)',
  connect: 'int connect(int fd, const void *address, uint32_t length)',
  listen: 'int listen(int fd, int backlog)',
  accept4: 'int accept4(int fd, void *address, void *length, int flags)',
  getsockname: 'int getsockname(int fd, void *address, void *length)',
  getsockopt: 'int getsockopt(int fd, int level, int option, void *value, void *length)',
  setsockopt: 'int setsockopt(int fd, int level, int option, const void *value, uint32_t length)',
  shutdown: 'int shutdown(int fd, int how)',
  sendto: 'intptr_t sendto(int fd, void *data, size_t n, int flags, const void *to, uint32_t length)',
  recvfrom: 'intptr_t recvfrom(int fd, void *data, size_t n, int flags, void *from, void *length)',
  sendmsg: 'intptr_t sendmsg(int fd, const void *message, int flags)',
  recvmsg: 'intptr_t recvmsg(int fd, void *message, int flags)',
  read: 'intptr_t read(int fd, void *data, size_t n)',
  write: 'intptr_t write(int fd, const void *data, size_t n)',
  readv: 'intptr_t readv(int fd, const void *vectors, int n)',
  writev: 'intptr_t writev(int fd, const void *vectors, int n)',
  close: 'int close(int fd)',
  open: 'int open(const char *path, int flags, unsigned int mode)',
  fcntl: 'int fcntl(int fd, int command, long argument)',
  ioctl: 'int ioctl(int fd, unsigned long request, void *argument)',
  poll: 'int poll(void *fds, unsigned long n, int milliseconds)',
  ppoll: 'int ppoll(void *fds, unsigned long n, const void *timeout, const void *mask)',
  epoll_create1: 'int epoll_create1(int flags)',
  epoll_ctl: 'int epoll_ctl(int epfd, int operation, int fd, const void *event)',
  epoll_wait: 'int epoll_wait(int epfd, void *events, int most, int milliseconds)',
  eventfd: 'int eventfd(unsigned int value, int flags)',
  pipe2: 'int pipe2(void *fds, int flags)',
  sendfile: 'intptr_t sendfile(int out, int in, void *offset, size_t n)',
  splice: 'intptr_t splice(int in, void *inOffset, int out, void *outOffset, size_t n, unsigned int flags)',
  unshare: 'int unshare(int flags)',
  setns: 'int setns(int fd, int kind)',
  mount:
    'int mount(const char *what, const char *where, const char *kind, unsigned long flags, const void *data)',
  umount2: 'int umount2(const char *where, int flags)',
  prctl: 'int prctl(int option, unsigned long a, unsigned long b, unsigned long c, unsigned long d)',
  sched_setscheduler: 'int sched_setscheduler(int pid, int policy, const void *parameters)',
  clock_gettime: 'int clock_gettime(int clock, void *time)',
  munmap: 'int munmap(void *address, size_t length)',
} as const;

type CallName = keyof typeof prototypes;

/** The calls of the C library, by name; see `Sys.call`. */
type Library = Readonly<Record<CallName, Native>>;

/** What a message of `recvmsg` came with. */
interface ReceivedMessage {
  /** Bytes received, or an error number negated. */
  readonly value: number;
  readonly flags: number;
  /** Length of the address that was filled in, bytes. */
  readonly addressLength: number;
  readonly control: readonly { readonly level: number; readonly type: number; readonly data: Uint8Array }[];
}

export class Sys {
  private readonly koffi: typeof Koffi;
  private readonly library: Library;
  private readonly mmapNative: (...args: unknown[]) => unknown;
  private readonly munmapNative: Native;
  private readonly exitNative: (status: number) => void;
  private readonly timespec = Buffer.alloc(32);
  /** Handles that nobody holds are collected, and then stop silently. */
  private readonly watched = new Set<unknown>();

  constructor(koffi: typeof Koffi) {
    this.koffi = koffi;
    const library = koffi.load(null);
    const made = Object.entries(prototypes).map(([name, prototype]) => [name, library.func(prototype)]);
    this.library = Object.fromEntries(made) as Library;
    this.mmapNative = library.func(
      'void *mmap(void *address, size_t length, int protection, int flags, int fd, long offset)',
    );
    this.munmapNative = this.library.munmap;
    this.exitNative = library.func('void _exit(int status)');
  }

  /** Makes a call of the C library: its value, or the error number negated. Buffers, numbers, strings and null go in. */
  call(name: CallName, ...args: (number | bigint | string | Bytes)[]): number {
    const value = Number(this.library[name](...args));
    return value < 0 ? -this.koffi.errno() : value;
  }

  /**
   * Calls back whenever a descriptor has something to read, on the event loop. An error of `ready` is thrown from the loop.
   * @returns stops it
   */
  watch(fd: number, ready: () => void): () => void {
    const handle = this.koffi.node.poll(fd, { readable: true }, () => {
      try {
        ready();
      } catch (error) {
        // Thrown inside a native callback it would hang the process.
        setImmediate(() => {
          throw error;
        });
      }
    });
    this.watched.add(handle);
    return () => {
      if (!this.watched.delete(handle)) return;
      handle.stop();
      handle.close();
    };
  }

  /** Where a buffer's bytes are. The caller keeps the buffer alive as long as the address is used. */
  address(bytes: Uint8Array): bigint {
    return this.koffi.address(bytes);
  }

  /** A value of the C library's `int` socket option. @returns the value, or null and the error with `must` semantics */
  getsockopt(fd: number, level: number, option: number, room: number): Uint8Array | number {
    const value = Buffer.alloc(Math.max(room, 1));
    const length = Buffer.alloc(4);
    length.writeInt32LE(room);
    const result = this.call('getsockopt', fd, level, option, value, length);
    return result < 0 ? result : Uint8Array.from(value.subarray(0, length.readInt32LE()));
  }

  setsockopt(fd: number, level: number, option: number, value: Uint8Array): number {
    return this.call('setsockopt', fd, level, option, value, value.length);
  }

  setsockoptInt(fd: number, level: number, option: number, value: number): number {
    const bytes = Buffer.alloc(4);
    bytes.writeInt32LE(value);
    return this.setsockopt(fd, level, option, bytes);
  }

  /** The address a socket is bound to, as the kernel lays it out. */
  getsockname(fd: number): Uint8Array | number {
    const bytes = Buffer.alloc(128);
    const length = Buffer.alloc(4);
    length.writeUInt32LE(bytes.length);
    const result = this.call('getsockname', fd, bytes, length);
    return result < 0 ? result : Uint8Array.from(bytes.subarray(0, length.readUInt32LE()));
  }

  /** Sends buffers with control messages. @param control encoded by `controlBytes`, or empty */
  sendmsg(
    fd: number,
    parts: readonly Uint8Array[],
    flags: number,
    address: Bytes,
    control: Uint8Array,
  ): number {
    const vectors = this.vectors(parts);
    const header = this.messageHeader(address, vectors, parts.length, control);
    return this.call('sendmsg', fd, header, flags);
  }

  /** Receives into buffers. @param room for the address and for control messages, bytes */
  recvmsg(
    fd: number,
    parts: readonly Uint8Array[],
    flags: number,
    address: Bytes,
    room: number,
  ): ReceivedMessage {
    const vectors = this.vectors(parts);
    const control = Buffer.alloc(room);
    const header = this.messageHeader(address, vectors, parts.length, control);
    const value = this.call('recvmsg', fd, header, flags);
    if (value < 0) return { value, flags: 0, addressLength: 0, control: [] };
    const length = Number(header.readBigUInt64LE(40));
    return {
      value,
      flags: header.readInt32LE(48),
      addressLength: header.readUInt32LE(8),
      control: controlMessages(control.subarray(0, length)),
    };
  }

  /** An array of `struct iovec`. */
  vectors(parts: readonly Uint8Array[]): Buffer {
    const bytes = Buffer.alloc(16 * Math.max(1, parts.length));
    parts.forEach((part, i) => {
      bytes.writeBigUInt64LE(part.length > 0 ? this.address(part) : 0n, 16 * i);
      bytes.writeBigUInt64LE(BigInt(part.length), 16 * i + 8);
    });
    return bytes;
  }

  private messageHeader(address: Bytes, vectors: Buffer, parts: number, control: Uint8Array): Buffer {
    const header = Buffer.alloc(56);
    if (address !== null) {
      header.writeBigUInt64LE(this.address(address), 0);
      header.writeUInt32LE(address.length, 8);
    }
    header.writeBigUInt64LE(this.address(vectors), 16);
    header.writeBigUInt64LE(BigInt(parts), 24);
    if (control.length > 0) {
      header.writeBigUInt64LE(this.address(control), 32);
      header.writeBigUInt64LE(BigInt(control.length), 40);
    }
    return header;
  }

  /**
   * Waits until a descriptor is ready. EINTR ends the wait like a time-out.
   * @param fds descriptors and what to wait for (POLLIN, ...)
   * @param timeoutUs µs; negative waits for ever
   * @returns the events of each descriptor
   */
  poll(fds: readonly { readonly fd: number; readonly events: number }[], timeoutUs: number): number[] {
    const bytes = Buffer.alloc(8 * Math.max(1, fds.length));
    fds.forEach(({ fd, events }, i) => {
      bytes.writeInt32LE(fd, 8 * i);
      bytes.writeInt16LE(events, 8 * i + 4);
    });
    const { timespec } = this;
    timespec.writeBigInt64LE(BigInt(Math.floor(Math.max(0, timeoutUs) / 1e6)), 0);
    timespec.writeBigInt64LE(BigInt(Math.round(Math.max(0, timeoutUs) % 1e6) * 1000), 8);
    const result = this.call('ppoll', bytes, fds.length, timeoutUs < 0 ? null : timespec, null);
    if (result < 0 && result !== -K.EINTR) throw new SysError('ppoll', -result);
    return fds.map((_, i) => (result <= 0 ? 0 : bytes.readUInt16LE(8 * i + 6)));
  }

  /** Maps a descriptor's memory (PROT_READ and PROT_WRITE, MAP_SHARED). `unmap` it, and do not touch it afterwards. */
  mmap(fd: number, length: number): { readonly bytes: Uint8Array; unmap(): void } {
    const address = this.mmapNative(null, length, 3, 1, fd, 0);
    if (this.koffi.address(address) === 0xffff_ffff_ffff_ffffn)
      throw new SysError('mmap', this.koffi.errno());
    return {
      bytes: new Uint8Array(this.koffi.view(address, length)),
      unmap: (): void => {
        this.munmapNative(address, length);
      },
    };
  }

  /** A clock of the kernel, µs: 0 is CLOCK_REALTIME, 1 is CLOCK_MONOTONIC. */
  clockUs(clock: 0 | 1): number {
    must('clock_gettime', this.call('clock_gettime', clock, this.timespec));
    return Number(this.timespec.readBigInt64LE(0)) * 1e6 + Number(this.timespec.readBigInt64LE(8)) / 1000;
  }

  /** Puts the calling thread before all ordinary ones, if that is allowed; what it starts is ordinary again. */
  beOnTime(): void {
    const fifoResetOnFork = 0x40000001;
    this.call('sched_setscheduler', 0, fifoResetOnFork, Buffer.from([1, 0, 0, 0]));
  }

  /** Ends the process at once, whatever threads are blocked in a call. What was written with writeSync is kept. */
  exit(status: number): never {
    this.exitNative(status);
    throw new Error('_exit returned');
  }
}

/** Control messages as `recvmsg` laid them out (struct cmsghdr, 8-byte aligned). */
function controlMessages(bytes: Buffer): { level: number; type: number; data: Uint8Array }[] {
  const messages: { level: number; type: number; data: Uint8Array }[] = [];
  for (let at = 0; at + 16 <= bytes.length; ) {
    const length = Number(bytes.readBigUInt64LE(at));
    if (length < 16 || at + length > bytes.length) break;
    const data = Uint8Array.from(bytes.subarray(at + 16, at + length));
    messages.push({ level: bytes.readInt32LE(at + 8), type: bytes.readInt32LE(at + 12), data });
    at += (length + 7) & ~7;
  }
  return messages;
}

/** Lays out control messages for `sendmsg`. */
export function controlBytes(
  messages: readonly { readonly level: number; readonly type: number; readonly data: Uint8Array }[],
): Uint8Array {
  const parts = messages.map(({ level, type, data }) => {
    const part = Buffer.alloc(16 + ((data.length + 7) & ~7));
    part.writeBigUInt64LE(BigInt(16 + data.length), 0);
    part.writeInt32LE(level, 8);
    part.writeInt32LE(type, 12);
    part.set(data, 16);
    return part;
  });
  return Buffer.concat(parts);
}

let loaded: Sys | null = null;

/**
 * The system calls of this machine.
 * @throws SysUnavailable where they cannot be made: not Linux, big-endian or 32 bits, or koffi is missing
 */
export function sys(): Sys {
  if (loaded !== null) return loaded;
  if (process.platform !== 'linux')
    throw new SysUnavailable(`this needs Linux, and this is ${process.platform}`);
  if (endianness() !== 'LE' || !['x64', 'arm64', 'riscv64'].includes(process.arch))
    throw new SysUnavailable(`this needs a 64-bit little-endian machine, and this is ${process.arch}`);
  try {
    const koffi = createRequire(import.meta.url)('koffi') as typeof Koffi;
    loaded = new Sys(koffi);
    return loaded;
  } catch (error) {
    const why = error instanceof Error ? error.message.split('\n')[0] : String(error);
    throw new SysUnavailable(
      `this needs the optional package koffi, which cannot be loaded (${why}): npm install koffi@3.3.4`,
    );
  }
}
