/** TCP options as explain needs them: what was offered, answered and in force. */
import { formatAddress, ipv6 } from '../../wire/address.ts';

/** Offset of an option's kind byte, or -1 if it is not there (RFC 9293 section 3.1). */
export function findOption(view: DataView, at: number, end: number, kind: number): number {
  while (at < end) {
    const here = view.getUint8(at);
    if (here === 0) return -1;
    if (here === 1) {
      at++;
      continue;
    }
    if (at + 1 >= end) return -1;
    const length = view.getUint8(at + 1);
    if (length < 2 || at + length > end) return -1;
    if (here === kind && length >= (minimum[kind] ?? 2)) return at;
    at += length;
  }
  return -1;
}

/** Shorter than this, an option is not what its kind says. */
const minimum: Readonly<Record<number, number>> = { 2: 4, 3: 3, 4: 2, 8: 10 };

/** The options of one header, but for the values of time stamps. Headers with the same options share one. */
export interface OptionSet {
  /** Small number of its own. */
  readonly id: number;
  /** Kinds in order, as in the header, with the padding. */
  readonly kinds: readonly number[];
  /** Null: not there. */
  readonly mss: number | null;
  readonly windowScale: number | null;
  readonly sack: boolean;
  readonly timestamps: boolean;
  /** Fast Open's cookie in hexadecimal; empty: a request for one. */
  readonly fastOpen: string | null;
  readonly mptcp: boolean;
  /** The header claims options that are no well-formed list. */
  readonly malformed: boolean;
  /** The capture cut the header off (snap length): there may have been more options. */
  readonly cut: boolean;
}

const MAX_BYTES = 40;
const MAX_SHARED = 4096;
/** Headers that were read last and are compared first: nearly all are like one of them. */
const RECENT = 4;

/** Options as they were read: their words in network order, without the values of time stamps. */
interface Recent {
  readonly length: number;
  readonly words: Int32Array;
  /** The bits of each word that have to be the same. */
  readonly mask: Int32Array;
  /** Where the time stamps are, in bytes; -1: nowhere. */
  readonly stampsAt: number;
  readonly set: OptionSet;
}

const hex = (bytes: Uint8Array): string => Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join('');

/** Reads options; the same bytes (but for time stamps) give the same set. Never fails. */
export class OptionReader {
  /** The time stamps of the header read last; 0 if it has none. */
  value = 0;
  echo = 0;
  private readonly bytes = new Uint8Array(MAX_BYTES);
  private readonly words = new Int32Array(this.bytes.buffer);
  private readonly sets = new Map<
    number,
    { readonly words: Int32Array; readonly length: number; readonly set: OptionSet }
  >();
  private made = 0;
  private readonly recent: Recent[] = [];
  private replaced = 0;

  /**
   * @param source words that hold the bytes, in network order, from `from` on
   * @param length bytes, up to 40
   * @param cut whether the capture cut off what followed
   */
  read(source: Int32Array, from: number, length: number, cut = false): OptionSet {
    const { recent } = this;
    for (let n = 0; n < recent.length; n++) {
      const one = recent[n]!;
      if (one.length !== length || one.set.cut !== cut || !isLike(one, source, from)) continue;
      this.value = one.stampsAt < 0 ? 0 : wordAt(source, from, one.stampsAt) >>> 0;
      this.echo = one.stampsAt < 0 ? 0 : wordAt(source, from, one.stampsAt + 4) >>> 0;
      return one.set;
    }
    const { bytes } = this;
    bytes.fill(0);
    for (let n = 0; n < length; n++) bytes[n] = source[from + (n >> 2)]! >>> (24 - ((n & 3) << 3));
    const stampsAt = this.takeTimestamps(length);
    const set = this.shared(length, cut);
    recent[this.replaced++ % RECENT] = remembered(bytes.subarray(0, length), stampsAt, set);
    return set;
  }

  private shared(length: number, cut: boolean): OptionSet {
    const { bytes, words } = this;
    let hash = cut ? ~length : length;
    for (let n = 0; n < length; n += 4) hash = Math.imul(hash ^ words[n >> 2]!, 0x01000193) ^ (hash >>> 15);
    const known = this.sets.get(hash);
    if (known !== undefined && known.length === length && known.set.cut === cut && same(known.words, words))
      return known.set;
    const set = parse(bytes.subarray(0, length), this.made++ % MAX_SHARED, cut);
    if (known === undefined) {
      if (this.sets.size >= MAX_SHARED) this.sets.clear();
      this.sets.set(hash, { words: words.slice(), length, set });
    }
    return set;
  }

