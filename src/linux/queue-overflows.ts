/** Full accept queues, which no trace event tells: ListenOverflows of each network namespace, and the queues themselves. */
import { closeSync, openSync, readFileSync, readSync } from 'node:fs';
import { networkNamespaces } from './network-namespaces.ts';

/** Looks at the namespaces from time to time and answers whether a listener's queue has overflowed. */
export class QueueOverflows {
  readonly #counters = new Map<number, number>();
  /** When the listener at ADDRESS:PORT or *:PORT was last full, in µs. */
  readonly #full = new Map<string, number>();

  /** @param now µs of the caller's clock */
  look(now: number): void {
    const spaces = new Map<number, string>();
    for (const { inode, path } of networkNamespaces()) {
      // Of one that only a mount keeps there is no /proc/PID/net, nor a listener.
      const folder = /^\/proc\/\d+/.exec(path)?.[0];
      if (folder !== undefined) spaces.set(inode, folder);
    }
    for (const [space, folder] of spaces) {
      const overflows = overflowsOf(folder);
      if (overflows === null) continue;
      const before = this.#counters.get(space);
      this.#counters.set(space, overflows);
      if (before !== undefined && overflows > before) {
        for (const listener of waitingListeners(folder)) this.#full.set(listener, now);
      }
    }
    for (const space of this.#counters.keys()) if (!spaces.has(space)) this.#counters.delete(space);
  }

  /** Whether a listener that takes SYNs to ADDRESS:PORT was full in the last so many µs. */
  overflowed(to: string, during: number, now: number): boolean {
    const any = `*${to.slice(to.lastIndexOf(':'))}`;
    const at = Math.max(this.#full.get(to) ?? -1, this.#full.get(any) ?? -1);
    return at >= 0 && now - at <= during + 2_000_000;
  }
}

function overflowsOf(folder: string): number | null {
  try {
    const lines = readFileSync(`${folder}/net/netstat`, 'utf8').split('\n');
    const names = lines.find((line) => line.startsWith('TcpExt: '))!.split(' ');
    const values = lines.filter((line) => line.startsWith('TcpExt: '))[1]!.split(' ');
    return Number(values[names.indexOf('ListenOverflows')]);
  } catch {
    return null; // the process has ended
  }
}

/** Listeners in whose queue somebody waits: they come first in /proc/net/tcp. */
function waitingListeners(folder: string): string[] {
  const found: string[] = [];
  for (const name of ['tcp', 'tcp6']) {
    for (const line of head(`${folder}/net/${name}`).split('\n').slice(1)) {
      const [, local = '', , state, queues = ''] = line.trim().split(/\s+/);
      if (state !== '0A') break;
      if (Number.parseInt(queues.slice(9), 16) === 0) continue;
      const port = Number.parseInt(local.slice(local.indexOf(':') + 1), 16);
      const address = local.slice(0, local.indexOf(':'));
      const text = [6, 4, 2, 0].map((at) => Number.parseInt(address.slice(at, at + 2), 16)).join('.');
      found.push(/^0+$/.test(address) || address.length > 8 ? `*:${port}` : `${text}:${port}`);
    }
  }
  return found;
}

/** The beginning of a file that can be long: listeners stand before all others. */
function head(path: string): string {
  try {
    const file = openSync(path, 'r');
    try {
      const bytes = Buffer.alloc(1 << 16);
      return bytes.toString('latin1', 0, readSync(file, bytes, 0, bytes.length, 0));
    } finally {
      closeSync(file);
    }
  } catch {
    return '';
  }
}
