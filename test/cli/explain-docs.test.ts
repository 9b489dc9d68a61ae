import { spawnSync } from 'node:child_process';
import { readFileSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { pathToFileURL } from 'node:url';
import { DuckDBInstance } from '@duckdb/node-api';
import { describe, expect, test } from 'vitest';
import { type Attempt, explain, notes, verdicts } from '../../src/explain/index.ts';
import { parquetColumns } from '../../src/explain/output/columns.ts';
import { sampleCapture } from '../explain/sample.ts';
import { attemptsOf } from '../explain/truth.ts';
import { explainCommand, inFolder, main, sample } from '../support/explain-cli.ts';
import { root } from '../support/needs.ts';

if (process.env.HALFOPEN_SAMPLE) writeFileSync(sample, sampleCapture());

const page = (name: string): string => readFileSync(join(root, 'docs', name), 'utf8');
const blocks = (text: string, language: string): string[] =>
  [...text.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'gms'))].map((match) => match[1]!);
const readme = readFileSync(join(root, 'README.md'), 'utf8');
const start = readme.indexOf('## Explain a capture');
const section = readme.slice(start, readme.indexOf('\n## ', start + 1));

/** Runs scripts of a page as they stand, in a folder beside the clone's docs. */
function runScripts(scripts: readonly string[], folder: string): string[] {
  symlinkSync(join(root, 'docs'), join(folder, 'docs'));
  const halfopen = join(folder, 'halfopen');
  writeFileSync(halfopen, `#!/bin/sh\nexec '${process.execPath}' '${main}' "$@"\n`, { mode: 0o755 });
  const env = { ...process.env, NO_COLOR: '1', PATH: `${folder}:${process.env.PATH}` };
  return scripts.map((script) => {
    const { status, stdout, stderr } = spawnSync('sh', ['-ec', script], {
      cwd: folder,
      env,
      encoding: 'utf8',
    });
    expect({ status, stderr }, script).toEqual({ status: 0, stderr: '' });
    return stdout;
  });
}

describe('the capture of the documentation', () => {
  test('is what the built-in stack makes of that night', async () => {
    const now: Attempt[] = [];
    for await (const attempt of explain([sampleCapture()])) now.push(attempt);
    const told = (list: readonly Attempt[]): string[] => list.map((a) => `${a.verdict} ${a.server}`);
    expect(told(attemptsOf(sample))).toEqual(told(now));
  });
});

describe('README about explain', () => {
  test('has commands that run, and shows what they print', () =>
    inFolder((folder) => {
      const scripts = blocks(section, 'sh');
      expect(scripts.length).toBe(3);
      const printed = runScripts(scripts, folder);
      expect(printed.slice(0, 2)).toEqual(blocks(section, 'text').slice(0, 2));
      expect(readFileSync(join(folder, 'report.html'), 'utf8')).toContain('</html>');
      const lines = readFileSync(join(folder, 'attempts.ndjson'), 'utf8').trimEnd().split('\n');
      expect(lines.map((line) => JSON.parse(line).attempt).length).toBe(attemptsOf(sample).length);
    }));

  test('counts verdicts and notes, and names options that there are', () => {
    const codes = Object.keys(verdicts).length;
    expect(section).toContain(`${codes} verdicts and ${Object.keys(notes).length - codes} notes`);
    const help = explainCommand(['--help']).stdout;
    const text = `${section}${page('explain.md')}${page('explain-json.md')}${page('explain-parquet.md')}`;
    for (const [option] of text.matchAll(/--[a-z][a-z-]+/g)) expect(help).toContain(option);
  });
});

describe('docs/explain.md', () => {
  const rows = (from: string, to: string): string[][] => {
    const text = page('explain.md');
    const part = text.slice(text.indexOf(from), text.indexOf(to));
    return [...part.matchAll(/^\| `([a-z-]+)` \| ([^|]+) \|/gm)].map((match) => [match[1]!, match[2]!]);
  };

  test('has every verdict, in the words of the program', () => {
    expect(rows('## Verdicts', '## Notes')).toEqual(
      Object.entries(verdicts).map(([code, { title }]) => [code, title]),
    );
  });

  test('has every note, in the words of the program', () => {
    const others = Object.entries(notes).filter(([code]) => !(code in verdicts));
    expect(rows('## Notes', '## Rivals')).toEqual(others.map(([code, { title }]) => [code, title]));
  });

  test('has the rivals of every verdict', () => {
    const text = page('explain.md');
    const part = text.slice(text.indexOf('## Rivals'), text.indexOf('## Figures'));
    const named = [...part.matchAll(/^\| ((?:`[a-z-]+`(?:, )?)+) \| [^|]{8,} \| [^|]{8,} \|$/gm)].flatMap(
      (row) => [...row[1]!.matchAll(/`([a-z-]+)`/g)].map((match) => match[1]!),
    );
    expect(new Set(named).size).toBe(named.length);
    expect(Object.keys(verdicts).filter((verdict) => !named.includes(verdict))).toEqual([]);
    expect(named.filter((name) => !(name in notes))).toEqual([]);
  });

  test('has an example for browsers that works on a chosen file', async () => {
    const [code] = blocks(page('explain.md'), 'js');
    const library = pathToFileURL(join(root, 'dist', 'explain', 'index.js')).href;
    await inFolder(async (folder) => {
      const file = join(folder, 'example.mjs');
      writeFileSync(
        file,
        `${code!.replace("'halfopen/explain'", `'${library}'`)}
import { readFileSync } from 'node:fs';
console.log(JSON.stringify(await refused(new Blob([readFileSync(process.argv[2])]))));`,
      );
      const { stdout, stderr } = spawnSync(process.execPath, [file, sample], { encoding: 'utf8' });
      expect(stderr).toBe('');
      const refused = attemptsOf(sample).filter((a) => a.outcome === 'refused');
      expect(JSON.parse(stdout)).toEqual(refused.map((a) => a.sentence));
      expect(refused.length).toBe(2);
    });
  });
});

