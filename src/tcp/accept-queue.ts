/**
 * What a listening socket keeps: half-open requests and connections that wait for accept()
 * (net/ipv4/inet_connection_sock.c, 6.18).
 */
import type { Connection } from './connection.ts';
import type { Request } from './request.ts';

/** The queues of one listener. */
export class Listener {
  /** listen()'s argument, cut to net.core.somaxconn by the socket layer. */
  backlog: number;
  /** Established (or Fast Open) children in the order they will be accepted. */
  readonly accepted: Connection[] = [];
  /** Half-open requests, in no order. */
  readonly requests: Set<Request> = new Set();
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
    return this.requests.size > this.backlog;
  }
}
