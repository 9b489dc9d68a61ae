/**
 * ICMP errors for connections (RFC 5461, RFC 5927, RFC 1191; net/ipv4/tcp_ipv4.c tcp_v4_err, 6.18). An error ends an
 * attempt in SYN-SENT or SYN-RECEIVED; later it is only remembered, for the message when retransmission gives up.
 */
import { DecodeError } from '../wire/errors.ts';
import { decodeIcmp, type IcmpMessage, icmpChecksumOk, protocolIcmp } from '../wire/icmp.ts';
import { decodeIp } from '../wire/ip.ts';
import { seqBetween } from '../wire/seq.ts';
import { protocolTcp } from '../wire/tcp.ts';
import { Connection, type ConnectionServices } from './connection.ts';
import { Errno } from './errno.ts';
import { currentMss } from './handshake/negotiate.ts';
import { Request } from './handshake/request.ts';
import { Poll } from './poll.ts';
import { revertBackoff } from './recovery/timers.ts';
import { retransmitTooBig } from './recovery/unreduced.ts';
import { syncMss } from './send/mss.ts';
import { ErrorOrigin, type QueuedError } from './socket/error-queue.ts';
import { queueError } from './socket/tell.ts';
import { CLOSED, LISTEN, SYN_RECEIVED, SYN_SENT } from './state.ts';
import { terminate } from './states/lifecycle.ts';

/** The errno of an ICMPv4 "destination unreachable" code (icmp_err_convert). */
const unreachable4: readonly number[] = [
  Errno.ENETUNREACH,
  Errno.EHOSTUNREACH,
  Errno.ENOPROTOOPT,
  Errno.ECONNREFUSED,
  Errno.EMSGSIZE,
  Errno.EOPNOTSUPP,
  Errno.ENETUNREACH,
  112,
  64,
  Errno.ENETUNREACH,
  Errno.EHOSTUNREACH,
  Errno.ENETUNREACH,
  Errno.EHOSTUNREACH,
  Errno.EHOSTUNREACH,
  Errno.EHOSTUNREACH,
  Errno.EHOSTUNREACH,
];

/** The errno of an ICMPv6 "destination unreachable" code, and whether it is final (icmpv6_err_convert). */
const unreachable6: readonly (readonly [number, boolean])[] = [
  [Errno.ENETUNREACH, false],
  [Errno.EACCES, true],
  [Errno.EHOSTUNREACH, false],
  [Errno.EHOSTUNREACH, false],
  [Errno.ECONNREFUSED, true],
  [Errno.EACCES, true],
  [Errno.EACCES, true],
];

interface Meaning {
  readonly error: number;
  /** Bytes; -1 unless the packet was too big. */
  readonly mtu: number;
  /** Whether a half-open request is dropped for it. */
  readonly endsRequest: boolean;
}

/** What the error queue says of an ICMP error. */
function queuedError(conn: Connection, { error }: Meaning, icmp: IcmpMessage): QueuedError {
  const origin = conn.family === 4 ? ErrorOrigin.icmp : ErrorOrigin.icmp6;
  const { type, code, parameter, body } = icmp;
  const quoted = body.length - (conn.family === 4 ? (body[0]! & 15) * 4 : 40);
  return { errno: error, origin, type, code, info: parameter, data: 0, length: quoted, stampedAt: -1 };
}

function meaning(v6: boolean, type: number, code: number, parameter: number): Meaning | null {
  if (v6) {
    if (type === 1) {
      const [error, endsRequest] = unreachable6[code] ?? [Errno.EPROTO, true];
      return { error, mtu: -1, endsRequest };
    }
    if (type === 2) return { error: Errno.EMSGSIZE, mtu: parameter, endsRequest: false };
    if (type === 3) return { error: Errno.EHOSTUNREACH, mtu: -1, endsRequest: false };
    if (type === 4) return { error: Errno.EPROTO, mtu: -1, endsRequest: true };
    return null;
  }
  if (type === 3) {
    if (code === 4) return { error: Errno.EMSGSIZE, mtu: parameter & 0xffff, endsRequest: false };
    const error = unreachable4[code];
    return error === undefined ? null : { error, mtu: -1, endsRequest: code <= 1 };
  }
  if (type === 11) return { error: Errno.EHOSTUNREACH, mtu: -1, endsRequest: true };
  if (type === 12) return { error: Errno.EPROTO, mtu: -1, endsRequest: true };
  return null;
}

/** Takes a packet with an ICMP error. What is no such thing is ignored, as a host does. */
export function icmpInput(services: ConnectionServices, packet: Uint8Array): void {
  try {
    handle(services, packet);
  } catch (error) {
    // A damaged packet from the network is nobody's fault here.
    if (!(error instanceof DecodeError)) throw error;
  }
}

