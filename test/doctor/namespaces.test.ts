import { describe, expect, test } from 'vitest';
import { checks } from '../../src/doctor/checks.ts';
import { full, type Need, testNeeding } from '../support/needs.ts';
import { doctor, examineProcess, execute, inNamespace, type JsonReport } from './namespace.ts';

/** A namespace made sick, and what the doctor must find there: `SEVERITY CHECK SUBJECT`. */
interface Scenario {
  readonly name: string;
  readonly says: string;
  readonly finds: readonly string[];
  /** Checks that may have something to say as well, depending on the moment. */
  readonly mayFind?: readonly string[];
  readonly needs?: readonly Need[];
  /** What is still found after the script that --fix prints was run; undefined if it holds no command. */
  readonly afterFix?: readonly string[];
}

const scenarios: readonly Scenario[] = [
  { name: 'healthy', says: 'is silent about a service in use', finds: [] },
  {
    name: 'settings',
    says: 'finds settings that make connections fail, and its script repairs them',
    finds: [
      'high node-port-overlap net.ipv4.ip_local_port_range',
      'high syn-queue-drops net.ipv4.tcp_syncookies',
      'warn small-backlog net.core.somaxconn',
      'warn small-backlog net.ipv4.tcp_max_syn_backlog',
      'warn abort-on-overflow net.ipv4.tcp_abort_on_overflow',
      'warn disabled-options net.ipv4.tcp_timestamps',
      'warn disabled-options net.ipv4.tcp_window_scaling',
      'warn disabled-options net.ipv4.tcp_sack',
    ],
    afterFix: [],
  },
  {
    name: 'listeners',
    says: 'finds listeners that connect() can hit, judged by parity, and its script reserves their ports',
    finds: [
      'high listener-in-ephemeral-range 127.0.0.1:50000',
      'high listener-in-ephemeral-range [::1]:50002',
      'info listener-in-ephemeral-range 127.0.0.1:50001',
    ],
    // The script leaves alone what is only worth a line.
    afterFix: ['info listener-in-ephemeral-range 127.0.0.1:50001'],
  },
  { name: 'listeners-reserved', says: 'is silent about listeners whose ports are reserved', finds: [] },
  {
    name: 'self-connected',
    says: 'finds sockets that are connected to themselves, and its script frees their ports',
    finds: [
      'critical self-connected-socket 127.0.0.1:50000',
      'critical self-connected-socket [::1]:50002',
      'warn self-connected-socket 127.0.0.1:50004',
    ],
    afterFix: [],
  },
  {
    name: 'accept-queue',
    says: 'finds a full accept queue and what is dropped at it',
    finds: [
      'critical accept-queue-full 127.0.0.1:8080',
      'so listen-overflows ListenOverflows',
      'so listener-stuck 127.0.0.1:8080',
    ],
    mayFind: ['retransmissions', 'syn-sent-stuck'],
  },
  {
    name: 'syn-flood',
    says: 'finds that SYN cookies answer for a full queue',
    finds: ['warn syn-cookies-sent TCPReqQFullDoCookies', 'warn syn-cookies-sent SyncookiesSent'],
    mayFind: ['retransmissions', 'half-open-piling-up'],
  },
  {
    name: 'syn-flood-without-cookies',
    says: 'finds that SYNs are dropped, and its script turns cookies on',
    finds: ['high syn-queue-drops TCPReqQFullDrop', 'high syn-queue-drops net.ipv4.tcp_syncookies'],
    mayFind: ['retransmissions', 'half-open-piling-up'],
    afterFix: [
      'warn syn-cookies-sent TCPReqQFullDoCookies',
      'warn syn-cookies-sent SyncookiesSent',
      'info syn-queue-drops TCPReqQFullDrop',
    ],
  },
  {
    name: 'half-open',
    says: 'finds half-open connections piling up',
    finds: ['warn half-open-piling-up 192.0.2.1:8080'],
    mayFind: ['retransmissions'],
  },
  {
    name: 'no-answer',
    says: 'finds an address that does not answer, and the SYNs sent again',
    finds: [
      'warn syn-sent-stuck 192.0.2.9:8080',
      'so retransmissions TCPSynRetrans',
      'so retransmissions TCPTimeouts',
    ],
  },
  {
    name: 'ports-all-taken',
    says: 'finds that all ephemeral ports are taken, and its script gives more',
    finds: ['critical ephemeral-pressure 127.0.0.1 -> 127.0.0.1:8080'],
    afterFix: [],
  },
  {
    name: 'ports-more-than-half-taken',
    says: 'warns when more than half of the ephemeral ports are taken',
    finds: ['warn ephemeral-pressure 127.0.0.1 -> 127.0.0.1:8080'],
  },
  { name: 'ports-half-taken', says: 'is silent when half of the ephemeral ports are taken', finds: [] },
  {
    name: 'time-wait-overflow',
    says: 'finds that TIME-WAIT does not fit, and its script makes room',
    finds: ['warn time-wait-overflow TCPTimeWaitOverflow'],
    afterFix: ['info time-wait-overflow TCPTimeWaitOverflow'],
  },
  {
    name: 'strange-segments',
    says: 'finds SYNs for live connections and segments with old timestamps',
    finds: [
      'warn challenge-acks TCPSYNChallenge',
      'warn challenge-acks TCPChallengeACK',
      'warn paws-drops PAWSEstab',
    ],
  },
  {
    name: 'mtu-black-hole',
    says: 'finds a path that drops large packets in silence',
    finds: ['warn pmtu-black-hole 198.51.100.2:8080'],
    mayFind: ['retransmissions'],
    needs: ['nft'],
  },
  {
    name: 'no-way-back',
    says: 'finds SYNs that no route leads back to, and whose they are',
    finds: ['high no-way-back OutNoRoutes'],
  },
  {
    name: 'no-route',
    says: 'warns of connects that find no route',
    finds: ['warn no-route OutNoRoutes'],
  },
  {
    name: 'reverse-path',
    says: 'finds packets that the reverse path filter drops',
    finds: ['high reverse-path-drops IPReversePathFilter'],
  },
  {
    name: 'misrouted',
    says: 'finds packets for addresses that the host does not have',
    finds: ['high misrouted-packets InAddrErrors'],
  },
  {
    name: 'bad-checksum',
    says: 'finds segments with a wrong checksum',
    finds: ['high checksum-errors InCsumErrors'],
  },
  {
    name: 'nat-ports',
    says: 'finds that a translation has no source port left',
    finds: ['high conntrack-drops insert_failed'],
    mayFind: ['retransmissions', 'syn-sent-stuck', 'other-drops'],
    needs: ['nft'],
  },
  {
    name: 'silent-neighbour',
    says: 'finds a neighbour that does not answer ARP',
    finds: ['warn neighbour-silent 192.0.2.50'],
    mayFind: ['syn-sent-stuck', 'retransmissions'],
  },
  {
    name: 'out-of-descriptors',
    says: 'finds that a process is out of file descriptors, and takes its full queue for a consequence',
    finds: [
      'critical descriptors-exhausted',
      'so accept-queue-full 127.0.0.1:8080',
      'so listener-stuck 127.0.0.1:8080',
    ],
    mayFind: ['syn-sent-stuck', 'retransmissions', 'listen-overflows'],
  },
  {
    name: 'nearly-out-of-descriptors',
    says: 'is silent about a process that has some file descriptors left',
    finds: [],
  },
  {
    name: 'stopped',
    says: 'finds that the process of a listener is stopped, and its script lets it go on',
    finds: ['high listener-stopped'],
    afterFix: [],
  },
  {
    name: 'stuck',
    says: 'finds connections that nobody accepts although the queue has room',
    finds: ['(warn|high) listener-stuck 127.0.0.1:8080'],
  },
  {
    name: 'one-of-two-stuck',
    says: 'finds the one of two listeners on a port that takes nothing',
    finds: ['(warn|high) listener-stuck 127.0.0.1:8080'],
  },
  { name: 'slow-accept', says: 'is silent about a queue that is never empty but moves', finds: [] },
  {
    name: 'bound-ports',
    says: 'finds that bind() before connect() has used up the ports of an address, and its script gives more',
    finds: ['critical bound-ports-exhausted 127.0.0.1'],
    mayFind: ['listener-stuck'],
    afterFix: [],
  },
  {
    name: 'shared-ports',
    says: 'is silent when connect() has chosen the ports',
    finds: [],
    mayFind: ['bound-ports-exhausted', 'listener-stuck'],
  },
  {
    name: 'firewall',
    says: 'finds a rule that drops packets for a port that is in use',
    finds: ['high firewall-drops inet t i handle 2'],
    mayFind: ['retransmissions', 'syn-sent-stuck'],
    needs: ['nft'],
  },
  {
    name: 'firewall-of-strangers',
    says: 'is silent about a rule for a port that nobody offers',
    finds: [],
    mayFind: ['retransmissions', 'syn-sent-stuck'],
    needs: ['nft'],
  },
  {
    name: 'keeps-connecting',
    says: 'finds a client that keeps connecting to a port that it may be given, and its script reserves it',
    finds: ['high self-connect-trap 127.0.0.1:50000'],
    mayFind: ['self-connected-socket', 'retransmissions'],
    afterFix: [],
    needs: ['tracefs'],
  },
  {
    name: 'connects-below-the-range',
    says: 'is silent about a client that is refused on a port that is not handed out',
    finds: [],
  },
  {
    name: 'forward-policy',
    says: 'finds that a policy of the forward chain takes SYNs away',
    finds: ['high lost-syns 198.51.100.9:80 from 10.1.1.5'],
    needs: ['nft', 'tracefs'],
  },
  {
    name: 'forward-policy-of-strangers',
    says: 'only warns of what a firewall keeps from strangers',
    finds: ['warn lost-syns 198.51.100.9:80 from 203.0.113.5'],
    needs: ['nft', 'tracefs'],
  },
  {
    name: 'forwarding',
    says: 'is silent about SYNs that are passed on',
    finds: [],
    needs: ['nft', 'tracefs'],
  },
  {
    name: 'rejected',
    says: 'finds that a firewall rejects what a service listens for',
    finds: ['high lost-syns 10.1.1.1:8080 from 10.1.1.5'],
    needs: ['nft', 'tracefs'],
  },
  {
    name: 'listener-elsewhere',
    says: 'finds a client that asks ::1 for a service on 127.0.0.1',
    finds: ['warn listener-elsewhere [::1]:8080'],
    needs: ['tracefs'],
  },
  {
    name: 'listener-ipv6-only',
    says: 'finds a client that asks IPv4 for a service that takes IPv6 only',
    finds: ['warn listener-elsewhere 127.0.0.1:8080'],
    needs: ['tracefs'],
  },
  { name: 'narrow-path', says: 'is silent about a narrow path that says so by ICMP', finds: [] },
];

