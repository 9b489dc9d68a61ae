/**
 * Records about hosts in one array of words, found by address and one word more. A Map with keys of its own and objects cost six
 * looks into memory for each of four questions an attempt; this costs two.
 */

import { hashAddress } from './keyed-hash.ts';

/** Words of a record that are the table's: four of address, one more of the key, the next record of the bucket. */
export const HOST_KEY = 6;
const EXTRA = 4;
const NEXT = 5;

/** A bounded table; when it is full, the oldest record makes room. */
export class HostTable {
  words: Int32Array<ArrayBuffer>;
  /** The same memory. */
  doubles: Float64Array<ArrayBuffer>;
  private heads: Int32Array;
  private readonly size: number;
  private readonly limit: number;
  private used = 0;
  /** Which record was made last. */
  private newest = -1;

  /** @param size words of a record, an even number @param limit records at most */
  constructor(size: number, limit: number) {
    this.size = size;
    this.limit = limit;
    this.words = new Int32Array(size * 64);
    this.doubles = new Float64Array(this.words.buffer);
    this.heads = new Int32Array(128).fill(-1);
  }

  /** Where in `words` the record of an address (four words of `key` from `at` on) begins; -1 if there is none. */
  find(key: Int32Array, at: number, extra: number): number {
    const { words } = this;
    let record = this.heads[hash(key, at, extra) & (this.heads.length - 1)]!;
    while (record >= 0 && !same(words, record, key, at, extra)) record = words[record + NEXT]!;
    return record;
  }

  /** The same; makes a record, zeroed, if there is none. */
  take(key: Int32Array, at: number, extra: number): number {
    const found = this.find(key, at, extra);
    if (found >= 0) return found;
    const record = this.room();
    const { words, heads } = this;
    words.fill(0, record, record + this.size);
    for (let n = 0; n < 4; n++) words[record + n] = key[at + n]!;
    words[record + EXTRA] = extra;
    const bucket = hash(key, at, extra) & (heads.length - 1);
    words[record + NEXT] = heads[bucket]!;
    heads[bucket] = record;
    return record;
  }

  private room(): number {
    this.newest = this.newest + 1 === this.limit ? 0 : this.newest + 1;
    const record = this.newest * this.size;
    if (this.used === this.limit) this.unlink(record);
    else if (++this.used * this.size > this.words.length) this.grow();
    return record;
  }

  private unlink(record: number): void {
    const { words, heads } = this;
    const bucket = hash(words, record, words[record + EXTRA]!) & (heads.length - 1);
    if (heads[bucket] === record) {
      heads[bucket] = words[record + NEXT]!;
      return;
    }
    let before = heads[bucket]!;
    while (words[before + NEXT] !== record) before = words[before + NEXT]!;
    words[before + NEXT] = words[record + NEXT]!;
  }

  private grow(): void {
    const words = new Int32Array(this.words.length * 2);
    words.set(this.words);
    this.words = words;
    this.doubles = new Float64Array(words.buffer);
    this.heads = new Int32Array(this.heads.length * 2).fill(-1);
    for (let n = 0; n < this.used - 1; n++) {
      const record = n * this.size;
      const bucket = hash(words, record, words[record + EXTRA]!) & (this.heads.length - 1);
      words[record + NEXT] = this.heads[bucket]!;
      this.heads[bucket] = record;
    }
  }
}

function same(words: Int32Array, record: number, key: Int32Array, at: number, extra: number): boolean {
  return (
    words[record + 3] === key[at + 3] &&
    words[record + EXTRA] === extra &&
    words[record] === key[at] &&
    words[record + 1] === key[at + 1] &&
    words[record + 2] === key[at + 2]
  );
}

const hash = (key: Int32Array, at: number, extra: number): number =>
  hashAddress(key[at]!, key[at + 1]!, key[at + 2]!, key[at + 3]!, extra);
