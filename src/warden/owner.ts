/** Which process has a socket, asked of the one that is likely to. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import type { Owner } from '../doctor/owners.ts';

/** How many descriptors are looked at, from the highest on: to know the process is worth a millisecond and not more. */
const most = 512;

/**
 * The process of a thread, if it has the socket with this inode.
 * @returns null if it has not, has ended, or has so many files that the socket was not met in time
 */
export function ownerIfThread(thread: number, inode: number): Owner | null {
  try {
    const files = readdirSync(`/proc/${thread}/fd`)
      .sort((a, b) => Number(b) - Number(a))
      .slice(0, most);
    const link = `socket:[${inode}]`;
    if (!files.some((file) => readlinkSync(`/proc/${thread}/fd/${file}`) === link)) return null;
    const status = readFileSync(`/proc/${thread}/status`, 'utf8');
    const pid = Number(/^Tgid:\s*(\d+)$/m.exec(status)?.[1]);
    const name = readFileSync(`/proc/${pid}/comm`, 'utf8').replace(/\p{Cc}/gu, '');
    return { pid, name: name || '?' };
  } catch {
    return null; // it ended, or closed a file, while we looked
  }
}
