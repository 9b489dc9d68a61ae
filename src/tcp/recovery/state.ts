/**
 * What a connection remembers of losses, made when it has something to remember: most connections never do, and memory
 * and speed with many of them rest on that.
 */

const noEdges: readonly number[] = [];

/** Counts are packets, times µs, sequence numbers int32. */
export class RecoveryState {
  /** The end of the highest SACKed data, while `sackedOut` is not 0; the blocks of the last ACK. */
  highestSack = 0;
  sackSeen: readonly number[] = noEdges;
  /** The peer took a SACK back. */
  sackReneged = false;
  /** Duplicates that D-SACKs told of. */
  dsackDuplicates = 0;
  /** How often packets were seen to overtake each other. */
  reorderingSeen = 0;
  /** Packets delivered with congestion marks, and those that were ever held for lost. */
  deliveredCe = 0;
  lost = 0;
  /** The reordering window in quarters of the shortest round trip, and how it adapts. */
  rackSteps = 1;
  rackPersist = 0;
  rackDsackSeen = false;
  rackAdaptedAt = 0;
  /** A loss probe is out: up to where, and whether it was a copy of the last segment. */
  probeOut = false;
  probeEnd = 0;
  probeIsCopy = false;
  /** A reduction may still prove mistaken: SND.UNA when it began, copies not reported as duplicates (-1: none sent). */
  undoing = false;
  undoMarker = 0;
  undoRetrans = 0;
  priorSsthresh = 0;
  priorCwnd = 0;
  /** Delivered and sent since the reduction began (RFC 6937). */
  prrDelivered = 0;
  prrOut = 0;
  /** F-RTO is finding out whether the time-out was one. */
  frto = false;
  /** How long the peer's window and the send buffer held sending back, as far as that is over. */
  windowLimitedTime = 0;
  bufferLimitedTime = 0;
}

/** The state of all connections that have nothing to remember; it cannot be written to. */
export const calm: RecoveryState = Object.freeze(new RecoveryState());

/** What `forget` sets back. */
interface Remembering {
  recovery: RecoveryState;
  controller: object | null;
  caState: number;
  ssthresh: number;
  cwndCount: number;
  isCwndLimited: boolean;
  maxPacketsOut: number;
  delivered: number;
  rackSentAt: number;
  rackRtt: number;
  rackAdvanced: boolean;
  totalRetransmits: number;
  retransOut: number;
  lostOut: number;
  sackedOut: number;
}

/** A socket connects anew: nothing of the old path counts (tcp_disconnect). */
export function forget(conn: Remembering): void {
  conn.recovery = calm;
  conn.controller = null;
  conn.caState = conn.cwndCount = conn.maxPacketsOut = conn.delivered = conn.totalRetransmits = 0;
  conn.retransOut = conn.lostOut = conn.sackedOut = 0;
  conn.ssthresh = 0x7fffffff;
  conn.isCwndLimited = conn.rackAdvanced = false;
  conn.rackSentAt = -1;
  conn.rackRtt = 0;
}

/** A connection's own state, to be written to. */
export function recoveryOf(conn: { recovery: RecoveryState }): RecoveryState {
  if (conn.recovery === calm) conn.recovery = new RecoveryState();
  return conn.recovery;
}
