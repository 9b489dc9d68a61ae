import { spawnSync } from 'node:child_process';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, test } from 'vitest';
import { buildLwip, buildTiny } from '../../tools/stacks.mjs';
import { full, root, testNeeding } from '../support/needs.ts';

const place = mkdtempSync(join(tmpdir(), 'halfopen-'));
afterAll(() => rmSync(place, { recursive: true }));

const musts = (...args: string[]) => {
  const options = { cwd: root, encoding: 'utf8', maxBuffer: 1e8 } as const;
  return spawnSync(process.execPath, [join(root, 'dist/cli/main.js'), 'musts', ...args], options);
};

interface Row {
  readonly script: string;
  readonly name: string;
  readonly section: string;
  readonly says: string;
  readonly verdicts: readonly { readonly name: string; readonly kind: string; readonly why: string }[];
}
const rowsOf = (stdout: string): Row[] =>
  stdout
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as Row);

/** The table in the docs: what stands in a column for each requirement. */
function written(column: string): Map<string, string> {
  const lines = readFileSync(join(root, 'docs/rfc9293.md'), 'utf8').split('\n');
  const cells = (line: string): string[] => line.split(' | ').map((cell) => cell.replace(/^\| | \|$/g, ''));
  const head = lines.findIndex((line) => line.startsWith('| requirement |'));
  const at = cells(lines[head]!.replace('|  |', '| what |')).indexOf(column);
  const rows = lines.slice(head + 2).filter((line) => line.startsWith('| '));
  return new Map(rows.map((line) => [cells(line)[1]!, cells(line)[at]!]));
}
const word = { yes: 'yes', no: 'no', none: '–' } as const;
const made = (rows: readonly Row[], column: number): Map<string, string> =>
  new Map(rows.map(({ says, verdicts }) => [says, word[verdicts[column]!.kind as keyof typeof word]]));

describe('halfopen musts', () => {
  testNeeding('test/exec/musts.test.ts', 'lwip')(
    'the table in the docs is the one that the command makes, for halfopen, lwIP and the tiny stack',
    () => {
      const on = ['halfopen=built-in', `lwIP=${buildLwip()}`, `tiny stack=${buildTiny()}`];
      const { stdout } = musts('--json', ...on.flatMap((each) => ['--on', each]));
      const rows = rowsOf(stdout);
      for (const [i, name] of ['halfopen', 'lwIP', 'tiny stack'].entries())
        expect(written(name), `${name}: npm run musts`).toEqual(made(rows, i));
    },
  );

  testNeeding('test/exec/musts.test.ts', 'namespaces')(
    'the kernel’s column is what this kernel does, as far as that does not take long',
    { timeout: 600_000 },
    () => {
      const some = ['must-55-source-quench', 'must-46-open-to-multicast', 'must-10-simultaneous-open'];
      const paths = full ? [] : some.map((name) => join(root, 'scripts/rfc9293', `${name}.pkt`));
      const { stdout } = musts('--json', '--on', 'Linux=kernel', '--most-seconds', '20', ...paths);
      const table = written('Linux');
      const ran = rowsOf(stdout).filter(({ verdicts }) => verdicts[0]!.kind !== 'none');
      expect(ran.length).toBeGreaterThanOrEqual(full ? 20 : some.length);
      // A machine that is busy is late for what a script wants soon: such a no is asked about once more, alone.
      const differs = ran.filter(({ says, verdicts }) => table.get(says) !== verdicts[0]!.kind);
      for (const { script, says } of differs) {
        const again = rowsOf(musts('--json', '--jobs', '1', '--on', 'Linux=kernel', script).stdout)[0]!;
        expect([script, again.verdicts[0]!.kind, again.verdicts[0]!.why]).toEqual([
          script,
          table.get(says),
          again.verdicts[0]!.why,
        ]);
      }
    },
  );

  test('has a script for each requirement, which names it; MUST-10 is fulfilled here', () => {
    const { stdout, status } = musts('--json');
    const rows = rowsOf(stdout);
    const files = readdirSync(join(root, 'scripts/rfc9293'));
    expect(rows.length).toBe(files.length);
    expect(rows.find(({ name }) => name === 'MUST-10')!.verdicts).toEqual([
      { name: 'halfopen', on: 'built-in', kind: 'yes', why: '' },
    ]);
    const mustnt = rows.filter(({ verdicts }) => verdicts[0]!.kind === 'no').map(({ name }) => name);
    expect(mustnt).toEqual(['MUST-13', 'MUST-23', 'MUST-56']);
    expect(status).toBe(1);
    for (const { script, name } of rows) {
      const number = /must-(\d+)/.exec(script)?.[1];
      expect(name, script).toMatch(number === undefined ? /^3\./ : new RegExp(`^MUST-${Number(number)}\\b`));
    }
  });

  test('prints a table for people in either language, and for a document', () => {
    const one = join(root, 'scripts/rfc9293/must-23-syn-for-three-minutes.pkt');
    expect(musts(one, '--lang', 'en').stdout).toMatch(
      /^requirement {6}halfopen {2}\nMUST-23 \(3.8.3\) {2}no {8}the thresh[\s\S]*- MUST-23 \(3.8.3\), halfopen: line 8: runtime[\s\S]*halfopen: 0 of 1 fulfilled/,
    );
    expect(musts(one, '--lang', 'zh').stdout).toMatch(/要求[\s\S]*否[\s\S]*第 8 行/);
    expect(musts(one, '--markdown', '--on', 'we=built-in').stdout).toMatch(
      /^\| requirement \| {2}\| we \|\n\| --- \| --- \| --- \|\n\| MUST-23 \(3.8.3\) \| the .* \| no \|\n/,
    );
  });

  test('wrong usage is told', () => {
    const bad = join(place, 'bad.pkt');
    writeFileSync(bad, '0 socket(..., SOCK_STREAM, IPPROTO_TCP) = 3\n');
    expect(musts(bad, '--lang', 'en')).toMatchObject({
      status: 2,
      stderr: expect.stringMatching(/bad.pkt: its first line names no requirement/),
    });
    for (const args of [
      ['--on', 'x'],
      ['--jobs', '0'],
      ['--json', '--markdown'],
      ['--what'],
      [join(place, 'none.pkt')],
    ])
      expect(musts(...args).status, args.join(' ')).toBe(2);
  });
});
