/** Processes by their threads: name, systemd unit, container, pod, network namespace. Read from /proc, kept for a while. */
import { readFileSync, readlinkSync } from 'node:fs';

/** A process as /proc shows it. */
interface ProcessInfo {
  readonly pid: number;
  readonly name: string;
  readonly unit: string | null;
  readonly container: string | null;
  readonly pod: string | null;
  /** The inode of its network namespace; null if it has ended. */
  readonly namespace: number | null;
}

/** How long what was read is taken for true, in ms: numbers are used again, and exec() changes names. */
const fresh = 2000;
const mostKept = 4096;

/** Remembers processes. */
export class Processes {
  readonly #known = new Map<number, { readonly at: number; readonly info: ProcessInfo }>();
  readonly #name: (thread: number) => string | null;

  /** @param name what else can name a thread that has ended (the kernel's saved_cmdlines) */
  constructor(name: (thread: number) => string | null) {
    this.#name = name;
  }

  /** The process of a thread. */
  of(thread: number): ProcessInfo {
    const now = performance.now();
    const known = this.#known.get(thread);
    if (known !== undefined && now - known.at < fresh) return known.info;
    const info = read(thread) ?? known?.info ?? this.#ended(thread);
    if (this.#known.size >= mostKept) this.#known.clear();
    this.#known.set(thread, { at: now, info });
    return info;
  }

  #ended(thread: number): ProcessInfo {
    const name = this.#name(thread) ?? '?';
    return { pid: thread, name: clean(name), unit: null, container: null, pod: null, namespace: null };
  }
}

const clean = (name: string): string => name.replace(/\p{Cc}/gu, '') || '?';

function read(thread: number): ProcessInfo | null {
  const folder = `/proc/${thread}`;
  try {
    const status = readFileSync(`${folder}/status`, 'utf8');
    const pid = Number(/^Tgid:\s+(\d+)/m.exec(status)?.[1] ?? thread);
    const name = clean(readFileSync(`/proc/${pid}/comm`, 'utf8'));
    const cgroup = readFileSync(`${folder}/cgroup`, 'utf8');
    return { pid, name, ...cgroupNames(cgroup), namespace: namespaceOf(readlinkSync(`${folder}/ns/net`)) };
  } catch {
    return null; // it has ended
  }
}

/** What a process's cgroup file says of the unit, container and pod that it belongs to. */
export function cgroupNames(text: string): Pick<ProcessInfo, 'unit' | 'container' | 'pod'> {
  const unit = [...text.matchAll(/([^/\n]+\.service)\b/g)].at(-1)?.[1] ?? null;
  const container = /\b([0-9a-f]{12})[0-9a-f]{52}\b/.exec(text)?.[1] ?? null;
  const pod = /pod([0-9a-f]{8}[-_][0-9a-f_-]{27})/.exec(text)?.[1]?.replaceAll('_', '-') ?? null;
  return { unit, container, pod };
}

const namespaceOf = (link: string): number | null => {
  const inode = /\[(\d+)\]/.exec(link)?.[1];
  return inode === undefined ? null : Number(inode);
};
