import { describe, expect, test } from 'vitest';
import { parseAcceptances, withoutAccepted } from './accept.ts';
import { type Examination, examine, severities } from './check.ts';
import { checks } from './checks.ts';
import { fixScript } from './fix.ts';
import { prometheusReport } from './prometheus.ts';
import {
  carriedOver,
  changeLines,
  changes,
  humanReport,
  jsonReport,
  type Paint,
  type Report,
} from './report.ts';
import { type Differences, hostWith } from './testing.ts';

const plain: Paint = (_, text) => text;

function reportOf(differences: Differences, accepted = ''): Report {
  const host = hostWith(differences);
  const examination = examine(host, checks);
  const { found, ...rest } = withoutAccepted(examination.found, parseAcceptances(accepted, checks));
  return { host, examination: { ...examination, found }, ...rest, prefix: '' };
}

const sick: Differences = {
  sockets: [
    ...[50000, 50002, 50004, 50006, 50008].map((port) => ({ local: `127.0.0.1:${port}`, state: '0A' })),
    { local: '127.0.0.1:8080', remote: '127.0.0.1:8080', state: '01' },
  ],
  counters: { TCPTimeouts: 3 },
  settings: {
    'net.ipv4.ip_local_reserved_ports': '50010,60000-60005',
    'net.ipv4.tcp_sack': '0',
    'net.ipv4.tcp_syn_retries': '6',
  },
};

describe('the report for people', () => {
  test('has the worst first, and says what was read, why it matters and what to do', () => {
    const text = humanReport(reportOf(sick), plain);
    expect(text.split('\n').filter((line) => /^[A-Z]/.test(line))).toEqual([
      'CRITICAL 127.0.0.1:8080 is connected to itself',
      expect.stringMatching(/^HIGH {5}127\.0\.0\.1:50000 listens/),
      expect.stringMatching(/^HIGH {5}127\.0\.0\.1:50002 listens/),
      expect.stringMatching(/^HIGH {5}127\.0\.0\.1:50004 listens/),
      'WARN     TCPTimeouts grew by 3 in 1.0 s (3/s): retransmission timers expired',
      expect.stringMatching(/^WARN {5}net\.ipv4\.tcp_sack is off/),
      expect.stringMatching(/^INFO {5}connect\(\) .* 131 s/),
    ]);
    expect(text).toContain(
      `halfopen doctor: 1 critical, 5 high, 2 warn, 1 info (41 checks, 6 sockets, 1.0 s)`,
    );
    expect(text).toContain('2 more of listener-in-ephemeral-range: halfopen doctor --json --only');
    expect(text).toContain("  fix   ss -tK src '127.0.0.1:8080' dst '127.0.0.1:8080'\n");
    expect(text).toContain('  read  /proc/sys/net/ipv4/tcp_sack: 0\n');
    expect(text).toContain('  id    disabled-options net.ipv4.tcp_sack\n');
    expect(text).not.toContain('\u001b');
  });

  test('is two lines for a healthy host, with its connect time-out', () => {
    expect(humanReport(reportOf({}), plain)).toBe(
      'halfopen doctor: nothing found (41 checks, 0 sockets, 1.0 s)\n\nconnect() to an address that does not answer fails after 19 s.\n',
    );
  });

  test('lists what is unknown once for all checks that wanted it', () => {
    const why = 'it may not be read by this user (EACCES)';
    const gaps = [{ where: '/proc/net/tcp', why }];
    const text = humanReport(reportOf({ host: { sockets: { ...hostWith({}).sockets, gaps } } }), plain);
    expect(text.match(/^UNKNOWN/gm)).toHaveLength(1);
    const wanting = checks.filter(({ readsSockets }) => readsSockets).map(({ id }) => id);
    expect(text).toContain(`UNKNOWN  /proc/net/tcp: ${why}\n  for   ${wanting.join(', ')}\n`);
  });
});

describe('the report as JSON', () => {
  test('holds every finding with evidence, reason and fixes', () => {
    const json = JSON.parse(JSON.stringify(jsonReport(reportOf(sick)))) as { findings: object[] };
    expect(json.findings).toHaveLength(9);
    expect(json).toMatchObject({
      sockets: 6,
      seconds: 1,
      connectTimeoutSeconds: 131,
      accepted: [],
      unknown: [],
    });
    expect(json.findings[0]).toEqual({
      check: 'self-connected-socket',
      consequences: [],
      severity: 'critical',
      subject: '127.0.0.1:8080',
      summary: '127.0.0.1:8080 is connected to itself',
      why: expect.stringMatching(/cannot bind\.$/),
      evidence: [{ where: '/proc/net/tcp', what: '127.0.0.1:8080 to 127.0.0.1:8080' }],
      fixes: [
        { kind: 'command', text: "ss -tK src '127.0.0.1:8080' dst '127.0.0.1:8080'" },
        { kind: 'advice', text: expect.stringContaining('halfopen/guard') },
      ],
    });
  });
});

