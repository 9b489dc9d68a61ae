/** System calls and what they came to, as bodies of frames (docs/foreign-stacks.md has the table). */
import { DrillError } from '../failure.ts';
import type { ControlMessage, EpollEvent, Outcome, SocketAddress, SystemCall } from '../system-under-test.ts';
import { addressBytes, addressText, textOf, utf8, viewOf, words32, words64 } from './frames.ts';

/** The calls by their numbers: the first is 1. */
export const callNames: readonly SystemCall['name'][] = [
  'socket',
  'bind',
  'connect',
  'listen',
  'accept',
  'read',
  'readv',
  'recv',
  'recvfrom',
  'recvmsg',
  'write',
  'writev',
  'send',
  'sendto',
  'sendmsg',
  'close',
  'shutdown',
  'fcntl',
  'ioctl',
  'getsockopt',
  'setsockopt',
  'poll',
  'epoll_create',
  'epoll_ctl',
  'epoll_wait',
  'open',
  'sendfile',
  'pipe',
  'splice',
];

const nullBufferFlag = 1;
const addressFlag = 2;
/** Length of the fields that every call has. */
const fixedLength = 44;

interface Fields {
  readonly fd?: number;
  readonly a?: number;
  readonly b?: number;
  readonly c?: number;
  readonly nullBuffer?: boolean;
  readonly address?: SocketAddress | null;
  readonly data?: Uint8Array;
}

