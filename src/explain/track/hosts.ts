/**
 * What can only be seen across attempts: who scans, what is flooded, servers whose SYN+ACKs are SYN cookies, servers
 * whose initial sequence numbers can be predicted. Each table is bounded; the entry longest unused makes room.
 */

import type { Decapsulator } from '../decode/decapsulate.ts';
import type { AttemptStore } from './attempt-store.ts';
import { Cookies } from './cookies.ts';
import { HOST_KEY, HostTable } from './host-table.ts';
import * as R from './records.ts';

const { WORDS, PORTS, ENCAPSULATION, STATE, CLIENT_ISN, SERVER_ISN, NUMBER, OFFER, CLIENT, SERVER } = R;
const { DOUBLES, LAST_TIME, FIRST_TIME, SYN_SEEN, SYNACK_SEEN, SERVER_SYN, PREDICTABLE } = R;

const MAX_HOSTS = 65_536;
const SKETCH_WORDS = 32;

/** A client that tries this many destinations within a minute, of which at most a quarter answer, scans. */
const SCAN_DESTINATIONS = 20;
const SCAN_WINDOW_NS = 60e9;
/** A port that gets this many SYNs within ten seconds, of which at most a fifth lead to a connection, is flooded. */
const FLOOD_SYNS = 100;
const FLOOD_WINDOW_NS = 10e9;
/** Time is divided into slices of this length to remember when connections were made. */
const SLICE_NS = 10e9;
/** One tuple with this many initial sequence numbers at a time is no client's doing. */
const FLOOD_SAME_TUPLE = 16;
/** SYNs like those of ordinary systems, unanswered: from fewer addresses than this, it is clients whose server is down. */
export const FLOOD_SOURCES = 50;
/** Equal steps in a row between a server's initial sequence numbers: by chance never. */
const STEP_RUN = 3;
const RECENT_ISNS = 8;

/** A set of attempts by number, as ranges, each with how many different items there were. */
type Ranges = [from: number, to: number, items: number][];

// Fields of a source's or a target's record, after its key.
const WINDOW_START = HOST_KEY / 2; // a double
const FIRST_NUMBER = HOST_KEY + 2;
const LAST_NUMBER = HOST_KEY + 3;
const SYNS = HOST_KEY + 4;
const GOOD = HOST_KEY + 5;
const DISTINCT = HOST_KEY + 6;
const HAS_RANGES = HOST_KEY + 7;
const LAST_SLICE = HOST_KEY + 8; // of time, in which a connection was made
const SLICES = HOST_KEY + 9; // a bit for each slice before, from the lowest on
const SKETCH = 16;
const COUNTER_WORDS = SKETCH + SKETCH_WORDS;

// Fields of a server's record, after its key.
const SEEN = HOST_KEY; // initial sequence numbers noted
const STEP = HOST_KEY + 1;
const RUN = HOST_KEY + 2; // equal steps so far
const STEPPED = HOST_KEY + 3; // slot and number of the run's first attempts, so that they are marked too
const ISNS = STEPPED + 2 * (STEP_RUN - 1);
const CLIENT_ISNS = ISNS + RECENT_ISNS; // the client's number of each
const SERVER_WORDS = 30;

/** Keeps count of hosts. */
export class Hosts {
  private readonly sources = new Counters(SCAN_WINDOW_NS, isScan);
  private readonly targets = new Counters(FLOOD_WINDOW_NS, isFlood);
  private readonly servers = new HostTable(SERVER_WORDS, MAX_HOSTS);
  private readonly cookies = new Cookies();

  /**
   * A SYN began an attempt. Here and below, `client` and `server` are the addresses of the packet at hand, which are in the cache.
   * @param sameTuple how many attempts on the tuple there are already
   */
  began(
    words: Int32Array,
    base: number,
    client: Int32Array,
    server: Int32Array,
    time: number,
    sameTuple: number,
  ): void {
    const number = words[base + NUMBER]!;
    const port = words[base + PORTS]! & 0xffff;
    const destination = Math.imul(server[3]! ^ server[0]!, 31) + port;
    const from = Math.imul(client[3]! ^ client[0]!, 31);
    this.sources.count(client, 0, 0, number, time, destination);
    const target = this.targets.count(server, 0, port, number, time, from);
    if (sameTuple >= FLOOD_SAME_TUPLE) {
      this.targets.addRange(target, number - sameTuple, number, FLOOD_SOURCES);
    }
  }

  /** The server's first valid SYN+ACK came. */
  answered(
    store: AttemptStore,
    slot: number,
    client: Int32Array,
    server: Int32Array,
    d: Decapsulator,
    header: number,
  ): void {
    const { words } = store;
    if (isOfSystem(words, slot * WORDS)) this.sources.good(client, 0, 0);
    this.cookies.answered(words, slot, client, server, d, header);
    this.step(words, slot, server);
  }

