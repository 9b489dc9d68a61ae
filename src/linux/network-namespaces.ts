/** The network namespaces of this machine, and a visit to one of them. */
import { closeSync, openSync, readdirSync, readlinkSync, statSync } from 'node:fs';
import { K, must, type Sys } from './sys.ts';

/** A network namespace that something lives in. */
export interface NetworkNamespace {
  /** The inode of its file: its name among the living ones. */
  readonly inode: number;
  /** A file by which it can be entered, for as long as what lives there does. */
  readonly path: string;
}

/** Where `ip netns` and Docker keep namespaces that no process needs to live in. */
const mounted = ['/run/netns', '/run/docker/netns'];

const list = (folder: string): string[] => {
  try {
    return readdirSync(folder);
  } catch {
    return []; // there is no such folder, or its process has ended
  }
};

/** The namespace of a thread or process; null if it has ended, or may not be looked at. */
export function namespaceOfThread(thread: number): NetworkNamespace | null {
  const path = `/proc/${thread}/ns/net`;
  try {
    const inode = /^net:\[(\d+)\]$/.exec(readlinkSync(path))?.[1];
    return inode === undefined ? null : { inode: Number(inode), path };
  } catch {
    return null;
  }
}

/** The namespace that this process was started in. */
export function ownNamespace(): NetworkNamespace {
  const own = namespaceOfThread(process.pid);
  if (own === null) throw new Error('/proc/PID/ns/net cannot be read: is /proc mounted?');
  return own;
}

/**
 * All network namespaces in which a process lives or that are mounted by name. Not seen: one that only a descriptor, or
 * only a thread other than a process's first, keeps.
 */
export function networkNamespaces(): NetworkNamespace[] {
  const found = new Map<number, NetworkNamespace>();
  const add = (namespace: NetworkNamespace | null): void => {
    if (namespace !== null && !found.has(namespace.inode)) found.set(namespace.inode, namespace);
  };
  add(ownNamespace());
  for (const name of list('/proc')) if (/^\d+$/.test(name)) add(namespaceOfThread(Number(name)));
  for (const folder of mounted) {
    for (const name of list(folder)) {
      const path = `${folder}/${name}`;
      try {
        add({ inode: statSync(path).ino, path });
      } catch {
        // it was taken away while we looked
      }
    }
  }
  return [...found.values()];
}

/**
 * Does something in a network namespace. Only what `work` does before it returns is done there, so it has to be
 * synchronous; files under /proc/sys/net are that namespace's in the meantime.
 * @returns null if the namespace has gone
 * @throws SysError EPERM without CAP_SYS_ADMIN
 */
export function visit<T>(sys: Sys, { path, inode }: NetworkNamespace, work: () => T): T | null {
  if (inode === ownNamespace().inode) return work();
  let there: number;
  try {
    there = openSync(path, 'r');
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code;
    if (code === 'ENOENT' || code === 'ESRCH') return null;
    throw error;
  }
  const back = openSync('/proc/thread-self/ns/net', 'r');
  try {
    must('setns', sys.call('setns', there, K.CLONE_NEWNET));
    try {
      return work();
    } finally {
      // Anything else would leave this thread in a network that is not its own.
      if (sys.call('setns', back, K.CLONE_NEWNET) < 0) sys.exit(70);
    }
  } finally {
    closeSync(there);
    closeSync(back);
  }
}
