import { expect, test } from 'vitest';
import { halfSipHash13 } from './tuple-hash.ts';

/** Made by a second implementation, in Python, that gives the vectors of the paper for HalfSipHash-2-4. */
test('HalfSipHash-1-3 of 0 to 3 words under the key 00 01 02 ... 07', () => {
  const words = Int32Array.of(0x03020100, 0x07060504, 0x0b0a0908);
  const hash = (n: number): number => halfSipHash13(0x03020100, 0x07060504, words, n) >>> 0;
  expect([0, 1, 2, 3].map(hash)).toEqual([0x5814c896, 0x7e059ea6, 0x577999b1, 0x6b28096c]);
});
