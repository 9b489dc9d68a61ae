/**
 * Community ID, version 1 (github.com/corelight/community-id-spec): the name of a flow on which Zeek, Suricata and Wireshark agree. "1:" and
 * the base64 of the SHA-1 of: seed, smaller address, larger address, protocol, a zero, and their ports.
 */

const SEED = 0;
const TCP = 6;

// One block is enough for either family: 2 + 32 + 2 + 4 bytes, padding and length.
const block = new Uint8Array(64);
const view = new DataView(block.buffer);
const schedule = new Int32Array(80);
const digest = new Uint8Array(20);
const digestView = new DataView(digest.buffer);

/**
 * @param words holds both addresses as four words each, from `one` and `two` on; IPv4 in the last word
 * @returns "1:" and 28 characters of base64, in memory that the next call uses again
 */
export function communityIdBytes(
  words: ArrayLike<number>,
  one: number,
  onePort: number,
  two: number,
  twoPort: number,
  ipv6: boolean,
): Uint8Array {
  const first = ipv6 ? 0 : 3;
  let order = 0;
  for (let n = first; n < 4 && order === 0; n++) order = (words[one + n]! >>> 0) - (words[two + n]! >>> 0);
  if (order === 0) order = onePort - twoPort;
  const swap = order > 0;
  block.fill(0);
  view.setUint16(0, SEED);
  let at = 2;
  for (let n = first; n < 4; n++, at += 4) view.setInt32(at, words[(swap ? two : one) + n]!);
  for (let n = first; n < 4; n++, at += 4) view.setInt32(at, words[(swap ? one : two) + n]!);
  block[at] = TCP;
  view.setUint16(at + 2, swap ? twoPort : onePort);
  view.setUint16(at + 4, swap ? onePort : twoPort);
  block[at + 6] = 0x80;
  view.setUint16(62, (at + 6) * 8);
  sha1();
  base64();
  return text;
}

/** The same as a string. */
export function communityId(...flow: Parameters<typeof communityIdBytes>): string {
  return String.fromCharCode(...communityIdBytes(...flow));
}

/** SHA-1 (FIPS 180-4) of the one block. */
function sha1(): void {
  const w = schedule;
  for (let t = 0; t < 16; t++) w[t] = view.getInt32(t * 4);
  for (let t = 16; t < 80; t++) {
    const x = w[t - 3]! ^ w[t - 8]! ^ w[t - 14]! ^ w[t - 16]!;
    w[t] = (x << 1) | (x >>> 31);
  }
  let a = 0x67452301;
  let b = 0xefcdab89 | 0;
  let c = 0x98badcfe | 0;
  let d = 0x10325476;
  let e = 0xc3d2e1f0 | 0;
  for (let t = 0; t < 80; t++) {
    const f = t < 20 ? (b & c) | (~b & d) : t < 40 || t >= 60 ? b ^ c ^ d : (b & c) | (b & d) | (c & d);
    const k = t < 20 ? 0x5a827999 : t < 40 ? 0x6ed9eba1 : t < 60 ? 0x8f1bbcdc : 0xca62c1d6;
    const next = (((a << 5) | (a >>> 27)) + f + e + k + w[t]!) | 0;
    e = d;
    d = c;
    c = (b << 30) | (b >>> 2);
    b = a;
    a = next;
  }
  digestView.setInt32(0, (a + 0x67452301) | 0);
  digestView.setInt32(4, (b + 0xefcdab89) | 0);
  digestView.setInt32(8, (c + 0x98badcfe) | 0);
  digestView.setInt32(12, (d + 0x10325476) | 0);
  digestView.setInt32(16, (e + 0xc3d2e1f0) | 0);
}

const letters = Uint8Array.from(
  'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/',
  (letter) => letter.charCodeAt(0),
);
const text = Uint8Array.of(49, 58, ...new Array<number>(27).fill(0), 61);

/** Writes the digest into {@link text}: six groups of three bytes, and two that are left. */
function base64(): void {
  let at = 2;
  for (let n = 0; n < 18; n += 3) {
    const bits = (digest[n]! << 16) | (digest[n + 1]! << 8) | digest[n + 2]!;
    text[at++] = letters[bits >>> 18]!;
    text[at++] = letters[(bits >>> 12) & 63]!;
    text[at++] = letters[(bits >>> 6) & 63]!;
    text[at++] = letters[bits & 63]!;
  }
  const bits = (digest[18]! << 8) | digest[19]!;
  text[at++] = letters[bits >>> 10]!;
  text[at++] = letters[(bits >>> 4) & 63]!;
  text[at] = letters[(bits << 2) & 63]!;
}
