/**
 * The sysctls that TCP reads, by their Linux names without the `net.ipv4.` in front, with the defaults of 6.18
 * (Documentation/networking/ip-sysctl.rst; sizes as on a machine with 8 GB or more). A connection reads them when
 * Linux does, so a change is seen at the same moment.
 */
export interface TcpSysctls {
  /** Hops that a packet may take, IPv4. */
  ip_default_ttl: number;
  tcp_abort_on_overflow: number;
  tcp_app_win: number;
  tcp_base_mss: number;
  tcp_challenge_ack_limit: number;
  /** Nanoseconds that an ACK of segments beyond a gap is held back at most, for how many at most, and % of a round trip. */
  tcp_comp_sack_delay_ns: number;
  tcp_comp_sack_nr: number;
  tcp_comp_sack_rtt_percent: number;
  tcp_congestion_control: string;
  tcp_dsack: number;
  tcp_early_retrans: number;
  /** 0 off, 1 ask and accept, 2 accept only. */
  tcp_ecn: number;
  tcp_ecn_fallback: number;
  /** Bits: 1 client, 2 server, 4 client without cookie, 0x200 server without cookie, 0x400 all listeners. */
  tcp_fastopen: number;
  tcp_fastopen_blackhole_timeout_sec: number;
  /** Four 32-bit words in hex, joined by dashes; a second key after a comma. Empty until one is chosen. */
  tcp_fastopen_key: string;
  tcp_fin_timeout: number;
  tcp_frto: number;
  /** Milliseconds between two ACKs sent in answer to out-of-window segments of one connection. */
  tcp_invalid_ratelimit: number;
  tcp_keepalive_intvl: number;
  tcp_keepalive_probes: number;
  tcp_keepalive_time: number;
  tcp_max_reordering: number;
  tcp_max_syn_backlog: number;
  tcp_max_tw_buckets: number;
  tcp_min_rtt_wlen: number;
  tcp_min_snd_mss: number;
  tcp_min_tso_segs: number;
  tcp_moderate_rcvbuf: number;
  tcp_mtu_probe_floor: number;
  /** 0 off, 1 once retransmissions show a black hole, 2 from the start. */
  tcp_mtu_probing: number;
  tcp_no_metrics_save: number;
  tcp_no_ssthresh_metrics_save: number;
  tcp_notsent_lowat: number;
  tcp_orphan_retries: number;
  tcp_pingpong_thresh: number;
  /** Seconds until the search for the path's MTU begins anew; bytes within which it is over. */
  tcp_probe_interval: number;
  tcp_probe_threshold: number;
  tcp_recovery: number;
  /** Whether the answers to a SYN have its traffic class. */
  tcp_reflect_tos: number;
  tcp_reordering: number;
  tcp_retrans_collapse: number;
  tcp_retries1: number;
  tcp_retries2: number;
  tcp_rfc1337: number;
  /** Minimum, default and maximum in bytes. */
  tcp_rmem: [number, number, number];
  /** The most that SO_RCVBUF takes, bytes (net.core.rmem_max); it bounds the window scale from below. */
  rmem_max: number;
  tcp_rto_max_ms: number;
  tcp_rto_min_us: number;
  tcp_sack: number;
  tcp_shrink_window: number;
  tcp_slow_start_after_idle: number;
  tcp_stdurg: number;
  tcp_syn_linear_timeouts: number;
  tcp_syn_retries: number;
  tcp_synack_retries: number;
  /** 0 off, 1 when the queue overflows, 2 always. */
  tcp_syncookies: number;
  tcp_thin_linear_timeouts: number;
  /** 0 off, 1 with an offset per connection, 2 without. */
  tcp_timestamps: number;
  tcp_tso_win_divisor: number;
  /** 0 off, 1 on, 2 on for loopback. */
  tcp_tw_reuse: number;
  /** Milliseconds. */
  tcp_tw_reuse_delay: number;
  tcp_window_scaling: number;
  tcp_wmem: [number, number, number];
  tcp_workaround_signed_windows: number;
}

/** A fresh copy of 6.18's defaults. */
export const defaultTcpSysctls = (): TcpSysctls => ({
  ip_default_ttl: 64,
  tcp_abort_on_overflow: 0,
  tcp_app_win: 31,
  tcp_base_mss: 1024,
  tcp_challenge_ack_limit: 0x7fffffff,
  tcp_comp_sack_delay_ns: 1_000_000,
  tcp_comp_sack_nr: 44,
  tcp_comp_sack_rtt_percent: 33,
  tcp_congestion_control: 'cubic',
  tcp_dsack: 1,
  tcp_early_retrans: 3,
  tcp_ecn: 2,
  tcp_ecn_fallback: 1,
  tcp_fastopen: 1,
  tcp_fastopen_blackhole_timeout_sec: 0,
  tcp_fastopen_key: '',
  tcp_fin_timeout: 60,
  tcp_frto: 2,
  tcp_invalid_ratelimit: 500,
  tcp_keepalive_intvl: 75,
  tcp_keepalive_probes: 9,
  tcp_keepalive_time: 7200,
  tcp_max_reordering: 300,
  tcp_max_syn_backlog: 2048,
  tcp_max_tw_buckets: 131072,
  tcp_min_rtt_wlen: 300,
  tcp_min_snd_mss: 48,
  tcp_min_tso_segs: 2,
  tcp_moderate_rcvbuf: 1,
  tcp_mtu_probe_floor: 48,
  tcp_mtu_probing: 0,
  tcp_no_metrics_save: 0,
  tcp_no_ssthresh_metrics_save: 1,
  tcp_notsent_lowat: 0xffffffff,
  tcp_orphan_retries: 0,
  tcp_pingpong_thresh: 1,
  tcp_probe_interval: 600,
  tcp_probe_threshold: 8,
  tcp_recovery: 1,
  tcp_reflect_tos: 0,
  tcp_reordering: 3,
  tcp_retrans_collapse: 1,
  tcp_retries1: 3,
  tcp_retries2: 15,
  tcp_rfc1337: 0,
  tcp_rmem: [4096, 131072, 33554432],
  rmem_max: 4_194_304,
  tcp_rto_max_ms: 120000,
  tcp_rto_min_us: 200000,
  tcp_sack: 1,
  tcp_shrink_window: 0,
  tcp_slow_start_after_idle: 1,
  tcp_stdurg: 0,
  tcp_syn_linear_timeouts: 4,
  tcp_syn_retries: 6,
  tcp_synack_retries: 5,
  tcp_syncookies: 1,
  tcp_thin_linear_timeouts: 0,
  tcp_timestamps: 1,
  tcp_tso_win_divisor: 3,
  tcp_tw_reuse: 2,
  tcp_tw_reuse_delay: 1000,
  tcp_window_scaling: 1,
  tcp_wmem: [4096, 16384, 4194304],
  tcp_workaround_signed_windows: 0,
});
