/** What `halfopen run` is to do: the scripts under the paths given, each in its address set-ups. */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { IpVersion } from '../drill/system-under-test.ts';
import { fsPath, nameOfBytes } from './output/names.ts';
import { emptyResult, failedResult, type Job, type JobResult, restrictedTo } from './run-job.ts';
import { readPipe, rootOf, whyUnreadable } from './script-files.ts';

/** A script to run, or what is known of it without running it. */
export type Planned = { readonly job: Job } | { readonly result: JobResult };

interface Found {
  readonly path: string;
  /** Below which folder it is read. */
  readonly root: string;
  /** Why there is nothing to run at this path; null for a script, which may still turn out not to be there. */
  readonly problem: string | null;
}

/** The *.pkt of a folder and of those below it, in order. */
function scriptsIn(folder: string, root: string): Found[] {
  try {
    const entries = readdirSync(fsPath(folder), { withFileTypes: true, encoding: 'buffer' })
      .map((entry) => ({ name: nameOfBytes(entry.name), isFolder: entry.isDirectory() }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
    return entries.flatMap(({ name, isFolder }) => {
      const path = join(folder, name);
      if (isFolder) return scriptsIn(path, root);
      return name.endsWith('.pkt') ? [{ path, root, problem: null }] : [];
    });
  } catch (error) {
    return [{ path: folder, root, problem: `the folder cannot be read: ${whyUnreadable(error)}` }];
  }
}

function isFolder(path: string): boolean {
  try {
    return statSync(fsPath(path)).isDirectory();
  } catch {
    return false; // Reading it as a script says what is wrong.
  }
}

/** @param given the root that the user asked for, if any */
function scriptsUnder(path: string, given: string | null): Found[] {
  const folder = isFolder(path);
  let root: string;
  try {
    root = given ?? rootOf(path, folder);
  } catch (error) {
    return [{ path, root: '', problem: `the script cannot be read: ${whyUnreadable(error)}` }];
  }
  if (!folder) return [{ path, root, problem: null }];
  const found = scriptsIn(path, root);
  return found.length > 0 ? found : [{ path, root, problem: 'there is no *.pkt in this folder' }];
}

/**
 * What can be read only once, such as a pipe, is read now if the user named it: its text, or why it has none. A file is left for
 * later, and so is what was found in a folder, which has to be a file.
 */
function readNow(path: string, isNamed: boolean, job: Common): { text?: string; problem?: string } {
  try {
    if (!isNamed || statSync(fsPath(path)).isFile()) return {};
    if (job.untrusted) throw new Error('it is not a regular file');
    return { text: readPipe(path, job.timeoutMs) };
  } catch (error) {
    return { problem: `the script cannot be read: ${whyUnreadable(error)}` };
  }
}

/** What all jobs have in common. */
type Common = Omit<Job, 'file' | 'ip' | 'root'>;

/**
 * @param ips the address set-ups asked for; null if none were
 * @param job what all jobs have in common
 * @param given the root that the user asked for; null if none
 */
export function planRuns(
  paths: readonly string[],
  ips: readonly IpVersion[] | null,
  job: Common,
  given: string | null = null,
): Planned[] {
  const wanted = ips ?? ['ipv4'];
  const forced = job.options.some(({ name }) => name === 'ip_version');
  const found = paths.flatMap((path) => scriptsUnder(path, given));
  return found.flatMap(({ path: file, root, problem: notFound }): Planned[] => {
    const named = paths.includes(file);
    const { text, problem } = notFound === null ? readNow(file, named, job) : { problem: notFound };
    if (problem !== undefined) return [{ result: failedResult(file, wanted[0]!, 'parse', problem) }];
    const script = { file, root, ...(text === undefined ? {} : { text }), ...job };
    if (forced) return [{ job: { ip: null, ...script } }];
    const allowed = restrictedTo(file, root, text);
    const fitting = wanted.filter((ip) => allowed === null || allowed.includes(ip));
    if (fitting.length > 0) return fitting.map((ip) => ({ job: { ip, ...script } }));
    // Without a wish, a script that is restricted runs in what it is made for.
    if (ips === null) return [{ job: { ip: allowed![0]!, ...script } }];
    const skipped = `made for ${allowed!.join(' and ')} only`;
    return [{ result: { ...emptyResult(file, wanted[0]!), skipped } }];
  });
}
