/** Connected, then nothing: what the packets after the handshake say of why the connection was of no use. */

import * as R from '../track/records.ts';
import type { Evidence } from './evidence.ts';
import type { Handshake } from './handshake.ts';
import type { Note } from './verdicts.ts';

/** What came of a connection that was of no use. */
export interface Trouble {
  readonly note: Extract<
    Note,
    | 'path-mtu'
    | 'data-unacknowledged'
    | 'request-unacknowledged'
    | 'closed-unserved'
    | 'server-silent'
    | 'tls-stopped'
  >;
  /** Who suffers: whose data do not arrive. */
  readonly byServer: boolean;
  /** Payload that does not arrive, that arrives, in bytes; the MTU that an ICMP error names. 0: not known. */
  readonly size: number;
  readonly arrived: number;
  /** The packet that does not arrive, with its IP and TCP headers, bytes. */
  readonly packet: number;
  readonly mtu: number;
  readonly mtuFrom: string | null;
  /** Nanoseconds until the end, of what waits or ends. */
  readonly ns: number;
  /** Of TLS: where it stops. */
  readonly tls: 'hello-unanswered' | 'alert' | 'client-silent' | null;
  readonly reason: number;
}

/** So many times sent again, apart, and never acknowledged, is no accident. */
const MANY = 3;
/** A server may think for so long. */
const SILENT_NS = 3e9;
const SOON_MS = 1000;
const ALERT = 21;

/** What went wrong after the handshake; null if nothing stands out. */
export function troubleOf(e: Evidence, h: Handshake): Trouble | null {
  if (h.finalAck === null || h.synAck === null) return null;
  const { stall, unservedMs, tls } = e.aftermath;
  const none = {
    byServer: false,
    size: 0,
    arrived: 0,
    packet: 0,
    mtu: 0,
    mtuFrom: null,
    ns: 0,
    tls: null,
    reason: 0,
  };
  const icmp = e.packets.find(
    (p) => p.icmp !== null && (e.ipv6 ? p.icmp.type === 2 : p.icmp.type === 3 && p.icmp.code === 4),
  );
  if (stall !== null && (stall.again >= MANY || (icmp !== undefined && stall.again > 0))) {
    const { byServer, size, arrived } = stall;
    const smaller = arrived > 0 && arrived < size;
    // What was acknowledged before was smaller, since all of it was.
    const before = stall.offset > 0 && stall.offset < size ? stall.offset : 0;
    const known = smaller ? arrived : before;
    const stamps = h.synAck.options.timestamps && (h.syn === null || h.syn.options.timestamps);
    const found = {
      ...none,
      packet: size + (e.ipv6 ? 60 : 40) + (stamps ? 12 : 0),
      byServer,
      size,
      arrived: known,
      mtu: icmp?.icmp?.parameter ?? 0,
      mtuFrom: icmp?.icmp?.sender ?? null,
    };
    if (size > 500 && (known > 0 || icmp !== undefined)) return { ...found, note: 'path-mtu' };
    const note = !byServer && stall.offset === 0 ? 'request-unacknowledged' : 'data-unacknowledged';
    return { ...found, note };
  }
  if (stall !== null) return null;
  return unserved(e, h, unservedMs, none) ?? stoppedTls(e, tls, none) ?? silent(e, none);
}

type None = Omit<Trouble, 'note'>;

/** The server ended at once, and no data came from it. */
function unserved(e: Evidence, h: Handshake, ms: number | null, none: None): Trouble | null {
  if (ms === null || e.serverBytes > 0) return null;
  const after = ms * 1e6 - Math.max(0, h.finalAck!.time - e.firstTime);
  // The client's FIN or RST before it makes it an answer.
  const first = e.history.indexOf('f') < 0 ? e.history.indexOf('r') : e.history.indexOf('f');
  const mine = [e.history.indexOf('F'), e.history.indexOf('R')].filter((n) => n >= 0);
  if (first < 0 || mine.some((n) => n < first) || after > SOON_MS * 1e6) return null;
  return { ...none, note: 'closed-unserved', ns: Math.max(0, after) };
}

/** The handshake of TLS did not go on. */
function stoppedTls(e: Evidence, tls: Evidence['aftermath']['tls'], none: None): Trouble | null {
  if (tls === null) return null;
  if (tls.answer === ALERT && e.serverBytes < 64)
    return { ...none, note: 'tls-stopped', tls: 'alert', reason: tls.reason };
  if (e.clientBytes !== tls.hello) return null;
  const ns = Math.max(e.lastTime, e.now) - e.firstTime;
  if (e.serverBytes === 0)
    return waitedFor(e) < SILENT_NS || (e.state & R.SERVER_ACK) === 0
      ? null
      : { ...none, note: 'tls-stopped', tls: 'hello-unanswered', ns: waitedFor(e) };
  return ns < SILENT_NS ? null : { ...none, note: 'tls-stopped', tls: 'client-silent', ns };
}

/** The server acknowledged what the client sent, and said nothing. */
function silent(e: Evidence, none: None): Trouble | null {
  const { state } = e;
  if ((state & (R.CLIENT_DATA | R.SERVER_ACK)) !== (R.CLIENT_DATA | R.SERVER_ACK) || state & R.SERVER_DATA)
    return null;
  if (waitedFor(e) < SILENT_NS) return null;
  return { ...none, note: 'server-silent', ns: waitedFor(e) };
}

/** From the first packet to the end of the connection, or of the capture while it lived. */
function waitedFor(e: Evidence): number {
  const ended = (e.state & (R.CLIENT_FIN | R.CLIENT_RST | R.SERVER_FIN | R.SERVER_RST)) !== 0;
  return (ended ? e.lastTime : Math.max(e.lastTime, e.now)) - e.firstTime;
}
