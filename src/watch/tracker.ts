/**
 * Follows connection attempts from the kernel's events to their end. Pure: events in, attempts out. An attempt is known by
 * its socket's address. No event has a network namespace, and a drop has no address: a drop is tied to the SYN that the
 * same CPU had just sent, which one such drop makes likely and a second one of the same kind certain.
 */
import type { Attempt, Who } from './attempt.ts';
import { judge, type Syn, type Verdict } from './judge.ts';
import { type Loss, LossBook } from './loss-book.ts';

/** What happened, as trace events tell it. Times in µs of one monotonic clock; `from` and `to` are ADDRESS:PORT. */
export type Seen =
  | {
      readonly kind: 'state';
      readonly time: number;
      readonly cpu: number;
      readonly thread: number;
      readonly socket: number;
      readonly old: number;
      readonly now: number;
      readonly from: string;
      readonly to: string;
    }
  | { readonly kind: 'resent'; readonly time: number; readonly cpu: number; readonly socket: number }
  | {
      readonly kind: 'got-reset';
      readonly time: number;
      readonly socket: number;
      readonly from: string;
      readonly to: string;
    }
  | {
      readonly kind: 'sent-reset';
      readonly time: number;
      readonly from: string;
      readonly to: string;
      readonly word: string;
    }
  | { readonly kind: 'bad-checksum'; readonly time: number; readonly from: string; readonly to: string }
  | { readonly kind: 'drop'; readonly time: number; readonly cpu: number; readonly word: string }
  | {
      readonly kind: 'error';
      readonly time: number;
      readonly from: string;
      readonly to: string;
      readonly errno: number;
    };

/** What the tracker asks of the machine. */
export interface Surroundings {
  /** The process of a thread that has just called connect(). */
  who(thread: number): Who;
  /** Whether the accept queue of a local listener at ADDRESS:PORT overflowed during the last so many µs. */
  overflowed(to: string, during: number): boolean;
  /** ms since 1970 of a time of the events' clock. */
  wall(time: number): number;
}

const state = { established: 1, synSent: 2, synReceived: 3, close: 7 } as const;

/** EADDRNOTAVAIL. */
const noPort = 99;

/** How long after a SYN a drop on the same CPU can be its own, in µs. */
const dropWindow = 300;
/** How long after connecting a reset is told, in µs. */
const resetWindow = 2_000_000;
/** How long an answer without an attempt is kept for the attempt whose end comes a moment later, in µs. */
const answerWindow = 50_000;
/** Attempts followed at once: beyond it the oldest are given up, and counted. */
const mostOpen = 200_000;
/** Attempts among which one is looked for by its tuple. */
const mostSearched = 2000;

interface Open {
  readonly socket: number;
  readonly begun: number;
  readonly who: Who;
  readonly thread: number;
  from: string;
  readonly to: string;
  syns: number;
  /** Its SYNs, as far as their fate on this machine was looked at. */
  readonly sent: Syn[];
  gotReset: boolean;
  /** A segment of its tuple arrived on this machine with a wrong checksum. */
  damaged: boolean;
  errno: number;
  itself: boolean;
}

/** Follows attempts. `onEnd` gets each once. */
export class Tracker {
  /** Attempts that were forgotten because too many were open. */
  forgotten = 0;
  readonly #open = new Map<number, Open>();
  /** Connected not long ago: a reset may still come. */
  readonly #young = new Map<number, Open & { readonly ended: number }>();
  /** SYNs that a CPU has sent and may not have worked off yet, in their order. */
  readonly #underWay = new Map<number, Syn[]>();
  /** Resets sent here because nobody listens, by the tuple of the SYN, until their attempt ends or time passes. */
  readonly #answers = new Map<string, { readonly time: number; readonly word: string }>();
  /** Errors that sockets were given, by tuple. */
  readonly #errors = new Map<string, { readonly time: number; readonly errno: number }>();
  readonly #losses = new LossBook();
  readonly #around: Surroundings;
  readonly #onEnd: (attempt: Attempt) => void;

  constructor(around: Surroundings, onEnd: (attempt: Attempt) => void) {
    this.#around = around;
    this.#onEnd = onEnd;
  }

  /** Attempts that have not ended. */
  get pending(): number {
    return this.#open.size;
  }

