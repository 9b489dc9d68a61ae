import { describe, expect, test } from 'vitest';
import { CaptureError } from './captured-packet.ts';
import { pcapHeader, pcapngHeader, pcapngPacket, pcapPacket } from './pcap.ts';
import { CaptureReader } from './pcap-reader.ts';

interface Seen {
  frame: number;
  seconds: number;
  nanoseconds: number;
  linkType: number;
  wireLength: number;
  bytes: number[];
}

/** What a reader delivers of a capture that comes in pieces, and what it complains of. */
function read(capture: Uint8Array, chunk: number = capture.length): { seen: Seen[]; problem: string | null } {
  const seen: Seen[] = [];
  const reader = new CaptureReader(
    ({ data, start, end, frame, seconds, nanoseconds, linkType, wireLength }) => {
      seen.push({ frame, seconds, nanoseconds, linkType, wireLength, bytes: [...data.subarray(start, end)] });
    },
  );
  // One buffer, filled again for each piece: the reader may keep nothing of it.
  const buffer = new Uint8Array(Math.max(chunk, 1));
  try {
    for (let at = 0; at < capture.length; at += chunk) {
      const piece = capture.subarray(at, at + chunk);
      buffer.fill(0xee);
      buffer.set(piece);
      reader.push(buffer.subarray(0, piece.length));
    }
    reader.end();
  } catch (error) {
    if (!(error instanceof CaptureError)) throw error;
    return { seen, problem: error.message };
  }
  return { seen, problem: null };
}

const join = (...parts: readonly Uint8Array[]): Uint8Array =>
  Uint8Array.from(parts.flatMap((part) => [...part]));

/** A classic pcap with two packets, in any of its dialects. */
function classic(magic: number, little: boolean, fraction: number, linkType = 1): Uint8Array {
  const extra = magic === 0xa1b2cd34 ? 8 : 0;
  const view = new DataView(new ArrayBuffer(24 + 2 * (16 + extra + 4)));
  view.setUint32(0, magic, little);
  view.setUint16(4, 2, little);
  view.setUint16(6, 4, little);
  view.setUint32(16, 65535, little);
  view.setUint32(20, linkType, little);
  let at = 24;
  for (const n of [0, 1]) {
    view.setUint32(at, 1_700_000_000 + n, little);
    view.setUint32(at + 4, fraction, little);
    view.setUint32(at + 8, 4, little);
    view.setUint32(at + 12, 60, little);
    at += 16 + extra;
    view.setUint32(at, 0x01020300 + n, false);
    at += 4;
  }
  return new Uint8Array(view.buffer);
}

/** A pcapng block of either byte order: words, then bytes. */
function block(
  type: number,
  words: readonly number[],
  bytes: readonly number[],
  little: boolean,
): Uint8Array {
  const size = 12 + 4 * words.length + ((bytes.length + 3) & ~3);
  const view = new DataView(new ArrayBuffer(size));
  [type, size, ...words].forEach((word, n) => {
    view.setUint32(4 * n, word >>> 0, little);
  });
  new Uint8Array(view.buffer).set(bytes, 8 + 4 * words.length);
  view.setUint32(size - 4, size, little);
  return new Uint8Array(view.buffer);
}

const section = (little: boolean): Uint8Array =>
  block(0x0a0d0d0a, [0x1a2b3c4d, little ? 1 : 0x00010000, -1, -1], [], little);

/** An interface with options given as bytes. */
const described = (linkType: number, options: readonly number[], little = true, snap = 0): Uint8Array =>
  block(1, [little ? linkType : linkType << 16, snap], options, little);

const tsresol = (value: number): number[] => [9, 0, 1, 0, value, 0, 0, 0, 0, 0, 0, 0];

