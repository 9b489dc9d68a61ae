/**
 * ICMP errors as tcpdump and tshark print them. A line names the address or the port that was not reached at best, so the packet that was
 * refused is looked for among those told before: only where a single one fits is it taken, and with -v it follows the line.
 */

import { portOf } from './text-packet.ts';

/** An ICMP error, as far as a line tells. */
export interface ToldError {
  /** Nanoseconds. */
  time: bigint;
  readonly icmp: true;
  source: string;
  target: string;
  type: number;
  code: number;
  /** MTU, where a packet was too big. */
  mtu: number;
  /** Whom the refused packet was for; null if the line does not say. */
  address: string | null;
  /** Its port, as printed. */
  port: string | null;
  /** Direction of the quoted packet, as {@link direction} writes it; null unless the lines that follow show it. */
  quoted: string | null;
}

/** Who sends to whom, with ports. */
export const direction = (from: string, fromPort: string, to: string, toPort: string): string =>
  `${from}.${fromPort} ${to}.${toPort}`;

interface Kind {
  readonly type: number;
  readonly code: number;
  readonly address?: string | undefined;
  readonly port?: string | undefined;
  readonly mtu?: number;
}

/** Codes of "destination unreachable" (RFC 792, RFC 1812 section 5.2.7.1) by what tcpdump prints behind the dash. */
const reasons: Readonly<Record<string, readonly [host: number, net: number]>> = {
  '': [1, 0],
  'source route failed': [5, 5],
  unknown: [7, 6],
  'source host isolated': [8, 8],
  'admin prohibited': [10, 9],
  'tos prohibited': [12, 11],
  'admin prohibited filter': [13, 13],
  'host precedence violation': [14, 14],
  'precedence cutoff': [15, 15],
};
const version6: Readonly<Record<string, number>> = { route: 0, prohibited: 1, address: 3 };
/** What tshark prints in parentheses. */
const shark4: readonly string[] = [
  'Network unreachable',
  'Host unreachable',
  'Protocol unreachable',
  'Port unreachable',
  'Fragmentation needed',
  'Source route failed',
  'Destination network unknown',
  'Destination host unknown',
  'Source host isolated',
  'Network administratively prohibited',
  'Host administratively prohibited',
  'Network unreachable for TOS',
  'Host unreachable for TOS',
  'Communication administratively filtered',
];
const shark6: readonly string[] = [
  'no route to destination',
  'Administratively prohibited',
  'Beyond scope of source address',
  'Address unreachable',
  'Port unreachable',
];

/** What is no error, or none of TCP: nothing of a connection is lost with it. */
const OTHER = /echo (?:request|reply)|Echo \(ping\)|udp port|neighbor|router|redirect|multicast/i;

function kind4(text: string): Kind | null {
  const port = /^(\S+) tcp port (\S+) unreachable/.exec(text);
  if (port !== null) return { type: 3, code: 3, address: port[1], port: port[2] };
  const big = /^(\S+) unreachable - need to frag(?: \(mtu (\d+)\))?/.exec(text);
  if (big !== null) return { type: 3, code: 4, address: big[1], mtu: Math.min(65_535, Number(big[2] ?? 0)) };
  const none = /^(?:(net|host) )?(\S+) unreachable(?: - ([a-z ]+?))?(?:,|$)/.exec(text);
  const codes = none === null ? undefined : reasons[none[3] ?? ''];
  if (none !== null && codes !== undefined)
    return { type: 3, code: codes[none[1] === 'net' ? 1 : 0], address: none[2] };
  return text.startsWith('time exceeded in-transit') ? { type: 11, code: 0 } : null;
}

function kind6(text: string): Kind | null {
  const port = /unreachable port,\s+(\S+) tcp port ([\w-]+)/.exec(text);
  if (port !== null) return { type: 1, code: 4, address: port[1], port: port[2] };
  const none = /unreachable (route|prohibited|address) ([^\s,]+)/.exec(text);
  if (none !== null) return { type: 1, code: version6[none[1]!]!, address: none[2] };
  const scope = /beyond scope ([^\s,]+)/.exec(text);
  if (scope !== null) return { type: 1, code: 2, address: scope[1] };
  const big = /packet too big, mtu (\d+)/.exec(text);
  if (big !== null) return { type: 2, code: 0, mtu: Math.min(0xffff_ffff, Number(big[1])) };
  const late = /time exceeded in-transit for ([^\s,]+)/.exec(text);
  return late === null ? null : { type: 3, code: 0, address: late[1] };
}

