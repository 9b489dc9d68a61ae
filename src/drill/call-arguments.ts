/** A system call's arguments as a script writes them, turned into numbers, addresses and buffers. */
import type { Expression, SyscallSpec } from './ast.ts';
import { controlBytes } from './control.ts';
import { errnoNumber } from './errors.ts';
import { DrillError } from './failure.ts';
import { symbols } from './symbols.ts';
import type { ControlMessage, SocketAddress } from './system-under-test.ts';

/** What decoding needs to know of the run. */
export interface CallContext {
  /** AF_INET or AF_INET6: what `...` means for socket(). */
  readonly domain: number;
  /** What `...` means for bind() and for connect(). */
  readonly bindAddress: SocketAddress;
  readonly connectAddress: SocketAddress;
  readonly toleranceUs: number;
  /** When the script began, µs on the system's clock. */
  readonly startUs: number;
  /** The live descriptor of a script's, or undefined. */
  liveFd(scriptFd: number): number | undefined;
}

/** Bytes that the buffers of one call may have together: more than any socket buffer, and less than fills the memory. */
const mostBytes = 2 ** 28;

/** Access to a call's arguments, with packetdrill's complaints. */
export class Arguments {
  readonly spec: SyscallSpec;
  readonly context: CallContext;

  constructor(spec: SyscallSpec, context: CallContext) {
    this.spec = spec;
    this.context = context;
  }

  error(message: string, at: number = this.spec.at): DrillError {
    return new DrillError('syscall', `runtime error in ${this.spec.name} call: ${message}`, at);
  }

  count(wanted: number, most: number = wanted): void {
    const count = this.spec.args.length;
    if (count >= wanted && count <= most) return;
    const range = wanted === most ? String(wanted) : `${wanted}-${most}`;
    throw this.error(`Expected ${range} args but got ${count}`);
  }

  arg(index: number): Expression {
    const argument = this.spec.args[index];
    if (argument === undefined) throw this.error('Argument list too short');
    return argument;
  }

  /** The value of a number, a symbol, or several joined by `|`. */
  integer(expression: Expression): number {
    if (expression.kind === 'integer') return expression.value;
    if (expression.kind === 'word') {
      const known = Object.hasOwn(symbols, expression.name) ? symbols[expression.name] : undefined;
      const value = known ?? errnoNumber(expression.name);
      if (value !== undefined) return value;
      throw this.error(`unknown symbol: '${expression.name}'`, expression.at);
    }
    if (expression.kind === 'or') {
      return (this.integer(expression.left) | this.integer(expression.right)) >>> 0;
    }
    throw this.error(`Bad type; actual: ${expression.kind} expected: integer`, expression.at);
  }

  int(index: number): number {
    return this.integer(this.arg(index));
  }

  /** The length of a buffer, bytes. */
  length(index: number): number {
    return this.lengths([this.int(index)], this.arg(index).at)[0]!;
  }

  private lengths(lengths: number[], at: number): number[] {
    const sum = lengths.reduce((total, length) => total + length, 0);
    if (lengths.every((it) => it >= 0) && sum <= mostBytes) return lengths;
    throw this.error(`length out of range: buffers have 0 to ${mostBytes} bytes here, not ${sum}`, at);
  }

  /** `[value]` */
  bracketed(index: number): number {
    const argument = this.arg(index);
    if (argument.kind !== 'list')
      throw this.error(`Bad type; actual: ${argument.kind} expected: list`, argument.at);
    const [only, ...more] = argument.items;
    if (only === undefined || more.length > 0)
      throw this.error('Expected [<element>] but got multiple elements', argument.at);
    return this.integer(only);
  }

  fd(index: number): number {
    return this.live(this.int(index), this.arg(index).at);
  }

  live(scriptFd: number, at: number): number {
    const live = this.context.liveFd(scriptFd);
    if (live === undefined) throw this.error(`unable to find fd with script fd ${scriptFd}`, at);
    return live;
  }

  ellipsis(index: number): void {
    const argument = this.arg(index);
    if (argument.kind !== 'ellipsis')
      throw this.error(`Bad type; actual: ${argument.kind} expected: ellipsis`, argument.at);
  }

  /** Whether a buffer is NULL; it can only be `...` or that. */
  nullBuffer(index: number): boolean {
    const argument = this.arg(index);
    if (argument.kind === 'ellipsis' || argument.kind === 'string') return false;
    if (argument.kind !== 'list' && this.integer(argument) === 0) return true;
    throw this.error('Expected ... or NULL for buffer', argument.at);
  }

  /** `...`, an address family alone, or (an extension) an address written out. */
  address(index: number, standard: SocketAddress): SocketAddress {
    const argument = this.arg(index);
    if (argument.kind === 'ellipsis') return standard;
    if (argument.kind === 'sockaddr') {
      return { family: symbols[argument.family]!, ip: argument.ip, port: argument.port };
    }
    return { family: this.integer(argument), ip: '', port: 0 };
  }

  /** `[{..., 100}, {..., 200}]` */
  iovec(expression: Expression): number[] {
    if (expression.kind !== 'list')
      throw this.error(`Bad type; actual: ${expression.kind} expected: list`, expression.at);
    const lengths = expression.items.map((item) => {
      if (item.kind !== 'iovec') throw this.error(`Bad type; actual: ${item.kind} expected: iovec`, item.at);
      return item.length;
    });
    return this.lengths(lengths, expression.at);
  }

  message(index: number): {
    lengths: number[];
    flags: number;
    control: ControlMessage[];
    specs: readonly Expression[];
  } {
    const message = this.arg(index);
    if (message.kind !== 'msghdr')
      throw this.error(`Bad type; actual: ${message.kind} expected: msghdr`, message.at);
    const lengths = this.iovec(message.iov);
    if (lengths.length !== message.count) {
      throw this.error(
        `msg_iovlen ${message.count} does not match ${lengths.length}-element iovec array`,
        message.at,
      );
    }
    const evaluate = (expression: Expression): number => this.integer(expression);
    const control = message.control.map((item) => {
      if (item.kind !== 'cmsg') throw this.error(`Bad type; actual: ${item.kind} expected: cmsg`, item.at);
      const data = controlBytes(item.data, evaluate);
      return {
        level: this.integer(item.level),
        type: this.integer(item.type),
        data: data ?? new Uint8Array(0),
      };
    });
    return { lengths, flags: this.integer(message.flags), control, specs: message.control };
  }
}
