/** The public face of the host: a Linux-like machine with its sockets. */

export { type CallAddress, Calls } from './calls.ts';
export { type DialOptions, dial, isSelfConnected } from './dial.ts';
export type { EpollEntry, PollEntry } from './epoll.ts';
export { OpenFile, OpenFlag, type Result, type Wait, type Watcher } from './file.ts';
export { Host, type HostOptions, type InterfaceOptions } from './host.ts';
export { type InterfaceAddress, parsePrefix, type RouteAttributes, type RouteEntry } from './network.ts';
export { Socket } from './socket.ts';
export type { SocketHost, Stirred } from './socket-host.ts';
export { type Endpoint, Family, MessageFlag } from './socket-terms.ts';
export { Sysctls } from './sysctl.ts';
