/** Scripts and systems without an end, without measure or without sense: one clear error each, and soon. */
import { expect, test } from 'vitest';
import { TinyStack } from '../../docs/examples/tiny-stack.ts';
import {
  type Advance,
  formatFailure,
  type OpenSystem,
  type Outcome,
  openHost,
  runScript,
  type SystemUnderTest,
} from '../../src/drill/index.ts';

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

test('lengths that no buffer has are refused', () => {
  const wanted =
    /^x.pkt:2: runtime error in \w+ call: length out of range: buffers have 0 to 268435456 bytes/;
  for (const call of [
    'write(3, ..., 99999999999)',
    'write(3, ..., -1)',
    'read(3, ..., 9999999999999)',
    'readv(3, [{..., 2000000000}], 1)',
  ]) {
    expect(report(`${socket}+0 ${call} = 0\n`), call).toMatch(wanted);
  }
});

test('what is nested too deeply or grows too long is refused', () => {
  const many = (text: string): string => text.repeat(50_000);
  const wanted = /^x.pkt:[12]: semantic error: values go up to 100 deep/;
  expect(report(`0 socket(${many('[')}`)).toMatch(wanted);
  expect(report(`0 socket(${many('1|')}1, 2, 3) = 3`)).toMatch(wanted);
  for (const [code, message] of [
    [many('('), 'nested too deeply'],
    [many('not '), 'nested too deeply'],
    [many('-'), 'nested too deeply'],
    ["print('%9999999999d' % 1)", 'fields have up to 100'],
    ["print('%.999f' % 1)", 'fields have up to 100'],
    ["x = 'abcdefgh'\n".concat('x += x\n'.repeat(60)), 'up to 1000000 characters'],
    ["x = 'abcdefgh'\n".concat("x = '%s%s' % (x, x)\n".repeat(60)), 'up to 1000000 characters'],
    ['x = 3\n'.concat('x = x ** 4096\n'.repeat(9)), 'up to 65536 bits'],
    ['x = 3\n'.concat('x *= x\n'.repeat(60)), 'up to 65536 bits'],
    ['x = int(1e308 * 10)', 'OverflowError'],
    ['x = min()', 'ValueError: min() of nothing'],
    ['x = max([])', 'ValueError: max() of nothing'],
    ['x = abs()', 'ValueError: abs() of nothing'],
    ['x = 1\n'.concat(many('x = (x,)\n'), 'print(x)'), 'OverflowError'],
  ] as const) {
    expect(report(`${socket}+0 %{ ${code} }%`), message).toContain(message);
  }
  for (const [command, message] of [
    [`x=abcdefgh; ${'x=$x$x; '.repeat(60)}`, 'a command has up to 1048576 characters'],
    [`echo $((${many('(')}))`, 'error executing'],
    ['echo $((1<<5000 | 1))', 'error executing'],
    [
      `echo abcdefgh > /tmp/f; ${'cat /tmp/f /tmp/f > /tmp/g && cat /tmp/g > /tmp/f && '.repeat(40)}true`,
      '32 MiB',
    ],
  ] as const) {
    const told = report(`${socket}+0 \`${command}\``);
    expect(told, command.slice(0, 40)).toContain(message);
    expect(told).not.toContain('internal error');
  }
});

test('a system that cannot be made says why, without a stack trace', () => {
  const open = (): never => {
    throw new Error('no such device: eth7');
  };
  expect(report(`${socket}`, open)).toBe('x.pkt: the system under test cannot be made: no such device: eth7');
  expect(report(`--local_ip=300.1.1.1\n${socket}`)).toMatch(/cannot be made: .*300\.1\.1\.1.*$/);
});

test('a netmask is ones and then zeros', () => {
  for (const mask of ['255.0.255.0', '0.0.0.1', '255.255.256.0'])
    expect(report(`--netmask_ip=${mask}\n${socket}`), mask).toContain(`bad --netmask_ip: ${mask}`);
  for (const mask of ['255.255.0.0', '255.255.254.0', '0.0.0.0'])
    expect(report(`--netmask_ip=${mask}\n${socket}`), mask).toBe('passed');
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

test('nor does one that moves by a microsecond for ever, or one whose call ends again and again', () => {
  class Creeping extends TinyStack {
    override advance(untilUs: number): Advance {
      super.advance(Math.min(this.now() + 1, untilUs));
      return 'activity';
    }
  }
  class Ending extends TinyStack {
    override ended(): { outcome: Outcome; atUs: number } {
      return { outcome: { value: 0, errno: 0 }, atUs: this.now() };
    }

    override advance(): Advance {
      return 'activity';
    }
  }
  for (const Endless of [Creeping, Ending])
    expect(report(`${socket}+9999 close(3) = 0\n`, () => new Endless())).toMatch(
      /said 'activity' 3000000 times: is there no end/,
    );
});
