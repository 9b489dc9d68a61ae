import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { connect } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { describe, expect, test } from 'vitest';
import type { Attempt } from '../../src/watch/attempt.ts';
import { full, root, testNeeding } from '../support/needs.ts';

const main = join(root, 'dist', 'cli', 'main.js');

/** `halfopen watch` while it runs. */
function watching(...args: string[]) {
  const child = spawn(process.execPath, [main, 'watch', ...args], { stdio: ['ignore', 'pipe', 'pipe'] });
  const attempts: Attempt[] = [];
  createInterface(child.stdout).on('line', (line) => attempts.push(JSON.parse(line) as Attempt));
  let errors = '';
  child.stderr.setEncoding('utf8').on('data', (text: string) => (errors += text));
  const closed = once(child, 'close');
  return {
    child,
    attempts,
    errors: () => errors,
    ready: async (): Promise<void> => {
      while (!errors.includes('watching') && child.exitCode === null) await delay(20);
    },
    end: async (): Promise<number | null> => {
      child.kill('SIGTERM');
      return (await closed)[0] as number | null;
    },
  };
}

interface Truth {
  readonly kind: string;
  readonly from: string;
  readonly to: string;
  readonly pid: number;
}

/** What may be said of each kind: `OUTCOME REASON`. Where a rule of this machine answers, both it and its answer are right. */
const right: Readonly<Record<string, readonly string[]>> = {
  firewall: ['timed-out firewall'],
  'reverse-path': ['timed-out reverse-path'],
  'no-socket': ['refused no-socket'],
  'queue-full': ['timed-out queue-full'],
  icmp: ['unreachable icmp', 'unreachable firewall'],
  refused: ['refused peer', 'refused firewall'],
  reset: ['reset peer'],
  'no-answer': ['timed-out no-answer'],
  itself: ['itself none'],
  checksum: ['dropped checksum'],
};

/** Provokes failures while somebody watches; gives the truth and what was told. */
async function provoke(count: number): Promise<{ truths: Truth[]; told: readonly Attempt[] }> {
  const script = join(root, 'test', 'hosts', 'failures.py');
  const child = spawn('unshare', ['-n', 'python3', script, `${count}`], {
    stdio: ['pipe', 'pipe', 'inherit'],
  });
  const truths: Truth[] = [];
  const lines = createInterface(child.stdout)[Symbol.asyncIterator]();
  const until = async (word: string): Promise<void> => {
    for (;;) {
      const { value, done } = await lines.next();
      if (done) throw new Error(`failures.py ended before it was ${word}`);
      if (value === word) return;
      truths.push(JSON.parse(value) as Truth);
    }
  };
  try {
    await until('ready');
    const watch = watching('--json', '--all');
    await watch.ready();
    child.stdin.write('\n');
    await until('done');
    await delay(300);
    expect(await watch.end(), watch.errors()).toBe(0);
    return { truths, told: watch.attempts };
  } finally {
    child.stdin.end('\n');
    await once(child, 'close');
  }
}

const machineTest = testNeeding('test/hosts/watch.test.ts', 'tracefs', 'netns', 'python3', 'nft');

