import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fold, sumBytes, sumView } from './checksum.ts';

test('the sum by 32-bit words is the sum by 16-bit words, wherever the bytes begin and end', () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 120 }),
      fc.nat({ max: 7 }),
      fc.nat({ max: 120 }),
      fc.nat({ max: 0x1_0000_0000 }),
      (bytes, from, most, start) => {
        // Neither the buffer nor the stretch has to begin at a multiple of anything.
        const room = new Uint8Array(bytes.length + from).fill(0xee);
        room.set(bytes, from);
        const view = new DataView(room.buffer, from);
        const offset = Math.min(from, bytes.length);
        const length = Math.min(most, bytes.length - offset);
        expect(sumView(view, offset, length, start)).toBe(sumBytes(bytes, offset, length, start));
      },
    ),
  );
});

test('a checksum of the longest packet of ones is right', () => {
  const bytes = new Uint8Array(65_535).fill(0xff);
  const view = new DataView(bytes.buffer);
  expect(sumView(view, 0, bytes.length)).toBe(sumBytes(bytes, 0, bytes.length));
  // All ones are minus zero, but for the last byte, which stands high.
  expect(fold(sumView(view, 0, bytes.length))).toBe(0x00ff);
});

test('the example of RFC 1071, section 3', () => {
  const bytes = Uint8Array.of(0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7);
  expect(sumView(new DataView(bytes.buffer), 0, 8)).toBe(0x2ddf0);
  expect(fold(sumView(new DataView(bytes.buffer), 0, 8))).toBe(0xffff ^ 0xddf2);
});