/** Those that are provoked without HALFOPEN_FULL as well: each costs a second of two cores. */
const quick = new Set([
  ...['healthy', 'self-connected', 'accept-queue', 'no-answer', 'no-way-back', 'nat-ports', 'slow-accept'],
  ...['out-of-descriptors', 'one-of-two-stuck', 'keeps-connecting', 'settings', 'firewall-of-strangers'],
  ...['forward-policy', 'forwarding'],
]);

/** Found in every namespace with default settings. */
const always = 'info connect-timeout net.ipv4.tcp_syn_retries';

function expectFindings(report: JsonReport, { mayFind = [] }: Scenario, finds: readonly string[]): void {
  const found = report.findings.flatMap(({ severity, check, subject, consequences }) => [
    `${severity} ${check} ${subject}`,
    ...consequences.map((one) => `so ${one.check} ${one.subject}`),
  ]);
  // The subject of a process is its name and number, which nobody knows beforehand.
  const pattern = (find: string): RegExp => {
    const text = find.replaceAll(/[.[\]]/g, '\\$&');
    return new RegExp(find.split(' ').length === 2 ? `^${text} ` : `^${text}$`);
  };
  const wanted = (line: string): boolean => [...finds, always].some((find) => pattern(find).test(line));
  for (const find of finds) expect(found, `${found}`).toContainEqual(expect.stringMatching(pattern(find)));
  expect(found).toContain(always);
  const surplus = found.filter((line) => !wanted(line));
  expect(surplus.filter((line) => !mayFind.includes(line.split(' ')[1]!))).toEqual([]);
  expect(report.unknown).toEqual([]);
}