const join = (parts: readonly Uint8Array[]): Uint8Array => {
  const whole = new Uint8Array(parts.reduce((sum, part) => sum + part.length, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.length;
  }
  return whole;
};

const sum = (lengths: readonly number[]): number => lengths.reduce((total, it) => total + it, 0);

const controlBytes = (messages: readonly ControlMessage[]): Uint8Array =>
  join(messages.flatMap(({ level, type, data }) => [words32(level, type, data.length), data]));

/** Where each argument of a call goes. */
function fieldsOf(call: SystemCall): Fields {
  switch (call.name) {
    case 'socket':
      return { a: call.domain, b: call.type, c: call.protocol };
    case 'bind':
    case 'connect':
      return { fd: call.fd, address: call.address };
    case 'listen':
      return { fd: call.fd, a: call.backlog };
    case 'accept':
    case 'close':
      return { fd: call.fd };
    case 'read':
    case 'readv':
    case 'recv':
    case 'recvfrom':
    case 'recvmsg': {
      const { fd, flags, lengths, nullBuffer } = call;
      return { fd, a: flags, b: sum(lengths), nullBuffer, data: words32(lengths.length, ...lengths) };
    }
    case 'write':
    case 'writev':
    case 'send':
    case 'sendto':
    case 'sendmsg': {
      const { fd, flags, lengths, nullBuffer, address, control } = call;
      const data = join([words32(lengths.length, ...lengths), controlBytes(control)]);
      return { fd, a: flags, b: sum(lengths), nullBuffer, address, data };
    }
    case 'shutdown':
      return { fd: call.fd, a: call.how };
    case 'fcntl':
      return { fd: call.fd, a: call.command, b: call.argument };
    case 'ioctl':
      return { fd: call.fd, a: call.request, b: call.argument };
    default:
      return moreFieldsOf(call);
  }
}

type LessCommon = Extract<
  SystemCall,
  {
    name:
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

function moreFieldsOf(call: LessCommon): Fields {
  switch (call.name) {
    case 'getsockopt':
      return { fd: call.fd, a: call.level, b: call.option, c: call.length };
    case 'setsockopt':
      return { fd: call.fd, a: call.level, b: call.option, data: call.value };
    case 'poll':
      return { a: call.timeoutMs, data: words32(...call.fds.flatMap(({ fd, events }) => [fd, events])) };
    case 'epoll_create':
      return { a: call.size };
    case 'epoll_ctl':
      return {
        fd: call.epfd,
        a: call.operation,
        b: call.fd,
        c: call.event.events,
        data: words64(call.event.data),
      };
    case 'epoll_wait':
      return { fd: call.epfd, a: call.maxEvents, b: call.timeoutMs };
    case 'open':
      return { a: call.flags, data: utf8(call.path) };
    case 'sendfile':
      return { fd: call.out, a: call.in, data: words64(call.offset, call.count) };
    case 'pipe':
      return {};
    case 'splice':
      return { fd: call.in, a: call.out, b: call.length, c: call.flags };
  }
}

/** The body of a CALL frame. */
export function callBody(id: number, call: SystemCall): Uint8Array {
  const { fd = -1, a = 0, b = 0, c = 0, nullBuffer = false, address = null, data } = fieldsOf(call);
  const head = new Uint8Array(fixedLength);
  const view = viewOf(head);
  view.setUint32(0, id, true);
  view.setUint16(4, callNames.indexOf(call.name) + 1, true);
  view.setUint16(6, (nullBuffer ? nullBufferFlag : 0) | (address === null ? 0 : addressFlag), true);
  for (const [i, value] of [fd, a, b, c].entries()) view.setInt32(8 + 4 * i, value | 0, true);
  if (address !== null) {
    view.setUint16(24, address.family, true);
    view.setUint16(26, address.port, true);
    if (address.family !== 0) head.set(sixteen(address), 28);
  }
  return data === undefined ? head : join([head, data]);
}

/** An address of a call: the mapped ones of an IPv6 socket stay IPv6. */
function sixteen({ family, ip }: SocketAddress): Uint8Array {
  const four = addressBytes(ip);
  if (family !== 10 || ip.includes('::ffff:') === false) return four;
  const mapped = new Uint8Array(16);
  mapped.set([0xff, 0xff], 10);
  mapped.set(four.subarray(0, 4), 12);
  return mapped;
}

function lengthsIn(data: Uint8Array): { lengths: number[]; rest: Uint8Array } {
  const view = viewOf(data);
  const count = view.getUint32(0, true);
  const lengths = Array.from({ length: Math.min(count, data.length / 4) }, (_, i) =>
    view.getUint32(4 + 4 * i, true),
  );
  return { lengths, rest: data.subarray(4 + 4 * count) };
}

function controlIn(data: Uint8Array): ControlMessage[] {
  const messages: ControlMessage[] = [];
  const view = viewOf(data);
  for (let at = 0; at + 12 <= data.length; ) {
    const length = view.getUint32(at + 8, true);
    const [level, type] = [view.getInt32(at, true), view.getInt32(at + 4, true)];
    messages.push({ level, type, data: data.slice(at + 12, at + 12 + length) });
    at += 12 + length;
  }
  return messages;
}

/** The call in a CALL frame, for a stack in JavaScript. @throws DrillError of kind system, RangeError for what is none */
export function readCall(body: Uint8Array): { id: number; call: SystemCall } {
  const view = viewOf(body);
  const id = view.getUint32(0, true);
  const name = callNames[view.getUint16(4, true) - 1];
  if (name === undefined) throw new DrillError('system', `there is no call ${view.getUint16(4, true)}`);
  const flags = view.getUint16(6, true);
  const [fd, a, b, c] = [8, 12, 16, 20].map((at) => view.getInt32(at, true)) as [
    number,
    number,
    number,
    number,
  ];
  const family = view.getUint16(24, true);
  const address: SocketAddress | null =
    (flags & addressFlag) === 0
      ? null
      : {
          family,
          ip: family === 0 ? '0.0.0.0' : addressText(body.subarray(28, 44), family === 10 ? 6 : 4),
          port: view.getUint16(26, true),
        };
  const nullBuffer = (flags & nullBufferFlag) !== 0;
  return { id, call: assemble(name, { fd, a, b, c, address, nullBuffer, data: body.subarray(fixedLength) }) };
}

function assemble(name: SystemCall['name'], f: Required<Fields>): SystemCall {
  const { fd, a, b, c, nullBuffer, data } = f;
  switch (name) {
    case 'socket':
      return { name, domain: a, type: b, protocol: c };
    case 'bind':
    case 'connect':
      return { name, fd, address: f.address! };
    case 'listen':
      return { name, fd, backlog: a };
    case 'accept':
    case 'close':
      return { name, fd };
    case 'read':
    case 'readv':
    case 'recv':
    case 'recvfrom':
    case 'recvmsg':
      return { name, fd, flags: a, lengths: lengthsIn(data).lengths, nullBuffer };
    case 'write':
    case 'writev':
    case 'send':
    case 'sendto':
    case 'sendmsg': {
      const { lengths, rest } = lengthsIn(data);
      return { name, fd, flags: a, lengths, nullBuffer, address: f.address, control: controlIn(rest) };
    }
    case 'shutdown':
      return { name, fd, how: a };
    case 'fcntl':
      return { name, fd, command: a, argument: b };
    case 'ioctl':
      return { name, fd, request: a >>> 0, argument: b };
    default:
      return assembleMore(name, f);
  }
}

function assembleMore(name: LessCommon['name'], { fd, a, b, c, data }: Required<Fields>): SystemCall {
  const view = viewOf(data);
  switch (name) {
    case 'getsockopt':
      return { name, fd, level: a, option: b, length: c };
    case 'setsockopt':
      return { name, fd, level: a, option: b, value: data.slice() };
    case 'poll': {
      const fds = Array.from({ length: data.length >> 3 }, (_, i) => ({
        fd: view.getInt32(8 * i, true),
        events: view.getInt32(8 * i + 4, true),
      }));
      return { name, fds, timeoutMs: a };
    }
    case 'epoll_create':
      return { name, size: a };
    case 'epoll_ctl':
      return {
        name,
        epfd: fd,
        operation: a,
        fd: b,
        event: { events: c >>> 0, data: Number(view.getBigInt64(0, true)) },
      };
    case 'epoll_wait':
      return { name, epfd: fd, maxEvents: a, timeoutMs: b };
    case 'open':
      return { name, path: textOf(data), flags: a };
    case 'sendfile':
      return {
        name,
        out: fd,
        in: a,
        offset: Number(view.getBigInt64(0, true)),
        count: Number(view.getBigInt64(8, true)),
      };
    case 'pipe':
      return { name };
    case 'splice':
      return { name, in: fd, out: a, length: b, flags: c };
  }
}

/** The body of a RETURN frame. */
export function returnBody(id: number, atUs: number, outcome: Outcome): Uint8Array {
  const { value, errno, option, argument, revents, events, message, fds } = outcome;
  const head = join([words32(id, value, errno, 0), words64(atUs)]);
  if (option !== undefined) return join([head, option]);
  if (argument !== undefined) return join([head, words64(argument)]);
  if (revents !== undefined) return join([head, words32(...revents)]);
  if (events !== undefined) return join([head, ...events.map((event) => words64(event.events, event.data))]);
  if (message !== undefined) return join([head, words32(message.flags), controlBytes(message.control)]);
  return fds === undefined ? head : join([head, words32(...fds)]);
}

/** What a RETURN frame says. @throws DrillError of kind system if it is too short */
export function readReturn(body: Uint8Array, name: SystemCall['name']): { atUs: number; outcome: Outcome } {
  if (body.length < 24)
    throw new DrillError(
      'system',
      `the stack answered ${name}() with a RETURN of ${body.length} bytes; it has 24 or more`,
    );
  const view = viewOf(body);
  const plain = { value: view.getInt32(4, true), errno: view.getInt32(8, true) };
  const atUs = Number(view.getBigUint64(16, true));
  const data = body.subarray(24);
  const outcome = plain.value < 0 || data.length === 0 ? plain : { ...plain, ...extra(name, data) };
  return { atUs, outcome };
}

/** What a call gives beside its value. */
function extra(name: SystemCall['name'], data: Uint8Array): Partial<Outcome> {
  const view = viewOf(data);
  const words = (): number[] =>
    Array.from({ length: data.length >> 2 }, (_, i) => view.getInt32(4 * i, true));
  switch (name) {
    case 'getsockopt':
      return { option: data.slice() };
    case 'ioctl':
    case 'sendfile':
      return data.length < 8 ? {} : { argument: Number(view.getBigInt64(0, true)) };
    case 'poll':
      return { revents: words() };
    case 'epoll_wait': {
      const events = Array.from({ length: data.length >> 4 }, (_, i): EpollEvent => {
        const at = 16 * i;
        return { events: Number(view.getBigUint64(at, true)), data: Number(view.getBigInt64(at + 8, true)) };
      });
      return { events };
    }
    case 'recvmsg':
      return data.length < 4
        ? {}
        : { message: { flags: view.getInt32(0, true), control: controlIn(data.subarray(4)) } };
    case 'pipe':
      return data.length < 8 ? {} : { fds: [view.getInt32(0, true), view.getInt32(4, true)] };
    default:
      return {};
  }
}
