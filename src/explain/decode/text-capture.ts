/**
 * Packets that people paste: lines of tcpdump (-n or names, -e, -v, -S or not) and of tshark become a capture again. What a line does
 * not say stays unknown: options that are not shown count as cut off, and time to live and identification as 0.
 */

import { concatenate, LINKTYPE_RAW, pcapngHeader, pcapngPacket } from '../../wire/pcap.ts';
import {
  direction,
  dumpError,
  errorPacket,
  refused,
  type Sent,
  sharkError,
  type ToldError,
} from './text-icmp.ts';
import { Addresses, dumpOptions, packet, portOf, sharkOptions, type Told } from './text-packet.ts';

/** The packets of a text, and the names that stand in place of addresses. */
export interface TextCapture {
  /** The capture in pcapng. */
  readonly bytes: Uint8Array;
  readonly packets: number;
  /** Lines that look like packets but were not understood, and ICMP errors of which it is not clear what they answer. */
  readonly skipped: number;
  /** ICMP errors that quote nothing: whose they are is a guess, the only segment without an answer that they fit. */
  readonly guessed: number;
  /** By made-up address: the name that the text has. */
  readonly names: ReadonlyMap<string, string>;
  /** Whether initial sequence numbers are known, or only that they are the same. */
  readonly numbersKnown: boolean;
}

const TCPDUMP =
  /^\s*(?:(\d{4}-\d\d-\d\d) )?(\d\d:\d\d:\d\d\.\d{1,9}|\d{9,10}\.\d{1,9}|\d{1,8}\.\d{1,9}) (.*)$/;
const ENDPOINTS = /(?:^|\s)(\S+)\.([\w-]+) > (\S+)\.([\w-]+): Flags \[([^\]]*)\](.*)$/;
/** Before tcpdump 4: flags as letters, numbers without names, options in angle brackets. */
const OLD =
  /(?:^|\s)(\S+)\.([\w-]+) > (\S+)\.([\w-]+): ([SFPRWE.]+) (?:\[[^\]]*\] )?(?:(\d+):\d+\((\d+)\) ?)?(?:ack (\d+) ?)?(?:win (\d+))?(?:.*?<([^>]*)>)?/;
const TSHARK = /^\s*\d+\s+(\d+\.\d+)\s+(\S+)\s+(?:→|->|\u2192)\s+(\S+)\s+TCP\s+\d+\s+(.*)$/;
const TSHARK_ICMP = /^\s*\d+\s+(\d+\.\d+)\s+(\S+)\s+(?:→|->)\s+(\S+)\s+ICMP(v6)?\s+\d+\s+(.*)$/;
const letters: Readonly<Record<string, number>> = { F: 1, S: 2, R: 4, P: 8, '.': 16, U: 32, E: 64, W: 128 };
const words: Readonly<Record<string, number>> = {
  FIN: 1,
  SYN: 2,
  RST: 4,
  PSH: 8,
  ACK: 16,
  URG: 32,
  ECN: 64,
  ECE: 64,
  CWR: 128,
};

