import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { examine, severities } from '../../src/doctor/check.ts';
import { checks } from '../../src/doctor/checks.ts';
import { withConsequences } from '../../src/doctor/consequences.ts';
import { changes, changesJson, humanReport, jsonReport } from '../../src/doctor/report.ts';
import { hostWith } from '../../src/doctor/testing.ts';
import { root, testNeeding } from '../support/needs.ts';
import { doctor, execute, inNamespace, main } from './namespace.ts';

const page = readFileSync(join(root, 'docs', 'doctor.md'), 'utf8');
const readme = readFileSync(join(root, 'README.md'), 'utf8');
const start = readme.indexOf('## Find what makes connections fail on a host (doctor)');
const end = readme.indexOf('\n## ', start + 1);
const section = readme.slice(start, end < 0 ? undefined : end);
const blocks = (text: string, language: string): string[] =>
  [...text.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'gms'))].map((match) => match[1]!);

describe('the page about the doctor', () => {
  test('has a row for every check, in their order, with its severities', () => {
    const table = page.slice(page.indexOf('## Checks'), page.indexOf('## Only some'));
    const rows = [...table.matchAll(/^\| `([a-z-]+)` \|.*\| ([^|]+) \| [^|]+ \|$/gm)];
    expect(rows.map((row) => row[1])).toEqual(checks.map(({ id }) => id));
    for (const row of rows)
      expect(
        severities.some((severity) => row[2]!.includes(severity)),
        row[1],
      ).toBe(true);
  });

  test('names every field of the JSON', () => {
    const names = (value: unknown): string[] => {
      if (Array.isArray(value)) return value.flatMap(names);
      if (typeof value !== 'object' || value === null) return [];
      return Object.entries(value).flatMap(([name, inner]) => [name, ...names(inner)]);
    };
    const host = hostWith({ settings: { 'net.ipv4.tcp_sack': '0', 'net.core.somaxconn': null } });
    const examination = examine(host, checks);
    const unused = [{ check: 'paws-drops', subject: null, line: 1 }];
    const report = { host, examination, accepted: examination.found, unused, prefix: '' };
    const difference = changesJson(changes(examination, { ...examination, found: [] }), '');
    const fields = new Set([...names(jsonReport(report)), ...names(difference)]);
    expect(fields.size).toBeGreaterThan(15);
    expect([...fields].filter((name) => !page.includes(`\`${name}\``))).toEqual([]);
  });

  test('says as many checks as there are in the README, which shows what the command prints', () => {
    expect(section).toContain(`${checks.length} checks.`);
    const host = hostWith({
      sockets: [
        { local: '127.0.0.1:50000', remote: '127.0.0.1:50000', state: '01' },
        { local: '0.0.0.0:8080', state: '0A', receiveQueue: 512, inode: 7 },
      ],
      before: { ListenOverflows: 1204 },
      counters: { ListenOverflows: 1291 },
      host: { acceptLimits: { ok: true, where: 'ss -lntHe', value: new Map([[7, 511]]) } },
    });
    const all = examine(host, checks);
    const examination = { ...all, found: withConsequences(all.found) };
    const report = { host, examination, accepted: [], unused: [], prefix: '' };
    expect(blocks(section, 'text')).toEqual([humanReport(report, (_, text) => text)]);
  });

  test('names options that the command has', async () => {
    const { stdout: help } = await doctor('--help');
    const named = new Set([...`${page}${section}`.matchAll(/--[a-z]+/g)].map(([option]) => option));
    named.delete('--import'); // Node's, in the README's example
    for (const option of named) expect(help).toContain(option);
    for (const { id } of checks) expect(help).toContain(`  ${id} `);
  });

  testNeeding(
    'test/doctor/docs.test.ts',
    'netns',
    'python3',
  )('has commands that run as they stand, and so has the README', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'halfopen-docs-'));
    try {
      mkdirSync(join(folder, 'bin'));
      // Those of a user's shell: the command itself, and a pager that does not wait.
      writeFileSync(
        join(folder, 'bin', 'halfopen'),
        `#!/bin/sh\nexec '${process.execPath}' '${main}' "$@"\n`,
        { mode: 0o755 },
      );
      writeFileSync(join(folder, 'bin', 'less'), '#!/bin/sh\nexec cat "$@"\n', { mode: 0o755 });
      await inNamespace('healthy', async (pid) => {
        const env = {
          ...process.env,
          PATH: `${folder}/bin:${process.env.PATH}`,
          PID: `${pid}`,
          TEXTFILE_DIR: folder,
        };
        const scripts = [...blocks(page, 'sh'), ...blocks(section, 'sh')];
        expect(scripts.length).toBeGreaterThan(6);
        for (const script of scripts) {
          const args = ['-t', `${pid}`, '-n', 'sh', '-c', script];
          const { code, stderr } = await execute('nsenter', args, { cwd: folder, env });
          expect({ code, stderr }, script).toEqual({ code: 0, stderr: '' });
        }
        expect(readFileSync(join(folder, 'halfopen.prom'), 'utf8')).toMatch(/^halfopen_doctor_sockets \d+$/m);
      });
    } finally {
      rmSync(folder, { recursive: true });
    }
  });
});
