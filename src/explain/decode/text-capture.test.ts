import { describe, expect, test } from 'vitest';
import { explainAll } from '../testing.ts';
import { looksLikeText, readText } from './text-capture.ts';

const explained = (text: string) => explainAll(readText(text).bytes).attempts;

const plain = `
12:00:00.000000 IP 192.0.2.1.40000 > 192.0.2.2.80: Flags [S], seq 1000, win 64240, options [mss 1460,sackOK,TS val 5 ecr 0,nop,wscale 7], length 0
12:00:01.000000 IP 192.0.2.1.40000 > 192.0.2.2.80: Flags [S], seq 1000, win 64240, options [mss 1460,sackOK,TS val 1005 ecr 0,nop,wscale 7], length 0
12:00:01.020000 IP 192.0.2.2.80 > 192.0.2.1.40000: Flags [S.], seq 9000, ack 1001, win 65160, options [mss 1460,sackOK,TS val 7 ecr 1005,nop,wscale 7], length 0
12:00:01.020100 IP 192.0.2.1.40000 > 192.0.2.2.80: Flags [.], ack 1, win 502, length 0
12:00:01.021000 IP 192.0.2.1.40000 > 192.0.2.2.80: Flags [P.], seq 1:101, ack 1, win 502, length 100
`;

