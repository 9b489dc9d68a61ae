/** What a congestion controller is, and what of a connection it may look at and set. */

/** The sending side as a controller sees it. Windows and counts are in packets. */
export interface Flow {
  readonly services: { readonly now: number };
  readonly sndUna: number;
  readonly sndNxt: number;
  /** The congestion window, the slow-start threshold, and the most the window may be. */
  cwnd: number;
  ssthresh: number;
  readonly cwndClamp: number;
  /** Packets acknowledged since the window grew last in congestion avoidance. */
  cwndCount: number;
  /** Of the reduction under way: the window before it. */
  readonly recovery: { readonly priorCwnd: number };
  /** The window is what holds sending back; if not, the most that was out of late. */
  readonly isCwndLimited: boolean;
  readonly maxPacketsOut: number;
  /** The round trip of our SYN, µs; 0 if there was none. */
  readonly synRtt: number;
  /** Bytes per second. */
  readonly pacingRate: number;
  /** µs when data was sent last. */
  readonly lastSendAt: number;
}

/** A congestion control, one for a connection (struct tcp_congestion_ops). */
export interface Controller {
  /** By the name that TCP_CONGESTION knows. */
  readonly name: string;
  /** The slow-start threshold after congestion, packets. */
  threshold(flow: Flow): number;
  /** Opens the window: `packets` were delivered. */
  acked(flow: Flow, packets: number): void;
  /** The window when a reduction proved to be mistaken, packets. */
  undone(flow: Flow): number;
  /** The congestion state (`CaState`) is about to be `state`. */
  stateChanged(flow: Flow, state: number): void;
  /** A round trip was measured, µs. */
  measured(flow: Flow, rtt: number): void;
  /** Data is sent after nothing was out. */
  resumed(flow: Flow): void;
}

/** Only a window that is used may grow; in slow start up to twice what was out (RFC 7661 in spirit). */
export const isLimited = (flow: Flow): boolean =>
  flow.isCwndLimited || (flow.cwnd < flow.ssthresh && flow.cwnd < 2 * flow.maxPacketsOut);

/** Slow start (RFC 5681 section 3.1). Returns the packets left when the threshold is reached. */
export function slowStart(flow: Flow, packets: number): number {
  const grown = Math.min(flow.cwnd + packets, flow.ssthresh);
  const rest = packets - (grown - flow.cwnd);
  flow.cwnd = Math.min(grown, flow.cwndClamp);
  return rest;
}

/** One packet more for every `per` packets acknowledged (tcp_cong_avoid_ai). */
export function growSlowly(flow: Flow, per: number, packets: number): void {
  // What was saved up at a larger window is used gently.
  if (flow.cwndCount >= per) {
    flow.cwndCount = 0;
    flow.cwnd++;
  }
  flow.cwndCount += packets;
  if (flow.cwndCount >= per) {
    const more = Math.floor(flow.cwndCount / per);
    flow.cwndCount -= more * per;
    flow.cwnd += more;
  }
  flow.cwnd = Math.min(flow.cwnd, flow.cwndClamp);
}
