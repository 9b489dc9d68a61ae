/**
 * The kernel's trace events, in an instance of our own under a tracefs that only our helper process has mounted: nothing
 * that others trace is touched. The helper holds the mount and takes the instance away when this process ends, however it
 * ends (kill -9 closes the pipe between them); what was left by both being killed, the next start takes away. Root only.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, constants, openSync, readdirSync, readFileSync, readSync, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { parseTraceFormat, readTracePage, type TraceEvent, type TraceFormat } from './trace-page.ts';

export { TraceEvent } from './trace-page.ts';

/** An event to be traced. */
interface TraceRequest {
  /** GROUP/NAME: sock/inet_sock_set_state. */
  readonly event: string;
  /** What the kernel keeps, in its filter language: `newstate == 1 && sport == dport`. Missing: everything. */
  readonly filter?: string | ((format: TraceFormat) => string);
  /** A kernel without the event is no error. */
  readonly optional?: boolean;
}

/** How to trace. */
export interface TraceOptions {
  readonly events: readonly TraceRequest[];
  /** Kilobytes of kernel memory per CPU for records that were not read yet. Default 512. */
  readonly bufferKb?: number;
  /**
   * Milliseconds between two looks into the buffers. Default 10. 0: never by itself; its user waits for `descriptors` with
   * poll(2), which the kernel makes readable with the first event, and calls `readPage` for those that are.
   */
  readonly intervalMs?: number;
  /** Gets events in the order of their time. An error that it throws ends the trace. */
  readonly onEvents: (events: readonly TraceEvent[]) => void;
  /**
   * True: hand events on at once, in order within a CPU only. For those who must be quick: the events are valid until
   * `onEvents` returns.
   */
  readonly immediate?: boolean;
  /** Called once if the trace ends by itself: the helper was killed, or a handler threw. */
  readonly onEnd?: (error: Error) => void;
}

/** A running trace. */
export interface Trace {
  /** Formats of the events that this kernel has, by name without the group. */
  readonly formats: ReadonlyMap<string, TraceFormat>;
  /** How often the kernel overwrote records that had not been read: events were lost then. */
  readonly lost: number;
  /** The buffers' descriptors, one for each CPU. */
  readonly descriptors: readonly number[];
  /** Reads what has come since the last look, without waiting for the next. */
  drain(): void;
  /** Reads one page of a descriptor that poll(2) said is readable, given by its place in `descriptors`. */
  readPage(index: number): void;
  /** A file of the tracefs root, such as saved_cmdlines; null if it cannot be read. */
  readGlobal(name: string): string | null;
  /** Ends it; resolves when the instance is gone. */
  close(): Promise<void>;
  /** Ends it and waits for nothing: its helper takes the instance away, also after this process has ended. */
  release(): void;
}

/** Why there can be no trace: one sentence for people. */
export class TraceError extends Error {
  override readonly name = 'TraceError';
}

const mountPoint = '/sys/kernel/tracing';

// Runs in a mount namespace of its own. $1 mount point, $2 name of the instance.
const helper = `
fail() { echo "fail $1"; exit 1; }
mount -t tracefs tracefs "$1" 2>/dev/null || fail mount
cd "$1/instances" 2>/dev/null || fail instances
for old in halfopen-*; do
  owner=\${old#halfopen-}; owner=\${owner%%-*}
  [ -d "$old" ] && [ ! -d "/proc/$owner" ] && rmdir "$old" 2>/dev/null
done
mkdir "$2" 2>/dev/null || fail mkdir
echo ready
while read -r line; do :; done
tries=0
until rmdir "$2" 2>/dev/null || [ "$tries" -ge 60 ]; do tries=$((tries + 1)); sleep 0.05; done
`;

const reasons: Readonly<Record<string, string>> = {
  mount: 'tracefs cannot be mounted: it takes root with CAP_SYS_ADMIN and a kernel with CONFIG_FTRACE',
  instances: 'this kernel has no trace instances (CONFIG_TRACING)',
  mkdir: 'no trace instance can be made: the kernel is out of memory for it, or locked down',
};

let made = 0;

/**
 * Begins to trace.
 * @throws TraceError if this process may not, or the kernel lacks what is asked for
 */
export async function openTrace(options: TraceOptions): Promise<Trace> {
  if (process.platform !== 'linux')
    throw new TraceError(`trace events are Linux's, and this is ${process.platform}`);
  if (process.getuid?.() !== 0) throw new TraceError('trace events can be read by root only');
  const name = `halfopen-${process.pid}-${++made}`;
  const child = spawn(
    'unshare',
    ['--mount', '--propagation', 'private', 'sh', '-c', helper, 'halfopen-trace', mountPoint, name],
    // A session of its own: a terminal's ^C must not reach it before this process has ended.
    { stdio: ['pipe', 'pipe', 'ignore'], detached: true, cwd: '/' },
  );
  await ready(child);
  const root = `/proc/${child.pid}/root${mountPoint}`;
  try {
    return new RunningTrace(child, root, name, options);
  } catch (error) {
    child.stdin!.end();
    await once(child, 'close');
    throw error;
  }
}

async function ready(child: ChildProcess): Promise<void> {
  const failed = new Promise<never>((_, reject) => {
    child.once('error', (error: NodeJS.ErrnoException) => {
      reject(
        new TraceError(
          error.code === 'ENOENT' ? 'unshare is not installed (package util-linux)' : error.message,
        ),
      );
    });
    child.once('close', () => reject(new TraceError('tracing is not permitted here (unshare failed)')));
  });
  child.stdin!.on('error', () => {}); // it may be gone already; its end is what counts
  child.stdout!.setEncoding('utf8');
  const said = String((await Promise.race([once(child.stdout!, 'data'), failed]))[0]).trim();
  failed.catch(() => {}); // it will end one day, and then nobody waits for this
  if (said !== 'ready') throw new TraceError(reasons[said.replace('fail ', '')] ?? said);
}

