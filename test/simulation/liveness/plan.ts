/** A random world, drawn from a seed: the same seed gives the same world. */
import type { Conditions } from '../../../src/sim/index.ts';
import { Prng } from '../../../src/sim/index.ts';

/** What one program does. Times in µs, sizes in bytes. */
export interface Program {
  readonly total: number;
  /** Bytes a write, and how long it thinks after some of them. */
  readonly chunk: number;
  readonly thinkUs: number;
  readonly thinkEvery: number;
  /** Bytes a read, and how long it waits between two; 0 reads at once whatever is there. */
  readonly read: number;
  readonly readPauseUs: number;
  /** Ends its direction as soon as all is written (half-close); else only when the peer has ended its own. */
  readonly endsFirst: boolean;
  readonly noDelay: boolean;
  /** SO_SNDBUF and SO_RCVBUF; 0 leaves them alone. */
  readonly sndBuf: number;
  readonly rcvBuf: number;
}

/** Losses in bursts: the share of packets at which one begins, and how many packets it lasts on average. */
export interface Bursts {
  readonly begin: number;
  readonly length: number;
}

/** A world: client is 0, server is 1; lists of two have what goes from each. */
export interface Plan {
  readonly seed: number;
  readonly family: 4 | 6;
  readonly mtu: readonly [number, number];
  readonly conditions: readonly [Conditions, Conditions];
  readonly bursts: readonly [Bursts, Bursts];
  /** The share of packets of which one byte is changed. */
  readonly corrupt: number;
  /** The link is down from `at` on, for so long. */
  readonly outages: readonly { readonly at: number; readonly us: number }[];
  /** A host sleeps: its clock jumps when it wakes. What arrives meanwhile waits. */
  readonly sleeps: readonly { readonly host: 0 | 1; readonly at: number; readonly us: number }[];
  readonly sysctls: readonly [Record<string, string | number>, Record<string, string | number>];
  readonly programs: readonly [Program, Program];
}

/** A number whose logarithm is evenly spread. */
const spread = (draw: Prng, low: number, high: number): number =>
  Math.round(low * (high / low) ** draw.unit());

const sometimes = (draw: Prng, share: number): boolean => draw.unit() < share;

function drawConditions(draw: Prng, calm: boolean): Conditions {
  const bandwidth = sometimes(draw, 0.7) ? spread(draw, 200_000, 1_000_000_000) : undefined;
  return {
    delayUs: spread(draw, 20, 200_000),
    ...(sometimes(draw, 0.4) ? { jitterUs: spread(draw, 10, 50_000) } : {}),
    ...(bandwidth === undefined ? {} : { bandwidth, queueBytes: spread(draw, 8_000, 500_000) }),
    ...(!calm && sometimes(draw, 0.6) ? { loss: spread(draw, 1, 100) / 1000 } : {}),
    ...(!calm && sometimes(draw, 0.4) ? { duplicate: draw.unit() * 0.1 } : {}),
    ...(!calm && sometimes(draw, 0.4)
      ? { reorder: draw.unit() * 0.1, reorderUs: spread(draw, 10, 50_000) }
      : {}),
  };
}

function drawSysctls(draw: Prng): Record<string, string | number> {
  const set: Record<string, string | number> = {
    // Giving up after long bad luck is right, but not what is looked at here.
    tcp_retries2: 60,
    tcp_orphan_retries: 60,
    tcp_syn_retries: 60,
    tcp_synack_retries: 60,
  };
  const maybe = (share: number, name: string, value: string | number): void => {
    if (sometimes(draw, share)) set[name] = value;
  };
  maybe(0.15, 'tcp_sack', 0);
  maybe(0.15, 'tcp_timestamps', 0);
  maybe(0.1, 'tcp_window_scaling', 0);
  maybe(0.5, 'tcp_congestion_control', 'reno');
  maybe(0.2, 'tcp_ecn', 1);
  maybe(0.1, 'tcp_recovery', 0);
  maybe(0.1, 'tcp_early_retrans', 0);
  maybe(0.1, 'tcp_frto', 0);
  maybe(0.1, 'tcp_dsack', 0);
  maybe(0.1, 'tcp_slow_start_after_idle', 0);
  // Not tcp_shrink_window: with it 6.18 itself comes to a standstill (scripts/likeness/shrunk-window-shuts-out-the-gap.pkt).
  maybe(0.1, 'tcp_mtu_probing', 2);
  maybe(0.1, 'tcp_moderate_rcvbuf', 0);
  maybe(0.1, 'tcp_rmem', '4096 8192 65536');
  maybe(0.1, 'tcp_wmem', '4096 4096 32768');
  return Object.fromEntries(Object.entries(set).map(([name, value]) => [`net.ipv4.${name}`, value]));
}

