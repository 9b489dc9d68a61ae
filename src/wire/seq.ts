/**
 * Sequence-number arithmetic modulo 2^32 (RFC 9293 section 3.4). A sequence number is an int32, as
 * `DataView.getInt32` gives it, so that it is never boxed; print it with `>>> 0`.
 */

/** a < b: whether `a` comes before `b`, for numbers less than 2^31 apart. */
export const seqLt = (a: number, b: number): boolean => ((a - b) | 0) < 0;
/** a <= b */
export const seqLe = (a: number, b: number): boolean => ((a - b) | 0) <= 0;
/** a > b */
export const seqGt = (a: number, b: number): boolean => ((a - b) | 0) > 0;
/** a >= b */
export const seqGe = (a: number, b: number): boolean => ((a - b) | 0) >= 0;
/** The signed distance from `b` to `a`. */
export const seqDiff = (a: number, b: number): number => (a - b) | 0;
/** `a` moved forward by `n`. */
export const seqAdd = (a: number, n: number): number => (a + n) | 0;
/** low <= x <= high */
export const seqBetween = (low: number, x: number, high: number): boolean =>
  (high - low) >>> 0 >= (x - low) >>> 0;
