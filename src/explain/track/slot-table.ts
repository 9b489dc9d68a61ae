/**
 * A map from hashes to small numbers in one typed array: open addressing with linear probing, so that a look-up costs one look into
 * memory, whether there is something or not. Things with equal hashes have to be told apart by whoever asks.
 */
export class SlotTable {
  /** Pairs of hash and value; a value of -1 is a free place. */
  private pairs: Int32Array;
  private mask: number;
  private used = 0;

  /** @param places a power of two; it grows when half of them are taken */
  constructor(places: number) {
    this.pairs = new Int32Array(places * 2).fill(-1);
    this.mask = places - 1;
  }

  /** The value of a hash; -1 if there is none. */
  get(hash: number): number {
    return this.pairs[this.place(hash) + 1]!;
  }

  /** Whatever stands where a hash belongs: reading it brings it into the processor's cache. */
  peek(hash: number): number {
    return this.pairs[(hash & this.mask) << 1]!;
  }

  /** @param value not negative */
  set(hash: number, value: number): void {
    const at = this.place(hash);
    const isNew = this.pairs[at + 1]! < 0;
    this.pairs[at] = hash;
    this.pairs[at + 1] = value;
    if (isNew && ++this.used * 2 > this.mask) this.grow();
  }

  delete(hash: number): void {
    const { pairs, mask } = this;
    let hole = this.place(hash);
    if (pairs[hole + 1]! < 0) return;
    this.used--;
    // Whatever was pushed on from the hole, or from before it, moves up.
    for (let at = hole; ; ) {
      at = (at + 2) & ((mask << 1) | 1);
      if (pairs[at + 1]! < 0) break;
      const home = (pairs[at]! & mask) << 1;
      if (((at - home) & ((mask << 1) | 1)) < ((at - hole) & ((mask << 1) | 1))) continue;
      pairs[hole] = pairs[at]!;
      pairs[hole + 1] = pairs[at + 1]!;
      hole = at;
    }
    pairs[hole + 1] = -1;
  }

  /** Where the pair of a hash is, or would be. */
  private place(hash: number): number {
    const { pairs, mask } = this;
    let n = hash & mask;
    while (pairs[(n << 1) + 1]! >= 0 && pairs[n << 1] !== hash) n = (n + 1) & mask;
    return n << 1;
  }

  private grow(): void {
    const { pairs } = this;
    this.pairs = new Int32Array(pairs.length * 2).fill(-1);
    this.mask = (this.mask << 1) | 1;
    for (let at = 0; at < pairs.length; at += 2) {
      if (pairs[at + 1]! < 0) continue;
      const to = this.place(pairs[at]!);
      this.pairs[to] = pairs[at]!;
      this.pairs[to + 1] = pairs[at + 1]!;
    }
  }
}
