/**
 * Hashes of addresses and ports under a key that is drawn anew in each run, so that nobody can make a capture whose tuples or hosts
 * all fall together. What is told never depends on the key: it only says where in memory things are.
 */

// Every platform that explain runs on has Web Crypto; the language's own types do not know of it.
const { crypto } = globalThis as unknown as { crypto: { getRandomValues(to: Int32Array): Int32Array } };
const key = crypto.getRandomValues(new Int32Array(12));
// Odd, so that the multiplications lose nothing. Constants of the module: V8 compiles them as the numbers they are.
const K0 = key[0]!;
const K1 = key[1]! | 1;
const K2 = key[2]!;
const K3 = key[3]! | 1;
const K4 = key[4]!;
const K5 = key[5]!;
const K6 = key[6]!;
const K7 = key[7]!;
const K8 = key[8]!;
const K9 = key[9]!;
const K10 = key[10]!;
const K11 = key[11]!;

/**
 * One word and a smaller number. Two pairs fall together only if the differences that the secret multiplier makes of the words
 * are those of the numbers, which nobody can arrange who does not know it.
 */
export function hashWord(word: number, extra: number): number {
  const h = Math.imul(word ^ K0, K1);
  const g = Math.imul((h ^ (h >>> 15)) + (extra ^ K2), K3);
  return g ^ (g >>> 16);
}

/** The half products of NH (Black and others, UMAC, 1999): for any two inputs, the chance that they fall together is 2^-16. */
const product = (word: number, high: number, low: number): number =>
  Math.imul(((word >>> 16) + high) & 0xffff, (word + low) & 0xffff);

/** Four words of an address and a smaller number. */
export function hashAddress(w0: number, w1: number, w2: number, w3: number, extra: number): number {
  const sum =
    product(w0, K4, K5) +
    product(w1, K6, K7) +
    product(w2, K8, K9) +
    product(w3, K10, K11) +
    Math.imul(w3, K1);
  return hashWord(sum | 0, extra);
}

/** Spreads the sum of two hashes over all bits. */
export function spread(sum: number): number {
  const h = Math.imul(sum ^ (sum >>> 15), 0x2c1b3c6d);
  return h ^ (h >>> 13);
}
