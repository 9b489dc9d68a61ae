/**
 * The frames that a stack of others and the runner exchange over a pipe, as docs/foreign-stacks.md has them: a length, a
 * type, a body; all numbers little-endian. Nothing here knows who speaks.
 */
import { formatAddress, ipv4, ipv6, parseAddress, unmap } from '../../wire/address.ts';
import { DrillError } from '../failure.ts';
import type { DrillNetwork } from '../system-under-test.ts';

/** The version of the protocol that both sides say in their HELLO. */
export const protocolVersion = 1;
/** The longest frame, bytes of type and body: more than any packet or call needs. */
const longestFrame = 1 << 20;
/** The deadline of a stack that waits for nothing. */
export const never = 0xffff_ffff_ffff_ffffn;

/** Frame types. The runner's PACKET has no time, the stack's has. */
export const Frame = {
  hello: 1,
  /** Runner: time is granted. Stack: READY, the end of each answer. */
  time: 2,
  packet: 3,
  /** Runner: a system call. Stack: what it came to. */
  call: 4,
  info: 5,
  command: 6,
  /** Runner: the run is over. */
  bye: 7,
  /** Stack: it cannot do what the script wants. */
  cannot: 8,
} as const;

/** What a stack says it can, in its HELLO. */
export const Ability = { ipv6: 1, info: 2, commands: 4, mapped: 8 } as const;

/** A frame as it came. */
export interface RawFrame {
  readonly type: number;
  readonly body: Uint8Array;
}

export const viewOf = (bytes: Uint8Array): DataView =>
  new DataView(bytes.buffer, bytes.byteOffset, bytes.length);

/** A frame's bytes. */
export function frame(type: number, ...parts: readonly Uint8Array[]): Uint8Array {
  const length = parts.reduce((sum, part) => sum + part.length, 1);
  const bytes = new Uint8Array(4 + length);
  viewOf(bytes).setUint32(0, length, true);
  bytes[4] = type;
  let at = 5;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

/** 64-bit numbers one after the other. */
export function words64(...values: readonly (number | bigint)[]): Uint8Array {
  const bytes = new Uint8Array(8 * values.length);
  const view = viewOf(bytes);
  for (const [i, value] of values.entries())
    view.setBigUint64(8 * i, BigInt.asUintN(64, BigInt(value)), true);
  return bytes;
}

/** 32-bit numbers one after the other. */
export function words32(...values: readonly number[]): Uint8Array {
  const bytes = new Uint8Array(4 * values.length);
  const view = viewOf(bytes);
  for (const [i, value] of values.entries()) view.setInt32(4 * i, value | 0, true);
  return bytes;
}

// Declared here since this folder is checked without Node's or a browser's types; both have them.
declare const TextEncoder: new () => { encode(text: string): Uint8Array };
declare const TextDecoder: new () => { decode(bytes: Uint8Array): string };

/** Text as UTF-8. */
export const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);

/** UTF-8 as text; what is none becomes U+FFFD. */
export const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes);

/** An address in 16 bytes: IPv4 in the first four. */
export function addressBytes(text: string): Uint8Array {
  const bytes = new Uint8Array(16);
  const address = unmap(parseAddress(text));
  const words = address.family === 4 ? [address.w3] : [address.w0, address.w1, address.w2, address.w3];
  for (const [i, word] of words.entries()) viewOf(bytes).setInt32(4 * i, word);
  return bytes;
}

/** The address in 16 bytes. */
export function addressText(bytes: Uint8Array, family: 4 | 6): string {
  const view = viewOf(bytes);
  const [a, b, c, d] = [0, 4, 8, 12].map((at) => view.getInt32(at)) as [number, number, number, number];
  return formatAddress(family === 4 ? ipv4(a) : ipv6(a, b, c, d));
}

/** The runner's HELLO: 56 bytes. */
export function helloBody(network: DrillNetwork, realTime: boolean): Uint8Array {
  const bytes = new Uint8Array(56);
  const view = viewOf(bytes);
  view.setUint16(0, protocolVersion, true);
  view.setUint16(2, network.mtu, true);
  bytes[4] = realTime ? 1 : 0;
  bytes[5] = network.ipVersion === 'ipv6' ? 6 : 4;
  bytes[6] = network.ipVersion === 'ipv4' ? 2 : 10;
  bytes[7] = network.prefixLength;
  bytes.set(addressBytes(network.localIp), 8);
  bytes.set(addressBytes(network.remoteIp), 24);
  bytes.set(addressBytes(network.gatewayIp), 40);
  return bytes;
}

/** What the runner's HELLO says. @throws DrillError of kind system if it is none */
export function readHello(body: Uint8Array): { network: DrillNetwork; realTime: boolean } {
  if (body.length < 56) throw new DrillError('system', `a HELLO of ${body.length} bytes; it has 56`);
  const view = viewOf(body);
  const version = view.getUint16(0, true);
  if (version !== protocolVersion)
    throw new DrillError('system', `the runner speaks version ${version} of the protocol, this side 1`);
  const family = body[5] === 6 ? 6 : 4;
  const at = (from: number): string => addressText(body.subarray(from, from + 16), family);
  return {
    realTime: body[4] === 1,
    network: {
      ipVersion: family === 6 ? 'ipv6' : body[6] === 10 ? 'ipv4-mapped-ipv6' : 'ipv4',
      localIp: at(8),
      remoteIp: at(24),
      gatewayIp: at(40),
      prefixLength: body[7]!,
      mtu: view.getUint16(2, true),
    },
  };
}

/** Cuts a stream of bytes into frames. */
export class FrameReader {
  private parts: Uint8Array[] = [];
  private size = 0;

  /** Bytes that came. */
  push(bytes: Uint8Array): void {
    if (bytes.length === 0) return;
    this.parts.push(bytes);
    this.size += bytes.length;
  }

  /** The next whole frame; null if more bytes must come first. @throws DrillError of kind system for what is no frame */
  next(): RawFrame | null {
    if (this.size < 4) return null;
    // Joined only once the whole frame is there: a long one in many parts costs what it is long.
    const length = viewOf(this.head(4)).getUint32(0, true);
    if (length < 1 || length > longestFrame) throw notAFrame(this.head(Math.min(this.size, 60)), length);
    if (this.size < 4 + length) return null;
    const whole = this.head(this.size);
    const rest = whole.subarray(4 + length);
    this.parts = rest.length > 0 ? [rest] : [];
    this.size = rest.length;
    return { type: whole[4]!, body: whole.slice(5, 4 + length) };
  }

  private head(length: number): Uint8Array {
    if (this.parts[0]!.length >= length) return this.parts[0]!;
    const joined = new Uint8Array(length === this.size ? length : Math.min(this.size, 65_536));
    let at = 0;
    for (const part of this.parts) {
      if (at >= joined.length) break;
      joined.set(part.subarray(0, joined.length - at), at);
      at += part.length;
    }
    if (length === this.size) this.parts = [joined];
    return joined;
  }
}

function notAFrame(bytes: Uint8Array, length: number): DrillError {
  const shown = textOf(bytes).replace(/[^ -~]/g, '.');
  return new DrillError(
    'system',
    `the stack wrote what is no frame (a length of ${length}, where 1 to ${longestFrame} may stand): '${shown}'; ` +
      'only frames may go to its standard output',
  );
}
