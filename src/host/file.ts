/** What stands behind a file descriptor. */

/** Something that wants to know when a file may have become readable, writable or broken. */
export interface Watcher {
  /** @param events poll bits of what may have changed */
  fileStirred(file: OpenFile, events: number): void;
  /** The last descriptor of the file was closed. */
  fileClosed(file: OpenFile): void;
}

/** An open file description: a socket, a pipe's end, an epoll, a file in memory. */
export abstract class OpenFile {
  /** O_NONBLOCK and the like, as fcntl(F_GETFL) shows them. */
  flags: number;
  /** How many descriptors refer to it. */
  references = 0;
  /** Made when somebody watches: a set for each of many sockets would cost more than the rest of them. */
  private watchers: Set<Watcher> | null = null;

  constructor(flags: number) {
    this.flags = flags;
  }

  get nonBlocking(): boolean {
    return (this.flags & OpenFlag.nonBlock) !== 0;
  }

  /** poll's event bits as they stand. */
  abstract poll(): number;

  /** The last descriptor was closed: lets go of everything. Returns what close() comes to. */
  release(): Result {
    if (this.watchers !== null) for (const watcher of [...this.watchers]) watcher.fileClosed(this);
    return this.finish();
  }

  /** What a kind of file has to do when it is closed. */
  protected abstract finish(): Result;

  watch(watcher: Watcher): void {
    this.watchers ??= new Set();
    this.watchers.add(watcher);
  }

  unwatch(watcher: Watcher): void {
    this.watchers?.delete(watcher);
  }

  /** Tells the watchers. */
  protected stir(events: number): void {
    if (this.watchers !== null) for (const watcher of this.watchers) watcher.fileStirred(this, events);
  }
}

/** Flags of open() and fcntl() (include/uapi/asm-generic/fcntl.h). */
export const OpenFlag = {
  readOnly: 0,
  writeOnly: 1,
  readWrite: 2,
  nonBlock: 0x800,
  closeOnExec: 0x80000,
} as const;

/**
 * A call that has to wait. Whoever made it tries again after anything happened on the host (`Host.await` does so), and
 * at its deadline.
 */
export interface Wait {
  /** When it ends by itself, µs; Infinity if never. */
  readonly deadline: number;
  /**
   * @param now µs
   * @returns what the call returns (a value or -errno), or null while it has to go on waiting
   */
  attempt(now: number): number | null;
}

/** A wait that ends when `attempt` comes to something, or at a time (µs) with `late`. */
export const waitUntil = (
  deadline: number,
  late: number | (() => number),
  attempt: () => number | null,
): Wait => ({
  deadline,
  attempt: (now) => attempt() ?? (now >= deadline ? (typeof late === 'number' ? late : late()) : null),
});

/** What a call comes to: a value, -errno, or a wait. */
export type Result = number | Wait;

/** What follows a call's first part, at once or when the wait is over. The whole may wait as long as the first part. */
export function andThen(first: Result, next: (value: number) => Result): Result {
  if (typeof first === 'number') return next(first);
  let rest: Result | null = null;
  const attempt = (now: number): number | null => {
    if (rest === null) {
      const value = first.attempt(now);
      if (value === null) return null;
      rest = next(value);
    }
    return typeof rest === 'number' ? rest : rest.attempt(now);
  };
  return { deadline: first.deadline, attempt };
}

/** The descriptors of a host's programs: they share one table here, from 3 on. */
export class Descriptors {
  private readonly files: (OpenFile | null)[] = [null, null, null];

  get(fd: number): OpenFile | null {
    return this.files[fd] ?? null;
  }

  /** Gives a file the lowest free descriptor that is at least `least`. */
  add(file: OpenFile, least = 3): number {
    let fd = least;
    while (this.files[fd] != null) fd++;
    this.files[fd] = file;
    file.references++;
    return fd;
  }

  /** Frees a descriptor; returns the file if that was its last one. */
  remove(fd: number): OpenFile | null {
    const file = this.files[fd] ?? null;
    if (file === null) return null;
    this.files[fd] = null;
    return --file.references === 0 ? file : null;
  }

  /** Every descriptor in use, with its file. */
  *all(): IterableIterator<[number, OpenFile]> {
    for (const [fd, file] of this.files.entries()) if (file != null) yield [fd, file];
  }
}
