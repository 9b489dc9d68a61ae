/**
 * Initial sequence numbers (RFC 6528): ISN = F(four-tuple, secret) + clock. Both of Linux' functions F: SipHash-2-4
 * today (net/core/secure_seq.c, 6.18), one MD5 block transform in older kernels; and a constant one, which exists to
 * show why it may not be constant.
 */

/** One of the ways to choose an initial sequence number. */
export type IsnGenerator =
  | { readonly kind: 'siphash'; readonly key: readonly [number, number, number, number] }
  /** `secret`: the 16 words of the 64-byte block. */
  | { readonly kind: 'md5'; readonly secret: readonly number[] }
  | { readonly kind: 'constant'; readonly value: number };

/** What F is computed from: addresses and ports in the order "source, destination" of the SYN or SYN+ACK sent. */
export interface IsnTuple {
  /** An IPv4 address as its 32 bits in network order, or the four words of an IPv6 address. */
  readonly source: readonly number[];
  readonly destination: readonly number[];
  readonly sourcePort: number;
  readonly destinationPort: number;
}

const rotl = (x: number, n: number): number => (x << n) | (x >>> (32 - n));
/** A word of network order bytes as a little-endian machine loads it. */
const swap = (x: number): number => (x << 24) | ((x & 0xff00) << 8) | ((x >>> 8) & 0xff00) | (x >>> 24);

/** floor(abs(sin(i + 1)) × 2^32), the constants of RFC 1321 section 3.4. */
const md5Sines = Int32Array.from(
  { length: 64 },
  (_, i) => Math.floor(Math.abs(Math.sin(i + 1)) * 2 ** 32) | 0,
);
const md5Shifts = [
  [7, 12, 17, 22],
  [5, 9, 14, 20],
  [4, 11, 16, 23],
  [6, 10, 15, 21],
] as const;

/**
 * The MD5 block transform (RFC 1321 section 3.4): updates the four words of `state` with a block of 16 words.
 * No padding, no length: what a hash over a message adds is the caller's.
 */
export function md5Transform(state: Int32Array, block: ArrayLike<number>): void {
  let a = state[0]!;
  let b = state[1]!;
  let c = state[2]!;
  let d = state[3]!;
  for (let i = 0; i < 64; i++) {
    const round = i >>> 4;
    let f: number;
    let k: number;
    if (round === 0) {
      f = (b & c) | (~b & d);
      k = i;
    } else if (round === 1) {
      f = (d & b) | (~d & c);
      k = (5 * i + 1) & 15;
    } else if (round === 2) {
      f = b ^ c ^ d;
      k = (3 * i + 5) & 15;
    } else {
      f = c ^ (b | ~d);
      k = (7 * i) & 15;
    }
    const sum = (a + f + md5Sines[i]! + block[k]!) | 0;
    a = d;
    d = c;
    c = b;
    b = (b + rotl(sum, md5Shifts[round]![i & 3]!)) | 0;
  }
  state[0] = (state[0]! + a) | 0;
  state[1] = (state[1]! + b) | 0;
  state[2] = (state[2]! + c) | 0;
  state[3] = (state[3]! + d) | 0;
}

/**
 * SipHash-2-4 (Aumasson and Bernstein, 2012) over whole 32-bit words and up to three bytes behind them.
 * Each 64-bit word is two local variables; the round is written out once, in a loop over blocks and the finalization.
 * @param key the 128-bit key as four little-endian words
 * @param words the message, little-endian words
 * @returns the low 32 bits of the hash
 */
