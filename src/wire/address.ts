/** IP addresses as values, and their text (RFC 4291 section 2.2, RFC 5952). */
import { DecodeError } from './errors.ts';

/**
 * An IPv4 or IPv6 address. Both are four int32 words in network order; an IPv4 address is kept as its mapped form
 * ::ffff:a.b.c.d, so that a table keyed by words serves both families.
 */
export interface Address {
  readonly family: 4 | 6;
  readonly w0: number;
  readonly w1: number;
  readonly w2: number;
  readonly w3: number;
}

/** An IPv4 address from its 32 bits. */
export const ipv4 = (bits: number): Address => ({ family: 4, w0: 0, w1: 0, w2: 0xffff, w3: bits | 0 });

/** An IPv6 address from its four words. */
export const ipv6 = (w0: number, w1: number, w2: number, w3: number): Address => ({
  family: 6,
  w0: w0 | 0,
  w1: w1 | 0,
  w2: w2 | 0,
  w3: w3 | 0,
});

/** 0.0.0.0 */
export const anyIpv4: Address = ipv4(0);
/** :: */
export const anyIpv6: Address = ipv6(0, 0, 0, 0);

/** Whether two addresses are the same, family included. */
export const sameAddress = (a: Address, b: Address): boolean =>
  a.w3 === b.w3 && a.w2 === b.w2 && a.w1 === b.w1 && a.w0 === b.w0 && a.family === b.family;

/** Whether it is the unspecified address 0.0.0.0 or ::. */
export const isAny = (a: Address): boolean =>
  a.w3 === 0 && a.w0 === 0 && a.w1 === 0 && (a.family === 4 || a.w2 === 0);

/** Whether it is 127.0.0.0/8 or ::1. */
export const isLoopback = (a: Address): boolean =>
  a.family === 4 ? a.w3 >>> 24 === 127 : a.w0 === 0 && a.w1 === 0 && a.w2 === 0 && a.w3 === 1;

/** Whether it is a multicast address, or IPv4's limited broadcast. */
export const isMulticast = (a: Address): boolean =>
  a.family === 4 ? a.w3 >>> 28 === 0xe || a.w3 === -1 : a.w0 >>> 24 === 0xff;

/** Whether an IPv6 address is a mapped IPv4 one (::ffff:a.b.c.d). */
export const isMapped = (a: Address): boolean =>
  a.family === 6 && a.w0 === 0 && a.w1 === 0 && a.w2 === 0xffff;

/** A mapped IPv6 address as the IPv4 address it stands for; any other address unchanged. */
export const unmap = (a: Address): Address => (isMapped(a) ? ipv4(a.w3) : a);

/** An IPv4 address as the mapped IPv6 address that an AF_INET6 socket shows; any other address unchanged. */
export const toMapped = (a: Address): Address => (a.family === 4 ? ipv6(0, 0, 0xffff, a.w3) : a);

function formatIpv4(bits: number): string {
  return `${bits >>> 24}.${(bits >>> 16) & 255}.${(bits >>> 8) & 255}.${bits & 255}`;
}

/** The address as text; IPv6 in the canonical form of RFC 5952. */
export function formatAddress(a: Address): string {
  if (a.family === 4) return formatIpv4(a.w3);
  if (isMapped(a)) return `::ffff:${formatIpv4(a.w3)}`;
  const groups = [a.w0, a.w1, a.w2, a.w3].flatMap((w) => [w >>> 16, w & 0xffff]);
  let best = -1;
  let bestLength = 1;
  for (let i = 0; i < 8; i++) {
    let n = 0;
    while (i + n < 8 && groups[i + n] === 0) n++;
    if (n > bestLength) {
      best = i;
      bestLength = n;
    }
  }
  const hex = groups.map((g) => g.toString(16));
  if (best < 0) return hex.join(':');
  return `${hex.slice(0, best).join(':')}::${hex.slice(best + bestLength).join(':')}`;
}

function parseIpv4(text: string): number | null {
  const match = /^(\d{1,3})\.(\d{1,3})\.(\d{1,3})\.(\d{1,3})$/.exec(text);
  if (match === null) return null;
  let bits = 0;
  for (let i = 1; i <= 4; i++) {
    const octet = Number(match[i]);
    if (octet > 255) return null;
    bits = (bits << 8) | octet;
  }
  return bits;
}

function parseIpv6(text: string): Address | null {
  let body = text;
  const lastColon = body.lastIndexOf(':');
  if (body.includes('.')) {
    const bits = parseIpv4(body.slice(lastColon + 1));
    if (bits === null) return null;
    body = `${body.slice(0, lastColon + 1)}${(bits >>> 16).toString(16)}:${(bits & 0xffff).toString(16)}`;
  }
  const halves = body.split('::');
  if (halves.length > 2) return null;
  const side = (half: string): string[] => (half === '' ? [] : half.split(':'));
  const left = side(halves[0]!);
  const right = side(halves[1] ?? '');
  const gap = 8 - left.length - right.length;
  if (halves.length === 1 ? gap !== 0 : gap < 1) return null;
  const groups = [...left, ...new Array<string>(gap).fill('0'), ...right];
  if (!groups.every((g) => /^[0-9a-f]{1,4}$/i.test(g))) return null;
  const n = groups.map((g) => Number.parseInt(g, 16));
  const word = (i: number): number => (n[i]! << 16) | n[i + 1]!;
  return ipv6(word(0), word(2), word(4), word(6));
}

/**
 * Reads an address from its text.
 * @throws DecodeError `bad-address` if it is neither an IPv4 nor an IPv6 address
 */
export function parseAddress(text: string): Address {
  const bits = parseIpv4(text);
  if (bits !== null) return ipv4(bits);
  const address = text.includes(':') ? parseIpv6(text) : null;
  if (address === null) throw new DecodeError('bad-address', 0, `'${text}' is not an IPv4 or IPv6 address`);
  return address;
}

/** Whether a number is a port: an integer from `least` (0 where the host may choose) to 65535. */
export const isPort = (port: number, least: 0 | 1): boolean =>
  Number.isInteger(port) && port >= least && port <= 65_535;

/** `address:port`, with brackets around an IPv6 address. */
export const formatEndpoint = (address: Address, port: number): string =>
  address.family === 4 ? `${formatAddress(address)}:${port}` : `[${formatAddress(address)}]:${port}`;
