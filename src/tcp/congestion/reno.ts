/** Reno (RFC 5681, RFC 6582; net/ipv4/tcp_cong.c, 6.18): one packet more a round trip, half after loss. */
import { type Controller, type Flow, growSlowly, isLimited, slowStart } from './interface.ts';

/** It remembers nothing: one for all connections. */
export const reno: Controller = {
  name: 'reno',
  threshold: (flow: Flow): number => Math.max(flow.cwnd >> 1, 2),
  undone: (flow: Flow): number => Math.max(flow.cwnd, flow.recovery.priorCwnd),
  acked(flow: Flow, packets: number): void {
    if (!isLimited(flow)) return;
    const rest = flow.cwnd < flow.ssthresh ? slowStart(flow, packets) : packets;
    if (rest > 0) growSlowly(flow, flow.cwnd, rest);
  },
  stateChanged(): void {},
  measured(): void {},
  resumed(): void {},
};
