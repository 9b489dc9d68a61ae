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

/** SipHash's four 64-bit words as eight 32-bit halves: v0 low, v0 high, v1 low, ... */
const v = new Int32Array(8);

function addTo(i: number, j: number): void {
  const low = (v[i]! >>> 0) + (v[j]! >>> 0);
  v[i] = low | 0;
  v[i + 1] = (v[i + 1]! + v[j + 1]! + (low > 0xffffffff ? 1 : 0)) | 0;
}

function rotateXor(i: number, bits: number, j: number): void {
  const low = v[i]!;
  const high = v[i + 1]!;
  v[i] = ((low << bits) | (high >>> (32 - bits))) ^ v[j]!;
  v[i + 1] = ((high << bits) | (low >>> (32 - bits))) ^ v[j + 1]!;
}

function swapHalves(i: number): void {
  const low = v[i]!;
  v[i] = v[i + 1]!;
  v[i + 1] = low;
}

function sipRound(): void {
  addTo(0, 2);
  rotateXor(2, 13, 0);
  swapHalves(0);
  addTo(4, 6);
  rotateXor(6, 16, 4);
  addTo(0, 6);
  rotateXor(6, 21, 0);
  addTo(4, 2);
  rotateXor(2, 17, 4);
  swapHalves(4);
}

/**
 * SipHash-2-4 (Aumasson and Bernstein, 2012) over whole 32-bit words.
 * @param key the 128-bit key as four little-endian words
 * @param words the message, little-endian words
 * @returns the low 32 bits of the hash
 */
export function sipHash24(
  key: readonly number[],
  words: readonly number[],
  trailing: readonly number[] = [],
): number {
  v[0] = 0x70736575 ^ key[0]!;
  v[1] = 0x736f6d65 ^ key[1]!;
  v[2] = 0x6e646f6d ^ key[2]!;
  v[3] = 0x646f7261 ^ key[3]!;
  v[4] = 0x6e657261 ^ key[0]!;
  v[5] = 0x6c796765 ^ key[1]!;
  v[6] = 0x79746573 ^ key[2]!;
  v[7] = 0x74656462 ^ key[3]!;
  const length = 4 * words.length + trailing.length;
  const rest = [words.length % 2 === 1 ? words.at(-1)! : 0, length << 24];
  trailing.forEach((byte, i) => {
    const at = (words.length % 2) * 4 + i;
    rest[at >> 2]! |= byte << (8 * (at & 3));
  });
  for (let i = 0; i + 1 < words.length; i += 2) absorb(words[i]!, words[i + 1]!);
  absorb(rest[0]!, rest[1]!);
  v[4]! ^= 0xff;
  for (let i = 0; i < 4; i++) sipRound();
  return v[0]! ^ v[2]! ^ v[4]! ^ v[6]!;
}

function absorb(low: number, high: number): void {
  v[6]! ^= low;
  v[7]! ^= high;
  sipRound();
  sipRound();
  v[0]! ^= low;
  v[1]! ^= high;
}

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
