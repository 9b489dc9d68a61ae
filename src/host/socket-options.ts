/** getsockopt and setsockopt at the levels SOL_SOCKET, IPPROTO_TCP, IPPROTO_IP and IPPROTO_IPV6 (net/core/sock.c, 6.18). */
import type { Connection } from '../tcp/connection.ts';
import { Errno } from '../tcp/errno.ts';
import { keyBytes } from '../tcp/handshake/fast-open.ts';
import { updateKeepalive } from '../tcp/send/keepalive.ts';
import { Timestamping } from '../tcp/socket/completions.ts';
import { getTcpOption, setTcpOption, TcpOption } from '../tcp/socket/socket-options.ts';
import { completionsOf } from '../tcp/socket/tell.ts';
import { CLOSED, LISTEN } from '../tcp/state.ts';
import type { Socket } from './socket.ts';

/** Levels of socket options. */
export const Level = { ip: 0, socket: 1, tcp: 6, ipv6: 41 } as const;

/** Options of SOL_SOCKET (include/uapi/asm-generic/socket.h) that do something here. */
export const SocketOption = {
  reuseAddress: 2,
  type: 3,
  error: 4,
  sendBuffer: 7,
  receiveBuffer: 8,
  keepalive: 9,
  linger: 13,
  reusePort: 15,
  receiveLowat: 18,
  sendLowat: 19,
  receiveTimeout: 20,
  sendTimeout: 21,
  acceptConnection: 30,
  sendBufferForce: 32,
  receiveBufferForce: 33,
  timestamping: 37,
  protocol: 38,
  domain: 39,
  zeroCopy: 60,
  timestampingNew: 65,
} as const;

/** Options of IPPROTO_IP and IPPROTO_IPV6. */
const IpOption = {
  tos: 1,
  ttl: 2,
  mtuDiscover: 10,
  receiveError: 11,
  mtu: 14,
  freeBind: 15,
  bindAddressNoPort: 24,
  localPortRange: 51,
} as const;
const Ipv6Option = {
  unicastHops: 16,
  mtuDiscover: 23,
  mtu: 24,
  receiveError: 25,
  only: 26,
  trafficClass: 67,
} as const;
const inline = 10;
/** Options of SOL_SOCKET, IP and IPv6 without an effect here, SO_OOBINLINE apart: kept, and read back. */
const inertOptions: Readonly<Record<number, readonly number[]>> = {
  // debug, dontroute, broadcast, no_check, priority, timestamp (two), mark, busy poll, pacing rate, incoming cpu
  [Level.socket]: [1, 5, 6, inline, 11, 12, 29, 36, 46, 47, 49, 63],
  // router alert, pktinfo, retopts, recvtos, recvttl, transparent, minttl
  [Level.ip]: [5, 8, 7, 13, 12, 19, 21],
  [Level.ipv6]: [8, 49, 51, 66, 70, 75],
  // tx delay
  [Level.tcp]: [37],
};
const unopened = ({ state }: Connection): boolean => state === CLOSED || state === LISTEN;
const smallestSendBuffer = 4608;
const smallestReceiveBuffer = 2304;

function intOf(value: Uint8Array): number | null {
  if (value.length < 4) return value.length >= 1 ? value[0]! : null;
  return new DataView(value.buffer, value.byteOffset).getInt32(0, true);
}

const intBytes = (value: number): Uint8Array => {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setInt32(0, value, true);
  return bytes;
};

/** A struct timeval of two 64-bit numbers. */
function timevalBytes(us: number): Uint8Array {
  const bytes = new Uint8Array(16);
  if (us === Number.POSITIVE_INFINITY) return bytes;
  const view = new DataView(bytes.buffer);
  view.setBigInt64(0, BigInt(Math.floor(us / 1e6)), true);
  view.setBigInt64(8, BigInt(us % 1e6), true);
  return bytes;
}

function timevalOf(value: Uint8Array): number | null {
  if (value.length < 16) return null;
  const view = new DataView(value.buffer, value.byteOffset);
  const [seconds, us] = [Number(view.getBigInt64(0, true)), Number(view.getBigInt64(8, true))];
  if (us < 0 || us >= 1e6) return -Errno.EDOM;
  // Zero means no limit, and so does a negative time's "at once" for a call that has not begun.
  const total = seconds * 1e6 + us;
  return total === 0 ? Number.POSITIVE_INFINITY : Math.max(total, 0);
}

