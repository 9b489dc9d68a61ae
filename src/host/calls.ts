/**
 * System calls by file descriptor, as programs make them. Each returns a value, -errno, or a wait (`Host.await`
 * follows it up). Data goes in and out as bytes.
 */
import { Errno } from '../tcp/errno.ts';
import { atMark, inQueueBytes, markBlocks } from '../tcp/receive/urgent.ts';
import { readable } from '../tcp/socket/socket-calls.ts';
import { LISTEN, SYN_RECEIVED, SYN_SENT } from '../tcp/state.ts';
import type { Address } from '../wire/address.ts';
import { seqDiff } from '../wire/seq.ts';
import { sendCompleting } from './control.ts';
import { Epoll, type EpollEntry, type PollEntry, pollOnce } from './epoll.ts';
import { andThen, type OpenFile, OpenFlag, type Result } from './file.ts';
import type { Host } from './host.ts';
import { MemoryFile, newPipe, PipeEnd } from './pipe.ts';
import { Socket } from './socket.ts';
import { getSocketOption, setSocketOption } from './socket-options.ts';
import { Family, MessageFlag } from './socket-terms.ts';

const streamType = 1;
const typeMask = 0xf;
const tcpProtocol = 6;
const fcntlCommand = { duplicate: 0, getDescriptor: 1, setDescriptor: 2, getFlags: 3, setFlags: 4 } as const;
/** Requests of ioctl(): FIONREAD (SIOCINQ), TIOCOUTQ (SIOCOUTQ), SIOCOUTQNSD, SIOCATMARK, FIONBIO. */
const ioctlRequest = {
  inQueue: 0x541b,
  outQueue: 0x5411,
  outQueueUnsent: 0x894b,
  atMark: 0x8905,
  nonBlocking: 0x5421,
} as const;
/** Flags of fcntl(F_SETFL) that can be changed. */
const changeable = OpenFlag.nonBlock | 0x400 | 0x2000;

/** A socket address as a call has it. With family 0 (AF_UNSPEC) address and port do not count. */
export interface CallAddress {
  readonly family: number;
  readonly address: Address;
  readonly port: number;
}

/** 0, or -errno for an address of another family than the socket's: IPv4's is too short for an IPv6 socket. */
function wrongFamily(socket: Socket, family: number): number {
  if (family === (socket.family === 4 ? Family.inet : Family.inet6)) return 0;
  return socket.family === 6 && family === Family.inet ? -Errno.EINVAL : -Errno.EAFNOSUPPORT;
}

export class Calls {
  readonly host: Host;

  constructor(host: Host) {
    this.host = host;
  }

  /** socket(): a descriptor. Only TCP is there: EAFNOSUPPORT, EINVAL, EPROTONOSUPPORT otherwise. */
  socket(domain: number, type: number, protocol: number): number {
    const kind = type & typeMask;
    if (domain !== Family.inet && domain !== Family.inet6) return -Errno.EAFNOSUPPORT;
    if (kind === 0 || kind > 10 || (type & ~(typeMask | OpenFlag.nonBlock | OpenFlag.closeOnExec)) !== 0)
      return -Errno.EINVAL;
    if (kind !== streamType || (protocol !== 0 && protocol !== tcpProtocol)) return -Errno.EPROTONOSUPPORT;
    const socket = this.host.socket(domain === Family.inet ? 4 : 6, type & OpenFlag.nonBlock);
    return this.host.descriptors.add(socket);
  }

  bind(fd: number, { family, address, port }: CallAddress): number {
    const socket = this.socketOf(fd);
    if (typeof socket === 'number') return socket;
    return wrongFamily(socket, family) || socket.bind(address, port);
  }

  listen(fd: number, backlog: number): number {
    const socket = this.socketOf(fd);
    return typeof socket === 'number' ? socket : socket.listen(backlog);
  }

  /** accept4(): the new socket's descriptor. `flags` are SOCK_NONBLOCK and SOCK_CLOEXEC. */
  accept(fd: number, flags = 0): Result {
    const socket = this.socketOf(fd);
    if (typeof socket === 'number') return socket;
    return socket.acceptWaiting(flags & OpenFlag.nonBlock, (child) => this.host.descriptors.add(child));
  }

  connect(fd: number, { family, address, port }: CallAddress): Result {
    const socket = this.socketOf(fd);
    if (typeof socket === 'number') return socket;
    if (family === Family.unspec) return socket.connect(null, 0);
    return wrongFamily(socket, family) || socket.connect(address, port);
  }

