/** TCP options as explain needs them: what was offered, answered and in force. */
import { formatAddress, ipv6 } from '../wire/address.ts';

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

  /**
   * @param source words that hold the bytes, in network order, from `from` on
   * @param length bytes, up to 40
   * @param cut whether the capture cut off what followed
   */
  read(source: Int32Array, from: number, length: number, cut = false): OptionSet {
    const { bytes, words } = this;
    words.fill(0);
    for (let n = 0; n < length; n++) bytes[n] = source[from + (n >> 2)]! >>> (24 - ((n & 3) << 3));
    this.takeTimestamps(length);
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

  /** Finds the time stamps, keeps their values and sets them to zero. */
  private takeTimestamps(length: number): void {
    const { bytes } = this;
    this.value = 0;
    this.echo = 0;
    for (let at = 0; at < length; ) {
      const kind = bytes[at]!;
      if (kind === 0) return;
      if (kind === 1) {
        at++;
        continue;
      }
      const size = bytes[at + 1] ?? 0;
      if (size < 2 || at + size > length) return;
      if (kind === 8 && size === 10) {
        this.value = uint32(bytes, at + 2);
        this.echo = uint32(bytes, at + 6);
        bytes.fill(0, at + 2, at + 10);
        return;
      }
      at += size;
    }
  }
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