/**
 * setsockopt()
 * @param value as the C program lays it out, little-endian
 * @returns 0 or -errno
 */
export function setSocketOption(socket: Socket, level: number, option: number, value: Uint8Array): number {
  const inert = inertOptions[level]?.includes(option);
  if (level === Level.tcp && inert !== true) return setTcp(socket, option, value);
  if (inert) {
    if (level === Level.tcp && (intOf(value) ?? -1) < 0) return -Errno.EINVAL;
    if (level === Level.socket && option === inline) socket.conn.setOption('oobInline', intOf(value) !== 0);
    socket.inert ??= new Map();
    socket.inert.set(`${level}/${option}`, intOf(value) ?? 0);
    return 0;
  }
  if (level === Level.socket) return setAtSocket(socket, option, value);
  const number = intOf(value);
  if (number === null) return -Errno.EINVAL;
  if (level === Level.ip) return setAtIp(socket, option, number, value);
  return level === Level.ipv6 && socket.family === 6 ? setAtIpv6(socket, option, number) : -Errno.ENOPROTOOPT;
}

function setTcp(socket: Socket, option: number, value: Uint8Array): number {
  if (option === TcpOption.congestion) return setCongestion(socket, value);
  if (option === TcpOption.fastopenKey) {
    if (value.length !== keyBytes && value.length !== 2 * keyBytes) return -Errno.EINVAL;
    socket.conn.fastOpenKeys = value.slice();
    return 0;
  }
  const number = intOf(value);
  if (value.length < 4 || number === null) return -Errno.EINVAL;
  const { somaxconn } = socket.host.sysctls.host;
  return setTcpOption(
    socket.conn,
    option,
    option === TcpOption.fastopen ? Math.min(number, somaxconn) : number,
  );
}

function setCongestion(socket: Socket, value: Uint8Array): number {
  const end = value.indexOf(0);
  const name = String.fromCharCode(...value.subarray(0, end < 0 ? value.length : end));
  const available = socket.host.sysctls.read('net.ipv4.tcp_available_congestion_control');
  if (!`${available}`.split(' ').includes(name)) return -Errno.ENOENT;
  socket.conn.setOption('congestion', name);
  return 0;
}

function setAtSocket(socket: Socket, option: number, value: Uint8Array): number {
  const { conn, host } = socket;
  const number = intOf(value);
  if (value.length < 4 || number === null) return -Errno.EINVAL;
  switch (option) {
    case SocketOption.reuseAddress:
      conn.setOption('reuse', number !== 0);
      socket.optionsChanged();
      return 0;
    case SocketOption.reusePort:
      socket.reusePort = number !== 0;
      socket.optionsChanged();
      return 0;
    case SocketOption.sendBuffer:
    case SocketOption.sendBufferForce: {
      const most = option === SocketOption.sendBufferForce ? 0x3fffffff : host.sysctls.host.wmemMax;
      conn.setOption('sndBufLocked', true);
      conn.sndBuf = Math.max(2 * Math.min(number >>> 0, most), smallestSendBuffer);
      return 0;
    }
    case SocketOption.receiveBuffer:
    case SocketOption.receiveBufferForce: {
      const most = option === SocketOption.receiveBufferForce ? 0x3fffffff : host.sysctls.tcp.rmem_max;
      conn.setOption('rcvBufLocked', true);
      conn.rcvBuf = Math.max(2 * Math.min(number >>> 0, most), smallestReceiveBuffer);
      return 0;
    }
    case SocketOption.keepalive:
      conn.setOption('keepalive', number !== 0);
      if (!unopened(conn)) updateKeepalive(conn);
      return 0;
    case SocketOption.linger: {
      if (value.length < 8) return -Errno.EINVAL;
      const seconds = new DataView(value.buffer, value.byteOffset).getInt32(4, true);
      conn.setOption('linger', number === 0 ? -1 : seconds >>> 0);
      return 0;
    }
    case SocketOption.zeroCopy:
      if (number < 0 || number > 1) return -Errno.EINVAL;
      completionsOf(conn).zeroCopy = number === 1;
      return 0;
    case SocketOption.timestamping:
    case SocketOption.timestampingNew:
      if ((number & Timestamping.optId) !== 0 && unopened(conn)) return -Errno.EINVAL;
      completionsOf(conn).setTimestamping(number, conn.sndUna);
      return 0;
    case SocketOption.receiveLowat:
      conn.setOption('rcvLowat', number < 0 ? 0x7fffffff : number || 1);
      return 0;
    case SocketOption.receiveTimeout:
    case SocketOption.sendTimeout: {
      const us = timevalOf(value);
      if (us === null) return -Errno.EINVAL;
      if (us < 0) return us;
      if (option === SocketOption.receiveTimeout) socket.receiveTimeout = us;
      else socket.sendTimeout = us;
      return 0;
    }
  }
  return -Errno.ENOPROTOOPT;
}

