/** Where a connection stands between all well and loss, with Linux' values (enum tcp_ca_state). */

/** No slow-start threshold yet, packets (TCP_INFINITE_SSTHRESH). */
export const noThreshold = 0x7fffffff;

export const CaState = { open: 0, disorder: 1, cwr: 2, recovery: 3, loss: 4 } as const;
