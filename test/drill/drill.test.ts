import { describe, expect, test } from 'vitest';
import { TinyStack } from '../../docs/examples/tiny-stack.ts';
import { formatFailure, type OutboundPacket, type RunResult, runScript } from '../../src/drill/index.ts';

const open = () => new TinyStack();
const run = (text: string, more: object = {}): RunResult =>
  runScript({ file: 'test.pkt', text, open, ...more });
const report = (text: string, more: object = {}): string => {
  const { failure } = run(text, more);
  return failure === null ? 'passed' : formatFailure(failure, text);
};

const server = `0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 setsockopt(3, SOL_SOCKET, SO_REUSEADDR, [1], 4) = 0
+0 bind(3, ..., ...) = 0
+0 listen(3, 1) = 0
`;
const handshake = `${server}
+0 < S 0:0(0) win 32792 <mss 1000,sackOK,nop,nop,nop,wscale 7>
+0 > S. 0:0(0) ack 1 win 65535 <mss 1460>
+.1 < . 1:1(0) ack 1 win 257
`;

describe('the runner on a stack that is not ours', () => {
  test('a passive open, data and a FIN pass', () => {
    const text = `${handshake}
+0 accept(3, ..., ...) = 4
+.1 < P. 1:1001(1000) ack 1 win 257
+0 > . 1:1(0) ack 1001
+0 read(4, ..., 2000) = 1000
+0 read(4, ..., 2000) = -1 EAGAIN (Resource temporarily unavailable)
+.5 < F. 1001:1001(0) ack 1 win 257
* > . 1:1(0) ack 1002
+0 close(4) = 0
`;
    const result = run(text);
    expect(report(text)).toBe('passed');
    expect(result.virtualUs).toBe(700_000);
    expect(result.packets.map(({ direction }) => direction).join(' ')).toBe('in out in in out in out');
  });

  test('a blocking accept ends when the last ACK comes', () => {
    expect(report(handshake.replace('\n+0 < S', '\n+0...0.1 accept(3, ..., ...) = 4\n+0 < S'))).toBe(
      'passed',
    );
    expect(report(handshake.replace('\n+0 < S', '\n+0...0.2 accept(3, ..., ...) = 4\n+0 < S'))).toMatch(
      /^test.pkt:6: timing error: expected system call return at 0.200000 sec but happened at 0.100000 sec; tolerance 0.025000 sec/,
    );
  });

  test('a field that differs is named, and marked in both packets', () => {
    expect(report(handshake.replace('win 65535', 'win 1234'))).toBe(
      [
        'test.pkt:7: error handling packet: live packet field tcp_window: expected: 1234 (0x4d2) vs actual: 65535 (0xffff)',
        'script packet:  0.000000 S. 0:0(0) ack 1 win 1234 <mss 1460>',
        '                                         ^^^^^^^^',
        'actual packet:  0.000000 S. 0:0(0) ack 1 win 65535 <mss 1460>',
        '                                         ^^^^^^^^^',
        '    7 | +0 > S. 0:0(0) ack 1 win 1234 <mss 1460>',
        '      | ^',
      ].join('\n'),
    );
    const { failure } = run(handshake.replace('mss 1460', 'mss 1461'));
    expect(failure?.message).toMatch(
      /bad value in outbound TCP option \(kind=2\): expected: mss 1461 actual: mss 1460/,
    );
    expect(failure?.expected?.text.slice(failure.expected.mark!.at)).toMatch(/^mss 1461/);
  });

  test('single fields may be left open with *', () => {
    const open = handshake.replace('S. 0:0(0) ack 1 win 65535 <mss 1460>', 'S. *:*(0) ack * win * <mss *>');
    expect(report(open)).toBe('passed');
    expect(report(handshake.replace('win 257', 'win *'))).toMatch(/semantic error: \* for a single field/);
  });

  test('a ? leaves a flag open, and bytes of options go out as they stand', () => {
    const data = `${handshake}+0 accept(3, ..., ...) = 4
+.1 < P. 1:1001(1000) ack 1 win 257
+0 > P?.? 1:1(0) ack 1001
`;
    expect(report(data)).toBe('passed');
    expect(report(data.replace('P?.?', 'P?'))).toMatch(/live packet field tcp_ack: expected: 0/);
    expect(report(data.replace('P?.?', 'F?'))).toMatch(/script packet: {2}0.200000 F\? 1:1/);
    expect(report(data.replace('< P.', '< P?.'))).toMatch(
      /'\?' behind a flag can only be used with outbound/,
    );
    expect(report(data.replace('P?.?', '?.'))).toMatch(
      /a '\?' leaves the flag before it open; there is none/,
    );
    const odd = handshake.replace('<mss 1000,', '<bytes 6304abcd,mss 1000,');
    expect(report(odd)).toBe('passed');
    const syn = run(odd).packets[0]!.bytes;
    expect([...syn.slice(40, 48)]).toEqual([0x63, 4, 0xab, 0xcd, 2, 4, 3, 0xe8]);
    expect(report(handshake.replace('<mss 1460>', '<bytes 02040000>'))).toMatch(/only be used with inbound/);
    expect(report(odd.replace('6304abcd', '630'))).toMatch(/odd number of digits/);
  });

  test('several errors may be named, and several peers of one listener by their ports', () => {
    const socket = '0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n';
    expect(report(`${socket}+0 read(3, ..., 9) = -1 EPIPE|EAGAIN (either)`)).toBe('passed');
    expect(report(`${socket}+0 read(3, ..., 9) = -1 EPIPE|EINVAL (either)`)).toMatch(
      /Expected errno 32 \(Broken pipe\) or 22 \(Invalid argument\) but got 11/,
    );
    expect(report(`${socket}+0 read(3, ..., 9) = -1 EPIPE|ENOTHING (either)`)).toMatch(
      /unknown error name: 'ENOTHING'/,
    );
    const peers = `${server}
+0 < 41000 > 8080 S 0:0(0) win 32792 <mss 1000>
+0 > 8080 > 41000 S. 0:0(0) ack 1 <...>
+0 < 41001 > 8080 S 700:700(0) win 32792 <mss 1000>
+0 > 8080 > 41001 S. 0:0(0) ack 701 <...>
+.1 < 41000 > 8080 . 1:1(0) ack 1 win 257
+.1 < 41001 > 8080 P. 1:11(10) ack 1 win 257
+0 > . 1:1(0) ack 11
+.1 < 41000 > 8080 P. 1:6(5) ack 1 win 257
+0 > . 1:1(0) ack 6
`;
    expect(report(peers)).toBe('passed');
    expect(report(peers.replace('ack 701', 'ack 1'))).toMatch(/test.pkt:9: .*tcp_ack_seq/);
  });

  test('a packet that never comes is told at once, whatever the script waits for', () => {
    expect(report(`${handshake}* > P. 1:11(10) ack 1`)).toMatch(/no such packet will ever come/);
    expect(report(`${handshake}+7 > P. 1:11(10) ack 1`)).toMatch(/Timed out waiting for packet/);
  });

  test('what a call returned is compared, with errno', () => {
    expect(report('0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+0 read(3, ..., 9) = 9')).toMatch(
      /test.pkt:2: runtime error in read call: Expected result 9 but got -1 with errno 11 \(Resource temporarily unavailable\)/,
    );
    expect(report('0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+0 read(3, ..., 9) = -1 EINVAL (x)')).toMatch(
      /Expected errno 22 \(Invalid argument\) but got 11 \(Resource temporarily unavailable\)/,
    );
    expect(report('0 frobnicate(3) = 0')).toMatch(/Unknown system call: 'frobnicate'/);
    expect(report('0 listen(3, 1) = 0')).toMatch(/unable to find fd with script fd 3/);
  });

  test('a call that would block for ever is an error, and so is one that still blocks at the end', () => {
    expect(report(`${server}+0 accept(3, ..., ...) = 4`)).toMatch(/the call blocks, and nothing is left/);
    expect(report(`${server}+0...0.1 accept(3, ..., ...) = 4`)).toMatch(
      /exiting while a blocking system call/,
    );
  });

  test('the first event is at 0, and time does not go back', () => {
    expect(report('+1 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3')).toMatch(/first event should be at time 0/);
    expect(report('0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n2 close(3) = 0\n1 close(3) = 0')).toMatch(
      /time goes backward in script from 2000000 usec to 1000000 usec/,
    );
  });

  test('a stack that talks without end, or sends rubbish, does not hold up or crash the runner', () => {
    class Babbler extends TinyStack {
      override nextPacket(): OutboundPacket | null {
        return super.nextPacket() ?? { bytes: packet, atUs: this.now() };
      }
    }
    let packet: Uint8Array = new Uint8Array(7);
    const babble = (): string => report(handshake, { open: () => new Babbler() });
    expect(babble()).toMatch(/the system has sent 1000000 packets/);
    class Rubbish extends TinyStack {
      override inject(): void {
        this.rubbish = true;
      }
      private rubbish = false;
      override nextPacket(): OutboundPacket | null {
        const { rubbish } = this;
        this.rubbish = false;
        return rubbish ? { bytes: packet, atUs: this.now() } : null;
      }
    }
    packet = Uint8Array.from([0x45, 0, 0, 99]);
    expect(report(handshake, { open: () => new Rubbish() })).toMatch(
      /error handling packet: the system sent a malformed packet/,
    );
  });

  test('what the stack does not offer is said plainly', () => {
    expect(report('`sysctl -q x=1`\n0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3')).toMatch(
      /test.pkt:1: cannot run here: the stack runs no commands/,
    );
    expect(report(`${handshake}+0 %{ assert tcpi_state == 1 }%`)).toMatch(
      /test.pkt:9: cannot run here: the stack has no TCP_INFO/,
    );
    const missing = '0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n+0 shutdown(3, SHUT_WR) = 0';
    expect(report(missing)).toMatch(/test.pkt:2: cannot run here: the stack has no shutdown\(\)/);
    expect(run(missing).failure?.kind).toBe('cannot-run');
    expect(report(missing.replace('= 0', '= -1 ENOSYS (x)'))).toBe('passed');
  });
});

