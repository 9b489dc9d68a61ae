/** TCP and UDP checksums (RFC 1071): right, wrong, or as a sender leaves them whose network card computes them. */

/** What a checksum is worth. `unfinished`: the sum of the pseudo header alone, which the sender's card would have completed. */
export type Sum = 'right' | 'unfinished' | 'wrong';

const folded = (sum: number): number => {
  let rest = sum;
  while (rest > 0xffff) rest = (rest & 0xffff) + Math.floor(rest / 0x10000);
  return rest;
};

/**
 * Judges a checksum.
 * @param pseudo sum of the pseudo header's 16-bit words
 * @param rest sum of the other words, the checksum itself among them
 * @param field the checksum
 */
function judgeSum(pseudo: number, rest: number, field: number): Sum {
  if (folded(pseudo + rest) === 0xffff) return 'right';
  return folded(pseudo) === field ? 'unfinished' : 'wrong';
}

/** Longer datagrams in tunnels are not looked at: those of handshakes are shorter. */
const SHORT = 200;

/** Whether the UDP datagram from `at` to `end` has a wrong checksum. What is cut off, or has none, does not. */
export function hasWrongUdpSum(
  view: DataView,
  at: number,
  end: number,
  addressesAt: number,
  ipv6: boolean,
): boolean {
  const length = view.getUint16(at + 4);
  const field = view.getUint16(at + 6);
  if (field === 0 || length > SHORT || length !== end - at) return false;
  let pseudo = 17 + length;
  for (let n = 0; n < (ipv6 ? 32 : 8); n += 2) pseudo += view.getUint16(addressesAt + n);
  let rest = length & 1 ? view.getUint8(end - 1) << 8 : 0;
  for (let n = at; n + 1 < end; n += 2) rest += view.getUint16(n);
  return judgeSum(pseudo, rest, field) === 'wrong';
}

/** The words of a TCP header that the checksum covers, but for addresses. */
interface Header {
  readonly ports: number;
  readonly seq: number;
  readonly ack: number;
  /** Of the header, bytes. */
  readonly length: number;
  readonly flags: number;
  readonly window: number;
  readonly checksum: number;
}

const halves = (word: number): number => (word >>> 16) + (word & 0xffff);

/**
 * Judges the checksum of a TCP segment without data or urgent pointer.
 * @param addresses eight words, as in wire/address.ts
 * @param options words that hold the option bytes from `at` on
 */
export function tcpSum(
  addresses: readonly number[],
  ipv6: boolean,
  h: Header,
  options: Int32Array,
  at: number,
): Sum {
  let pseudo = 6 + h.length;
  for (const n of ipv6 ? [0, 1, 2, 3, 4, 5, 6, 7] : [3, 7]) pseudo += halves(addresses[n]!);
  let rest = halves(h.ports) + halves(h.seq) + halves(h.ack) + h.window + h.checksum;
  rest += ((h.length >> 2) << 12) | h.flags;
  for (let n = 0; n < h.length - 20; n += 4) rest += halves(options[at + (n >> 2)]!);
  return judgeSum(pseudo, rest, h.checksum);
}
