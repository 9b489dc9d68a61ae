/** Reading files of a host, or of copies that somebody hands in: regular files only, so that nothing waits for ever. */
import { closeSync, constants, existsSync, fstatSync, openSync, readFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Reading } from './host.ts';

/** Where a host is read from. */
export interface Source {
  /** The folder with tcp, tcp6 and netstat. */
  readonly net: string;
  /** The folder with the settings, or why what stands there is not this host's. */
  readonly sys: { readonly path: string } | { readonly why: string };
  /** Whether it is a running kernel's, not copies. */
  readonly live: boolean;
  /** Whether it is this process's own network, so that commands such as ss see the same. */
  readonly own: boolean;
  /** The network namespace that one has to enter to read what `sys` says it cannot. */
  readonly namespace: string | null;
}

/** What an error of the file system means, in words. */
export const messageOf = (error: unknown): string => {
  const { code } = error as NodeJS.ErrnoException;
  if (error instanceof NotRegular) return error.message;
  if (code === 'ENOENT') return 'there is no such file';
  if (code === 'EACCES' || code === 'EPERM') return `it may not be read by this user (${code})`;
  return `it cannot be read (${code ?? String(error)})`;
};

class NotRegular extends Error {}

/** Opens a file for reading. @throws if it is a pipe, a terminal or a device: reading from those could wait for ever */
export function openRegular(path: string): number {
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  if (fstatSync(file).isFile()) return file;
  closeSync(file);
  throw new NotRegular('it is not a regular file');
}

/** Reads a whole text. @param live whether it is a running kernel's file, not a copy */
export function readText(path: string, live: boolean): Reading<string> {
  try {
    const file = openRegular(path);
    try {
      return { ok: true, where: path, value: readFileSync(file, 'utf8') };
    } finally {
      closeSync(file);
    }
  } catch (error) {
    // Copies may leave out whole folders, a kernel only those of what it does not have.
    const folder = live ? dirname(dirname(path)) : dirname(path);
    const absent = (error as NodeJS.ErrnoException).code === 'ENOENT' && existsSync(folder);
    return { ok: false, where: path, why: messageOf(error), absent };
  }
}

/** What `read` gives; `otherwise` if it throws: a process can end between two reads, and another user's may not be read. */
export function attempt<T>(read: () => T, otherwise: T): T {
  try {
    return read();
  } catch {
    return otherwise;
  }
}
