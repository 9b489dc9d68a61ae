/**
 * When an unanswered SYN is sent again, and when connect() gives up. One place for the rule: the stack runs by it, and
 * `halfopen doctor` prints from it how long a connect really takes to fail.
 *
 * The rule is Linux's. RFC 6298 section 5.5 doubles the timer at each expiry; Linux since 6.5 leaves it alone for the
 * first `tcp_syn_linear_timeouts` expiries (net/ipv4/tcp_timer.c, 6.18: tcp_retransmit_timer). It gives up at the first
 * expiry at which either the SYN was retransmitted tcp_syn_retries + tcp_syn_linear_timeouts times or as much time
 * went by as tcp_syn_retries doublings alone would have taken (tcp_write_timeout, tcp_model_timeout). The second
 * condition is why TCP_SYNCNT 3 takes 19 s with linear 4 although seven retransmissions would be allowed.
 */

/** What the schedule depends on. Counts as in the sysctls, times in µs. */
interface SynTimeoutOptions {
  /** net.ipv4.tcp_syn_retries, or the socket's TCP_SYNCNT: an integer from 0 to 127. Linux's default is 6. */
  readonly synRetries: number;
  /** net.ipv4.tcp_syn_linear_timeouts: an integer from 0 to 127. Linux's default is 4 since 6.5; 0 is the rule before. */
  readonly synLinearTimeouts: number;
  /** The first retransmission time-out in µs: 1 s (RFC 6298 section 2.1) unless told otherwise. */
  readonly initialRto?: number;
  /** The longest retransmission time-out in µs (net.ipv4.tcp_rto_max_ms since 6.15): 120 s unless told otherwise. */
  readonly rtoMax?: number;
}

/** Nominal times in µs, counted from the first SYN. */
interface SynSchedule {
  /** When each copy of the SYN is sent; the first is 0, so the length is one more than the retransmissions. */
  readonly sendTimes: readonly number[];
  /** When connect() fails with ETIMEDOUT if nothing answered. */
  readonly giveUp: number;
}

const second = 1_000_000;
/** MAX_TCP_SYNCNT of include/net/tcp.h: the most that Linux takes for either count. */
const maxSynCount = 127;

/**
 * The nominal schedule of an active open that nobody answers. A real kernel's timers fire a few percent later.
 *
 * @throws RangeError if a count is not an integer from 0 to 127 or the times are not 0 < initialRto <= rtoMax
 */
export function synSchedule(options: SynTimeoutOptions): SynSchedule {
  const { synRetries, synLinearTimeouts, initialRto = second, rtoMax = 120 * second } = options;
  checkCount('synRetries', synRetries);
  checkCount('synLinearTimeouts', synLinearTimeouts);
  if (!(initialRto > 0 && initialRto <= rtoMax && Number.isFinite(rtoMax))) {
    throw new RangeError(
      `the time-outs must satisfy 0 < initialRto <= rtoMax, not ${initialRto} and ${rtoMax} µs`,
    );
  }
  const mostRetransmits = synRetries + synLinearTimeouts;
  const mostElapsed = modelTimeout(synRetries, initialRto, rtoMax);
  const sendTimes = [0];
  let rto = initialRto;
  for (let now = initialRto; ; now += rto) {
    const retransmits = sendTimes.length - 1;
    // Before the first retransmission the elapsed time does not count (retransmits_timed_out).
    if (retransmits >= mostRetransmits || (retransmits > 0 && now >= mostElapsed)) {
      return { sendTimes, giveUp: now };
    }
    sendTimes.push(now);
    if (retransmits + 1 > synLinearTimeouts) rto = Math.min(rto * 2, rtoMax);
  }
}

/** How long `retries` doublings take from `rto` on, in µs: tcp_model_timeout. */
export function modelTimeout(retries: number, rto: number, rtoMax: number): number {
  const doublings = Math.floor(Math.log2(Math.floor(rtoMax / rto)));
  if (retries <= doublings) return (2 ** (retries + 1) - 1) * rto;
  return (2 ** (doublings + 1) - 1) * rto + (retries - doublings) * rtoMax;
}

function checkCount(name: string, value: number): void {
  if (!Number.isInteger(value) || value < 0 || value > maxSynCount) {
    throw new RangeError(`${name} must be an integer from 0 to ${maxSynCount}, not ${value}`);
  }
}