describe('classic pcap', () => {
  for (const [name, magic, fraction] of [
    ['µs', 0xa1b2c3d4, 123_456],
    ['ns', 0xa1b23c4d, 123_456_000],
    ['the modified format', 0xa1b2cd34, 123_456],
  ] as const)
    for (const little of [true, false])
      test(`${name}, ${little ? 'little' : 'big'}-endian, in pieces of every size`, () => {
        const capture = classic(magic, little, fraction, 113);
        const expected = [0, 1].map((n) => ({
          frame: n + 1,
          seconds: 1_700_000_000 + n,
          nanoseconds: 123_456_000,
          linkType: 113,
          wireLength: 60,
          bytes: [1, 2, 3, n],
        }));
        for (let chunk = 1; chunk <= capture.length; chunk++)
          expect(read(capture, chunk), `pieces of ${chunk}`).toEqual({ seen: expected, problem: null });
      });

  test('the upper half of the link type is about frame check sequences', () => {
    expect(read(classic(0xa1b2c3d4, true, 0, 0x2400_0001)).seen[0]!.linkType).toBe(1);
  });

  test.each([2, 3, 543])('version 2.%i, whose records may have the lengths in the other order', (minor) => {
    const capture = classic(0xa1b2c3d4, true, 0);
    const view = new DataView(capture.buffer);
    view.setUint16(6, minor, true);
    // The first record in the old order, the second in the new one.
    view.setUint32(24 + 8, 60, true);
    view.setUint32(24 + 12, 4, true);
    const { seen, problem } = read(capture);
    expect(problem).toBe(null);
    expect(seen.map(({ wireLength, bytes }) => [wireLength, bytes.length])).toEqual([
      [60, 4],
      [60, 4],
    ]);
  });

  test('snoop (RFC 1761), in pieces of every size; a record that is shorter than its packet is damage', () => {
    const words = [
      0x736e6f6f, 0x70000000, 2, 4, 60, 5, 32, 0, 1_700_000_000, 123_456, 0x01020304, 0x05000000,
    ];
    const capture = new Uint8Array(4 * words.length);
    const view = new DataView(capture.buffer);
    words.forEach((word, n) => {
      view.setUint32(4 * n, word);
    });
    const wanted = {
      frame: 1,
      seconds: 1_700_000_000,
      nanoseconds: 123_456_000,
      linkType: 1,
      wireLength: 60,
      bytes: [1, 2, 3, 4, 5],
    };
    for (let chunk = 1; chunk <= capture.length; chunk++)
      expect(read(capture, chunk), `pieces of ${chunk}`).toEqual({ seen: [wanted], problem: null });
    view.setUint32(24, 20);
    expect(read(capture).problem).toContain('the file is damaged');
    view.setUint32(8, 3);
    expect(read(capture).problem).toContain('another version than 2');
  });

  test('what the writer writes is read', () => {
    const capture = join(pcapHeader(228), pcapPacket(1_700_000_000_123_456_789n, Uint8Array.of(7), 9));
    expect(read(capture).seen).toEqual([
      {
        frame: 1,
        seconds: 1_700_000_000,
        nanoseconds: 123_456_789,
        linkType: 228,
        wireLength: 9,
        bytes: [7],
      },
    ]);
  });
});

