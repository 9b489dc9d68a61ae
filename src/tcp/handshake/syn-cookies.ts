/**
 * SYN cookies: an ISN that carries what a request would have kept (RFC 4987 section 3.6; net/ipv4/syncookies.c, 6.18).
 * The MSS is one of four, the rest of the offer hides in the low bits of the SYN+ACK's timestamp.
 */
import type { Address } from '../../wire/address.ts';
import type { Segment } from '../../wire/segment.ts';
import type { Tuple } from '../table.ts';
import { sipHash24 } from './isn.ts';

/** The sizes a cookie can name, per family. */
const mssTable = { 4: [536, 1300, 1440, 1460], 6: [1280 - 60, 1480 - 60, 1500 - 60, 9000 - 60] } as const;

/** A cookie is valid for two of these periods. */
const periodUs = 60_000_000;
const cookieBits = 24;
const cookieMask = (1 << cookieBits) - 1;

/** Bits of the timestamp: window scale (15: none), SACK, ECN. */
const tsBits = 6;
const tsMask = (1 << tsBits) - 1;
const tsWindowScale = 0xf;
const tsSack = 0x10;
const tsEcn = 0x20;

/** What of a request goes into its cookie. */
interface Offered extends Pick<Tuple, 'local' | 'localPort' | 'remote' | 'remotePort'> {
  mss: number;
  readonly irs: number;
  readonly sndWscale: number;
  readonly sackOk: boolean;
  readonly ecnOk: boolean;
}

/** The two secrets of a host. */
export type CookieKeys = readonly [readonly number[], readonly number[]];

function hash(
  key: readonly number[],
  local: Address,
  localPort: number,
  remote: Address,
  remotePort: number,
  count: number,
): number {
  const words = [remote, local].flatMap((a) => [a.w0, a.w1, a.w2, a.w3]);
  return sipHash24(key, [...words, (remotePort << 16) | localPort, count]);
}

const period = (now: number): number => Math.floor(now / periodUs) | 0;

/** The largest table entry that is not above the peer's MSS, as an index. */
function mssIndex(family: 4 | 6, mss: number): number {
  const table = mssTable[family];
  let index = table.length - 1;
  while (index > 0 && mss < table[index]!) index--;
  return index;
}

/** The ISN for a request's SYN+ACK; cuts the request's MSS to what the cookie can say. */
export function makeCookie(request: Offered, keys: CookieKeys, now: number): number {
  const { local, localPort, remote, remotePort } = request;
  const index = mssIndex(local.family, request.mss);
  request.mss = mssTable[local.family][index]!;
  const count = period(now);
  const first = hash(keys[0], local, localPort, remote, remotePort, 0);
  const second = hash(keys[1], local, localPort, remote, remotePort, count);
  return (first + request.irs + (count << cookieBits) + ((second + index) & cookieMask)) | 0;
}

/** The TSval of a cookie's SYN+ACK: the clock with its low bits replaced, never ahead of the clock. */
export function cookieTimestamp(request: Offered, clock: number): number {
  let bits = request.sndWscale >= 0 ? request.sndWscale : tsWindowScale;
  if (request.sackOk) bits |= tsSack;
  if (request.ecnOk) bits |= tsEcn;
  let value = (clock & ~tsMask) | bits;
  if (((value - clock) | 0) > 0) value = (value - (1 << tsBits)) | 0;
  return value;
}

/** What a valid cookie says. */
interface CookieContent {
  readonly mss: number;
  readonly iss: number;
  readonly irs: number;
}

/** Checks the cookie in an ACK; null if it is none, forged or too old. */
export function checkCookie(seg: Segment, keys: CookieKeys, now: number): CookieContent | null {
  const local = seg.destination();
  const remote = seg.source();
  const cookie = (seg.ack - 1) | 0;
  const irs = (seg.seq - 1) | 0;
  const first = hash(keys[0], local, seg.destinationPort, remote, seg.sourcePort, 0);
  const rest = (cookie - first - irs) | 0;
  const count = period(now);
  const age = (count - (rest >> cookieBits)) & 0xff;
  if (age >= 2) return null;
  const second = hash(keys[1], local, seg.destinationPort, remote, seg.sourcePort, (count - age) | 0);
  const index = (rest - second) & cookieMask;
  const mss = mssTable[seg.family][index];
  return mss === undefined ? null : { mss, iss: cookie, irs };
}

/** What the low bits of an echoed timestamp say of the SYN's offer. */
export function readCookieTimestamp(echo: number): { windowScale: number; sack: boolean; ecn: boolean } {
  const scale = echo & tsWindowScale;
  return {
    windowScale: scale === tsWindowScale ? -1 : scale,
    sack: (echo & tsSack) !== 0,
    ecn: (echo & tsEcn) !== 0,
  };
}
