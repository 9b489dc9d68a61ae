import { expect, test } from 'vitest';
import { parseAddress } from '../../wire/address.ts';
import { communityId } from './community-id.ts';

const id = (one: string, onePort: number, two: string, twoPort: number): string => {
  const a = parseAddress(one);
  const b = parseAddress(two);
  return communityId(
    [a.w0, a.w1, a.w2, a.w3, b.w0, b.w1, b.w2, b.w3],
    0,
    onePort,
    4,
    twoPort,
    a.family === 6,
  );
};

test('the ID is that of the specification, whichever side is the client', () => {
  // From the specification's own baseline for TCP, IPv4 and IPv6.
  expect(id('128.232.110.120', 34855, '66.35.250.204', 80)).toBe('1:LQU9qZlK+B5F3KDmev6m5PMibrg=');
  expect(id('66.35.250.204', 80, '128.232.110.120', 34855)).toBe('1:LQU9qZlK+B5F3KDmev6m5PMibrg=');
  expect(id('2001:db8::1', 50000, '2001:db8::2', 443)).toBe(id('2001:db8::2', 443, '2001:db8::1', 50000));
});
