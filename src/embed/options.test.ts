import { describe, expect, test } from 'vitest';
import type { StackOptions } from './options.ts';
import { Stack } from './stack.ts';
import { VirtualTime } from './virtual-time.ts';

describe('a stack and its virtual time', () => {
  test.each<[string, Partial<StackOptions>]>([
    ['addresses must have one at least', { addresses: [] }],
    ["'192.0.2.1' has no prefix length", { addresses: ['192.0.2.1'] }],
    ['mtu must be an integer from 68 to 65535, not 10', { mtu: 10 }],
    ['mtu must be an integer from 68 to 65535, not 1000000000', { mtu: 1e9 }],
    ['mtu must be an integer from 1280 to 65535, not 1000', { addresses: ['2001:db8::1/64'], mtu: 1000 }],
    ['the gateway 2001:db8::9 needs an IPv6 address', { gateway: '2001:db8::9' }],
    ['epochUs must be an integer, not NaN', { epochUs: Number.NaN }],
    ['isn.value must be a 32-bit integer, not undefined', { isn: { kind: 'constant' } as never }],
    ['isn must be siphash, md5, or', { isn: { kind: 'dice' } as never }],
  ])('refuse an option: %s', (message, options) => {
    expect(() => new Stack({ addresses: ['192.0.2.1/24'], transmit: () => {}, ...options })).toThrow(message);
  });

  test.each([Number.NaN, -5, Number.POSITIVE_INFINITY])('do not let time advance by %d', (us) => {
    expect(() => new VirtualTime().advance(us)).toThrow(`time can advance by 0 µs or more, not by ${us}`);
  });
});