/** Runs a command that only looks, for a moment: it must be one that its program understands. */
async function expectToRun(command: string): Promise<void> {
  // What stands before the program is the way into the namespace.
  const program = command.replace(/^nsenter -t \d+ -n /, '').split(' ')[0]!;
  if ((await execute('sh', ['-c', `command -v ${program}`])).code !== 0) return;
  const { code, stderr } = await execute('timeout', ['0.5', 'sh', '-c', command]);
  // 124: it was still looking. ping ends with 1 if nobody answers, ip with 2 if there is no route, which is the finding.
  const negative =
    program === 'ping' ? [1] : program === 'ip' && /No route|unreachable/.test(stderr) ? [2] : [];
  expect([0, 124, ...negative], `${command}: ${stderr}`).toContain(code);
}

const needs = (scenario: Scenario): Need[] => ['netns', 'python3', ...(scenario.needs ?? [])];

// A busy machine makes one namespace after the other, and that can take it a minute for all of them. Events of the kernel's
// trace can come late, or be lost, while others fill it, and packets can miss the moment in which the doctor looks.
describe.concurrent('in a network namespace of its own the doctor', { timeout: 180_000, retry: 4 }, () => {
  for (const scenario of full ? scenarios : scenarios.filter(({ name }) => quick.has(name))) {
    testNeeding('test/doctor/namespaces.test.ts', ...needs(scenario))(scenario.says, async () => {
      // The kernel sets up one trace after the other: only the scenario that needs one has it.
      const only = scenario.needs?.includes('tracefs')
        ? []
        : ['--ignore', 'self-connect-trap,lost-syns,listener-elsewhere'];
      await inNamespace(scenario.name, async (pid) => {
        const report = await examineProcess(pid, ...only);
        expectFindings(report, scenario, scenario.finds);
        for (const finding of report.findings) {
          expect(finding.evidence.length, finding.summary).toBeGreaterThan(0);
          expect(finding.fixes.length, finding.summary).toBeGreaterThan(0);
        }
        if (scenario.name === 'listeners') {
          // Shown by its inode, which is the same in every namespace.
          const held = {
            where: `/proc/${pid}/fd`,
            what: expect.stringMatching(/^held by python\S* \(process \d+\)$/),
          };
          expect(report.findings[0]!.evidence).toContainEqual(held);
        }
        for (const fix of report.findings.flatMap(({ fixes }) => fixes)) {
          if (fix.kind === 'look') await expectToRun(fix.text);
        }
        if (scenario.afterFix === undefined) return;
        const script = await doctor('--pid', `${pid}`, '--fix', '--interval', '0.3', ...only);
        const ran = await execute('sh', [], {}, script.stdout);
        expect(ran.code, script.stdout + ran.stderr).toBe(0);
        expectFindings(await examineProcess(pid, ...only), scenario, scenario.afterFix);
      });
    });
  }

  for (const retries of full ? [1, 3] : [1]) {
    testNeeding(
      'test/doctor/namespaces.test.ts',
      'netns',
      'python3',
    )(`names the time that a connect() takes to fail with tcp_syn_retries=${retries}`, async () => {
      await inNamespace(`connect-timeout-${retries}`, async (pid, said) => {
        const measured = Number(/^measured ([\d.]+) Connection timed out$/m.exec(said)?.[1]);
        const { connectTimeoutSeconds, findings } = await examineProcess(pid, '--only', 'connect-timeout');
        expect(connectTimeoutSeconds).toBe(retries === 1 ? 3 : 19);
        // The kernel's timers run a little late.
        expect(measured).toBeGreaterThanOrEqual(connectTimeoutSeconds!);
        expect(measured).toBeLessThan(connectTimeoutSeconds! * 1.05 + 1);
        expect(findings).toEqual([]);
      });
    });
  }
});

test('every check is provoked in a namespace or by a fixture', () => {
  const provoked = scenarios.flatMap(({ finds }) => finds.map((line) => line.split(' ')[1]!));
  // The whole machine's, or nothing that a namespace can bring about: src/doctor/*.test.ts have the fixtures.
  const byFixture = [
    'conntrack-full',
    'unexplained-listen-drops',
    'device-drops',
    'other-drops',
    'neighbour-table-full',
    'tcp-memory',
    'too-many-orphans',
  ];
  const covered = new Set([...provoked, ...byFixture, always.split(' ')[1]!]);
  expect(checks.map(({ id }) => id).filter((id) => !covered.has(id))).toEqual([]);
});
