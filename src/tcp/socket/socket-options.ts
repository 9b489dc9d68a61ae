/** The options of level IPPROTO_TCP (net/ipv4/tcp.c do_tcp_setsockopt and do_tcp_getsockopt, 6.18). */
import type { Connection } from '../connection.ts';
import { Errno } from '../errno.ts';
import { synSchedule } from '../handshake/syn-timeout.ts';
import { Poll } from '../poll.ts';
import { setWindowClamp as boundWindow } from '../receive/window.ts';
import { maxRto } from '../recovery/rtt.ts';
import { updateKeepalive } from '../send/keepalive.ts';
import { sendMss } from '../send/mss.ts';
import { sendAck } from '../send/output.ts';
import { writable } from '../send/send-buffer.ts';
import { Nagle, pushFrames, pushPending } from '../send/sender.ts';
import { CLOSE_WAIT, CLOSED, ESTABLISHED, LISTEN } from '../state.ts';

/** Option numbers (include/uapi/linux/tcp.h). */
export const TcpOption = {
  nodelay: 1,
  maxseg: 2,
  cork: 3,
  keepidle: 4,
  keepintvl: 5,
  keepcnt: 6,
  syncnt: 7,
  linger2: 8,
  deferAccept: 9,
  windowClamp: 10,
  info: 11,
  quickack: 12,
  congestion: 13,
  thinLinear: 16,
  thinDupack: 17,
  userTimeout: 18,
  rtoMaxMs: 44,
  fastopen: 23,
  timestamp: 24,
  notsentLowat: 25,
  saveSyn: 27,
  savedSyn: 28,
  fastopenConnect: 30,
  fastopenKey: 33,
  fastopenNoCookie: 34,
  inq: 36,
  rtoMinUs: 45,
  delackMaxUs: 46,
} as const;

/** Times that the kernel keeps in ticks of 4 ms, rounded up, and what it takes of them: TCP_TIMEOUT_MIN to TCP_RTO_MIN. */
const toTicks = (us: number): number => Math.ceil(us / 4000) * 4000;
const leastUs = 8000;
const mostUs = 200_000;

const inRange = (value: number, low: number, high: number): boolean => value >= low && value <= high;

/** Seconds as a number of SYN+ACK retransmissions, and back (secs_to_retrans). */
function secondsToRetransmits(seconds: number): number {
  if (seconds <= 0) return 0;
  let period = 1;
  let timeout = 1;
  let retransmits = 1;
  while (seconds > period && retransmits < 255) {
    retransmits++;
    timeout = Math.min(timeout * 2, 120);
    period += timeout;
  }
  return retransmits;
}

function retransmitsToSeconds(retransmits: number): number {
  if (retransmits === 0) return 0;
  let period = 1;
  let timeout = 1;
  while (--retransmits > 0) {
    timeout = Math.min(timeout * 2, 120);
    period += timeout;
  }
  return period;
}

/**
 * Sets an integer option.
 * @returns 0 or -errno
 */
export function setTcpOption(conn: Connection, option: number, value: number): number {
  const bad = -Errno.EINVAL;
  switch (option) {
    case TcpOption.nodelay:
      conn.setOption('nodelay', value !== 0);
      // Setting it pushes what Nagle held, cork or not.
      if (conn.options.nodelay && conn.sendQueue.sendHead !== null)
        pushPending(conn, sendMss(conn), conn.options.cork ? Nagle.cork | Nagle.push : Nagle.off);
      return 0;
    case TcpOption.cork:
      conn.setOption('cork', value !== 0);
      if (!conn.options.cork) uncork(conn);
      return 0;
    case TcpOption.maxseg:
      if (value !== 0 && !inRange(value, 88, 32767)) return bad;
      conn.setOption('userMss', value);
      return 0;
    case TcpOption.keepidle:
      if (!inRange(value, 1, 32767)) return bad;
      conn.setOption('keepIdle', value);
      if (conn.options.keepalive && conn.state !== CLOSED && conn.state !== LISTEN) updateKeepalive(conn);
      return 0;
    case TcpOption.keepintvl:
      if (!inRange(value, 1, 32767)) return bad;
      conn.setOption('keepInterval', value);
      return 0;
    case TcpOption.keepcnt:
      if (!inRange(value, 1, 127)) return bad;
      conn.setOption('keepCount', value);
      return 0;
    case TcpOption.syncnt:
      if (!inRange(value, 1, 127)) return bad;
      conn.setOption('synRetries', value);
      return 0;
    case TcpOption.linger2:
      conn.setOption('linger2', value < 0 ? -1 : value > 120 ? 120 : value);
      return 0;
    case TcpOption.deferAccept:
      conn.setOption('deferAccept', secondsToRetransmits(value));
      return 0;
    case TcpOption.windowClamp:
      return setWindowClamp(conn, value);
    case TcpOption.quickack:
      setQuickAck(conn, value);
      return 0;
    case TcpOption.thinLinear:
      if (value !== 0 && value !== 1) return bad;
      conn.setOption('thinLinear', value === 1);
      return 0;
    case TcpOption.thinDupack:
      // Without an effect for years (tcp(7)), but taken.
      return value === 0 || value === 1 ? 0 : bad;
    case TcpOption.userTimeout:
      if (value < 0) return bad;
      conn.setOption('userTimeout', value);
      return 0;
    case TcpOption.rtoMaxMs:
      if (value < 1000 || value > 120_000) return bad;
      conn.setOption('rtoMax', value * 1000);
      return 0;
    case TcpOption.rtoMinUs: {
      const us = toTicks(value);
      if (us > mostUs || us < leastUs) return bad;
      conn.rtoMin = us;
      return 0;
    }
    case TcpOption.delackMaxUs: {
      const us = toTicks(value);
      if (us > mostUs || us < leastUs) return bad;
      conn.setOption('delackMax', us);
      return 0;
    }
    case TcpOption.fastopen:
      if (value < 0 || (conn.state !== CLOSED && conn.state !== LISTEN)) return bad;
      conn.fastOpenQueue = value;
      return 0;
    case TcpOption.fastopenConnect:
      if (value !== 0 && value !== 1) return bad;
      if ((conn.services.sysctls.tcp_fastopen & 1) === 0) return -Errno.EOPNOTSUPP;
      if (conn.state !== CLOSED) return bad;
      conn.setOption('fastOpenConnect', value !== 0);
      return 0;
    case TcpOption.fastopenNoCookie:
      if (value !== 0 && value !== 1) return bad;
      if (conn.state !== CLOSED && conn.state !== LISTEN) return bad;
      conn.setOption('fastOpenNoCookie', value !== 0);
      return 0;
    case TcpOption.notsentLowat:
      conn.setOption('notsentLowat', value >>> 0);
      if (writable(conn)) conn.owner?.wake(conn, Poll.out | Poll.wrNorm);
      return 0;
    case TcpOption.inq:
      if (value !== 0 && value !== 1) return bad;
      conn.setOption('tellsInq', value !== 0);
      return 0;
    case TcpOption.saveSyn:
      if (!inRange(value, 0, 2)) return bad;
      conn.setOption('saveSyn', value);
      return 0;
    case TcpOption.timestamp:
      return -Errno.EPERM;
  }
  return -Errno.ENOPROTOOPT;
}

