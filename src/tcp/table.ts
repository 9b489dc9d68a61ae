/**
 * The four-tuple table: open addressing with linear probing over cells of a hash and a place. A look-up touches one
 * cell and, on a hit, the entry; with 100,000 connections that is ten times faster than a Map with string keys. The
 * entries themselves stand in places that are used again at once, so that short connections among many idle ones stay
 * in the processor's cache, and within the few pages that a young collection has to look at.
 */
import { type Address, sameAddress } from '../wire/address.ts';
import type { Segment } from '../wire/segment.ts';
import { halfSipHash13 } from './tuple-hash.ts';

/** What stands in the table: a connection, a half-open one, or one in TIME-WAIT. */
export interface Tuple {
  readonly local: Address;
  readonly localPort: number;
  readonly remote: Address;
  readonly remotePort: number;
  /** Set by the table; never 0. */
  hash: number;
}

/** The words of the tuple that is hashed. */
const words = new Int32Array(9);

const firstSize = 64;

/** Entries by (local address and port, remote address and port). */
export class TupleTable<T extends Tuple> {
  /** The hash of a cell's entry, 0 if it is empty, and the entry's place. */
  private cells: Int32Array = new Int32Array(2 * firstSize);
  private mask = firstSize - 1;
  /** Entries by place, and the places that are free below `places.length`, the last one freed on top. */
  private readonly places: (T | null)[] = [];
  private readonly free: number[] = [];
  /** How many entries there are. */
  size = 0;
  private readonly key0: number;
  private readonly key1: number;
  /** The IPv4 tuple that was hashed last, and its hash; 0 (no hash) before the first. */
  private lastPorts = 0;
  private lastLocal = 0;
  private lastRemote = 0;
  private lastHash = 0;

  /** @param key0 with `key1` 64 secret bits, so that nobody outside can aim for one chain */
  constructor(key0: number, key1: number) {
    this.key0 = key0;
    this.key1 = key1;
  }

  /** The hash of a four-tuple given as words; a mapped IPv4 address has the hash of the address. */
  private hash(
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
  ): number {
    const ports = (localPort << 16) | remotePort;
    const short = (l0 | l1 | r0 | r1) === 0;
    // A tuple that is added was looked for just before.
    if (
      short &&
      this.lastHash !== 0 &&
      ports === this.lastPorts &&
      l3 === this.lastLocal &&
      r3 === this.lastRemote
    )
      return this.lastHash;
    words[0] = ports;
    words[1] = l3;
    words[2] = r3;
    let n = 3;
    if (!short) {
      words[3] = l0;
      words[4] = l1;
      words[5] = l2;
      words[6] = r0;
      words[7] = r1;
      words[8] = r2;
      n = 9;
    }
    const hash = halfSipHash13(this.key0, this.key1, words, n) || 1;
    if (short) {
      this.lastPorts = ports;
      this.lastLocal = l3;
      this.lastRemote = r3;
      this.lastHash = hash;
    }
    return hash;
  }

  private hashOf(t: Tuple): number {
    return this.hash(
      t.local.w0,
      t.local.w1,
      t.local.w2,
      t.local.w3,
      t.localPort,
      t.remote.w0,
      t.remote.w1,
      t.remote.w2,
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
    const hash = this.hash(l0, l1, l2, l3, localPort, r0, r1, r2, r3, remotePort);
    for (let i = hash & this.mask; ; i = (i + 1) & this.mask) {
      const h = this.cells[2 * i]!;
      if (h === 0) return null;
      if (h !== hash) continue;
      const e = this.places[this.cells[2 * i + 1]!]!;
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
    if (2 * (this.size + 1) > this.mask + 1) this.grow();
    entry.hash = this.hashOf(entry);
    const place = this.free.pop() ?? this.places.length;
    this.places[place] = entry;
    this.fill(entry.hash, place);
    this.size++;
  }

  private fill(hash: number, place: number): void {
    let i = hash & this.mask;
    while (this.cells[2 * i] !== 0) i = (i + 1) & this.mask;
    this.cells[2 * i] = hash;
    this.cells[2 * i + 1] = place;
  }

  /** The cell of an entry, -1 if it is not in the table. */
  private cellOf(entry: T): number {
    let i = entry.hash & this.mask;
    for (;;) {
      const h = this.cells[2 * i]!;
      if (h === 0) return -1;
      if (h === entry.hash && this.places[this.cells[2 * i + 1]!] === entry) return i;
      i = (i + 1) & this.mask;
    }
  }

  /** Puts `fresh` in the place of `old`, which has the same tuple. */
  replace(old: T, fresh: T): void {
    const cell = old.hash === 0 ? -1 : this.cellOf(old);
    if (cell < 0) throw new Error('replaced an entry that is not in the table');
    fresh.hash = old.hash;
    this.places[this.cells[2 * cell + 1]!] = fresh;
    old.hash = 0;
  }

  /** Removes an entry; one that is not in the table is ignored. */
  remove(entry: T): void {
    if (entry.hash === 0) return;
    let hole = this.cellOf(entry);
    entry.hash = 0;
    if (hole < 0) return;
    const { cells, mask } = this;
    const place = cells[2 * hole + 1]!;
    this.places[place] = null;
    this.free.push(place);
    this.size--;
    // Close the gap: an entry further on may move back if its home is not between the hole and it.
    for (let i = (hole + 1) & mask; cells[2 * i] !== 0; i = (i + 1) & mask) {
      const home = cells[2 * i]! & mask;
      if (((i - home) & mask) < ((i - hole) & mask)) continue;
      cells[2 * hole] = cells[2 * i]!;
      cells[2 * hole + 1] = cells[2 * i + 1]!;
      hole = i;
    }
    cells[2 * hole] = 0;
  }

  private grow(): void {
    const { cells } = this;
    this.cells = new Int32Array(2 * cells.length);
    this.mask = cells.length - 1;
    for (let i = 0; i < cells.length; i += 2) if (cells[i] !== 0) this.fill(cells[i]!, cells[i + 1]!);
  }

  /** All entries, in no particular but a repeatable order. */
  *values(): IterableIterator<T> {
    for (const entry of this.places) if (entry !== null) yield entry;
  }
}

/** Whether two tuples have the same four parts. */
export const sameTuple = (a: Tuple, b: Tuple): boolean =>
  a.localPort === b.localPort &&
  a.remotePort === b.remotePort &&
  sameAddress(a.local, b.local) &&
  sameAddress(a.remote, b.remote);
