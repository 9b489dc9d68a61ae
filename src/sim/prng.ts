/**
 * Seeded pseudo-random numbers, the only source of chance in a simulation. The generator is sfc32 (Doty-Humphrey's
 * "small fast counting" generator of PractRand: 128 bits of state, period above 2^32, passes PractRand and BigCrush).
 */

/** FNV-1a over the UTF-16 units of a text, then mixed: a 32-bit number that differs for texts that differ a little. */
function hashText(text: string, seed: number): number {
  let h = 0x811c9dc5 ^ seed;
  for (let i = 0; i < text.length; i++) h = Math.imul(h ^ text.charCodeAt(i), 0x01000193);
  return mix(h);
}

/** A bijection of 32-bit numbers in which every input bit changes about half of the output bits. */
function mix(h: number): number {
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) | 0;
}

/** A stream of random numbers. */
export class Prng {
  private a = 0;
  private b = 0;
  private c = 0;
  private counter = 0;
  private readonly seed: number;

  /** @param seed any number; its low 32 bits and, for larger integers, the next 21 count */
  constructor(seed: number) {
    this.seed = mix((seed | 0) ^ mix(Math.floor(seed / 0x100000000) | 0));
    this.restart(0, 0);
  }

  /**
   * Starts the stream named by two integers: the same names give the same numbers whatever was drawn before. Links draw
   * each packet's fate from a stream of its own, so that changing one packet leaves the others' fates alone.
   */
  restart(name: number, part: number): void {
    this.a = this.seed;
    this.b = mix(name + 0x9e3779b9);
    this.c = part | 0;
    this.counter = 1;
    for (let i = 0; i < 12; i++) this.uint32();
  }

  /** A generator of its own for something with a name, such as a host; independent of what was drawn from this one. */
  fork(name: string): Prng {
    return new Prng(hashText(name, this.seed) >>> 0);
  }

  /** An integer from 0 to 2^32 - 1. */
  uint32(): number {
    const t = (this.a + this.b + this.counter) | 0;
    this.counter = (this.counter + 1) | 0;
    this.a = this.b ^ (this.b >>> 9);
    this.b = (this.c + (this.c << 3)) | 0;
    this.c = (((this.c << 21) | (this.c >>> 11)) + t) | 0;
    return t >>> 0;
  }

  /** A number from 0 (included) to 1 (not included), with 32 random bits. */
  unit(): number {
    return this.uint32() / 0x100000000;
  }

  /** An integer from 0 to `limit` - 1; `limit` is from 1 to 2^32. */
  below(limit: number): number {
    return Math.floor(this.unit() * limit);
  }
}
