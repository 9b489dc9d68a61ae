/**
 * What happened to every connection attempt in a capture, as a library: bytes in, attempts out. No files, no clock: runs in
 * browsers as well as in Node.
 */
import type { AbortSignalLike } from '../wire/abort.ts';
import { CaptureError } from '../wire/captured-packet.ts';
import { CaptureReader } from '../wire/pcap-reader.ts';
import { abortable } from './abortable.ts';
import { Decapsulator } from './decode/decapsulate.ts';
import { type Chunks, decompressed } from './decode/gunzip.ts';
import { isKnownLink } from './decode/layers.ts';
import { addressText } from './decode/options.ts';
import { explainRecord } from './explain-record.ts';
import { type Filter, filterOf } from './filter.ts';
import type { Attempt } from './judge/attempt.ts';
import type { Facts, Recorded } from './judge/evidence.ts';
import { CleanJson } from './output/clean-json.ts';
import type { CaptureSummary } from './output/summary.ts';
import { defaultLimits, type TrackerLimits } from './track/eviction.ts';
import { Hosts } from './track/hosts.ts';
import * as R from './track/records.ts';
import { BATCH, Tracker } from './track/tracker.ts';

/** @internal Where records of attempts go that are explained elsewhere. */
export interface Outlet {
  /** Takes a copy of a record. */
  add(log: Recorded, slot: number, facts: Facts): void;
}

/** Link types that carry no IP: CAN, D-Bus, Bluetooth LE (two), netlink. */
const WITHOUT_IP: ReadonlySet<number> = new Set([227, 231, 251, 253, 256]);

/** Explains one capture given in chunks. */
export class Explainer {
  private readonly batch: Decapsulator[] = [];
  private waiting = 0;
  private readonly unread = new Map<number, number>();
  /** Whether packets of a link type that cannot be read may have carried TCP. */
  private hidden = false;
  /** Servers that answered, once somebody asked for a link address. */
  private readonly heard = new Set<string>();
  private readonly hosts = new Hosts();
  private readonly tracker: Tracker;
  private reader: CaptureReader;
  private readonly newReader: () => CaptureReader;

  /** @param take called for each attempt when it is over (at the latest by {@link end}) */
  constructor(take: (attempt: Attempt) => void, limits?: TrackerLimits);
  /**
   * @internal
   * @param take or where to write a line of NDJSON for each, which is much faster; or where to put its record
   */
  constructor(take: ((attempt: Attempt) => void) | CleanJson | Outlet, limits?: TrackerLimits);
  constructor(
    take: ((attempt: Attempt) => void) | CleanJson | Outlet,
    limits: TrackerLimits = defaultLimits,
  ) {
    this.tracker = new Tracker(this.hosts, this.finisher(take), limits);
    const first = new Decapsulator();
    const { batch } = this;
    batch.push(first);
    while (batch.length < BATCH) batch.push(new Decapsulator(first));
    this.newReader = () =>
      new CaptureReader(
        (packet) => {
          if (batch[this.waiting]!.decode(packet) === 0) {
            if (!isKnownLink(packet.linkType)) this.countUnread(packet.linkType);
            return;
          }
          if (++this.waiting === BATCH) this.flush();
        },
        () => this.flush(),
      );
    this.reader = this.newReader();
  }

  /** How many packets there were so far. */
  get frames(): number {
    return this.reader.frames;
  }

  /**
   * What comes next is another file of the same capture, with a header of its own; frames count on.
   * @throws CaptureError if the file before ended within a record; the next one can be read all the same
   */
  nextFile(): void {
    const before = this.reader;
    this.reader = this.newReader();
    this.reader.frames = before.frames;
    before.end();
  }

  private countUnread(linkType: number): void {
    this.unread.set(linkType, (this.unread.get(linkType) ?? 0) + 1);
    this.hidden ||= !WITHOUT_IP.has(linkType);
  }

  /** Hands over what waits: the packets' buffer is about to change. */
  private flush(): void {
    const count = this.waiting;
    this.waiting = 0;
    this.tracker.handle(this.batch, count);
  }

  /**
   * Takes the next bytes of the capture (not kept afterwards).
   * @throws CaptureError where it is damaged; {@link end} may still be called for what came before
   */
  push(chunk: Uint8Array): void {
    this.reader.push(chunk);
  }

  /** When the newest packet was captured, in seconds since 1970; 0 before the first. */
  newest(): number {
    const { tracker } = this;
    return tracker.started ? tracker.baseSeconds + tracker.now() / 1e9 : 0;
  }

  /**
   * Tells now of attempts that would be told at the end: those that are over and without a packet since `seconds` (since 1970).
   * For captures that are still being made; packets that come later no longer count for them.
   */
  settle(seconds: number): void {
    this.tracker.settle((seconds - this.tracker.baseSeconds) * 1e9);
  }