  shutdown(fd: number, how: number): number {
    const socket = this.socketOf(fd);
    return typeof socket === 'number' ? socket : socket.shutdown(how);
  }

  /** close(): with SO_LINGER it may wait. */
  close(fd: number): Result {
    const { descriptors } = this.host;
    if (descriptors.get(fd) === null) return -Errno.EBADF;
    const last = descriptors.remove(fd);
    this.host.nudge();
    return last === null ? 0 : last.release();
  }

  /** read(), readv() and recv(): fills `into`. `flags` are MSG_ bits. */
  receive(fd: number, into: Uint8Array, flags = 0): Result {
    const file = this.host.descriptors.get(fd);
    if (file instanceof Socket) return file.receive(into, flags);
    if (file instanceof MemoryFile) return file.read(into);
    if (file instanceof PipeEnd) return this.retry(file, () => file.read(into));
    return file === null ? -Errno.EBADF : -Errno.EINVAL;
  }

  /** write(), writev(), send(), sendto() and sendmsg(). `to` counts only with MSG_FASTOPEN. */
  send(fd: number, data: Uint8Array, flags = 0, to: CallAddress | null = null): Result {
    const file = this.host.descriptors.get(fd);
    if (file instanceof Socket) {
      if (to === null || (flags & MessageFlag.fastOpen) === 0) return sendCompleting(file, data, flags, null);
      if (to.family === Family.unspec) return -Errno.EOPNOTSUPP;
      return wrongFamily(file, to.family) || sendCompleting(file, data, flags, to);
    }
    if (file instanceof PipeEnd) return this.retry(file, () => file.write(data));
    return file === null || file instanceof MemoryFile ? -Errno.EBADF : -Errno.EINVAL;
  }

  getsockopt(fd: number, level: number, option: number, length: number): Uint8Array | number {
    const socket = this.socketOf(fd);
    if (typeof socket === 'number') return socket;
    this.host.touch();
    return getSocketOption(socket, level, option, length);
  }

  setsockopt(fd: number, level: number, option: number, value: Uint8Array): number {
    const socket = this.socketOf(fd);
    if (typeof socket === 'number') return socket;
    this.host.touch();
    return setSocketOption(socket, level, option, value);
  }

  fcntl(fd: number, command: number, argument: number): number {
    const file = this.host.descriptors.get(fd);
    if (file === null) return -Errno.EBADF;
    switch (command) {
      case fcntlCommand.duplicate:
        return this.host.descriptors.add(file, Math.max(argument, 0));
      case fcntlCommand.getFlags:
        return file.flags;
      case fcntlCommand.setFlags:
        file.flags = (file.flags & ~changeable) | (argument & changeable);
        return 0;
      case fcntlCommand.getDescriptor:
      case fcntlCommand.setDescriptor:
        return 0;
    }
    return -Errno.EINVAL;
  }

  /**
   * ioctl()
   * @param written gets the integer that the call writes back
   */
  ioctl(fd: number, request: number, argument: number, written: { value: number }): number {
    const file = this.host.descriptors.get(fd);
    if (file === null) return -Errno.EBADF;
    if (request === ioctlRequest.nonBlocking) {
      file.flags = argument !== 0 ? file.flags | OpenFlag.nonBlock : file.flags & ~OpenFlag.nonBlock;
      return 0;
    }
    if (file instanceof PipeEnd && request === ioctlRequest.inQueue) {
      written.value = file.waiting;
      return 0;
    }
    if (!(file instanceof Socket)) return -Errno.ENOTTY;
    const { conn } = file;
    if (request === ioctlRequest.atMark) {
      written.value = atMark(conn) ? 1 : 0;
      return 0;
    }
    const queued = request === ioctlRequest.outQueue || request === ioctlRequest.outQueueUnsent;
    if (request !== ioctlRequest.inQueue && !queued) return -Errno.ENOTTY;
    if (conn.state === LISTEN) return -Errno.EINVAL;
    if (!queued) written.value = inQueueBytes(conn, readable(conn));
    else if (conn.state === SYN_SENT || conn.state === SYN_RECEIVED) written.value = 0;
    else
      written.value = seqDiff(conn.writeSeq, request === ioctlRequest.outQueue ? conn.sndUna : conn.sndNxt);
    return 0;
  }

  /**
   * poll()
   * @param timeoutMs negative waits for ever
   * @param revents gets an entry for each descriptor asked about
   * @returns how many descriptors have something to report
   */
  poll(entries: readonly PollEntry[], timeoutMs: number, revents: number[]): Result {
    const look = (): number => {
      revents.splice(0, revents.length, ...pollOnce(this.host.descriptors, entries));
      return revents.filter((mask) => mask !== 0).length;
    };
    return this.untilReady(look, timeoutMs);
  }