/** Whether the beginning of a file is such a text. */
export function looksLikeText(head: string): boolean {
  const lines = head.split(/\r?\n/).slice(0, 60);
  return lines.some((line) => TSHARK.test(line) || / > \S+: Flags \[/.test(line));
}

/** Reads a text. */
export function readText(text: string): TextCapture {
  const reader = new TextReader();
  for (const line of text.split(/\r?\n/)) reader.line(line);
  return reader.end();
}

/** A line of an old tcpdump in the form of today's. */
function modern(old: RegExpExecArray): RegExpExecArray {
  const [whole, source, sourcePort, target, targetPort, marks, seq, length, ack, win, options] = old;
  const rest = `${seq === undefined ? '' : `, seq ${seq}`}${ack === undefined ? '' : `, ack ${ack}`}, win ${win ?? 0}${
    options === undefined ? '' : `, options [${options.replace(/timestamp (\d+) (\d+)/, 'TS val $1 ecr $2')}]`
  }, length ${length ?? 0}`;
  return Object.assign([whole, source, sourcePort, target, targetPort, marks, rest], {
    index: 0,
    input: '',
  }) as unknown as RegExpExecArray;
}

/** Nanoseconds of seconds with a fraction. */
function nanoseconds(seconds: string): bigint {
  const [whole, fraction = ''] = seconds.split('.');
  return BigInt(whole!) * 1_000_000_000n + BigInt(fraction.slice(0, 9).padEnd(9, '0'));
}

class TextReader {
  private readonly told: (Told | ToldError)[] = [];
  /** What was sent last, by direction. */
  private readonly sent = new Map<string, Sent>();
  /** An ICMP error whose lines, of -v, go on: then a packet without a time is the one that it quotes. */
  private quoting: ToldError | null = null;
  private skipped = 0;
  private guessed = 0;
  private numbersKnown = true;
  /** A number 1 behind a SYN: then all of them count from the connection's own, whatever they are. */
  private countsFromOne = false;
  /** What a line of `tcpdump -v` said before the line with the ports. */
  private before: { time: bigint; ttl: number; id: number } | null = null;
  private day = 0n;
  private lastTime = -1n;

  line(line: string): void {
    const shark = TSHARK.exec(line);
    if (shark !== null) {
      this.shark(shark);
      return;
    }
    const sharkIcmp = TSHARK_ICMP.exec(line);
    if (sharkIcmp !== null) {
      const [, at, source, target, six, text] = sharkIcmp;
      this.error(sharkError(nanoseconds(at!), source!, target!, six !== undefined, text!));
      return;
    }
    const dump = TCPDUMP.exec(line);
    const time = dump === null ? null : this.time(dump[1], dump[2]!);
    const rest = dump === null ? line : dump[3]!;
    if (time !== null) this.quoting = null;
    if (/ > \S+: (?:\[[^\]]*\] )?ICMP6?\b/.test(rest)) {
      this.error(dumpError(time ?? this.before?.time ?? null, rest));
      return;
    }
    const ends = ENDPOINTS.exec(rest);
    if (ends !== null && this.quoting !== null) {
      this.quoting.quoted = direction(ends[1]!, ends[2]!, ends[3]!, ends[4]!);
      this.quoting = null;
      return;
    }
    if (ends !== null) {
      const header = this.before;
      const at = time ?? header?.time ?? null;
      if (at === null) this.skipped++;
      else this.dump(at, ends, header);
      this.before = null;
      return;
    }
    const old = OLD.exec(rest);
    if (old !== null && time !== null) {
      this.dump(time, modern(old), this.before);
      this.before = null;
      return;
    }
    if (time === null) return;
    const ttl = /\bttl (\d+)/.exec(rest) ?? /\bhlim (\d+)/.exec(rest);
    const id = /\bid (\d+)/.exec(rest);
    this.before = { time, ttl: Number(ttl?.[1] ?? 0), id: Number(id?.[1] ?? 0) };
  }

  private error(error: ToldError | 'other' | null): void {
    if (error === 'other') return;
    if (error === null) {
      this.skipped++;
      return;
    }
    this.told.push(error);
    this.quoting = error;
  }

  /** Nanoseconds since 1970, or since the text's first midnight. */
  private time(date: string | undefined, clock: string): bigint {
    const [whole, fraction = ''] = clock.split('.');
    const rest = BigInt(fraction.padEnd(9, '0'));
    if (!whole!.includes(':')) return BigInt(whole!) * 1_000_000_000n + rest;
    const [hours, minutes, seconds] = whole!.split(':').map(Number) as [number, number, number];
    const base = date === undefined ? 0 : Date.parse(`${date}T00:00:00Z`) / 1000;
    let time = BigInt(base + hours * 3600 + minutes * 60 + seconds) * 1_000_000_000n + rest;
    if (date !== undefined) return time;
    time += this.day;
    // Without a date a clock that falls by hours has passed midnight.
    if (time < this.lastTime - 43_200_000_000_000n) {
      this.day += 86_400_000_000_000n;
      time += 86_400_000_000_000n;
    }
    this.lastTime = time;
    return time;
  }

  private dump(time: bigint, ends: RegExpExecArray, header: TextReader['before']): void {
    const [, source, sourcePort, target, targetPort, marks, rest] = ends;
    let flags = 0;
    for (const letter of marks!) flags |= letters[letter] ?? 0;
    const seq = /\bseq (\d+)(?::(\d+))?/.exec(rest!);
    const ack = /\back (\d+)/.exec(rest!);
    if (ack !== null) flags |= 16;
    if ((flags & 2) === 0 && (ack?.[1] === '1' || seq?.[1] === '1')) this.countsFromOne = true;
    const options = /\boptions \[([^\]]*)\]/.exec(rest!);
    const length = /\blength (\d+)/.exec(rest!);
    this.told.push({
      time,
      source: source!,
      sourcePort: sourcePort!,
      target: target!,
      targetPort: targetPort!,
      flags,
      seq: seq === null ? null : Number(seq[1]),
      ack: ack === null ? null : Number(ack[1]),
      window: Math.min(65_535, Number(/\bwin (\d+)/.exec(rest!)?.[1] ?? 0)),
      length: Number(length?.[1] ?? 0),
      // A SYN without a list has none; of other packets nothing depends on it.
      options: options === null ? (length === null ? null : []) : dumpOptions(options[1]!),
      sacks: blocks(options?.[1] ?? '', /\{(\d+):(\d+)\}/g),
      ttl: header?.ttl ?? 0,
      id: header?.id ?? 0,
      relative: (flags & 2) === 0,
      fresh: false,
    });
  }

  private shark([, seconds, source, target, rest]: RegExpExecArray): void {
    const found = /(\d+)\s+(?:→|->|>|\u2192)\s+(\d+)\s+\[([^\]]*)\](.*)$/.exec(rest!);
    if (found === null) {
      this.skipped++;
      return;
    }
    let flags = 0;
    for (const word of found[3]!.split(/,\s*/)) flags |= words[word] ?? 0;
    const number = (name: string): number | null => {
      const it = new RegExp(`\\b${name}=(\\d+)`).exec(found[4]!);
      return it === null ? null : Number(it[1]);
    };
    const seq = number('Seq');
    if (flags & 2 && seq === 0) this.numbersKnown = false;
    this.told.push({
      time: nanoseconds(seconds!),
      source: source!,
      sourcePort: found[1]!,
      target: target!,
      targetPort: found[2]!,
      flags,
      seq,
      ack: number('Ack'),
      window: Math.min(65_535, number('Win') ?? 0),
      length: number('Len') ?? 0,
      options: flags & 2 ? sharkOptions(found[4]!) : [],
      sacks: blocks(found[4]!, /SLE=(\d+) SRE=(\d+)/g),
      ttl: 0,
      id: 0,
      relative: true,
      // What tshark saw of the numbers and does not print.
      fresh: /Port numbers reused/i.test(rest!) && !/Retransmission/i.test(rest!),
    });
  }

  end(): TextCapture {
    const places = new Addresses();
    const isns = new Map<string, number>();
    const parts: Uint8Array[] = [pcapngHeader([{ linkType: LINKTYPE_RAW }])];
    let packets = 0;
    for (const p of this.told) {
      if ('icmp' in p) {
        const bytes = this.errorBytes(p, places);
        if (bytes === null) this.skipped++;
        else parts.push(pcapngPacket(p.time, bytes));
        if (bytes !== null) packets++;
        continue;
      }
      const source = places.of(p.source);
      const target = places.of(p.target);
      const ports = [portOf(p.sourcePort), portOf(p.targetPort)] as const;
      if (source.length !== target.length || ports[0] === null || ports[1] === null) {
        this.skipped++;
        continue;
      }
      const mine = direction(p.source, p.sourcePort, p.target, p.targetPort);
      const other = direction(p.target, p.targetPort, p.source, p.sourcePort);
      this.absolute(p, mine, other, isns);
      this.sent.set(mine, {
        source: p.source,
        target: p.target,
        seq: p.seq ?? 0,
        ports: [ports[0], ports[1]],
        answered: false,
      });
      const back = this.sent.get(other);
      if (back !== undefined) back.answered = true;
      const { bytes, wire } = packet(p, source, target, ports[0], ports[1]);
      parts.push(pcapngPacket(p.time, bytes, { originalLength: wire }));
      packets++;
    }
    return {
      bytes: concatenate(parts),
      packets,
      skipped: this.skipped,
      guessed: this.guessed,
      names: places.names,
      numbersKnown: this.numbersKnown,
    };
  }

  /** An error's packet; null if it is not clear which segment it answers. */
  private errorBytes(error: ToldError, places: Addresses): Uint8Array | null {
    const sent = refused(error, this.sent);
    if (sent === null) return null;
    const [from, to, far] = [error.source, sent.source, sent.target].map((name) => places.of(name));
    if (from!.length !== to!.length) return null;
    sent.answered = true;
    if (error.quoted === null) this.guessed++;
    return errorPacket(error, from!, to!, far!, sent);
  }

  /** Whether a number counts from the connection's first: as a whole one it would lie before it, or far beyond. */
  private isRelative(value: number, isn: number): boolean {
    const ahead = (value - isn) | 0;
    return this.countsFromOne || ahead <= 0 || ahead > 0x1000_0000;
  }

  /** Numbers that count from the SYN become whole ones. */
  private absolute(p: Told, mine: string, other: string, isns: Map<string, number>): void {
    const syn = (p.flags & 2) !== 0;
    if (syn && p.seq !== null) {
      // Of tshark's SYNs that are all number 0 nothing is known but that each tuple has one.
      const turn = (isns.get(`${mine} turn`) ?? 0) + (p.fresh ? 1 : 0);
      if (p.fresh) for (const side of [mine, other]) isns.set(`${side} turn`, turn);
      const isn = p.relative ? invented(`${mine} ${turn}`) + p.seq : p.seq;
      p.seq = isn >>> 0;
      isns.set(mine, p.seq);
      if (p.ack !== null && p.relative) p.ack = ((isns.get(other) ?? invented(`${other} 0`)) + p.ack) >>> 0;
      return;
    }
    const base = isns.get(mine);
    const theirs = isns.get(other);
    // Small numbers behind a known SYN are relative; of a connection that began before they mean nothing beyond order.
    if (p.relative && p.seq !== null && base !== undefined && this.isRelative(p.seq, base))
      p.seq = (base + p.seq) >>> 0;
    if (p.relative && p.ack !== null && theirs !== undefined && this.isRelative(p.ack, theirs))
      p.ack = (theirs + p.ack) >>> 0;
    if (theirs !== undefined)
      p.sacks = p.sacks.map(([left, right]) =>
        this.isRelative(left, theirs) ? [(theirs + left) >>> 0, (theirs + right) >>> 0] : [left, right],
      );
    // tcpdump leaves out the number of packets without data: it is the next one, as far as known.
    if (p.seq === null) p.seq = base === undefined ? 0 : (isns.get(`${mine} next`) ?? base + 1) >>> 0;
    isns.set(`${mine} next`, (p.seq + p.length + (p.flags & 1)) >>> 0);
  }
}

/** The blocks of a SACK option, at most four. */
const blocks = (text: string, form: RegExp): [number, number][] =>
  [...text.matchAll(form)].slice(0, 4).map((it) => [Number(it[1]), Number(it[2])]);

/** A number for a side whose own is not told: the same for the same side. */
function invented(text: string): number {
  let h = 0x811c9dc5;
  for (let n = 0; n < text.length; n++) h = Math.imul(h ^ text.charCodeAt(n), 0x01000193);
  return ((h >>> 2) | 0x4000_0000) >>> 0;
}
