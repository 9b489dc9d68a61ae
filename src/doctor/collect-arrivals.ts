/** What becomes of the SYNs that arrive while somebody looks, by a packet socket. */
import { readFileSync } from 'node:fs';
import { networkInterfaces } from 'node:os';
import { Arrivals, Drops, type Loss } from '../linux/arrivals.ts';
import { SockDiag } from '../linux/sock-diag.ts';
import { openSynTap, type SynTap } from '../linux/syn-tap.ts';
import { type Sys, sys } from '../linux/sys.ts';
import { TcpState } from '../linux/tcp-state.ts';
import { interfaceIndex } from '../linux/tun.ts';
import { formatAddress, parseAddress, unmap } from '../wire/address.ts';
import type { DropEvent } from './collect-attempts.ts';
import type { Host, LostSyns } from './host.ts';
import { attempt, type Source } from './read.ts';

type Mutable<T> = { -readonly [K in keyof T]: T[K] };

interface ArrivalWatch {
  /** Ends it and gives what was lost. @param drops what the kernel dropped meanwhile */
  end(drops: readonly DropEvent[]): Host['lostSyns'];
}

const where = 'arriving SYNs (AF_PACKET)';
/** How often what has arrived is read, ms: the socket holds some thousands of packets. */
const readEveryMs = 20;
/** Packets after which it is enough: a busy host is judged by its first moments. */
const mostPackets = 40_000;

/** Follows what arrives in the own namespace, where this user may. */
export function watchArrivals(source: Source, proc: string): ArrivalWatch {
  const without = (why: string): ArrivalWatch => ({ end: () => ({ ok: false, where, why, absent: true }) });
  if (!source.live || proc !== '/proc' || !source.own)
    return without('they can be followed in the own namespace only');
  if (process.getuid?.() !== 0) return without('only root may see arriving packets');
  try {
    const system = sys();
    return follow(system, openSynTap(system, null, { sent: true }));
  } catch (error) {
    return without((error as Error).message);
  }
}

function follow(system: Sys, tap: SynTap): ArrivalWatch {
  const known = new Drops();
  const arrivals = new Arrivals(known);
  let left = mostPackets;
  const read = (): void => {
    left -= tap.read((packet) => arrivals.see(packet), left);
    if (left <= 0) clearInterval(timer);
  };
  const timer = setInterval(read, readEveryMs);
  return {
    end: (drops) => {
      clearInterval(timer);
      try {
        read();
        const now = system.clockUs(0);
        const offset = now - system.clockUs(1);
        for (const { time, word } of drops) known.add(time + offset, word);
        // Beyond the last packet that was read nothing is known.
        const losses = left > 0 ? arrivals.settle(now) : [];
        return { ok: true, where, value: grouped(system, losses) };
      } catch (error) {
        return { ok: false, where, why: (error as Error).message, absent: true };
      } finally {
        tap.close();
      }
    },
  };
}

/** The losses of each client and service together, without those that a socket has taken in its own way. */
function grouped(system: Sys, losses: readonly Loss[]): LostSyns[] {
  if (losses.length === 0) return [];
  const ours = new Set(Object.values(networkInterfaces()).flatMap((some) => some?.map((one) => one.address)));
  const devices = deviceNames(system);
  const diag = new SockDiag(system);
  try {
    const groups = new Map<string, Mutable<LostSyns>>();
    const waiting = losses.some(({ answer }) => answer) ? waitingTuples(diag) : new Set<string>();
    for (const loss of losses) {
      const { from, fromPort, to, toPort, answer: answers, refused, times, word } = loss;
      const local = ours.has(to) || to.startsWith('127.');
      // An answer that is not for a connect() of this host is refused or passed on.
      if (local && (answers ? !waiting.has(tupleOf(to, toPort, from, fromPort)) : taken(diag, loss)))
        continue;
      const device = devices.get(loss.device) ?? `interface ${loss.device}`;
      const port = answers ? fromPort : toPort;
      const key = `${from} ${to} ${port} ${device} ${answers}`;
      const group = groups.get(key);
      if (group === undefined) {
        const takes = local && refused === 'rst' ? { takes: hasListener(diag, loss) } : {};
        groups.set(key, { from, to, port, device, times, ours: local, word, answers, refused, ...takes });
        continue;
      }
      // The kernel limits how many ICMP errors it sends: of several that a rule rejects, some just vanish.
      group.times += times;
      group.word ??= word;
      group.refused ??= refused;
    }
    return [...groups.values()].sort((a, b) => b.times - a.times);
  } finally {
    diag.close();
  }
}

/** Whether a connection has these ends: then the SYN was a stray one for it, which is answered by an ACK. */
function taken(diag: SockDiag, { from, fromPort, to, toPort, refused }: Loss): boolean {
  if (refused !== null) return false;
  const [local, remote] = [parseAddress(to), parseAddress(from)];
  if (local === null || remote === null) return false;
  const socket = diag.find({ address: local, port: toPort }, { address: remote, port: fromPort });
  return socket !== null && socket.state !== TcpState.listen;
}

/** Whether the kernel finds a listener for it: unlike /proc/net/tcp6 it knows which ones on :: refuse IPv4. */
function hasListener(diag: SockDiag, { from, fromPort, to, toPort }: Loss): boolean {
  const [local, remote] = [parseAddress(to), parseAddress(from)];
  if (local === null || remote === null) return false;
  const socket = diag.find({ address: local, port: toPort }, { address: remote, port: fromPort });
  return socket?.state === TcpState.listen;
}

const tupleOf = (local: string, localPort: number, remote: string, remotePort: number): string =>
  `${local} ${localPort} ${remote} ${remotePort}`;

/** The connections of this host that wait for an answer. */
function waitingTuples(diag: SockDiag): Set<string> {
  const text = ({ address }: { readonly address: Parameters<typeof unmap>[0] }): string =>
    formatAddress(unmap(address));
  return new Set(
    diag
      .list({ states: [TcpState.synSent] })
      .map(({ local, remote }) => tupleOf(text(local), local.port, text(remote), remote.port)),
  );
}

function deviceNames(system: Sys): Map<number, string> {
  const text = attempt(() => readFileSync('/proc/net/dev', 'utf8'), '');
  const names = [...text.matchAll(/^\s*([^\s:]+):/gm)].map(([, name]) => name!);
  return new Map(names.map((name) => [attempt(() => interfaceIndex(system, name), -1), name]));
}
