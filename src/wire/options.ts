/**
 * TCP options as an ordered list that loses nothing: unknown kinds, odd lengths and padding survive a round trip
 * (RFC 9293 section 3.2; 7323, 2018, 7413, 2385).
 */

/** The kinds this project knows by name. */
export const OptionKind = {
  end: 0,
  nop: 1,
  mss: 2,
  windowScale: 3,
  sackPermitted: 4,
  sack: 5,
  timestamps: 8,
  md5: 19,
  fastOpen: 34,
  /** Shared by experiments; Fast Open's experiment has the magic 0xF989 (RFC 7413 section 4.1.1, RFC 6994). */
  experiment: 254,
} as const;

/** The magic number of the experimental Fast Open option. */
export const fastOpenMagic = 0xf989;

/** A range of received data: [left, right), absolute int32 sequence numbers. */
export interface SackBlock {
  readonly left: number;
  readonly right: number;
}

/** One TCP option. Numbers are as on the wire; timestamps are int32. */
export type TcpOption =
  | { readonly kind: 'end' }
  | { readonly kind: 'nop' }
  | { readonly kind: 'mss'; readonly value: number }
  | { readonly kind: 'windowScale'; readonly shift: number }
  | { readonly kind: 'sackPermitted' }
  | { readonly kind: 'sack'; readonly blocks: readonly SackBlock[] }
  | { readonly kind: 'timestamps'; readonly value: number; readonly echo: number }
  | { readonly kind: 'md5'; readonly digest: Uint8Array }
  | { readonly kind: 'fastOpen'; readonly cookie: Uint8Array; readonly experimental: boolean }
  /** Anything else, or a known kind with a length it should not have: the bytes after kind and length. */
  | { readonly kind: 'unknown'; readonly type: number; readonly data: Uint8Array }
  /** Bytes that are no option at all: a length below 2 or beyond the header, or padding after `end`. */
  | { readonly kind: 'rest'; readonly data: Uint8Array };

const int32 = (b: Uint8Array, i: number): number =>
  (b[i]! << 24) | (b[i + 1]! << 16) | (b[i + 2]! << 8) | b[i + 3]!;

function decodeOne(type: number, data: Uint8Array): TcpOption {
  const n = data.length;
  if (type === OptionKind.mss && n === 2) return { kind: 'mss', value: (data[0]! << 8) | data[1]! };
  if (type === OptionKind.windowScale && n === 1) return { kind: 'windowScale', shift: data[0]! };
  if (type === OptionKind.sackPermitted && n === 0) return { kind: 'sackPermitted' };
  if (type === OptionKind.sack && n >= 8 && n % 8 === 0) {
    const blocks: SackBlock[] = [];
    for (let i = 0; i < n; i += 8) blocks.push({ left: int32(data, i), right: int32(data, i + 4) });
    return { kind: 'sack', blocks };
  }
  if (type === OptionKind.timestamps && n === 8)
    return { kind: 'timestamps', value: int32(data, 0), echo: int32(data, 4) };
  if (type === OptionKind.md5 && n === 16) return { kind: 'md5', digest: data };
  if (type === OptionKind.fastOpen) return { kind: 'fastOpen', cookie: data, experimental: false };
  if (type === OptionKind.experiment && n >= 2 && ((data[0]! << 8) | data[1]!) === fastOpenMagic)
    return { kind: 'fastOpen', cookie: data.subarray(2), experimental: true };
  return { kind: 'unknown', type, data };
}

/** Reads the option bytes of a header. Never fails: what is no option becomes `rest`. */
export function decodeOptions(bytes: Uint8Array): TcpOption[] {
  const list: TcpOption[] = [];
  let i = 0;
  while (i < bytes.length) {
    const type = bytes[i]!;
    if (type === OptionKind.nop) {
      list.push({ kind: 'nop' });
      i++;
      continue;
    }
    if (type === OptionKind.end) {
      list.push({ kind: 'end' });
      i++;
      if (i < bytes.length) list.push({ kind: 'rest', data: bytes.slice(i) });
      break;
    }
    const length = bytes[i + 1] ?? 0;
    if (length < 2 || i + length > bytes.length) {
      list.push({ kind: 'rest', data: bytes.slice(i) });
      break;
    }
    list.push(decodeOne(type, bytes.slice(i + 2, i + length)));
    i += length;
  }
  return list;
}

const word = (n: number): number[] => [(n >>> 24) & 255, (n >>> 16) & 255, (n >>> 8) & 255, n & 255];

function encodeOne(option: TcpOption): number[] {
  switch (option.kind) {
    case 'end':
      return [0];
    case 'nop':
      return [1];
    case 'mss':
      return [OptionKind.mss, 4, (option.value >>> 8) & 255, option.value & 255];
    case 'windowScale':
      return [OptionKind.windowScale, 3, option.shift & 255];
    case 'sackPermitted':
      return [OptionKind.sackPermitted, 2];
    case 'sack':
      return [
        OptionKind.sack,
        2 + 8 * option.blocks.length,
        ...option.blocks.flatMap((b) => [...word(b.left), ...word(b.right)]),
      ];
    case 'timestamps':
      return [OptionKind.timestamps, 10, ...word(option.value), ...word(option.echo)];
    case 'md5':
      return [OptionKind.md5, 2 + option.digest.length, ...option.digest];
    case 'fastOpen':
      return option.experimental
        ? [
            OptionKind.experiment,
            4 + option.cookie.length,
            fastOpenMagic >>> 8,
            fastOpenMagic & 255,
            ...option.cookie,
          ]
        : [OptionKind.fastOpen, 2 + option.cookie.length, ...option.cookie];
    case 'unknown':
      return [option.type, 2 + option.data.length, ...option.data];
    case 'rest':
      return [...option.data];
  }
}

/** The bytes of an option list, exactly as listed: no padding is added. */
export const encodeOptions = (list: readonly TcpOption[]): Uint8Array =>
  Uint8Array.from(list.flatMap(encodeOne));
