/** The public entry: TCP as Linux does it, for programs that have IP packets to give and take. */

export type { ConnectionHandlers, EndpointText, StackConnection } from './embed/connection.ts';
export { StackError, type StackErrorDetails } from './embed/errors.ts';
export type { ConnectionInfo } from './embed/info.ts';
export type { StackConnectOptions, StackOptions } from './embed/options.ts';
export {
  Stack,
  type StackListener,
  type StackListenOptions,
} from './embed/stack.ts';
export { VirtualTime } from './embed/virtual-time.ts';
export type { IsnGenerator } from './tcp/handshake/isn.ts';
export type { State } from './tcp/trace.ts';
export type { AbortSignalLike } from './wire/abort.ts';

/** The version of the package. */
export const version = '0.1.0';
