/** Which process holds a socket, by looking through /proc/PID/fd. Processes of other users are shown to root only. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import type { Found } from './check.ts';

/** A process that holds a socket. */
export interface Owner {
  readonly pid: number;
  /** Its name as in /proc/PID/comm; without control characters. */
  readonly name: string;
}

/**
 * Finds the processes that hold sockets with these inodes, one each.
 * @param first the process that is looked at before all others, whatever the budget
 * @param budget milliseconds after which it gives back what it found: a host can have millions of open files
 */
export function findOwners(
  proc: string,
  inodes: ReadonlySet<number>,
  first: number | null,
  budget = 300,
): Map<number, Owner> {
  const owners = new Map<number, Owner>();
  const end = performance.now() + budget;
  const links = new Map([...inodes].map((inode) => [`socket:[${inode}]`, inode]));
  const others = list(proc).filter((name) => /^\d+$/.test(name));
  for (const pid of first === null ? others : [`${first}`, ...others]) {
    for (const file of list(`${proc}/${pid}/fd`)) {
      const late = performance.now() > end && pid !== `${first}`;
      if (owners.size === inodes.size || late) return owners;
      const inode = links.get(orEmpty(() => readlinkSync(`${proc}/${pid}/fd/${file}`)));
      if (inode === undefined || owners.has(inode)) continue;
      const name = orEmpty(() => readFileSync(`${proc}/${pid}/comm`, 'utf8'));
      owners.set(inode, { pid: Number(pid), name: name.replace(/\p{Cc}/gu, '') || '?' });
    }
  }
  return owners;
}

/** Findings about a socket with the process that holds it, where that could be found out. */
export function withOwners(found: readonly Found[], proc: string, first: number | null): Found[] {
  const inodes = new Set(found.flatMap(({ inode }) => (inode === undefined || inode === 0 ? [] : [inode])));
  if (inodes.size === 0) return [...found];
  const owners = findOwners(proc, inodes, first);
  return found.map((finding) => {
    const owner = finding.inode === undefined ? undefined : owners.get(finding.inode);
    if (owner === undefined) return finding;
    const evidence = {
      where: `${proc}/${owner.pid}/fd`,
      what: `held by ${owner.name} (process ${owner.pid})`,
    };
    return { ...finding, evidence: [...finding.evidence, evidence] };
  });
}

// A process or a file may end at any moment, and other users' may not be read: it then counts as not the one.
const list = (folder: string): string[] => {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
};

const orEmpty = (read: () => string): string => {
  try {
    return read();
  } catch {
    return '';
  }
};