class RunningTrace implements Trace {
  readonly formats: ReadonlyMap<string, TraceFormat>;
  lost = 0;
  readonly #byId: ReadonlyMap<number, TraceFormat>;
  readonly #child: ChildProcess;
  readonly #root: string;
  readonly #options: TraceOptions;
  #files: { readonly cpu: number; readonly fd: number }[] = [];
  #held: TraceEvent[] = [];
  #timer: NodeJS.Timeout | null = null;
  #closed = false;
  /** Used again and again where events need not last: garbage would be collected when an event comes. */
  readonly #page = new Uint8Array(4096);

  constructor(child: ChildProcess, root: string, name: string, options: TraceOptions) {
    this.#child = child;
    this.#root = root;
    this.#options = options;
    const instance = `${root}/instances/${name}`;
    writeFileSync(`${instance}/trace_clock`, 'mono');
    writeFileSync(`${instance}/buffer_size_kb`, `${options.bufferKb ?? 512}`);
    // By default a reader is woken when half of a buffer is full.
    if (options.intervalMs === 0) writeFileSync(`${instance}/buffer_percent`, '0');
    const formats = options.events.flatMap((request) => enable(instance, request) ?? []);
    this.formats = new Map(formats.map((format) => [format.name, format]));
    this.#byId = new Map(formats.map((format) => [format.id, format]));
    try {
      for (const folder of readdirSync(`${instance}/per_cpu`)) {
        const fd = openSync(
          `${instance}/per_cpu/${folder}/trace_pipe_raw`,
          constants.O_RDONLY | constants.O_NONBLOCK,
        );
        this.#files.push({ cpu: Number(folder.slice(3)), fd });
      }
    } catch (error) {
      this.#closeFiles();
      throw error;
    }
    // The helper outlives this process by a moment, to clean up; nothing here waits for it.
    child.unref();
    (child.stdin as Partial<Socket>).unref?.();
    (child.stdout as Partial<Socket>).unref?.();
    child.once('close', () => this.#fail(new TraceError('the helper process of the trace was killed')));
    if (options.intervalMs !== 0) this.#timer = setInterval(() => this.drain(), options.intervalMs ?? 10);
  }

  get descriptors(): readonly number[] {
    return this.#files.map(({ fd }) => fd);
  }

  drain(): void {
    if (this.#closed) return;
    const now = Number(process.hrtime.bigint()) / 1000;
    try {
      for (const { cpu, fd } of this.#files) {
        // An end to it, lest a busy CPU keeps this process here for ever.
        for (let pages = 0; pages < 1024 && this.#readCpu(cpu, fd); pages++);
      }
      if (this.#options.immediate) return;
      const events = this.#held;
      // Another CPU can still write what happened before an event that this look has brought, but not before the look.
      events.sort((a, b) => a.time - b.time);
      let ripe = events.length;
      while (ripe > 0 && events[ripe - 1]!.time > now) ripe--;
      this.#held = events.slice(ripe);
      if (ripe > 0) this.#options.onEvents(events.slice(0, ripe));
    } catch (error) {
      this.#fail(error as Error);
    }
  }

  readPage(index: number): void {
    const file = this.#files[index];
    if (this.#closed || file === undefined) return;
    try {
      this.#readCpu(file.cpu, file.fd);
    } catch (error) {
      this.#fail(error as Error);
    }
  }

  /** Reads a page of a CPU's buffer. @returns whether there was one */
  #readCpu(cpu: number, fd: number): boolean {
    const { immediate, onEvents } = this.#options;
    const page = immediate ? this.#page : new Uint8Array(4096);
    let length: number;
    try {
      length = readSync(fd, page, 0, page.length, null);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code === 'EAGAIN') return false;
      throw error;
    }
    if (length === 0) return false;
    const events = immediate ? [] : this.#held;
    if (readTracePage(page.subarray(0, length), cpu, this.#byId, events)) this.lost++;
    if (immediate && events.length > 0) onEvents(events);
    return true;
  }

  readGlobal(name: string): string | null {
    try {
      return readFileSync(`${this.#root}/${name}`, 'utf8');
    } catch {
      return null;
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#child.ref();
    this.release();
    if (this.#child.exitCode === null && this.#child.signalCode === null) await once(this.#child, 'close');
  }

  release(): void {
    if (this.#closed) return;
    this.#stop();
    this.#child.stdin!.end();
  }

  #fail(error: Error): void {
    if (this.#closed) return;
    this.#stop();
    this.#child.stdin!.end();
    this.#options.onEnd?.(error);
  }

  #stop(): void {
    this.#closed = true;
    if (this.#timer !== null) clearInterval(this.#timer);
    this.#closeFiles();
  }

  #closeFiles(): void {
    for (const { fd } of this.#files) closeSync(fd);
    this.#files = [];
  }
}

function enable(instance: string, { event, filter, optional }: TraceRequest): TraceFormat | null {
  const folder = `${instance}/events/${event}`;
  let text: string;
  try {
    text = readFileSync(`${folder}/format`, 'utf8');
  } catch {
    if (optional) return null;
    throw new TraceError(`this kernel has no trace event ${event}`);
  }
  const format = parseTraceFormat(event.slice(event.indexOf('/') + 1), text);
  const wanted = typeof filter === 'function' ? filter(format) : filter;
  try {
    if (wanted !== undefined) writeFileSync(`${folder}/filter`, wanted);
  } catch {
    throw new TraceError(`this kernel does not take the filter '${wanted}' of ${event}`);
  }
  writeFileSync(`${folder}/enable`, '1');
  return format;
}