describe('accepted findings', () => {
  test('are taken out by check, or by check and subject, and the rest of the file is told', () => {
    const file =
      '# known\ndisabled-options\nlistener-in-ephemeral-range 127.0.0.1:50000  # moves in May\n\npaws-drops\n';
    const { examination, accepted, unused } = reportOf(sick, file);
    expect(accepted.map(({ subject }) => subject)).toEqual(['127.0.0.1:50000', 'net.ipv4.tcp_sack']);
    expect(examination.found).toHaveLength(7);
    expect(unused).toEqual([{ check: 'paws-drops', subject: null, line: 5 }]);
    const text = humanReport(reportOf(sick, file), plain);
    expect(text).toContain('2 accepted (not shown, not counted)');
    expect(text).toContain('line 5 of the accepted findings was not found: paws-drops');
  });

  test('of a check that does not exist are an error with the line', () => {
    expect(() => parseAcceptances('\nnonsense 1\n', checks)).toThrow("line 2: there is no check 'nonsense'");
  });
});

describe('the script of fixes', () => {
  const script = fixScript(reportOf(sick).examination.found, 'nsenter -t 7 -n ');

  test('reserves the ports of all findings at once, beside those that were reserved', () => {
    const lines = script.split('\n').filter((line) => line.includes('reserved_ports'));
    expect(lines).toEqual([
      'nsenter -t 7 -n sysctl -w net.ipv4.ip_local_reserved_ports="50000,50002,50004,50006,50008,50010,60000-60005" || failed=1',
      '# net.ipv4.ip_local_reserved_ports = 50000,50002,50004,50006,50008,50010,60000-60005',
    ]);
  });

  test('changes nothing for what is only worth a line, and comments what is no command', () => {
    const commands = script.split('\n').filter((line) => line !== '' && !line.startsWith('#'));
    expect(commands).toEqual([
      'failed=0',
      "nsenter -t 7 -n ss -tK src '127.0.0.1:8080' dst '127.0.0.1:8080' || failed=1",
      expect.stringContaining('ip_local_reserved_ports'),
      'nsenter -t 7 -n sysctl -w net.ipv4.tcp_sack="1" || failed=1',
      'exit $failed',
    ]);
    expect(script).toContain('# nsenter -t 7 -n sysctl -w net.ipv4.tcp_syn_retries="4"');
  });
});

describe('changes', () => {
  test('are what appeared, what grew by another number, and what is gone', () => {
    const before = reportOf({ counters: { TCPTimeouts: 3, ListenDrops: 1 } }).examination;
    const now = reportOf({
      counters: { TCPTimeouts: 5 },
      settings: { 'net.ipv4.tcp_sack': '0' },
    }).examination;
    expect(changeLines(changes(before, now), plain)).toEqual([
      expect.stringMatching(/^\+ WARN {5}net\.ipv4\.tcp_sack is off/),
      '~ WARN     TCPTimeouts grew by 5 in 1.0 s (5/s): retransmission timers expired',
      expect.stringMatching(/^- HIGH {5}ListenDrops/),
    ]);
    expect(changeLines(changes(now, now), plain)).toEqual([]);
  });

  test('are none of a counter that did not grow, however long the next second was', () => {
    const old: Differences = { before: { ListenDrops: 7 } };
    const longer: Differences = { ...old, host: { seconds: 1.14 } };
    const [before, now] = [reportOf(old).examination, reportOf(longer).examination];
    expect(before.found).toHaveLength(1);
    expect(changeLines(changes(before, now), plain)).toEqual([]);
  });

  test('are not that something is gone when nobody can say, until somebody can', () => {
    const name = 'net.ipv4.tcp_syncookies';
    const [off, unread, on] = ['0', null, '1'].map(
      (value) => reportOf({ settings: { [name]: value } }).examination,
    ) as [Examination, Examination, Examination];
    const during = carriedOver(off, unread);
    const still = carriedOver(during, unread);
    const after = carriedOver(still, on);
    expect([during, still, after].map(({ found }) => found.length)).toEqual([1, 1, 0]);
    const reason = '/proc/sys/net/ipv4/tcp_syncookies: there is no such file';
    const why = `${reason} (for syn-queue-drops)`;
    expect(changeLines(changes(off, during), plain)).toEqual([`? UNKNOWN  ${why}`]);
    expect(changeLines(changes(during, still), plain)).toEqual([]);
    expect(changeLines(changes(still, after), plain)).toEqual([
      expect.stringMatching(/^- HIGH {5}SYN cookies are off/),
      `? KNOWN    again, it was: ${why}`,
    ]);
    // What was unknown all along has nothing to do with a finding that goes.
    const gap = { where: '/proc/net/tcp6', why: 'it may not be read' };
    const [open, closed] = [[{ local: '1.2.3.4:5', remote: '1.2.3.4:5', state: '01' }], []].map((sockets) => {
      const host = hostWith({ sockets });
      return examine({ ...host, sockets: { ...host.sockets, gaps: [gap] } }, checks);
    }) as [Examination, Examination];
    expect(open.found).toHaveLength(1);
    expect(carriedOver(open, closed).found).toEqual([]);
  });
});

