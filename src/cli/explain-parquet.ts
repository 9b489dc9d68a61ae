/** Attempts into Parquet files: one file, or one a day. Rows are written in groups, so memory stays bounded. */
import { mkdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Attempt } from '../explain/judge/attempt.ts';
import { type Cell, type Column, columns, dayOf } from '../explain/output/columns.ts';
import { WriteError } from './output/errors.ts';
import { OutputFile } from './output/file.ts';
import { fsPath } from './output/names.ts';

type Library = typeof import('hyparquet-writer');
type Schema = ConstructorParameters<Library['ParquetWriter']>[0]['schema'];

/** What bounds memory and files. */
interface ParquetLimits {
  /** Rows of a group, and rows that may wait for their group in all files together. */
  readonly groupRows: number;
  readonly waitingRows: number;
  /** More days than this are a wrong clock, and would be as many files. */
  readonly days: number;
}

export const defaultParquetLimits: ParquetLimits = { groupRows: 32_768, waitingRows: 65_536, days: 400 };

/** The first column: which capture the row is from, as the command was given it. */
const captureColumn: Pick<Column, 'name' | 'type' | 'nullable' | 'title'> = {
  name: 'capture',
  type: 'STRING',
  nullable: false,
  title: 'the capture, as it was named on the command line',
};

/** Names, types and meaning of all columns, in their order. */
export const parquetColumns: readonly Pick<Column, 'name' | 'type' | 'nullable' | 'title'>[] = [
  captureColumn,
  ...columns,
];

/** Where attempts go. */
export class ParquetOutput {
  private readonly library: Library;
  private readonly path: string;
  private readonly byDay: boolean;
  private readonly limits: ParquetLimits;
  private readonly files = new Map<string, DayFile>();
  private readonly names = new Set<string>();
  private capture = '';
  private name = '';
  private waiting = 0;

  private constructor(library: Library, path: string, byDay: boolean, limits: ParquetLimits) {
    this.library = library;
    this.path = path;
    this.byDay = byDay;
    this.limits = limits;
  }

  /**
   * Loads the library.
   * @param path a file, or the folder that dt=YYYY-MM-DD/ folders go into if `byDay`
   * @throws WriteError
   */
  static async open(
    path: string,
    byDay: boolean,
    limits: ParquetLimits = defaultParquetLimits,
  ): Promise<ParquetOutput> {
    const output = new ParquetOutput(await import('hyparquet-writer'), path, byDay, limits);
    // What cannot be written is told before a long capture is read.
    if (!byDay) output.writing(() => output.files.set('', output.openFile('')));
    return output;
  }

  /** Attempts that follow are from this capture. */
  begin(capture: string): void {
    this.capture = capture;
    if (!this.byDay) return;
    const base = capture === '-' ? 'stdin' : basename(capture).replace(/(\.(pcap|pcapng|cap|gz|zst))+$/i, '');
    let name = base;
    for (let n = 2; this.names.has(name); n++) name = `${base}-${n}`;
    this.names.add(name);
    this.name = name;
  }

  /** @throws WriteError */
  add(a: Attempt): void {
    this.writing(() => this.put(a));
  }

  private writing(action: () => void): void {
    try {
      action();
    } catch (error) {
      throw error instanceof WriteError ? error : new WriteError(this.path, error as NodeJS.ErrnoException);
    }
  }

  private put(a: Attempt): void {
    const { limits } = this;
    const day = this.byDay ? dayOf(a) : '';
    let file = this.files.get(day);
    if (file === undefined) {
      file = this.openFile(day);
      this.files.set(day, file);
    }
    file.add(this.capture, a);
    if (file.rows >= limits.groupRows) this.waiting -= file.flush();
    if (++this.waiting < limits.waitingRows) return;
    let fullest = file;
    for (const other of this.files.values()) if (other.rows > fullest.rows) fullest = other;
    this.waiting -= fullest.flush();
  }

