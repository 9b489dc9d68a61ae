/**
 * What a sender asked to be told of its data through the error queue: that data sent with MSG_ZEROCOPY is no longer
 * needed, and when bytes were sent and acknowledged (SO_TIMESTAMPING; Documentation/networking/msg_zerocopy.rst and
 * timestamping.rst; net/core/skbuff.c, 6.18).
 */
import { seqGe, seqGt, seqLt } from '../../wire/seq.ts';
import { ErrorOrigin, type QueuedError } from './error-queue.ts';

/** Bits of SO_TIMESTAMPING (include/uapi/linux/net_tstamp.h). */
export const Timestamping = {
  txSoftware: 0x2,
  software: 0x10,
  optId: 0x80,
  txSched: 0x100,
  txAck: 0x200,
  optTsOnly: 0x800,
} as const;

/** What a timestamp is of: ee_info of its entry. */
const Stamp = { sent: 0, scheduled: 1, acknowledged: 2 } as const;

const ENOMSG = 42;

/** Calls with MSG_ZEROCOPY, numbered, and where the data of the last one ends. */
interface ZeroCopyRange {
  readonly first: number;
  last: number;
  end: number;
}

/** The last byte of a call that is to be stamped; its segment has been sent. */
interface StampedByte {
  readonly seq: number;
  sent: boolean;
}

export class Completions {
  /** SO_ZEROCOPY is set: MSG_ZEROCOPY counts. */
  zeroCopy = false;
  /** The bits of SO_TIMESTAMPING. */
  timestamping = 0;
  private keyBase = 0;
  private nextId = 0;
  private ranges: ZeroCopyRange[] = [];
  private stamps: StampedByte[] = [];

  /** A listener's settings go to its children. */
  inherited(): Completions {
    const child = new Completions();
    child.zeroCopy = this.zeroCopy;
    child.timestamping = this.timestamping;
    return child;
  }

  /** Sets SO_TIMESTAMPING; numbers of bytes count from `sndUna` on if they are asked for newly. */
  setTimestamping(flags: number, sndUna: number): void {
    if ((flags & Timestamping.optId) !== 0 && (this.timestamping & Timestamping.optId) === 0)
      this.keyBase = sndUna;
    this.timestamping = flags;
  }

  /** A call with MSG_ZEROCOPY has queued data up to `end`. It joins one before it whose data has not been sent yet. */
  zeroCopied(end: number, joins: boolean): void {
    const id = this.nextId++;
    const before = this.ranges.at(-1);
    if (joins && before !== undefined && before.last + 1 === id) {
      before.last = id;
      before.end = end;
    } else this.ranges.push({ first: id, last: id, end });
  }

  /** Where the data of the latest call ends that nobody was told of yet; null if there is none. */
  get zeroCopyEnd(): number | null {
    return this.ranges.at(-1)?.end ?? null;
  }

  /** A call has queued data up to `end`, whose last byte waits to be sent. */
  written(end: number): void {
    const wanted = Timestamping.txSched | Timestamping.txSoftware | Timestamping.txAck;
    if ((this.timestamping & wanted) === 0) return;
    const seq = (end - 1) | 0;
    if (this.stamps.at(-1)?.seq !== seq) this.stamps.push({ seq, sent: false });
  }

  /** Data from `seq` to `end` was sent at `at`, µs of Unix time. */
  sent(seq: number, end: number, at: number, queue: (error: QueuedError) => void): void {
    for (const stamp of this.stamps) {
      if (stamp.sent || seqLt(stamp.seq, seq) || seqGe(stamp.seq, end)) continue;
      stamp.sent = true;
      if ((this.timestamping & Timestamping.txSched) !== 0)
        queue(this.stampOf(stamp.seq, Stamp.scheduled, at, (end - seq) | 0));
      if ((this.timestamping & Timestamping.txSoftware) !== 0)
        queue(this.stampOf(stamp.seq, Stamp.sent, at, (end - seq) | 0));
    }
    if ((this.timestamping & Timestamping.txAck) === 0) this.stamps = this.stamps.filter(({ sent }) => !sent);
  }

  /** Everything before `sndUna` is acknowledged, at `at`, µs of Unix time. */
  acknowledged(sndUna: number, at: number, queue: (error: QueuedError) => void): void {
    while (this.stamps.length > 0 && seqLt(this.stamps[0]!.seq, sndUna)) {
      const { seq } = this.stamps.shift()!;
      if ((this.timestamping & Timestamping.txAck) !== 0) queue(this.stampOf(seq, Stamp.acknowledged, at, 1));
    }
    while (this.ranges.length > 0 && !seqGt(this.ranges[0]!.end, sndUna)) this.complete(queue);
  }

  /** The connection is over: no data is needed any more. */
  over(queue: (error: QueuedError) => void): void {
    this.stamps = [];
    while (this.ranges.length > 0) this.complete(queue);
  }

  private complete(queue: (error: QueuedError) => void): void {
    const { first, last } = this.ranges.shift()!;
    queue({ ...plain, origin: ErrorOrigin.zerocopy, code: 1, info: first, data: last });
  }

  private stampOf(seq: number, info: number, at: number, length: number): QueuedError {
    const data = (this.timestamping & Timestamping.optId) !== 0 ? (seq - this.keyBase) >>> 0 : 0;
    return {
      ...plain,
      errno: ENOMSG,
      origin: ErrorOrigin.timestamping,
      info,
      data,
      length: (this.timestamping & Timestamping.optTsOnly) !== 0 ? 0 : length,
      stampedAt: (this.timestamping & Timestamping.software) !== 0 ? at : -1,
    };
  }
}

const plain: QueuedError = {
  errno: 0,
  origin: 0,
  type: 0,
  code: 0,
  info: 0,
  data: 0,
  length: 0,
  stampedAt: -1,
};
