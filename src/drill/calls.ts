/** A script's system calls decoded for the system under test, and how their outcomes are judged. */
import type { SyscallSpec } from './ast.ts';
import { Arguments, type CallContext } from './call-arguments.ts';
import { controlProblem } from './control.ts';
import { errnoNumber, errnoText } from './errors.ts';
import { symbols } from './symbols.ts';
import { type Outcome, optionInt, readOptionInt, type SystemCall } from './system-under-test.ts';

export interface PreparedCall {
  readonly call: SystemCall;
  /** The descriptors, by the script's numbers, that a success gives: one, or two for a pipe. */
  readonly newFds: readonly number[];
  /** What is wrong with the outcome, in packetdrill's words; null if nothing is. */
  problem(outcome: Outcome): string | null;
}

type Check = (outcome: Outcome) => string | null;

/** Decodes a call. @throws DrillError of kind syscall */
export function prepareCall(spec: SyscallSpec, context: CallContext): PreparedCall {
  const decoder = Object.hasOwn(decoders, spec.name) ? decoders[spec.name] : undefined;
  const arguments_ = new Arguments(spec, context);
  if (decoder === undefined) throw arguments_.error(`Unknown system call: '${spec.name}'`);
  const { call, check, newFds } = decoder(arguments_);
  const expected = arguments_.integer(spec.result);
  const errnos = spec.errno?.names.map((name) => {
    const number = errnoNumber(name);
    if (number === undefined) throw arguments_.error(`unknown error name: '${name}'`, spec.errno!.at);
    return number;
  });
  const fds = newFds ?? (returnsFd.has(spec.name) ? [expected] : []);
  const problem = (outcome: Outcome): string | null =>
    resultProblem(outcome, expected, errnos ?? null, returnsFd.has(spec.name)) ?? check?.(outcome) ?? null;
  return { call, newFds: expected >= 0 ? fds : [], problem };
}

const returnsFd: ReadonlySet<string> = new Set(['socket', 'accept', 'open', 'epoll_create']);

function resultProblem(
  outcome: Outcome,
  expected: number,
  errnos: readonly number[] | null,
  fd: boolean,
): string | null {
  const got = `${outcome.value} with errno ${outcome.errno} (${errnoText(outcome.errno)})`;
  if (fd && expected >= 0) {
    if (outcome.value < 0) return `Expected non-negative result but got ${got}`;
  } else if (outcome.value !== expected) {
    return `Expected result ${expected} but got ${got}`;
  }
  if (errnos === null || errnos.includes(outcome.errno)) return null;
  const wanted = errnos.map((errno) => `${errno} (${errnoText(errno)})`).join(' or ');
  return `Expected errno ${wanted} but got ${outcome.errno} (${errnoText(outcome.errno)})`;
}

interface Decoded {
  readonly call: SystemCall;
  readonly check?: Check;
  readonly newFds?: readonly number[];
}

type Decoder = (a: Arguments) => Decoded;

const vectorCount = (a: Arguments, lengths: number[]): void => {
  const count = a.int(2);
  if (count === lengths.length) return;
  throw a.error(`iov_count ${count} does not match ${lengths.length}-element iovec array`);
};

function vector(name: 'readv' | 'writev'): Decoder {
  return (a) => {
    a.count(3);
    const fd = a.fd(0);
    const lengths = a.iovec(a.arg(1));
    vectorCount(a, lengths);
    const common = { fd, lengths, flags: 0, nullBuffer: false };
    return { call: name === 'readv' ? { name, ...common } : { name, ...common, address: null, control: [] } };
  };
}

function receive(name: 'read' | 'recv' | 'recvfrom', count: number): Decoder {
  return (a) => {
    a.count(count);
    const flags = name === 'read' ? 0 : a.int(3);
    if (name === 'recvfrom') {
      a.ellipsis(4);
      a.ellipsis(5);
    }
    return { call: { name, fd: a.fd(0), lengths: [a.length(2)], flags, nullBuffer: a.nullBuffer(1) } };
  };
}

function send(name: 'write' | 'send' | 'sendto', count: number): Decoder {
  return (a) => {
    a.count(count);
    const flags = name === 'write' ? 0 : a.int(3);
    if (name === 'sendto') a.ellipsis(5);
    const address = name === 'sendto' ? a.address(4, a.context.connectAddress) : null;
    const fd = a.fd(0);
    return {
      call: { name, fd, lengths: [a.length(2)], flags, address, control: [], nullBuffer: a.nullBuffer(1) },
    };
  };
}

const recvmsg: Decoder = (a) => {
  a.count(3);
  const { lengths, flags: wanted, specs } = a.message(1);
  const check: Check = ({ message, value }) => {
    // A call that fails leaves the message as it was.
    if (value < 0) return null;
    const got = message?.flags ?? 0;
    const hex = (value: number): string => `0x${(value >>> 0).toString(16).toUpperCase().padStart(8, '0')}`;
    if (got !== wanted) return `Expected msg_flags ${hex(wanted)} but got ${hex(got)}`;
    return controlProblem(specs, message?.control ?? [], {
      evaluate: (expression) => a.integer(expression),
      startUs: a.context.startUs,
      toleranceUs: a.context.toleranceUs,
    });
  };
  return { call: { name: 'recvmsg', fd: a.fd(0), lengths, flags: a.int(2), nullBuffer: false }, check };
};

