/**
 * What a listening socket keeps: half-open requests and connections that wait for accept()
 * (net/ipv4/inet_connection_sock.c, 6.18).
 */
import type { Reason } from '../reasons.ts';

/** What the queue knows of a half-open connection. */
interface HalfOpen {
  /** Its place among its listener's requests. */
  queued: boolean;
  next: HalfOpen | null;
  previous: HalfOpen | null;
  readonly timeouts: number;
  /** Forgets it. */
  drop(reason: Reason): void;
}

/** The queues of one listener, which accepts children of type `Child`. */
export class Listener<Child> {
  /** listen()'s argument, cut to net.core.somaxconn by the socket layer. */
  backlog: number;
  /** Established (or Fast Open) children in the order they will be accepted. */
  readonly accepted: Child[] = [];
  /** The half-open request that came last, from which the others hang by `next`; and how many there are. */
  private newest: HalfOpen | null = null;
  requestCount = 0;
  /** How many of those have not needed a retransmission. */
  young = 0;
  /** Fast Open connections whose SYN+ACK is unanswered, and those that a client reset within the last minute. */
  fastOpenPending = 0;
  /** When the latter stop counting, µs, oldest first. */
  readonly fastOpenResets: number[] = [];
  /** Whether a flood was already reported. */
  floodWarned = false;

  constructor(backlog: number) {
    this.backlog = backlog;
  }

  /** Whether another connection may not be queued: one more than the backlog fits. */
  get acceptFull(): boolean {
    return this.accepted.length > this.backlog;
  }

  /** Whether another half-open request may not be queued: one more than the backlog fits here too (measured on 6.18). */
  get requestsFull(): boolean {
    return this.requestCount > this.backlog;
  }

  /** Takes a new request in. */
  addRequest(request: HalfOpen): void {
    request.next = this.newest;
    if (this.newest !== null) this.newest.previous = request;
    this.newest = request;
    request.queued = true;
    this.requestCount++;
    this.young++;
  }

  /** Forgets a request; nothing if it was never taken in, or is forgotten already. */
  removeRequest(request: HalfOpen): void {
    if (!request.queued) return;
    const { next, previous } = request;
    if (previous === null) this.newest = next;
    else previous.next = next;
    if (next !== null) next.previous = previous;
    request.next = request.previous = null;
    request.queued = false;
    this.requestCount--;
    if (request.timeouts === 0) this.young--;
  }

  /** All requests, the newest first. */
  *requests(): IterableIterator<HalfOpen> {
    for (let request = this.newest; request !== null; ) {
      // Whoever gets it may forget it.
      const { next }: HalfOpen = request;
      yield request;
      request = next;
    }
  }
}
