/**
 * Which integer sysctls there are under net.ipv4.tcp_ and what Linux takes for them: measured on 6.18 by writing values
 * to each and seeing what came back as EINVAL.
 */

/** [lowest, highest] value that a write accepts. */
export type Range = readonly [number, number];

const byte: Range = [0, 255];
const flag: Range = [0, 1];
const natural: Range = [0, 0x7fffffff];
const integer: Range = [-0x80000000, 0x7fffffff];
const positive: Range = [1, 0x7fffffff];
/** Kept in jiffies of 4 ms inside, so that seconds end here. */
const seconds: Range = [-8_589_934, 8_589_934];

/** The integers that the protocol reads (tcp/sysctls.ts has the defaults), by name without `net.ipv4.`. */
export const tcpRanges: Readonly<Record<string, Range>> = {
  ip_default_ttl: [1, 255],
  tcp_abort_on_overflow: byte,
  tcp_app_win: [0, 31],
  tcp_base_mss: integer,
  tcp_challenge_ack_limit: integer,
  tcp_comp_sack_delay_ns: [0, 0xffffffff],
  tcp_comp_sack_nr: byte,
  tcp_comp_sack_rtt_percent: [1, 1000],
  tcp_dsack: byte,
  tcp_early_retrans: [0, 4],
  tcp_ecn: [0, 2],
  tcp_ecn_fallback: flag,
  tcp_fastopen: integer,
  tcp_fastopen_blackhole_timeout_sec: natural,
  tcp_fin_timeout: seconds,
  tcp_frto: byte,
  tcp_invalid_ratelimit: integer,
  tcp_keepalive_intvl: seconds,
  tcp_keepalive_probes: byte,
  tcp_keepalive_time: seconds,
  tcp_max_reordering: positive,
  tcp_max_syn_backlog: integer,
  tcp_max_tw_buckets: integer,
  tcp_min_rtt_wlen: [0, 86_400],
  tcp_min_snd_mss: [48, 65_535],
  tcp_min_tso_segs: [1, 255],
  tcp_moderate_rcvbuf: byte,
  tcp_mtu_probe_floor: [48, 65_535],
  tcp_mtu_probing: byte,
  tcp_no_metrics_save: byte,
  tcp_no_ssthresh_metrics_save: flag,
  tcp_notsent_lowat: [0, 0xffffffff],
  tcp_orphan_retries: byte,
  tcp_pingpong_thresh: [1, 255],
  tcp_probe_interval: natural,
  tcp_probe_threshold: integer,
  tcp_recovery: byte,
  tcp_reflect_tos: flag,
  tcp_reordering: [1, 300],
  tcp_retrans_collapse: byte,
  tcp_retries1: byte,
  tcp_retries2: byte,
  tcp_rfc1337: byte,
  tcp_rto_max_ms: [1000, 120_000],
  tcp_rto_min_us: positive,
  tcp_sack: byte,
  tcp_shrink_window: flag,
  tcp_slow_start_after_idle: byte,
  tcp_stdurg: byte,
  tcp_syn_linear_timeouts: [0, 127],
  tcp_syn_retries: [1, 127],
  tcp_synack_retries: byte,
  tcp_syncookies: byte,
  tcp_thin_linear_timeouts: byte,
  tcp_timestamps: byte,
  tcp_tso_win_divisor: byte,
  tcp_tw_reuse: [0, 2],
  tcp_tw_reuse_delay: [1, 60_000],
  tcp_window_scaling: byte,
  tcp_workaround_signed_windows: byte,
};

/**
 * Integers that Linux has and this stack does not act on, with default and range: a script that sets one finds it, and
 * reads back what it wrote.
 */
export const inertIntegers: Readonly<Record<string, readonly [number, Range]>> = {
  'net.core.optmem_max': [131_072, integer],
  'net.ipv4.ip_forward': [0, flag],
  // Without a reader in 6.18, too.
  'net.ipv4.tcp_adv_win_scale': [1, [-31, 31]],
  // What is sent leaves this host at once: nothing waits in a queue of its own.
  'net.ipv4.tcp_autocorking': [1, flag],
  'net.ipv4.tcp_backlog_ack_defer': [1, flag],
  'net.ipv4.tcp_comp_sack_slack_ns': [100_000, [0, 0xffffffff]],
  'net.ipv4.tcp_early_demux': [1, byte],
  'net.ipv4.tcp_ecn_option': [2, [0, 2]],
  'net.ipv4.tcp_ecn_option_beacon': [3, [0, 3]],
  'net.ipv4.tcp_fack': [0, byte],
  'net.ipv4.tcp_fwmark_accept': [0, byte],
  'net.ipv4.tcp_l3mdev_accept': [0, flag],
  'net.ipv4.tcp_limit_output_bytes': [4_194_304, integer],
  'net.ipv4.tcp_low_latency': [0, byte],
  'net.ipv4.tcp_max_orphans': [131_072, integer],
  'net.ipv4.tcp_migrate_req': [0, flag],
  'net.ipv4.tcp_pacing_ca_ratio': [120, [0, 1000]],
  'net.ipv4.tcp_pacing_ss_ratio': [200, [0, 1000]],
  'net.ipv4.tcp_plb_enabled': [0, flag],
  'net.ipv4.tcp_tso_rtt_log': [9, byte],
};
