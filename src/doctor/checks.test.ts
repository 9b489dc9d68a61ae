import { describe, expect, test } from 'vitest';
import { checkTexts } from '../messages/doctor-checks.ts';
import { type Examination, examine } from './check.ts';
import { checks, settings } from './checks.ts';
import { type Differences, hostWith, type SocketText } from './testing.ts';

const look = (differences: Differences): Examination => examine(hostWith(differences), checks);
const found = (differences: Differences): string[] =>
  look(differences).found.map(({ severity, check, subject }) => `${severity} ${check.id} ${subject}`);
const unknown = (differences: Differences): string[] =>
  look(differences).unknown.map(({ check, where, why }) => `${check.id}: ${where}: ${why}`);
const many = (count: number, socket: (index: number) => SocketText): SocketText[] =>
  Array.from({ length: count }, (_, index) => socket(index));

describe('the checks', () => {
  test('have ids of their own, that are words with hyphens', () => {
    const ids = checks.map(({ id }) => id);
    expect(new Set(ids).size).toBe(ids.length);
    for (const id of ids) expect(id).toMatch(/^[a-z]+(-[a-z]+)*$/);
  });

  test('say why they matter in one sentence', () => {
    for (const { id } of checks)
      expect(checkTexts[id].why.en).toMatch(/^[A-Z][^.]*(\d\.\d[^.]*)*\.$|\(RFC \d+(, section \d+)?\)\.$/);
  });

  test('are silent on a healthy host and know everything about it', () => {
    expect(found({})).toEqual([]);
    expect(unknown({})).toEqual([]);
  });

  test('look at no setting that the collector does not read', () => {
    const read: string[] = [];
    const host = hostWith({ sockets: [{ local: '127.0.0.1:50000', state: '0A' }] });
    const sysctls = { get: (name: string) => read.push(name) && host.sysctls.get(name) };
    examine({ ...host, sysctls: sysctls as unknown as typeof host.sysctls }, checks);
    expect([...new Set(read)].filter((name) => !settings.includes(name))).toEqual([]);
    // Two are looked at only to say how to fix something.
    const unused = settings.filter((name) => !read.includes(name));
    expect(unused).toEqual(['net.ipv4.tcp_max_tw_buckets']);
  });

  test('report as unknown, never as clean, what could not be read', () => {
    const nothing = { ok: false, where: 'there', why: 'it was eaten' } as const;
    const host = hostWith({
      host: {
        sockets: {
          ...hostWith({ sockets: [{ local: '10.0.0.1:1', state: '02' }] }).sockets,
          gaps: [nothing],
        },
        before: nothing,
        after: nothing,
        sysctls: new Map(settings.map((name) => [name, nothing])),
        acceptLimits: nothing,
        files: new Map(
          [...hostWith({}).files.keys()].map((file) => [file, { before: nothing, after: nothing }]),
        ),
        sockstat: nothing,
        processes: nothing,
        queues: nothing,
        firewall: nothing,
        attempts: nothing,
        unresolved: nothing,
      },
    });
    const examination = examine(host, checks);
    expect(examination.found).toEqual([]);
    expect(new Set(examination.unknown.map(({ check }) => check))).toEqual(new Set(checks));
    expect(examination.unknown.every(({ where, why }) => where === 'there' && why === 'it was eaten')).toBe(
      true,
    );
  });

  test('find what they can when something beside it is unknown', () => {
    const gaps = [{ where: '/proc/net/tcp6', why: 'it may not be read' }];
    const { sockets } = hostWith({
      sockets: [{ local: '127.0.0.1:80', remote: '127.0.0.1:80', state: '01' }],
    });
    const differences: Differences = {
      host: { sockets: { ...sockets, gaps } },
      settings: { 'net.ipv4.ip_local_port_range': 'what' },
    };
    expect(found(differences)).toEqual(['critical self-connected-socket 127.0.0.1:80']);
    expect(unknown(differences)).toContain(
      "listener-in-ephemeral-range: /proc/sys/net/ipv4/ip_local_port_range: 'what' is not two ports",
    );
    expect(unknown(differences)).toContain('self-connected-socket: /proc/net/tcp6: it may not be read');
  });

  test('are blind, not clean, when nothing of what they need could be read', () => {
    const blind = (differences: Differences): string[] => look(differences).blind.map(({ id }) => id);
    expect(blind({})).toEqual([]);
    expect(blind({ settings: { 'net.ipv4.tcp_abort_on_overflow': null } })).toEqual(['abort-on-overflow']);
    // Its counter is there.
    expect(blind({ settings: { 'net.ipv4.tcp_syncookies': null } })).not.toContain('syn-queue-drops');
    const { sockets } = hostWith({});
    expect(blind({ host: { sockets: { ...sockets, files: [] } } })).toContain('self-connected-socket');
  });

  test('say how to mend each thing that they find', () => {
    const settings = { 'net.ipv4.ip_local_reserved_ports': '32768-60999' };
    const [finding] = look({ settings }).found;
    expect(finding).toMatchObject({ severity: 'critical', subject: 'net.ipv4.ip_local_reserved_ports' });
    expect(finding!.fixes).toHaveLength(1);
  });
});

