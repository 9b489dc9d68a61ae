/** The public entry: TCP as Linux does it, for programs that have IP packets to give and take. */
export {
  type ConnectionHandlers,
  type EndpointText,
  StackConnection,
  StackError,
} from './embed/connection.ts';
export { Stack, type StackListener, type StackOptions } from './embed/stack.ts';
export { VirtualTime } from './embed/virtual-time.ts';
export type { RealClock } from './sim/realtime.ts';

/** The version of the package. */
export const version = '0.1.0';