describe('scripts that do not parse', () => {
  const cases: [string, RegExp][] = [
    [
      '0 < S 0:0(0) win 10 <mss 1000,nop>',
      /test.pkt:1: semantic error: TCP options are not padded correctly.*1 excess bytes/,
    ],
    ['0 < S 0:0(0)', /window must be specified for inbound packets/],
    ['0 < S 0:0(0) win 1 <...>', /<...> for TCP options can only be used with outbound packets/],
    ['0 > S 0:5(4)', /inconsistent TCP sequence numbers and payload size/],
    ['* socket(..., SOCK_STREAM, 0) = 3', /event time <star> can only be used with outbound packets/],
    ['0~1 close(3) = 0', /event time range can only be used with outbound packets/],
    ['0 > X 0:0(0)', /Invalid TCP flag: 'X'/],
    ['0 > SE5 0:0(0)', /Conflicting TCP flag: '5'/],
    ['0 close(3) = ', /test.pkt:1: parse error at 'end of file': expected an argument or a value/],
    ['0 close(3 = 0', /parse error at '=': expected ',' or '\)' after an argument/],
    ['0 > S 0:0(0) <mss 1460,frob 3>', /parse error at 'frob': expected a TCP option/],
    ['0 `sleep', /this command is never closed/],
    ['/* abc', /this comment is never closed/],
    ['0 %{ assert 1', /this code is never closed/],
    ['', /parse error at 'end of file': expected an event/],
    ['--frob=3\n0 close(3) = 0', /option 'frob' unknown/],
    ['--local_ip=fd00::1\n0 close(3) = 0', /test.pkt:1: semantic error: address fd00::1 in a run with ipv4/],
    ['--tolerance_usecs=x\n0 close(3) = 0', /bad --tolerance_usecs: x/],
    ['0 < icmp unreachable frob [0:0(0)]', /bad ICMP code frob|no matching socket/],
    ['0 > S 70000000000:70000000000(0)', /TCP start sequence number out of range/],
  ];
  test.each(cases)('%s', (text, wanted) => {
    expect(report(text)).toMatch(wanted);
  });
  test('the caret stands below the place', () => {
    expect(report('0 socket(..., SOCK_STREAM, 0) = 3\n+0 < S 0:0(0) win 99 <mss 1000,nop>')).toBe(
      [
        'test.pkt:2: semantic error: TCP options are not padded correctly to ensure TCP header is a multiple of 4 bytes: 1 excess bytes',
        '    2 | +0 < S 0:0(0) win 99 <mss 1000,nop>',
        '      |                      ^',
      ].join('\n'),
    );
  });
});