describe('pcapng', () => {
  test('what the writer writes is read, in pieces of every size', () => {
    const capture = join(
      pcapngHeader(
        [
          { name: 'a', linkType: 1 },
          { name: 'b', linkType: 113 },
        ],
        'a comment',
      ),
      pcapngPacket(1_700_000_000_123_456_789n, Uint8Array.of(1, 2, 3), { interfaceId: 1, comment: 'odd' }),
      pcapngPacket(1n, Uint8Array.of(4), { originalLength: 1500 }),
    );
    const expected = [
      {
        frame: 1,
        seconds: 1_700_000_000,
        nanoseconds: 123_456_789,
        linkType: 113,
        wireLength: 3,
        bytes: [1, 2, 3],
      },
      { frame: 2, seconds: 0, nanoseconds: 1, linkType: 1, wireLength: 1500, bytes: [4] },
    ];
    for (let chunk = 1; chunk <= capture.length; chunk++)
      expect(read(capture, chunk), `pieces of ${chunk}`).toEqual({ seen: expected, problem: null });
  });

  for (const [name, options, ticks, seconds, nanoseconds] of [
    ['µs if nothing is said', [], 1_700_000_000_123_456n, 1_700_000_000, 123_456_000],
    ['ms', tsresol(3), 1_700_000_000_123n, 1_700_000_000, 123_000_000],
    ['seconds', tsresol(0), 1_700_000_000n, 1_700_000_000, 0],
    ['ns', tsresol(9), 1_700_000_000_123_456_789n, 1_700_000_000, 123_456_789],
    ['ps', tsresol(12), 1_700_000_123_456_789_012n, 1_700_000, 123_456_789],
    ['2^-10 s', tsresol(0x8a), 1_700_000_000n * 1024n + 512n, 1_700_000_000, 500_000_000],
    ['2^-20 s', tsresol(0x94), 1_700_000_000n * 2n ** 20n + 1n, 1_700_000_000, 953],
  ] as const)
    test(`a time resolution of ${name}`, () => {
      const words = [0, Number(ticks >> 32n), Number(ticks & 0xffffffffn), 1, 1];
      const capture = join(section(true), described(1, [...options]), block(6, words, [9], true));
      expect(read(capture).seen[0]).toMatchObject({ seconds, nanoseconds });
    });

  test('an offset in seconds is added to every time', () => {
    const offset = [14, 0, 8, 0, 100, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    const capture = join(section(true), described(1, offset), block(6, [0, 0, 5_000_001, 1, 1], [9], true));
    expect(read(capture).seen[0]).toMatchObject({ seconds: 105, nanoseconds: 1000 });
  });

  test('sections of different byte order, each with its own interfaces, and blocks that are none of ours', () => {
    const packet = (little: boolean): Uint8Array => block(6, [0, 0, 1, 2, 2], [1, 2], little);
    const statistics = (little: boolean): Uint8Array => block(5, [0, 0, 1], [], little);
    const custom = block(0xbad, [1, 2, 3, 4], new Array(5000).fill(7), true);
    const capture = join(
      section(true),
      described(1, []),
      custom,
      packet(true),
      statistics(true),
      section(false),
      described(101, [], false),
      packet(false),
      statistics(false),
    );
    for (const chunk of [1, 2, 3, 5, 11, 13, 64, 1000, 4096, capture.length]) {
      const { seen, problem } = read(capture, chunk);
      expect(problem).toBeNull();
      expect(seen.map(({ frame, linkType, bytes }) => [frame, linkType, bytes])).toEqual([
        [1, 1, [1, 2]],
        [2, 101, [1, 2]],
      ]);
    }
  });

  test('simple packets, cut to the snap length, and packets of the obsolete kind', () => {
    const capture = join(
      section(true),
      described(101, [], true, 3),
      block(3, [9], [1, 2, 3], true),
      // Interface and drops in one word.
      block(2, [0x0005_0000, 0, 1_000_000, 2, 8], [4, 5], true),
    );
    expect(read(capture).seen).toEqual([
      { frame: 1, seconds: 0, nanoseconds: 0, linkType: 101, wireLength: 9, bytes: [1, 2, 3] },
      { frame: 2, seconds: 1, nanoseconds: 0, linkType: 101, wireLength: 8, bytes: [4, 5] },
    ]);
  });
});

describe('damage gives what was before it and one message with its place', () => {
  const good = join(pcapngHeader(), pcapngPacket(1n, Uint8Array.of(1)));
  const whole = join(
    pcapHeader(),
    pcapPacket(1n, Uint8Array.of(1, 2, 3, 4)),
    pcapPacket(2n, Uint8Array.of(5)),
  );
  const bad = (...parts: Uint8Array[]): { packets: number; problem: string | null } => {
    const capture = join(...parts);
    const results = [1, 7, capture.length].map((chunk) => read(capture, chunk));
    expect(new Set(results.map((result) => JSON.stringify(result))).size, 'pieces must not matter').toBe(1);
    return { packets: results[0]!.seen.length, problem: results[0]!.problem };
  };

  test('no bytes at all', () => {
    expect(read(new Uint8Array(0)).problem).toBe('the capture is empty (at byte 0)');
  });

  test('something else than a capture', () => {
    const text = new TextEncoder().encode('#!/bin/sh\necho no capture\n');
    expect(bad(text)).toEqual({
      packets: 0,
      problem: 'the file begins with 23212f62: not a pcap, pcapng or snoop capture (at byte 0)',
    });
    expect(bad(Uint8Array.of(0x1f, 0x8b, 8, 0)).problem).toMatch(/^a gzip file that was not decompressed/);
    expect(bad(Uint8Array.of(0x28, 0xb5, 0x2f, 0xfd)).problem).toMatch(
      /^a zstd file that was not decompressed/,
    );
  });

  test('every place at which a capture may be cut off', () => {
    const boundaries = [24, 24 + 20, whole.length];
    for (let length = 1; length < whole.length; length++) {
      const { seen, problem } = read(whole.subarray(0, length));
      const packets = boundaries.filter((end) => length >= end).length - 1;
      expect(seen.length, `cut to ${length}`).toBe(Math.max(0, packets));
      if (boundaries.includes(length)) expect(problem).toBeNull();
      else if (length < 24)
        expect(problem).toBe(`the capture ends before its header is complete (at byte ${length})`);
      else {
        const record = boundaries.filter((end) => length >= end).at(-1);
        const message = `the capture is cut off: after ${packets} packets it ends within a record (at byte ${record})`;
        expect(problem).toBe(message);
      }
    }
    for (let length = 1; length < good.length; length++) read(good.subarray(0, length));
  });

  test('a packet longer than any', () => {
    const huge = pcapPacket(1n, Uint8Array.of(1));
    new DataView(huge.buffer).setUint32(8, 0x7fffffff, true);
    expect(bad(whole, huge)).toEqual({
      packets: 2,
      problem: expect.stringMatching(
        /^packet 3 claims 2147483647 bytes, .*: the file is damaged \(at byte 61\)$/,
      ),
    });
  });

  test('a block whose lengths do not agree, are odd, or do not fit', () => {
    const block6 = (change: (view: DataView) => void): Uint8Array => {
      const bytes = pcapngPacket(1n, Uint8Array.of(1));
      change(new DataView(bytes.buffer));
      return bytes;
    };
    const at = `(at byte ${good.length})`;
    expect(
      bad(
        good,
        block6((v) => v.setUint32(v.byteLength - 4, 40, true)),
      ),
    ).toEqual({
      packets: 1,
      problem: `a block says 36 bytes in front and 40 at its end: the file is damaged ${at}`,
    });
    expect(
      bad(
        good,
        block6((v) => v.setUint32(4, 37, true)),
      ).problem,
    ).toBe(`a block claims a length of 37 bytes: the file is damaged ${at}`);
    expect(
      bad(
        good,
        block6((v) => v.setUint32(4, 0x40000000, true)),
      ).problem,
    ).toMatch(/a block claims a length of/);
    expect(
      bad(
        good,
        block6((v) => v.setUint32(20, 5, true)),
      ).problem,
    ).toBe(`a packet claims 5 bytes in a block that has room for 4: the file is damaged ${at}`);
    expect(
      bad(
        good,
        block6((v) => v.setUint32(8, 3, true)),
      ).problem,
    ).toBe(`a packet names interface 3, which was not described: the file is damaged ${at}`);
    expect(bad(good, block(0x0a0d0d0a, [0x11223344, 1, 0, 0], [], true)).problem).toBe(
      `a section header without its byte-order magic: the file is damaged ${at}`,
    );
  });

  test('interfaces without end', () => {
    const many = new Uint8Array(20 * 65_537);
    for (let n = 0; n < 65_537; n++) many.set(described(1, []), 20 * n);
    expect(read(join(section(true))).problem).toBeNull();
    const reader = new CaptureReader(() => {});
    reader.push(section(true));
    expect(() => reader.push(many)).toThrow('more than 65536 interfaces in a section');
  });
});
