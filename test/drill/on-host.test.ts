import { expect, test } from 'vitest';
import { formatFailure, openHost, runScript } from '../../src/drill/index.ts';

const established = `0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3
+0 setsockopt(3, SOL_SOCKET, SO_REUSEADDR, [1], 4) = 0
+0 bind(3, ..., ...) = 0
+0 listen(3, 1) = 0
+0 < S 0:0(0) win 32792 <mss 1000,nop,wscale 7>
+0 > S. 0:0(0) ack 1 <...>
+.01 < . 1:1(0) ack 1 win 257
+0 accept(3, ..., ...) = 4
`;

function report(text: string): string {
  const { failure } = runScript({ file: 'x.pkt', text, open: (network) => openHost(network) });
  return failure === null ? 'passed' : formatFailure(failure, text);
}

test('what makes several packets ends with PSH, also when the congestion window cuts a write', () => {
  expect(report(`${established}+0 write(4, ..., 20000) = 20000\n+0 > P. 1:10001(10000) ack 1\n`)).toBe(
    'passed',
  );
});

test('a poll for room wakes when an ACK has let out what was waiting', () => {
  const text = `${established}+0 setsockopt(4, SOL_TCP, TCP_NOTSENT_LOWAT, [4000], 4) = 0
+0 fcntl(4, F_SETFL, O_RDWR|O_NONBLOCK) = 0
+0 write(4, ..., 59000) = 26000
+0 > P. 1:10001(10000) ack 1
+0...0.01 poll([{fd=4, events=POLLOUT, revents=POLLOUT}], 1, 1000) = 1
+.01 < . 1:1(0) ack 10001 win 257
+0 > P. 10001:26001(16000) ack 1
`;
  // Half of the low-water mark must be free of unsent data: it is as soon as the rest has gone out.
  expect(report(text)).toBe('passed');
});

test('a low-water mark of 0xffffffff is no mark at all', () => {
  const text = `${established}+0 setsockopt(4, SOL_TCP, TCP_NOTSENT_LOWAT, [0xffffffff], 4) = 0
+0 poll([{fd=4, events=POLLOUT, revents=POLLOUT}], 1, 0) = 1
`;
  expect(report(text)).toBe('passed');
});

test('TCP_INQ tells with recvmsg() how much is left, and 1 when only the FIN is', () => {
  const receive = (left: number, result: number): string =>
    `+0 recvmsg(4, {msg_name(...)=..., msg_iov(1)=[{..., 600}], msg_flags=0, msg_control=[{cmsg_level=SOL_TCP, cmsg_type=TCP_CM_INQ, cmsg_data=${left}}]}, 0) = ${result}\n`;
  const text = `${established}+0 setsockopt(4, SOL_TCP, TCP_INQ, [1], 4) = 0
+0 < P. 1:1001(1000) ack 1 win 257
* > . 1:1(0) ack 1001
${receive(400, 600)}+0 < F. 1001:1001(0) ack 1 win 257
* > . 1:1(0) ack 1002
${receive(1, 400)}`;
  expect(report(text)).toBe('passed');
});