describe('docs/explain-json.md', () => {
  const text = page('explain-json.md');
  const documented = new Set(
    [...text.matchAll(/^\| ((?:`[a-z_]+`(?:, )?)+) \|/gm)].flatMap((match) =>
      match[1]!.split(', ').map((name) => name.replaceAll('`', '')),
    ),
  );

  test('has every field that the program can write, and no other', () => {
    const source = ['json.ts', 'clean-json.ts']
      .map((name) => readFileSync(join(root, 'src', 'explain', 'output', name), 'utf8'))
      .join('');
    const written = new Set(
      [...source.matchAll(/"([a-z_]+)":|list\('([a-z_]+)'/g)].map((match) => match[1] ?? match[2]!),
    );
    expect(written.size).toBeGreaterThan(50);
    expect([...documented].sort()).toEqual([...written].sort());
  });

  test("has every state of Zeek's that the program can write", () => {
    const source = readFileSync(join(root, 'src', 'explain', 'judge', 'details.ts'), 'utf8');
    const states = new Set([...source.matchAll(/'(S[0-3HF]|SHR|OTH|REJ|RST[A-Z0-9]+)'/g)].map((m) => m[1]!));
    expect(states.size).toBe(13);
    for (const state of states) expect(text).toMatch(new RegExp(`^\\|.*\`${state}\`.*\\|.*\\|$`, 'm'));
  });

  test('shows what its command prints', () =>
    inFolder((folder) => {
      expect(runScripts(blocks(text, 'sh'), folder)).toEqual(blocks(text, 'json'));
    }));

  test('marks the fields that every line has', () => {
    const always = new Set(
      [...text.matchAll(/^\| ((?:`[a-z_]+`(?:, )?)+) \|.*\*always\* \|$/gm)].flatMap((match) =>
        match[1]!.split(', ').map((name) => name.replaceAll('`', '')),
      ),
    );
    const lines = explainCommand(['--json', sample]).stdout.trimEnd().split('\n');
    const objects = lines.map((line) => JSON.parse(line) as Record<string, unknown>);
    const inAll = Object.keys(objects[0]!).filter((name) => objects.every((object) => name in object));
    const top = [...always].filter((name) => !['window', 'kinds', 'client_mss', 'server_mss'].includes(name));
    for (const name of top) expect(inAll).toContain(name);
  });
});

describe('docs/explain-parquet.md', () => {
  const text = page('explain-parquet.md');

  test('lists the columns that the program writes', () => {
    const rows = [...text.matchAll(/^\| `([a-z_]+)` \| `([A-Z0-9<>]+)` \| (yes|no) \| (.*) \|$/gm)];
    expect(rows.map(([, ...cells]) => cells)).toEqual(
      parquetColumns.map(({ name, type, nullable, title }) => [name, type, nullable ? 'yes' : 'no', title]),
    );
  });

  test('has SQL that DuckDB runs on what its commands write', () =>
    inFolder(async (folder) => {
      runScripts(blocks(text, 'sh'), folder);
      const connection = await (await DuckDBInstance.create()).connect();
      await connection.run(`SET file_search_path = '${folder}'`);
      const results = [];
      for (const sql of blocks(text, 'sql'))
        results.push((await connection.runAndReadAll(sql)).getRowObjectsJson());
      connection.closeSync();
      expect(results.length).toBe(6);
      for (const rows of results) expect(rows.length).toBeGreaterThan(0);
      const [services, failures, times, standing] = results as Record<string, unknown>[][];
      expect(services![0]).toMatchObject({ server: '192.0.2.2', server_port: 443, attempts: '6' });
      expect(failures![0]).toMatchObject({ verdict: 'refused', attempts: '2' });
      expect(times!.every((row) => Number(row.median_ms) > 20)).toBe(true);
      expect(standing![0]).toEqual({ note: 'syn-retransmitted', attempts: '2', first: '4' });
    }));
});