const sendmsg: Decoder = (a) => {
  a.count(3);
  const { lengths, flags, control } = a.message(1);
  if (flags !== 0) throw a.error('sendmsg ignores msg_flags field in msghdr', a.arg(1).at);
  const address = a.context.connectAddress;
  return {
    call: { name: 'sendmsg', fd: a.fd(0), lengths, flags: a.int(2), address, control, nullBuffer: false },
  };
};

const ioctl: Decoder = (a) => {
  a.count(2, 3);
  const wanted = a.spec.args.length === 3 ? a.bracketed(2) : null;
  const check: Check = ({ argument }) =>
    wanted === null || (argument ?? 0) === wanted
      ? null
      : `Bad ioctl optval: expected: ${wanted} actual: ${argument ?? 0}`;
  return { call: { name: 'ioctl', fd: a.fd(0), request: a.int(1), argument: wanted ?? 0 }, check };
};

const printable = (bytes: Uint8Array): string =>
  [...bytes]
    .map((byte) =>
      byte >= 32 && byte < 127 ? String.fromCharCode(byte) : `\\x${byte.toString(16).padStart(2, '0')}`,
    )
    .join('');

const textBytes = (text: string): Uint8Array => Uint8Array.from(text, (char) => char.charCodeAt(0));

const getsockopt: Decoder = (a) => {
  a.count(5);
  const length = a.bracketed(4);
  const value = a.arg(3);
  if (value.kind !== 'string' && value.kind !== 'list') {
    throw a.error(`unsupported getsockopt value type: ${value.kind}`, value.at);
  }
  const wanted = value.kind === 'list' ? a.bracketed(3) : 0;
  const check: Check = ({ option = new Uint8Array(0), value: result }) => {
    if (result < 0) return null;
    if (option.length !== length)
      return `Bad getsockopt optlen: expected: ${length} actual: ${option.length}`;
    if (value.kind === 'string') {
      const shown = [printable(textBytes(value.value)), printable(option)];
      return shown[0] === shown[1]
        ? null
        : `Bad getsockopt optval: expected: '${shown[0]}' actual: '${shown[1]}'`;
    }
    if (length > 4) return `Unsupported getsockopt optlen: ${length}`;
    const got = readOptionInt(option);
    return got === (wanted | 0) ? null : `Bad getsockopt optval: expected: ${wanted | 0} actual: ${got}`;
  };
  return { call: { name: 'getsockopt', fd: a.fd(0), level: a.int(1), option: a.int(2), length }, check };
};

const setsockopt: Decoder = (a) => {
  a.count(5);
  const length = a.int(4);
  const argument = a.arg(3);
  let bytes: Uint8Array;
  if (argument.kind === 'linger')
    bytes = Uint8Array.from([...optionInt(argument.onoff), ...optionInt(argument.linger)]);
  else if (argument.kind === 'string') bytes = textBytes(`${argument.value}\0`);
  else if (argument.kind === 'list') bytes = optionInt(a.bracketed(3));
  else throw a.error(`unsupported setsockopt value type: ${argument.kind}`, argument.at);
  const value = new Uint8Array(Math.max(0, Math.min(length, 65536)));
  value.set(bytes.subarray(0, value.length));
  return { call: { name: 'setsockopt', fd: a.fd(0), level: a.int(1), option: a.int(2), value } };
};

const pollFlagNames =
  'POLLIN POLLPRI POLLOUT POLLERR POLLHUP POLLNVAL POLLRDNORM POLLRDBAND POLLWRNORM POLLWRBAND POLLMSG POLLRDHUP'.split(
    ' ',
  );
const pollFlags = (value: number): string =>
  pollFlagNames.filter((name) => (value & symbols[name]!) !== 0).join('|');

const poll: Decoder = (a) => {
  a.count(3);
  const list = a.arg(0);
  if (list.kind !== 'list') throw a.error(`Bad type; actual: ${list.kind} expected: list`, list.at);
  if (a.int(1) !== list.items.length) {
    throw a.error(`nfds ${a.int(1)} does not match ${list.items.length}-element pollfd array`, list.at);
  }
  const entries = list.items.map((item) => {
    if (item.kind !== 'pollfd') throw a.error(`Bad type; actual: ${item.kind} expected: pollfd`, item.at);
    const fd = a.live(a.integer(item.fd), item.at);
    return {
      fd,
      events: a.integer(item.events),
      revents: item.revents === null ? 0 : a.integer(item.revents),
    };
  });
  const check: Check = ({ revents = [] }) => {
    for (const [i, entry] of entries.entries()) {
      const got = revents[i] ?? 0;
      if (got !== entry.revents) {
        return `Expected revents of ${pollFlags(entry.revents)} but got ${pollFlags(got)} for pollfd ${i}`;
      }
    }
    return null;
  };
  const fds = entries.map(({ fd, events }) => ({ fd, events }));
  return { call: { name: 'poll', fds, timeoutMs: a.int(2) | 0 }, check };
};

