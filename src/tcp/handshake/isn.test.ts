import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { ipv4, ipv6 } from '../../wire/address.ts';
import { testTcp } from '../testing.ts';
import { chooseIsn, isnClock, md5Transform, sipHash24, sipHashHigh } from './isn.ts';

/** MD5 of a text, built from the block transform with RFC 1321's padding. */
function md5(text: string): string {
  const message = new TextEncoder().encode(text);
  const padded = new Uint8Array((((message.length + 8) >> 6) + 1) << 6);
  padded.set(message);
  padded[message.length] = 0x80;
  const view = new DataView(padded.buffer);
  view.setUint32(padded.length - 8, message.length * 8, true);
  const state = Int32Array.from([0x67452301, 0xefcdab89, 0x98badcfe, 0x10325476]);
  for (let at = 0; at < padded.length; at += 64) {
    md5Transform(
      state,
      Array.from({ length: 16 }, (_, i) => view.getInt32(at + 4 * i, true)),
    );
  }
  const out = new DataView(new ArrayBuffer(16));
  for (let i = 0; i < 4; i++) out.setInt32(4 * i, state[i]!, true);
  return Array.from(new Uint8Array(out.buffer), (b) => b.toString(16).padStart(2, '0')).join('');
}

describe('initial sequence numbers', () => {
  test('the MD5 transform gives the test suite of RFC 1321 A.5', () => {
    expect(md5('')).toBe('d41d8cd98f00b204e9800998ecf8427e');
    expect(md5('abc')).toBe('900150983cd24fb0d6963f7d28e17f72');
    expect(md5('message digest')).toBe('f96b697d7cb7938d525a2f31aaf161d0');
    expect(md5('1234567890'.repeat(8))).toBe('57edf4a22be3c955ac49da2e2107b67a');
  });

  test("SipHash-2-4 gives the vector of its paper's appendix A: key 00..0f, message 00..0e", () => {
    const key = [0x03020100, 0x07060504, 0x0b0a0908, 0x0f0e0d0c];
    const low = sipHash24(key, [0x03020100, 0x07060504, 0x0b0a0908], 3, 0x0e0d0c, 3);
    expect([sipHashHigh() >>> 0, low >>> 0]).toEqual([0xa129ca61, 0x49be45e5]);
  });

  test('the clock ticks once in 64 ns and wraps after 2^32 ticks, about 274 s', () => {
    expect(isnClock(0)).toBe(0);
    expect(isnClock(8)).toBe(125);
    expect(isnClock(1)).toBe(15);
    // 2^32 ticks × 64 ns = 274,877,906.944 µs.
    expect(isnClock(274_877_906) >>> 0).toBe(2 ** 32 - 15);
    expect(isnClock(274_877_907)).toBe(0);
  });

  test('the clock is exact at the Unix times of today, where the ticks pass 2^53', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 4_000_000_000_000_000n }), (us) => {
        expect(isnClock(Number(us)) >>> 0).toBe(Number(((us * 1000n) >> 6n) & 0xffffffffn));
      }),
    );
  });

  const tuple = { local: ipv4(0x0a000001), localPort: 1, remote: ipv4(0x0a000002), remotePort: 2 };
  const generators = [
    { kind: 'siphash', key: [1, 2, 3, 4] },
    { kind: 'md5', secret: Array.from({ length: 16 }, (_, i) => i * 77) },
  ] as const;

  test('both generators move with the clock alone for one tuple, and apart for another', () => {
    for (const generator of generators) {
      const first = chooseIsn(generator, tuple, 1_000_000);
      expect((chooseIsn(generator, tuple, 1_000_008) - first) | 0).toBe(125);
      expect(chooseIsn(generator, { ...tuple, localPort: 3 }, 1_000_000)).not.toBe(first);
    }
  });

  test('the MD5 rule is one transform of the tuple as chaining state with the secret as block', () => {
    const secret = Array.from({ length: 16 }, (_, i) => (i * 0x01010101) | 0);
    const state = Int32Array.from([0x0100000a, 0x0200000a, ((0x0100 << 16) + 0x0200) | 0, secret[15]!]);
    md5Transform(state, secret);
    expect(chooseIsn({ kind: 'md5', secret }, tuple, 64 / 1000)).toBe((state[0]! + 1) | 0);
  });

  test('IPv6 addresses are hashed whole', () => {
    const six = { local: ipv6(1, 2, 3, 4), localPort: 1, remote: ipv6(5, 6, 7, 8), remotePort: 2 };
    for (const generator of generators) {
      const first = chooseIsn(generator, six, 0);
      for (const word of ['w0', 'w1', 'w2', 'w3']) {
        const local = { ...six.local, [word]: 99 };
        expect(chooseIsn(generator, { ...six, local }, 0)).not.toBe(first);
      }
    }
  });

  test('the offset of timestamps is the other half of the hash that the ISN comes from, for each port its own', () => {
    const key = [1, 2, 3, 4] as const;
    const tcp = testTcp({
      address: '10.0.0.1',
      sysctls: { tcp_timestamps: 1 },
      environment: { isn: { kind: 'siphash', key } },
    });
    const { services } = tcp.newConnection();
    const isn = services.chooseIsn(tuple);
    const offset = services.chooseTsOffset(tuple);
    expect(isn).toBe(chooseIsn({ kind: 'siphash', key }, tuple, 0));
    expect(offset).toBe(sipHashHigh());
    expect(services.chooseTsOffset({ ...tuple, remotePort: 3 })).not.toBe(offset);
    expect(services.chooseTsOffset(tuple)).toBe(offset);
    expect(services.chooseIsn(tuple)).toBe(isn);
  });

  test('kernels before had one offset for a pair of addresses', () => {
    const tcp = testTcp({
      address: '10.0.0.1',
      sysctls: { tcp_timestamps: 1 },
      environment: { profile: { tsOffsetUsesPorts: false } },
    });
    const { services } = tcp.newConnection();
    const offset = services.chooseTsOffset(tuple);
    expect(services.chooseTsOffset({ ...tuple, remotePort: 3 })).toBe(offset);
    expect(services.chooseTsOffset({ ...tuple, remote: ipv4(0x0a000003) })).not.toBe(offset);
  });
});