  /**
   * Finishes some attempts ahead of {@link end}, for callers that have to look at other things meanwhile. No bytes may come after.
   * @param most how many at most
   * @returns whether all are finished
   */
  endSome(most: number): boolean {
    return this.tracker.end(most);
  }

  /**
   * Finishes all attempts.
   * @param problem what ended the capture early, if known; otherwise its end is checked
   * @throws CaptureError if the capture ends within a record, after all attempts were handed out
   */
  end(problem: CaptureError | null = null): CaptureSummary {
    let failure = problem;
    if (failure === null) {
      try {
        this.reader.end();
      } catch (error) {
        if (!(error instanceof CaptureError)) throw error;
        failure = error;
      }
    }
    this.tracker.end(Number.POSITIVE_INFINITY);
    if (failure !== null) throw failure;
    return this.summary();
  }

  summary(): CaptureSummary {
    const { begun, segments, malformed, orphanIcmp } = this.tracker;
    return {
      packets: this.reader.frames,
      segments,
      attempts: begun,
      malformed,
      orphanIcmp,
      neighbours: this.batch[0]!.neighbours.any
        ? this.batch[0]!.neighbours.findings((address) => this.heard.has(address))
        : [],
      names: this.batch[0]!.names.byName,
      leftOut: this.batch[0]!.encapsulations.leftOut,
      unread: this.unread,
    };
  }

  private finisher(take: ((attempt: Attempt) => void) | CleanJson | Outlet): (slot: number) => void {
    const explained = (slot: number): Attempt => explainRecord(this.tracker.log, slot, this.facts(slot));
    if (typeof take === 'function') return (slot) => take(explained(slot));
    if (take instanceof CleanJson)
      return (slot) => take.write(this.tracker.log, slot, this.tracker.baseSeconds, () => explained(slot));
    return (slot) => take.add(this.tracker.log, slot, this.facts(slot));
  }

  private facts(slot: number): Facts {
    const { tracker, hosts } = this;
    const { words } = tracker.store;
    const base = slot * R.WORDS;
    const clean = tracker.log.clean.find(slot);
    const unanswered = (words[base + R.STATE]! & (R.SYN_SEEN | R.SYNACK_SEEN)) === R.SYN_SEEN;
    if (unanswered && hosts.servedOthers(tracker.store, slot)) words[base + R.STATE]! |= R.OTHERS_SERVED;
    if (this.batch[0]!.neighbours.any && this.heard.size < 65_536 && words[base + R.SERVER_PACKETS]! > 0)
      this.heard.add(addressText(words, base + R.SERVER));
    if (this.hidden || this.batch[0]!.encapsulations.leftOut > 0) words[base + R.STATE]! |= R.LEFT_OUT;
    return {
      isnStep: words[base + R.STATE]! & R.PREDICTABLE ? hosts.isnStep(words, base) : null,
      scanned: clean ? 0 : hosts.scanned(words, base),
      flooded: clean ? 0 : hosts.flooded(words, base),
      now: tracker.now(),
      baseSeconds: tracker.baseSeconds,
      encapsulation: this.batch[0]!.encapsulations.text(words[base + R.ENCAPSULATION]!),
    };
  }
}

/** What {@link explain} may be told beside the capture. */
export interface ExplainOptions {
  /** What to tell about; the capture is still read and judged as a whole. */
  readonly filter?: Filter;
  /** Ends the reading when it aborts, also while it waits for bytes; `AbortSignal.timeout(ms)` is a time-out. */
  readonly signal?: AbortSignalLike;
}

/**
 * Explains a capture.
 * @param chunks its bytes in pieces of any size, as they are or compressed with gzip
 * @returns the attempts as they end; what the generator returns is the summary
 * @throws CaptureError after the last attempt, if the capture is damaged or cut off
 * @throws Error at the first attempt that is asked for, if the filter names a code or an address that does not exist
 * @throws the signal's reason, once it aborts
 */
export async function* explain(
  chunks: Chunks,
  { filter, signal }: ExplainOptions = {},
): AsyncGenerator<Attempt, CaptureSummary, undefined> {
  const wanted = filter === undefined ? null : filterOf(filter);
  let ready: Attempt[] = [];
  const explainer = new Explainer((attempt) => {
    if (wanted === null || wanted(attempt)) ready.push(attempt);
  });
  let problem: CaptureError | null = null;
  try {
    for await (const chunk of decompressed(signal === undefined ? chunks : abortable(chunks, signal))) {
      explainer.push(chunk);
      if (ready.length > 0) {
        const batch = ready;
        ready = [];
        yield* batch;
      }
    }
  } catch (error) {
    if (!(error instanceof CaptureError)) throw error;
    problem = error;
  }
  let failure: unknown = null;
  let summary = explainer.summary();
  try {
    summary = explainer.end(problem);
  } catch (error) {
    failure = error;
  }
  yield* ready;
  if (failure !== null) throw failure;
  return summary;
}
