/**
 * The guard of a whole host: finds connections that are with themselves the moment they come to be, in every network
 * namespace, and destroys them. The kernel's trace event tells of them; where there are none it is asked for them again
 * and again. What both rest on is SOCK_DESTROY.
 */
import { readdirSync } from 'node:fs';
import { setPriority } from 'node:os';
import { setImmediate, setTimeout } from 'node:timers/promises';
import { findOwners } from '../doctor/owners.ts';
import {
  type NetworkNamespace,
  namespaceOfThread,
  networkNamespaces,
  ownNamespace,
} from '../linux/network-namespaces.ts';
import type { DiagEnd } from '../linux/sock-diag.ts';
import { K, type Sys } from '../linux/sys.ts';
import { TcpState } from '../linux/tcp-state.ts';
import { openTrace, type Trace, TraceError, type TraceEvent } from '../linux/trace-events.ts';
import { formatEndpoint, ipv4, ipv6, sameAddress, unmap } from '../wire/address.ts';
import { holds, processOf } from './owner.ts';
import { Executor, nobody, nowUs, type Verdict, type Whose } from './self-connections.ts';

/** A self-connection that was found. */
export interface Stop extends Verdict {
  /** How long it was ESTABLISHED before that was done, µs; null if it was not seen to begin. */
  readonly livedUs: number | null;
  /** Whether it is in the network namespace that the guard was started in. */
  readonly here: boolean;
}

/** How the guard finds them: by the trace event, or by asking sock_diag. */
export type Way = 'trace' | 'ask';

interface WardenOptions {
  readonly sys: Sys;
  /** Find and tell, destroy nothing. */
  readonly dryRun: boolean;
  /** `auto`: by the trace event if there can be one. */
  readonly way: Way | 'auto';
  /** Ends it. */
  readonly signal: AbortSignal;
  /** Called once it is on watch. @param why why there is no trace, if there should have been one */
  readonly onReady: (way: Way, why: string | null) => void;
  readonly onStop: (stop: Stop) => void;
  /** A namespace could not be looked into; told once for each. */
  readonly onBlind: (namespace: NetworkNamespace, error: Error) => void;
}

/** Milliseconds between two looks at every namespace when asking. */
const askEveryMs = 5;
/**
 * Between two sweeps beside the trace, ms: they find what an event did not lead to. Rarely, because the kernel walks through
 * all sockets of the host for each namespace: that takes milliseconds, and an event that comes meanwhile waits.
 */
const sweepEveryMs = 60_000;
/** How long one wait for the trace may block this thread, and with it signals, ms. */
const waitMs = 50;

/** The end of a connection with itself that an event tells of; null if its ends differ. */
function endOf(event: TraceEvent): DiagEnd | null {
  const port = event.number('sport');
  if (port !== event.number('dport')) return null;
  const [local, remote] = (['saddr_v6', 'daddr_v6'] as const).map((field) => {
    const bytes = event.bytes(field);
    const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    return unmap(ipv6(view.getInt32(0), view.getInt32(4), view.getInt32(8), view.getInt32(12)));
  });
  if (event.number('family') === K.AF_INET) {
    const [from, to] = (['saddr', 'daddr'] as const).map((field) => {
      const bytes = event.bytes(field);
      return ipv4(new DataView(bytes.buffer, bytes.byteOffset, 4).getInt32(0));
    });
    return sameAddress(from!, to!) ? { address: from!, port } : null;
  }
  return sameAddress(local!, remote!) ? { address: local!, port } : null;
}

/**
 * Lets this process run before all ordinary ones, so that a busy host does not make it late. It works for microseconds at a
 * time, and the kernel keeps five per cent for the others whatever happens (sched_rt_runtime_us). All of its threads: the
 * main one waits for those that collect garbage with it.
 */
function hurry(sys: Sys): void {
  const lowestRealTime = Buffer.from([1, 0, 0, 0]);
  for (const thread of readdirSync('/proc/self/task')) {
    const policy = K.SCHED_FIFO | K.SCHED_RESET_ON_FORK;
    if (sys.call('sched_setscheduler', Number(thread), policy, lowestRealTime) === 0) continue;
    try {
      setPriority(Number(thread), -19); // a container may have no right to the former
    } catch {
      // nor to this: then it is as late as the host is busy
    }
  }
}

class Warden {
  private readonly options: WardenOptions;
  private readonly executor: Executor;
  private readonly home: number;
  /** Namespaces that could not be looked into. */
  private readonly blind = new Set<number>();
  private namespaces: NetworkNamespace[] = [];
  private scanDue = 0;
  /** Ends of connections with themselves that were not where they were looked for first. */
  private readonly missed = new Map<string, { readonly end: DiagEnd; readonly since: number }>();
  private missedDue = 0;

  constructor(options: WardenOptions) {
    this.options = options;
    this.executor = new Executor(options.sys, options.dryRun);
    this.home = ownNamespace().inode;
  }

  async run(): Promise<void> {
    const { way, onReady } = this.options;
    // The first sweep tells whether this may be done at all: in the own namespace an error is final.
    this.sweepAll();
    let why: string | null = null;
    if (way !== 'ask') {
      try {
        return await this.followTrace();
      } catch (error) {
        if (way === 'trace' || !(error instanceof TraceError)) throw error;
        why = error.message;
      }
    }
    if (this.options.signal.aborted) return;
    onReady('ask', why);
    await this.keepAsking();
  }