/** A strict reader of the text exposition format 0.0.4: throws at anything that its description does not allow. */
function readMetrics(text: string): Map<string, number> {
  const samples = new Map<string, number>();
  const described = new Map<string, Set<string>>();
  const finished = new Set<string>();
  let current: string | null = null;
  if (!text.endsWith('\n')) throw new Error('the last line must end');
  for (const line of text.slice(0, -1).split('\n')) {
    const comment = /^# (HELP|TYPE) ([a-zA-Z_:][a-zA-Z0-9_:]*) (.+)$/.exec(line);
    if (comment !== null) {
      const [, kind, name, rest] = comment as unknown as [string, string, string, string];
      if (name !== current && current !== null) finished.add(current);
      if (finished.has(name)) throw new Error(`the lines of ${name} are not together`);
      if (kind === 'TYPE' && !/^(counter|gauge|histogram|summary|untyped)$/.test(rest)) throw new Error(line);
      const kinds = described.get(name) ?? new Set();
      if (kinds.has(kind)) throw new Error(`a second ${kind} of ${name}`);
      described.set(name, kinds.add(kind));
      current = name;
      continue;
    }
    const label = '[a-zA-Z_][a-zA-Z0-9_]*="(?:[^"\\\\\\n]|\\\\["\\\\n])*"';
    const sample = new RegExp(
      `^([a-zA-Z_:][a-zA-Z0-9_:]*)(\\{${label}(?:,${label})*\\})? (-?[0-9.]+(?:e[+-]?[0-9]+)?)$`,
    ).exec(line);
    if (sample === null) throw new Error(`not a sample: ${line}`);
    if (sample[1] !== current || described.get(current)?.size !== 2)
      throw new Error(`not under its TYPE and HELP: ${line}`);
    const series = sample[1]! + (sample[2] ?? '');
    if (samples.has(series)) throw new Error(`twice: ${series}`);
    samples.set(series, Number(sample[3]));
  }
  return samples;
}

describe('the metrics', () => {
  test('are in the text format to the letter, with a series for every check and severity', () => {
    const samples = readMetrics(prometheusReport(reportOf(sick, 'disabled-options')));
    const value = (series: string): number | undefined => samples.get(`halfopen_doctor_${series}`);
    for (const { id } of checks) {
      for (const severity of severities)
        expect(value(`findings{check="${id}",severity="${severity}"}`)).toBeTypeOf('number');
    }
    expect(value('findings{check="listener-in-ephemeral-range",severity="high"}')).toBe(5);
    expect(value('findings{check="disabled-options",severity="warn"}')).toBe(0);
    expect(value('accepted{check="disabled-options"}')).toBe(1);
    expect(value('unknown{check="paws-drops"}')).toBe(0);
    expect(value('sockets')).toBe(6);
    expect(value('connect_timeout_seconds')).toBe(131);
    expect(samples.size).toBe(checks.length * 6 + 2);
  });

  test('leave out a connect time-out that is unknown', () => {
    const text = prometheusReport(reportOf({ settings: { 'net.ipv4.tcp_syn_retries': null } }));
    const samples = readMetrics(text);
    expect(samples.has('halfopen_doctor_connect_timeout_seconds')).toBe(false);
    expect(samples.get('halfopen_doctor_unknown{check="connect-timeout"}')).toBe(1);
  });

  test.each([
    ['a 1', 'a sample without a type'],
    ['# HELP a b\n# TYPE a gauge\na{x="1" 1\n', 'an open brace'],
    ['# HELP a b\n# TYPE a gauge\na 1\na 1\n', 'a series twice'],
    ['# HELP a b\n# TYPE a gauge\na 1\n# HELP b b\n# TYPE b gauge\nb 1\na{x="1"} 1\n', 'lines apart'],
    ['# HELP a b\n# TYPE a number\na 1\n', 'no type'],
  ])('would be refused by this test if they were wrong: %j (%s)', (text) => {
    expect(() => readMetrics(text)).toThrow();
  });
});
