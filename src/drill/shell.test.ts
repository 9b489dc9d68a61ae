import { beforeEach, describe, expect, test } from 'vitest';
import { runShell } from './shell.ts';
import type { CommandHost, ShellContext } from './shell-context.ts';

let context: ShellContext;
let log: string[];
const settings = new Map([
  ['net.ipv4.tcp_sack', '1'],
  ['net.ipv4.tcp_rmem', '4096\t131072\t6291456'],
]);
const files: Readonly<Record<string, string>> = {
  'scripts/../common/defaults.sh':
    '#!/bin/bash\nsysctl -q net.ipv4.tcp_sack=0\nsysctl -q net.ipv4.tcp_rmem="1 2 $((3*4))"\n',
  'scripts/./by-system.sh':
    'U=$(uname)\nif [ "$U" = Linux ] ; then\n  echo one # of them\n  . ./linux.sh\nelif [ "$U" = "FreeBSD" ]; then\n  . ./none.sh\nfi\n',
  'scripts/./linux.sh': 'sysctl -q net.ipv4.tcp_sack=0\n',
  'scripts/./tool.py': '#!/usr/bin/env python3\nimport os\n',
};

beforeEach(() => {
  log = [];
  settings.set('net.ipv4.tcp_sack', '1');
  const host: CommandHost = {
    sysctl: (name) => settings.get(name),
    setSysctl: (name, value) => {
      if (!settings.has(name)) return 'ENOENT';
      settings.set(name, value);
      return null;
    },
    counters: () => ({ TcpExtListenDrops: 3, TcpActiveOpens: 0 }),
    sockets: () => [
      {
        state: 10,
        family: 4,
        localIp: '192.168.0.1',
        localPort: 8080,
        remoteIp: '0.0.0.0',
        remotePort: 0,
        receiveQueue: 1,
        sendQueue: 2,
      },
    ],
    flushMetrics: () => log.push('flush'),
    route: (verb, destination, attributes, locked) => {
      log.push(
        `${verb} ${destination} ${[...attributes].map((it) => it.join('=')).join(' ')} locked ${[...locked]}`,
      );
      return null;
    },
    link: (device, attributes) => {
      log.push(`link ${device} ${[...attributes].map((it) => it.join('=')).join(' ')}`);
      return null;
    },
    offload: (device, feature, on) => {
      log.push(`offload ${device} ${feature} ${on}`);
      return null;
    },
    qdisc: (device, kind, options) => {
      log.push(`qdisc ${device} ${kind} ${options.join(' ')}`.trim());
      return null;
    },
    sleep: (us) => log.push(`sleep ${us}`),
  };
  context = {
    host,
    folder: 'scripts',
    readFile: (path) => files[path] ?? null,
    inFile: null,
    files: new Map(),
    variables: new Map([['PPID', '42']]),
    counters: {},
  };
});

const run = (text: string) => runShell(text, context);
const output = (text: string): string => run(text).output;

