/** What `halfopen run` is to do: the scripts under the paths given, each in its address set-ups. */
import { readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import type { IpVersion } from '../drill/system-under-test.ts';
import { fsPath, nameOfBytes } from './output/names.ts';
import {
  emptyResult,
  failedResult,
  type Job,
  type JobResult,
  readScript,
  restrictedTo,
  whyUnreadable,
} from './run-job.ts';

/** A script to run, or what is known of it without running it. */
export type Planned = { readonly job: Job } | { readonly result: JobResult };

interface Found {
  readonly path: string;
  /** Why there is nothing to run at this path; null for a script, which may still turn out not to be there. */
  readonly problem: string | null;
}

/** The *.pkt of a folder and of those below it, in order. */
function scriptsIn(folder: string): Found[] {
  try {
    const entries = readdirSync(fsPath(folder), { withFileTypes: true, encoding: 'buffer' })
      .map((entry) => ({ name: nameOfBytes(entry.name), isFolder: entry.isDirectory() }))
      .sort((a, b) => (a.name < b.name ? -1 : 1));
    return entries.flatMap(({ name, isFolder }) => {
      const path = join(folder, name);
      if (isFolder) return scriptsIn(path);
      return name.endsWith('.pkt') ? [{ path, problem: null }] : [];
    });
  } catch (error) {
    return [{ path: folder, problem: `the folder cannot be read: ${whyUnreadable(error)}` }];
  }
}

function isFolder(path: string): boolean {
  try {
    return statSync(fsPath(path)).isDirectory();
  } catch {
    return false; // Reading it as a script says what is wrong.
  }
}

function scriptsUnder(path: string): Found[] {
  if (!isFolder(path)) return [{ path, problem: null }];
  const found = scriptsIn(path);
  return found.length > 0 ? found : [{ path, problem: 'there is no *.pkt in this folder' }];
}

/** What can be read only once, such as a pipe, is read now: its text, or why it has none. A file is left for later. */
function readNow(path: string): { text?: string; problem?: string } {
  try {
    return statSync(fsPath(path)).isFile() ? {} : { text: readScript(path) };
  } catch (error) {
    return { problem: `the script cannot be read: ${whyUnreadable(error)}` };
  }
}

/**
 * @param ips the address set-ups asked for; null if none were
 * @param job what all jobs have in common
 */
export function planRuns(
  paths: readonly string[],
  ips: readonly IpVersion[] | null,
  job: Omit<Job, 'file' | 'ip'>,
): Planned[] {
  const wanted = ips ?? ['ipv4'];
  const forced = job.options.some(({ name }) => name === 'ip_version');
  return paths.flatMap(scriptsUnder).flatMap(({ path: file, problem: notFound }): Planned[] => {
    const { text, problem } = notFound === null ? readNow(file) : { problem: notFound };
    if (problem !== undefined) return [{ result: failedResult(file, wanted[0]!, 'parse', problem) }];
    const script = { file, ...(text === undefined ? {} : { text }), ...job };
    if (forced) return [{ job: { ip: null, ...script } }];
    const allowed = restrictedTo(file, text);
    const fitting = wanted.filter((ip) => allowed === null || allowed.includes(ip));
    if (fitting.length > 0) return fitting.map((ip) => ({ job: { ip, ...script } }));
    // Without a wish, a script that is restricted runs in what it is made for.
    if (ips === null) return [{ job: { ip: allowed![0]!, ...script } }];
    const skipped = `made for ${allowed!.join(' and ')} only`;
    return [{ result: { ...emptyResult(file, wanted[0]!), skipped } }];
  });
}
