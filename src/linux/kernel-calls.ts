/** The runner's system calls made on the machine's own kernel. Data is zeros, as everywhere in scripts. */
import type {
  ControlMessage,
  EpollEvent,
  Outcome,
  ReceiveCall,
  SendCall,
  SystemCall,
} from '../drill/system-under-test.ts';
import { encodeSockaddr } from './sockaddr.ts';
import { controlBytes, K, type Sys } from './sys.ts';

const none = new Uint8Array(0);
/** Room for control messages, bytes. */
const controlRoom = 1024;
/** `struct epoll_event` is packed on x86 alone. */
const epollSize = process.arch === 'x64' ? 12 : 16;
const epollDataAt = process.arch === 'x64' ? 4 : 8;

const outcome = (value: number, more: Partial<Outcome> = {}): Outcome =>
  value < 0 ? { value: -1, errno: -value } : { value, errno: 0, ...more };

/** Whether close() waits until everything is sent: SO_LINGER with a time. */
function lingers(sys: Sys, fd: number): boolean {
  const linger = sys.getsockopt(fd, K.SOL_SOCKET, K.SO_LINGER, 8);
  if (typeof linger === 'number' || linger.length < 8) return false;
  const view = Buffer.from(linger);
  return view.readInt32LE(0) !== 0 && view.readInt32LE(4) !== 0;
}

/** Makes a call, which may block. */
export function kernelCall(sys: Sys, call: SystemCall): Outcome {
  switch (call.name) {
    case 'socket':
      return outcome(sys.call('socket', call.domain, call.type, call.protocol));
    case 'bind':
    case 'connect': {
      const { family, ip, port } = call.address;
      const address = encodeSockaddr(family, ip, port);
      return outcome(sys.call(call.name, call.fd, address, address.length));
    }
    case 'listen':
      return outcome(sys.call('listen', call.fd, call.backlog));
    case 'accept':
      return outcome(sys.call('accept4', call.fd, null, null, 0));
    case 'read':
    case 'readv':
    case 'recv':
    case 'recvfrom':
    case 'recvmsg':
      return receive(sys, call);
    case 'write':
    case 'writev':
    case 'send':
    case 'sendto':
    case 'sendmsg':
      return send(sys, call);
    case 'close':
      return outcome(sys.call('close', call.fd));
    case 'shutdown':
      return outcome(sys.call('shutdown', call.fd, call.how));
    case 'fcntl':
      return outcome(sys.call('fcntl', call.fd, call.command, call.argument));
    default:
      return otherCall(sys, call);
  }
}

type OtherCall = Extract<
  SystemCall,
  {
    readonly name:
      | 'ioctl'
      | 'getsockopt'
      | 'setsockopt'
      | 'poll'
      | 'epoll_create'
      | 'epoll_ctl'
      | 'epoll_wait'
      | 'open'
      | 'sendfile'
      | 'pipe'
      | 'splice';
  }
>;

function otherCall(sys: Sys, call: OtherCall): Outcome {
  switch (call.name) {
    case 'ioctl': {
      const argument = Buffer.alloc(8);
      argument.writeInt32LE(call.argument | 0);
      const value = sys.call('ioctl', call.fd, call.request, argument);
      return outcome(value, { argument: argument.readInt32LE(0) });
    }
    case 'getsockopt': {
      const option = sys.getsockopt(call.fd, call.level, call.option, call.length);
      return typeof option === 'number' ? outcome(option) : { value: 0, errno: 0, option };
    }
    case 'setsockopt':
      return outcome(sys.setsockopt(call.fd, call.level, call.option, call.value));
    case 'poll':
      return poll(sys, call.fds, call.timeoutMs);
    case 'epoll_create':
      return outcome(call.size <= 0 ? -22 : sys.call('epoll_create1', 0));
    case 'epoll_ctl': {
      const event = Buffer.alloc(epollSize);
      event.writeUInt32LE(call.event.events >>> 0, 0);
      event.writeBigInt64LE(BigInt(call.event.data), epollDataAt);
      return outcome(sys.call('epoll_ctl', call.epfd, call.operation, call.fd, event));
    }
    case 'epoll_wait':
      return epollWait(sys, call.epfd, call.maxEvents, call.timeoutMs);
    case 'open':
      return outcome(sys.call('open', call.path, call.flags, 0));
    case 'sendfile': {
      const offset = Buffer.alloc(8);
      offset.writeBigInt64LE(BigInt(call.offset));
      const value = sys.call('sendfile', call.out, call.in, offset, call.count);
      return outcome(value, { argument: Number(offset.readBigInt64LE(0)) });
    }
    case 'pipe': {
      const fds = Buffer.alloc(8);
      const value = sys.call('pipe2', fds, 0);
      return outcome(value, { fds: [fds.readInt32LE(0), fds.readInt32LE(4)] });
    }
    case 'splice':
      return outcome(sys.call('splice', call.in, null, call.out, null, call.length, call.flags));
  }
}

