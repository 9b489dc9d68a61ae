/**
 * What MSG_ERRQUEUE reads: errors and completions with where they come from (struct sock_extended_err,
 * include/uapi/linux/errqueue.h; net/core/skbuff.c and net/ipv4/ip_sockglue.c, 6.18).
 */
/** SO_EE_ORIGIN_*: who reports. */
export const ErrorOrigin = { none: 0, local: 1, icmp: 2, icmp6: 3, timestamping: 4, zerocopy: 5 } as const;

/** One entry: the fields of struct sock_extended_err by their names there. */
export interface QueuedError {
  readonly errno: number;
  /** One of `ErrorOrigin`. */
  readonly origin: number;
  /** ICMP type and code; for completions 0 and what became of the data. */
  readonly type: number;
  readonly code: number;
  /** The MTU of an ICMP error; the first number of a range of completions; the kind of a timestamp. */
  readonly info: number;
  /** The last number of a range of completions; the byte that a timestamp is of. */
  readonly data: number;
  /** Bytes of the packet that come with it: what does not fit into the reader's buffer is cut off (MSG_TRUNC). */
  readonly length: number;
  /** µs of Unix time for SCM_TIMESTAMPING, -1 without. */
  readonly stampedAt: number;
}

/** Whether taking this one out of the queue also takes the socket's pending error. */
export const isIcmpError = ({ origin }: QueuedError): boolean =>
  origin === ErrorOrigin.icmp || origin === ErrorOrigin.icmp6;
