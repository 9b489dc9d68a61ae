/**
 * Initial sequence numbers (RFC 6528): ISN = F(four-tuple, secret) + clock. Both of Linux' functions F: SipHash-2-4
 * today (net/core/secure_seq.c, 6.18), one MD5 block transform in older kernels; and a constant one, which exists to
 * show why it may not be constant.
 */

import type { Address } from '../../wire/address.ts';
import type { Tuple } from '../table.ts';

/** One of the ways to choose an initial sequence number. */
export type IsnGenerator =
  | { readonly kind: 'siphash'; readonly key: readonly [number, number, number, number] }
  /** `secret`: the 16 words of the 64-byte block. */
  | { readonly kind: 'md5'; readonly secret: readonly number[] }
  | { readonly kind: 'constant'; readonly value: number };

/** What F is computed from: `local` is who sends the SYN or SYN+ACK. */
type IsnTuple = Pick<Tuple, 'local' | 'localPort' | 'remote' | 'remotePort'>;

const rotl = (x: number, n: number): number => (x << n) | (x >>> (32 - n));
/** A word of network order bytes as a little-endian machine loads it. */
export const swap = (x: number): number =>
  (x << 24) | ((x & 0xff00) << 8) | ((x >>> 8) & 0xff00) | (x >>> 24);

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

/** The halves of the hash computed last: [low, high]. */
const digest = new Int32Array(2);

/**
 * SipHash-2-4 (Aumasson and Bernstein, 2012) over whole 32-bit words, with 64-bit arithmetic in halves.
 * @param key the 128-bit key as four little-endian words
 * @param words the message, little-endian words; `count` of them count
 * @param tail up to three bytes after the words, as the low bytes of a word, and how many
 * @returns the low 32 bits of the hash; `sipHashHigh` gives the others
 */
export function sipHash24(
  key: ArrayLike<number>,
  words: ArrayLike<number>,
  count: number = words.length,
  tail = 0,
  tailLength = 0,
): number {
  const k0 = key[0]!;
  const k1 = key[1]!;
  const k2 = key[2]!;
  const k3 = key[3]!;
  let a = 0x70736575 ^ k0;
  let A = 0x736f6d65 ^ k1;
  let b = 0x6e646f6d ^ k2;
  let B = 0x646f7261 ^ k3;
  let c = 0x6e657261 ^ k0;
  let C = 0x6c796765 ^ k1;
  let d = 0x79746573 ^ k2;
  let D = 0x74656462 ^ k3;
  const pairs = count >> 1;
  const length = (4 * count + tailLength) << 24;
  // Two rounds for each pair of words, two for what is left with the length, four to finish.
  for (let block = 0; block <= pairs + 1; block++) {
    let low = 0;
    let high = 0;
    if (block < pairs) {
      low = words[2 * block]!;
      high = words[2 * block + 1]!;
    } else if (block === pairs) {
      low = (count & 1) === 1 ? words[count - 1]! : tail;
      high = length | ((count & 1) === 1 ? tail : 0);
    } else c ^= 0xff;
    d ^= low;
    D ^= high;
    for (let round = block > pairs ? 4 : 2; round > 0; round--) {
      // The carry out of a 32-bit sum is bit 31 of (a & b) | ((a | b) & ~sum): no number leaves the int32 range.
      let sum = (a + b) | 0;
      A = (A + B + (((a & b) | ((a | b) & ~sum)) >>> 31)) | 0;
      a = sum;
      let x = ((b << 13) | (B >>> 19)) ^ a;
      B = ((B << 13) | (b >>> 19)) ^ A;
      b = x;
      x = a;
      a = A;
      A = x;
      sum = (c + d) | 0;
      C = (C + D + (((c & d) | ((c | d) & ~sum)) >>> 31)) | 0;
      c = sum;
      x = ((d << 16) | (D >>> 16)) ^ c;
      D = ((D << 16) | (d >>> 16)) ^ C;
      d = x;
      sum = (a + d) | 0;
      A = (A + D + (((a & d) | ((a | d) & ~sum)) >>> 31)) | 0;
      a = sum;
      x = ((d << 21) | (D >>> 11)) ^ a;
      D = ((D << 21) | (d >>> 11)) ^ A;
      d = x;
      sum = (c + b) | 0;
      C = (C + B + (((c & b) | ((c | b) & ~sum)) >>> 31)) | 0;
      c = sum;
      x = ((b << 17) | (B >>> 15)) ^ c;
      B = ((B << 17) | (b >>> 15)) ^ C;
      b = x;
      x = c;
      c = C;
      C = x;
    }
    a ^= low;
    A ^= high;
  }
  digest[0] = a ^ b ^ c ^ d;
  digest[1] = A ^ B ^ C ^ D;
  return digest[0]!;
}

/** The high 32 bits of the hash that `sipHash24` returned last. */
export const sipHashHigh = (): number => digest[1]!;

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
  const clock = isnClock(unixUs);
  if (generator.kind === 'siphash') return (hashTuple(generator.key, tuple) + clock) | 0;
  const { local, remote } = tuple;
  const v6 = local.family === 6;
  takeWords(remote, takeWords(local, 0));
  const ports = ((swapPort(tuple.localPort) << 16) + swapPort(tuple.remotePort)) | 0;
  const { secret } = generator;
  const state = v6 ? words.slice(0, 4) : Int32Array.from([words[0]!, words[1]!, ports, secret[15]!]);
  const block = v6
    ? secret.map((word, i) => (word + (i < 4 ? words[4 + i]! : i === 4 ? ports : 0)) | 0)
    : secret;
  md5Transform(state, block);
  return (state[0]! + clock) | 0;
}

/**
 * The keyed hash of a four-tuple from which Linux takes an ISN, its low half, and since 6.18.17 the offset of the
 * timestamps, its high half: `sipHashHigh` (net/core/secure_seq.c, secure_tcp_seq_and_ts_off).
 */
export function hashTuple(
  key: ArrayLike<number>,
  { local, localPort, remote, remotePort }: IsnTuple,
): number {
  const half = takeWords(local, 0);
  takeWords(remote, half);
  const sport = swapPort(localPort);
  const dport = swapPort(remotePort);
  // IPv4 hashes three words, IPv6 the bytes of a struct: the ports stand the other way round.
  words[2 * half] = local.family === 6 ? (dport << 16) | sport : (sport << 16) | dport;
  return sipHash24(key, words, 2 * half + 1);
}

/** Room for the words of a tuple. */
const words = new Int32Array(9);

/** Takes an address's words, one of IPv4 and four of IPv6, as a little-endian machine loads them; returns where they end. */
function takeWords(a: Address, at: number): number {
  if (a.family === 6) {
    words[at++] = swap(a.w0);
    words[at++] = swap(a.w1);
    words[at++] = swap(a.w2);
  }
  words[at++] = swap(a.w3);
  return at;
}

const swapPort = (port: number): number => ((port & 255) << 8) | (port >>> 8);