function handle(services: ConnectionServices, packet: Uint8Array): void {
  const ip = decodeIp(packet);
  const { verifyChecksums } = services.environment;
  if (verifyChecksums && !icmpChecksumOk(ip.payload, ip.source, ip.destination)) return;
  const icmp = decodeIcmp(ip.payload);
  const what = meaning(ip.protocol !== protocolIcmp, icmp.type, icmp.code, icmp.parameter);
  if (what === null) return;
  const inner = innerHeaders(icmp.body);
  if (inner === null) return;
  const entry = services.table.find(inner.source, inner.sourcePort, inner.destination, inner.destinationPort);
  if (entry instanceof Request) requestError(services, entry, inner.seq, what);
  else if (entry instanceof Connection) connectionError(services, entry, inner.seq, what, icmp);
}

/** The packet quoted in an ICMP error is cut: its length fields say nothing, eight bytes of TCP are enough. */
function innerHeaders(body: Uint8Array): {
  source: ReturnType<typeof decodeIp>['source'];
  destination: ReturnType<typeof decodeIp>['source'];
  sourcePort: number;
  destinationPort: number;
  seq: number;
} | null {
  const v4 = body[0]! >>> 4 === 4;
  const at = v4 ? (body[0]! & 15) * 4 : 40;
  if (body.length < at + 8 || body[v4 ? 9 : 6] !== protocolTcp) return null;
  const copy = body.slice();
  const view = new DataView(copy.buffer);
  if (v4) view.setUint16(2, copy.length);
  else view.setUint16(4, copy.length - 40);
  const ip = decodeIp(copy);
  return {
    source: ip.source,
    destination: ip.destination,
    sourcePort: view.getUint16(at),
    destinationPort: view.getUint16(at + 2),
    seq: view.getInt32(at + 4),
  };
}

function requestError(services: ConnectionServices, request: Request, seq: number, what: Meaning): void {
  if (seq !== request.iss) {
    services.counters.OutOfWindowIcmps++;
    return;
  }
  if (!what.endsRequest) return;
  services.counters.ListenDrops++;
  request.drop('icmp-error');
}

function connectionError(
  services: ConnectionServices,
  conn: Connection,
  seq: number,
  what: Meaning,
  icmp: IcmpMessage,
): void {
  if (conn.state === LISTEN) return;
  // Only what is in flight can have caused an error (RFC 5927 section 4.1).
  if (!seqBetween(conn.earlyRequest?.iss ?? conn.sndUna, seq, conn.sndNxt)) {
    services.counters.OutOfWindowIcmps++;
    return;
  }
  if (what.mtu >= 0) {
    reduceMtu(conn, what.mtu);
    return;
  }
  // An early connection that was accepted is in use like any other.
  const inUse = conn.earlyRequest !== null && conn.parent === null;
  if ((conn.state === SYN_SENT || conn.state === SYN_RECEIVED) && !inUse) {
    conn.error = what.error;
    // IPv4 keeps it for MSG_ERRQUEUE asked for or not (ip_icmp_error), IPv6 only for IPV6_RECVERR.
    if (conn.family === 4 || conn.options.recvErr) queueError(conn, queuedError(conn, what, icmp));
    terminate(conn, 'icmp-error');
    return;
  }
  const noWay = icmp.code === 0 || (conn.family === 4 && icmp.code === 1);
  if (icmp.type === (conn.family === 4 ? 3 : 1) && noWay) revertBackoff(conn, seq);
  if (conn.state === CLOSED) return;
  conn.softError = what.error;
  if (conn.options.recvErr) {
    conn.error = what.error;
    conn.owner?.wake(conn, Poll.err);
  }
}

const leastMtu4 = 552;

/** The path takes less than we thought: smaller segments from now on, and what is too big again (RFC 1191 section 6.4). */
function reduceMtu(conn: Connection, mtu: number): void {
  if (conn.options.pmtuDiscover === 0 || conn.route?.mtuLocked === true) return;
  // With IPv6 what would not make segments smaller is not taken at all (tcp_v6_mtu_reduced).
  if (conn.family === 6 && currentMss(conn, mtu) >= conn.mssCache) return;
  // Nor what no path of IPv6 may be (RFC 8201 section 4); IPv4 goes down to ip_rt_min_pmtu.
  if (conn.family === 6 && mtu < 1280) return;
  if (conn.family === 4 && mtu < leastMtu4) conn.mtuLocked = true;
  const wanted = conn.family === 4 ? Math.max(mtu, leastMtu4) : mtu;
  if (wanted >= conn.pmtu) return;
  conn.pmtu = wanted;
  const before = conn.mssCache;
  syncMss(conn);
  if (conn.mssCache >= before) return;
  conn.services.note(conn, 'note', 'mtu-reduced', { mtu: wanted });
  retransmitTooBig(conn);
}