describe('listener-in-ephemeral-range', () => {
  const on = (port: number): SocketText => ({ local: `0.0.0.0:${port}`, state: '0A' });

  test('goes by the parity of the low end, whichever it is', () => {
    const settings = { 'net.ipv4.ip_local_port_range': '32769 60999' };
    expect(found({ sockets: [on(50000), on(50001)], settings })).toEqual([
      'high listener-in-ephemeral-range 0.0.0.0:50001',
      'info listener-in-ephemeral-range 0.0.0.0:50000',
    ]);
  });

  test('judges the ends of the range and their neighbours', () => {
    expect(found({ sockets: [on(32767), on(32768), on(60998), on(61000)] })).toEqual([
      'high listener-in-ephemeral-range 0.0.0.0:32768',
      'high listener-in-ephemeral-range 0.0.0.0:60998',
    ]);
  });
});

describe('ephemeral-pressure', () => {
  const settings = { 'net.ipv4.ip_local_port_range': '40000 40009' };
  const to = (remote: string, count: number, state = '01'): SocketText[] =>
    many(count, (index) => ({ local: `10.0.0.1:${40000 + index}`, remote, state }));

  test('counts for each destination of its own', () => {
    expect(
      found({
        sockets: [...to('10.0.0.2:80', 5), ...to('10.0.0.3:80', 5), ...to('10.0.0.2:81', 5)],
        settings,
      }),
    ).toEqual([]);
    expect(found({ sockets: to('10.0.0.2:80', 9), settings })).toEqual([
      'warn ephemeral-pressure 10.0.0.1 -> 10.0.0.2:80',
    ]);
    expect(found({ sockets: to('10.0.0.2:80', 10), settings })).toEqual([
      'critical ephemeral-pressure 10.0.0.1 -> 10.0.0.2:80',
    ]);
  });

  test('does not count reserved ports as usable', () => {
    const reserved = { ...settings, 'net.ipv4.ip_local_reserved_ports': '40006-40009' };
    expect(found({ sockets: to('10.0.0.2:80', 3), settings: reserved })).toEqual([]);
    expect(found({ sockets: to('10.0.0.2:80', 4), settings: reserved })).toEqual([
      'warn ephemeral-pressure 10.0.0.1 -> 10.0.0.2:80',
    ]);
    const all = { ...settings, 'net.ipv4.ip_local_reserved_ports': '40000-40009' };
    expect(found({ settings: all })).toEqual([
      'critical ephemeral-pressure net.ipv4.ip_local_reserved_ports',
    ]);
  });

  test('counts TIME-WAIT unless its port may be taken again', () => {
    const sockets = to('10.0.0.2:80', 10, '06');
    const reuse = (value: string, more = {}): string[] =>
      found({ sockets, settings: { ...settings, 'net.ipv4.tcp_tw_reuse': value, ...more } });
    expect(reuse('0')).toHaveLength(1);
    expect(reuse('2')).toHaveLength(1);
    expect(reuse('1')).toEqual([]);
    // Without timestamps the kernel never takes one again.
    expect(reuse('1', { 'net.ipv4.tcp_timestamps': '0' })).toContain(
      'critical ephemeral-pressure 10.0.0.1 -> 10.0.0.2:80',
    );
    const loopback = many(10, (index) => ({
      local: `127.0.0.1:${40000 + index}`,
      remote: '127.0.0.1:80',
      state: '06',
    }));
    expect(found({ sockets: loopback, settings })).toEqual([]);
  });
});

