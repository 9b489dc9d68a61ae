import { describe, expect, test } from 'vitest';
import { examine } from './check.ts';
import { checks } from './checks.ts';
import type { LostSyns } from './host.ts';
import { hostWith, type SocketText } from './testing.ts';

const syns: LostSyns = {
  ...{ from: '10.0.0.5', to: '10.0.0.1', port: 80, device: 'eth0', times: 2 },
  ...{ ours: true, word: null, answers: false, refused: null },
};

const found = (more: Partial<LostSyns>, sockets: SocketText[] = []) =>
  examine(
    hostWith({
      sockets,
      host: { lostSyns: { ok: true, where: 'AF_PACKET', value: [{ ...syns, ...more }] } },
    }),
    checks,
  ).found;
const lines = (...args: Parameters<typeof found>): string[] =>
  found(...args).map(({ severity, check, subject }) => `${severity} ${check.id} ${subject}`);

describe('SYNs that arrive', () => {
  // In /proc/net/tcp6 a listener on :: looks the same whether it takes IPv4 or not.
  const dual = [{ local: '[00000000000000000000000000000000]:80', state: '0A' }];

  test('by IPv4 for a listener on :: that the kernel does not find for them are refused because it takes IPv6 only', () => {
    expect(lines({ refused: 'rst', takes: false }, dual)).toEqual(['warn listener-elsewhere 10.0.0.1:80']);
    expect(found({ refused: 'rst', takes: false }, dual)[0]!.summary).toContain('is at [::]:80 only');
  });

  test('by IPv4 for a listener on :: that takes them are not told as meant for another address', () => {
    expect(lines({ refused: 'rst', takes: true }, dual)).toEqual([]);
    expect(lines({ to: 'fd00::1', from: 'fd00::5', refused: 'rst', takes: false }, dual)).toEqual([]);
  });

  test('and that NAT sends to 127.0.0.1 are told with what to use in its place', () => {
    const [finding, ...rest] = found({ word: 'IP_LOCALNET' }, [{ local: '127.0.0.1:80', state: '0A' }]);
    expect(rest).toEqual([]);
    expect(finding).toMatchObject({
      severity: 'high',
      check: { id: 'lost-syns' },
      subject: '10.0.0.1:80 from 10.0.0.5',
      fixes: [{ text: expect.stringContaining('REDIRECT') }, {}, {}],
    });
    // Without the kernel's word a port on which nobody listens is nothing to tell of.
    expect(lines({}, [{ local: '127.0.0.1:80', state: '0A' }])).toEqual([]);
  });
});
