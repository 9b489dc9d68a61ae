/** Attempts into files of rows: one file, one a day, or one for each turn of a rotation. Rows are written in groups, so memory stays bounded. */
import { existsSync, mkdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import type { Attempt } from '../explain/judge/attempt.ts';
import { dayOf } from '../explain/output/columns.ts';
import { NdjsonFile, ParquetFile, type RowFile } from './explain-rows.ts';
import { WriteError } from './output/errors.ts';
import { fsPath } from './output/names.ts';

type Library = typeof import('hyparquet-writer');

/** What bounds memory and files. */
interface ParquetLimits {
  /** Rows of a group, and rows that may wait for their group in all files together. */
  readonly groupRows: number;
  readonly waitingRows: number;
  /** More days than this are a wrong clock, and would be as many files. */
  readonly days: number;
}

export const defaultParquetLimits: ParquetLimits = { groupRows: 32_768, waitingRows: 65_536, days: 400 };

/** How the rows are written. */
export interface RowOptions {
  readonly format: 'parquet' | 'ndjson';
  /** The host that the captures are from; empty if nobody said. */
  readonly host: string;
  /** When a file is complete and the next one begins; null: with its capture. Seconds or bytes. */
  readonly rotate: { readonly seconds: number } | { readonly bytes: number } | null;
  /** Seconds since 1970. */
  readonly clock: () => number;
}

export const plainRows: RowOptions = {
  format: 'parquet',
  host: '',
  rotate: null,
  clock: () => Date.now() / 1000,
};

/** Where attempts go. */
export class ParquetOutput {
  /** Null for lines. */
  private readonly library: Library | null;
  private readonly path: string;
  private readonly byDay: boolean;
  private readonly limits: ParquetLimits;
  private readonly files = new Map<string, RowFile>();
  private readonly names = new Set<string>();
  private capture = '';
  private name = '';
  private waiting = 0;
  private readonly rows: RowOptions;
  /** When the files at hand were begun; null if there are none. */
  private since: number | null = null;

  private constructor(
    library: Library | null,
    path: string,
    byDay: boolean,
    limits: ParquetLimits,
    rows: RowOptions,
  ) {
    this.library = library;
    this.path = path;
    this.byDay = byDay || rows.rotate !== null;
    this.limits = limits;
    this.rows = rows;
  }

  /**
   * Loads the library.
   * @param path a file, or the folder that dt=YYYY-MM-DD/ folders go into if `byDay` or rotated
   * @throws WriteError
   */
  static async open(
    path: string,
    byDay: boolean,
    limits: ParquetLimits = defaultParquetLimits,
    rows: RowOptions = plainRows,
  ): Promise<ParquetOutput> {
    const library = rows.format === 'parquet' ? await import('hyparquet-writer') : null;
    const output = new ParquetOutput(library, path, byDay, limits, rows);
    // What cannot be written is told before a long capture is read.
    if (!output.byDay) output.writing(() => output.files.set('', output.openFile('')));
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
    const { limits, rows } = this;
    this.turn();
    const day = this.byDay ? dayOf(a) : '';
    let file = this.files.get(day);
    if (file === undefined) {
      file = this.openFile(day);
      this.files.set(day, file);
    }
    file.add({ capture: this.capture, host: rows.host }, a);
    if (rows.format === 'parquet') this.waiting++;
    if (rows.rotate !== null && 'bytes' in rows.rotate && file.size >= rows.rotate.bytes) {
      this.waiting -= file.rows;
      this.files.delete(day);
      file.close();
      return;
    }
    if (file.rows >= limits.groupRows) this.waiting -= file.flush();
    if (this.waiting < limits.waitingRows) return;
    let fullest = file;
    for (const other of this.files.values()) if (other.rows > fullest.rows) fullest = other;
    this.waiting -= fullest.flush();
  }

  /** Completes the files whose time is over. Called for every row, and now and then where none come. @throws WriteError */
  tick(): void {
    this.writing(() => this.turn());
  }

  private turn(): void {
    const { rotate, clock } = this.rows;
    if (rotate === null || !('seconds' in rotate)) return;
    const turn = Math.floor(clock() / rotate.seconds);
    if (this.since !== null && this.since !== turn) this.closeAll();
    this.since = turn;
  }

  private make(path: string): RowFile {
    return this.library === null ? new NdjsonFile(path) : new ParquetFile(this.library, path);
  }

  private openFile(day: string): RowFile {
    if (!this.byDay) return this.make(this.path);
    if (this.files.size >= this.limits.days)
      throw new Error(
        `${this.capture} has attempts on more than ${this.limits.days} days, so its clock is wrong: leave out --partition-by-day`,
      );
    const folder = join(this.path, `dt=${day}`);
    mkdirSync(fsPath(folder), { recursive: true });
    return this.make(join(folder, this.fileName(folder)));
  }

  /** A rotated file never takes the place of another, not even of one that was there before the start. */
  private fileName(folder: string): string {
    const { rotate, clock, format, host } = this.rows;
    if (rotate === null) return `${this.name}.${format}`;
    const moment = new Date(clock() * 1000).toISOString().replace(/[-:]/g, '');
    const base = `${host === '' ? this.name : host.replace(/[^\w.-]/g, '_')}-${moment}`;
    let name = `${base}.${format}`;
    for (let n = 2; existsSync(fsPath(join(folder, name))); n++) name = `${base}-${n}.${format}`;
    return name;
  }

  /** A capture is over: with a file a day, its files are. @throws WriteError */
  end(): void {
    if (this.byDay) this.close();
  }

  private closeAll(): void {
    for (const file of this.files.values()) file.close();
    this.files.clear();
    this.waiting = 0;
  }

  /** Everything is over. A file without rows is written too, but no folder without. @throws WriteError */
  close(): void {
    this.writing(() => this.closeAll());
  }

  /** Leaves nothing half-written behind. */
  discard(): void {
    for (const file of this.files.values()) file.discard();
    this.files.clear();
  }
}

/** The files of rows that a command writes. */
export class Tables {
  private readonly all: readonly ParquetOutput[];

  private constructor(all: readonly ParquetOutput[]) {
    this.all = all;
  }

  /** @returns null if none was asked for @throws WriteError */
  static async open(asked: {
    readonly parquet: string | null;
    readonly ndjson: string | null;
    readonly byDay: boolean;
    readonly rotate: RowOptions['rotate'];
    readonly host: string;
  }): Promise<Tables | null> {
    const all: ParquetOutput[] = [];
    try {
      for (const format of ['parquet', 'ndjson'] as const) {
        const path = asked[format];
        const rows = { ...plainRows, format, rotate: asked.rotate, host: asked.host };
        if (path !== null) all.push(await ParquetOutput.open(path, asked.byDay, defaultParquetLimits, rows));
      }
    } catch (error) {
      for (const one of all) one.discard();
      throw error;
    }
    return all.length === 0 ? null : new Tables(all);
  }

  begin(capture: string): void {
    for (const one of this.all) one.begin(capture);
  }

  /** @throws WriteError */
  add(a: Attempt): void {
    for (const one of this.all) one.add(a);
  }

  /** @throws WriteError */
  tick(): void {
    for (const one of this.all) one.tick();
  }

  /** @throws WriteError */
  end(): void {
    for (const one of this.all) one.end();
  }

  /** @throws WriteError */
  close(): void {
    for (const one of this.all) one.close();
  }

  discard(): void {
    for (const one of this.all) one.discard();
  }
}
