/**
 * ICMP errors for connections (RFC 5461, RFC 5927, RFC 1191; net/ipv4/tcp_ipv4.c tcp_v4_err, 6.18). An error ends an
 * attempt in SYN-SENT or SYN-RECEIVED; later it is only remembered, for the message when retransmission gives up.
 */
import { DecodeError } from '../wire/errors.ts';
import { decodeIcmp, protocolIcmp } from '../wire/icmp.ts';
import { decodeIp } from '../wire/ip.ts';
import { seqBetween } from '../wire/seq.ts';
import { protocolTcp } from '../wire/tcp.ts';
import { Connection, type ConnectionServices } from './connection.ts';
import { Errno } from './errno.ts';
import { Request } from './handshake/request.ts';
import { retransmitTooBig } from './recovery/timers.ts';
import { syncMss } from './send/mss.ts';
import { LISTEN, SYN_RECEIVED, SYN_SENT } from './state.ts';
import { Poll, terminate } from './states/lifecycle.ts';

/** The errno of an ICMPv4 "destination unreachable" code (icmp_err_convert), and whether it is final. */
const unreachable4: readonly (readonly [number, boolean])[] = [
  [Errno.ENETUNREACH, false],
  [Errno.EHOSTUNREACH, false],
  [Errno.ENOPROTOOPT, true],
  [Errno.ECONNREFUSED, true],
  [Errno.EMSGSIZE, false],
  [Errno.EOPNOTSUPP, false],
  [Errno.ENETUNREACH, true],
  [112, true],
  [64, true],
  [Errno.ENETUNREACH, true],
  [Errno.EHOSTUNREACH, true],
  [Errno.ENETUNREACH, false],
  [Errno.EHOSTUNREACH, false],
  [Errno.EHOSTUNREACH, true],
  [Errno.EHOSTUNREACH, true],
  [Errno.EHOSTUNREACH, true],
];

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
  readonly mtu: number;
}

function meaning(v6: boolean, type: number, code: number, parameter: number): Meaning | null {
  if (v6) {
    if (type === 1) return { error: (unreachable6[code] ?? [Errno.EPROTO])[0], mtu: 0 };
    if (type === 2) return { error: Errno.EMSGSIZE, mtu: parameter };
    if (type === 3) return { error: Errno.EHOSTUNREACH, mtu: 0 };
    if (type === 4) return { error: Errno.EPROTO, mtu: 0 };
    return null;
  }
  if (type === 3) {
    if (code === 4) return { error: Errno.EMSGSIZE, mtu: parameter & 0xffff };
    const known = unreachable4[code];
    return known === undefined ? null : { error: known[0], mtu: 0 };
  }
  if (type === 11) return { error: Errno.EHOSTUNREACH, mtu: 0 };
  if (type === 12) return { error: Errno.EPROTO, mtu: 0 };
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
  const icmp = decodeIcmp(ip.payload);
  const what = meaning(ip.protocol !== protocolIcmp, icmp.type, icmp.code, icmp.parameter);
  if (what === null) return;
  const inner = innerHeaders(icmp.body);
  if (inner === null) return;
  const entry = services.table.find(inner.source, inner.sourcePort, inner.destination, inner.destinationPort);
  if (entry instanceof Request) requestError(services, entry, inner.seq, what);
  else if (entry instanceof Connection) connectionError(services, entry, inner.seq, what);
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
  if (what.mtu > 0) return;
  services.counters.ListenDrops++;
  request.drop('icmp-error');
}

function connectionError(services: ConnectionServices, conn: Connection, seq: number, what: Meaning): void {
  if (conn.state === LISTEN) return;
  // Only what is in flight can have caused an error (RFC 5927 section 4.1).
  if (!seqBetween(conn.earlyRequest?.iss ?? conn.sndUna, seq, conn.sndNxt)) {
    services.counters.OutOfWindowIcmps++;
    return;
  }
  if (what.mtu > 0) {
    reduceMtu(conn, what.mtu);
    return;
  }
  // An early connection that was accepted is in use like any other.
  const inUse = conn.earlyRequest !== null && conn.parent === null;
  if ((conn.state === SYN_SENT || conn.state === SYN_RECEIVED) && !inUse) {
    conn.error = what.error;
    terminate(conn, 'icmp-error');
    return;
  }
  conn.softError = what.error;
  if (conn.options.recvErr) {
    conn.error = what.error;
    conn.owner?.wake(conn, Poll.err);
  }
}

/** The path takes less than we thought: smaller segments from now on, and what is too big again (RFC 1191 section 6.4). */
function reduceMtu(conn: Connection, mtu: number): void {
  if (conn.options.pmtuDiscover === 0 || conn.route?.mtuLocked === true) return;
  const least = conn.family === 4 ? 552 : 1280;
  const wanted = Math.max(mtu, least);
  if (wanted >= conn.pmtu) return;
  conn.pmtu = wanted;
  const before = conn.mssCache;
  syncMss(conn);
  if (conn.state === SYN_SENT) conn.advMss = Math.min(conn.advMss, wanted - (conn.family === 4 ? 40 : 60));
  if (conn.mssCache >= before) return;
  conn.services.note(conn, 'note', 'mtu-reduced', { mtu: wanted });
  retransmitTooBig(conn);
}