/** An epoll event; descriptors in it are live ones. */
function epollEvent(a: Arguments, index: number): { events: number; data: number; field: string } {
  const event = a.arg(index);
  if (event.kind !== 'epollev') throw a.error(`Bad type; actual: ${event.kind} expected: epollev`, event.at);
  const data = a.integer(event.data);
  const live = event.field === 'fd' ? a.live(data, event.at) : data;
  return { events: a.integer(event.events), data: live, field: event.field };
}

const epollCtl: Decoder = (a) => {
  a.count(4);
  const { events, data } = epollEvent(a, 3);
  return {
    call: { name: 'epoll_ctl', epfd: a.fd(0), operation: a.int(1), fd: a.fd(2), event: { events, data } },
  };
};

const epollWait: Decoder = (a) => {
  a.count(4);
  const wanted = epollEvent(a, 1);
  const check: Check = ({ events = [] }) => {
    const got = events[0] ?? { events: 0, data: 0 };
    if (got.events >>> 0 !== wanted.events >>> 0) {
      const hex = (value: number): string => `0x${(value >>> 0).toString(16)}`;
      return `epoll_event->events does not match script: expected: ${hex(wanted.events)} actual: ${hex(got.events)}`;
    }
    if (got.data === wanted.data) return null;
    return `epoll_event->data does not match script: expected: ${wanted.data} actual: ${got.data}`;
  };
  return { call: { name: 'epoll_wait', epfd: a.fd(0), maxEvents: a.int(2), timeoutMs: a.int(3) | 0 }, check };
};

const pipe: Decoder = (a) => {
  a.count(1);
  const list = a.arg(0);
  if (list.kind !== 'list' || list.items.length !== 2) throw a.error('pipe takes [fd, fd]', list.at);
  return { call: { name: 'pipe' }, newFds: list.items.map((item) => a.integer(item)) };
};

const decoders: Readonly<Record<string, Decoder>> = {
  socket: (a) => {
    a.count(3);
    const domain = a.arg(0).kind === 'ellipsis' ? a.context.domain : a.int(0);
    return { call: { name: 'socket', domain, type: a.int(1), protocol: a.int(2) } };
  },
  bind: (a) => {
    a.count(3);
    a.ellipsis(2);
    return { call: { name: 'bind', fd: a.fd(0), address: a.address(1, a.context.bindAddress) } };
  },
  connect: (a) => {
    a.count(3);
    a.ellipsis(2);
    return { call: { name: 'connect', fd: a.fd(0), address: a.address(1, a.context.connectAddress) } };
  },
  listen: (a) => {
    a.count(2);
    return { call: { name: 'listen', fd: a.fd(0), backlog: a.int(1) } };
  },
  accept: (a) => {
    a.count(3);
    a.ellipsis(1);
    a.ellipsis(2);
    return { call: { name: 'accept', fd: a.fd(0) } };
  },
  read: receive('read', 3),
  recv: receive('recv', 4),
  recvfrom: receive('recvfrom', 6),
  readv: vector('readv'),
  recvmsg,
  write: send('write', 3),
  send: send('send', 4),
  sendto: send('sendto', 6),
  writev: vector('writev'),
  sendmsg,
  close: (a) => {
    a.count(1);
    return { call: { name: 'close', fd: a.fd(0) } };
  },
  shutdown: (a) => {
    a.count(2);
    return { call: { name: 'shutdown', fd: a.fd(0), how: a.int(1) } };
  },
  fcntl: (a) => {
    a.count(2, 3);
    const argument = a.spec.args.length === 3 ? a.int(2) : 0;
    return { call: { name: 'fcntl', fd: a.fd(0), command: a.int(1), argument } };
  },
  ioctl,
  getsockopt,
  setsockopt,
  poll,
  epoll_create: (a) => {
    a.count(1);
    return { call: { name: 'epoll_create', size: a.int(0) } };
  },
  epoll_ctl: epollCtl,
  epoll_wait: epollWait,
  open: (a) => {
    a.count(2);
    const path = a.arg(0);
    if (path.kind !== 'string') throw a.error(`Bad type; actual: ${path.kind} expected: string`, path.at);
    return { call: { name: 'open', path: path.value, flags: a.int(1) } };
  },
  sendfile: (a) => {
    a.count(4);
    return { call: { name: 'sendfile', out: a.fd(0), in: a.fd(1), offset: a.bracketed(2), count: a.int(3) } };
  },
  pipe,
  splice: (a) => {
    a.count(6);
    return { call: { name: 'splice', in: a.fd(0), out: a.fd(2), length: a.int(4), flags: a.int(5) } };
  },
};
