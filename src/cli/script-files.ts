/**
 * Which files scripts may be read from: regular ones below a root, by where they really are. What a script names can be a link to
 * a secret, a pipe that never ends, a device; none of these is read, and nothing of a file stands in an error about it.
 */
import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
  openSync,
  readlinkSync,
  readSync,
  realpathSync,
  statSync,
} from 'node:fs';
import { dirname, join, resolve, sep } from 'node:path';
import type { ShellFile } from '../drill/shell-context.ts';
import { speaker } from '../messages/message.ts';
import { scriptFileTexts } from '../messages/script-files.ts';
import { languageOf } from './language.ts';
import { fsPath, nameOfBytes } from './output/names.ts';

/** The longest script, bytes: far more than any we know. A device without end or a capture by mistake stops here. */
const mostBytes = 4 << 20;

const say = speaker(scriptFileTexts, languageOf(process.argv.slice(2)));

const tooLong = (): Error => new Error(say('tooLong', { mib: mostBytes >> 20 }));

/** Where a path leads, all links followed. @throws ErrnoException */
const realPath = (path: string): string =>
  nameOfBytes(realpathSync.native(fsPath(resolve(path)), { encoding: 'buffer' }));

const isBelow = (path: string, root: string): boolean =>
  path.startsWith(root.endsWith(sep) ? root : root + sep);

/**
 * The root for a path that a user gave, unless they gave one too: a folder is its own; a file's is its repository, else its folder.
 * @throws ErrnoException if there is no such folder
 */
export function rootOf(path: string, isFolder: boolean): string {
  const folder = realPath(isFolder ? path : dirname(path));
  if (isFolder) return folder;
  for (let up = folder; ; up = dirname(up)) {
    if (existsSync(fsPath(join(up, '.git')))) return up;
    if (dirname(up) === up) return folder;
  }
}

/** A folder that a user gave as the root. @throws ErrnoException, Error if it is none */
export function rootNamed(path: string): string {
  const root = realPath(path);
  if (!statSync(fsPath(root)).isDirectory()) throw new Error(say('notFolder'));
  return root;
}

/**
 * The text of a regular file below the root.
 * @throws Error that says why it is not read
 */
export function readBelow(path: string, root: string): string {
  // Looked at first: to open a device can do something by itself.
  if (!statSync(fsPath(path)).isFile()) throw new Error(say('notRegular'));
  const file = openSync(fsPath(path), constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  try {
    const opened = fstatSync(file);
    if (!opened.isFile()) throw new Error(say('notRegular'));
    if (!isBelow(openedPath(file, path), root)) throw new Error(say('outside', { root }));
    if (opened.size > mostBytes) throw tooLong();
    return readAll(file, () => {});
  } finally {
    closeSync(file);
  }
}

/** Where the file that is open really is: on Linux of the very file, whatever became of its path meanwhile. */
function openedPath(file: number, path: string): string {
  if (process.platform === 'linux')
    return nameOfBytes(readlinkSync(`/proc/self/fd/${file}`, { encoding: 'buffer' }));
  const real = realPath(path);
  if (statSync(fsPath(real)).ino !== fstatSync(file).ino) throw new Error(say('replaced'));
  return real;
}

/** The text of a pipe or a terminal that the user named. @throws Error if it goes on for longer than `timeoutMs` */
export function readPipe(path: string, timeoutMs: number): string {
  const file = openSync(fsPath(path), constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY);
  const until = performance.now() + timeoutMs;
  try {
    return readAll(file, () => {
      if (performance.now() > until) throw new Error(say('silent', { seconds: timeoutMs / 1000 }));
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 5);
    });
  } finally {
    closeSync(file);
  }
}

/** @param wait called when nothing is there yet */
function readAll(file: number, wait: () => void): string {
  const chunks: Buffer[] = [];
  for (let total = 0; ; ) {
    const chunk = Buffer.allocUnsafe(65_536);
    let length: number;
    try {
      length = readSync(file, chunk);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EAGAIN') throw error;
      wait();
      continue;
    }
    if (length === 0) return Buffer.concat(chunks).toString('utf8');
    total += length;
    if (total > mostBytes) throw tooLong();
    chunks.push(chunk.subarray(0, length));
  }
}

/** A shell script that a script calls. @param root null if none may be called */
export function shellFile(path: string, root: string | null): ShellFile {
  if (root === null) return { refused: say('untrusted') };
  let text: string;
  try {
    text = readBelow(path, root);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    return { refused: whyUnreadable(error) };
  }
  const isShell = /^#!.*\b(?:ba|da|k|z)?sh\b/.test(text) || path.endsWith('.sh') || /^#!/.test(text);
  return isShell && !text.includes('\0') ? text : { refused: say('notShell') };
}

/** An error of reading a file or a folder, in words. */
export function whyUnreadable(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return known(code ?? '') ? say(code as 'ENOENT') : message;
}

const known = (code: string): code is keyof typeof scriptFileTexts => Object.hasOwn(scriptFileTexts, code);
