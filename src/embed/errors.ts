/** Errors of an embedded stack, in the form that Node's have. */
import { errnoName } from '../tcp/errno.ts';
import { HalfopenError } from '../wire/errors.ts';

/** What is known of the call that failed. */
export interface StackErrorDetails {
  /** The peer's address and port, or those that were asked for. */
  readonly address?: string;
  readonly port?: number;
  /** More than the code says. */
  readonly note?: string;
  /** What led to it, such as the reason of an AbortSignal. */
  readonly cause?: unknown;
}

/** A failure of a connection or a listener, with Linux' errno. */
export class StackError extends HalfopenError {
  /** The negative number, as Node has it: -111 for ECONNREFUSED. */
  readonly errno: number;
  /** The call that failed: `connect`, `listen`, `read`, `write`. */
  readonly syscall: string;
  /** The peer's address and port (for `listen` the own ones), where there are any. */
  readonly address: string | undefined;
  readonly port: number | undefined;

  /** @param errno the positive number */
  constructor(errno: number, syscall: string, details: StackErrorDetails = {}) {
    const { address, port, note, cause } = details;
    const code = errnoName(errno);
    const where =
      address === undefined ? (port === undefined ? '' : ` :${port}`) : ` ${endpoint(address, port)}`;
    const more = note === undefined ? '' : ` (${note})`;
    super(code, `${syscall} ${code}${where}${more}`, cause === undefined ? undefined : { cause });
    this.name = 'StackError';
    this.errno = -errno;
    this.syscall = syscall;
    this.address = address;
    this.port = port;
  }
}

/**
 * The same without a stack trace, for what the network did: it would only show how a packet came in.
 */
export function peerError(errno: number, syscall: string, details?: StackErrorDetails): StackError {
  // Only V8 has a limit; elsewhere this sets a property that nobody reads. A program may have frozen it or taken it away.
  const limit = Reflect.get(Error, 'stackTraceLimit') as unknown;
  Reflect.set(Error, 'stackTraceLimit', 0);
  try {
    return new StackError(errno, syscall, details);
  } finally {
    if (limit === undefined) Reflect.deleteProperty(Error, 'stackTraceLimit');
    else Reflect.set(Error, 'stackTraceLimit', limit);
  }
}

const endpoint = (address: string, port: number | undefined): string =>
  port === undefined ? address : address.includes(':') ? `[${address}]:${port}` : `${address}:${port}`;