function uncork(conn: Connection): void {
  if (conn.sendQueue.sendHead !== null) pushFrames(conn);
}

function setWindowClamp(conn: Connection, value: number): number {
  if (value === 0) {
    if (conn.state !== CLOSED) return -Errno.EINVAL;
    conn.windowClamp = 0;
    return 0;
  }
  boundWindow(conn, value);
  return 0;
}

function setQuickAck(conn: Connection, value: number): void {
  if (value === 0) {
    conn.pingpong = conn.services.sysctls.tcp_pingpong_thresh;
    return;
  }
  conn.pingpong = 0;
  if ((conn.state === ESTABLISHED || conn.state === CLOSE_WAIT) && conn.ackPending) {
    sendAck(conn);
    if ((value & 1) === 0) conn.pingpong = conn.services.sysctls.tcp_pingpong_thresh;
  }
}

/**
 * Reads an integer option.
 * @returns the value, or null if there is no such option
 */
export function getTcpOption(conn: Connection, option: number): number | null {
  const { sysctls } = conn.services;
  switch (option) {
    case TcpOption.nodelay:
      return conn.options.nodelay ? 1 : 0;
    case TcpOption.maxseg:
      return conn.options.userMss > 0 && (conn.state === CLOSED || conn.state === LISTEN)
        ? conn.options.userMss
        : conn.mssCache;
    case TcpOption.cork:
      return conn.options.cork ? 1 : 0;
    case TcpOption.keepidle:
      return conn.options.keepIdle || sysctls.tcp_keepalive_time;
    case TcpOption.keepintvl:
      return conn.options.keepInterval || sysctls.tcp_keepalive_intvl;
    case TcpOption.keepcnt:
      return conn.options.keepCount || sysctls.tcp_keepalive_probes;
    case TcpOption.syncnt:
      return conn.options.synRetries || sysctls.tcp_syn_retries;
    case TcpOption.linger2:
      return conn.options.linger2 < 0 ? -1 : conn.options.linger2 || sysctls.tcp_fin_timeout;
    case TcpOption.deferAccept:
      return retransmitsToSeconds(conn.options.deferAccept);
    case TcpOption.windowClamp:
      return conn.windowClamp;
    case TcpOption.quickack:
      return conn.pingpong >= sysctls.tcp_pingpong_thresh ? 0 : 1;
    case TcpOption.thinLinear:
      return conn.options.thinLinear ? 1 : 0;
    case TcpOption.thinDupack:
      return 0;
    case TcpOption.userTimeout:
      return conn.options.userTimeout;
    case TcpOption.rtoMaxMs:
      return maxRto(conn) / 1000;
    case TcpOption.rtoMinUs:
      return conn.rtoMin;
    case TcpOption.delackMaxUs:
      return conn.options.delackMax;
    case TcpOption.fastopen:
      return conn.fastOpenQueue;
    case TcpOption.fastopenConnect:
      return conn.options.fastOpenConnect ? 1 : 0;
    case TcpOption.fastopenNoCookie:
      return conn.options.fastOpenNoCookie ? 1 : 0;
    case TcpOption.timestamp:
      return conn.services.timestamp(conn.tsOffset);
    case TcpOption.notsentLowat:
      return conn.options.notsentLowat;
    case TcpOption.inq:
      return conn.options.tellsInq ? 1 : 0;
    case TcpOption.saveSyn:
      return conn.options.saveSyn;
  }
  return null;
}

/** How long connect() of this socket takes to fail if nobody answers, µs. */
export const connectTimeout = (conn: Connection): number => {
  const { sysctls } = conn.services;
  return synSchedule({
    synRetries: conn.options.synRetries || sysctls.tcp_syn_retries,
    synLinearTimeouts: sysctls.tcp_syn_linear_timeouts,
    rtoMax: sysctls.tcp_rto_max_ms * 1000,
  }).giveUp;
};