function setAtIp(socket: Socket, option: number, number: number, value: Uint8Array): number {
  const { conn } = socket;
  switch (option) {
    case IpOption.tos:
      // The low two bits are TCP's own (ECN).
      conn.setOption('tos', number & 0xfc);
      return 0;
    case IpOption.ttl:
      if (number !== -1 && (number < 1 || number > 255)) return -Errno.EINVAL;
      conn.setOption('ttl', number);
      return 0;
    case IpOption.mtuDiscover:
      if (number < 0 || number > 5) return -Errno.EINVAL;
      conn.setOption('pmtuDiscover', number);
      return 0;
    case IpOption.receiveError:
      conn.setOption('recvErr', number !== 0);
      return 0;
    case IpOption.freeBind:
      socket.freeBind = number !== 0;
      return 0;
    case IpOption.bindAddressNoPort:
      socket.bindAddressNoPort = number !== 0;
      return 0;
    case IpOption.localPortRange: {
      if (value.length !== 4) return -Errno.EINVAL;
      const [low, high] = [number & 0xffff, number >>> 16];
      if (low > high && low !== 0 && high !== 0) return -Errno.EINVAL;
      const [first, last] = socket.host.sysctls.host.localPortRange;
      // Zero leaves that end to the sysctl; outside of the sysctl's range an end counts as not set.
      const from = low >= first && low <= last ? low : first;
      const to = high >= first && high <= last ? high : last;
      socket.portRange = low === 0 && high === 0 ? null : [from, to];
      return 0;
    }
  }
  return -Errno.ENOPROTOOPT;
}

function setAtIpv6(socket: Socket, option: number, number: number): number {
  const { conn } = socket;
  switch (option) {
    case Ipv6Option.only:
      if (socket.local.port !== 0) return -Errno.EINVAL;
      conn.setOption('v6Only', number !== 0);
      return 0;
    case Ipv6Option.unicastHops:
      if (number < -1 || number > 255) return -Errno.EINVAL;
      conn.setOption('hops', number);
      return 0;
    case Ipv6Option.mtuDiscover:
      if (number < 0 || number > 5) return -Errno.EINVAL;
      conn.setOption('pmtuDiscover', number);
      return 0;
    case Ipv6Option.receiveError:
      conn.setOption('recvErr', number !== 0);
      return 0;
    case Ipv6Option.trafficClass:
      if (number < -1 || number > 255) return -Errno.EINVAL;
      conn.setOption('trafficClass', number < 0 ? 0 : number & 0xfc);
      return 0;
  }
  return -Errno.ENOPROTOOPT;
}

/**
 * getsockopt()
 * @param length the room for the value, bytes
 * @returns the value's bytes, or -errno
 */
export function getSocketOption(
  socket: Socket,
  level: number,
  option: number,
  length: number,
): Uint8Array | number {
  const value = optionValue(socket, level, option);
  if (typeof value === 'number') return value < 0 ? value : intBytes(value).subarray(0, Math.max(length, 0));
  return value.subarray(0, Math.max(length, 0));
}