  see(seen: Seen): void {
    switch (seen.kind) {
      case 'state':
        if (seen.now === state.synSent) this.#begin(seen);
        else this.#change(seen);
        return;
      case 'resent': {
        const open = this.#open.get(seen.socket);
        if (open === undefined) return;
        open.syns++;
        this.#sent(open, seen.cpu, seen.time, false);
        return;
      }
      case 'drop': {
        const syns = this.#recent(seen.cpu, seen.time);
        for (const syn of syns) syn.word ??= seen.word;
        if (syns.length === 1) this.#underWay.set(seen.cpu, []);
        return;
      }
      case 'got-reset':
        this.#reset(seen);
        return;
      case 'sent-reset':
        this.#answers.set(`${seen.to} ${seen.from}`, seen);
        return;
      case 'bad-checksum':
        this.#damaged(seen);
        return;
      case 'error':
        // It comes right before or right after the change of state.
        this.#errors.set(`${seen.from} ${seen.to}`, seen);
        return;
    }
  }

  #begin(seen: Seen & { kind: 'state' }): void {
    if (this.#open.size >= mostOpen) {
      const [oldest] = this.#open.keys();
      this.#open.delete(oldest!);
      this.forgotten++;
    }
    const open: Open = {
      socket: seen.socket,
      begun: seen.time,
      who: this.#around.who(seen.thread),
      thread: seen.thread,
      from: seen.from,
      to: seen.to,
      syns: 1,
      sent: [],
      gotReset: false,
      damaged: false,
      errno: 0,
      itself: false,
    };
    // Its memory is used again: the one before has ended, and nothing more can be said of it.
    this.#closeYoung(seen.socket);
    this.#open.set(seen.socket, open);
    this.#sent(open, seen.cpu, seen.time, true);
  }

  /**
   * A SYN leaves. One of connect() is worked off before anything else runs in a program on that CPU, so that what was under
   * way before is done; those of timers come in batches, and their drops after all of them.
   */
  #sent(open: Open, cpu: number, time: number, byProgram: boolean): void {
    const before = byProgram ? [] : this.#recent(cpu, time);
    const syn: Syn = { time, alone: before.length === 0, word: null };
    for (const other of before) other.alone = false;
    if (open.sent.length < 16) open.sent.push(syn);
    this.#underWay.set(cpu, [...before, syn]);
  }

  #recent(cpu: number, time: number): Syn[] {
    return (this.#underWay.get(cpu) ?? []).filter((syn) => time - syn.time <= dropWindow);
  }

  #change(seen: Seen & { kind: 'state' }): void {
    const open = this.#open.get(seen.socket);
    if (open === undefined) {
      if (seen.now === state.close) this.#closeYoung(seen.socket);
      return;
    }
    // The port may not have been chosen when the SYN was about to be sent.
    if (!seen.from.endsWith(':0')) open.from = seen.from;
    if (seen.from === seen.to) open.itself = true;
    this.#open.delete(seen.socket);
    if (seen.now === state.close && open.from.endsWith(':0')) {
      // connect() found no port, so that no SYN was sent.
      open.syns = 0;
      open.errno = noPort;
      const certainty = 'certain';
      this.#tell(open, seen.time, { outcome: 'unsent', reason: 'no-port', certainty, kernel: null });
      return;
    }
    // SYN-RECEIVED after SYN-SENT: it met itself, or opened at the same time as its peer.
    if (seen.now === state.established || seen.now === state.synReceived) {
      if (open.itself)
        this.#tell(open, seen.time, {
          outcome: 'itself',
          reason: 'none',
          certainty: 'certain',
          kernel: null,
        });
      else this.#young.set(seen.socket, { ...open, ended: seen.time });
      return;
    }
    // Its error may come after it: judged at the next settle().
    this.#closing.push({ open, time: seen.time, byItself: seen.thread === open.thread });
  }

  readonly #closing: { open: Open; time: number; byItself: boolean }[] = [];

  /** The attempt with these ends, if it is one of few. */
  #find(from: string, to: string): Open | undefined {
    if (this.#open.size > mostSearched) return undefined;
    for (const open of this.#open.values()) {
      if (open.to === to && (open.from === from || open.from.endsWith(':0'))) return open;
    }
    return undefined;
  }

  /** A SYN, or an answer to one, arrived in a network of this machine and was dropped there. */
  lost(loss: Loss): void {
    this.#losses.add(loss);
  }

  /** Whether an attempt that has not ended can have these ends. */
  #mayBeOpen(from: string, to: string): boolean {
    if (this.#open.size > mostSearched) return true;
    const address = from.slice(0, from.lastIndexOf(':'));
    for (const open of this.#open.values()) {
      if (open.to === to && (open.from === from || open.from === `${address}:0`)) return true;
    }
    return false;
  }

  /** A checksum was wrong on arrival: of an attempt of this machine, or of a stranger's. */
  #damaged({ from, to, time }: Seen & { kind: 'bad-checksum' }): void {
    const open = this.#find(from, to);
    if (open !== undefined) {
      open.damaged = true;
      return;
    }
    this.#tellStranger(`${from} ${to}`, time, 'checksum', 'TCP_CSUM');
  }

  #reset({ socket, time, from, to }: Seen & { kind: 'got-reset' }): void {
    const open = this.#open.get(socket) ?? this.#closing.find((one) => one.open.socket === socket)?.open;
    if (open !== undefined) {
      open.gotReset = true;
      return;
    }
    const young = this.#young.get(socket);
    // The kernel uses a closed socket's memory again: the reset may be that of a stranger with its address.
    if (young === undefined || young.from !== from || young.to !== to) return;
    if (time - young.ended > resetWindow) return;
    this.#young.delete(socket);
    this.#tell(young, time, { outcome: 'reset', reason: 'peer', certainty: 'certain', kernel: null });
  }

  #closeYoung(socket: number): void {
    const young = this.#young.get(socket);
    if (young === undefined) return;
    this.#young.delete(socket);
    this.#tell(young, young.ended, {
      outcome: 'connected',
      reason: 'none',
      certainty: 'certain',
      kernel: null,
    });
  }

  /** Tells what is over; call it after each batch of events. @param now µs of the events' clock */
  settle(now: number): void {
    for (const closing of this.#closing.splice(0)) {
      const { open } = closing;
      open.errno = this.#errors.get(`${open.from} ${open.to}`)?.errno ?? 0;
      this.#tell(closing.open, closing.time, this.#judge(closing.open, closing.time, closing.byItself));
    }
    for (const [socket, young] of this.#young) {
      if (now - young.ended <= resetWindow) break;
      this.#young.delete(socket);
      this.#tell(young, young.ended, {
        outcome: 'connected',
        reason: 'none',
        certainty: 'certain',
        kernel: null,
      });
    }
    this.#losses.settle(now, (from, to) => this.#mayBeOpen(from, to), this.#onEnd);
    for (const [tuple, { time }] of this.#errors) {
      if (now - time <= answerWindow) break;
      this.#errors.delete(tuple);
    }
    for (const [tuple, { time, word }] of this.#answers) {
      if (now - time <= answerWindow) break;
      this.#answers.delete(tuple);
      this.#tellStranger(tuple, time, 'no-socket', word);
    }
  }

  /** Ends everything: what is still open is told as pending. */
  end(now: number): void {
    this.settle(Number.POSITIVE_INFINITY);
    for (const open of this.#open.values()) {
      this.#tell(open, now, { outcome: 'pending', reason: 'none', certainty: 'certain', kernel: null });
    }
    this.#open.clear();
  }

  #judge(open: Open, time: number, byItself: boolean): Verdict {
    const tuple = `${open.from} ${open.to}`;
    const nobodyListens = this.#answers.get(tuple)?.word ?? null;
    this.#answers.delete(tuple);
    const overflowed = (): boolean => this.#around.overflowed(open.to, time - open.begun);
    const lost = this.#losses.of(open)?.word ?? null;
    return judge({ ...open, lost }, { nobodyListens, byItself, overflowed });
  }

  #tell(open: Open, time: number, verdict: Verdict): void {
    const loss = this.#losses.take(open, time);
    this.#onEnd({
      at: this.#around.wall(open.begun),
      duration: Math.max(0, time - open.begun),
      who: open.who,
      from: open.from,
      to: open.to,
      syns: open.syns,
      errno: open.errno,
      ...(loss === undefined ? {} : { namespace: loss.namespace }),
      ...verdict,
    });
  }

  #tellStranger(tuple: string, time: number, reason: 'no-socket' | 'checksum', word: string): void {
    const [from = '', to = ''] = tuple.split(' ');
    // The event does not say whether the segment was a SYN: one for a port above its own was rather a late answer.
    if (reason === 'no-socket' && portOf(to) >= portOf(from)) return;
    const outcome = reason === 'no-socket' ? 'turned-away' : 'dropped';
    const at = this.#around.wall(time);
    this.#onEnd({
      at,
      duration: 0,
      who: null,
      from,
      to,
      syns: 1,
      outcome,
      reason,
      certainty: reason === 'checksum' ? 'certain' : 'likely',
      kernel: word,
      errno: 0,
    });
  }
}

const portOf = (endpoint: string): number => Number(endpoint.slice(endpoint.lastIndexOf(':') + 1));
