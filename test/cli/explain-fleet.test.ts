import { spawn, spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { defaultParquetLimits, ParquetOutput, plainRows } from '../../src/cli/explain-parquet.ts';
import type { Attempt } from '../../src/explain/judge/attempt.ts';
import { explainOne, film, type Talk } from '../../src/explain/testing.ts';
import { explainCommand, inFolder, main, sample } from '../support/explain-cli.ts';
import { chdbFolder, full, root, testNeeding } from '../support/needs.ts';

const HOSTS = 200;
const ROWS = full ? 1_000_000 : 20_000;
const page = readFileSync(join(root, 'docs', 'fleet.md'), 'utf8');
const blocks = (language: string): string[] =>
  [...page.matchAll(new RegExp(`^\`\`\`${language}\\n(.*?)^\`\`\`$`, 'gms'))].map((match) => match[1]!);

const client = { ttl: 64 };
const far = { ttl: 61 };
const one = (tell: (t: Talk) => void): Attempt => explainOne(film(tell));
/** What the client's host and the server's host see of the same connection; null: nothing. */
const kinds: Readonly<Record<string, readonly [Attempt, Attempt | null]>> = {
  good: [
    one((t) => t.c(0, 'S', client) + t.s(8, 'SA', far) + t.c(8.1, 'A', client) + t.close(20).c(30, 'A')),
    one((t) => t.c(0, 'S', far) + t.s(0.1, 'SA', client) + t.c(8.1, 'A', far) + t.close(20).c(30, 'A')),
  ],
  slow: [
    one(
      (t) => t.c(0, 'S', client) + t.c(1003, 'S', client) + t.s(1011, 'SA', far) + t.c(1011.1, 'A', client),
    ),
    one((t) => t.c(0, 'S', far) + t.s(0.1, 'SA', client) + t.c(8.1, 'A', far)),
  ],
  refused: [
    one((t) => t.c(0, 'S', client) + t.s(8, 'RA', far)),
    one((t) => t.c(0, 'S', far) + t.s(0.1, 'RA', client)),
  ],
  forged: [
    one((t) => t.c(0, 'S', client) + t.s(8, 'RA', far)),
    one((t) => t.c(0, 'S', far) + t.s(0.1, 'SA', client) + t.s(5000, 'SA', client)),
  ],
  gone: [
    one(
      (t) =>
        t.c(0, 'S', client) +
        t.c(1000, 'S', client) +
        t.c(3000, 'S', client) +
        t.c(7000, 'S', client) +
        t.c(15_000, 'S', client),
    ),
    null,
  ],
};

/** Connection number n: what it is, and between whom. */
function connection(n: number): { kind: string; from: number; to: number; isn: number } {
  const from = n % 100;
  const to = (n * 7 + Math.floor(n / 100)) % 100;
  // Service 3 is slow for a tenth, service 5 refuses a twentieth, in the name of 8 somebody refuses, 11 is out of reach for some.
  const lot = Math.floor(n / 100) % 20;
  const kind =
    to === 3 && lot < 2
      ? 'slow'
      : to === 5 && lot < 1
        ? 'refused'
        : to === 8 && lot < 1
          ? 'forged'
          : to === 11 && lot < 1
            ? 'gone'
            : 'good';
  return { kind, from, to, isn: Math.imul(n + 1, 0x9e3779b1) };
}

const hostName = (n: number): string => `host-${n}`;

/** Files of all hosts as their collectors write them. @returns how many rows there are */
async function lake(folder: string): Promise<Record<string, number>> {
  const rows: { a: Attempt; n: number }[][] = Array.from({ length: HOSTS }, () => []);
  const count: Record<string, number> = { rows: 0 };
  for (let n = 0; count.rows! < ROWS; n++) {
    const { kind, from, to } = connection(n);
    const [mine, theirs] = kinds[kind]!;
    rows[from]!.push({ a: mine, n });
    if (theirs !== null) rows[100 + to]!.push({ a: theirs, n });
    count.rows! += theirs === null ? 1 : 2;
    count[kind] = (count[kind] ?? 0) + 1;
  }
  // The table forgets what is old.
  const start = Math.floor(Date.now() / 1000) - 100_000;
  for (let host = 0; host < HOSTS; host++) {
    let seconds = start;
    const output = await ParquetOutput.open(folder, true, defaultParquetLimits, {
      ...plainRows,
      host: hostName(host),
      rotate: { seconds: 3600 },
      clock: () => seconds,
    });
    output.begin('any');
    for (const { a, n } of rows[host]!) {
      const { from, to, isn } = connection(n);
      seconds = start + Math.floor((n / ROWS) * 7000);
      output.add({
        ...a,
        client: `10.1.0.${from}`,
        server: `10.2.0.${to}`,
        clientPort: 32_768 + (Math.floor(n / 100) % 28_000),
        serverPort: 443,
        baseSeconds: seconds,
        evidence: { ...a.evidence, clientIsn: isn },
      });
    }
    output.close();
  }
  return count;
}

describe('docs/fleet.md', () => {
  let folder = '';
  let count: Record<string, number> = {};
  const duck: unknown[][] = [];
  beforeAll(async () => {
    folder = mkdtempSync(join(tmpdir(), 'halfopen-fleet-'));
    mkdirSync(join(folder, 'lake'));
    count = await lake(join(folder, 'lake'));
    const connection = await (await DuckDBInstance.create()).connect();
    await connection.run(`SET file_search_path = '${folder}'`);
    await connection.run(blocks('duckdb')[0]!);
    for (const sql of blocks('ask'))
      duck.push((await connection.runAndReadAll(sql)).getRowsJson().map((row) => row.map(String)));
    connection.closeSync();
  }, 180_000);
  afterAll(() => rmSync(folder, { recursive: true, force: true }));

  test('finds with its questions what is wrong in the fleet', () => {
    expect(count.rows).toBeGreaterThanOrEqual(ROWS);
    expect(duck.length).toBe(6);
    const [failing, slow, , lost, never, forged] = duck as string[][][];
    const total = (rows: string[][], at: number): number =>
      rows.reduce((sum, row) => sum + Number(row[at]), 0);
    expect(failing!.map((row) => row[2]).sort()).toEqual(['refused', 'refused', 'unanswered', 'unconfirmed']);
    expect(slow!.map((row) => [row[0], Number(row[3])])).toEqual([['10.2.0.3', count.slow]]);
    expect(lost!.every((row) => row[1] === hostName(103))).toBe(true);
    expect(never!.every((row) => row[1] === '10.2.0.11')).toBe(true);
    if (never!.length < 20) expect(total(never!, 3)).toBe(count.gone);
    expect(forged).toEqual([['10.2.0.8', '443', hostName(108), String(count.forged)]]);
  });

  testNeeding('test/cli/explain-fleet.test.ts', 'chdb')(
    'has a table for ClickHouse that takes the files, and the same answers there',
    () => {
      const script = join(folder, 'ask.cjs');
      const chdb = join(chdbFolder, 'node_modules', 'chdb');
      writeFileSync(
        script,
        `const { Session } = require(${JSON.stringify(chdb)});
const { make, ask } = JSON.parse(require('fs').readFileSync(0, 'utf8'));
const session = new Session(${JSON.stringify(join(folder, 'clickhouse'))});
for (const sql of make) session.query(sql);
const rows = session.query('SELECT count() FROM attempts', 'TSV').trim();
const answers = ask.map((sql) => session.query(sql.replace(/;\\s*$/, ''), 'JSONCompact'));
session.close();
console.log(JSON.stringify({ rows, answers: answers.map((text) => JSON.parse(text).data) }));`,
      );
      const make = blocks('sql').map((sql) => sql.replace("file('lake", `file('${folder}/lake`));
      expect(make.length).toBe(2);
      const { status, stdout, stderr } = spawnSync(process.execPath, [script], {
        cwd: folder,
        input: JSON.stringify({ make, ask: blocks('ask') }),
        encoding: 'utf8',
        maxBuffer: 1 << 26,
        timeout: 120_000,
      });
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      const told = JSON.parse(stdout) as { rows: string; answers: unknown[][][] };
      expect(Number(told.rows)).toBe(count.rows);
      expect(told.answers.map((rows) => rows.map((row) => row.map(String)))).toEqual(duck);
    },
    180_000,
  );
});

describe('explain --rotate', () => {
  const two = (folder: string): string[] =>
    readdirSync(folder, { recursive: true })
      .map(String)
      .filter((name) => /\.(parquet|ndjson|draft)$/.test(name))
      .sort();

  test('begins a new file by size, each whole, with the host in every row', () =>
    inFolder(async (folder) => {
      const bytes = Buffer.from(readFileSync(sample));
      const args = ['--parquet', 'lake', '--ndjson', 'lines', '--rotate', '2K', '--hostname', 'web 1', '-'];
      expect(explainCommand(args, folder, bytes)).toMatchObject({ status: 0, stderr: '' });
      const lines = two(join(folder, 'lines'));
      expect(lines.length).toBeGreaterThan(5);
      for (const name of lines)
        expect(name).toMatch(/^dt=2026-01-01\/web_1-\d{8}T\d{6}\.\d{3}Z(-\d+)?\.ndjson$/);
      const told = lines.flatMap((name) =>
        readFileSync(join(folder, 'lines', name), 'utf8')
          .trimEnd()
          .split('\n')
          .map((line) => JSON.parse(line)),
      );
      expect(told.every(({ host, schema }) => host === 'web 1' && schema === 2)).toBe(true);
      const connection = await (await DuckDBInstance.create()).connect();
      const query = async (sql: string): Promise<unknown> =>
        (await connection.runAndReadAll(sql)).getRowsJson();
      const files = `'${folder}/lake/**/*.parquet'`;
      expect(two(join(folder, 'lake')).length).toBeGreaterThan(1);
      expect(await query(`SELECT count(*)::INT, min(host), max(host) FROM ${files}`)).toEqual([
        [told.length, 'web 1', 'web 1'],
      ]);
      expect(
        await query(`SELECT DISTINCT decode(key), decode(value) FROM parquet_kv_metadata(${files})`),
      ).toEqual([['halfopen.schema', '2']]);
      connection.closeSync();
    }));

  test('begins a new file when the time is over, and takes no name twice', async () => {
    await inFolder(async (folder) => {
      const [attempt] = [kinds.good![0]];
      for (let start = 0; start < 2; start++) {
        let now = 1_767_225_600;
        const output = await ParquetOutput.open(folder, true, defaultParquetLimits, {
          ...plainRows,
          format: 'ndjson',
          host: 'a',
          rotate: { seconds: 10 },
          clock: () => now,
        });
        output.begin('-');
        output.add(attempt);
        now += 9;
        output.add(attempt);
        expect(two(folder).filter((name) => name.endsWith('.ndjson')).length).toBe(start * 2);
        now += 1;
        output.tick();
        expect(two(folder).filter((name) => name.endsWith('.ndjson')).length).toBe(start * 2 + 1);
        now += 30;
        output.add(attempt);
        output.close();
      }
      const names = two(folder);
      expect(names.map((name) => name.replace('dt=2026-01-01/', ''))).toEqual([
        'a-20260101T000000.000Z-2.ndjson',
        'a-20260101T000000.000Z.ndjson',
        'a-20260101T000040.000Z-2.ndjson',
        'a-20260101T000040.000Z.ndjson',
      ]);
    });
  });

  test('leaves no half file when the command is killed', () =>
    inFolder(async (folder) => {
      const child = spawn(process.execPath, [main, 'explain', '--ndjson', 'lines', '--rotate', '1h', '-'], {
        cwd: folder,
        stdio: ['pipe', 'ignore', 'ignore'],
      });
      child.stdin.write(readFileSync(sample));
      await new Promise((resolve) => setTimeout(resolve, 500));
      child.kill('SIGKILL');
      await new Promise((resolve) => child.once('exit', resolve));
      expect(two(folder).filter((name) => name.endsWith('.ndjson'))).toEqual([]);
    }));

  test('says what is wrong with the way it was asked', () => {
    for (const [args, message] of [
      [['--rotate', '1h', '-'], /--rotate says how --parquet FOLDER or --ndjson FOLDER is filled/],
      [['--rotate', '1h', '--parquet', 'lake', sample], /--rotate is for what has no end/],
      [['--rotate', '0s', '--parquet', 'lake', '-'], /--rotate takes a time from 1s to 31d/],
      [['--rotate', 'often', '--parquet', 'lake', '-'], /--rotate takes a time from 1s to 31d/],
    ] as const) {
      const { status, stderr } = explainCommand(args);
      expect(status).toBe(2);
      expect(stderr).toMatch(message);
    }
  });
});