  /** The client's first ACK came: where the server's packets are not captured, it shows that there were some. */
  acknowledged(words: Int32Array, base: number, client: Int32Array, server: Int32Array): void {
    if ((words[base + STATE]! & (SYN_SEEN | SYNACK_SEEN | SERVER_SYN)) !== SYN_SEEN) return;
    this.sources.good(client, 0, 0);
    this.targets.good(server, 0, words[base + PORTS]! & 0xffff);
  }

  /** The client acknowledged the server's SYN. */
  confirmed(words: Int32Array, base: number, client: Int32Array, server: Int32Array, time: number): void {
    // Scanners that write their own SYNs learn from the answer, and confirm nothing.
    if (!isOfSystem(words, base)) this.sources.good(client, 0, 0);
    const target = this.targets.good(server, 0, words[base + PORTS]! & 0xffff);
    if (target >= 0) this.targets.mark(target, time);
  }

  /** Whether connections to the attempt's destination were made while it lasted, or some seconds before or after. */
  servedOthers({ words, doubles }: AttemptStore, slot: number): boolean {
    const base = slot * WORDS;
    const from = doubles[slot * DOUBLES + FIRST_TIME]!;
    const to = doubles[slot * DOUBLES + LAST_TIME]!;
    return this.targets.isMarked(words, base + SERVER, words[base + PORTS]! & 0xffff, from, to);
  }

  /** How many destinations the attempt's client tried within a minute if it was scanning then, otherwise 0. */
  scanned(words: Int32Array, base: number): number {
    return this.sources.distinct(words, base + CLIENT, 0, words[base + NUMBER]!);
  }

  /** From how many addresses the attempt's destination was being flooded when it began, otherwise 0. */
  flooded(words: Int32Array, base: number): number {
    const port = words[base + PORTS]! & 0xffff;
    return this.targets.distinct(words, base + SERVER, port, words[base + NUMBER]!);
  }

  /** By how much the server's initial sequence numbers grow from connection to connection; null if not constant. */
  isnStep(words: Int32Array, base: number): number | null {
    const { servers } = this;
    const server = servers.find(words, base + SERVER, words[base + ENCAPSULATION]!);
    return server < 0 || servers.words[server + RUN]! < STEP_RUN ? null : servers.words[server + STEP]!;
  }

  /**
   * Notes the server's new number. Answers need not come in the order the server chose its numbers, so the nearest of
   * the last few numbers counts, in either direction.
   */
  private step(words: Int32Array, slot: number, address: Int32Array): void {
    const base = slot * WORDS;
    const server = this.servers.take(address, 0, words[base + ENCAPSULATION]!);
    const { words: w } = this.servers;
    const isn = words[base + SERVER_ISN]!;
    const seen = w[server + SEEN]!;
    let step = 0x7fffffff;
    let nearest = 0;
    for (let n = Math.min(seen, RECENT_ISNS) - 1; n >= 0; n--) {
      const size = Math.abs((isn - w[server + ISNS + n]!) | 0);
      if (size < step) nearest = n;
      step = Math.min(step, size);
    }
    // Both sides' numbers again: the same connection seen again, on the other side of a NAT.
    if (step === 0 && w[server + CLIENT_ISNS + nearest] === words[base + CLIENT_ISN]) return;
    w[server + ISNS + (seen % RECENT_ISNS)] = isn;
    w[server + CLIENT_ISNS + (seen % RECENT_ISNS)] = words[base + CLIENT_ISN]!;
    w[server + SEEN] = seen + 1 === 2 * RECENT_ISNS ? RECENT_ISNS : seen + 1;
    const run = step === w[server + STEP] ? Math.min(w[server + RUN]! + 1, STEP_RUN + 1) : 1;
    w[server + STEP] = step;
    w[server + RUN] = run;
    if (run >= STEP_RUN) words[base + STATE]! |= PREDICTABLE;
    else {
      w[server + STEPPED + 2 * (run - 1)] = slot;
      w[server + STEPPED + 2 * (run - 1) + 1] = words[base + NUMBER]!;
    }
    if (run !== STEP_RUN) return;
    for (let n = 0; n < STEP_RUN - 1; n++) {
      const first = w[server + STEPPED + 2 * n]! * WORDS;
      if (words[first + NUMBER] === w[server + STEPPED + 2 * n + 1]) words[first + STATE]! |= PREDICTABLE;
    }
  }
}

/** Whether the SYN offers SACK, as those of systems do. */
const isOfSystem = (words: Int32Array, base: number): boolean => (words[base + OFFER]! & 0x20) !== 0;

type Judge = (words: Int32Array, record: number) => boolean;

const isScan: Judge = (w, c) => w[c + DISTINCT]! >= SCAN_DESTINATIONS && w[c + GOOD]! * 4 <= w[c + SYNS]!;
const isFlood: Judge = (w, c) => w[c + SYNS]! >= FLOOD_SYNS && w[c + GOOD]! * 5 <= w[c + SYNS]!;