describe('node-port-overlap', () => {
  const range = (text: string, reserved = ''): string[] =>
    found({
      settings: { 'net.ipv4.ip_local_port_range': text, 'net.ipv4.ip_local_reserved_ports': reserved },
    });

  test('finds any port in common that is not reserved', () => {
    expect(range('32768 60999')).toEqual([]);
    expect(range('10000 29999')).toEqual([]);
    expect(range('32767 60999')).toEqual(['high node-port-overlap net.ipv4.ip_local_port_range']);
    expect(range('1024 65535')).toEqual(['high node-port-overlap net.ipv4.ip_local_port_range']);
    expect(range('1024 65535', '30000-32767')).toEqual([]);
    expect(range('1024 65535', '8080,29000-31000,31001-33000')).toEqual([]);
  });
});

describe('accept-queue-full', () => {
  const waiting = (receiveQueue: number): SocketText => ({
    local: '0.0.0.0:80',
    state: '0A',
    receiveQueue,
    inode: 7,
  });
  const limit = (value: number): Differences['host'] => ({
    acceptLimits: { ok: true, where: 'ss -lntHe', value: new Map([[7, value]]) },
  });

  test('finds a queue above its limit, which is where the kernel stops', () => {
    expect(found({ sockets: [waiting(128)], host: limit(128)! })).toEqual([]);
    expect(found({ sockets: [waiting(129)], host: limit(128)! })).toEqual([
      'critical accept-queue-full 0.0.0.0:80',
    ]);
  });

  test('knows without ss that an empty queue is not full, and of others that it does not know', () => {
    const host: Differences['host'] = {
      acceptLimits: { ok: false, where: 'ss -lntHe', why: 'it is not installed' },
    };
    expect(unknown({ sockets: [waiting(0)], host: host! })).toEqual([]);
    expect(unknown({ sockets: [waiting(1)], host: host! })).toEqual([
      'accept-queue-full: ss -lntHe: it is not installed',
    ]);
  });

  test('goes on after a listener whose backlog ss does not show', () => {
    const sockets = [{ ...waiting(5), local: '0.0.0.0:81', inode: 8 }, waiting(129)];
    expect(found({ sockets, host: limit(128)! })).toEqual(['critical accept-queue-full 0.0.0.0:80']);
    expect(unknown({ sockets, host: limit(128)! })).toEqual([
      'accept-queue-full: ss -lntHe: it does not show the backlog of 0.0.0.0:81',
    ]);
  });
});

describe('a counter', () => {
  const checked: readonly [string, string][] = [
    ['ListenOverflows', 'high listen-overflows'],
    ['ListenDrops', 'high unexplained-listen-drops'],
    ['TCPReqQFullDrop', 'high syn-queue-drops'],
    ['TCPReqQFullDoCookies', 'warn syn-cookies-sent'],
    ['SyncookiesSent', 'warn syn-cookies-sent'],
    ['TCPSynRetrans', 'warn retransmissions'],
    ['TCPTimeouts', 'warn retransmissions'],
    ['TCPTimeWaitOverflow', 'warn time-wait-overflow'],
    ['TCPSYNChallenge', 'warn challenge-acks'],
    ['TCPChallengeACK', 'warn challenge-acks'],
    ['PAWSEstab', 'warn paws-drops'],
    ['PAWSActive', 'warn paws-drops'],
  ];

  test.each(checked)('%s is found when it grew', (name, finding) => {
    expect(found({ before: { [name]: 10 }, counters: { [name]: 11 } })).toEqual([`${finding} ${name}`]);
  });

  test('that did not grow is worth a line only if it stays at 0 on a healthy host', () => {
    const lines = checked.flatMap(([name]) => found({ before: { [name]: 10 } }));
    expect(lines).toEqual([
      'info listen-overflows ListenOverflows',
      'info unexplained-listen-drops ListenDrops',
      'info syn-queue-drops TCPReqQFullDrop',
      'info syn-cookies-sent TCPReqQFullDoCookies',
      'info syn-cookies-sent SyncookiesSent',
      'info time-wait-overflow TCPTimeWaitOverflow',
    ]);
  });

  test('that the kernel does not have, or that went backwards, is unknown', () => {
    const host = hostWith({});
    const without = new Map(host.after.ok ? host.after.value : []);
    without.delete('TcpExt.PAWSActive');
    const after = { ok: true, where: '/proc/net/netstat', value: without } as const;
    expect(unknown({ host: { after } })).toEqual([
      'paws-drops: /proc/net/netstat: it has no counter TcpExt.PAWSActive',
    ]);
    expect(unknown({ before: { PAWSActive: 5 }, counters: { PAWSActive: 3 } })).toEqual([
      'paws-drops: /proc/net/netstat: TcpExt.PAWSActive went from 5 back to 3',
    ]);
  });
});