function kindOfShark(text: string, six: boolean): Kind | null {
  if (/^Time.to.live exceeded|^Time Exceeded \(hop limit/i.test(text)) return { type: six ? 3 : 11, code: 0 };
  const reason = /^Destination unreachable \(([^)]*)\)/i.exec(text)?.[1];
  const code = reason === undefined ? -1 : (six ? shark6 : shark4).indexOf(reason);
  return code < 0 ? null : { type: six ? 1 : 3, code };
}

const told = (time: bigint, source: string, target: string, it: Kind): ToldError => ({
  time,
  icmp: true,
  source,
  target,
  type: it.type,
  code: it.code,
  mtu: it.mtu ?? 0,
  address: it.address ?? null,
  port: it.port ?? null,
  quoted: null,
});

/** An ICMP line of tcpdump: the error, `other` for what concerns no connection, null for one that is not understood. */
export function dumpError(time: bigint | null, rest: string): ToldError | 'other' | null {
  if (OTHER.test(rest)) return 'other';
  const [, source, target, six, text] =
    /(?:^|\s)(\S+) > (\S+): (?:\[[^\]]*\] )?ICMP(6?),? (.*)$/.exec(rest) ?? [];
  if (text === undefined || time === null) return null;
  const kind = six === '6' ? kind6(text) : kind4(text);
  return kind === null ? null : told(time, source!, target!, kind);
}

/** The same of tshark's columns. */
export function sharkError(
  time: bigint,
  source: string,
  target: string,
  six: boolean,
  text: string,
): ToldError | 'other' | null {
  if (OTHER.test(text)) return 'other';
  const kind = kindOfShark(text, six);
  return kind === null ? null : told(time, source, target, kind);
}

/** What was sent last in a direction, and whether anything has answered it. */
export interface Sent {
  readonly source: string;
  readonly target: string;
  readonly seq: number;
  readonly ports: readonly [number, number];
  answered: boolean;
}

/** The packet that an error answers: the one whose direction is quoted, or the only one without an answer that fits; else null. */
export function refused(error: ToldError, sent: ReadonlyMap<string, Sent>): Sent | null {
  if (error.quoted !== null) return sent.get(error.quoted) ?? null;
  const fits = [...sent.values()].filter(
    (it) =>
      !it.answered &&
      it.source === error.target &&
      (error.address === null || it.target === error.address) &&
      (error.port === null || it.ports[1] === portOf(error.port)),
  );
  return fits.length === 1 ? fits[0]! : null;
}

/** The IP packet of an error that quotes the header and the first eight bytes of a segment. */
export function errorPacket(
  error: ToldError,
  from: Uint8Array,
  to: Uint8Array,
  far: Uint8Array,
  sent: Sent,
): Uint8Array {
  const six = from.length === 16;
  const ip = six ? 40 : 20;
  const bytes = new Uint8Array(2 * ip + 16);
  const view = new DataView(bytes.buffer);
  header(view, 0, from, to, six ? 58 : 1, ip + 16);
  bytes[ip] = error.type;
  bytes[ip + 1] = error.code;
  if (six) view.setUint32(ip + 4, error.mtu);
  else view.setUint16(ip + 6, error.mtu);
  header(view, ip + 8, to, far, 6, 40);
  const tcp = 2 * ip + 8;
  view.setUint16(tcp, sent.ports[0]);
  view.setUint16(tcp + 2, sent.ports[1]);
  view.setUint32(tcp + 4, sent.seq);
  return bytes;
}

function header(
  view: DataView,
  at: number,
  from: Uint8Array,
  to: Uint8Array,
  protocol: number,
  length: number,
): void {
  const six = from.length === 16;
  view.setUint8(at, six ? 0x60 : 0x45);
  view.setUint16(at + (six ? 4 : 2), six ? length : 20 + length);
  view.setUint8(at + (six ? 6 : 9), protocol);
  const bytes = new Uint8Array(view.buffer);
  bytes.set(from, at + (six ? 8 : 12));
  bytes.set(to, at + (six ? 24 : 16));
}
