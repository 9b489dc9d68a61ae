/**
 * What can only be seen across attempts: who scans, what is flooded, servers whose SYN+ACKs are SYN cookies, servers
 * whose initial sequence numbers can be predicted. Each table is bounded; the entry longest unused makes room.
 */
import { Cookies } from './cookies.ts';
import type { Decapsulator } from './decapsulate.ts';
import type { EventLog } from './event-log.ts';
import * as R from './records.ts';

const MAX_HOSTS = 65_536;
const SKETCH_WORDS = 32;

/** A client that tries this many destinations within a minute, of which at most a quarter answer, scans. */
export const SCAN_DESTINATIONS = 20;
const SCAN_WINDOW_NS = 60e9;
/** A port that gets this many SYNs within ten seconds, of which at most a fifth lead to a connection, is flooded. */
export const FLOOD_SYNS = 100;
const FLOOD_WINDOW_NS = 10e9;
/** One tuple with this many initial sequence numbers at a time is no client's doing. */
const FLOOD_SAME_TUPLE = 16;
/** Equal steps in a row between a server's initial sequence numbers: by chance never. */
const STEP_RUN = 3;
const RECENT_ISNS = 8;

/** A set of attempts by number, as ranges. */
type Ranges = [from: number, to: number][];

interface Counter {
  windowStart: number;
  firstNumber: number;
  lastNumber: number;
  syns: number;
  good: number;
  distinct: number;
  readonly sketch: Int32Array;
  readonly ranges: Ranges;
}

interface Server {
  readonly isns: number[];
  isnAt: number;
  readonly stepped: [slot: number, number: number][];
  step: number;
  stepRun: number;
}

/** Keeps count of hosts. */
export class Hosts {
  private readonly sources = new Map<string | number, Counter>();
  private readonly targets = new Map<string | number, Counter>();
  private readonly servers = new Map<string | number, Server>();
  private readonly cookies = new Cookies();

  /** A SYN began an attempt. `sameTuple`: how many attempts on the tuple there are already. */
  began(store: R.AttemptStore, slot: number, time: number, sameTuple: number): void {
    const { words } = store;
    const base = slot * R.WORDS;
    const number = words[base + R.NUMBER]!;
    const destination =
      Math.imul(words[base + R.SERVER + 3]! ^ words[base + R.SERVER]!, 31) +
      (words[base + R.PORTS]! & 0xffff);
    const from =
      Math.imul(words[base + R.CLIENT + 3]! ^ words[base + R.CLIENT]!, 31) + (words[base + R.PORTS]! >>> 16);
    const source = this.counter(this.sources, addressKey(words, base + R.CLIENT, 0));
    count(source, number, time, SCAN_WINDOW_NS, destination, isScan);
    const target = this.counter(
      this.targets,
      addressKey(words, base + R.SERVER, words[base + R.PORTS]! & 0xffff),
    );
    count(target, number, time, FLOOD_WINDOW_NS, from, isFlood);
    if (sameTuple >= FLOOD_SAME_TUPLE) addRange(target.ranges, number - sameTuple, number);
  }

  /** The server's first valid SYN+ACK came. */
  answered(log: EventLog, slot: number, d: Decapsulator, header: number): void {
    const { words } = log.store;
    const base = slot * R.WORDS;
    const source = this.sources.get(addressKey(words, base + R.CLIENT, 0));
    if (source !== undefined) source.good++;
    const server = this.server(addressKey(words, base + R.SERVER, words[base + R.ENCAPSULATION]!));
    this.cookies.answered(log.store, slot, d, header);
    this.step(log, slot, server);
  }

  /** The client acknowledged the server's SYN. */
  confirmed(store: R.AttemptStore, slot: number): void {
    const { words } = store;
    const base = slot * R.WORDS;
    const target = this.targets.get(addressKey(words, base + R.SERVER, words[base + R.PORTS]! & 0xffff));
    if (target !== undefined) target.good++;
  }

  /** How many destinations the attempt's client tried within a minute if it was scanning then, otherwise 0. */
  scanned(words: Int32Array, base: number): number {
    const source = this.sources.get(addressKey(words, base + R.CLIENT, 0));
    if (source === undefined) return 0;
    closeWindow(source, isScan);
    return inRanges(source.ranges, words[base + R.NUMBER]!) ? source.distinct : 0;
  }

  /** Whether the attempt's destination was being flooded when it began. */
  flooded(words: Int32Array, base: number): boolean {
    const target = this.targets.get(addressKey(words, base + R.SERVER, words[base + R.PORTS]! & 0xffff));
    if (target === undefined) return false;
    closeWindow(target, isFlood);
    return inRanges(target.ranges, words[base + R.NUMBER]!);
  }

  /** By how much the server's initial sequence numbers grow from connection to connection; null if not constant. */
  isnStep(words: Int32Array, base: number): number | null {
    const server = this.servers.get(addressKey(words, base + R.SERVER, words[base + R.ENCAPSULATION]!));
    return server === undefined || server.stepRun < STEP_RUN ? null : server.step;
  }