describe('conntrack-full', () => {
  const filled = (count: number, max = 1000): Differences => ({
    settings: { 'net.netfilter.nf_conntrack_count': `${count}`, 'net.netfilter.nf_conntrack_max': `${max}` },
  });

  test('warns above 90 % and is critical above 95 %', () => {
    expect(found(filled(900))).toEqual([]);
    expect(found(filled(901))).toEqual(['warn conntrack-full net.netfilter.nf_conntrack_max']);
    expect(found(filled(950))).toEqual(['warn conntrack-full net.netfilter.nf_conntrack_max']);
    expect(found(filled(951))).toEqual(['critical conntrack-full net.netfilter.nf_conntrack_max']);
  });

  test('is silent without a limit, and where connection tracking is not loaded', () => {
    expect(found(filled(1e6, 0))).toEqual([]);
    const absent = {
      settings: { 'net.netfilter.nf_conntrack_count': null, 'net.netfilter.nf_conntrack_max': null },
    };
    expect(found(absent)).toEqual([]);
    expect(unknown(absent)).toEqual([]);
  });
});

describe('pmtu-black-hole', () => {
  const stuck = (sendQueue: number, more: Partial<SocketText> = {}): SocketText => ({
    ...{ local: '10.0.0.1:40000', remote: '10.0.0.2:80', state: '01', timer: 1, retransmits: 2, sendQueue },
    ...more,
  });

  test('needs two time-outs in a row of more than any path carries', () => {
    expect(found({ sockets: [stuck(537)] })).toEqual(['warn pmtu-black-hole 10.0.0.2:80']);
    expect(found({ sockets: [stuck(536)] })).toEqual([]);
    expect(found({ sockets: [stuck(9000, { retransmits: 1 })] })).toEqual([]);
    // A keep-alive or a zero window probe that goes unanswered is another matter.
    expect(found({ sockets: [stuck(9000, { timer: 4 })] })).toEqual([]);
    expect(found({ sockets: [stuck(9000)], settings: { 'net.ipv4.tcp_mtu_probing': '1' } })).toEqual([]);
  });
});

describe('half-open-piling-up and syn-sent-stuck', () => {
  test('need ten half-open connections of one listener, or one SYN without an answer', () => {
    const half = (count: number): SocketText[] =>
      many(count, (index) => ({
        local: '10.0.0.1:80',
        remote: `10.0.1.${index}:999`,
        state: '03',
        retransmits: 1,
      }));
    expect(found({ sockets: half(9) })).toEqual([]);
    expect(found({ sockets: half(10) })).toEqual(['warn half-open-piling-up 10.0.0.1:80']);
    const syn = (retransmits: number): SocketText[] => [
      { local: '10.0.0.1:40000', remote: '10.0.0.2:80', state: '02', retransmits, timer: 1 },
    ];
    expect(found({ sockets: syn(1) })).toEqual([]);
    expect(found({ sockets: syn(2) })).toEqual(['warn syn-sent-stuck 10.0.0.2:80']);
  });
});

describe('connect-timeout', () => {
  const retries = (value: string, more = {}): string[] =>
    look({ settings: { 'net.ipv4.tcp_syn_retries': value, ...more } }).found.map(({ summary }) => summary);

  test('prints the real time when it is over a minute', () => {
    expect(retries('6')).toEqual([
      'connect() to an address that does not answer fails after 131 s (SYNs at 0 1 2 3 4 5 7 11 19 35 67 s)',
    ]);
    expect(retries('4')).toEqual([]);
  });

  test('knows kernels without linear time-outs and without a setting for the longest one', () => {
    const old = { 'net.ipv4.tcp_syn_linear_timeouts': null, 'net.ipv4.tcp_rto_max_ms': null };
    expect(retries('6', old)).toEqual([
      'connect() to an address that does not answer fails after 127 s (SYNs at 0 1 3 7 15 31 63 s)',
    ]);
  });

  test('says that it does not know settings that no kernel has', () => {
    expect(unknown({ settings: { 'net.ipv4.tcp_syn_retries': '999' } })[0]).toMatch(
      /^connect-timeout: .*0 to 127, not 999/,
    );
  });
});