function drawProgram(draw: Prng, mostBytes: number, endsFirst: boolean): Program {
  const total = sometimes(draw, 0.15) ? 0 : Math.min(mostBytes, spread(draw, 1, 1_500_000));
  const thinks = sometimes(draw, 0.4);
  const slow = sometimes(draw, 0.2);
  const read = slow ? spread(draw, 500, 65_536) : 65_536;
  return {
    total,
    // No more than some thousand writes and some hundred pauses.
    chunk: Math.max(spread(draw, 1, 65_536), Math.ceil(total / 2000)),
    thinkUs: thinks ? spread(draw, 1000, 100_000_000) : 0,
    thinkEvery: thinks ? Math.max(1, Math.ceil(total / (1 + draw.below(8)))) : 0,
    read,
    readPauseUs: slow
      ? spread(draw, 1000, Math.max(2000, Math.min(2_000_000, 2e10 / (mostBytes / read + 1))))
      : 0,
    endsFirst,
    noDelay: sometimes(draw, 0.3),
    sndBuf: sometimes(draw, 0.2) ? spread(draw, 1, 100_000) : 0,
    rcvBuf: sometimes(draw, 0.2) ? spread(draw, 1, 100_000) : 0,
  };
}

/** Draws the world of a seed. */
export function drawPlan(seed: number): Plan {
  const draw = new Prng(seed).fork('liveness');
  const calm = sometimes(draw, 0.3);
  const conditions = [drawConditions(draw, calm), drawConditions(draw, calm)] as const;
  const bursts = conditions.map(() =>
    !calm && sometimes(draw, 0.3)
      ? { begin: spread(draw, 1, 15) / 1000, length: spread(draw, 2, 12) }
      : { begin: 0, length: 0 },
  ) as [Bursts, Bursts];
  const times = (share: number, most: number): number => (sometimes(draw, share) ? 1 + draw.below(most) : 0);
  const list = <T>(n: number, one: () => T): T[] => Array.from({ length: n }, one);
  // What the slower direction takes in a minute is enough.
  const most = conditions.map((it) => Math.max(2000, Math.min(1_500_000, (it.bandwidth ?? 1e9) * 7.5)));
  const first = draw.below(3);
  return {
    seed,
    family: sometimes(draw, 0.3) ? 6 : 4,
    mtu: [0, 0].map(() => (sometimes(draw, 0.8) ? 1500 : 1280 + draw.below(7700))) as [number, number],
    conditions,
    bursts,
    corrupt: !calm && sometimes(draw, 0.3) ? spread(draw, 1, 30) / 1000 : 0,
    outages: list(calm ? 0 : times(0.2, 3), () => ({
      at: spread(draw, 1000, 20_000_000),
      us: spread(draw, 10_000, 30_000_000),
    })),
    sleeps: list(times(0.2, 2), () => ({
      host: draw.below(2) as 0 | 1,
      at: spread(draw, 1000, 20_000_000),
      us: spread(draw, 10_000, 100_000_000),
    })),
    sysctls: [drawSysctls(draw), drawSysctls(draw)],
    programs: [drawProgram(draw, most[0]!, first !== 1), drawProgram(draw, most[1]!, first !== 0)],
  };
}
