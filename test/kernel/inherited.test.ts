/** What an accepted socket takes over from its listener: on the host as measured, and measured again on the kernel. */
import { describe, expect, test } from 'vitest';
import { testNeeding } from '../support/needs.ts';
import { runOnHost, runOnKernel, type Step } from './calls.ts';

const [inet, inet6] = [2, 10];
const [ip, socket, tcp, ipv6] = [0, 1, 6, 41];

/** [option, level, number, value that the listener is given, value of the child]: 6.18, loopback. */
type Row = readonly [name: string, level: number, option: number, set: number, child: number];

const common: readonly Row[] = [
  ['SO_REUSEADDR', socket, 2, 1, 1],
  ['SO_SNDBUF', socket, 7, 50_000, 100_000],
  ['SO_RCVBUF', socket, 8, 60_000, 120_000],
  ['SO_KEEPALIVE', socket, 9, 1, 1],
  ['SO_REUSEPORT', socket, 15, 1, 1],
  ['SO_RCVLOWAT', socket, 18, 77, 77],
  ['TCP_NODELAY', tcp, 1, 1, 1],
  ['TCP_MAXSEG', tcp, 2, 1000, 988],
  ['TCP_CORK', tcp, 3, 1, 1],
  ['TCP_KEEPIDLE', tcp, 4, 33, 33],
  ['TCP_KEEPINTVL', tcp, 5, 34, 34],
  ['TCP_KEEPCNT', tcp, 6, 7, 7],
  ['TCP_SYNCNT', tcp, 7, 4, 4],
  ['TCP_LINGER2', tcp, 8, 9, 9],
  ['TCP_DEFER_ACCEPT', tcp, 9, 3, 0],
  ['TCP_WINDOW_CLAMP', tcp, 10, 20_000, 20_000],
  ['TCP_QUICKACK', tcp, 12, 0, 1],
  // 'reno' as an int.
  ['TCP_CONGESTION', tcp, 13, 0x6f6e6572, 0x6f6e6572],
  ['TCP_USER_TIMEOUT', tcp, 18, 9999, 9999],
  ['TCP_FASTOPEN', tcp, 23, 5, 0],
  ['TCP_NOTSENT_LOWAT', tcp, 25, 4444, 4444],
  ['TCP_SAVE_SYN', tcp, 27, 1, 1],
  ['TCP_FASTOPEN_CONNECT', tcp, 30, 1, 1],
  ['TCP_FASTOPEN_NO_COOKIE', tcp, 34, 1, 1],
  ['TCP_INQ', tcp, 36, 1, 1],
];

const families: readonly (readonly [name: string, family: number, address: string, rows: readonly Row[]])[] =
  [
    [
      'IPv4',
      inet,
      '127.0.0.1',
      [
        ...common,
        ['IP_TOS', ip, 1, 0x10, 0x10],
        ['IP_TTL', ip, 2, 33, 33],
        ['IP_MTU_DISCOVER', ip, 10, 0, 0],
        ['IP_RECVERR', ip, 11, 1, 1],
        ['IP_FREEBIND', ip, 15, 1, 1],
        ['IP_BIND_ADDRESS_NO_PORT', ip, 24, 1, 1],
        ['IP_LOCAL_PORT_RANGE', ip, 51, 41_000 * 65536 + 40_000 - 2 ** 32, 41_000 * 65536 + 40_000 - 2 ** 32],
      ],
    ],
    [
      'IPv6',
      inet6,
      '::1',
      [
        ...common,
        ['IPV6_UNICAST_HOPS', ipv6, 16, 33, 33],
        ['IPV6_MTU_DISCOVER', ipv6, 23, 0, 0],
        ['IPV6_RECVERR', ipv6, 25, 1, 1],
        ['IPV6_V6ONLY', ipv6, 26, 1, 1],
        ['IPV6_TCLASS', ipv6, 67, 0x10, 0x10],
      ],
    ],
  ];

/** One connection with a byte, through a listener with the option; the last step reads the child's. */
const story = (port: number, family: number, address: string, [, level, option, set]: Row): Step[] => [
  ['socket', 'l', family],
  ['set', 'l', level, option, set],
  ['bind', 'l', address, port],
  ['listen', 'l', 5],
  ['socket', 'a', family],
  ['connect', 'a', address, port],
  ['send', 'a', 100, 0],
  ['accept', 'b', 'l'],
  ['get', 'b', level, option],
];

type Run = (sequences: readonly (readonly Step[])[]) => (number | string)[][];

const childrens = (run: Run, family: number, address: string, rows: readonly Row[]): string[] =>
  run(rows.map((row, i) => story(14_000 + i, family, address, row))).map(
    (results, i) => `${rows[i]![0]} = ${results.at(-1)}`,
  );

describe.each(families)('a connection accepted over %s has of its listener', (_, family, address, rows) => {
  const measured = rows.map(([name, , , , child]) => `${name} = ${child}`);

  test('on the host what was measured', () => {
    expect(childrens(runOnHost, family, address, rows)).toEqual(measured);
  });

  testNeeding(
    'test/kernel/inherited.test.ts',
    'netns',
    'python3',
  )('on the kernel the same', () => {
    expect(childrens(runOnKernel, family, address, rows)).toEqual(measured);
  });
});
