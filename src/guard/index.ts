/**
 * halfopen/guard: keeps every TCP connection of a Node process from being with itself.
 *
 * Importing it is enough, as `node --import halfopen/guard app.js` or as the first import of a program. From then on a
 * connect that the kernel has connected to its own socket ends as an ordinary ECONNREFUSED, before anyone sees
 * `connect`; nothing is written, and the port is free at once. A `localPort` that was asked for is left alone.
 */
import { install } from './install.ts';

export {
  type AgentCallback,
  HttpAgent,
  HttpsAgent,
  type UndiciCallback,
  type UndiciConnectorOptions,
  type UndiciTarget,
  undiciConnector,
} from './clients.ts';
export { type ConnectListener, type ConnectOptions, connect, type DialOptions } from './dial.ts';
export { type GuardMode, guardMode } from './install.ts';
export { type SelfConnectMessage, selfConnectChannel, selfConnects } from './report.ts';

install();