export function sipHash24(
  key: readonly number[],
  words: readonly number[],
  trailing: readonly number[] = noBytes,
): number {
  let a = 0x70736575 ^ key[0]!;
  let aHigh = 0x736f6d65 ^ key[1]!;
  let b = 0x6e646f6d ^ key[2]!;
  let bHigh = 0x646f7261 ^ key[3]!;
  let c = 0x6e657261 ^ key[0]!;
  let cHigh = 0x6c796765 ^ key[1]!;
  let d = 0x79746573 ^ key[2]!;
  let dHigh = 0x74656462 ^ key[3]!;
  const count = words.length;
  const last = count >> 1;
  for (let block = 0; block <= last + 1; block++) {
    let low = 0xff;
    let high = 0;
    let rounds = 4;
    if (block <= last) {
      rounds = 2;
      low = 2 * block < count ? words[2 * block]! : 0;
      high = 2 * block + 1 < count ? words[2 * block + 1]! : 0;
      if (block === last) {
        // The last block ends with the message's length in its highest byte.
        high = (4 * count + trailing.length) << 24;
        for (let i = 0; i < trailing.length; i++) {
          const bits = (count & 1) * 32 + 8 * i;
          if (bits < 32) low |= trailing[i]! << bits;
          else high |= trailing[i]! << (bits - 32);
        }
      }
      d ^= low;
      dHigh ^= high;
    } else c ^= low;
    for (; rounds > 0; rounds--) {
      let sum = (a + b) | 0;
      aHigh = (aHigh + bHigh + (sum >>> 0 < a >>> 0 ? 1 : 0)) | 0;
      a = sum;
      let turned = ((b << 13) | (bHigh >>> 19)) ^ a;
      bHigh = ((bHigh << 13) | (b >>> 19)) ^ aHigh;
      b = turned;
      turned = a;
      a = aHigh;
      aHigh = turned;
      sum = (c + d) | 0;
      cHigh = (cHigh + dHigh + (sum >>> 0 < c >>> 0 ? 1 : 0)) | 0;
      c = sum;
      turned = ((d << 16) | (dHigh >>> 16)) ^ c;
      dHigh = ((dHigh << 16) | (d >>> 16)) ^ cHigh;
      d = turned;
      sum = (a + d) | 0;
      aHigh = (aHigh + dHigh + (sum >>> 0 < a >>> 0 ? 1 : 0)) | 0;
      a = sum;
      turned = ((d << 21) | (dHigh >>> 11)) ^ a;
      dHigh = ((dHigh << 21) | (d >>> 11)) ^ aHigh;
      d = turned;
      sum = (c + b) | 0;
      cHigh = (cHigh + bHigh + (sum >>> 0 < c >>> 0 ? 1 : 0)) | 0;
      c = sum;
      turned = ((b << 17) | (bHigh >>> 15)) ^ c;
      bHigh = ((bHigh << 17) | (b >>> 15)) ^ cHigh;
      b = turned;
      turned = c;
      c = cHigh;
      cHigh = turned;
    }
    if (block <= last) {
      a ^= low;
      aHigh ^= high;
    }
  }
  return a ^ b ^ c ^ d;
}

const noBytes: readonly number[] = [];

/**
 * The ISN clock: one tick per 64 ns of real time, 32 bits.
 * @param unixUs µs since 1970; its ticks (µs × 125/8) pass 2^53, so it is reduced first
 */
export function isnClock(unixUs: number): number {
  // 2^32 ticks of 8/125 µs are a whole number of µs times 125, so reducing by 2^35 µs changes no bit.
  const reduced = unixUs % 2 ** 35;
  return Math.floor((reduced * 125) / 8) | 0;
}

/**
 * An initial sequence number.
 * @param unixUs real time in µs since 1970
 * @returns int32
 */
export function chooseIsn(generator: IsnGenerator, tuple: IsnTuple, unixUs: number): number {
  if (generator.kind === 'constant') return generator.value | 0;
  const { source, destination, sourcePort, destinationPort } = tuple;
  const clock = isnClock(unixUs);
  const from = source.map(swap);
  const to = destination.map(swap);
  const sport = swapPort(sourcePort);
  const dport = swapPort(destinationPort);
  const v6 = source.length === 4;
  if (generator.kind === 'siphash') {
    // IPv4 hashes three words, IPv6 the bytes of a struct: the ports stand the other way round.
    const ports = v6 ? (dport << 16) | sport : (sport << 16) | dport;
    return (sipHash24(generator.key, [...from, ...to, ports]) + clock) | 0;
  }
  const ports = ((sport << 16) + dport) | 0;
  const { secret } = generator;
  const state = Int32Array.from(v6 ? from : [from[0]!, to[0]!, ports, secret[15]!]);
  const block = v6 ? secret.map((word, i) => (word + (i < 4 ? to[i]! : i === 4 ? ports : 0)) | 0) : secret;
  md5Transform(state, block);
  return (state[0]! + clock) | 0;
}

const swapPort = (port: number): number => ((port & 255) << 8) | (port >>> 8);
