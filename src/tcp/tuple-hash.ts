/**
 * The keyed hash of the table of connections: HalfSipHash-1-3 with 64 bits of key (Aumasson and Bernstein; Linux has it as
 * hsiphash, lib/siphash.c). Whoever does not know the key cannot aim for tuples that collide, however many addresses are
 * his. SipHash with 128 bits costs five times as much for each packet (`npm run bench handshakes`).
 */

/** @param words the message, `n` words of 32 bits of it */
export function halfSipHash13(key0: number, key1: number, words: Int32Array, n: number): number {
  let v0 = key0;
  let v1 = key1;
  let v2 = key0 ^ 0x6c796765;
  let v3 = key1 ^ 0x74656462;
  // A round for each word and for the length, then three to finish.
  for (let i = -n; i <= 3; i++) {
    const m = i < 0 ? words[i + n]! : i === 0 ? (4 * n) << 24 : 0;
    if (i === 1) v2 ^= 0xff;
    v3 ^= m;
    v0 = (v0 + v1) | 0;
    v1 = ((v1 << 5) | (v1 >>> 27)) ^ v0;
    v0 = (v0 << 16) | (v0 >>> 16);
    v2 = (v2 + v3) | 0;
    v3 = ((v3 << 8) | (v3 >>> 24)) ^ v2;
    v0 = (v0 + v3) | 0;
    v3 = ((v3 << 7) | (v3 >>> 25)) ^ v0;
    v2 = (v2 + v1) | 0;
    v1 = ((v1 << 13) | (v1 >>> 19)) ^ v2;
    v2 = (v2 << 16) | (v2 >>> 16);
    v0 ^= m;
  }
  return v1 ^ v3;
}
