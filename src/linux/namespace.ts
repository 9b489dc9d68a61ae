/**
 * Processes in namespaces of their own: user (unless root), network, process and mount. Everything in such a process tree
 * ends with the process that started it, however that ends, and the network with it: the kernel removes a namespace
 * when nothing uses it.
 *
 * Node has threads from its first moment, and a process with threads cannot enter a user namespace; so util-linux'
 * `unshare` makes the namespaces and then becomes parent of Node, as process 1 in there. `setpriv` ties the life of
 * `unshare` to ours, and `--kill-child` the life of what is inside to that of `unshare`.
 */
import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import { K, must, type Sys } from './sys.ts';

/** How namespaces can be made here, or why they cannot. */
type NamespaceMeans =
  | { readonly how: 'user' | 'root'; readonly prefix: readonly string[] }
  | { readonly how: null; readonly why: string };

const means: { found: NamespaceMeans | null } = { found: null };

function prefixOf(how: 'user' | 'root'): string[] {
  const user = how === 'user' ? ['--user', '--map-root-user'] : [];
  const unshare = ['unshare', ...user, '--net', '--mount', '--pid', '--fork', '--kill-child=KILL'];
  return ['setpriv', '--pdeathsig', 'KILL', '--', ...unshare, '--'];
}

const firstLine = (text: string): string => text.trim().split('\n')[0] ?? '';

/** Finds out, once, how this process can make namespaces: as root without a user namespace, otherwise with one. */
export function namespaceMeans(): NamespaceMeans {
  means.found ??= probe();
  return means.found;
}

function probe(): NamespaceMeans {
  if (process.platform !== 'linux')
    return { how: null, why: `this needs Linux, and this is ${process.platform}` };
  const ways = process.geteuid?.() === 0 ? (['root', 'user'] as const) : (['user'] as const);
  const problems: string[] = [];
  for (const how of ways) {
    const prefix = prefixOf(how);
    const check = ['sh', '-c', 'exec 3<>/dev/net/tun'];
    const result = spawnSync(prefix[0]!, [...prefix.slice(1), ...check], {
      encoding: 'utf8',
      timeout: 10_000,
    });
    if (result.status === 0) return { how, prefix };
    const missing = result.error as NodeJS.ErrnoException | undefined;
    problems.push(
      missing?.code === 'ENOENT' ? 'setpriv of util-linux is not installed' : firstLine(result.stderr ?? ''),
    );
  }
  const why = problems.find((it) => it !== '') ?? 'unknown reason';
  return { how: null, why: `network namespaces cannot be made here (${why}): ${remedyFor(why)}` };
}

function remedyFor(why: string): string {
  if (/not installed|not found|executable/.test(why)) return 'install util-linux 2.33 or newer';
  if (/net\/tun/.test(why)) return 'run `modprobe tun`, or hand /dev/net/tun to this container';
  return 'run this as root, or allow unprivileged user namespaces (sysctl user.max_user_namespaces, and kernel.apparmor_restrict_unprivileged_userns=0 on Ubuntu)';
}

/** Starts a program in namespaces of its own. @throws Error with a sentence that says what to do where they cannot be made */
export function spawnInNamespace(
  command: string,
  args: readonly string[],
  options: {
    readonly stdio?: ('pipe' | 'inherit' | 'ignore')[];
    readonly cwd?: string;
    readonly env?: NodeJS.ProcessEnv;
  } = {},
): ChildProcess {
  const found = namespaceMeans();
  if (found.how === null) throw new Error(found.why);
  const [first, ...rest] = [...found.prefix, command, ...args];
  return spawn(first!, rest, options);
}

/**
 * A network of its own for the calling thread, beside the one that it has. A namespace belongs to a thread: use only
 * synchronous calls, since those of the thread pool run in the namespace that the process began with.
 */
export interface NetworkNamespace {
  /** Runs something in it. */
  run<T>(work: () => T): T;
  close(): void;
}

/** Makes a network namespace; the calling thread is back where it was when this returns. */
export function newNetworkNamespace(sys: Sys): NetworkNamespace {
  const path = '/proc/thread-self/ns/net';
  const before = openSync(path, 'r');
  let own: number;
  try {
    must('unshare', sys.call('unshare', K.CLONE_NEWNET));
    own = openSync(path, 'r');
    must('setns', sys.call('setns', before, K.CLONE_NEWNET));
  } catch (error) {
    closeSync(before);
    throw error;
  }
  const enter = (fd: number): void => {
    must('setns', sys.call('setns', fd, K.CLONE_NEWNET));
  };
  return {
    run: (work) => {
      enter(own);
      try {
        return work();
      } finally {
        enter(before);
      }
    },
    close: (): void => {
      closeSync(own);
      closeSync(before);
    },
  };
}

/**
 * Keeps commands in a mount namespace from settings of the whole machine: /sys and /proc/sys are read-only, but for
 * /proc/sys/net, which is the network namespace's own. Call it inside `spawnInNamespace`.
 */
export function protectMachine(sys: Sys): void {
  const mount = (what: string, where: string, flags: number): void => {
    must(`mount ${where}`, sys.call('mount', what, where, '', flags, null));
  };
  mount('none', '/', K.MS_REC | K.MS_PRIVATE);
  mount('/proc/sys/net', '/proc/sys/net', K.MS_BIND);
  for (const folder of ['/proc/sys', '/sys']) {
    mount(folder, folder, K.MS_BIND | K.MS_REC);
    mount('none', folder, K.MS_BIND | K.MS_REMOUNT | K.MS_RDONLY | K.MS_NOSUID | K.MS_NODEV | K.MS_NOEXEC);
  }
}