function optionValue(socket: Socket, level: number, option: number): Uint8Array | number {
  const inert = socket.inert?.get(`${level}/${option}`);
  if (inert !== undefined) return intBytes(inert);
  if (inertOptions[level]?.includes(option)) return intBytes(0);
  if (level === Level.tcp) {
    const { conn } = socket;
    if (option === TcpOption.congestion)
      return Uint8Array.from(conn.options.congestion.padEnd(16, '\0'), (c) => c.charCodeAt(0));
    if (option === TcpOption.savedSyn) return conn.savedSyn ?? new Uint8Array(0);
    if (option === TcpOption.fastopenKey) return conn.fastOpenKeys ?? new Uint8Array(0);
    const value = getTcpOption(conn, option);
    return value === null ? -Errno.ENOPROTOOPT : intBytes(value);
  }
  if (level === Level.socket) return atSocket(socket, option);
  const value =
    level === Level.ip
      ? atIp(socket, option)
      : level === Level.ipv6 && socket.family === 6
        ? atIpv6(socket, option)
        : null;
  if (value === null) return -Errno.ENOPROTOOPT;
  return value < 0 ? value : intBytes(value);
}

function atSocket(socket: Socket, option: number): Uint8Array | number {
  const { conn } = socket;
  switch (option) {
    case SocketOption.reuseAddress:
      return intBytes(conn.options.reuse ? 1 : 0);
    case SocketOption.reusePort:
      return intBytes(socket.reusePort ? 1 : 0);
    case SocketOption.type:
      return intBytes(1);
    case SocketOption.protocol:
      return intBytes(6);
    case SocketOption.domain:
      return intBytes(socket.family === 4 ? 2 : 10);
    case SocketOption.error:
      return intBytes(socket.takeError());
    case SocketOption.sendBuffer:
      return intBytes(conn.sndBuf);
    case SocketOption.receiveBuffer:
      return intBytes(conn.rcvBuf);
    case SocketOption.keepalive:
      return intBytes(conn.options.keepalive ? 1 : 0);
    case SocketOption.acceptConnection:
      return intBytes(conn.state === LISTEN ? 1 : 0);
    case SocketOption.receiveLowat:
      return intBytes(conn.options.rcvLowat);
    case SocketOption.sendLowat:
      return intBytes(1);
    case SocketOption.receiveTimeout:
      return timevalBytes(socket.receiveTimeout);
    case SocketOption.sendTimeout:
      return timevalBytes(socket.sendTimeout);
    case SocketOption.linger: {
      const both = new Uint8Array(8);
      both.set(intBytes(conn.options.linger >= 0 ? 1 : 0));
      both.set(intBytes(Math.max(conn.options.linger, 0)), 4);
      return both;
    }
  }
  return -Errno.ENOPROTOOPT;
}

function atIp(socket: Socket, option: number): number | null {
  const { conn } = socket;
  switch (option) {
    case IpOption.tos:
      return conn.options.tos;
    case IpOption.ttl:
      return conn.services.ttlOf(conn.options.ttl, 4);
    case IpOption.mtuDiscover:
      return conn.options.pmtuDiscover;
    case IpOption.receiveError:
      return conn.options.recvErr ? 1 : 0;
    case IpOption.mtu:
      return conn.state === CLOSED ? -Errno.ENOTCONN : conn.pmtu;
    case IpOption.freeBind:
      return socket.freeBind ? 1 : 0;
    case IpOption.bindAddressNoPort:
      return socket.bindAddressNoPort ? 1 : 0;
    case IpOption.localPortRange:
      return socket.portRange === null ? 0 : socket.portRange[1] * 65536 + socket.portRange[0];
  }
  return null;
}

function atIpv6(socket: Socket, option: number): number | null {
  const { conn } = socket;
  switch (option) {
    case Ipv6Option.only:
      return conn.options.v6Only ? 1 : 0;
    case Ipv6Option.unicastHops:
      return conn.services.ttlOf(conn.options.hops, 6);
    case Ipv6Option.mtuDiscover:
      return conn.options.pmtuDiscover;
    case Ipv6Option.mtu:
      return conn.state === CLOSED ? -Errno.ENOTCONN : conn.pmtu;
    case Ipv6Option.receiveError:
      return conn.options.recvErr ? 1 : 0;
    case Ipv6Option.trafficClass:
      return conn.options.trafficClass;
  }
  return null;
}
