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

/** The options of one SYN or SYN+ACK. Null: not there. */
export interface SynOptions {
  /** Kinds in order, as in the header. */
  readonly kinds: readonly number[];
  readonly mss: number | null;
  readonly windowScale: number | null;
  readonly sack: boolean;
  readonly timestamp: { readonly value: number; readonly echo: number } | null;
  /** Fast Open's cookie in hexadecimal; empty: a request for one. */
  readonly fastOpen: string | null;
  readonly mptcp: boolean;
  /** The header claims options that are no well-formed list. */
  readonly malformed: boolean;
}

const hex = (bytes: Uint8Array): string => Array.from(bytes, (b) => b.toString(16).padStart(2, '0')).join('');

/** Reads the option bytes of a header. Never fails. */
export function readOptions(bytes: Uint8Array): SynOptions {
  const kinds: number[] = [];
  let mss: number | null = null;
  let windowScale: number | null = null;
  let sack = false;
  let timestamp: SynOptions['timestamp'] = null;
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
      malformed = true;
      break;
    }
    if (kind === 2 && length === 4) mss = (bytes[at + 2]! << 8) | bytes[at + 3]!;
    else if (kind === 3 && length === 3) windowScale = bytes[at + 2]!;
    else if (kind === 4 && length === 2) sack = true;
    else if (kind === 8 && length === 10)
      timestamp = { value: uint32(bytes, at + 2), echo: uint32(bytes, at + 6) };
    else if (kind === 34) fastOpen = hex(bytes.subarray(at + 2, at + length));
    else if (kind === 254 && length >= 4 && bytes[at + 2] === 0xf9 && bytes[at + 3] === 0x89)
      fastOpen = hex(bytes.subarray(at + 4, at + length));
    else if (kind === 30) mptcp = true;
    else if (kind >= 2 && kind <= 8 && kind !== 5 && kind !== 6 && kind !== 7) malformed = true;
    at += length;
  }
  return { kinds, mss, windowScale, sack, timestamp, fastOpen, mptcp, malformed };
}

function uint32(bytes: Uint8Array, at: number): number {
  return ((bytes[at]! << 24) | (bytes[at + 1]! << 16) | (bytes[at + 2]! << 8) | bytes[at + 3]!) >>> 0;
}

/** An address from four words of a record, as text. */
export function addressText(words: Int32Array, at: number): string {
  if (words[at] === 0 && words[at + 1] === 0 && words[at + 2] === 0xffff) {
    const bits = words[at + 3]!;
    return `${bits >>> 24}.${(bits >>> 16) & 255}.${(bits >>> 8) & 255}.${bits & 255}`;
  }
  return formatAddress(ipv6(words[at]!, words[at + 1]!, words[at + 2]!, words[at + 3]!));
}