  /**
   * Notes the server's new number. Answers need not come in the order the server chose its numbers, so the nearest of
   * the last few numbers counts, in either direction.
   */
  private step(log: EventLog, slot: number, server: Server): void {
    const { words } = log.store;
    const base = slot * R.WORDS;
    const isn = words[base + R.SERVER_ISN]!;
    let step = 0x7fffffff;
    for (const before of server.isns) step = Math.min(step, Math.abs((isn - before) | 0));
    // The same number twice is the same connection seen again.
    if (step === 0) return;
    server.stepRun = step === server.step ? server.stepRun + 1 : 1;
    server.step = step;
    server.isns[server.isnAt] = isn;
    server.isnAt = (server.isnAt + 1) % RECENT_ISNS;
    if (server.stepRun === 1) server.stepped.length = 0;
    if (server.stepRun >= STEP_RUN) words[base + R.STATE]! |= R.PREDICTABLE;
    else server.stepped.push([slot, words[base + R.NUMBER]!]);
    if (server.stepRun === STEP_RUN) mark(words, server.stepped, R.PREDICTABLE);
  }

  private counter(table: Map<string | number, Counter>, key: string | number): Counter {
    let counter = table.get(key);
    if (counter === undefined) {
      makeRoom(table);
      counter = {
        windowStart: Number.NEGATIVE_INFINITY,
        firstNumber: 0,
        lastNumber: 0,
        syns: 0,
        good: 0,
        distinct: 0,
        sketch: new Int32Array(SKETCH_WORDS),
        ranges: [],
      };
      table.set(key, counter);
    }
    return counter;
  }

  private server(key: string | number): Server {
    let server = this.servers.get(key);
    if (server === undefined) {
      makeRoom(this.servers);
      server = {
        isns: [],
        isnAt: 0,
        stepped: [],
        step: 0,
        stepRun: 0,
      };
      this.servers.set(key, server);
    }
    return server;
  }
}

/** Sets a bit of STATE in all attempts of a list that are still there, and empties it. */
function mark(words: Int32Array, list: [slot: number, number: number][], bit: number): void {
  for (const [slot, number] of list) {
    if (words[slot * R.WORDS + R.NUMBER] === number) words[slot * R.WORDS + R.STATE]! |= bit;
  }
  list.length = 0;
}

const isScan = (c: Counter): boolean => c.distinct >= SCAN_DESTINATIONS && c.good * 4 <= c.syns;
const isFlood = (c: Counter): boolean => c.syns >= FLOOD_SYNS && c.good * 5 <= c.syns;

/** Counts one attempt in the window it falls in, after closing the window before. */
function count(
  c: Counter,
  number: number,
  time: number,
  windowNs: number,
  item: number,
  verdict: (c: Counter) => boolean,
): void {
  if (Math.abs(time - c.windowStart) > windowNs) {
    closeWindow(c, verdict);
    c.windowStart = time;
    c.firstNumber = number;
    c.syns = 0;
    c.good = 0;
    c.distinct = 0;
    c.sketch.fill(0);
  }
  c.lastNumber = number;
  c.syns++;
  const hash = Math.imul(item ^ (item >>> 15), 0x2c1b3c6d);
  const bit = (hash >>> 12) & (SKETCH_WORDS * 32 - 1);
  const mask = 1 << (bit & 31);
  if ((c.sketch[bit >> 5]! & mask) === 0) {
    c.sketch[bit >> 5]! |= mask;
    c.distinct++;
  }
}

function closeWindow(c: Counter, verdict: (c: Counter) => boolean): void {
  if (c.syns > 0 && verdict(c)) addRange(c.ranges, c.firstNumber, c.lastNumber);
}

const MAX_RANGES = 16;

function addRange(ranges: Ranges, from: number, to: number): void {
  const last = ranges[ranges.length - 1];
  if (last !== undefined && from <= last[1] + 1) {
    last[0] = Math.min(last[0], from);
    last[1] = Math.max(last[1], to);
    return;
  }
  if (ranges.length === MAX_RANGES) ranges.shift();
  ranges.push([from, to]);
}

const inRanges = (ranges: Ranges, number: number): boolean =>
  ranges.some(([from, to]) => number >= from && number <= to);

function addressKey(words: Int32Array, at: number, extra: number): string | number {
  // IPv4 with a port fits a number exactly.
  if (words[at] === 0 && words[at + 1] === 0 && words[at + 2] === 0xffff && extra >= 0 && extra < 65_536)
    return (words[at + 3]! >>> 0) * 65_536 + extra;
  return `${words[at]} ${words[at + 1]} ${words[at + 2]} ${words[at + 3]} ${extra}`;
}

function makeRoom(table: Map<string | number, unknown>): void {
  if (table.size < MAX_HOSTS) return;
  const oldest = table.keys().next().value;
  if (oldest !== undefined) table.delete(oldest);
}