describe('halfopen watch', () => {
  machineTest(
    'tells failures of ten kinds with their cause and process, none of them certain and wrong',
    async () => {
      const { truths, told } = await provoke(full ? 200 : 10);
      expect(truths).toHaveLength(full ? 2000 : 100);
      const byTuple = new Map(told.map((attempt) => [`${attempt.from} ${attempt.to}`, attempt]));
      const tally: Record<string, number[]> = {};
      let found = 0;
      let correct = 0;
      const certainAndWrong: unknown[] = [];
      for (const truth of truths) {
        const attempt = byTuple.get(`${truth.from} ${truth.to}`);
        const row = tally[truth.kind] ?? [0, 0, 0];
        tally[truth.kind] = row;
        row[0]!++;
        if (attempt === undefined) continue;
        found++;
        row[1]!++;
        const cause = right[truth.kind]!.includes(`${attempt.outcome} ${attempt.reason}`);
        const process = attempt.who === null ? truth.kind === 'checksum' : attempt.who.pid === truth.pid;
        if (cause && process) row[2]!++;
        if (cause && process) correct++;
        else if (attempt.certainty === 'certain') certainAndWrong.push({ truth, attempt });
      }
      console.log('provoked, told, right:', JSON.stringify(tally));
      expect(certainAndWrong).toEqual([]);
      expect(found / truths.length).toBeGreaterThanOrEqual(0.99);
      expect(correct / truths.length).toBeGreaterThanOrEqual(0.95);
    },
  );

  machineTest('keeps the packets of a failure, and no others', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'halfopen-watch-'));
    try {
      const file = join(folder, 'failures.pcapng');
      const watch = watching('--json', '--pcap', file);
      await watch.ready();
      const code = `import socket
s = socket.create_server(('127.0.0.1', 7001)); c = socket.create_connection(('127.0.0.1', 7001)); a = s.accept()[0]; c.close(); a.close()
try: socket.create_connection(('127.0.0.1', 7002))
except OSError: pass`;
      spawnSync('unshare', ['-n', 'sh', '-c', 'ip link set lo up; sleep 1.2; exec python3 -c "$0"; ', code]);
      await delay(300);
      await watch.end();
      expect(watch.attempts.filter(({ to }) => to === '127.0.0.1:7002')).toMatchObject([
        { outcome: 'refused' },
      ]);
      const bytes = readFileSync(file);
      const ports = new Set<number>();
      const addresses = Buffer.from([127, 0, 0, 1, 127, 0, 0, 1]);
      for (let at = bytes.indexOf(addresses); at >= 0; at = bytes.indexOf(addresses, at + 1)) {
        ports.add(bytes.readUInt16BE(at + 8)).add(bytes.readUInt16BE(at + 10));
      }
      expect(ports).toContain(7002);
      expect(ports).not.toContain(7001);
    } finally {
      rmSync(folder, { recursive: true });
    }
  });

  test('says in a sentence that it needs root, and what is wrong with its arguments', () => {
    const run = (args: string[], uid?: number) =>
      spawnSync(process.execPath, [main, 'watch', ...args], {
        encoding: 'utf8',
        ...(uid === undefined ? {} : { uid }),
      });
    for (const [args, message] of [
      [['--duration', '0'], /--duration takes seconds above 0, not '0'/],
      [['--metrics', 'here'], /--metrics takes ADDRESS:PORT/],
      [['--pid', '99999999'], /--pid takes the number of a process that lives/],
      [['--what'], /--what/],
    ] as const) {
      const { status, stderr } = run([...args]);
      expect({ status, stderr }).toEqual({ status: 2, stderr: expect.stringMatching(message) });
      expect(stderr.trim().split('\n')).toHaveLength(1);
    }
  });

  machineTest(
    'serves metrics that Prometheus takes, with rules and a dashboard whose queries it understands',
    async () => {
      const watch = watching('--metrics', '127.0.0.1:19464');
      try {
        let text = '';
        for (let tries = 0; tries < 100 && !text.includes('halfopen_doctor_findings'); tries++) {
          await delay(100);
          text = await fetch('http://127.0.0.1:19464/metrics')
            .then((answer) => answer.text())
            .catch(() => '');
        }
        expect(text).toContain('halfopen_doctor_findings');
        expect(text).toContain('halfopen_doctor_up 1\n');
        // A browser's fetch refuses to go to port 1.
        await new Promise((resolve) => connect(1, '127.0.0.1').on('error', resolve));
        await delay(200);
        text = await fetch('http://127.0.0.1:19464/metrics').then((answer) => answer.text());
        expect(text).toMatch(/halfopen_watch_attempts_total\{outcome="refused",reason="no-socket"/);
        expect((await fetch('http://127.0.0.1:19464/other')).status).toBe(404);
        if (spawnSync('promtool', ['--version']).error) {
          console.warn('skipped: the part with promtool: prometheus is not installed');
          return;
        }
        const check = spawnSync('promtool', ['check', 'metrics'], { encoding: 'utf8', input: text });
        expect(check.status, check.stderr).toBe(0);
        const rules = spawnSync('promtool', ['check', 'rules', join(root, 'docs/watch/alerts.yml')], {
          encoding: 'utf8',
        });
        expect(rules.status, rules.stderr).toBe(0);
        await inPrometheus();
      } finally {
        await watch.end();
      }
    },
  );
});

/** Lets Prometheus take the metrics and the rules, and asks it every query of the dashboard. */
async function inPrometheus(): Promise<void> {
  const folder = mkdtempSync(join(tmpdir(), 'halfopen-prometheus-'));
  const config = `global: { scrape_interval: 1s, evaluation_interval: 1s }
rule_files: ['${join(root, 'docs/watch/alerts.yml')}']
scrape_configs: [{ job_name: watch, static_configs: [{ targets: ['127.0.0.1:19464'] }] }]
`;
  writeFileSync(join(folder, 'config.yml'), config);
  const flags = [`--config.file=${folder}/config.yml`, `--storage.tsdb.path=${folder}/data`];
  const child = spawn('prometheus', [...flags, '--web.listen-address=127.0.0.1:19090'], { stdio: 'ignore' });
  const closed = once(child, 'close');
  interface Answer {
    readonly status: string;
    readonly data: {
      readonly result: readonly { readonly value: readonly [number, string] }[];
      readonly groups: readonly { readonly rules: readonly { readonly health: string }[] }[];
    };
  }
  const ask = (path: string): Promise<Answer | null> =>
    fetch(`http://127.0.0.1:19090/api/v1/${path}`)
      .then((answer) => answer.json() as Promise<Answer>)
      .catch(() => null);
  const query = (text: string): Promise<Answer | null> => ask(`query?query=${encodeURIComponent(text)}`);
  try {
    let up: string | undefined;
    for (let tries = 0; tries < 150 && up !== '1'; tries++) {
      await delay(100);
      up = (await query('up'))?.data?.result?.[0]?.value?.[1];
    }
    expect(up).toBe('1');
    const { panels } = JSON.parse(readFileSync(join(root, 'docs/watch/dashboard.json'), 'utf8')) as {
      panels: { targets: { expr: string }[] }[];
    };
    expect(panels.length).toBeGreaterThan(5);
    for (const { expr } of panels.flatMap(({ targets }) => targets)) {
      expect((await query(expr))?.status, expr).toBe('success');
    }
    await delay(1500);
    const groups = (await ask('rules'))!.data.groups;
    expect(groups.flatMap(({ rules }) => rules.map(({ health }) => health))).toEqual(Array(7).fill('ok'));
  } finally {
    child.kill('SIGTERM');
    await closed;
    rmSync(folder, { recursive: true });
  }
}
