import fc from 'fast-check';
import { expect, test } from 'vitest';
import { fsPath, nameOfBytes } from './names.ts';

test('any bytes become a name and the same bytes again', () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
      const name = nameOfBytes(bytes);
      const back = fsPath(name);
      expect(Buffer.from(back as string).equals(Buffer.from(bytes))).toBe(true);
    }),
  );
});

test('any valid text stays what it is', () => {
  fc.assert(
    fc.property(fc.string({ unit: 'binary' }), (text) => {
      expect(nameOfBytes(Buffer.from(text))).toBe(text);
      expect(fsPath(text)).toBe(text);
    }),
  );
});
