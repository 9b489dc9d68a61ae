/** The attempts of programs while somebody looks, by trace events. */
import { readFileSync, readlinkSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { dropFilter } from '../linux/drop-words.ts';
import { openTrace, type Trace, type TraceEvent } from '../linux/trace-events.ts';
import type { Host, SeenAttempt } from './host.ts';
import { attempt, type Source } from './read.ts';
import { addressText, state } from './sockets.ts';

/** A packet that the kernel dropped, in its own word. */
export interface DropEvent {
  /** µs of CLOCK_MONOTONIC. */
  readonly time: number;
  readonly word: string;
}

interface AttemptWatch {
  /** Ends it and gives what was seen. */
  end(): Host['attempts'];
  /** Drops that can be those of SYNs, anywhere on this machine. */
  readonly drops: readonly DropEvent[];
}

/** How long the trace may take to begin, in ms: the kernel sets up one at a time. */
const patience = 2000;
/** Attempts are told one by one up to this many. */
const mostAttempts = 2000;
const mostDrops = 20_000;

/** Follows the attempts of this network's programs by trace events, where this user may. */
export async function watchAttempts(source: Source, proc: string): Promise<AttemptWatch> {
  const where = 'trace events';
  const without = (why: string): AttemptWatch => ({
    end: () => ({ ok: false, where, why, absent: true }),
    drops: [],
  });
  if (!source.live || proc !== '/proc' || !source.own)
    return without('they are read in the own namespace only');
  if (process.getuid?.() !== 0) return without('only root may read trace events');
  const network = attempt(() => readlinkSync('/proc/self/ns/net'), '');
  const seen = new Map<number, SeenAttempt>();
  const done: SeenAttempt[] = [];
  const drops: DropEvent[] = [];
  const onEvents = (events: readonly TraceEvent[]): void => {
    for (const event of events) {
      if (event.name !== 'kfree_skb') follow(event, network, seen, done);
      else if (drops.length < mostDrops)
        drops.push({ time: event.time, word: event.format.symbols.get(event.number('reason')) ?? '?' });
    }
  };
  const filter = 'protocol == 6 && (newstate == 2 || oldstate == 2)';
  const events = [
    { event: 'sock/inet_sock_set_state', filter },
    { event: 'skb/kfree_skb', filter: dropFilter, optional: true },
  ];
  const opening = openTrace({ events, intervalMs: 20, onEvents });
  let trace: Trace | null;
  try {
    trace = await Promise.race([opening, delay(patience, null, { ref: false })]);
  } catch (error) {
    return without((error as Error).message);
  }
  if (trace === null) {
    // Whenever it comes, it is not needed any more.
    opening.then((late) => late.release()).catch(() => {});
    return without(`they could not be had within ${patience} ms`);
  }
  const opened = trace;
  return {
    drops,
    end: () => {
      opened.drain();
      // Its end takes the kernel a while, and nothing waits for it: the helper sees to it even after this process.
      opened.release();
      return { ok: true, where: 'trace events (inet_sock_set_state)', value: done };
    },
  };
}

function follow(
  event: TraceEvent,
  network: string,
  seen: Map<number, SeenAttempt>,
  done: SeenAttempt[],
): void {
  const socket = event.number('skaddr');
  if (event.number('newstate') === state.synSent) {
    if (seen.size >= mostAttempts || done.length >= mostAttempts) return;
    const folder = `/proc/${event.thread}`;
    if (attempt(() => readlinkSync(`${folder}/ns/net`), '') !== network) return;
    const name = attempt(() => readFileSync(`${folder}/comm`, 'utf8'), '?').replace(/\p{Cc}/gu, '') || '?';
    const group = attempt(() => readFileSync(`${folder}/status`, 'utf8'), '');
    const pid = Number(/^Tgid:\s+(\d+)/m.exec(group)?.[1] ?? event.thread);
    const { to, loopback } = destinationOf(event);
    seen.set(socket, { process: name, pid, to, loopback, port: event.number('dport'), outcome: 'other' });
    return;
  }
  const begun = seen.get(socket);
  if (begun === undefined) return;
  seen.delete(socket);
  const ended = event.number('newstate');
  const itself = ended === state.synReceived || event.number('sport') === event.number('dport');
  const outcome = itself && begun.loopback ? 'itself' : ended === state.close ? 'failed' : 'other';
  done.push({ ...begun, outcome });
}

function destinationOf(event: TraceEvent): { to: string; loopback: boolean } {
  const bytes = event.bytes('daddr_v6');
  const view = new DataView(bytes.buffer, bytes.byteOffset, 16);
  const words = Uint32Array.from([0, 4, 8, 12], (at) => view.getUint32(at));
  if (event.number('family') === 2) {
    const four = event.bytes('daddr');
    return { to: four.join('.'), loopback: four[0] === 127 };
  }
  const mapped = words[0] === 0 && words[1] === 0 && words[2] === 0xffff;
  const loopback = mapped ? words[3]! >>> 24 === 127 : words[3] === 1 && !words[0] && !words[1] && !words[2];
  return { to: addressText(words, 0), loopback };
}
