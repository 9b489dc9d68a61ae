/**
 * What a host remembers of its peers beyond a connection (net/ipv4/tcp_metrics.c, 6.18): the round trip, a slow-start
 * threshold, how far packets are reordered. `ip tcp_metrics` shows it on Linux.
 */
import type { Address } from '../../wire/address.ts';
import { CaState, noThreshold } from '../congestion/state.ts';
import type { TcpSysctls } from '../sysctls.ts';

/** What of the host's services this memory uses. */
interface MetricsServices {
  readonly sysctls: TcpSysctls;
  readonly now: number;
}

/** What of a connection is remembered, in the units of `Connection`. */
interface Measured {
  readonly local: Address;
  readonly remote: Address;
  readonly srtt: number;
  readonly backoff: number;
  readonly cwnd: number;
  readonly ssthresh: number;
  readonly caState: number;
  readonly reordering: number;
}

/** What is remembered of one peer, as seen from one address of this host. */
interface PeerMetrics {
  /** 8 times the smoothed round trip, µs; 0 if unknown. */
  rtt: number;
  /** Packets; 0 if unknown. */
  ssthresh: number;
  /** Packets; 0 if none but the host's setting was ever in force. */
  reordering: number;
  /** µs */
  since: number;
}

/** So many peers are remembered; the one longest known is forgotten first. */
const mostRemembered = 4096;
/** µs: an hour (TCP_METRICS_TIMEOUT), after which all begins anew. */
const longest = 3_600_000_000;

/** One host's memory of its peers. */
export class PeerMemory {
  private readonly services: MetricsServices;
  private readonly peers: Map<string, PeerMetrics> = new Map();

  constructor(services: MetricsServices) {
    this.services = services;
  }

  /** What is remembered of the peer at the other end, null for nothing. */
  of(local: Address, remote: Address): PeerMetrics | null {
    if (this.peers.size === 0) return null;
    const found = this.peers.get(keyOf(local, remote));
    if (found === undefined) return null;
    if (this.services.now - found.since > longest) {
      found.rtt = found.ssthresh = found.reordering = 0;
      found.since = this.services.now;
    }
    return found;
  }

  /** Forgets everything (`ip tcp_metrics flush`). */
  flush(): void {
    this.peers.clear();
  }

  /** A connection ended in order: keeps what it learnt (tcp_update_metrics). */
  learn(conn: Measured): void {
    const { sysctls } = this.services;
    if (sysctls.tcp_no_metrics_save !== 0) return;
    let known = this.of(conn.local, conn.remote);
    // Without a measurement, what was measured before is doubtful, too.
    if (conn.backoff > 0 || conn.srtt === 0) {
      if (known !== null) known.rtt = 0;
      return;
    }
    known ??= this.add(conn);
    // Too long a round trip does less harm than too short a one: it comes down slowly.
    const shorter = known.rtt - conn.srtt;
    known.rtt = shorter <= 0 ? conn.srtt : known.rtt - (shorter >> 3);
    this.learnOfCongestion(known, conn);
  }

  private learnOfCongestion(known: PeerMetrics, conn: Measured): void {
    const { sysctls } = this.services;
    const thresholds = sysctls.tcp_no_ssthresh_metrics_save === 0;
    const half = conn.cwnd >> 1;
    if (conn.ssthresh >= noThreshold) {
      if (thresholds && known.ssthresh > 0 && half > known.ssthresh) known.ssthresh = half;
    } else if (conn.cwnd >= conn.ssthresh && conn.caState === CaState.open) {
      if (thresholds) known.ssthresh = Math.max(half, conn.ssthresh);
    } else {
      if (thresholds && known.ssthresh > 0 && conn.ssthresh > known.ssthresh) known.ssthresh = conn.ssthresh;
      if (conn.reordering > known.reordering && conn.reordering !== sysctls.tcp_reordering)
        known.reordering = conn.reordering;
    }
  }

  private add({ local, remote }: Measured): PeerMetrics {
    const { peers } = this;
    if (peers.size >= mostRemembered) peers.delete(peers.keys().next().value!);
    const added = { rtt: 0, ssthresh: 0, reordering: 0, since: this.services.now };
    peers.set(keyOf(local, remote), added);
    return added;
  }
}

/** Nearly all are IPv4: those have a short key. */
const keyOf = (a: Address, b: Address): string =>
  a.family === 4 ? `${a.w3}>${b.w3}` : `${a.w0},${a.w1},${a.w2},${a.w3}>${b.w0},${b.w1},${b.w2},${b.w3}`;
