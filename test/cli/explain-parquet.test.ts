import { copyFileSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DuckDBInstance } from '@duckdb/node-api';
import { describe, expect, test } from 'vitest';
import { defaultParquetLimits, ParquetOutput } from '../../src/cli/explain-parquet.ts';
import { parquetColumns } from '../../src/explain/output/columns.ts';
import { pcapngHeader, pcapngPacket } from '../../src/wire/pcap.ts';
import { attemptsOf } from '../explain/truth.ts';
import { explainCommand, inFolder, sample } from '../support/explain-cli.ts';

type Rows = Record<string, unknown>[];

async function query(sql: string): Promise<Rows> {
  const instance = await DuckDBInstance.create();
  const connection = await instance.connect();
  try {
    await connection.run("SET TimeZone = 'UTC'");
    return (await connection.runAndReadAll(sql)).getRowObjectsJson();
  } finally {
    connection.closeSync();
    instance.closeSync();
  }
}

describe('explain --parquet', () => {
  test('has a row for each attempt, with the columns and types that are documented', async () => {
    await inFolder(async (folder) => {
      const { status, stderr } = explainCommand(['--parquet', 'out.parquet', sample], folder);
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      const file = join(folder, 'out.parquet');
      const sqlTypes: Record<string, string> = {
        STRING: 'VARCHAR',
        INT64: 'BIGINT',
        INT32: 'INTEGER',
        DOUBLE: 'DOUBLE',
        BOOLEAN: 'BOOLEAN',
        TIMESTAMP: 'TIMESTAMP WITH TIME ZONE',
        'LIST<STRING>': 'VARCHAR[]',
        'LIST<INT64>': 'BIGINT[]',
      };
      const described = await query(`DESCRIBE SELECT * FROM '${file}'`);
      expect(described.map((row) => [row.column_name, row.column_type])).toEqual(
        parquetColumns.map(({ name, type }) => [name, sqlTypes[type]]),
      );
      const rows = await query(`SELECT * FROM '${file}' ORDER BY attempt`);
      const attempts = attemptsOf(sample);
      expect(rows.map((row) => [row.attempt, row.verdict, row.sentence, row.notes, row.frames])).toEqual(
        attempts.map((a) => [`${a.number}`, a.verdict, a.sentence, [...a.notes], a.frames.map(String)]),
      );
      expect(rows[0]).toMatchObject({ capture: sample, time: '2026-01-01 00:00:01+00', answered_mss: 1460 });
    });
  });

  test('puts each capture into a file per day, and nothing half-written is left', async () => {
    await inFolder(async (folder) => {
      for (const place of ['a', 'b']) mkdirSync(join(folder, place));
      copyFileSync(sample, join(folder, 'a', 'web.pcapng'));
      copyFileSync(sample, join(folder, 'b', 'web.pcapng'));
      const args = ['--parquet', 'lake', '--partition-by-day', 'a/web.pcapng', 'b/web.pcapng'];
      expect(explainCommand(args, folder)).toMatchObject({ status: 0, stderr: '' });
      const day = join(folder, 'lake', 'dt=2026-01-01');
      expect(readdirSync(day).sort()).toEqual(['web-2.parquet', 'web.parquet']);
      const rows = await query(
        `SELECT dt, capture, count(*)::INT AS n FROM '${folder}/lake/**/*.parquet' GROUP BY ALL ORDER BY capture`,
      );
      const n = attemptsOf(sample).length;
      expect(rows).toEqual([
        { dt: '2026-01-01', capture: 'a/web.pcapng', n },
        { dt: '2026-01-01', capture: 'b/web.pcapng', n },
      ]);
    });
  });

  test('writes many rows in groups that stay small in memory', async () => {
    await inFolder(async (folder) => {
      const file = join(folder, 'many.parquet');
      const attempts = attemptsOf(sample);
      const output = await ParquetOutput.open(file, false, { ...defaultParquetLimits, groupRows: 1000 });
      output.begin('many');
      const wanted = 2500;
      for (let n = 0; n < wanted; n++) output.add(attempts[n % attempts.length]!);
      output.close();
      const [groups] = await query(
        `SELECT count(DISTINCT row_group_id)::INT AS n, max(row_group_num_rows)::INT AS most FROM parquet_metadata('${file}')`,
      );
      expect(groups).toEqual({ n: 3, most: 1000 });
      expect(
        await query(`SELECT count(*)::INT AS n, count(DISTINCT sentence)::INT AS s FROM '${file}'`),
      ).toEqual([{ n: wanted, s: new Set(attempts.map((a) => a.sentence)).size }]);
    });
  });

  test('keeps the rows of days that take turns within its memory', async () => {
    await inFolder(async (folder) => {
      const [attempt] = attemptsOf(sample);
      const output = await ParquetOutput.open(folder, true, { groupRows: 1000, waitingRows: 600, days: 30 });
      output.begin('turns.pcap');
      // One day gets most; it is the one that has to make room.
      for (let n = 0; n < 1500; n++)
        output.add({ ...attempt!, baseSeconds: attempt!.baseSeconds + (n % 4 ? 0 : (n / 4) % 30) * 86_400 });
      output.end();
      output.close();
      expect(readdirSync(folder).length).toBe(30);
      expect(await query(`SELECT count(*)::INT AS n FROM '${folder}/**/*.parquet'`)).toEqual([{ n: 1500 }]);
      const [groups] = await query(
        `SELECT count(DISTINCT file_name || row_group_id)::INT AS n FROM parquet_metadata('${folder}/**/*.parquet')`,
      );
      // One for each day, and three that had to make room.
      expect(Number(groups!.n)).toBe(33);
    });
  });

  test('gives up with one message when a clock jumps over too many days', async () => {
    const [attempt] = attemptsOf(sample);
    await inFolder(async (folder) => {
      const output = await ParquetOutput.open(folder, true, { ...defaultParquetLimits, days: 20 });
      output.begin('wild.pcap');
      expect(() => {
        for (let n = 0; n < 21; n++)
          output.add({ ...attempt!, baseSeconds: attempt!.baseSeconds + n * 86_400 });
      }).toThrow(/wild\.pcap has attempts on more than 20 days.*leave out --partition-by-day/);
      output.discard();
      expect(readdirSync(folder).flatMap((day) => readdirSync(join(folder, day)))).toEqual([]);
    });
  });

  test('writes a table without rows for a capture without attempts, and all rows of a damaged one', async () => {
    await inFolder(async (folder) => {
      writeFileSync(join(folder, 'none.pcapng'), pcapngHeader());
      expect(explainCommand(['--parquet', 'none.parquet', 'none.pcapng'], folder).status).toBe(0);
      expect(await query(`SELECT count(*)::INT AS n FROM '${folder}/none.parquet'`)).toEqual([{ n: 0 }]);
      const whole = readFileSync(sample);
      writeFileSync(join(folder, 'cut.pcapng'), whole.subarray(0, whole.length - 30));
      const cut = explainCommand(['--parquet', 'cut.parquet', 'cut.pcapng'], folder);
      expect(cut.status).toBe(1);
      expect(cut.stderr).toMatch(/^halfopen explain: cut\.pcapng: .*\(at byte \d+\)\n$/);
      const [rows] = await query(`SELECT count(*)::INT AS n FROM '${folder}/cut.parquet'`);
      expect(rows).toEqual({ n: attemptsOf(sample).length });
    });
  });

  test('takes times that no calendar has', async () => {
    await inFolder(async (folder) => {
      const ip = new Uint8Array(40);
      ip.set([0x45, 0, 0, 40, 0, 0, 0x40, 0, 64, 6, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2, 0x30, 0x39, 0, 80]);
      ip.set([0x50, 2], 32);
      const packet = pcapngPacket(0n, ip);
      packet.fill(0xff, 12, 20);
      // The interface counts whole seconds (if_tsresol 0).
      const header = pcapngHeader();
      const resolution = header.findIndex(
        (byte, n) => byte === 9 && header[n + 1] === 0 && header[n + 2] === 1,
      );
      header[resolution + 4] = 0;
      writeFileSync(join(folder, 'late.pcapng'), Buffer.concat([header, packet]));
      const { status, stderr } = explainCommand(
        ['--parquet', 'days', '--partition-by-day', '--html', 'late.html', 'late.pcapng'],
        folder,
      );
      expect({ status, stderr }).toEqual({ status: 0, stderr: '' });
      expect(readdirSync(join(folder, 'days'))).toEqual(['dt=+275760-09-13']);
    });
  });

  test('says before it reads what cannot be written', () =>
    inFolder((folder) => {
      writeFileSync(join(folder, 'file'), '');
      const usage = (...args: string[]): unknown => explainCommand([...args, sample], folder);
      expect(usage('--parquet', '.')).toMatchObject({
        status: 2,
        stdout: '',
        stderr: 'halfopen explain: --parquet .: is a folder (--partition-by-day fills folders)\n',
      });
      expect(usage('--parquet', 'none/out.parquet')).toMatchObject({
        status: 2,
        stderr: 'halfopen explain: --parquet none/out.parquet: there is no folder none\n',
      });
      expect(usage('--parquet', 'file', '--partition-by-day')).toMatchObject({
        status: 2,
        stderr:
          'halfopen explain: --parquet file: is a file, and --partition-by-day and --rotate need a folder\n',
      });
      expect(usage('--partition-by-day')).toMatchObject({ status: 2 });
      expect(existsSync(join(folder, 'none'))).toBe(false);
    }));
});