describe('the text that people paste', () => {
  test('of tcpdump with numbers that count from the SYN', () => {
    const [a, ...rest] = explained(plain);
    expect(rest).toEqual([]);
    expect(a).toMatchObject({
      verdict: 'completed',
      connecting: { ns: 1_020_100_000, atMost: true },
      capturePoint: null,
      evidence: { clientBytes: 100, clientIsn: 1000, serverIsn: 9000 },
    });
    expect(a!.notes).toContain('slow-connect');
  });

  test('of tcpdump -e and -v, whose header line comes first, and with names', () => {
    const [a] = explained(`
2026-01-01 12:00:00.000000 aa:aa:aa:aa:aa:aa > bb:bb:bb:bb:bb:bb, ethertype IPv4 (0x0800), length 74: (tos 0x0, ttl 63, id 4711, offset 0, flags [DF], proto TCP (6), length 60)
    web.example.40000 > db.example.https: Flags [S], cksum 0x1c2d (correct), seq 1000, win 64240, options [mss 1460], length 0
2026-01-01 12:00:00.000100 bb:bb:bb:bb:bb:bb > aa:aa:aa:aa:aa:aa, ethertype IPv4 (0x0800), length 54: (tos 0x0, ttl 64, id 0, offset 0, flags [DF], proto TCP (6), length 40)
    db.example.https > web.example.40000: Flags [R.], cksum 0x1c2d (correct), seq 0, ack 1001, win 0, length 0
`);
    expect(a).toMatchObject({ verdict: 'refused', serverPort: 443, baseSeconds: 1_767_268_800 });
    expect(a!.evidence.packets[0]).toMatchObject({ ttl: 63, ipId: 4711 });
    expect([
      ...readText(
        '12:00:00.0 IP a.example.5 > b.example.80: Flags [S], seq 1, win 1, length 0',
      ).names.values(),
    ]).toEqual(['a.example', 'b.example']);
  });

  test('of tcpdump before version 4', () => {
    const [a] = explained(`
12:00:00.000000 IP 192.0.2.1.40000 > 192.0.2.2.80: S 1000:1000(0) win 5840 <mss 1460,sackOK,timestamp 5 0,nop,wscale 7>
12:00:00.020000 IP 192.0.2.2.80 > 192.0.2.1.40000: S 9000:9000(0) ack 1001 win 5792 <mss 1460,sackOK,timestamp 7 5,nop,wscale 7>
12:00:00.020100 IP 192.0.2.1.40000 > 192.0.2.2.80: . ack 1 win 46
`);
    expect(a).toMatchObject({ verdict: 'completed', inForce: { timestamps: true, clientScale: 7 } });
  });

  test('of tshark, whose numbers are all relative: a SYN+ACK still answers its SYN', () => {
    const text = `
    1   0.000000    192.0.2.1 → 192.0.2.2    TCP 74 40000 → 80 [SYN] Seq=0 Win=64240 Len=0 MSS=1460 SACK_PERM TSval=5 TSecr=0 WS=128
    2   0.020000    192.0.2.2 → 192.0.2.1    TCP 74 80 → 40000 [SYN, ACK] Seq=0 Ack=1 Win=65160 Len=0 MSS=1460 SACK_PERM TSval=7 TSecr=5 WS=128
    3   0.020100    192.0.2.1 → 192.0.2.2    TCP 66 40000 → 80 [ACK] Seq=1 Ack=1 Win=64256 Len=0 TSval=5 TSecr=7
`;
    expect(looksLikeText(text)).toBe(true);
    expect(readText(text).numbersKnown).toBe(false);
    expect(explained(text)).toMatchObject([
      { verdict: 'completed', inForce: { clientScale: 7, sack: true } },
    ]);
  });

  test('numbers that begin with 1 are relative, also of a server whose own are close to 2^32', () => {
    const line = (time: string, rest: string): string => `12:00:0${time} IP ${rest}, length 0\n`;
    const [a] = explained(
      line('0.0', '192.0.2.1.40000 > 192.0.2.2.80: Flags [S], seq 1684654810, win 1, options [mss 1460]') +
        line(
          '0.1',
          '192.0.2.2.80 > 192.0.2.1.40000: Flags [S.], seq 4232260733, ack 1684654811, win 1, options [mss 1460]',
        ) +
        line('0.2', '192.0.2.1.40000 > 192.0.2.2.80: Flags [.], ack 1, win 1') +
        line('5.0', '192.0.2.2.80 > 192.0.2.1.40000: Flags [F.], seq 1, ack 1, win 1') +
        line('5.1', '192.0.2.1.40000 > 192.0.2.2.80: Flags [F.], seq 1, ack 2, win 1'),
    );
    expect(a).toMatchObject({ verdict: 'completed' });
  });

  const syn = (time: string, port: number): string =>
    `12:00:0${time} IP 192.0.2.1.${port} > 192.0.2.2.80: Flags [S], seq 1000, win 64240, options [mss 1460], length 0\n`;

  test.each([
    ['host 192.0.2.2 unreachable - admin prohibited, length 68', 10],
    ['host 192.0.2.2 unreachable - admin prohibited filter, length 68', 13],
    ['host 192.0.2.2 unreachable, length 68', 1],
    ['net 192.0.2.2 unreachable, length 68', 0],
    ['192.0.2.2 tcp port 80 unreachable, length 68', 3],
    ['192.0.2.2 tcp port http unreachable, length 68', 3],
  ])('an ICMP error that names the address is of the SYN sent there: %s', (what, code) => {
    const text = `${syn('0.0', 40_000)}12:00:00.1 IP 192.0.2.9 > 192.0.2.1: ICMP ${what}\n`;
    const read = readText(text);
    expect(read.skipped).toBe(0);
    expect(explainAll(read.bytes).attempts).toMatchObject([
      { verdict: 'rejected-by-icmp', certainty: 'certain', handshake: { icmp: { icmp: { code } } } },
    ]);
  });

  test('ICMP errors of tshark and of IPv6 are read', () => {
    expect(
      explained(`
    1   0.000000    192.0.2.1 → 192.0.2.2    TCP 74 40000 → 80 [SYN] Seq=0 Win=64240 Len=0 MSS=1460
    2   0.020000    192.0.2.9 → 192.0.2.1    ICMP 102 Destination unreachable (Communication administratively filtered)
`),
    ).toMatchObject([{ verdict: 'rejected-by-icmp', handshake: { icmp: { icmp: { code: 13 } } } }]);
    expect(
      explained(`
12:00:00.0 IP6 2001:db8::1.40000 > 2001:db8::2.80: Flags [S], seq 1000, win 64240, options [mss 1440], length 0
12:00:00.1 IP6 2001:db8::9 > 2001:db8::1: ICMP6, destination unreachable,  unreachable prohibited 2001:db8::2, length 68
`),
    ).toMatchObject([{ verdict: 'rejected-by-icmp', handshake: { icmp: { icmp: { code: 1 } } } }]);
  });

  test('the packet that tcpdump -v shows within an ICMP error was not sent again, and says whose error it is', () => {
    const header = '(tos 0x0, ttl 64, id 1, offset 0, flags [DF], proto TCP (6), length 44)';
    const packet = (port: number): string =>
      `    192.0.2.1.${port} > 192.0.2.2.80: Flags [S], cksum 0x1c2d (correct), seq 1000, win 64240, options [mss 1460], length 0`;
    const attempts = explained(`
12:00:00.0 IP ${header}
${packet(40_000)}
12:00:00.1 IP ${header}
${packet(40_001)}
12:00:00.2 IP (tos 0xc0, ttl 63, id 2, offset 0, flags [none], proto ICMP (1), length 72)
    192.0.2.9 > 192.0.2.1: ICMP host 192.0.2.2 unreachable, length 52
	IP ${header}
${packet(40_001)}
`);
    expect(attempts.map((a) => [a.clientPort, a.verdict, a.evidence.packets.length])).toEqual([
      [40_000, 'unanswered', 1],
      [40_001, 'rejected-by-icmp', 2],
    ]);
  });

  test('an ICMP error that two SYNs could have caused is left out and counted; pings and errors of UDP are no loss', () => {
    const error = '12:00:01.0 IP 192.0.2.9 > 192.0.2.1: ICMP host 192.0.2.2 unreachable, length 68\n';
    expect(readText(syn('0.0', 40_000) + syn('0.1', 40_001) + error).skipped).toBe(1);
    // After the first error only the second SYN has no answer.
    expect(readText(syn('0.0', 40_000) + error + syn('1.1', 40_001) + error).skipped).toBe(0);
    const others = `12:00:01.0 IP 192.0.2.9 > 192.0.2.1: ICMP echo request, id 1, seq 1, length 64
12:00:01.0 IP 192.0.2.9 > 192.0.2.1: ICMP 192.0.2.9 udp port 53 unreachable, length 80
`;
    expect(readText(syn('0.0', 40_000) + others).skipped).toBe(0);
  });

  test('a segment sent again is no second copy of a packet, though a text has no identification', () => {
    const client = (time: string, rest: string): string =>
      `12:00:0${time} IP 192.0.2.1.40000 > 192.0.2.2.80: Flags ${rest}\n`;
    const stamps = 'options [nop,nop,TS val 1005 ecr 7]';
    const [a] = explained(
      client('0.0', '[S], seq 1000, win 64240, options [mss 1460,sackOK,TS val 1005 ecr 0], length 0') +
        client('0.1', `[.], ack 9001, win 502, ${stamps}, length 0`) +
        client('0.2', `[P.], seq 1:101, ack 1, win 502, ${stamps}, length 100`) +
        client('0.4', `[P.], seq 1:101, ack 1, win 502, ${stamps}, length 100`),
    );
    expect(a!.verdict).toBe('one-sided');
    expect(a!.notes).not.toContain('captured-twice');
  });

  test('what a line does not say is unknown: options that are not shown count as not captured', () => {
    const [a] = explained(
      '12:00:00.000000 IP 192.0.2.1.40000 > 192.0.2.2.80: Flags [S], seq 1000, win 64240',
    );
    expect(a!.handshake.syn!.options).toMatchObject({ cut: true });
    expect(a!.inForce).toBeNull();
  });

  test('other text is none, and lines that are no packets are passed over', () => {
    expect(looksLikeText('Dear all,\nwhy does connect() fail?\n')).toBe(false);
    expect(readText(`hello\n${plain}\n5 packets captured\n`).packets).toBe(5);
  });
});
