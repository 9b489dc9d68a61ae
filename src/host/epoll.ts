/** epoll (fs/eventpoll.c, 6.18) and poll: who of many files is ready. */
import { Errno } from '../tcp/errno.ts';
import { Poll } from '../tcp/poll.ts';
import { type Descriptors, OpenFile, type Result, type Watcher } from './file.ts';

/** One file watched. `data` belongs to the caller. */
export interface EpollEntry {
  readonly events: number;
  readonly data: number;
}

const oneShot = 1 << 30;
const edgeTriggered = 1 << 31;
const control = { add: 1, remove: 2, change: 3 } as const;

class Item implements Watcher {
  readonly epoll: Epoll;
  readonly fd: number;
  readonly file: OpenFile;
  events: number;
  data: number;

  constructor(epoll: Epoll, fd: number, file: OpenFile, { events, data }: EpollEntry) {
    this.epoll = epoll;
    this.fd = fd;
    this.file = file;
    this.events = events;
    this.data = data;
  }

  fileStirred(_file: OpenFile, events: number): void {
    if ((this.wanted & events) !== 0) this.epoll.markReady(this);
  }

  fileClosed(): void {
    this.epoll.forget(this);
  }

  /** What to report: ERR and HUP always, nothing after a one-shot went off. */
  get wanted(): number {
    const asked = this.events & ~(edgeTriggered | oneShot);
    return asked === 0 && (this.events & oneShot) !== 0 ? 0 : asked | Poll.err | Poll.hup;
  }
}

/** An epoll instance. */
export class Epoll extends OpenFile {
  private readonly items = new Map<number, Item>();
  /** Items that may be ready, in the order in which they will be looked at. */
  private readonly ready = new Set<Item>();

  override poll(): number {
    for (const item of this.ready) if ((item.file.poll() & item.wanted) !== 0) return Poll.in | Poll.rdNorm;
    return 0;
  }

  protected override finish(): Result {
    for (const item of this.items.values()) item.file.unwatch(item);
    this.items.clear();
    this.ready.clear();
    return 0;
  }

  markReady(item: Item): void {
    this.ready.add(item);
    this.stir(Poll.in);
  }

  /** epoll_ctl: 0 or -errno. */
  control(operation: number, fd: number, file: OpenFile | null, entry: EpollEntry): number {
    if (file === null) return -Errno.EBADF;
    if (file === this) return -Errno.EINVAL;
    if (file.poll() < 0) return -Errno.EPERM;
    const known = this.items.get(fd);
    // A descriptor that was closed and given to another file is not the one that was added.
    const item = known?.file === file ? known : undefined;
    switch (operation) {
      case control.add:
        if (item !== undefined) return -Errno.EEXIST;
        return this.add(new Item(this, fd, file, entry));
      case control.change:
        if (item === undefined) return -Errno.ENOENT;
        item.events = entry.events;
        item.data = entry.data;
        if ((file.poll() & item.wanted) !== 0) this.markReady(item);
        return 0;
      case control.remove:
        if (item === undefined) return -Errno.ENOENT;
        this.forget(item);
        return 0;
    }
    return -Errno.EINVAL;
  }

  /** The events of at most `most` ready files. */
  collect(most: number): EpollEntry[] {
    const found: EpollEntry[] = [];
    for (const item of [...this.ready]) {
      if (found.length === most) break;
      this.ready.delete(item);
      const events = item.file.poll() & item.wanted;
      if (events === 0) continue;
      found.push({ events, data: item.data });
      if ((item.events & oneShot) !== 0) item.events &= oneShot | edgeTriggered;
      else if ((item.events & edgeTriggered) === 0) this.ready.add(item);
    }
    return found;
  }

  private add(item: Item): number {
    this.items.set(item.fd, item);
    item.file.watch(item);
    if ((item.file.poll() & item.wanted) !== 0) this.markReady(item);
    return 0;
  }

  forget(item: Item): void {
    this.items.delete(item.fd);
    this.ready.delete(item);
    item.file.unwatch(item);
  }
}

/** One entry of poll(). */
export interface PollEntry {
  readonly fd: number;
  readonly events: number;
}

const invalid = 0x20;

/** What poll() would report now, an entry for each asked about: events asked for, ERR and HUP; NVAL for no file. */
export function pollOnce(descriptors: Descriptors, entries: readonly PollEntry[]): number[] {
  return entries.map(({ fd, events }) => {
    if (fd < 0) return 0;
    const file = descriptors.get(fd);
    if (file === null) return invalid;
    // A file without readiness is always ready.
    const mask = file.poll();
    return (mask < 0 ? Poll.in | Poll.out : mask) & (events | Poll.err | Poll.hup);
  });
}
