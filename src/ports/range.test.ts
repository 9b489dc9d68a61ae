import { expect, test } from 'vitest';
import { candidatesOf, nextPlace } from './range.ts';

test('ports to lease lie outside what connect() hands out, above what fetch() refuses, and are not reserved', () => {
  const { ports, held } = candidatesOf({ first: 32_768, last: 60_999 }, [{ first: 30_000, last: 32_767 }]);
  expect(held).toBe(false);
  expect(ports.some((port) => port >= 30_000 && port <= 60_999)).toBe(false);
  expect([ports[0], ports.at(-1)]).toEqual([10_081, 65_535]);
  expect(ports).not.toContain(27_017);
});

test('where connect() may pick every port, leases come from its range and have to be held', () => {
  const { ports, held } = candidatesOf({ first: 1024, last: 65_535 }, [{ first: 20_000, last: 20_009 }]);
  expect(held).toBe(true);
  expect([ports.includes(20_000), ports.includes(40_000)]).toEqual([false, true]);
});

test('the same port has its turn again only after all others', () => {
  const places = Array.from({ length: 1000 }, () => nextPlace(20_000, false));
  expect(new Set(places).size).toBe(1000);
});
