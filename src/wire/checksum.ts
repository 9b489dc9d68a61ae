/** The Internet checksum (RFC 1071) as running sums: add parts in any order, then fold. */

/**
 * Adds the 16-bit words of `length` bytes from `offset` to a sum; an odd last byte counts as a high byte.
 * @returns the sum, not folded: good for about 2^37 bytes before it loses precision
 */
export function sumBytes(bytes: Uint8Array, offset: number, length: number, sum = 0): number {
  const end = offset + (length & ~1);
  for (let i = offset; i < end; i += 2) sum += (bytes[i]! << 8) | bytes[i + 1]!;
  if (length & 1) sum += bytes[end]! << 8;
  return sum;
}

/** The same by 32-bit words, for whoever has a view over the bytes: half the loads. */
export function sumView(view: DataView, offset: number, length: number, sum = 0): number {
  const end = offset + (length & ~3);
  for (let i = offset; i < end; i += 4) {
    const word = view.getInt32(i);
    sum += (word >>> 16) + (word & 0xffff);
  }
  if ((length & 2) !== 0) sum += view.getUint16(end);
  if ((length & 1) !== 0) sum += view.getUint8(offset + length - 1) << 8;
  return sum;
}

/** Adds the two halves of a 32-bit word to a sum. */
export const sumWord = (word: number, sum: number): number => sum + (word >>> 16) + (word & 0xffff);

/** Folds a sum to 16 bits and complements it: the value of a checksum field, or 0 when checking valid data. */
export function fold(sum: number): number {
  while (sum > 0xffff) sum = (sum % 0x10000) + Math.floor(sum / 0x10000);
  return ~sum & 0xffff;
}