  /** Finds the time stamps, keeps their values and sets them to zero. @returns where they are, or -1 */
  private takeTimestamps(length: number): number {
    const { bytes } = this;
    this.value = 0;
    this.echo = 0;
    for (let at = 0; at < length; ) {
      const kind = bytes[at]!;
      if (kind === 0) break;
      if (kind === 1) {
        at++;
        continue;
      }
      const size = bytes[at + 1] ?? 0;
      if (size < 2 || at + size > length) break;
      if (kind === 8 && size === 10) {
        this.value = uint32(bytes, at + 2);
        this.echo = uint32(bytes, at + 6);
        bytes.fill(0, at + 2, at + 10);
        return at + 2;
      }
      at += size;
    }
    return -1;
  }
}

function remembered(bytes: Uint8Array, stampsAt: number, set: OptionSet): Recent {
  const words = new Int32Array((bytes.length + 3) >> 2);
  const mask = new Int32Array(words.length);
  for (let n = 0; n < bytes.length; n++) {
    const shift = 24 - ((n & 3) << 3);
    words[n >> 2]! |= bytes[n]! << shift;
    if (stampsAt < 0 || n < stampsAt || n >= stampsAt + 8) mask[n >> 2]! |= 0xff << shift;
  }
  return { length: bytes.length, words, mask, stampsAt, set };
}

function isLike({ words, mask }: Recent, source: Int32Array, from: number): boolean {
  for (let n = 0; n < words.length; n++) if ((source[from + n]! ^ words[n]!) & mask[n]!) return false;
  return true;
}

/** Four bytes at a place that need not be a word's. */
function wordAt(source: Int32Array, from: number, byte: number): number {
  const at = from + (byte >> 2);
  const shift = (byte & 3) << 3;
  return shift === 0 ? source[at]! : (source[at]! << shift) | (source[at + 1]! >>> (32 - shift));
}

function same(a: Int32Array, b: Int32Array): boolean {
  for (let n = 0; n < a.length; n++) if (a[n] !== b[n]) return false;
  return true;
}

function parse(bytes: Uint8Array, id: number, cut: boolean): OptionSet {
  const kinds: number[] = [];
  let mss: number | null = null;
  let windowScale: number | null = null;
  let sack = false;
  let timestamps = false;
  let fastOpen: string | null = null;
  let mptcp = false;
  let malformed = false;
  const { length: end } = bytes;
  for (let at = 0; at < end; ) {
    const kind = bytes[at]!;
    kinds.push(kind);
    if (kind === 0) {
      // The list is over; what is zero after it is padding, which is as telling as the options.
      for (at++; at < end && bytes[at] === 0; at++) kinds.push(0);
      break;
    }
    if (kind === 1) {
      at++;
      continue;
    }
    const length = bytes[at + 1] ?? 0;
    if (length < 2 || at + length > end) {
      malformed = !cut;
      break;
    }
    if (kind === 2 && length === 4) mss = (bytes[at + 2]! << 8) | bytes[at + 3]!;
    else if (kind === 3 && length === 3) windowScale = bytes[at + 2]!;
    else if (kind === 4 && length === 2) sack = true;
    else if (kind === 8 && length === 10) timestamps = true;
    else if (kind === 34) fastOpen = hex(bytes.subarray(at + 2, at + length));
    else if (kind === 254 && length >= 4 && bytes[at + 2] === 0xf9 && bytes[at + 3] === 0x89)
      fastOpen = hex(bytes.subarray(at + 4, at + length));
    else if (kind === 30) mptcp = true;
    else if (kind === 2 || kind === 3 || kind === 4 || kind === 8) malformed = true;
    at += length;
  }
  return { id, kinds, mss, windowScale, sack, timestamps, fastOpen, mptcp, malformed, cut };
}

function uint32(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}

const addresses = new Map<number, string>();

/** Whether an address of four words is one of IPv4. */
export const isIpv4 = (words: Int32Array, at: number): boolean =>
  words[at] === 0 && words[at + 1] === 0 && words[at + 2] === 0xffff;

/** An address from four words of a record, as text. */
export function addressText(words: Int32Array, at: number): string {
  if (!isIpv4(words, at))
    return formatAddress(ipv6(words[at]!, words[at + 1]!, words[at + 2]!, words[at + 3]!));
  const bits = words[at + 3]!;
  let text = addresses.get(bits);
  if (text === undefined) {
    text = `${bits >>> 24}.${(bits >>> 16) & 255}.${(bits >>> 8) & 255}.${bits & 255}`;
    if (addresses.size >= 65_536) addresses.clear();
    addresses.set(bits, text);
  }
  return text;
}
