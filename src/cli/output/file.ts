/**
 * Files that commands write. A regular file appears under its name when it is complete and not before: it is a draft beside it
 * until then, which goes away if the command fails, is interrupted or is ended. What is no regular file, such as a device, a
 * pipe or /dev/stdout, is written straight.
 */
import { randomBytes } from 'node:crypto';
import {
  chmodSync,
  closeSync,
  constants,
  fstatSync,
  lstatSync,
  openSync,
  readlinkSync,
  realpathSync,
  renameSync,
  type Stats,
  statSync,
  unlinkSync,
} from 'node:fs';
import { basename, dirname, join, resolve } from 'node:path';
import { WriteError } from './errors.ts';
import { fsPath, nameOfBytes } from './names.ts';
import { endUnread, writeAll } from './print.ts';

/** How long a named pipe may wait for its reader, ms. */
const READER_MS = 5_000;

const drafts = new Set<OutputFile>();

/** An output that is being written. */
export class OutputFile {
  /** The name it was asked for by. */
  readonly name: string;
  private readonly file: number;
  /** Null if it is written straight. */
  private readonly draft: { readonly path: string; readonly target: string } | null;
  private isOpen = true;

  private constructor(name: string, file: number, draft: OutputFile['draft']) {
    this.name = name;
    this.file = file;
    this.draft = draft;
    if (draft !== null) drafts.add(this);
  }

  /** Makes the draft, or opens what is no regular file. @throws WriteError */
  static open(name: string): OutputFile {
    try {
      const target = targetOf(name);
      const there = statOf(target);
      if (there !== null && !there.isFile()) return new OutputFile(name, openStraight(target, there), null);
      if (isDescriptor(target)) return new OutputFile(name, openSync(fsPath(target), 'a'), null);
      // The kernel says whether it may be written, by its own rules for links in shared folders too.
      if (there !== null) closeSync(openSync(fsPath(name), constants.O_WRONLY | constants.O_NONBLOCK));
      const path = join(dirname(target), `.halfopen-${randomBytes(9).toString('base64url')}.draft`);
      const { O_CREAT, O_EXCL, O_NOFOLLOW, O_WRONLY } = constants;
      // Before the draft is there: a signal between the two would leave it behind.
      if (drafts.size === 0) watchEnds(true);
      const file = openSync(fsPath(path), O_CREAT | O_EXCL | O_NOFOLLOW | O_WRONLY, 0o666);
      const made = new OutputFile(name, file, { path, target });
      if (there !== null) chmodSync(fsPath(path), there.mode & 0o777);
      return made;
    } catch (error) {
      if (drafts.size === 0) watchEnds(false);
      throw error instanceof WriteError ? error : new WriteError(name, error as NodeJS.ErrnoException);
    }
  }

  /** @throws WriteError */
  write(bytes: Uint8Array): void {
    try {
      writeAll(this.file, bytes);
    } catch (error) {
      if (this.draft === null && (error as NodeJS.ErrnoException).code === 'EPIPE') endUnread();
      throw new WriteError(this.name, error as NodeJS.ErrnoException);
    }
  }

  /** It is complete: it gets its name. @throws WriteError */
  commit(): void {
    if (!this.isOpen) return;
    try {
      this.close();
      if (this.draft !== null) renameSync(fsPath(this.draft.path), fsPath(this.draft.target));
      this.forget();
    } catch (error) {
      this.discard();
      throw new WriteError(this.name, error as NodeJS.ErrnoException);
    }
  }

  /** It will not be completed: nothing is left of it. Does nothing after {@link commit}. */
  discard(): void {
    this.close();
    if (this.draft === null || !drafts.has(this)) return;
    this.forget();
    try {
      unlinkSync(fsPath(this.draft.path));
    } catch {
      // Somebody else removed it, or the place is gone.
    }
  }

  private close(): void {
    if (!this.isOpen) return;
    this.isOpen = false;
    closeSync(this.file);
  }

  private forget(): void {
    if (!drafts.delete(this)) return;
    if (drafts.size === 0) watchEnds(false);
  }
}

/** Writes a whole file. @throws WriteError */
export function writeOutput(name: string, bytes: Uint8Array | string): void {
  const file = OutputFile.open(name);
  try {
    file.write(typeof bytes === 'string' ? Buffer.from(bytes) : bytes);
    file.commit();
  } finally {
    file.discard();
  }
}

function statOf(path: string): Stats | null {
  try {
    return statSync(fsPath(path));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
    return null;
  }
}

const isLink = (path: string): boolean =>
  lstatSync(fsPath(path), { throwIfNoEntry: false })?.isSymbolicLink() ?? false;

/** An open file of a process, such as /dev/stdout becomes: it has no name of its own that could be given to another. */
const isDescriptor = (path: string): boolean => /^\/proc\/\d+(\/task\/\d+)?\/fd\/\d+$/.test(path);

/** Where symbolic links lead, so that a file is replaced and not a link. @throws Error for a link to what is not there */
function targetOf(name: string): string {
  let path = name;
  for (let links = 0; links <= 40; links++) {
    const folder = nameOfBytes(realpathSync.native(fsPath(dirname(resolve(path))), 'buffer'));
    path = join(folder, basename(path));
    if (isDescriptor(path) || !isLink(path)) {
      // A link by which the system forbids to write somewhere is not made passable by looking where it leads.
      if (links > 0 && !isDescriptor(path) && statOf(path) === null)
        throw new WriteError(name, 'danglingLink');
      return path;
    }
    path = resolve(folder, nameOfBytes(readlinkSync(fsPath(path), 'buffer')));
  }
  throw Object.assign(new Error('too many symbolic links'), { code: 'ELOOP' });
}

/** Opens a device or a pipe. A named pipe waits for its reader for a while. */
function openStraight(path: string, there: Stats): number {
  const { O_WRONLY, O_NONBLOCK, O_NOCTTY } = constants;
  const until = performance.now() + READER_MS;
  for (;;) {
    try {
      const file = openSync(fsPath(path), O_WRONLY | O_NOCTTY | (there.isFIFO() ? O_NONBLOCK : 0));
      const opened = fstatSync(file);
      if (opened.isFile()) {
        closeSync(file);
        throw new WriteError(path, 'replaced');
      }
      return file;
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      if (code !== 'ENXIO' || !there.isFIFO() || performance.now() > until) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
    }
  }
}

const signals = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;

function watchEnds(on: boolean): void {
  const change = on ? 'on' : 'off';
  process[change]('exit', discardAll);
  for (const signal of signals) process[change](signal, ended);
}

function discardAll(): void {
  for (const draft of [...drafts]) draft.discard();
}

/** A command that has a say of its own in the signal keeps it; what is not complete when it exits goes away then. */
function ended(signal: NodeJS.Signals): void {
  if (process.listenerCount(signal) > 1) return;
  discardAll();
  process.kill(process.pid, signal);
}

/** Whether a draft is open, so that a signal needs this thread's attention to end the process. */
export const isDrafting = (): boolean => drafts.size > 0;