function poll(
  sys: Sys,
  fds: readonly { readonly fd: number; readonly events: number }[],
  timeoutMs: number,
): Outcome {
  const bytes = Buffer.alloc(8 * Math.max(1, fds.length));
  fds.forEach(({ fd, events }, i) => {
    bytes.writeInt32LE(fd, 8 * i);
    bytes.writeInt16LE((events << 16) >> 16, 8 * i + 4);
  });
  const value = sys.call('poll', bytes, fds.length, timeoutMs);
  return outcome(value, { revents: fds.map((_, i) => bytes.readUInt16LE(8 * i + 6)) });
}

function epollWait(sys: Sys, epfd: number, most: number, timeoutMs: number): Outcome {
  const room = Math.max(1, Math.min(most, 1024));
  const bytes = Buffer.alloc(epollSize * room);
  const value = sys.call('epoll_wait', epfd, bytes, most > 0 ? room : most, timeoutMs);
  const events: EpollEvent[] = [];
  for (let i = 0; i < value; i++) {
    events.push({
      events: bytes.readUInt32LE(epollSize * i),
      data: Number(bytes.readBigInt64LE(epollSize * i + epollDataAt)),
    });
  }
  return outcome(value, { events });
}

/** SO_TIMESTAMPING_OLD and _NEW, whose messages have the same numbers (SCM_TIMESTAMPING). */
const timestampingTypes: readonly number[] = [37, 65];

/** A software timestamp is of the clock of day: it is told as of the clock by which a script's times are counted. */
function onRunnersClock(sys: Sys, message: ControlMessage): ControlMessage {
  if (message.level !== 1 || !timestampingTypes.includes(message.type) || message.data.length < 16)
    return message;
  const data = Buffer.from(message.data);
  const [seconds, nanoseconds] = [data.readBigInt64LE(0), data.readBigInt64LE(8)];
  if (seconds === 0n && nanoseconds === 0n) return message;
  const ahead = BigInt(Math.round((sys.clockUs(0) - sys.clockUs(1)) * 1000));
  const at = seconds * 1_000_000_000n + nanoseconds - ahead;
  data.writeBigInt64LE(at / 1_000_000_000n, 0);
  data.writeBigInt64LE(at % 1_000_000_000n, 8);
  return { ...message, data };
}

function receive(sys: Sys, { name, fd, lengths, flags, nullBuffer }: ReceiveCall): Outcome {
  const parts = lengths.map((length) => Buffer.alloc(Math.max(0, length)));
  const first = nullBuffer ? null : (parts[0] ?? Buffer.alloc(1));
  const length = lengths[0] ?? 0;
  switch (name) {
    case 'read':
      return outcome(sys.call('read', fd, first, length));
    case 'readv':
      return outcome(sys.call('readv', fd, sys.vectors(parts), parts.length));
    case 'recvmsg': {
      const got = sys.recvmsg(fd, parts, flags, null, controlRoom);
      const control = got.control.map((it) => onRunnersClock(sys, it));
      return outcome(got.value, { message: { flags: got.flags, control } });
    }
    default:
      return outcome(sys.call('recvfrom', fd, first, length, flags, null, null));
  }
}

function send(sys: Sys, { name, fd, lengths, flags, address, control, nullBuffer }: SendCall): Outcome {
  const parts = lengths.map((length) => Buffer.alloc(Math.max(0, length)));
  const first = nullBuffer ? null : (parts[0] ?? Buffer.alloc(1));
  const length = lengths[0] ?? 0;
  const to = address === null ? null : encodeSockaddr(address.family, address.ip, address.port);
  switch (name) {
    case 'write':
      return outcome(sys.call('write', fd, first, length));
    case 'writev':
      return outcome(sys.call('writev', fd, sys.vectors(parts), parts.length));
    case 'sendmsg':
      return outcome(sys.sendmsg(fd, parts, flags, to, control.length > 0 ? controlBytes(control) : none));
    default:
      return outcome(sys.call('sendto', fd, first, length, flags, to, to?.length ?? 0));
  }
}

/**
 * Whether a call can block at all: the kind of call, its flags and its descriptor's O_NONBLOCK say.
 * One that cannot is made at once; any other goes to a thread that may wait.
 */
export function mayBlock(sys: Sys, call: SystemCall): boolean {
  const blockingFd = (fd: number): boolean => {
    const flags = sys.call('fcntl', fd, K.F_GETFL, 0);
    return flags >= 0 && (flags & K.O_NONBLOCK) === 0;
  };
  switch (call.name) {
    case 'connect':
    case 'accept':
    case 'read':
    case 'readv':
    case 'write':
    case 'writev':
      return blockingFd(call.fd);
    case 'recv':
    case 'recvfrom':
    case 'recvmsg':
    case 'send':
    case 'sendto':
    case 'sendmsg':
      return (call.flags & K.MSG_DONTWAIT) === 0 && blockingFd(call.fd);
    case 'poll':
    case 'epoll_wait':
      return call.timeoutMs !== 0;
    case 'sendfile':
    case 'splice':
      return blockingFd(call.out) || blockingFd(call.in);
    case 'close':
      return lingers(sys, call.fd); // O_NONBLOCK or not
    default:
      return false;
  }
}
