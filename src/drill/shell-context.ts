/** What the commands of a virtual host work with: the host, its files, and what a command is given and gives back. */

/** A TCP socket as ss and /proc/net/tcp list it. */
export interface ListedSocket {
  /** As in include/net/tcp_states.h: 1 ESTABLISHED ... 10 LISTEN. */
  readonly state: number;
  readonly family: 4 | 6;
  readonly localIp: string;
  readonly localPort: number;
  readonly remoteIp: string;
  readonly remotePort: number;
  readonly receiveQueue: number;
  readonly sendQueue: number;
}

/** What `ip route` does. */
export type RouteVerb = 'add' | 'change' | 'replace';

/** What commands can do to a host. Names of sysctls are dotted and complete (`net.ipv4.tcp_rmem`). */
export interface CommandHost {
  /** Undefined if there is no such sysctl. */
  sysctl(name: string): string | undefined;
  /** An error's name (ENOENT, EINVAL, EACCES), or null if it was set. */
  setSysctl(name: string, value: string): string | null;
  /** SNMP and TcpExt counters by nstat's names (`TcpExtListenOverflows`). */
  counters(): Readonly<Record<string, number>>;
  sockets(): readonly ListedSocket[];
  /** Forgets what was learnt about peers (Fast Open cookies, metrics). */
  flushMetrics(): void;
  /**
   * Sets attributes of the route to a destination ('default' or an address, with or without prefix length): mtu,
   * advmss, initcwnd, initrwnd, ... An attribute written `mtu lock 640` comes as `mtu`, and is among the locked ones.
   * @param verb `change` needs a route that is there, `add` one that is not; `replace` takes both
   * @returns what is wrong, or null
   */
  route(
    verb: RouteVerb,
    destination: string,
    attributes: ReadonlyMap<string, string>,
    locked: ReadonlySet<string>,
  ): string | null;
  /** Sets an interface's attributes (mtu). */
  link(device: string, attributes: ReadonlyMap<string, string>): string | null;
  /** Segmentation offloads and the like. */
  offload(device: string, feature: string, on: boolean): string | null;
  /** The interface's queue: its kind and options; null for the kind removes it. */
  qdisc(device: string, kind: string | null, options: readonly string[]): string | null;
  /** Lets time pass, µs. */
  sleep(us: number): void;
}

/** What a shell script's path leads to: its text, why that is not read, or null if there is nothing. */
export type ShellFile = string | { readonly refused: string } | null;

export interface ShellContext {
  readonly host: CommandHost;
  /** The script's folder, as the paths given to `readFile` start with. */
  readonly folder: string;
  /** A shell script on the real machine. */
  readFile(path: string): ShellFile;
  /** The file of the real machine whose commands run at the moment: errors show nothing of its text. */
  inFile: string | null;
  /** Files of the virtual host. */
  readonly files: Map<string, string>;
  readonly variables: Map<string, string>;
  /** nstat's last reading. */
  counters: Readonly<Record<string, number>>;
}

/** What a command works with. */
export interface Invocation {
  readonly args: readonly string[];
  readonly input: string;
  readonly context: ShellContext;
}

/** What a command did; `errors` is its error stream. */
export interface CommandResult {
  readonly status: number;
  readonly output: string;
  readonly errors: string;
}

/** The most characters of a file that commands write. */
const mostFile = 1 << 25;

/** Writes a file of the virtual host; what stands under /proc/sys and /sys changes its settings. */
export function writeFile(path: string, text: string, append: boolean, context: ShellContext): string | null {
  if (path === '/dev/null') return null;
  const name = sysctlOfPath(path);
  if (name !== null) return context.host.setSysctl(name, text.trim());
  const whole = (append ? (context.files.get(path) ?? '') : '') + text;
  if (whole.length > mostFile) return `files have up to ${mostFile} bytes here`;
  context.files.set(path, whole);
  return null;
}

/** The sysctl behind a path under /proc/sys, or a module parameter's path as a name of its own. */
export function sysctlOfPath(path: string): string | null {
  if (path.startsWith('/proc/sys/')) return path.slice('/proc/sys/'.length).replaceAll('/', '.');
  const parameter = /^\/sys\/module\/(\w+)\/parameters\/(\w+)$/.exec(path);
  return parameter === null ? null : `module.${parameter[1]}.${parameter[2]}`;
}

/** A text at the first occurrence of a mark: before and after it. */
export function splitOnce(text: string, mark: string): [string, string] {
  const at = text.indexOf(mark);
  return at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + mark.length)];
}
