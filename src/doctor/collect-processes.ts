/** The processes that listen, and what accept() does for them. */
import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import type { ProcessReading, QueueReading, Reading, SocketReading } from './host.ts';
import { attempt, type Source } from './read.ts';
import { addressText, type Sockets, state } from './sockets.ts';

/** Inodes of the listeners. */
export function listenersOf(sockets: Sockets): Set<number> {
  const inodes = new Set<number>();
  for (let row = 0; row < sockets.length; row++) {
    if (sockets.state[row] === state.listen && sockets.inode[row] !== 0) inodes.add(sockets.inode[row]!);
  }
  return inodes;
}

/** How long looking through processes may take, in ms: a host can have millions of open files. */
const budget = 350;
/** File descriptors of a process that are looked at in search of listeners. */
const mostDescriptors = 4096;

/** Below this, a limit of descriptors was set to keep a process from opening anything. */
const leastLimit = 16;

/** Reads the processes of this network that hold a listener, or all the file descriptors that they may. */
export function readProcesses(
  source: Source,
  proc: string,
  listeners: ReadonlySet<number>,
): Reading<readonly ProcessReading[]> {
  const where = `${proc}/*/fd`;
  if (!source.live) return { ok: false, where, why: 'copies hold no processes', absent: true };
  const network = attempt(() => readlinkSync(source.net.replace(/\/net$/, '/ns/net')), '');
  const links = new Map([...listeners].map((inode) => [`socket:[${inode}]`, inode]));
  const end = performance.now() + budget;
  const value: ProcessReading[] = [];
  for (const name of attempt(() => readdirSync(proc), [])) {
    if (!/^\d+$/.test(name)) continue;
    if (performance.now() > end) break;
    const folder = `${proc}/${name}`;
    const descriptors = attempt(() => readdirSync(`${folder}/fd`), null);
    if (descriptors === null || descriptors.length === 0) continue;
    const held = descriptors
      .slice(0, links.size > 0 ? mostDescriptors : 0)
      .flatMap((file) => links.get(attempt(() => readlinkSync(`${folder}/fd/${file}`), '')) ?? []);
    const limit = limitOf(attempt(() => readFileSync(`${folder}/limits`, 'utf8'), ''));
    // Those above the limit were opened before it was set; what counts are the numbers that accept() could give.
    const within =
      limit === null ? descriptors.length : descriptors.filter((file) => Number(file) < limit).length;
    // A limit of a few is a sandbox's, on purpose.
    const atLimit = limit !== null && limit >= leastLimit && within >= limit;
    if (held.length === 0 && !atLimit) continue;
    if (held.length === 0 && attempt(() => readlinkSync(`${folder}/ns/net`), '?') !== network) continue;
    const stat = attempt(() => readFileSync(`${folder}/stat`, 'utf8'), '');
    value.push({
      pid: Number(name),
      name: attempt(() => readFileSync(`${folder}/comm`, 'utf8'), '?').replace(/\p{Cc}/gu, '') || '?',
      state: /^\d+ \(.*\) (\S)/s.exec(stat)?.[1] ?? '?',
      descriptors: within,
      limit,
      listeners: held,
    });
  }
  return { ok: true, where, value };
}

const limitOf = (text: string): number | null => {
  const soft = /^Max open files\s+(\d+)/m.exec(text)?.[1];
  return soft === undefined ? null : Number(soft);
};

/** Tuples that wait for accept(): established, and held by no process yet. */
function waitingTuples(sockets: Sockets): Map<string, number> {
  const tuples = new Map<string, number>();
  for (let row = 0; row < sockets.length; row++) {
    const { [row]: now } = sockets.state;
    if (sockets.inode[row] !== 0 || (now !== state.established && now !== state.closeWait)) continue;
    const port = sockets.localPort[row]!;
    const local = addressText(sockets.localAddress, row);
    const remote = addressText(sockets.remoteAddress, row);
    tuples.set(`${local} ${port} ${remote} ${sockets.remotePort[row]}`, port);
  }
  return tuples;
}

/**
 * What accept() did since the sockets were read: the queue is first in, first out, so that one who waited then and still
 * does shows that nobody was taken after it.
 * @param again reads the sockets now; only called if a queue was not empty
 */
export function readQueues(before: Sockets, again: () => SocketReading): Reading<QueueReading> {
  const where = '/proc/net/tcp, twice';
  let anybody = false;
  for (let row = 0; row < before.length && !anybody; row++) {
    anybody = before.state[row] === state.listen && before.receiveQueue[row]! > 0;
  }
  if (!anybody) return { ok: true, where, value: { waiting: new Map(), remained: new Map() } };
  const { sockets } = again();
  const waiting = new Map<number, number>();
  for (let row = 0; row < sockets.length; row++) {
    if (sockets.state[row] === state.listen) waiting.set(sockets.inode[row]!, sockets.receiveQueue[row]!);
  }
  const remained = new Map<number, number>();
  const later = waitingTuples(sockets);
  for (const [tuple, port] of waitingTuples(before)) {
    if (later.has(tuple)) remained.set(port, (remained.get(port) ?? 0) + 1);
  }
  return { ok: true, where, value: { waiting, remained } };
}
