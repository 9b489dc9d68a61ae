/** What a script does to a system, taken out of it. */
import { describe, expect, test } from 'vitest';
import { differences } from '../../src/compare/diff.ts';
import { configFor, playVirtually } from '../../src/compare/player.ts';
import { scriptOf } from '../../src/compare/print.ts';
import type { Observation, Scenario } from '../../src/compare/scenario.ts';
import { NoScenario, scenarioOf } from '../../src/compare/stimuli.ts';
import { networkOf } from '../../src/drill/config.ts';
import { openHost } from '../../src/drill/on-host.ts';
import { parseScript } from '../../src/drill/parser.ts';

const scenario = (text: string): Scenario =>
  scenarioOf(parseScript(text), {
    name: 'a script',
    about: 'scripts',
    ipVersion: 'ipv4',
    mtu: 1500,
    text,
    folder: '/',
    root: '/',
  }).scenario;

const play = (it: Scenario): Observation =>
  playVirtually(it, openHost(networkOf(configFor(it)), { record: false }));

const opened = `
0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 bind(3, ..., ...) = 0
+0 listen(3, 1) = 0
+.1 < S 1000:1000(0) win 32792 <mss 1460,sackOK,TS val 5 ecr 0,nop,wscale 7>
+0 > S. 77:77(0) ack 1001 <mss 1460,sackOK,TS val 700 ecr 5,nop,wscale 7>
+.1 < . 1:1(0) ack 1 win 257 <nop,nop,TS val 6 ecr 700>
+0 accept(3, ..., ...) = 4
`;

describe('the stimuli of a script', () => {
  test('are its calls and inbound packets at its times, without what it expects', () => {
    const it = scenario(opened);
    expect(it.steps.map(({ atUs, stimulus }) => [atUs, stimulus.kind])).toEqual([
      [0, 'call'],
      [0, 'call'],
      [0, 'call'],
      [100_000, 'packet'],
      [200_000, 'packet'],
      [200_000, 'call'],
    ]);
    expect(it.flows).toHaveLength(1);
  });

  test('come to the same whatever numbers and times the script expects', () => {
    const other = opened.replace('S. 77:77(0)', 'S. 0:0(0)').replaceAll('700', '123456');
    expect(differences(scenario(opened), play(scenario(opened)), play(scenario(other)))).toEqual([]);
    expect(play(scenario(opened)).seen.filter(({ kind }) => kind === 'packet')).toHaveLength(1);
  });

  test('echo the timestamp of the very packet that the script means', () => {
    const it = scenario(`${opened}
+0 write(4, ..., 100) = 100
+0 > P. 1:101(100) ack 1 <nop,nop,TS val 9000 ecr 6>
+.05 < . 1:1(0) ack 101 win 257 <nop,nop,TS val 7 ecr 9000>
+0 %{ assert tcpi_rtt < 60000 }%
`);
    const look = play(it).seen.findLast((seen) => seen.kind === 'result')!;
    // Of the two samples, 100 ms and 50 ms: with a time that was never sent there would be another.
    expect(look.fields.tcpi_rtt).toBe(93_750);
    expect(look.fields.tcpi_state).toBe(1);
  });

  test('know a blocking call, the commands before the start, and whose commands they are', () => {
    const text = `\`sysctl -q net.ipv4.tcp_sack=0\`
0 \`sysctl -w net.inet.tcp.rfc1323=1\`
+0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0...0.2 connect(3, ..., ...) = 0
+.2 < S. 0:0(0) ack 1 win 100
+0 write(3, ..., 10) = 10
`;
    const { scenario: it, leftOut } = scenarioOf(parseScript(text), {
      name: '',
      about: '',
      ipVersion: 'ipv4',
      mtu: 1500,
      text,
      folder: '/',
      root: '/',
    });
    expect(it.blocks).toBe(true);
    expect(it.setup).toEqual(['sysctl -q net.ipv4.tcp_sack=0']);
    expect(leftOut).toEqual(['sysctl -w net.inet.tcp.rfc1323=1']);
    const { seen } = play(it);
    const syn = seen.find(({ kind }) => kind === 'packet');
    expect(syn?.fields.options).not.toContain('sackOK');
    // The call that blocked ended when the SYN+ACK came, which the script says is two tenths after that.
    const connect = seen.find((result) => result.kind === 'result' && result.step === 1);
    expect(connect?.fields).toMatchObject({ value: 0, errno: 0 });
    expect(connect?.atUs).toBe(it.steps[2]!.atUs);
  });

  test('of several connections stay apart', () => {
    const it = scenario(`
0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 fcntl(3, F_SETFL, O_RDWR|O_NONBLOCK) = 0
+0 connect(3, ..., ...) = -1 EINPROGRESS (Operation now in progress)
+0 > S 0:0(0) <...>
+.1 < S. 0:0(0) ack 1 win 100 <mss 1460>
+0 close(3) = 0
+.1 socket(..., SOCK_STREAM, IPPROTO_TCP) = 4
+0 fcntl(4, F_SETFL, O_RDWR|O_NONBLOCK) = 0
+0 connect(4, ..., ...) = -1 EINPROGRESS (Operation now in progress)
+0 > S 0:0(0) <...>
+.1 < R. 0:0(0) ack 1 win 0
`);
    const packets = play(it).seen.filter((seen) => seen.kind === 'packet');
    expect(packets.map((seen) => (seen.kind === 'packet' ? [seen.flow, seen.fields.flags] : null))).toEqual(
      expect.arrayContaining([
        [0, 'S'],
        [1, 'S'],
      ]),
    );
  });

  test('are none where there is more than connections', () => {
    const udp = '0 socket(..., SOCK_DGRAM, IPPROTO_UDP) = 3\n+0 < udp (100)\n';
    expect(() => scenario(udp)).toThrow(NoScenario);
  });

  test('can be printed as a script that parses', () => {
    expect(() => parseScript(scriptOf(scenario(opened), play(scenario(opened))))).not.toThrow();
  });
});

test('a script says which of its parts are for which system', () => {
  const text = `#ifdef FreeBSD
nonsense
#else
0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
#endif
#ifndef Linux
more nonsense
#endif
`;
  expect(parseScript(text).events).toHaveLength(1);
  expect(() => parseScript('0 socket(..., SOCK_STREAM, 0) = 3\n#endif\n#ifdef X\n')).toThrow(/no #ifdef/);
  expect(() => parseScript('#ifdef Linux\n0 socket(..., SOCK_STREAM, 0) = 3\n')).toThrow(/no #endif/);
});