  epollCreate(): number {
    return this.host.descriptors.add(new Epoll(OpenFlag.readWrite));
  }

  epollControl(epfd: number, operation: number, fd: number, entry: EpollEntry): number {
    const epoll = this.host.descriptors.get(epfd);
    if (epoll === null) return -Errno.EBADF;
    if (!(epoll instanceof Epoll)) return -Errno.EINVAL;
    return epoll.control(operation, fd, this.host.descriptors.get(fd), entry);
  }

  /**
   * epoll_wait()
   * @param found gets the events
   */
  epollWait(epfd: number, most: number, timeoutMs: number, found: EpollEntry[]): Result {
    const epoll = this.host.descriptors.get(epfd);
    if (epoll === null) return -Errno.EBADF;
    if (!(epoll instanceof Epoll) || most <= 0) return -Errno.EINVAL;
    const look = (): number => {
      found.splice(0, found.length, ...epoll.collect(most));
      return found.length;
    };
    return this.untilReady(look, timeoutMs);
  }

  /** pipe2(): both descriptors, the reading end first. */
  pipe(flags = 0): [number, number] {
    const [reader, writer] = newPipe();
    reader.flags |= flags & OpenFlag.nonBlock;
    writer.flags |= flags & OpenFlag.nonBlock;
    const { descriptors } = this.host;
    return [descriptors.add(reader), descriptors.add(writer)];
  }

  /** open() of a file in memory (`Host.files`): ENOENT if there is none. */
  open(path: string, flags: number): number {
    const content = this.host.files.get(path);
    if (content === undefined) return -Errno.ENOENT;
    return this.host.descriptors.add(new MemoryFile(content, flags));
  }

  /** sendfile() from a file in memory to a socket or pipe; a negative offset is the file's own position. */
  sendfile(out: number, from: number, offset: number, count: number): Result {
    const source = this.host.descriptors.get(from);
    if (source === null || this.host.descriptors.get(out) === null) return -Errno.EBADF;
    if (!(source instanceof MemoryFile)) return -Errno.EINVAL;
    const data = new Uint8Array(count);
    return this.send(out, data.subarray(0, source.read(data, offset)));
  }

  /** splice() between a pipe and a socket, in either direction. */
  splice(from: number, to: number, length: number): Result {
    const { descriptors } = this.host;
    const [source, target] = [descriptors.get(from), descriptors.get(to)];
    if (source === null || target === null) return -Errno.EBADF;
    if (source instanceof PipeEnd && target instanceof Socket) {
      const data = new Uint8Array(Math.min(length, source.waiting));
      const n = source.read(data);
      return n <= 0 ? n : target.send(data.subarray(0, n), 0);
    }
    if (source instanceof Socket && target instanceof PipeEnd) {
      const data = new Uint8Array(Math.min(length, target.room));
      const give = (n: number): number => (n > 0 ? target.write(data.subarray(0, n)) : n);
      // At an urgent byte there is nothing to give.
      if (markBlocks(source.conn) && readable(source.conn) > 0) return 0;
      return andThen(source.receive(data, 0), give);
    }
    return -Errno.EINVAL;
  }

  /** The socket behind a descriptor, or -EBADF, -ENOTSOCK. */
  socketOf(fd: number): Socket | number {
    const file = this.host.descriptors.get(fd);
    if (file instanceof Socket) return file;
    return file === null ? -Errno.EBADF : -Errno.ENOTSOCK;
  }

  private untilReady(look: () => number, timeoutMs: number): Result {
    const found = look();
    if (found > 0 || timeoutMs === 0) return found;
    const deadline = timeoutMs < 0 ? Number.POSITIVE_INFINITY : this.host.clock.now + timeoutMs * 1000;
    return {
      deadline,
      attempt: (now) => {
        const n = look();
        return n > 0 || now >= deadline ? n : null;
      },
    };
  }

  /** A pipe's call: what would block becomes a wait. */
  private retry(file: OpenFile, act: () => number): Result {
    const result = act();
    this.host.nudge();
    if (result !== -Errno.EAGAIN || file.nonBlocking) return result;
    return {
      deadline: Number.POSITIVE_INFINITY,
      attempt: () => {
        const n = act();
        return n === -Errno.EAGAIN ? null : n;
      },
    };
  }
}
