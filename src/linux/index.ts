/** The public face of what needs Linux: `halfopen/linux`. */

export { type TunConditions, TunHost, type TunHostOptions, type TunPacket } from './tun-host.ts';
export { type ServeOptions, serveEcho, serveHttp } from './tun-servers.ts';