  private async followTrace(): Promise<void> {
    const { sys, signal, onReady } = this.options;
    let ended: Error | null = null;
    const trace: Trace = await openTrace({
      // A connection with itself is a simultaneous open: it comes from SYN-RECEIVED. One that address translation leads
      // elsewhere, so that only its two ends look the same, comes from SYN-SENT. The kernel's filters compare fields with
      // constants only, so every connection that is accepted comes here, too.
      events: [
        {
          event: 'sock/inet_sock_set_state',
          filter: `oldstate == ${TcpState.synReceived} && newstate == ${TcpState.established}`,
        },
      ],
      bufferKb: 64,
      intervalMs: 0,
      immediate: true,
      onEvents: (events) => this.heed(events),
      onEnd: (error) => {
        ended = error;
      },
    });
    try {
      hurry(sys);
      onReady('trace', null);
      const waits = trace.descriptors.map((fd) => ({ fd, events: K.POLLIN }));
      let lost = trace.lost;
      let toSweep: NetworkNamespace[] = [];
      let sweepDue = nowUs() + sweepEveryMs * 1000;
      while (!signal.aborted && ended === null) {
        sys.poll(waits, waitMs * 1000).forEach((ready, index) => {
          if (ready !== 0) trace.readPage(index);
        });
        if (trace.lost !== lost || nowUs() > sweepDue) {
          lost = trace.lost;
          sweepDue = nowUs() + sweepEveryMs * 1000;
          toSweep = networkNamespaces();
        }
        this.lookEverywhere();
        this.executor.letGo();
        // One namespace a turn, so that events between them are heeded.
        const next = toSweep.pop();
        if (next !== undefined) this.sweep(next);
        await setImmediate();
      }
    } finally {
      this.executor.letGo(Number.POSITIVE_INFINITY);
      await trace.close();
    }
    if (ended !== null) throw ended;
  }

  private heed(events: readonly TraceEvent[]): void {
    for (const event of events) {
      const end = endOf(event);
      if (end === null) continue;
      // On loopback the handshake runs in the very thread that called connect(), as a rule.
      const { thread } = event;
      const whose: Whose = (inode) => (holds(thread, inode) ? () => processOf(thread) : () => null);
      const likely = namespaceOfThread(thread);
      const tried =
        likely === null ? null : this.look(likely, () => this.executor.dealWith(likely, end, whose));
      if (tried !== null) {
        this.tell(tried, event.time);
        continue;
      }
      // Its program was quicker, as a rule; or it is in another namespace than the thread that happened to run.
      this.missed.set(formatEndpoint(end.address, end.port), { end, since: event.time });
    }
    this.lookEverywhere();
  }

  /** Looks for what was missed in all namespaces: together and now and then, since most of it is gone for good. */
  private lookEverywhere(): void {
    const began = nowUs();
    if (this.missed.size === 0 || began < this.missedDue) return;
    for (const namespace of networkNamespaces()) {
      for (const { end, since } of this.missed.values()) {
        const verdict = this.look(namespace, () => this.executor.dealWith(namespace, end, nobody));
        if (verdict !== null) this.tell(verdict, since);
      }
    }
    this.missed.clear();
    this.missedDue = nowUs() + 10 * (nowUs() - began);
  }

  private async keepAsking(): Promise<void> {
    const { signal } = this.options;
    while (!signal.aborted) {
      const began = nowUs();
      this.sweepAll();
      // At most a quarter of a core, however many sockets and namespaces there are.
      const pause = Math.max(askEveryMs, (3 * (nowUs() - began)) / 1000);
      await setTimeout(pause, undefined, { signal }).catch(() => {});
    }
  }

  private sweepAll(): void {
    const began = nowUs();
    if (began >= this.scanDue) {
      this.namespaces = networkNamespaces();
      const now = nowUs();
      this.scanDue = now + Math.max(20_000, 20 * (now - began));
    }
    for (const namespace of this.namespaces) this.sweep(namespace);
  }

  private sweep(namespace: NetworkNamespace): void {
    const whose: Whose = (inode) => {
      const owner = findOwners('/proc', new Set([inode]), null, 10).get(inode) ?? null;
      return () => owner;
    };
    const found = this.look(namespace, () => this.executor.sweep(namespace, whose)) ?? [];
    for (const verdict of found) this.tell(verdict, null);
  }

  /** Looks into a namespace; one that cannot be looked into is told once, and the own one is an error. */
  private look<T>(namespace: NetworkNamespace, work: () => T | null): T | null {
    try {
      return work();
    } catch (error) {
      if (namespace.inode === this.home) throw error;
      if (!this.blind.has(namespace.inode)) this.options.onBlind(namespace, error as Error);
      this.blind.add(namespace.inode);
      return null;
    }
  }

  private tell(verdict: Verdict, since: number | null): void {
    this.options.onStop({
      ...verdict,
      livedUs: since === null ? null : Math.max(0, verdict.at - since),
      here: verdict.namespace.inode === this.home,
    });
  }
}

/**
 * Guards the host until the signal aborts.
 * @throws SysError if the kernel does not let it (EPERM: not root; EOPNOTSUPP: no SOCK_DESTROY)
 * @throws TraceError if the way is `trace` and there can be none, or the trace is ended from outside
 */
export const guardHost = (options: WardenOptions): Promise<void> => new Warden(options).run();
