import { expect, test } from 'vitest';
import { parseAddress } from '../wire/address.ts';
import { isWithItself } from './sock-diag.ts';

const end = (address: string, port: number) => ({ address: parseAddress(address), port });
const between = (local: ReturnType<typeof end>, remote: ReturnType<typeof end>) =>
  isWithItself({ local, remote, device: 0, cookie: null });

test('a connection is with itself only if address and port are both the same', () => {
  expect(between(end('127.0.0.1', 50_000), end('127.0.0.1', 50_000))).toBe(true);
  expect(between(end('::1', 50_000), end('::1', 50_000))).toBe(true);
  expect(between(end('127.0.0.2', 50_000), end('127.0.0.1', 50_000))).toBe(false);
  expect(between(end('127.0.0.1', 50_000), end('127.0.0.1', 50_001))).toBe(false);
});
