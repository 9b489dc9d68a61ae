/**
 * Who asked for whose link address, by ARP (RFC 826) or neighbour discovery (RFC 4861), and who answered: without an answer no SYN can
 * leave, and of two answers for one address one is of the wrong machine. Bounded: what was asked for first stays.
 */

import { addressText } from './options.ts';

const MOST = 4096;

/** An address that was asked for. */
interface Asked {
  asker: string;
  /** Questions, with the time of the first and last, ns since 1970 as seconds and a rest. */
  count: number;
  first: number;
  last: number;
  readonly frames: number[];
  /** Link addresses that answered. */
  readonly answers: Set<string>;
  /** Whether there was any IP packet of it: then the question was answered, wherever. */
  heard: boolean;
}

/** Something about neighbours that explains why there was no connection, or a wrong one. */
export interface NeighbourFinding {
  readonly kind: 'unanswered' | 'two-answers';
  readonly protocol: 'ARP' | 'NDP';
  /** The address in question, and who asked for it. */
  readonly address: string;
  readonly asker: string;
  readonly count: number;
  /** From the first question to the last, seconds. */
  readonly seconds: number;
  readonly frames: readonly number[];
  /** The link addresses that answered. */
  readonly answers: readonly string[];
}

const hex = (view: DataView, at: number, size: number): string => {
  const parts: string[] = [];
  for (let n = 0; n < size; n++)
    parts.push(
      view
        .getUint8(at + n)
        .toString(16)
        .padStart(2, '0'),
    );
  return parts.join(':');
};
const ipv4 = (view: DataView, at: number): string =>
  `${view.getUint8(at)}.${view.getUint8(at + 1)}.${view.getUint8(at + 2)}.${view.getUint8(at + 3)}`;

const ipv6 = (view: DataView, at: number): string =>
  addressText(
    Int32Array.of(view.getInt32(at), view.getInt32(at + 4), view.getInt32(at + 8), view.getInt32(at + 12)),
    0,
  );

/** Collects questions and answers. */
export class Neighbours {
  private readonly asked = new Map<string, Asked>();

  /** An ARP packet at `at`. */
  arp(view: DataView, at: number, end: number, frame: number, time: number): void {
    if (end - at < 28 || view.getUint16(at + 2) !== 0x0800 || view.getUint16(at + 4) !== 0x0604) return;
    const operation = view.getUint16(at + 6);
    const sender = ipv4(view, at + 14);
    const target = ipv4(view, at + 24);
    // A probe of an own address to be (RFC 5227), or an announcement, is no question.
    if (operation === 1 && sender !== '0.0.0.0' && sender !== target)
      this.question(target, sender, frame, time);
    if (operation === 2 || sender === target) this.answer(sender, hex(view, at + 8, 6));
    else if (operation === 1 && sender !== '0.0.0.0') this.hear(sender);
  }

  /** A neighbour solicitation (135) or advertisement (136) at `at`; the sender's address is at `sourceAt`. */
  discovery(view: DataView, at: number, end: number, sourceAt: number, frame: number, time: number): void {
    if (end - at < 24) return;
    const source = ipv6(view, sourceAt);
    const target = ipv6(view, at + 8);
    const type = view.getUint8(at);
    if (type === 135) {
      if (source !== '::') this.question(target, source, frame, time);
      return;
    }
    const option = at + 24;
    const known = end - option >= 8 && view.getUint8(option) === 2;
    this.answer(target, known ? hex(view, option + 2, 6) : '?');
  }

  private question(target: string, asker: string, frame: number, time: number): void {
    const entry = this.entry(target, asker, time);
    if (entry === null) return;
    entry.count++;
    entry.asker = asker;
    if (entry.count === 1) entry.first = time;
    entry.last = time;
    if (entry.frames.length < 8) entry.frames.push(frame);
  }

  private answer(of: string, link: string): void {
    const entry = this.entry(of, '', 0);
    if (entry !== null && entry.answers.size < 8) entry.answers.add(link);
  }

  private entry(address: string, asker: string, time: number): Asked | null {
    let entry = this.asked.get(address);
    if (entry === undefined) {
      if (this.asked.size >= MOST) return null;
      entry = { asker, count: 0, first: time, last: time, frames: [], answers: new Set(), heard: false };
      this.asked.set(address, entry);
    }
    return entry;
  }

  /** There was a packet of that address. */
  hear(address: string): void {
    const entry = this.asked.get(address);
    if (entry !== undefined) entry.heard = true;
  }

  /** Whether anybody asked for anything. */
  get any(): boolean {
    return this.asked.size > 0;
  }

  /** What stands out, in the order of the questions. @param isHeard whether the capture has TCP of an address */
  findings(isHeard: (address: string) => boolean): NeighbourFinding[] {
    const list: NeighbourFinding[] = [];
    for (const [address, it] of this.asked) {
      const common = {
        protocol: address.includes(':') ? ('NDP' as const) : ('ARP' as const),
        address,
        asker: it.asker,
        count: it.count,
        seconds: it.last - it.first,
        frames: it.frames,
        answers: [...it.answers],
      };
      const silent = it.answers.size === 0 && !it.heard && !isHeard(address);
      if (silent && it.count >= 2) list.push({ kind: 'unanswered', ...common });
      const known = common.answers.filter((link) => link !== '?');
      if (known.length > 1) list.push({ kind: 'two-answers', ...common, answers: known });
    }
    return list;
  }
}
