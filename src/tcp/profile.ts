/**
 * What the kernel that is followed does otherwise than kernels before or after it, by name. Nothing asks for a version:
 * who follows another kernel makes another value of these, and all suites run once with each.
 */
export interface Profile {
  /**
   * Timestamps are offset for each four-tuple, from the hash that the ISN comes from (since 6.18.17,
   * net/core/secure_seq.c, secure_tcp_seq_and_ts_off); before that for each pair of addresses, from a hash of its own.
   */
  readonly tsOffsetUsesPorts: boolean;
}

/** 6.18.44, the kernel that is followed. */
export const linux61844: Profile = Object.freeze({ tsOffsetUsesPorts: true });
