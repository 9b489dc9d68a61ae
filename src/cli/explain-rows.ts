/** Files of rows, an attempt each: Parquet and NDJSON. Either has a hidden name until it is complete. */
import type { Attempt } from '../explain/judge/attempt.ts';
import { type Cell, columns, parquetColumns, SCHEMA } from '../explain/output/columns.ts';
import { attemptJson } from '../explain/output/json.ts';
import { LineBuffer } from '../explain/output/line-buffer.ts';
import { OutputFile } from './output/file.ts';

type Library = typeof import('hyparquet-writer');
type Schema = ConstructorParameters<Library['ParquetWriter']>[0]['schema'];

/** Where a row is from, beyond its packets. */
interface Origin {
  /** The capture, as it was named on the command line. */
  readonly capture: string;
  /** The host that it was captured on; empty if nobody said. */
  readonly host: string;
}

/** A file of rows. */
export interface RowFile {
  /** Rows that wait to be written. */
  readonly rows: number;
  /** How large the file is, or will about be once what waits is written, bytes. */
  readonly size: number;
  add(origin: Origin, a: Attempt): void;
  /** Writes the rows that wait. @returns how many */
  flush(): number;
  /** It is complete and gets its name. */
  close(): void;
  /** Nothing is left of it. */
  discard(): void;
}

/** What a row takes in a file before it is written, bytes: measured on captures of servers it is 60 to 140. */
const ROW_BYTES = 128;

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

/** A Parquet file. */
export class ParquetFile implements RowFile {
  rows = 0;
  private readonly file: OutputFile;
  private readonly writer: InstanceType<Library['ParquetWriter']>;
  private written = 0;
  private cells: Cell[][] = parquetColumns.map(() => []);

  constructor(library: Library, path: string) {
    this.file = OutputFile.open(path);
    this.writer = new library.ParquetWriter({
      writer: fileWriter(library, this.file),
      schema: schema(),
      createdBy: 'halfopen explain',
      kvMetadata: [{ key: 'halfopen.schema', value: String(SCHEMA) }],
    });
  }

  get size(): number {
    return this.written + this.rows * ROW_BYTES;
  }

  add({ capture, host }: Origin, a: Attempt): void {
    const { cells } = this;
    cells[0]!.push(capture);
    for (let n = 0; n < columns.length; n++) cells[n + 1]!.push(columns[n]!.cell(a));
    cells[columns.length + 1]!.push(host);
    this.rows++;
  }

  flush(): number {
    const { rows, cells } = this;
    if (rows === 0) return 0;
    const columnData = parquetColumns.map(({ name }, n) => ({ name, data: cells[n] as unknown[] }));
    this.writer.write({ columnData, rowGroupSize: rows });
    this.cells = parquetColumns.map(() => []);
    this.rows = 0;
    this.written = this.writer.writer.offset;
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

/** A file of lines. */
export class NdjsonFile implements RowFile {
  readonly rows = 0;
  size = 0;
  private readonly file: OutputFile;
  private readonly out: LineBuffer;

  constructor(path: string) {
    this.file = OutputFile.open(path);
    this.out = new LineBuffer((bytes) => this.file.write(bytes));
  }

  add({ capture, host }: Origin, a: Attempt): void {
    const line = attemptJson(a, capture, host);
    this.size += line.length + 1;
    this.out.line(line);
  }

  flush(): number {
    this.out.flush();
    return 0;
  }

  close(): void {
    this.out.flush();
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