describe('the shell of the virtual host', () => {
  test('sysctl reads and sets, quietly if asked, and fails for what is not there', () => {
    expect(run('sysctl net.ipv4.tcp_sack')).toEqual({ status: 0, output: 'net.ipv4.tcp_sack = 1\n' });
    expect(run('sysctl -q -w net/ipv4/tcp_sack=0')).toEqual({ status: 0, output: '' });
    expect(settings.get('net.ipv4.tcp_sack')).toBe('0');
    expect(run('sysctl -q no.such=1').status).toBe(1);
    expect(run('sysctl -e -q no.such=1').status).toBe(0);
  });

  test('a shell script beside the packetdrill script runs, with arithmetic', () => {
    expect(run('../common/defaults.sh')).toEqual({ status: 0, output: '' });
    expect(settings.get('net.ipv4.tcp_rmem')).toBe('1 2 12');
  });

  test('a script chooses by system, and reads another', () => {
    expect(run('./by-system.sh')).toEqual({ status: 0, output: 'one\n' });
    expect(settings.get('net.ipv4.tcp_sack')).toBe('0');
  });

  test('if, elif, else: the first condition that ends with 0 decides', () => {
    const choose = (x: string): string =>
      output(
        `X=${x}; if [ $X -lt 2 ]; then echo low; elif test "$X" = 2\nthen echo two; else if true; then echo high; fi; fi; echo $X`,
      );
    expect([choose('1'), choose('2'), choose('3')]).toEqual(['low\n1\n', 'two\n2\n', 'high\n3\n']);
    expect(run('if false; then echo no; fi').status).toBe(0);
    expect(run('if true; then echo').output).toContain('an if without fi');
    expect(run('if true').output).toContain('an if without then');
    expect(run('fi').output).toContain("'fi' is more shell");
    expect(run('if '.repeat(60)).output).toContain('50 deep');
    expect(run('[ -f nothing.sh ]').status).toBe(1);
    expect(run('[ ! -f ./linux.sh ]').status).toBe(1);
    expect(run('[ a -regex b ]').output).toContain('not understood');
  });

  test("the outside suite's helper sets values and leaves a script that restores them", () => {
    expect(run('../../common/set_sysctls.py /proc/sys/net/ipv4/tcp_sack=0 \\\n').status).toBe(0);
    expect(settings.get('net.ipv4.tcp_sack')).toBe('0');
    expect(run('/tmp/sysctl_restore_$PPID.sh').status).toBe(0);
    expect(settings.get('net.ipv4.tcp_sack')).toBe('1');
  });

  test('routes, links, queues and offloads', () => {
    run('ip route change 192.0.2.1 via 192.168.0.2 dev tun0 advmss 600 mtu lock 640 initcwnd 11');
    run('ip -6 route replace default via fe80::1');
    run('ip link set dev tun0 mtu 1400');
    run('ip tcp_metrics flush all > /dev/null 2>&1');
    run('tc qdisc replace dev tun0 root pfifo limit 0; tc qdisc delete dev tun0 root 2>/dev/null');
    run('ethtool -K tun0 tso off gso on');
    expect(log).toEqual([
      'change 192.0.2.1 via=192.168.0.2 dev=tun0 advmss=600 mtu=640 initcwnd=11 locked mtu',
      'replace default via=fe80::1 locked ',
      'link tun0 mtu=1400',
      'flush',
      'qdisc tun0 pfifo limit 0',
      'qdisc tun0 null',
      'offload tun0 tso false',
      'offload tun0 gso true',
    ]);
  });

  test('nstat shows what changed since it was asked last', () => {
    expect(output('nstat | grep ListenDrops')).toMatch(/^TcpExtListenDrops +3 /);
    expect(run('nstat | grep ListenDrops').status).toBe(1);
  });

  test('sockets in ss and in /proc/net/tcp', () => {
    expect(run('ss -ltn | grep -q "LISTEN *1 *2 *192.168.0.1:8080"').status).toBe(0);
    expect(output('grep " 0A " /proc/net/tcp /proc/net/tcp6 | grep ":1F90"')).toMatch(
      /^\/proc\/net\/tcp: +0: 0100A8C0:1F90 00000000:0000 0A /,
    );
  });

  test('lists, pipes, quotes, variables, substitution, negation', () => {
    expect(output('true && echo one; false || echo "two $PPID"; ! false && echo \'three $PPID\'')).toBe(
      'one\ntwo 42\nthree $PPID\n',
    );
    expect(output('x=5; echo $(echo a$x) $((2+3*4)) "" b # not this')).toBe('a5 14  b\n');
    expect(output('echo a > /tmp/f; echo b >> /tmp/f; cat /tmp/f; rm /tmp/f; cat /tmp/f 2>&1')).toBe(
      'a\nb\ncat: /tmp/f: No such file or directory\n',
    );
    expect(output('echo 0 > /proc/sys/net/ipv4/tcp_sack; cat /proc/sys/net/ipv4/tcp_sack')).toBe('0\n');
  });

  test('a pattern that could take for ever is refused', () => {
    const line = 'a'.repeat(60);
    for (const pattern of [
      '^(a+)+$',
      '^(a|a)*$',
      '^(a)\\1$',
      '^(a{2,}){2,}$',
      'a*'.repeat(20),
      'a?'.repeat(60),
      '(a|a)'.repeat(60),
      '^(?=a)',
      'a'.repeat(1000),
    ]) {
      expect(run(`echo ${line}! | grep -E '${pattern}'`), pattern).toMatchObject({
        status: 2,
        output: expect.stringMatching(/could take for ever|not understood|up to 500 characters/),
      });
    }
    expect(run(`nstat '${'*c'.repeat(20)}'`).status).toBe(2);
    expect(output(`echo ${line} | grep -E '^a+.*(a|b)?$'`)).toBe(`${line}\n`);
    expect(output("echo a.b | grep -w 'a[.)]b'")).toBe('a.b\n');
  });

  test('sleep lets the virtual time pass', () => {
    run('sleep 0.25');
    expect(log).toEqual(['sleep 250000']);
  });

  test('what it does not have is an error that says so, and nothing of the machine is read or run', () => {
    expect(run('curl example.org')).toMatchObject({
      status: 127,
      output: expect.stringMatching(/curl: not a command/),
    });
    expect(run('/bin/bash -c true').status).toBe(127);
    expect(run('cat /etc/passwd').status).toBe(1);
    expect(run('./tool.py')).toMatchObject({
      status: 126,
      output: expect.stringMatching(/python scripts do not run/),
    });
    expect(run('./missing.sh').output).toMatch(/missing.sh: not found/);
    for (const text of [
      'until true; do echo x; done',
      'sleep 1 &',
      'cat < x',
      '(echo a)',
      'echo "a',
      'echo \x24{x:-1}',
    ]) {
      expect(run(text).status, text).toBe(2);
      expect(output(text), text).toMatch(/understood|understands|closed/);
    }
  });
});
