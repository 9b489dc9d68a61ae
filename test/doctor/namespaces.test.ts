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
      'high listen-overflows ListenOverflows',
      'high listen-overflows ListenDrops',
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
    finds: [
      'high syn-queue-drops TCPReqQFullDrop',
      'high syn-queue-drops net.ipv4.tcp_syncookies',
      'high listen-overflows ListenDrops',
    ],
    mayFind: ['retransmissions', 'half-open-piling-up'],
    afterFix: [
      'warn syn-cookies-sent TCPReqQFullDoCookies',
      'warn syn-cookies-sent SyncookiesSent',
      'info syn-queue-drops TCPReqQFullDrop',
      'info listen-overflows ListenDrops',
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
      'warn retransmissions TCPSynRetrans',
      'warn retransmissions TCPTimeouts',
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
  { name: 'narrow-path', says: 'is silent about a narrow path that says so by ICMP', finds: [] },
];

/** Found in every namespace with default settings. */
const always = 'info connect-timeout net.ipv4.tcp_syn_retries';

function expectFindings(report: JsonReport, { mayFind = [] }: Scenario, finds: readonly string[]): void {
  const found = report.findings.map(({ severity, check, subject }) => `${severity} ${check} ${subject}`);
  expect(found).toEqual(expect.arrayContaining([...finds, always]));
  const surplus = found.filter((line) => ![...finds, always].includes(line));
  expect(surplus.filter((line) => !mayFind.includes(line.split(' ')[1]!))).toEqual([]);
  expect(report.unknown).toEqual([]);
}

/** Runs a command that only looks, for a moment: it must be one that its program understands. */
async function expectToRun(command: string): Promise<void> {
  // What stands before the program is the way into the namespace.
  const program = command.replace(/^nsenter -t \d+ -n /, '').split(' ')[0]!;
  if ((await execute('sh', ['-c', `command -v ${program}`])).code !== 0) return;
  const { code, stderr } = await execute('timeout', ['0.5', 'sh', '-c', command]);
  // 124: it was still looking. ping ends with 1 if nobody answers.
  expect([0, 124, ...(program === 'ping' ? [1] : [])], `${command}: ${stderr}`).toContain(code);
}

const needs = (scenario: Scenario): Need[] => ['netns', 'python3', ...(scenario.needs ?? [])];

describe.concurrent('in a network namespace of its own the doctor', () => {
  for (const scenario of scenarios) {
    testNeeding('test/doctor/namespaces.test.ts', ...needs(scenario))(scenario.says, async () => {
      await inNamespace(scenario.name, async (pid) => {
        const report = await examineProcess(pid);
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
        const script = await doctor('--pid', `${pid}`, '--fix', '--interval', '0.3');
        const ran = await execute('sh', [], {}, script.stdout);
        expect(ran.code, script.stdout + ran.stderr).toBe(0);
        expectFindings(await examineProcess(pid), scenario, scenario.afterFix);
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
  // The table of connection tracking is the host's: src/doctor/checks.test.ts has the fixture.
  const byFixture = ['conntrack-full'];
  const covered = new Set([...provoked, ...byFixture, always.split(' ')[1]!]);
  expect(checks.map(({ id }) => id).filter((id) => !covered.has(id))).toEqual([]);
});