  private openFile(day: string): DayFile {
    if (!this.byDay) return new DayFile(this.library, this.path);
    if (this.files.size >= this.limits.days)
      throw new Error(
        `${this.capture} has attempts on more than ${this.limits.days} days, so its clock is wrong: leave out --partition-by-day`,
      );
    const folder = join(this.path, `dt=${day}`);
    mkdirSync(fsPath(folder), { recursive: true });
    return new DayFile(this.library, join(folder, `${this.name}.parquet`));
  }

  /** A capture is over: with a file a day, its files are. @throws WriteError */
  end(): void {
    if (this.byDay) this.close();
  }

  /** Everything is over. A file without rows is written too, but no folder without. @throws WriteError */
  close(): void {
    this.writing(() => {
      for (const file of this.files.values()) file.close();
    });
    this.files.clear();
    this.waiting = 0;
  }

  /** Leaves nothing half-written behind. */
  discard(): void {
    for (const file of this.files.values()) file.discard();
    this.files.clear();
  }
}

/** Bytes that wait before they are written. */
const PIECE = 1 << 20;

/** The library's writer, into an output of ours. */
function fileWriter(library: Library, file: OutputFile): InstanceType<Library['ByteWriter']> {
  const writer = new library.ByteWriter();
  const flush = (): void => {
    file.write(new Uint8Array(writer.buffer, 0, writer.index));
    writer.index = 0;
  };
  const grow = writer.ensure.bind(writer);
  writer.ensure = (size) => {
    if (writer.index > PIECE) flush();
    grow(size);
  };
  writer.finish = flush;
  return writer;
}

/** One file. */
class DayFile {
  /** Rows that wait. */
  rows = 0;
  private readonly file: OutputFile;
  private readonly writer: InstanceType<Library['ParquetWriter']>;
  private cells: Cell[][] = parquetColumns.map(() => []);

  constructor(library: Library, path: string) {
    this.file = OutputFile.open(path);
    this.writer = new library.ParquetWriter({
      writer: fileWriter(library, this.file),
      schema: schema(),
      createdBy: 'halfopen explain',
    });
  }

  add(capture: string, a: Attempt): void {
    const { cells } = this;
    cells[0]!.push(capture);
    for (let n = 0; n < columns.length; n++) cells[n + 1]!.push(columns[n]!.cell(a));
    this.rows++;
  }

  /** Writes the rows that wait. @returns how many */
  flush(): number {
    const { rows, cells } = this;
    if (rows === 0) return 0;
    const columnData = parquetColumns.map(({ name }, n) => ({ name, data: cells[n] as unknown[] }));
    this.writer.write({ columnData, rowGroupSize: rows });
    this.cells = parquetColumns.map(() => []);
    this.rows = 0;
    return rows;
  }

  close(): void {
    this.flush();
    this.writer.finish();
    this.file.commit();
  }

  discard(): void {
    this.file.discard();
  }
}

const elements = {
  BOOLEAN: { type: 'BOOLEAN' },
  INT32: { type: 'INT32' },
  INT64: { type: 'INT64' },
  DOUBLE: { type: 'DOUBLE' },
  STRING: { type: 'BYTE_ARRAY', converted_type: 'UTF8' },
  TIMESTAMP: {
    type: 'INT64',
    converted_type: 'TIMESTAMP_MICROS',
    logical_type: { type: 'TIMESTAMP', isAdjustedToUTC: true, unit: 'MICROS' },
  },
} as const;

/** The file's schema; lists have the three levels that the format's LogicalTypes.md asks for. */
function schema(): Schema {
  const list: Schema = [{ name: 'attempts', num_children: parquetColumns.length }];
  for (const { name, type, nullable } of parquetColumns) {
    const repetition_type = nullable ? 'OPTIONAL' : 'REQUIRED';
    if (type === 'LIST<STRING>' || type === 'LIST<INT64>') {
      list.push(
        { name, repetition_type, num_children: 1, converted_type: 'LIST' },
        { name: 'list', repetition_type: 'REPEATED', num_children: 1 },
        {
          name: 'element',
          repetition_type: 'REQUIRED',
          ...elements[type === 'LIST<STRING>' ? 'STRING' : 'INT64'],
        },
      );
    } else list.push({ name, repetition_type, ...elements[type] });
  }
  return list;
}
