/** Scripts and systems without an end, without measure or without sense: one clear error each, and soon. */
import { expect, test } from 'vitest';
import { TinyStack } from '../docs/examples/tiny-stack.ts';
import {
  type Advance,
  formatFailure,
  type OpenSystem,
  openHost,
  runScript,
  type SystemUnderTest,
} from '../src/drill/index.ts';

const onHost: OpenSystem = (network) => openHost(network);

function report(text: string, open: OpenSystem = onHost): string {
  const { failure } = runScript({ file: 'x.pkt', text, open });
  return failure === null ? 'passed' : formatFailure(failure, text);
}

const socket = '0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n';

/** A socket connected to itself that asks itself every second whether it is still there. */
const selfTalk = `${socket}+0 bind(3, {sa_family = AF_INET, sin_port = htons(40000), sin_addr = inet_addr("127.0.0.1")}, ...) = 0
+0 connect(3, {sa_family = AF_INET, sin_port = htons(40000), sin_addr = inet_addr("127.0.0.1")}, ...) = 0
+0 setsockopt(3, SOL_SOCKET, SO_KEEPALIVE, [1], 4) = 0
+0 setsockopt(3, SOL_TCP, TCP_KEEPIDLE, [1], 4) = 0
+0 setsockopt(3, SOL_TCP, TCP_KEEPINTVL, [1], 4) = 0
`;

test('a run that would record events without end stops at the limit and says it', () => {
  expect(report(`${selfTalk}+9999999 close(3) = 0\n`)).toMatch(
    /^x.pkt:7: the limit of 100000 events recorded in one run is reached/,
  );
  expect(report(`${selfTalk}+0 \`sleep 999999\`\n`)).toMatch(/^x.pkt:7: the limit of 100000 events/);
});

test('a run that records nothing stops at the limit of what it may do', () => {
  const quiet: OpenSystem = (network) => openHost(network, { record: false });
  expect(report(`${selfTalk}+9999999 close(3) = 0\n`, quiet)).toMatch(
    /^x.pkt:7: the limit of 300000 things done in one run is reached/,
  );
});

test('times beyond ten million seconds are refused, also as a sum', () => {
  expect(report(`${socket}+999999999999999 close(3) = 0\n`)).toMatch(
    /^x.pkt:2: semantic error: time out of range: events end before 10000000 s/,
  );
  const sum = report(`${socket}+9000000 listen(3, 1) = 0\n+9000000 close(3) = 0\n`);
  expect(sum).toMatch(/^x.pkt:3: semantic error: time out of range/);
});

test('names that every JavaScript object has mean nothing in a script', () => {
  expect(report('0 toString(3) = 0\n')).toMatch(/Unknown system call: 'toString'/);
  expect(report('--constructor=3\n0 close(3) = 0\n')).toMatch(/option 'constructor' unknown/);
  expect(report('0 socket(valueOf, SOCK_STREAM, 0) = 3\n')).toMatch(/unknown symbol: 'valueOf'/);
  expect(report(`${socket}+0 \`toString\``)).toMatch(/toString: not a command/);
});

test('a system that reports activity for ever, when there is none, does not hold up the runner', () => {
  class Nervous extends TinyStack {
    override advance(): Advance {
      return 'activity';
    }
  }
  const open = (): SystemUnderTest => new Nervous();
  expect(report(`${socket}+1 close(3) = 0\n`, open)).toMatch(
    /said 'activity' 1000 times, but sent no packet/,
  );
});
