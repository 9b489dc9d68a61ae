/** Which process has a socket, asked of the one that is likely to. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import type { Owner } from '../doctor/owners.ts';

/** How many descriptors are looked at, from the highest on: to know the process is worth a millisecond and not more. */
const most = 512;

/** Whether a thread has the socket with this inode; false if it has so many files that the socket was not met in time. */
export function holds(thread: number, inode: number): boolean {
  const folder = `/proc/${thread}/fd`;
  const link = `socket:[${inode}]`;
  try {
    const files = readdirSync(folder);
    // The kernel lists them in rising order, and what was opened last is the highest as a rule.
    const end = Math.max(0, files.length - most);
    for (let i = files.length - 1; i >= end; i--)
      if (readlinkSync(`${folder}/${files[i]}`) === link) return true;
    return false;
  } catch {
    return false; // it ended, or closed a file, while we looked
  }
}

/** The process of a thread; null if it has ended. */
export function processOf(thread: number): Owner | null {
  try {
    const status = readFileSync(`/proc/${thread}/status`, 'utf8');
    const pid = Number(/^Tgid:\s*(\d+)$/m.exec(status)?.[1]);
    const name = readFileSync(`/proc/${pid}/comm`, 'utf8').replace(/\p{Cc}/gu, '');
    return { pid, name: name || '?' };
  } catch {
    return null;
  }
}
