/** Sockets that are connected to themselves: what they are, and how they are destroyed. */
import { readFileSync } from 'node:fs';
import type { Owner } from '../doctor/owners.ts';
import { parsePortRange } from '../doctor/ports.ts';
import { type NetworkNamespace, visit } from '../linux/network-namespaces.ts';
import { type DiagEnd, type DiagSocket, isWithItself, SockDiag } from '../linux/sock-diag.ts';
import type { Sys } from '../linux/sys.ts';
import { TcpState } from '../linux/tcp-state.ts';

/** What was done with a socket that is connected to itself. */
type Deed = 'destroyed' | 'spared' | 'gone';

/** A socket that was found, and what was done with it. */
export interface Verdict {
  readonly socket: DiagSocket;
  readonly namespace: NetworkNamespace;
  /** `gone`: its program was quicker. `spared`: this is a dry run. */
  readonly deed: Deed;
  /** When that was done, µs of CLOCK_MONOTONIC. */
  readonly at: number;
  /** The process that had it; null if that could not be found out in time. */
  readonly owner: Owner | null;
}

/**
 * Says which process has the socket with this inode. It is asked before the socket is destroyed, since its program closes it
 * then; what takes time and can wait is in the function that it returns.
 */
export type Whose = (inode: number) => () => Owner | null;

/** Nobody is asked whose it is. */
export const nobody: Whose = () => () => null;

/** The states of a connection that is, or was, with itself. TIME-WAIT keeps the service from its port for a minute. */
const states = [
  TcpState.established,
  TcpState.synReceived,
  TcpState.finWait1,
  TcpState.finWait2,
  TcpState.closeWait,
  TcpState.lastAck,
  TcpState.closing,
  TcpState.timeWait,
];

export const nowUs = (): number => Number(process.hrtime.bigint()) / 1000;

/** How long a socket into a namespace is kept after its last use, µs: it keeps the namespace alive, too. */
const keepUs = 1e6;
const mostKept = 64;

/** Finds sockets that are connected to themselves, and destroys them unless it is a dry run. */
export class Executor {
  private readonly sys: Sys;
  private readonly dryRun: boolean;
  /** In a dry run the same socket is found again and again: it is told once. */
  private readonly told = new Set<bigint>();
  /** Sockets into the namespaces in which something was found lately: the next one there is met without entering it. */
  private readonly kept = new Map<number, { readonly diag: SockDiag; used: number }>();

  constructor(sys: Sys, dryRun: boolean) {
    this.sys = sys;
    this.dryRun = dryRun;
  }

  /**
   * Deals with the socket whose two ends are `end`, if there is one in this namespace.
   * @returns null if there is none, or the namespace has gone
   * @throws SysError if the kernel does not let us
   */
  dealWith(namespace: NetworkNamespace, end: DiagEnd, whose: Whose): Verdict | null {
    return this.asking(namespace, (diag) => {
      const socket = diag.find(end, end);
      // Where no connection has these ends the kernel names the listener: that is the service, and left alone.
      if (socket === null || !states.includes(socket.state as (typeof states)[number])) return null;
      return isWithItself(socket) ? this.judge(diag, socket, namespace, whose) : null;
    });
  }

  /**
   * Deals with all such sockets of a namespace whose port connect() hands out there.
   * @returns null if the namespace has gone
   * @throws SysError if the kernel does not let us
   */
  sweep(namespace: NetworkNamespace, whose: Whose): Verdict[] | null {
    return this.inside(namespace, (diag) => {
      const range = parsePortRange(readFileSync('/proc/sys/net/ipv4/ip_local_port_range', 'latin1'));
      const query = range === null ? {} : { bothPorts: { low: range.first, high: range.last } };
      const found = diag.list({ states, ...query }).filter(isWithItself);
      return found.flatMap((socket) => this.judge(diag, socket, namespace, whose) ?? []);
    });
  }

  private judge(
    diag: SockDiag,
    socket: DiagSocket,
    namespace: NetworkNamespace,
    whose: Whose,
  ): Verdict | null {
    if (this.dryRun) {
      if (this.told.has(socket.cookie)) return null;
      if (this.told.size > 10_000) this.told.clear();
      this.told.add(socket.cookie);
    }
    const owner = socket.inode === 0 ? null : whose(socket.inode);
    const deed = this.dryRun ? 'spared' : diag.destroy(socket) ? 'destroyed' : 'gone';
    const at = nowUs();
    return { socket, namespace, deed, at, owner: owner?.() ?? null };
  }

  /** Lets go of namespaces in which nothing was found for a while. To be called now and then. */
  letGo(before: number = nowUs() - keepUs): void {
    for (const [inode, { diag, used }] of this.kept) {
      if (used > before) continue;
      diag.close();
      this.kept.delete(inode);
    }
  }

  /** Asks about a namespace, through the socket that is kept if there is one. */
  private asking<T>(namespace: NetworkNamespace, work: (diag: SockDiag) => T | null): T | null {
    const kept = this.kept.get(namespace.inode);
    if (kept !== undefined) {
      kept.used = nowUs();
      return work(kept.diag);
    }
    const diag = visit(this.sys, namespace, () => new SockDiag(this.sys));
    if (diag === null) return null;
    let found: T | null = null;
    try {
      found = work(diag);
    } finally {
      if (found === null || this.kept.size >= mostKept) diag.close();
      else this.kept.set(namespace.inode, { diag, used: nowUs() });
    }
    return found;
  }

  private inside<T>(namespace: NetworkNamespace, work: (diag: SockDiag) => T): T | null {
    return visit(this.sys, namespace, () => {
      const diag = new SockDiag(this.sys);
      try {
        return work(diag);
      } finally {
        diag.close();
      }
    });
  }
}