const MAX_RANGES = 16;

/** Counts attempts by host, in windows of time; remembers which attempts fell in windows that were found remarkable. */
class Counters {
  private readonly table = new HostTable(COUNTER_WORDS, MAX_HOSTS);
  private readonly ranges = new Map<number, Ranges>();
  private readonly windowNs: number;
  private readonly isRemarkable: Judge;

  constructor(windowNs: number, isRemarkable: Judge) {
    this.windowNs = windowNs;
    this.isRemarkable = isRemarkable;
  }

  /** Counts one attempt in the window it falls in, after closing the window before. @returns the host's record */
  count(key: Int32Array, at: number, extra: number, number: number, time: number, item: number): number {
    const { table } = this;
    const c = table.take(key, at, extra);
    const { words, doubles } = table;
    // A record just made has no attempts.
    if (words[c + SYNS] === 0 || Math.abs(time - doubles[(c >> 1) + WINDOW_START]!) > this.windowNs) {
      this.closeWindow(c);
      doubles[(c >> 1) + WINDOW_START] = time;
      words[c + FIRST_NUMBER] = number;
      words[c + SYNS] = 0;
      words[c + GOOD] = 0;
      words[c + DISTINCT] = 0;
      words.fill(0, c + SKETCH, c + COUNTER_WORDS);
    }
    words[c + LAST_NUMBER] = number;
    words[c + SYNS]!++;
    const hash = Math.imul(item ^ (item >>> 15), 0x2c1b3c6d);
    const bit = (hash >>> 12) & (SKETCH_WORDS * 32 - 1);
    const mask = 1 << (bit & 31);
    if ((words[c + SKETCH + (bit >> 5)]! & mask) === 0) {
      words[c + SKETCH + (bit >> 5)]! |= mask;
      words[c + DISTINCT]!++;
    }
    return c;
  }

  /** One of the host's attempts went well. @returns the host's record; -1 if there is none */
  good(key: Int32Array, at: number, extra: number): number {
    const c = this.table.find(key, at, extra);
    if (c >= 0) this.table.words[c + GOOD]!++;
    return c;
  }

  /** Remembers a time; of the last five minutes or so. */
  mark(c: number, time: number): void {
    const { words } = this.table;
    const slice = Math.floor(time / SLICE_NS) | 0;
    const ahead = slice - words[c + LAST_SLICE]!;
    if (words[c + SLICES] === 0 || ahead >= 32) words[c + SLICES] = 1;
    else if (ahead > 0) words[c + SLICES] = (words[c + SLICES]! << ahead) | 1;
    else if (ahead > -32) words[c + SLICES]! |= 1 << -ahead;
    if (ahead > 0 || words[c + SLICES] === 1) words[c + LAST_SLICE] = slice;
  }

  /** Whether a time within a slice of those from `from` to `to` was remembered. */
  isMarked(key: Int32Array, at: number, extra: number, from: number, to: number): boolean {
    const c = this.table.find(key, at, extra);
    if (c < 0) return false;
    const { words } = this.table;
    const last = words[c + LAST_SLICE]!;
    const least = Math.max(0, last - Math.floor(to / SLICE_NS) - 1);
    const most = Math.min(31, last - Math.floor(from / SLICE_NS) + 1);
    for (let n = least; n <= most; n++) if ((words[c + SLICES]! >>> n) & 1) return true;
    return false;
  }

  /** How many different items there were in the window that an attempt fell in if it was remarkable, otherwise 0. */
  distinct(key: Int32Array, at: number, extra: number, number: number): number {
    const c = this.table.find(key, at, extra);
    if (c < 0) return 0;
    this.closeWindow(c);
    const { words } = this.table;
    if (words[c + HAS_RANGES] === 0) return 0;
    const within = this.ranges.get(c)!.find(([from, to]) => number >= from && number <= to);
    return within === undefined ? 0 : within[2];
  }

  private closeWindow(c: number): void {
    const { words } = this.table;
    if (words[c + SYNS]! > 0 && this.isRemarkable(words, c))
      this.addRange(c, words[c + FIRST_NUMBER]!, words[c + LAST_NUMBER]!, words[c + DISTINCT]!);
  }

  addRange(c: number, from: number, to: number, items: number): void {
    const { words } = this.table;
    // A record that took another's place has none.
    if (words[c + HAS_RANGES] === 0) this.ranges.set(c, []);
    words[c + HAS_RANGES] = 1;
    const ranges = this.ranges.get(c)!;
    const last = ranges[ranges.length - 1];
    if (last !== undefined && from <= last[1] + 1) {
      last[0] = Math.min(last[0], from);
      last[1] = Math.max(last[1], to);
      last[2] = Math.max(last[2], items);
      return;
    }
    if (ranges.length === MAX_RANGES) ranges.shift();
    ranges.push([from, to, items]);
  }
}
